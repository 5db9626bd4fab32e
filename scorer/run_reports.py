"""The steps of a run that come after scoring: agreement, comparisons, and the page that leads to them all."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

from scorer import run_inputs
from scorer.agreement import AgreeOptions, agree
from scorer.agreement.agree import OUTPUTS as AGREEMENT_FILES
from scorer.comparing import CompareOptions, compare
from scorer.comparing.compare import OUTPUTS as COMPARISON_FILES
from scorer.comparing.sides import Chosen
from scorer.report.overview_page import ComparisonLink, write_overview
from scorer.rubrics import load_rubric
from scorer.run_config import RUN
from scorer.run_folder import MANIFEST, SCORES_JSON
from scorer.run_state import Made, Said
from scorer.run_steps import Doing, generation_name

BASELINE = "plain"
"""The method that the others are set beside."""
OVERVIEW = "index.html"
AGREEMENT = "agreement"
COMPARISONS = "comparisons"


def agree_step(doing: Doing) -> None:
    """How far the judges agree with the labels."""
    out = doing.config.out / AGREEMENT

    def work() -> Said:
        files, seed = doing.config.references, doing.config.score.seed
        agree(AgreeOptions(doing.config.score.out, files, out, seed, force=True))
        return Said(f"{out / AGREEMENT_FILES[-1]}")

    doing.step("agree", run_inputs.of_agreement(doing.config), [out / name for name in AGREEMENT_FILES], work)


def compare_step(doing: Doing) -> None:
    """Every method beside plain prompting, target by target, judge by judge."""
    if reason := _incomparable(doing):
        doing.shown.say(f"compare: nothing to do, {reason}")
        return
    for link in _links(doing):
        chosen = Chosen(doing.config.score.out, BASELINE, link.target)
        out, scoring = doing.config.out / link.folder, doing.config.score
        options = CompareOptions(
            a=chosen,
            b=replace(chosen, method=link.method),
            out=out,
            judge=link.judge,
            seed=scoring.seed,
            force=True,
        )

        def work(options: CompareOptions = options) -> Said:
            compare(options)
            return Said(str(options.out / COMPARISON_FILES[-1]))

        doing.step(_name(doing, link), _made_from(doing, link), [out / name for name in COMPARISON_FILES], work)


def _made_from(doing: Doing, link: ComparisonLink) -> Made:
    """What a comparison is made of."""
    return run_inputs.of_run(doing.config) | {"judge": link.judge, "seed": doing.config.score.seed}


def _name(doing: Doing, link: ComparisonLink) -> str:
    """The step of a comparison: with the judge where there are several."""
    several = f" {link.judge}" if len(doing.config.score.judges) > 1 else ""
    return f"compare {link.target} {link.method}{several}"


def _incomparable(doing: Doing) -> str:
    if BASELINE not in doing.config.methods:
        return f"for {BASELINE} is not among the methods"
    rubric = load_rubric(doing.config.score.rubric)
    return "" if rubric.sra else f"for the rubric {rubric.name} gives no SRA"


def _links(doing: Doing) -> list[ComparisonLink]:
    """The comparisons that there are to make; with several judges each has a folder of its own."""
    judges = doing.config.score.judges
    others = [method for method in doing.config.methods if method != BASELINE]
    found = []
    for target, method in product(doing.config.targets, others):
        folder = f"{COMPARISONS}/{target.slug}-{method}"
        places = {judge: f"{folder}/{judge}" if len(judges) > 1 else folder for judge in judges}
        found += [ComparisonLink(target.name, method, judge, place) for judge, place in places.items()]
    return found


def report_step(doing: Doing) -> None:
    """The page that leads to all the others."""
    out = doing.config.out
    links = [link for link in _links(doing) if doing.state.done(_name(doing, link), _made_from(doing, link))]
    agreement = f"{AGREEMENT}/{AGREEMENT_FILES[-1]}"
    agreed = bool(doing.config.references) and doing.state.done("agree", run_inputs.of_agreement(doing.config))
    shown = agreement if agreed else None
    read = [out / RUN / SCORES_JSON, out / RUN / MANIFEST]
    read += [out / link.folder / COMPARISON_FILES[1] for link in links]
    steps = [generation_name(target, method) for target in doing.config.targets for method in doing.config.methods]
    meaning = " ".join(dict.fromkeys(filter(None, map(doing.state.meaning, steps))))
    made_from: Made = {str(p.relative_to(out)): run_inputs.stamp(p) for p in read}
    made_from |= {"agreement": shown, "meaning": meaning}

    def work() -> Said:
        write_overview(out / OVERVIEW, out, RUN, links, shown, meaning)
        return Said(str(out / OVERVIEW))

    doing.step("report", made_from, (out / OVERVIEW,), work)
