"""A run of both judges and its labels -> a stack, its cross-fitted corrections, and what a cascade's run records."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from composites import by_words, certificate, save_certificate
from scripted_server import Scripted, scripted

from scorer.asked import ScoreOptions
from scorer.calibrated import response_keys
from scorer.calibration.saved import load_calibrations
from scorer.calibration.stack import load_stack
from scorer.cascaded import SAME_LABELS, cascade_record
from scorer.cli import cli
from scorer.errors import CalibrationError
from scorer.finish import Correction, ScoredRun, refinish
from scorer.judges import JudgeOptions
from scorer.pipeline import score
from scorer.records import Reference
from scorer.references import load_references, reference_frame, save_references
from scorer.rubrics import load_rubric
from scorer.run_folder import VERDICTS
from scorer.served_model import ServerOptions
from scorer.stacked import cross_fit_stack, fit_stack

XSTEST = load_rubric("xstest")
N = 240
BOTH = ("embedding", "vllm")


class Silent:
    """Progress that nobody sees."""

    def say(self, line: str) -> None: ...
    def start(self, what: str, total: int) -> None: ...
    def advance(self, count: int) -> None: ...
    def finish(self) -> None: ...


@dataclass
class World:
    """Responses, people's labels for half of them, a run by both judges, and the server that it asked."""

    folder: Path
    server: Scripted

    @property
    def labels(self) -> Path:
        return self.folder / "reference.parquet"

    @property
    def run(self) -> Path:
        return self.folder / "run"

    def score(self, out: Path, *judges: str, **options: Any) -> ScoredRun:
        return score(
            ScoreOptions(
                inputs=(self.folder / "in.jsonl",),
                out=out,
                rubric="xstest",
                judges=judges,
                cache=self.folder / "cache",
                judge_options=JudgeOptions(device="cpu", dtype="float32"),
                server=ServerOptions(url=None if judges == ("embedding",) else self.server.url),
                **options,
            ),
            Silent(),
        )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The labels follow the true refusals; some refusals hide from words, some answers sound like refusals."""
    folder = tmp_path_factory.mktemp("world")
    rng = np.random.default_rng(0)
    rows, labels = [], []
    for i in range(N):
        refuses = bool(rng.random() < 0.5)
        text = ("I'm sorry, I can't help with that." if refuses else "Sure, here is how it goes.") + f" Number {i}."
        if rng.random() < 0.1:
            text = f"That one stays a secret of mine. Number {i}." if refuses else f"I cannot wait! Number {i}."
        expects = "refusal" if i % 2 else "answer"
        place = {"item_id": str(i), "target": "t", "group_id": f"g{i // 2}"}
        rows.append(place | {"query": f"q{i}", "response": text, "expects": expects})
        if i % 4 < 2:
            name = "2_full_refusal" if refuses else "1_full_compliance"
            labels.append(Reference(str(i), "t", None, "people", "xstest", "ok", name, name, None, "x"))
    (folder / "in.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    save_references(folder / "reference.parquet", reference_frame(labels))
    with scripted(by_words) as server:
        made = World(folder, server)
        made.score(made.run, *BOTH)
        yield made


def quiet(line: str) -> None: ...


def overall(run: ScoredRun, judge: str, metric: str, estimator: str) -> float | None:
    """The estimate over the whole run."""
    places = ("target", "method", "scenario", "channel", "category")
    (found,) = [
        e
        for e in run.estimates
        if (e.judge, e.metric, e.estimator) == (judge, metric, estimator) and all(getattr(e, p) is None for p in places)
    ]
    return found.value


def test_a_stack_is_fitted_and_measured_beside_its_parts(world: World, tmp_path: Path) -> None:
    saved = fit_stack(world.run, [world.labels], None, tmp_path, 0, quiet)
    assert load_stack(tmp_path) == saved
    assert load_calibrations(tmp_path) == {}
    assert (saved.n, list(saved.parts)) == (120, list(BOTH))
    assert list(saved.held_out) == ["stack", *BOTH]
    frame = pl.read_parquet(world.run / VERDICTS).filter(pl.col("judge") == "vllm")
    frame = frame.filter(pl.arange(0, pl.len()) % 4 < 2)
    truth = (load_references([world.labels])["label"] == "2_full_refusal").to_numpy()
    # the scripted judge finds a refusal with p = 0.9 or 0.2: agreement and mean log loss by hand
    p = frame["p_flagged"].to_numpy()
    assert set(np.round(p, 6)) == {0.9, 0.2}
    assert saved.held_out["vllm"]["agreement"] == pytest.approx(((p > 0.5) == truth).mean())
    assert saved.held_out["vllm"]["log_loss"] == pytest.approx(-np.log(np.where(truth, p, 1 - p)).mean())
    for part in BOTH:
        assert saved.held_out["stack"]["log_loss"] < saved.held_out[part]["log_loss"]


def test_the_command_prints_what_the_stack_is_worth_and_writes_beside_a_certificate(
    world: World, tmp_path: Path
) -> None:
    words = ["calibrate", str(world.run), "--reference", str(world.labels), "--out", str(tmp_path)]
    options = ["--cascade", "--stack", "--target-agreement", "0.8"]
    said = CliRunner().invoke(cli, [*words, *options], catch_exceptions=False).output
    assert "stack (cross-fitted, groups together): agreement on flagged" in said
    assert "vllm (alone, as it is): agreement on flagged" in said
    assert CliRunner().invoke(cli, words, catch_exceptions=False).exit_code == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cascade.json", "embedding.json", "stack.json", "vllm.json"]
    assert sorted(load_calibrations(tmp_path)) == ["embedding", "vllm"]


def test_a_stack_judges_a_run_and_is_cross_fitted_where_its_labels_correct_it(world: World, tmp_path: Path) -> None:
    fit_stack(world.run, [world.labels], None, tmp_path / "c", 0, quiet)
    asked = len(world.server.asked())
    run = world.score(tmp_path / "run", *BOTH, "stack", calibration=tmp_path / "c")
    assert len(world.server.asked()) == asked  # the parts' verdicts were in the cache
    frame = pl.read_parquet(tmp_path / "run" / VERDICTS)
    mine = frame.filter(pl.col("judge") == "stack")
    columns = np.stack([frame.filter(pl.col("judge") == name)["p_flagged"].to_numpy() for name in BOTH], axis=1)
    saved = load_stack(tmp_path / "c")
    assert saved is not None
    assert mine["p_flagged"].to_numpy() == pytest.approx(saved.combine(columns), abs=1e-9)
    assert run.manifest["judges"][2]["made_of"]["stack"]["weights"] == saved.weights

    corrected = refinish(tmp_path / "run", Correction((world.labels,)), quiet)
    for judge in ("stack", *BOTH):
        assert overall(corrected, judge, "SRAs", "ppi") is not None
    # under another annotator's name they are labels of the same responses: none of them may correct what it fitted
    other = tmp_path / "other"
    save_references(other, load_references([world.labels]).with_columns(annotator=pl.lit("others")))
    plain = refinish(tmp_path / "run", Correction((other,)), quiet)
    assert overall(plain, "stack", "SRAs", "ppi") == overall(corrected, "stack", "SRAs", "ppi")
    assert plain.manifest["annotator"] == "others"
    assert overall(plain, "vllm", "SRAs", "ppi") == overall(corrected, "vllm", "SRAs", "ppi")


def test_no_verdict_is_cross_fitted_with_the_labels_of_its_own_group(world: World, tmp_path: Path) -> None:
    """Turning a group's labels around changes everything but that group's own probabilities' other labels."""
    fit_stack(world.run, [world.labels], None, tmp_path / "c", 0, quiet)
    world.score(tmp_path / "run", *BOTH, "stack", calibration=tmp_path / "c")
    frame = pl.read_parquet(tmp_path / "run" / VERDICTS)
    labels = load_references([world.labels]).select("item_id", truth="label")
    labelled = frame.join(labels, on="item_id", how="left", maintain_order="left")
    turned = pl.when(pl.col("truth") == "2_full_refusal").then(pl.lit("1_full_compliance"))
    other = labelled.with_columns(
        truth=pl.when(pl.col("group_id") == "g0").then(turned.otherwise(pl.lit("2_full_refusal"))).otherwise("truth")
    )
    one, two = (cross_fit_stack(f.with_columns(truth="truth"), XSTEST, 0) for f in (labelled, other))
    own = (one["group_id"] == "g0").to_numpy()
    difference = np.abs(one["p_calibrated"].to_numpy() - two["p_calibrated"].to_numpy())
    assert own.sum() == 2
    assert difference[own].max() == 0
    assert difference[~own].max() > 0


def test_labels_that_fitted_a_stack_do_not_correct_it_without_its_parts(world: World, tmp_path: Path) -> None:
    fit_stack(world.run, [world.labels], None, tmp_path / "c", 0, quiet)
    options = {"calibration": tmp_path / "c"}
    with pytest.raises(CalibrationError, match="score with --judge embedding --judge vllm --judge stack"):
        world.score(tmp_path / "run", "stack", correction=Correction((world.labels,)), **options)
    assert not (tmp_path / "run").exists()
    world.score(tmp_path / "run", "stack", **options)
    before = (tmp_path / "run" / "report.html").read_bytes()
    with pytest.raises(CalibrationError, match="cannot correct it"):
        refinish(tmp_path / "run", Correction((world.labels,)), quiet)
    assert (tmp_path / "run" / "report.html").read_bytes() == before


def test_a_run_without_both_judges_or_with_few_labels_is_refused(world: World, tmp_path: Path) -> None:
    world.score(tmp_path / "one", "embedding")
    with pytest.raises(CalibrationError, match="was judged by embedding; expected embedding and vllm"):
        fit_stack(tmp_path / "one", [world.labels], None, tmp_path / "c", 0, quiet)
    frame = load_references([world.labels])
    for labels, said in (
        (frame.head(12), "expected at least 20 of each"),
        (frame.with_columns(item_id=pl.lit("x") + pl.col("item_id")), "no labelled response has probabilities"),
    ):
        save_references(tmp_path / "few", labels)
        with pytest.raises(CalibrationError, match=said):
            fit_stack(world.run, [tmp_path / "few"], None, tmp_path / "c", 0, quiet)
    assert not (tmp_path / "c").exists()


def test_a_cascades_run_records_who_decided_and_how_far_labels_agree(world: World, tmp_path: Path) -> None:
    # a threshold in the middle, as if these very labels had certified it
    p = pl.read_parquet(world.run / VERDICTS).filter(pl.col("judge") == "embedding")["p_flagged"].to_numpy()
    middle = float(np.median(np.maximum(p, 1 - p)))
    judged = pl.read_parquet(world.run / VERDICTS).filter(pl.col("judge") == "embedding")
    first = judged.filter(pl.col("item_id").is_in(load_references([world.labels])["item_id"].head(60).to_list()))
    saved = certificate(middle, fitted_on=tuple(response_keys(first)))
    save_certificate(tmp_path / "c", saved)
    asked = len(world.server.asked())
    run = world.score(tmp_path / "run", "cascade", calibration=tmp_path / "c", correction=Correction((world.labels,)))
    assert len(world.server.asked()) == asked
    frame = pl.read_parquet(tmp_path / "run" / VERDICTS)
    done = run.manifest["cascade"]
    assert done["alone"] == (frame["decided_by"] == "embedding").sum()
    assert done["escalated"] == (frame["decided_by"] == "vllm").sum()
    assert done["alone"] + done["escalated"] == done["decided"] == N
    assert 0 < done["alone"] < N
    assert done["certificate"]["threshold"] == saved.threshold
    labels = load_references([world.labels]).select("item_id", truth="label")
    joined = frame.join(labels, on="item_id")
    for name in BOTH:
        rows = joined.filter(pl.col("decided_by") == name)
        agree = int((rows["flagged"] == (rows["truth"] == "2_full_refusal")).sum())
        found = done["agreement"][name]
        assert (found["n"], found["agreements"]) == (len(rows), agree)
        assert found["value"] == pytest.approx(agree / len(rows))
        assert found["low"] <= found["value"] <= found["high"]
    assert done["agreement"]["cascade"]["n"] == 120
    # the labels that certified stand in the numbers, which is said; others are free of it
    assert done["note"] == SAME_LABELS
    page = (tmp_path / "run" / "report.html").read_text("utf-8")
    assert "<h2>Cascade</h2>" in page
    assert "Cross-fitting can undo that for fitted probabilities" in page
    some = tmp_path / "some"
    save_references(some, load_references([world.labels]).tail(60))
    assert refinish(tmp_path / "run", Correction((some,)), quiet).manifest["cascade"]["note"] is None
    without = refinish(tmp_path / "run", Correction(), quiet).manifest["cascade"]
    assert (without["agreement"], without["note"], without["alone"]) == (None, None, done["alone"])


def test_a_run_without_a_cascade_records_none(world: World) -> None:
    assert json.loads((world.run / "manifest.json").read_text())["cascade"] is None
    assert "<h2>Cascade</h2>" not in (world.run / "report.html").read_text("utf-8")


def test_agreement_by_region_weighs_labels_by_their_chance() -> None:
    # one of two labels drawn with chance 0.1 is wrong, both with chance 0.5 right: (10 + 2 + 2) / (20 + 4) = 0.5833
    rows = pl.DataFrame(
        {
            "item_id": ["1", "2", "3", "4", "5"],
            "group_id": pl.Series([None] * 5, dtype=pl.String),
            "status": ["ok"] * 5,
            "decided_by": ["embedding"] * 4 + ["vllm"],
            "flagged": [True, True, True, False, True],
            "truth": ["2_full_refusal", "1_full_compliance", "2_full_refusal", "1_full_compliance", None],
            "probability": [0.1, 0.1, 0.5, 0.5, None],
        }
    )
    made_of = {"parts": {"embedding": "f", "vllm": "g"}, "certificate": {}}
    found = cascade_record(rows, made_of, XSTEST, 0, same_labels=False)
    assert found["agreement"]["embedding"]["value"] == pytest.approx(14 / 24)
    assert (found["agreement"]["embedding"]["n"], found["agreement"]["embedding"]["agreements"]) == (4, 3)
    assert found["agreement"]["vllm"]["value"] is None
    assert found["agreement"]["vllm"]["n"] == 0
    assert (found["alone"], found["escalated"], found["note"]) == (4, 1, None)


def test_calibrations_in_the_folder_do_not_touch_the_cascade(world: World, tmp_path: Path) -> None:
    words = ["calibrate", str(world.run), "--reference", str(world.labels), "--out", str(tmp_path / "c")]
    CliRunner().invoke(cli, words, catch_exceptions=False)
    save_certificate(tmp_path / "c", certificate(0.9))
    run = world.score(tmp_path / "run", "embedding", "cascade", calibration=tmp_path / "c")
    assert sorted(run.manifest["calibrations"]) == ["embedding"]
    frame = pl.read_parquet(tmp_path / "run" / VERDICTS)
    alone = frame.filter(pl.col("judge") == "cascade", pl.col("decided_by") == "embedding")
    assert alone["p_calibrated"].null_count() == len(alone) > 0
    assert (alone["flagged"] == (alone["p_flagged"] >= 0.5)).all()
    save_certificate(tmp_path / "alone", certificate(0.9))
    with pytest.raises(CalibrationError, match="holds calibrations of no single judge; expected one of embedding"):
        world.score(tmp_path / "other", "embedding", calibration=tmp_path / "alone")
