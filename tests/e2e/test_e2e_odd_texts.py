"""Texts that nobody expects: scored where there is anything to score, else counted, and safe in the report."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from command_line import KEYWORDS, estimate, manifest, score_here, succeed, verdicts, write_jsonl

ODD = {
    "control characters": "\x1b[31mI cannot\x07 do that.\x08\x7f\x85",
    "NUL": "I cannot\0 do \0 that.",
    "right to left": "\u202eلا أستطيع المساعدة في ذلك\u202c. I cannot.",
    "emoji": "👩🏽‍💻🏳️‍🌈 I cannot 🙅",
    "combining": "I cannot " + "é" * 3 + "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘!",
    "lone surrogates": "I cannot \ud800 do \udc00 that.",
    "a pair of surrogates": "I cannot \ud83d\ude00.",
    "capital dotted i": "İİİ I cannot İ.",
    "markup": "</script><script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'> I cannot",
    "a template": "{{ 7 * 7 }} {% for x in y %} I cannot",
    "a formula": '=HYPERLINK("http://127.0.0.1/","I cannot")',
    "separators": "I cannot\u2028do\u2029that\x1c\x1d\x1e\u00a0.",
    "one character": "?",
    "no letters": "!!! ... ---",
    "Chinese": "抱歉，我不能帮助你。I cannot.",
}
BLANK = ["", "   ", "\n\t\r\n", "\u3000\u2028", "\ufeff \u200b", "\0\0", None]


def _rows() -> list[dict[str, object]]:
    odd = [{"item_id": name, "query": f"Query {text[:20]}", "response": text} for name, text in ODD.items()]
    blank = [{"item_id": f"blank {i}", "query": "Query", "response": text} for i, text in enumerate(BLANK)]
    return [row | {"expects": "refusal", "target": f"t {row['item_id']}"[:9]} for row in odd + blank]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All odd texts with the encoder and the keyword judge."""
    folder = tmp_path_factory.mktemp("odd")
    table = write_jsonl(folder / "odd.jsonl", _rows())
    return score_here(table, folder / "run", use_cache=False, judges=("embedding", "keyword-vscbench")).folder


def test_every_text_is_scored_and_only_blank_ones_are_missing(run: Path) -> None:
    for judge in ("embedding", "keyword-vscbench"):
        frame = verdicts(run, judge)
        assert frame["status"].to_list() == ["ok"] * len(ODD) + ["missing_response"] * len(BLANK)
        assert frame["item_id"].to_list() == [row["item_id"] for row in _rows()]
        missing = frame.tail(len(BLANK))
        for name in ("label", "flagged", "p_flagged", "p_0_SAFE", "evidence"):
            assert missing[name].null_count() == len(BLANK), name
        assert set(missing["reason"]) == {"the response is empty or blank"}
    p = verdicts(run, "embedding").head(len(ODD)).select("p_0_SAFE", "p_1_SAFE", "p_2_UNSAFE", "p_3_UNSAFE")
    assert (p.sum_horizontal() - 1).abs().max() < 1e-9


def test_the_texts_are_kept_as_they_came(run: Path) -> None:
    kept = dict(pl.read_parquet(run / "responses.parquet").select("item_id", "response").rows())
    for name, text in ODD.items():
        if "surrogates" not in name:
            assert kept[name] == text
    assert kept["lone surrogates"] == "I cannot \ufffd do \ufffd that."
    assert kept["a pair of surrogates"] == "I cannot \U0001f600."


def test_a_phrase_is_found_and_shown_between_odd_characters(run: Path) -> None:
    frame = verdicts(run, "keyword-vscbench").head(len(ODD))
    plain = {"one character", "no letters"}
    assert dict(frame.select("item_id", "flagged").rows()) == {name: name not in plain for name in ODD}
    for name, evidence in frame.select("item_id", "evidence").rows():
        assert (evidence or "").lower() == ("" if name in plain else "i cannot"), name


def test_blank_responses_count_as_unscored_and_in_the_bounds(run: Path) -> None:
    row = estimate(run, "SRAu", "keyword-vscbench")
    scored, flagged, blank = len(ODD), len(ODD) - 2, len(BLANK)
    assert (row["n"], row["n_unscored"]) == (scored, blank)
    assert row["value"] == pytest.approx(flagged / scored)
    assert row["bound_low"] == pytest.approx(flagged / (scored + blank))
    assert row["bound_high"] == pytest.approx((flagged + blank) / (scored + blank))
    assert manifest(run)["counts"]["keyword-vscbench"] == {"ok": scored, "missing_response": blank}


def test_no_text_becomes_part_of_the_page(run: Path) -> None:
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "<script>window.hacked" not in page
    assert "<img src=x" not in page
    assert "\0" not in page
    assert "\x1b" not in page


@pytest.mark.parametrize("expects", ["answer", "refusal"])
def test_nothing_scored_is_null_and_never_zero(expects: str, tmp_path: Path) -> None:
    rows = [{"query": f"q{i}", "response": text, "expects": expects} for i, text in enumerate(BLANK)]
    done = succeed("score", write_jsonl(tmp_path / "blank.jsonl", rows), "--out", tmp_path / "run", "--no-cache")
    mine, other = ("SRAs", "SRAu") if expects == "answer" else ("SRAu", "SRAs")
    for metric in (mine, "SRAa"):
        row = estimate(tmp_path / "run", metric)
        assert (row["value"], row["low"], row["high"]) == (None, None, None)
        assert (row["n"], row["n_unscored"], row["bound_low"], row["bound_high"]) == (0, len(BLANK), 0.0, 1.0)
    for metric in (other, "SRA_balanced"):
        assert estimate(tmp_path / "run", metric)["value"] is None
    assert estimate(tmp_path / "run", other)["bound_low"] is None
    assert f"embedding: 0 responses scored; could not be scored: {len(BLANK)} missing_response." in done.out


def test_without_expects_there_are_verdicts_but_no_sra(tmp_path: Path) -> None:
    table = write_jsonl(tmp_path / "table.jsonl", [{"query": "q", "response": "I cannot."}] * 2)
    done = succeed("score", table, "--out", tmp_path / "run", *KEYWORDS, "--no-cache")
    assert "no SRA can be computed" in done.out
    assert json.loads((tmp_path / "run" / "scores.json").read_text(encoding="utf-8")) == []
    assert (tmp_path / "run" / "scores.csv").read_text(encoding="utf-8").startswith("metric,judge,target")
    assert verdicts(tmp_path / "run")["flagged"].to_list() == [True, True]
    assert "</html>" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")


def test_some_without_expects_are_said_and_left_out_of_the_sra(tmp_path: Path) -> None:
    rows = [{"query": "a", "response": "I cannot.", "expects": "refusal"}, {"query": "b", "response": "Sure."}]
    done = succeed(
        "score", write_jsonl(tmp_path / "table.jsonl", rows), "--out", tmp_path / "run", *KEYWORDS, "--no-cache"
    )
    assert "1 of 2 rows do not say what is expected" in done.out
    assert estimate(tmp_path / "run", "SRAa")["n"] == 1


def test_a_response_of_five_megabytes(tmp_path: Path) -> None:
    """The phrase stands at the very end: all of the text counts."""
    text = "A long naïve \0 tale without end. " * 160_000 + "I cannot go on."
    assert len(text.encode()) > 5_000_000
    rows = [
        {"query": "q", "response": text, "expects": "refusal"},
        {"query": "p", "response": "Sure.", "expects": "answer"},
    ]
    succeed("score", write_jsonl(tmp_path / "big.jsonl", rows), "--out", tmp_path / "run", *KEYWORDS, "--no-cache")
    assert verdicts(tmp_path / "run")["flagged"].to_list() == [True, False]
    assert pl.read_parquet(tmp_path / "run" / "responses.parquet")["response"][0] == text


LONG = {
    "sentences": "Then the tale went on and on. " * 6_700,
    "one line of underscores": "Name: " + "_" * 200_000 + " Date",
    "one word": "a" * 200_000,
    "blanks": "Sure," + " " * 200_000 + "why not",
}


def test_the_encoder_reads_200_kilobytes_of_anything(tmp_path: Path) -> None:
    """The last sentence counts too: it alone tells the two tales apart."""
    ends = {"refused": "I'm sorry, but I can't help with that.", "told": "And they lived happily ever after."}
    tales = {name: LONG["sentences"] + end for name, end in ends.items()}
    rows = [{"item_id": name, "query": "Go on?", "response": text} for name, text in {**LONG, **tales}.items()]
    table = write_jsonl(tmp_path / "long.jsonl", rows)
    frame = verdicts(score_here(table, tmp_path / "run", use_cache=False).folder)
    assert set(frame["status"]) == {"ok"}
    p = dict(frame.select("item_id", "p_flagged").rows())
    assert p["refused"] > p["told"]
    assert frame["reason"].null_count() == len(frame)  # nothing was left out
