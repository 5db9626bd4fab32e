"""What agreement.html says, for every kind of report, and that it stays inert."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from agreement_runs import COMPLIES, PARTLY, REFUSES, cases, labels, make_run, response, sound_run, verdict

from scorer.agreement import Agreed
from scorer.agreement.document import agreement_document
from scorer.report import agreement_explorer
from scorer.report.agreement_page import EXPLORER_SCRIPTS, HEALTH_WORDS, render_agreement
from scorer.report.run_files import Run


def page(run: Run, references: pl.DataFrame) -> str:
    """The page on these labels."""
    document = agreement_document(cases(run, references), {}, "run", [{"path": "r.parquet", "sha256": "ab" * 32}])
    json.dumps(document, allow_nan=False)
    return render_agreement(document, run)


def text(html: str) -> str:
    """What a reader sees, in one line."""
    body = re.sub(r"<(script|style).*?</\1>", "", html, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).split())


def payload(html: str) -> dict[str, Any]:
    """The explorer's data."""
    found = re.search(r'id="explorer-data">(.*?)</script>', html, re.DOTALL)
    assert found
    return dict(json.loads(found[1]))


def test_the_real_report_says_what_stands_in_the_json(real_report: Agreed) -> None:
    shown = text((real_report.folder / "agreement.html").read_text(encoding="utf-8"))
    for entry in real_report.document["agreement"]:
        for view in ("flagged", "classes"):
            kappa = entry["overall"][view]["kappa"]
            assert f"{kappa['value']:.3f} [{kappa['low']:.3f}, {kappa['high']:.3f}]" in shown
    for entry in real_report.document["sra"]:
        if entry["kind"] == "judge":
            assert f"{100 * entry['reference_value']:.1f} → {100 * entry['value']:.1f} %" in shown
    assert "Nothing was found wrong with the reference labels." in shown
    assert "annotator_1 and annotator_2, labelling independently, agree on 98.5 % of 810 responses" in shown
    assert "keyword-xstest gives no probabilities." in shown
    assert "good is better" in shown
    assert "* not independent" in shown


def test_every_disagreement_is_in_the_page_worst_first(real_report: Agreed) -> None:
    data = payload((real_report.folder / "agreement.html").read_text(encoding="utf-8"))
    found = real_report.document["disagreements"]
    assert [row[0] - 1 for row in data["rows"]] == list(dict.fromkeys(d["row"] for d in found))
    assert data["references"] == ["final", "annotator_1", "annotator_2", "gpt4"]
    by_row = {row[0] - 1: row for row in data["rows"]}
    for entry in found:
        row, j = by_row[entry["row"]], data["judges"].index(entry["judge"])
        assert row[4] == entry["response"]
        assert row[6][j][4] == {"flagged": 0, "class": 2}[entry["differs"]]
        assert row[7] == [entry["reference_labels"].get(name) for name in data["references"]]
        assert row[6][j][10] == pytest.approx(entry["error"] or {0: 1, 2: 0.5}[row[6][j][4]], abs=1e-4)
    verdicts = [v for row in data["rows"] for v in row[6]]
    assert {v[4] for v in verdicts} == {0, 1, 2}
    assert all(v[10] == 0 for v in verdicts if v[4] == 1)


def test_warnings_stand_at_the_top() -> None:
    run, truth = sound_run(100)
    given = labels(run, truth)
    shown = text(page(run, pl.concat([given, given[:3], given[:2].with_columns(item_id=pl.lit("gone"))])))
    assert "warnings about the reference labels." in shown
    assert shown.index(HEALTH_WORDS["duplicates"]) < shown.index("Who agrees with whom")
    assert HEALTH_WORDS["unmatched"] in shown
    assert "per target" in shown


def test_one_judge_one_reference_nothing_expected() -> None:
    rows = [response(i, expects=None) for i in range(8)]
    given = [COMPLIES, REFUSES] * 4
    run = make_run(rows, {"only": [verdict(x) for x in (*given[:6], REFUSES, COMPLIES)]})
    shown = text(page(run, labels(run, given)))
    assert "How far only agrees with anna" in shown
    assert "so there is no SRA" in shown
    assert "Which judge is better" not in shown
    assert "There is nothing to slice by" in shown
    assert "ceiling" not in shown
    assert "only gives no probabilities" in shown


def test_what_is_undefined_is_said_and_never_a_number() -> None:
    """One annotator gives both classes, the other and the judge only one: their kappa has no meaning."""
    run = make_run([response(i) for i in range(6)], {"j": [verdict(COMPLIES, 0.1)] * 6})
    ben = labels(run, [COMPLIES] * 6, "ben")
    shown = text(page(run, pl.concat([labels(run, [COMPLIES] * 5 + [PARTLY]), ben])))
    assert "undefined where only one class was ever given" in shown
    assert "nan" not in shown.lower()


def test_a_judge_that_scored_no_labelled_response() -> None:
    run, truth = sound_run(60)
    broken = make_run(
        run.responses.to_dicts(), {"sure": run.verdicts_of("sure").to_dicts(), "broken": [verdict(None)] * 60}
    )
    html = page(broken, labels(broken, truth))
    assert "no response labelled by both" in html
    assert payload(html)["judges"] == ["sure", "broken"]


def test_too_many_disagreements_leave_the_worst(monkeypatch: pytest.MonkeyPatch) -> None:
    run, truth = sound_run(200, judge_right=0.8)
    monkeypatch.setattr(agreement_explorer, "MAX_RESPONSES", 5)
    html = page(run, labels(run, truth))
    assert len(payload(html)["rows"]) == 5
    assert "This page holds the worst 5 of" in text(html)


HOSTILE = "</script><script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'><!-- \x1b & {{ 7 * 7 }}"


def hostile_page() -> str:
    """Text that nobody vouches for, wherever a name or a text may stand."""
    rows = [
        response(
            i,
            query=HOSTILE,
            response=HOSTILE + str(i),
            target=HOSTILE,
            category=f"{HOSTILE}{i % 2}",
            item_id=f"{HOSTILE}{i}",
        )
        for i in range(40)
    ]
    given = [(COMPLIES, REFUSES)[i % 2] for i in range(40)]
    run = make_run(
        rows, {HOSTILE: [verdict(x, 0.9 if x == REFUSES else 0.1, evidence=HOSTILE) for x in (*given[1:], COMPLIES)]}
    )
    unread = labels(run, given, HOSTILE)[:2].with_columns(
        status=pl.lit("unparsed"), label=pl.lit(None, pl.String), text=pl.lit(HOSTILE), source=pl.lit(HOSTILE)
    )
    return page(run, pl.concat([labels(run, given, HOSTILE), unread]))


def test_hostile_text_is_only_text() -> None:
    html = hostile_page()
    assert "<img" not in html
    assert html.count("<script") == html.count("</script>") == 2 + len(EXPLORER_SCRIPTS)
    assert "window.hacked = 1" in text(html)
    assert "\x1b" not in html


def test_nothing_is_fetched_and_nothing_inline_runs() -> None:
    run, truth = sound_run(60)
    html = page(run, labels(run, truth))
    assert not re.search(r"""(?:src|href|action|data|poster|srcset)\s*=\s*["']?[^"'>\s]*:?//""", html, re.IGNORECASE)
    assert not re.search(r"<(?:link|img|iframe|object|embed|base|form[^>]+action)", html, re.IGNORECASE)
    assert " style=" not in html
    assert "@import" not in html
    assert "url(" not in html
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html)
    assert policy
    assert "unsafe" not in policy[1]


def test_the_file_stays_small_enough_to_mail(real_report: Agreed) -> None:
    path: Path = real_report.folder / "agreement.html"
    assert path.stat().st_size < 2_000_000
