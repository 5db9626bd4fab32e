"""`python -m bench._error_pages OUT`: an agreement page over the classifier's held-out predictions, per rubric.

The pages are those of `scorer agree`: which kinds of responses still fail, with the texts. What the folds of a training
predicted (held_out.parquet) is put into a verdict cache of its own, from which `scorer score` makes the run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from bench._data import DATA, Setup, SkippedError, labelled
from bench._runs import measure_scorer
from bench.kinds import theme
from scorer.assets import asset, text_sha256
from scorer.cache import VerdictCache, verdict_key
from scorer.judges import JudgeOptions, build_judge
from scorer.pipeline import CACHE_FILE
from scorer.readers import read
from scorer.records import Verdict
from scorer.rubrics import Rubric, load_rubric
from scorer.training.predictions import HELD_OUT, read_predictions


@dataclass(frozen=True)
class _Row:
    """A labelled response as a table holds it; `author` is who wrote it, as the held-out predictions name them."""

    columns: dict[str, str]
    author: str
    label: str


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), default=DATA, help="Folder of the real data.")
def main(out: Path, data: Path) -> None:
    """Write OUT/RUBRIC/agreement.html for each rubric whose labelled responses are here."""
    _page(out / "vscbench", load_rubric("vscbench"), list(_own()), "author")
    try:
        _page(out / "xstest", load_rubric("xstest"), list(_people(Setup(data))), "people")
    except SkippedError as reason:
        click.echo(f"xstest: left out: {reason}")


def _own() -> Iterator[_Row]:
    """The examples written for this project, their writers' theme as target."""
    for line in asset("calibration_data", "reference.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        columns = {name: row[name] for name in ("query", "response", "scenario", "category", "expects")}
        columns |= {"item_id": row["id"], "target": theme(row["author"]), "channel": row["language"]}
        yield _Row(columns, row["author"], row["label"])


def _people(setup: Setup) -> Iterator[_Row]:
    """XSTest's completions with people's labels."""
    for row in labelled(setup):
        item = row.response.item
        columns = {"item_id": item.item_id, "query": item.query, "target": row.response.target}
        columns |= {"category": item.category or "", "group_id": item.group_id or "", "expects": item.expects or ""}
        if not row.response.missing:
            yield _Row(columns | {"response": row.response.text}, row.response.target, row.people)


def _page(folder: Path, rubric: Rubric, rows: list[_Row], labeller: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    responses, labels = folder / "responses.jsonl", folder / "labels.jsonl"
    _write(responses, [row.columns for row in rows])
    _write(labels, [{"item_id": r.columns["item_id"], "target": r.columns["target"], "label": r.label} for r in rows])
    _fill_cache(folder / "cache" / CACHE_FILE, rubric, responses, rows)
    run, reference, force = folder / "run", folder / "reference.parquet", ("--force",)
    score = ("score", str(responses), "--rubric", rubric.name, "--cache", str(folder / "cache"), "--out", str(run))
    measure_scorer(*score, *force)
    imported = ("reference", "import", str(labels), "--rubric", rubric.name, "--annotator", labeller)
    measure_scorer(*imported, "--out", str(reference), *force)
    measure_scorer("agree", str(run), "--reference", str(reference), "--out", str(folder), *force)
    click.echo(f"written: {folder / 'agreement.html'}")


def _fill_cache(path: Path, rubric: Rubric, responses: Path, rows: list[_Row]) -> None:
    known = read_predictions(asset("models", "refusal-minilm") / HELD_OUT, rubric)
    fingerprint = build_judge("embedding", rubric, JudgeOptions()).fingerprint
    with VerdictCache(path) as cache:
        found = []
        for response, row in zip(read(responses).responses, rows, strict=True):
            p = known[row.author, text_sha256(response.item.query, response.text)]
            total = sum(p)
            p = tuple(value / total for value in p)
            found.append((verdict_key(fingerprint, response), Verdict("ok", rubric.decide(p), p)))
        cache.put(found)


def _write(path: Path, rows: list[dict[str, str]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


if __name__ == "__main__":
    main()
