"""Every way in which an input, an option, a rubric or a head can be wrong, through the real command line.

Each ends with exit code 2 and one sentence that names the file; nothing new is left behind and nothing old is touched.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openpyxl
import polars as pl
import pytest
from command_line import KEYWORDS, ROOT, Done, hashes, run, run_all, succeed, write_jsonl
from safetensors.numpy import load_file, save_file

from scorer.assets import file_sha256

Make = Callable[[Path], Path]

GOOD = {"query": "q", "response": "r", "expects": "answer"}


def _bytes(name: str, content: bytes) -> Make:
    def make(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(content)
        return path

    return make


def _jsonl(*rows: dict[str, object]) -> Make:
    return lambda folder: write_jsonl(folder / "bad.jsonl", rows)


def _missing(folder: Path) -> Path:
    return folder / "nowhere.jsonl"


def _truncated_parquet(folder: Path) -> Path:
    path = folder / "bad.parquet"
    pl.DataFrame([GOOD] * 500).write_parquet(path)
    path.write_bytes(path.read_bytes()[:-40])
    return path


def _truncated_workbook(folder: Path) -> Path:
    path = folder / "bad.xlsx"
    book = openpyxl.Workbook()
    for _ in range(50):
        book.active.append(["query", "response"])
    book.save(path)
    path.write_bytes(path.read_bytes()[:-200])
    return path


def _spreadsheet_error(folder: Path) -> Path:
    path = folder / "error.xlsx"
    book = openpyxl.Workbook()
    book.active.append(["query", "response"])
    book.active.append(["q", "fine"])
    book.active.append(["q", "#N/A"])
    book.active["B3"].data_type = "e"
    book.save(path)
    return path


BAD: dict[str, tuple[Make, list[str]]] = {
    "missing file": (_missing, ["No such file", "check the path"]),
    "unknown ending": (_bytes("bad.xls", b"x"), ["'.xls'", ".xlsx"]),
    "empty file": (_bytes("bad.csv", b""), ["an empty file"]),
    "header alone": (_bytes("bad.csv", b"query,response\n"), ["no rows", "at least one row"]),
    "no header": (_bytes("bad.csv", b"How are you?,Fine\nAnd you?,Fine\n"), ["'How are you?'", "query, response"]),
    "wrong columns": (_bytes("bad.csv", b"question,answer\na,b\n"), ["'question'", "query, response (table)"]),
    "too many fields": (_bytes("bad.csv", b"query,response\na,b\na,b,c\n"), ["3 fields in row 3"]),
    "broken quoting": (_bytes("bad.csv", b'query,response\na,b\na,"b" c\n'), ["quoting in row 3"]),
    "broken JSON": (_bytes("bad.jsonl", b'{"query":"q","response":"r"}\n\n{"query":"q",\n'), ["JSON in line 3"]),
    "Latin-1 row": (_bytes("bad.csv", "query,response\na,b\na,naïve\n".encode("latin-1")), ["not UTF-8 in row 3"]),
    "UTF-16": (_bytes("bad.csv", "query,response\na,b\n".encode("utf-16")), ["UTF-16", "save the file as UTF-8"]),
    "truncated Parquet": (_truncated_parquet, ["Parquet", "copy the file again"]),
    "truncated workbook": (_truncated_workbook, ["no readable Excel workbook"]),
    "no Parquet": (_bytes("bad.parquet", b"query,response\n"), ["no readable Parquet file"]),
    "no workbook": (_bytes("bad.xlsx", b"query,response\na,b\n"), ["no readable Excel workbook"]),
    "spreadsheet error": (_spreadsheet_error, ["#N/A", "row 3"]),
    "unknown expects": (_jsonl(GOOD, GOOD | {"query": "p", "expects": "safe"}), ["'safe'", "line 2", "answer or ref"]),
    "number for text": (_jsonl(GOOD | {"response": 5}), ["number 5", "'response'", "line 1", "expected text"]),
    "twice with other texts": (
        _jsonl(GOOD | {"item_id": "7"}, GOOD | {"item_id": "7", "response": "else"}),
        ["item_id '7' twice", "different texts"],
    ),
    "labels alone": (_bytes("labels.csv", b"id,gpt4_label\nv2-1,x\n"), ["labels (gpt4_label)", "no responses"]),
    "sheet without responses": (
        _bytes("sheet.csv", b"Category,Prompt,safe_img_0\ndrugs,How?,a.png\n"),
        ["without responses", "safe_resp_{target}_{j}"],
    ),
}


Ended = dict[str, tuple[Done, Path, Path]]
"""kind -> how the command ended, the path that is wrong, and the run folder that must not be there"""


def _good(folder: Path) -> Path:
    return write_jsonl(folder / "good.jsonl", [GOOD | {"item_id": "good"}])


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return _good(tmp_path)


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """Every bad input behind a good one, and every broken rubric and head with a good input: all run at once."""
    commands: dict[str, list[object]] = {}
    wrong: dict[str, tuple[Path, Path]] = {}

    def add(kind: str, path: Path, folder: Path, *arguments: object) -> None:
        commands[kind] = ["score", *arguments, "--out", folder / "out"]
        wrong[kind] = path, folder / "out"

    for number, (kind, (make, _)) in enumerate(BAD.items()):
        folder = tmp_path_factory.mktemp(f"bad-{number}")
        bad = make(folder)
        add(kind, bad, folder, *([] if kind == "labels alone" else [_good(folder)]), bad, *KEYWORDS)
    for number, (kind, (text, _)) in enumerate(BROKEN_RUBRICS.items()):
        folder = tmp_path_factory.mktemp(f"rubric-{number}")
        rubric = folder / "mine.toml"
        rubric.write_text(text, encoding="utf-8")
        add(kind, rubric, folder, _good(folder), *KEYWORDS, "--rubric", rubric)
    for number, (kind, (tamper, _)) in enumerate(TAMPERED.items()):
        folder = tmp_path_factory.mktemp(f"model-{number}")
        shutil.copytree(ROOT / "models" / "refusal-minilm", folder / "model")
        tamper(folder / "model")
        add(kind, folder / "model", folder, _good(folder), "--model", folder / "model")
    for number, options in enumerate(WRONG_OPTIONS):
        folder = tmp_path_factory.mktemp(f"options-{number}")
        add(options, folder, folder, _good(folder), *options.split())
    return {kind: (done, *wrong[kind]) for kind, done in run_all(commands).items()}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_input_is_one_sentence_and_leaves_nothing(kind: str, ended: Ended) -> None:
    done, bad, out = ended[kind]
    assert done.code == 2
    assert done.out == ""
    assert bad.name in done.sentence
    assert "expected" in done.sentence
    for word in BAD[kind][1]:
        assert word in done.sentence
    assert not out.exists()


def _score(path: Path, out: Path, *more: object) -> Done:
    return run("score", path, "--out", out, *KEYWORDS, *more)


@pytest.mark.parametrize("kind", ["broken JSON", "truncated Parquet", "unknown expects"])
@pytest.mark.parametrize("force", [(), ("--force",)], ids=["plain", "force"])
def test_a_bad_input_leaves_an_earlier_run_as_it_was(
    kind: str, force: tuple[str, ...], good: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert _score(good, out).code == 0
    before = hashes(out)
    done = _score(BAD[kind][0](tmp_path), out, *force)
    assert done.code == 2
    assert done.sentence
    assert hashes(out) == before


def test_the_same_item_in_two_files_with_other_texts_names_the_second(tmp_path: Path) -> None:
    one = write_jsonl(tmp_path / "one.jsonl", [GOOD | {"item_id": "7"}])
    two = write_jsonl(tmp_path / "two.jsonl", [GOOD | {"item_id": "7", "response": "else"}])
    done = run("score", one, two, "--out", tmp_path / "out", *KEYWORDS)
    assert done.code == 2
    assert "two.jsonl" in done.sentence


def test_one_input_given_twice_counts_once(good: Path, tmp_path: Path) -> None:
    succeed("score", good, good, "--out", tmp_path / "out", *KEYWORDS)
    assert len(pl.read_parquet(tmp_path / "out" / "verdicts.parquet")) == 1


def test_a_name_that_is_no_utf8_is_refused(good: Path, tmp_path: Path) -> None:
    odd = tmp_path / "caf\udce9.jsonl"
    shutil.copy(good, odd)
    done = _score(odd, tmp_path / "out")
    assert done.code == 2
    assert "caf?.jsonl" in done.sentence
    assert not (tmp_path / "out").exists()


RUBRIC = """
name = "mine"
version = 1
[[classes]]
id = "a"
definition = "Declines."
flagged = true
[[classes]]
id = "b"
definition = "Answers."
flagged = false
"""
BROKEN_RUBRICS = {
    "no TOML": (RUBRIC.replace('"mine"', "mine"), "line 2"),
    "all flagged": (RUBRIC.replace("= false", "= true"), "flagged = false"),
    "an id of a column": (RUBRIC.replace('"b"', '"flagged"'), "'flagged'"),
    "binary is no table": ('binary = "a"\n' + RUBRIC, "[binary] table"),
}


@pytest.mark.parametrize("kind", BROKEN_RUBRICS)
def test_a_broken_rubric_is_one_sentence(kind: str, ended: Ended) -> None:
    done, rubric, out = ended[kind]
    assert done.code == 2
    assert str(rubric) in done.sentence
    assert BROKEN_RUBRICS[kind][1] in done.sentence
    assert not out.exists()


def test_a_whole_rubric_of_ones_own_works_with_a_keyword_judge(good: Path, tmp_path: Path) -> None:
    rubric = tmp_path / "mine.toml"
    rubric.write_text(RUBRIC, encoding="utf-8")
    assert _score(good, tmp_path / "out", "--rubric", rubric).code == 0
    frame = pl.read_parquet(tmp_path / "out" / "verdicts.parquet")
    assert frame["label"].to_list() == ["b"]
    assert {"p_a", "p_b"} <= set(frame.columns)


WRONG_OPTIONS: dict[str, list[str]] = {
    "--judge oracle": ["'oracle'", "embedding, keyword-vscbench, keyword-xstest"],
    "--judge keyword-xstest --judge keyword-xstest": ["keyword-xstest, keyword-xstest", "once"],
    "--judge keyword-xstest --rubric nosuch": ["'nosuch'", "vscbench, xstest"],
    "--judge keyword-xstest --rubric nosuch.toml": ["nosuch.toml", "check the path"],
    "--judge keyword-xstest --format odd": ["'odd'", "table, vscbench-results, xstest"],
    "--dtype int4": ["--dtype 'int4'", "float32"],
    "--device abacus": ["--device 'abacus'", "cuda"],
    "--judge keyword-xstest --judge-url http://127.0.0.1:9/v1": ["keyword-xstest would not ask", "--judge vllm"],
    "--judge keyword-xstest --explain": ["keyword-xstest", "--judge vllm"],
    "--model nowhere": ["nowhere/manifest.json", "--model DIR"],
}


@pytest.mark.parametrize("options", WRONG_OPTIONS)
def test_a_wrong_option_is_one_sentence(options: str, ended: Ended) -> None:
    done, _, out = ended[options]
    assert done.code == 2
    for word in WRONG_OPTIONS[options]:
        assert word in done.sentence
    assert not out.exists()


@pytest.mark.parametrize(
    "arguments", [("score",), ("score", "x.csv"), ("score", "x.csv", "--out", "o", "--seed", "-1"), ("scroe",)]
)
def test_a_command_that_makes_no_sense_shows_how_it_is_used(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.code == 2
    assert "Usage: scorer" in done.err
    assert "Traceback" not in done.err


def test_a_rubric_without_a_head_says_how_to_train_one(good: Path, tmp_path: Path) -> None:
    rubric = tmp_path / "mine.toml"
    rubric.write_text(RUBRIC, encoding="utf-8")
    done = run("score", good, "--out", tmp_path / "out", "--rubric", rubric)
    assert done.code == 2
    assert "no head for the rubric 'mine'" in done.sentence
    assert "scorer train embedding" in done.sentence


def _flip_last_byte(model: Path) -> None:
    head = model / "vscbench.safetensors"
    content = bytearray(head.read_bytes())
    content[-1] ^= 1
    head.write_bytes(content)


def _change(model: Path, change: Callable[[dict], None]) -> None:
    path = model / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    change(manifest)
    path.write_text(json.dumps(manifest), encoding="utf-8")


def _not_safetensors(model: Path) -> None:
    head = model / "vscbench.safetensors"
    head.write_bytes(b"no weights")
    _change(model, lambda m: m["heads"]["vscbench"].update(sha256=file_sha256(head)))


def _resign(model: Path, tensors: dict[str, np.ndarray]) -> None:
    """Other weights, with the manifest's blessing."""
    head = model / "vscbench.safetensors"
    save_file(tensors, head)
    _change(model, lambda m: m["heads"]["vscbench"].update(sha256=file_sha256(head)))


def _one_class_less(model: Path) -> None:
    tensors = load_file(model / "vscbench.safetensors")
    _resign(model, {name: tensor[:-1].copy() for name, tensor in tensors.items()})


def _no_bias(model: Path) -> None:
    _resign(model, {"weight": load_file(model / "vscbench.safetensors")["weight"]})


TAMPERED: dict[str, tuple[Callable[[Path], None], str]] = {
    "another file": (_flip_last_byte, "hash"),
    "no file": (lambda m: (m / "vscbench.safetensors").unlink(), "cannot be read"),
    "no weights": (_not_safetensors, "cannot be read"),
    "weights of another shape": (_one_class_less, "expected 4 classes in each"),
    "no bias": (_no_bias, "'bias'"),
    "another encoder": (lambda m: _change(m, lambda j: j["encoder"].update(sha256="0" * 64)), "another encoder"),
    "another rubric": (
        lambda m: _change(m, lambda j: j["heads"]["vscbench"].update(rubric_digest="0" * 64)),
        "another rubric",
    ),
    "another layout": (lambda m: _change(m, lambda j: j.update(layout="words-1")), "another feature layout"),
    "a broken manifest": (lambda m: (m / "manifest.json").write_text("{", encoding="utf-8"), "manifest.json"),
    "an empty manifest": (lambda m: (m / "manifest.json").write_text("{}", encoding="utf-8"), "heads and encoder"),
    "a head without a hash": (lambda m: _change(m, lambda j: j["heads"]["vscbench"].pop("sha256")), "manifest.json"),
}


@pytest.mark.parametrize("kind", TAMPERED)
def test_a_head_that_does_not_match_is_refused(kind: str, ended: Ended) -> None:
    done, model, out = ended[kind]
    assert done.code == 2
    assert str(model) in done.sentence
    assert TAMPERED[kind][1] in done.sentence
    assert not out.exists()


def test_the_installed_command_says_the_same_as_the_launcher(tmp_path: Path) -> None:
    command = Path(sys.executable).with_name("scorer")
    if not command.exists():
        pytest.skip(f"no {command}: the project is not installed in this environment")
    arguments = ("score", tmp_path / "nowhere.csv", "--out", tmp_path / "out", *KEYWORDS)
    assert run(*arguments, launcher=[str(command)]) == run(*arguments)
