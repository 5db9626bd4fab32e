"""agreement.json and the run's texts in, one self-contained agreement.html out. Shows numbers, computes none.

agreement_tables.py    who agrees with whom, and every measure beside one reference
agreement_moves.py     SRAs and SRAu beside the reference's, which judge is better, slices
agreement_figures.py   confusion matrices, reliability diagrams
agreement_explorer.py  the disagreements as data for the response explorer
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scorer.report.agreement_explorer import embed_disagreements
from scorer.report.agreement_figures import Confusion, Reliability, confusion, reliability
from scorer.report.agreement_moves import (
    Contest,
    Move,
    SliceRow,
    contests,
    movement_groups,
    slice_groups,
)
from scorer.report.agreement_tables import MEASURES, VIEWS, DetailRow, Pairs, detail_rows, matrix
from scorer.report.page import render_page
from scorer.report.run_files import Run
from scorer.report.words import count, listed, moment, percent, plural

Json = Mapping[str, Any]

EXPLORER_SCRIPTS = ("texts.js", "dom.js", "rows.js", "explorer.js")
HEALTH_WORDS = {
    "unparsed": "Labels that are no class",
    "misaligned": "Labels beside the wrong responses",
    "duplicates": "Responses labelled twice",
    "unmatched": "Labels for no response",
    "missing_class": "A class is missing",
    "too_few": "Too few labels",
    "self_contradicting": "Different labels for the same text",
}
_SIDES = {"flagged": "flagged", "not_flagged": "not flagged"}


@dataclass(frozen=True)
class JudgeAgainst:
    """One judge beside one reference."""

    name: str
    n: int
    class_detail: bool
    confusions: dict[str, Confusion]
    reliability: Reliability | None


@dataclass(frozen=True)
class Against:
    """Everything that is shown beside one reference."""

    name: str
    responses: int
    rows: list[DetailRow]
    movements: list[tuple[str, str, list[tuple[str, list[Move]]]]]
    contests: list[Contest]
    judges: list[JudgeAgainst]
    slices: dict[str, list[tuple[str, list[tuple[str, SliceRow]]]]]


def render_agreement(document: Json, run: Run) -> str:
    """The whole page as text; `run` holds the texts of the responses."""
    embedded = embed_disagreements(document, run)
    ceiling = Pairs(document).ceiling()
    return render_page(
        "agreement.html.j2",
        {
            "document": document,
            "head": _head(document),
            "warnings": document["reference_health"]["warnings"],
            "health_words": HEALTH_WORDS,
            "matrices": {view: matrix(document, view) for view in VIEWS},
            "ceiling": ceiling,
            "ceiling_says": "" if ceiling is None else _ceiling_words(ceiling),
            "measures": MEASURES,
            "against": [_against(document, a["name"]) for a in document["annotators"]],
            "embedded": embedded,
            "level": f"{100 * document['level']:g} %",
            "plural": plural,
            "moment": moment,
            "show": percent,
        },
        styles=("base.css", "figures.css", "explorer.css", "agreement.css"),
        scripts=("agreement.js", *EXPLORER_SCRIPTS),
        data={"explorer-data": embedded.payload},
    )


def _head(document: Json) -> dict[str, Any]:
    """Title, lead and facts."""
    judges = [judge["name"] for judge in document["run"]["judges"]]
    annotators = document["annotators"]
    labels = sum(a["labels"] for a in annotators)
    labelled = max(a["responses"] for a in annotators)
    agree = "agrees" if len(judges) == 1 else "agree"
    title = f"How far {listed(judges)} {agree} with {listed([a['name'] for a in annotators])}"
    lead = (
        f"{plural(len(judges), 'judge')} beside {plural(len(annotators), 'reference')}: {plural(labels, 'label')} of "
        f"responses by {listed(document['run']['targets'])}, under the rubric “{document['run']['rubric']['title']}”."
    )
    facts = [
        ("Responses in the run", count(document["run"]["responses"])),
        ("Labelled responses", count(labelled)),
        ("Responses in dispute", count(len({entry["row"] for entry in document["disagreements"]}))),
        ("Warnings about the labels", count(len(document["reference_health"]["warnings"]))),
        ("Made", moment(document["created"])),
    ]
    return {"title": title, "lead": lead, "facts": facts}


def _ceiling_words(ceiling: Json) -> str:
    shown = ceiling["overall"]["flagged"]
    return (
        f"{ceiling['reference']} and {ceiling['rater']}, labelling independently, agree on "
        f"{percent(shown['accuracy']['value'])} of {plural(shown['n'], 'response')} whether it is flagged "
        f"(kappa {shown['kappa']['value']:.3f})"
    )


def _against(document: Json, reference: str) -> Against:
    judges = [
        _judge(document, entry)
        for entry in document["agreement"]
        if entry["kind"] == "judge" and entry["reference"] == reference and entry["counts"]["compared"]
    ]
    responses = next(a["responses"] for a in document["annotators"] if a["name"] == reference)
    return Against(
        reference,
        responses,
        detail_rows(document, reference),
        movement_groups(document, reference),
        contests(document, reference),
        judges,
        {view: slice_groups(document, reference, view) for view in VIEWS},
    )


def _judge(document: Json, entry: Json) -> JudgeAgainst:
    titles = _SIDES | {c["id"]: c["title"] for c in document["run"]["rubric"]["classes"]}
    probabilities = next(
        c for c in document["calibration"] if (c["judge"], c["reference"]) == (entry["rater"], entry["reference"])
    )
    return JudgeAgainst(
        entry["rater"],
        entry["counts"]["compared"],
        entry["class_detail"],
        {view: confusion(entry["overall"][view], titles) for view in VIEWS},
        reliability(probabilities),
    )
