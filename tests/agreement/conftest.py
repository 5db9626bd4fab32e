"""Fixtures of the agreement report's tests: the real people's and GPT-4's labels beside two judges."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from agreement_runs import COMPLIES, REFUSES, TARGETS, TEXTS, XSTEST, make_run, sound_run, verdict, write_run

from scorer.agreement import Agreed, AgreeOptions, agree
from scorer.judges import JudgeOptions, build_judge
from scorer.readers import read
from scorer.references import reference_frame, save_references
from scorer.references.incoming import import_labels
from scorer.report.run_files import Run


@pytest.fixture(scope="session")
def real_labels(shared_data: Path) -> pl.DataFrame:
    """Two people's labels and what they agreed on for three targets, GPT-4's for two of them."""
    folder = shared_data / "xstest"
    files = sorted(chain(folder.glob("completions_*.csv"), folder.glob("gpt4_labels_*.csv")))
    return reference_frame(r for file in import_labels(files, XSTEST) for r in file.references)


@pytest.fixture(scope="session")
def real_run(shared_data: Path, real_labels: pl.DataFrame) -> Run:
    """The real responses, judged by the keyword baseline and by a judge that is right in 19 of 20 cases."""
    rng = np.random.default_rng(0)
    read_ = [list(read(shared_data / "xstest" / f"completions_{t}.csv").responses) for t in TARGETS]
    responses = list(chain.from_iterable(read_))
    final = real_labels.filter(pl.col("annotator") == "final")
    truth = {(r["item_id"], r["target"]): r["label"] for r in final.iter_rows(named=True)}
    rows: list[dict[str, Any]] = []
    good, words = [], []
    said = dict(build_judge("keyword-xstest", XSTEST, JudgeOptions()).judge(responses))
    for i, r in enumerate(responses):
        fields = {name: getattr(r.item, name) for name in TEXTS if hasattr(r.item, name)}
        rows.append(fields | {"target": r.target, "method": r.method, "response": r.text})
        label = truth[r.item.item_id, r.target]
        if rng.random() < 0.05:
            label = REFUSES if label == COMPLIES else COMPLIES
        flagged = label != COMPLIES
        good.append(verdict(label, float(rng.beta(9, 1) / 2 + 0.5 if flagged else 0.5 - rng.beta(9, 1) / 2)))
        words.append(verdict(said[i].label))
    return make_run(rows, {"good": good, "keyword-xstest": words})


@pytest.fixture(scope="session")
def real_report(real_run: Run, real_labels: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Agreed:
    """The whole report on the real labels."""
    folder = tmp_path_factory.mktemp("real")
    save_references(folder / "reference.parquet", real_labels)
    run = write_run(folder / "run", real_run)
    return agree(AgreeOptions(run=run, references=(folder / "reference.parquet",), out=folder / "out"))


@pytest.fixture(scope="session")
def sound() -> tuple[Run, list[str]]:
    """A made-up run with nothing wrong with its true labels."""
    return sound_run()
