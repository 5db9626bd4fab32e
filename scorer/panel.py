"""Who judges a run: the judges asked for, those of further rubrics, and the calibrations that belong to them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from scorer.asked import ScoreOptions
from scorer.errors import CalibrationError, RunError
from scorer.explaining import Explains
from scorer.judge_stage import Panel
from scorer.judges import Fitted, Judge, JudgeOptions, build_judge
from scorer.prompting.prompt import most_orders
from scorer.rubrics import Rubric, load_rubric

if TYPE_CHECKING:
    from scorer.calibration.saved import SavedCalibration  # scikit-learn comes with it: half a second at the start

READING_JUDGE = "vllm"
"""The judge that can serve any rubric, for it reads what the rubric says."""


def build_panel(options: ScoreOptions, judge_options: JudgeOptions, rubric: Rubric) -> Panel:
    """The judges that the user asks for, and the calibrations that belong to them."""
    for what, names in (("judges", options.judges), ("further rubrics", options.also)):
        if len(set(names)) != len(names):
            raise RunError(f"got {what} {', '.join(names)}; expected each once; remove the repeated one.")
    judges = [build_judge(name, rubric, judge_options) for name in options.judges]
    if rubric.name in options.also:
        raise RunError(f"got --also {rubric.name}, which is the run's own rubric; expected another one; remove it.")
    if options.also and judge_options.served is None:
        raise RunError(
            f"--also {options.also[0]} needs a judge that reads instructions: name its folder with --judge-model, or "
            "its server with --judge-url."
        )
    _refuse_idle_model(options, judge_options, judges)
    further = [load_rubric(name) for name in options.also]
    if len({r.name for r in further}) != len(further):
        raise RunError(f"got --also {', '.join(options.also)}, of which two bear one name; rename one in its file.")
    # a rubric of two classes has two orders only: as many as there are, up to what is asked for
    debias = [min(judge_options.debias, most_orders(r)) for r in further]
    also = [
        build_judge(READING_JUDGE, r, replace(judge_options, debias=count))
        for r, count in zip(further, debias, strict=True)
    ]
    return Panel(judges, also, _calibrations(options, judges), options.explain)


def _refuse_idle_model(options: ScoreOptions, judge_options: JudgeOptions, judges: list[Judge]) -> None:
    """Raise RunError where a served model, or a reason from it, is asked for and no judge would ask it."""
    if any(isinstance(j, Explains) for j in judges):
        return
    names = ", ".join(j.name for j in judges)
    if options.explain:
        raise RunError(f"--explain needs a judge that can give a reason, got {names}; add --judge {READING_JUDGE}.")
    if judge_options.served is not None and not options.also:
        raise RunError(
            f"got a model to be asked (--judge-model or --judge-url), which {names} would not ask; add --judge "
            f"{READING_JUDGE}, or leave the model out."
        )


def _calibrations(options: ScoreOptions, judges: list[Judge]) -> dict[str, SavedCalibration]:
    """The calibrations to apply, each of which belongs to one of the judges."""
    if options.calibration is None:
        return {}
    from scorer.calibration.saved import load_calibrations

    found = load_calibrations(options.calibration)
    mine = {j.name: found[j.name] for j in judges if j.name in found}
    if not mine and not any(isinstance(j, Fitted) for j in judges):
        raise CalibrationError(
            f"{options.calibration}: holds calibrations of {', '.join(found) or 'no single judge'}; expected one of "
            f"{', '.join(j.name for j in judges)}; fit one with `scorer calibrate`."
        )
    for judge in judges:
        if judge.name in mine:
            mine[judge.name].belongs_to(judge.name, judge.fingerprint, judge.rubric.name, judge.rubric.digest)
    return mine
