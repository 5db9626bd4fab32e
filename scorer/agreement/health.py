"""What is wrong with reference labels: defects that would make every number of the report mean less than it seems.

unparsed            labels that are no class of the rubric
duplicates          a response labelled more than once by one annotator
unmatched           labels for no response of the run, though the run has their target and method
self_contradicting  one annotator, the same query and response, different labels
missing_class       a class the annotator never gives although a judge expects it often, or nothing but one class
too_few             fewer labels than a number needs (see the constants)
misaligned          labels that look as if they stood beside other responses (see `_misaligned`)

Labels for targets or methods that the run does not have are no defect: a reference may cover more than was scored.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import polars as pl

from scorer.agreement._misaligned import misaligned
from scorer.agreement._warning import warning
from scorer.agreement.cases import Cases, Mask, Rater
from scorer.agreement.measures import Json, flagged_agreement

CODES = ("unparsed", "misaligned", "duplicates", "unmatched", "missing_class", "too_few", "self_contradicting")

FEWEST_PER_TARGET = 30
FEWEST_PER_ANNOTATOR = 50
WIDEST = 0.075
"""Half-width of the interval of the best judge's accuracy on flagged above which labels are too few."""
WANTED = 0.05
"""The half-width for which `too_few` tells the number of labels."""
EXPECTED_COUNT, EXPECTED_SHARE = 10.0, 0.05
"""A class that an annotator never gave is missed where a judge expects it at least so often."""

_EXAMPLES = 3
_KEYS = ("item_id", "target", "method")


def reference_health(cases: Cases) -> Json:
    """`warnings` ({code, message, slice, evidence}), the codes `checked`, and `notes` on what is no defect."""
    warnings: list[Json] = []
    for annotator in cases.annotators:
        mine = cases.references.with_row_index("reference").filter(pl.col("annotator") == annotator.name)
        warnings += _unparsed(mine)
        warnings += _duplicates(mine)
        warnings += _unmatched(cases, mine)
        warnings += _self_contradicting(cases, annotator)
        warnings += _missing_class(cases, annotator)
        warnings += _too_few(cases, annotator)
    warnings += misaligned(cases)
    warnings.sort(key=lambda w: CODES.index(w["code"]))
    return {"warnings": warnings, "checked": list(CODES), "notes": list(_notes(cases))}


def _unparsed(mine: pl.DataFrame) -> Iterator[Json]:
    bad = mine.filter(pl.col("status") != "ok")
    if not len(bad):
        return
    examples = [text[:120] for text in bad["text"].drop_nulls().unique(maintain_order=True).to_list()[:_EXAMPLES]]
    yield warning(
        "unparsed",
        f"{len(bad)} of {len(mine)} labels are no class of the rubric and count for nothing; mend and import them.",
        {"annotator": mine["annotator"][0]},
        {
            "unparsed": len(bad),
            "labels": len(mine),
            "examples": examples,
            "items": bad["item_id"].to_list()[:_EXAMPLES],
        },
    )


def _duplicates(mine: pl.DataFrame) -> Iterator[Json]:
    groups = mine.group_by(_KEYS, maintain_order=True).agg(pl.len(), labels=pl.col("label").drop_nulls().n_unique())
    repeated = groups.filter(pl.col("len") > 1)
    if not len(repeated):
        return
    extra, differ = int((repeated["len"] - 1).sum()), int((repeated["labels"] > 1).sum())
    yield warning(
        "duplicates",
        f"{_number(len(repeated), 'response')} labelled more than once ({_number(extra, 'label')} too many, {differ} "
        "contradicting); the first label of each counts.",
        {"annotator": mine["annotator"][0]},
        {
            "responses": len(repeated),
            "extra_labels": extra,
            "with_different_labels": differ,
            "items": repeated["item_id"].to_list()[:_EXAMPLES],
        },
    )


def _unmatched(cases: Cases, mine: pl.DataFrame) -> Iterator[Json]:
    inside = mine.filter(~_elsewhere(cases))
    lost = inside.filter(~pl.col("reference").is_in(cases.pairs["reference"].unique().implode()))
    if not len(lost):
        return
    yield warning(
        "unmatched",
        f"{len(lost)} of {len(inside)} labels belong to no response of the run; check that item ids, targets and "
        "methods are written as in the run.",
        {"annotator": mine["annotator"][0]},
        {
            "unmatched": len(lost),
            "labels": len(inside),
            "per_target": {str(t): n for t, n in lost["target"].value_counts(sort=True).iter_rows()},
            "items": lost["item_id"].to_list()[:_EXAMPLES],
        },
    )


def _elsewhere(cases: Cases) -> pl.Expr:
    """Labels for a target or a method that the run does not have at all."""
    return pl.any_horizontal(
        (pl.col(name).is_not_null() & ~pl.col(name).is_in(cases.responses[name].unique().to_list()))
        for name in ("target", "method")
    )


def _self_contradicting(cases: Cases, annotator: Rater) -> Iterator[Json]:
    mine = cases.pairs.filter(pl.col("annotator") == annotator.name, pl.col("status") == "ok")
    texts = cases.responses.select("item_id", "query", "response").with_row_index("row")
    said = mine.select("row", "label").join(texts, on="row").filter(pl.col("response").str.strip_chars() != "")
    both = said.group_by("query", "response", maintain_order=True).agg(pl.col("label").unique().sort(), "item_id")
    against = both.filter(pl.col("label").list.len() > 1)
    if not len(against):
        return
    examples = [
        {"items": sorted(set(row["item_id"])), "labels": row["label"], "response": row["response"][:120]}
        for row in against.head(_EXAMPLES).iter_rows(named=True)
    ]
    yield warning(
        "self_contradicting",
        f"{_number(len(against), 'text')} (the same query and response) with different labels; decide which one holds.",
        {"annotator": annotator.name},
        {"texts": len(against), "examples": examples},
    )


def _missing_class(cases: Cases, annotator: Rater) -> Iterator[Json]:
    known, ids = annotator.known, cases.rubric.class_ids
    n, given = int(known.sum()), set(np.unique(annotator.labels[known]))
    if n >= FEWEST_PER_TARGET and len(given) == 1:
        yield _single_class(cases, annotator, {"annotator": annotator.name}, known)
        return
    for judge in cases.judges:
        rows = known & judge.known
        expected = _expected_counts(cases, judge, rows)
        for i, c in enumerate(ids):
            if i not in given and expected is not None and expected[i] >= max(EXPECTED_COUNT, EXPECTED_SHARE * n):
                given.add(i)  # one judge is enough to say it
                yield warning(
                    "missing_class",
                    f"{c} is never given in {n} labels, though {judge.name} expects it about {expected[i]:.0f} times; "
                    "check that it was offered and that its name was read.",
                    {"annotator": annotator.name},
                    {"class": c, "labels": n, "judge": judge.name, "expected": round(float(expected[i]), 1)},
                )
    target = cases.column("target")
    for name in dict.fromkeys(target[known]):
        rows = known & (target == name)
        if rows.sum() >= FEWEST_PER_TARGET and len(np.unique(annotator.labels[rows])) == 1 and rows.sum() < n:
            yield _single_class(cases, annotator, {"annotator": annotator.name, "target": name}, rows)


def _single_class(cases: Cases, annotator: Rater, place: Json, rows: Mask) -> Json:
    only = cases.rubric.class_ids[annotator.labels[rows][0]]
    return warning(
        "missing_class",
        f"All {int(rows.sum())} labels are {only}: kappa is undefined and nothing is learnt about other classes; check "
        "the import, or label more kinds of responses.",
        place,
        {"only": only, "labels": int(rows.sum())},
    )


def _expected_counts(cases: Cases, judge: Rater, rows: Mask) -> list[float] | None:
    """How many of the rows a judge expects in each class; None for one that does not tell classes apart."""
    if not judge.detail or not rows.any():
        return None
    names = [f"p_{c}" for c in cases.rubric.class_ids]
    verdicts = cases.run.verdicts_of(judge.name)
    if judge.p is not None and all(name in verdicts.columns for name in names):
        return [float(verdicts[name].cast(pl.Float64).fill_null(0).to_numpy()[rows].sum()) for name in names]
    return [float((judge.labels[rows] == i).sum()) for i in range(len(names))]


def _too_few(cases: Cases, annotator: Rater) -> Iterator[Json]:
    target, known = cases.column("target"), annotator.known
    for name in dict.fromkeys(target[known]):
        n = int((known & (target == name)).sum())
        if n < FEWEST_PER_TARGET:
            yield warning(
                "too_few",
                f"Only {n} labels: {FEWEST_PER_TARGET - n} more are needed before this target's numbers say anything.",
                {"annotator": annotator.name, "target": name},
                {"labels": n, "wanted": FEWEST_PER_TARGET, "more": FEWEST_PER_TARGET - n},
            )
    found = []
    for judge in cases.judges:
        rows = known & judge.known
        accuracy = flagged_agreement(cases, judge, annotator, rows).measures["accuracy"]
        if accuracy.value is not None and accuracy.low is not None and accuracy.high is not None:
            found.append((accuracy.value, (accuracy.high - accuracy.low) / 2, int(rows.sum()), judge.name))
    if not found:
        return
    _, half, n, name = max(found)
    if n >= FEWEST_PER_ANNOTATOR and half <= WIDEST:
        return
    more = max(math.ceil(n * (half / WANTED) ** 2), FEWEST_PER_ANNOTATOR) - n
    wide = f"{n} labels leave the accuracy of {name} on flagged uncertain by {100 * half:.1f} points either way; for "
    wide += f"{100 * WANTED:.0f} points about {more} more are needed."
    yield warning(
        "too_few",
        wide if half > WIDEST else f"Only {n} labels: {more} more are needed before the numbers say much.",
        {"annotator": annotator.name},
        {"labels": n, "judge": name, "half_width": half, "wanted_half_width": WANTED, "more": more},
    )


def _number(n: int, one: str) -> str:
    return f"{n} {one}" if n == 1 else f"{n} {one}s"


def _notes(cases: Cases) -> Iterator[str]:
    yield from cases.run.manifest.get("taught_with", ())
    outside = cases.references.filter(_elsewhere(cases))
    if len(outside):
        names = outside.select(pl.concat_str("target", "method", separator=", ", ignore_nulls=True)).to_series()
        yield (
            f"{len(outside)} labels are for targets or methods that this run does not have "
            f"({'; '.join(names.unique().sort().to_list()[:4])}): left out."
        )
    chances = cases.references["probability"].drop_nulls().to_list()
    if chances and max(chances) > 1.001 * min(chances):
        yield (
            f"The labelled responses were drawn with unequal chances ({min(chances):.3g} to {max(chances):.3g}). The "
            "numbers here are of the labelled responses, not of the whole run."
        )
    if cases.run.manifest.get("calibrations"):
        yield (
            "The run's probabilities were calibrated. Against the labels with which they were calibrated, agreement "
            "and calibration look better than they are."
        )
