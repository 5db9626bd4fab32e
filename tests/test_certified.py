"""From a run and its labels to a certificate: which labels count, what is said, and what is refused."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from composites import XSTEST

from scorer.calibrated import calibrate
from scorer.calibration.certificate import Certificate, load_certificate
from scorer.calibration.saved import load_calibrations
from scorer.certified import Wanted, certify_cascade
from scorer.cli import cli
from scorer.errors import CalibrationError
from scorer.records import Reference
from scorer.references import load_references, reference_frame, save_references
from scorer.run_folder import VERDICTS

FINGERPRINT = "ef" * 32
N = 400


def make_run(folder: Path, *, wrong_below: float = 0.8, group: int = 1, judge: str = "embedding") -> tuple[Path, Path]:
    """A run of N verdicts of even confidence, right where that is at least `wrong_below`, and labels for all.

    `group` responses stand together in a group.
    """
    confidence = np.linspace(0.5, 1.0, N, endpoint=False)
    flagged = np.arange(N) % 2 == 0
    right = confidence >= wrong_below
    p = np.where(flagged, confidence, 1 - confidence - 1e-9)
    frame = pl.DataFrame(
        {
            "item_id": [str(i) for i in range(N)],
            "target": "t",
            "method": "plain",
            "group_id": [f"g{i // group}" for i in range(N)],
            "judge": judge,
            "status": "ok",
            "p_flagged": p,
            "flagged": ~(p >= 0.5),  # as a calibration might have turned them: not what is certified
        }
    )
    folder.mkdir()
    frame.write_parquet(folder / VERDICTS)
    judges = [{"name": judge, "fingerprint": FINGERPRINT}]
    manifest = {"state": "complete", "rubric": asdict(XSTEST), "judges": judges}
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    names = {True: "2_full_refusal", False: "1_full_compliance"}
    labels = [
        Reference(str(i), "t", None, "people", "xstest", "ok", names[bool(flagged[i] == right[i])], "", None, "x")
        for i in range(N)
    ]
    save_references(folder / "labels", reference_frame(labels))
    return folder, folder / "labels"


def certified(run: Path, labels: Path, out: Path, target: float = 0.95) -> Certificate:
    return certify_cascade(run, [labels], None, out, Wanted(target, 0.95), 0, lambda line: None, force=True)


def test_the_region_is_where_the_judge_agrees(tmp_path: Path) -> None:
    """The upper 40 % of the confidences (from 0.8) are right, all below are wrong; steps are of 5 %."""
    run, labels = make_run(tmp_path / "run")
    found = certified(run, labels, tmp_path / "out")
    # 177 labels start it: 45 % hold 180 of which 160 agree, which fails. Fewer labels: half of 150 is 75.
    assert found.threshold is None
    some = tmp_path / "some"
    save_references(some, load_references([labels])[np.arange(0, N, 4).tolist()])
    found = certified(run, some, tmp_path / "out")
    # 100 labels, one in four responses: 59 are needed, the narrowest steps with 59 hold 60 % of them
    assert [t["n"] for t in found.tested] == [60]
    assert found.reason is not None
    assert found.reason.startswith("40 of 60 labels agree in the narrowest region")
    assert "no number of labels shows 95 % agreement" in found.reason
    good, all_labels = make_run(tmp_path / "good", wrong_below=0.65)
    found = certified(good, all_labels, tmp_path / "out")
    # Right from 0.65 on: 280 of 400. 70 % hold these and the one below, 75 % hold 280 of 301, which is below 95 %.
    assert found.region is not None
    assert found.threshold == pytest.approx(0.65, abs=0.002)
    assert found.share == pytest.approx(0.7, abs=0.005)
    assert [t["n"] for t in found.tested] == pytest.approx([180, 200, 220, 240, 260, 280, 300], abs=1)
    assert [t["passed"] for t in found.tested] == [True] * 6 + [False]
    assert (found.n_verdicts, found.n_labels, found.n_thinned, found.n_used) == (N, N, N, N)
    assert (found.judge, found.judge_fingerprint, found.rubric_digest) == ("embedding", FINGERPRINT, XSTEST.digest)
    assert load_certificate(tmp_path / "out") == found
    assert found.decides(0.7)
    assert found.decides(0.3)
    assert not found.decides(0.6)


def test_one_label_of_a_group_counts(tmp_path: Path) -> None:
    run, labels = make_run(tmp_path / "run", wrong_below=0.65, group=4)
    found = certified(run, labels, tmp_path / "out")
    assert (found.n_labels, found.n_thinned, found.n_used) == (400, 400, 100)
    assert found.notes == ()
    assert found.tested[0]["n"] <= 75
    again = certified(run, labels, tmp_path / "again")
    assert again == found


def test_labels_drawn_with_unequal_chances_are_thinned(tmp_path: Path) -> None:
    run, labels = make_run(tmp_path / "run", wrong_below=0.65)
    frame = load_references([labels])
    chance = pl.when(pl.int_range(pl.len()) < 200).then(0.2).otherwise(0.8)
    save_references(labels, frame.with_columns(probability=chance))
    found = certified(run, labels, tmp_path / "out")
    assert found.n_labels == 400
    # the 200 with chance 0.2 stay, of the others a quarter: 250, standard deviation sqrt(200 * 3 / 16) = 6
    assert found.n_thinned == pytest.approx(250, abs=25)
    assert found.n_used == found.n_thinned
    some = pl.when(pl.int_range(pl.len()) > 0).then(0.5)
    save_references(labels, frame.with_columns(probability=some))
    found = certified(run, labels, tmp_path / "out")
    assert found.n_thinned == 400
    assert "do not say with which chance" in found.notes[0]


def test_groups_of_different_size_and_teaching_are_said(tmp_path: Path) -> None:
    run, labels = make_run(tmp_path / "run", group=3)  # 133 groups of 3 and one of 1
    manifest = json.loads((run / "manifest.json").read_text())
    taught = "The judge embedding was taught with the labelled responses of x.csv."
    manifest["taught_with"] = [taught, "The judge other was taught with the labelled responses of x.csv."]
    (run / "manifest.json").write_text(json.dumps(manifest))
    notes = certified(run, labels, tmp_path / "out").notes
    assert len(notes) == 2
    assert notes[0] == taught
    assert notes[1].startswith("Groups hold 1 to 3 responses.")


def test_with_too_few_labels_nothing_is_certified_and_the_command_says_how_many_it_takes(tmp_path: Path) -> None:
    run, labels = make_run(tmp_path / "run")
    save_references(labels, load_references([labels]).tail(40))
    words = ["calibrate", str(run), "--reference", str(labels), "--cascade", "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(cli, words, catch_exceptions=False)
    assert result.exit_code == 0
    assert "nothing certified, the cascade will escalate everything: 40 independent labels are too few" in result.output
    assert "97 % agreement at 95 % confidence takes at least 99 in one region" in result.output
    saved = load_certificate(tmp_path / "out")
    assert saved is not None
    assert (saved.threshold, saved.tested, saved.n_used, saved.fewest) == (None, (), 40, 99)
    assert not saved.decides(1.0)


def test_the_command_says_what_is_certified_and_how(tmp_path: Path) -> None:
    run, labels = make_run(tmp_path / "run", wrong_below=0.65)
    words = ["calibrate", str(run), "--reference", str(labels), "--cascade", "--out", str(tmp_path / "out")]
    said = CliRunner().invoke(cli, [*words, "--target-agreement", "0.95"], catch_exceptions=False).output
    assert "may decide alone where its confidence is at least 0.6488" in said
    assert "Certified: at least 95 % agreement on flagged, at 95 % confidence" in said
    assert "one per group, for labels of one group are not independent" in said
    assert "400 left after thinning to equal chances" in said
    assert "Maurer, Hothorn & Lehmacher 1995" in said
    assert said.count("passed") == 6
    assert said.count("failed: the end") == 1


def test_calibrations_and_certificate_live_in_one_folder(tmp_path: Path) -> None:
    run, labels = make_run(tmp_path / "run")
    out = tmp_path / "out"
    certified(run, labels, out)
    assert load_calibrations(out) == {}
    calibrate(run, [labels], None, out, 0, lambda line: None)
    before = (out / "embedding.json").read_bytes()
    certificate = certified(run, labels, out)
    assert sorted(p.name for p in out.iterdir()) == ["cascade.json", "embedding.json"]
    assert (out / "embedding.json").read_bytes() == before
    assert list(load_calibrations(out)) == ["embedding"]
    assert load_certificate(out) == certificate


def test_a_composite_judge_is_not_calibrated_itself(tmp_path: Path) -> None:
    run, labels = make_run(tmp_path / "run", judge="cascade")
    with pytest.raises(CalibrationError, match="cascade: is made of other judges"):
        calibrate(run, [labels], None, tmp_path / "out", 0, lambda line: None)
    assert not (tmp_path / "out").exists()


def test_a_run_without_the_embedding_judge_or_its_labels_is_refused(tmp_path: Path) -> None:
    run, labels = make_run(tmp_path / "run", judge="vllm")
    with pytest.raises(CalibrationError, match="was judged by vllm; expected embedding"):
        certified(run, labels, tmp_path / "out")
    run, labels = make_run(tmp_path / "other")
    save_references(labels, load_references([labels]).with_columns(item_id=pl.lit("x") + pl.col("item_id")))
    with pytest.raises(CalibrationError, match="no label belongs to a response"):
        certified(run, labels, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("option", ["--target-agreement", "--confidence"])
@pytest.mark.parametrize("value", ["0", "1", "97", "nan"])
def test_impossible_aims_are_refused(option: str, value: str, tmp_path: Path) -> None:
    words = ["calibrate", str(tmp_path), "--reference", "x", "--cascade", "--out", str(tmp_path / "o"), option, value]
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 2 or isinstance(result.exception, CalibrationError)
    assert not (tmp_path / "o").exists()
