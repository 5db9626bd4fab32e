"""Calibration and correction on whole runs: what changes, what stays, and what is refused."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

from scorer.asked import ScoreOptions
from scorer.calibrated import apply_calibrations, calibrate, cross_fit, reference_digest
from scorer.calibration.saved import SavedCalibration, load_calibrations
from scorer.cli import cli
from scorer.corrected import LABELS_ONLY
from scorer.errors import CalibrationError, InputError, RunError
from scorer.finish import Correction, _with_labels, refinish
from scorer.judges import JudgeOptions
from scorer.pipeline import score
from scorer.records import Reference
from scorer.references import load_references, reference_frame, save_references
from scorer.rubrics import load_rubric
from scorer.run_folder import MANIFEST, VERDICTS

XSTEST = load_rubric("xstest")


class Silent:
    """Progress that nobody sees."""

    def say(self, line: str) -> None: ...
    def start(self, what: str, total: int) -> None: ...
    def advance(self, count: int) -> None: ...
    def finish(self) -> None: ...


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A run of 240 sample-like responses by two judges, and people's labels for half of them.

    The labels follow a rule of their own (the true refusals), from which the judges err now and then.
    """
    folder = tmp_path_factory.mktemp("world")
    rng = np.random.default_rng(0)
    rows, labels = [], []
    for i in range(240):
        refuses = bool(rng.random() < 0.5)
        text = ("I'm sorry, I can't help with that." if refuses else "Sure, here is how it goes.") + f" Number {i}."
        if rng.random() < 0.1:
            text = (
                f"Well now, that one stays a secret of mine. Number {i}." if refuses else f"I cannot wait! Number {i}."
            )
        expects = "refusal" if i % 2 else "answer"
        rows.append(
            {
                "item_id": str(i),
                "target": "t",
                "query": f"q{i}",
                "response": text,
                "expects": expects,
                "group_id": i // 2,
            }
        )
        if i % 4 < 2:
            name = "2_full_refusal" if refuses else "1_full_compliance"
            labels.append(Reference(str(i), "t", None, "people", "xstest", "ok", name, name, None, "x"))
    source, reference, run = folder / "in.jsonl", folder / "reference.parquet", folder / "run"
    source.write_text("\n".join(json.dumps(r | {"group_id": str(r["group_id"])}) for r in rows), encoding="utf-8")
    save_references(reference, reference_frame(labels))
    options = ScoreOptions(
        inputs=(source,),
        out=run,
        rubric="xstest",
        judges=("embedding", "keyword-xstest"),
        cache=folder / "cache",
        judge_options=JudgeOptions(dtype="float32"),
    )
    score(options, Silent())
    return run, reference


def verdicts_of(run: Path, judge: str) -> pl.DataFrame:
    """A judge's rows."""
    return pl.read_parquet(run / VERDICTS).filter(pl.col("judge") == judge)


def test_calibration_belongs_to_its_judge(world: tuple[Path, Path], tmp_path: Path) -> None:
    run, reference = world
    results = {r.judge: r for r in calibrate(run, [reference], None, tmp_path / "c", 0, lambda line: None)}
    assert results["keyword-xstest"].saved is None
    assert results["keyword-xstest"].reason == "gives no probabilities to calibrate"
    saved = load_calibrations(tmp_path / "c")["embedding"]
    assert saved == results["embedding"].saved
    assert saved.n == 120
    saved.belongs_to("embedding", saved.judge_fingerprint, "xstest", XSTEST.digest)
    for change in ({"judge": "vllm"}, {"fingerprint": "0"}, {"rubric": "vscbench"}, {"rubric_digest": "0"}):
        mine = {
            "judge": "embedding",
            "fingerprint": saved.judge_fingerprint,
            "rubric": "xstest",
            "rubric_digest": XSTEST.digest,
        }
        with pytest.raises(CalibrationError, match="was fitted for another"):
            saved.belongs_to(**(mine | change))


def test_applying_keeps_the_raw_values(world: tuple[Path, Path], tmp_path: Path) -> None:
    run, reference = world
    calibrate(run, [reference], None, tmp_path / "c", 0, lambda line: None)
    options = ScoreOptions(
        inputs=(run.parent / "in.jsonl",),
        out=tmp_path / "run",
        rubric="xstest",
        judges=("embedding", "keyword-xstest"),
        cache=run.parent / "cache",
        judge_options=JudgeOptions(dtype="float32"),
        calibration=tmp_path / "c",
    )
    calibrated = score(options, Silent())
    assert calibrated.manifest["judged"] == {"embedding": 0, "keyword-xstest": 0}
    raw, mine = verdicts_of(run, "embedding"), verdicts_of(tmp_path / "run", "embedding")
    assert mine["p_flagged"].equals(raw["p_flagged"])
    assert mine["label_raw"].equals(raw["label"])
    assert mine["flagged"].to_list() == (mine["p_calibrated"] >= 0.5).to_list()
    assert mine["label"].is_in(sorted(XSTEST.flagged_ids)).to_list() == mine["flagged"].to_list()
    keyword = verdicts_of(tmp_path / "run", "keyword-xstest")
    assert keyword["p_calibrated"].null_count() == len(keyword)
    assert keyword["label"].equals(verdicts_of(run, "keyword-xstest")["label"])
    with pytest.raises(RunError, match="other calibrations"):
        score(ScoreOptions(**(vars(options) | {"calibration": None})), Silent())


def test_a_label_is_the_best_class_of_the_decided_side() -> None:
    verdicts = pl.DataFrame(
        {
            "judge": ["j"] * 3,
            "p_flagged": [0.4, 0.6, None],
            "flagged": [False, True, True],
            "label": ["1_full_compliance", "2_full_refusal", "2_full_refusal"],
            "p_1_full_compliance": [0.6, 0.4, None],
            "p_2_full_refusal": [0.1, 0.35, None],
            "p_3_partial_refusal": [0.3, 0.25, None],
        }
    )
    # sigmoid(logit(p) + 1): 0.4 -> 0.644, 0.6 -> 0.803; beta calibration with a = b = 1 and c = 1
    beta = {"kind": "beta", "classes": [0, 1], "columns": 1, "a_": 1.0, "b_": 1.0, "c_": 1.0}
    saved = SavedCalibration("j", "f", "xstest", "d", "r", [], beta, 1, 1, {})
    found = apply_calibrations(verdicts, {"j": saved}, XSTEST)
    assert found["p_calibrated"].to_list()[:2] == pytest.approx([0.6444, 0.8031], abs=1e-4)
    assert found["label"].to_list() == ["3_partial_refusal", "2_full_refusal", "2_full_refusal"]
    assert found["flagged"].to_list() == [True, True, True]
    assert found["flagged_raw"].to_list() == [False, True, True]


def test_corrected_estimates_stand_beside_the_plugin(world: tuple[Path, Path]) -> None:
    run, reference = world
    found = refinish(run, Correction((reference,)), lambda line: None)
    overall = {(e.judge, e.metric, e.estimator): e for e in found.estimates if e.target is None and e.scenario is None}
    rubric_truth = load_references([reference])
    for judge in ("embedding", "keyword-xstest"):
        plugin = overall[judge, "SRAs", "plugin"]
        for estimator in ("rogan-gladen", "ppi", LABELS_ONLY):
            e = overall[judge, "SRAs", estimator]
            assert (e.n, e.n_unscored, e.bound_low) == (plugin.n, plugin.n_unscored, plugin.bound_low)
            assert e.n_labels == 60
            assert e.value is not None
            assert e.low is not None
            assert e.high is not None
            assert e.low <= e.value <= e.high
        ppi = overall[judge, "SRAa", "ppi"]
        assert ppi.effective_labels is not None
        assert ppi.effective_labels > ppi.n_labels == len(rubric_truth)
    # labels alone: the share of the 60 labelled safe items that people call compliance
    safe = rubric_truth.filter(pl.col("item_id").cast(pl.Int64) % 2 == 0)
    expected = (safe["label"] == "1_full_compliance").mean()
    assert overall["embedding", "SRAs", LABELS_ONLY].value == pytest.approx(expected)
    assert found.manifest["estimator"] == "ppi"
    assert found.manifest["n_labels"] == 120
    assert "Corrected by labels" in (run / "report.html").read_text("utf-8")
    back = refinish(run, Correction(), lambda line: None)
    assert {e.estimator for e in back.estimates} == {"plugin"}


def test_a_slice_with_few_labels_says_so(world: tuple[Path, Path], tmp_path: Path) -> None:
    run, reference = world
    few = tmp_path / "few.parquet"
    save_references(few, load_references([reference]).head(6))
    found = refinish(run, Correction((few,), estimator="plugin"), lambda line: None)
    ppi = [e for e in found.estimates if e.estimator == "ppi"]
    assert ppi
    assert all(e.value is None and e.note for e in ppi)
    assert found.manifest["estimator"] == "plugin"
    shown = (run / "report.html").read_text("utf-8")
    assert "They do not cover the judge's own mistakes." in shown
    assert "None of its" not in shown
    said = CliRunner().invoke(cli, ["report", str(run), "--reference", str(few)]).output
    assert "no value: labels in 3 clusters where 10 are needed: SRAs of t, plain, embedding;" in " ".join(said.split())
    shown = (run / "report.html").read_text("utf-8")
    assert "None of its rates could be corrected." in shown
    assert "None of its responses could be scored." not in shown
    assert "those of values as judged do not" in shown
    assert "They do not cover" not in shown
    refinish(run, Correction(), lambda line: None)


def test_cross_fitting_replaces_decisions_by_ones_that_did_not_see_the_label(world: tuple[Path, Path]) -> None:
    run, reference = world
    mine = verdicts_of(run, "embedding").with_columns(
        truth=pl.when(pl.int_range(pl.len()) % 4 < 2).then(pl.lit("2_full_refusal")).otherwise(None)
    )
    half = mine.with_columns(
        truth=pl.when(pl.col("truth").is_null())
        .then(None)
        .when(pl.col("p_flagged") > 0.5)
        .then(pl.lit("2_full_refusal"))
        .otherwise(pl.lit("1_full_compliance"))
    )
    beta = {"kind": "temperature", "classes": [0, 1], "columns": 1, "temperature_": 2.0}
    saved = SavedCalibration("embedding", "f", "xstest", "d", "r", [], beta, 1, 1, {})
    found = cross_fit(half, saved, XSTEST, 0)
    assert found["p_calibrated"].null_count() == 0
    # The labels agree with the judge without fail, so every fold's temperature sharpens what the raw values say.
    assert ((found["p_calibrated"] > 0.5) == (half["p_flagged"] > 0.5)).all()
    assert reference_digest(load_references([reference])) == reference_digest(load_references([reference]).reverse())


def test_labels_of_unknown_chance_among_sampled_ones_are_noted(world: tuple[Path, Path], tmp_path: Path) -> None:
    run, reference = world
    labels, mixed = load_references([reference]), tmp_path / "mixed.parquet"
    sampled = pl.when(pl.int_range(pl.len()) < 90).then(0.25).otherwise(None)
    save_references(mixed, labels.with_columns(probability=sampled))
    said = CliRunner().invoke(cli, ["report", str(run), "--reference", str(mixed)]).output
    assert "90 of 120 labels say with which chance their responses were picked, 30 do not" in " ".join(said.split())
    assert "in slices that hold both, all labels count alike" in (run / "report.html").read_text("utf-8")
    said = CliRunner().invoke(cli, ["report", str(run), "--reference", str(reference)]).output
    assert "with which chance" not in said
    assert "with which chance" not in (run / "report.html").read_text("utf-8")
    refinish(run, Correction(), lambda line: None)


@pytest.mark.parametrize(("first", "cross_fits"), [(0, True), (30, True), (60, False)])
def test_labels_that_fitted_a_calibration_among_others_are_cross_fitted(
    world: tuple[Path, Path], tmp_path: Path, first: int, cross_fits: bool
) -> None:
    run, reference = world
    labels = load_references([reference])
    save_references(tmp_path / "fitted.parquet", labels.head(60))
    calibrate(run, [tmp_path / "fitted.parquet"], None, tmp_path / "c", 0, lambda line: None)
    saved = load_calibrations(tmp_path / "c")["embedding"]
    mine = apply_calibrations(verdicts_of(run, "embedding"), {"embedding": saved}, XSTEST)
    # Another annotator's labels of the same responses would leak as well: the name does not matter.
    correcting = labels[first : first + 60].with_columns(annotator=pl.lit("somebody else"))
    found = _with_labels(mine, correcting, {"calibrations": {"embedding": asdict(saved)}}, XSTEST, 0)
    assert (found["p_decided"].to_list() == mine["p_calibrated"].to_list()) is not cross_fits


def test_labels_of_one_group_cannot_be_cross_fitted(world: tuple[Path, Path]) -> None:
    run, _ = world
    mine = verdicts_of(run, "embedding").with_columns(
        truth=pl.when(pl.int_range(pl.len()) < 2).then(pl.lit("2_full_refusal")).otherwise(None)
    )
    temperature = {"kind": "temperature", "classes": [0, 1], "columns": 1, "temperature_": 2.0}
    saved = SavedCalibration("embedding", "f", "xstest", "d", "r", [], temperature, 1, 1, {})
    assert cross_fit(mine, saved, XSTEST, 0)["p_calibrated"].to_list() == mine["p_flagged"].to_list()


def test_calibrations_replace_nothing_unasked(world: tuple[Path, Path], tmp_path: Path) -> None:
    run, reference = world
    labels = load_references([reference])
    save_references(tmp_path / "fewer.parquet", labels.head(100))

    def fit(file: Path, out: Path, *, force: bool = False) -> None:
        calibrate(run, [file], None, out, 0, lambda line: None, force=force)

    (tmp_path / "file").touch()
    with pytest.raises(CalibrationError, match="expected a folder"):
        fit(reference, tmp_path / "file")
    with pytest.raises(CalibrationError, match="a folder with other files"):
        fit(reference, run)
    fit(reference, tmp_path / "c")
    before = (tmp_path / "c" / "embedding.json").read_text("utf-8")
    fit(reference, tmp_path / "c")
    assert (tmp_path / "c" / "embedding.json").read_text("utf-8") == before
    with pytest.raises(CalibrationError, match="by other labels"):
        fit(tmp_path / "fewer.parquet", tmp_path / "c")
    assert (tmp_path / "c" / "embedding.json").read_text("utf-8") == before
    fit(tmp_path / "fewer.parquet", tmp_path / "c", force=True)
    assert (tmp_path / "c" / "embedding.json").read_text("utf-8") != before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["report", "RUN", "--estimator", "ppi"], "needs labels"),
        (["report", "RUN", "--estimator", "magic"], "expected one of plugin, rogan-gladen, ppi"),
        (["report", "RUN", "--reference", "OTHER"], "no label of a response in this run"),
        (["report", "RUN", "--reference", "WRONG"], "under the rubric vscbench"),
        (["report", "NOTHING"], "expected a run"),
        (["report", "RUN", "--reference", "SAME"], "nothing but 1_full_compliance in all 120 labels"),
        (["calibrate", "RUN", "--reference", "OTHER", "--out", "OUT"], "no label belongs to a response"),
        (["calibrate", "RUN", "--reference", "FEW", "--out", "OUT"], "expected at least 20 of each"),
        (["calibrate", "RUN", "--reference", "REFERENCE", "--annotator", "nobody", "--out", "OUT"], "'nobody' among"),
        (["calibrate", "TIED", "--reference", "REFERENCE", "--out", "OUT"], "labels in one group alone"),
    ],
)
def test_bad_input_is_refused(world: tuple[Path, Path], tmp_path: Path, words: list[str], said: str) -> None:
    run, reference = world
    labels = load_references([reference])
    save_references(tmp_path / "other", labels.with_columns(item_id=pl.lit("x") + pl.col("item_id")))
    save_references(tmp_path / "wrong", labels.with_columns(rubric=pl.lit("vscbench")))
    save_references(tmp_path / "few", labels.head(12))
    save_references(tmp_path / "same", labels.with_columns(label=pl.lit("1_full_compliance")))
    before = {p.name: p.read_bytes() for p in run.iterdir() if p.is_file()}
    (tmp_path / "tied").mkdir()
    (tmp_path / "tied" / MANIFEST).write_bytes(before[MANIFEST])
    tied = pl.read_parquet(run / VERDICTS).with_columns(group_id=pl.lit("all"))
    tied.write_parquet(tmp_path / "tied" / VERDICTS)
    places = {
        "RUN": run,
        "REFERENCE": reference,
        "OTHER": tmp_path / "other",
        "WRONG": tmp_path / "wrong",
        "FEW": tmp_path / "few",
        "TIED": tmp_path / "tied",
        "SAME": tmp_path / "same",
        "OUT": tmp_path / "out",
        "NOTHING": tmp_path / "nothing",
    }
    result = CliRunner().invoke(cli, [str(places.get(word, word)) for word in words])
    assert isinstance(result.exception, CalibrationError | InputError | RunError)
    assert said in str(result.exception)
    assert not (tmp_path / "out").exists()
    assert {p.name: p.read_bytes() for p in run.iterdir() if p.is_file()} == before


@pytest.mark.parametrize("text", ["", "{}", '{"judge": 1}', "[]"])
def test_a_broken_calibration_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(CalibrationError, match="got no calibration"):
        load_calibrations(tmp_path)
    (tmp_path / "embedding.json").write_text(text, encoding="utf-8")
    with pytest.raises(CalibrationError, match="is no calibration"):
        load_calibrations(tmp_path)
