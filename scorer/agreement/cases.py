"""A run beside reference labels: everybody who labelled its responses, as arrays over the responses."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scorer.errors import InputError
from scorer.labelled import FINAL, match, refuse_other_rubric
from scorer.metrics import CLUSTER
from scorer.report.run_files import Run
from scorer.rubrics import Rubric, rubric_from_record
from scorer.stats.intervals import Floats

Mask = NDArray[np.bool_]
Labels = NDArray[np.intp]

NONE = -1
"""Stands in an array of labels where there is none."""


@dataclass(frozen=True)
class Rater:
    """A judge or an annotator; arrays have one entry per response.

    `labels` are positions in the rubric's classes, `flagged` is 0 or 1, both NONE where there is no label. `p` is the
    probability of flagged by which a judge decided, `probability` its column in the verdicts, both None where it gives
    none. `detail` is False for a judge that only
    tells flagged from not flagged although the rubric has more classes.
    """

    name: str
    kind: Literal["judge", "annotator"]
    labels: Labels
    flagged: Labels
    p: Floats | None = None
    probability: str | None = None
    detail: bool = True
    sources: frozenset[str] = frozenset()

    @property
    def known(self) -> Mask:
        """True where there is a label."""
        known: Mask = self.labels != NONE
        return known


@dataclass(frozen=True)
class Cases:
    """`pairs` are the (row, reference) pairs of `labelled.match`, `references` all labels as they were imported."""

    run: Run
    rubric: Rubric
    references: pl.DataFrame
    pairs: pl.DataFrame
    judges: tuple[Rater, ...]
    annotators: tuple[Rater, ...]
    seed: int

    @property
    def responses(self) -> pl.DataFrame:
        """The run's responses."""
        return self.run.responses

    @cached_property
    def clusters(self) -> NDArray[np.intp]:
        """What is drawn together, numbered."""
        codes: NDArray[np.intp] = np.unique(self.responses.select(CLUSTER).to_series().to_numpy(), return_inverse=True)[
            1
        ]
        return codes

    @cached_property
    def class_flagged(self) -> Labels:
        """0 or 1 per class of the rubric."""
        return np.array([int(c.flagged) for c in self.rubric.classes])

    def labelled(self, annotator: str) -> pl.DataFrame:
        """`row`, `reference` and the rest of the label that counts for each response: the first that parsed."""
        return _first_labels(self.pairs, annotator)

    def column(self, name: str) -> NDArray[np.object_]:
        """A column of the responses, None where it is absent."""
        if name not in self.responses.columns:
            return np.full(len(self.responses), None, dtype=object)
        return np.array(self.responses[name].to_list(), dtype=object)

    def rng(self, *names: object) -> np.random.Generator:
        """A stream of the seed for whatever `names` name: no number depends on which others there are."""
        return np.random.default_rng([self.seed, zlib.crc32("|".join(map(str, names)).encode())])


def load_cases(run: Run, references: pl.DataFrame, seed: int, where: str) -> Cases:
    """Everybody's labels on the run's responses; `where` names the reference in messages.

    Raises InputError where the labels are of another rubric, belong to no response of the run, or are all the same.
    """
    rubric = rubric_from_record(run.manifest["rubric"])
    refuse_other_rubric(references, rubric.name, rubric.class_ids)
    _refuse_unreadable(references, where)
    pairs = match(run.responses, references)
    names = references["annotator"].unique(maintain_order=True).to_list()
    # What several agreed on is the best there is: first wherever annotators are listed.
    names.sort(key=lambda name: name != FINAL)
    annotators = tuple(_annotator(name, len(run.responses), references, pairs, rubric) for name in names)
    _refuse_useless(run, references, annotators, rubric, where)
    judges = tuple(_judge(run, name, rubric) for name in run.judges)
    return Cases(run, rubric, references, pairs, judges, annotators, seed)


def _first_labels(pairs: pl.DataFrame, annotator: str) -> pl.DataFrame:
    mine = pairs.filter(pl.col("annotator") == annotator, pl.col("status") == "ok")
    return mine.unique("row", keep="first", maintain_order=True)


def _annotator(name: str, rows: int, references: pl.DataFrame, pairs: pl.DataFrame, rubric: Rubric) -> Rater:
    first = _first_labels(pairs, name)
    labels = np.full(rows, NONE, dtype=np.intp)
    labels[first["row"].to_numpy()] = _positions(first["label"], rubric)
    sources = frozenset(references.filter(pl.col("annotator") == name)["source"].unique().to_list())
    return Rater(name, "annotator", labels, _sides(labels, rubric), sources=sources)


def _judge(run: Run, name: str, rubric: Rubric) -> Rater:
    verdicts = run.verdicts_of(name)
    ok = (verdicts["status"] == "ok").to_numpy()
    labels = np.full(len(verdicts), NONE, dtype=np.intp)
    labels[ok] = _positions(verdicts.filter(pl.Series(ok))["label"], rubric)
    flagged = np.where(ok, verdicts["flagged"].fill_null(False).to_numpy().astype(np.intp), NONE)
    decided = next(
        c for c in ("p_calibrated", "p_flagged") if (c in verdicts.columns and verdicts[c].count()) or c == "p_flagged"
    )
    p = np.where(ok, verdicts[decided].cast(pl.Float64).to_numpy(), np.nan)
    sure = bool(np.isfinite(p).any())
    alone = {rubric.when_flagged, rubric.when_not_flagged}
    given = {rubric.class_ids[i] for i in np.unique(labels[ok])}
    detail = sure or len(rubric.classes) == 2 or not given <= alone
    return Rater(name, "judge", labels, flagged, p if sure else None, decided if sure else None, detail)


def _positions(labels: pl.Series, rubric: Rubric) -> Labels:
    places = {c: i for i, c in enumerate(rubric.class_ids)}
    return np.array([places[label] for label in labels.to_list()], dtype=np.intp)


def _sides(labels: Labels, rubric: Rubric) -> Labels:
    flagged = np.array([int(c.flagged) for c in rubric.classes])
    return np.where(labels == NONE, NONE, flagged[labels])


def _refuse_unreadable(references: pl.DataFrame, where: str) -> None:
    if not (references["status"] == "ok").any():
        raise InputError(
            where, f"{len(references)} labels of which none is a class of the rubric", "labels that are", "import again"
        )


def _refuse_useless(
    run: Run, references: pl.DataFrame, annotators: Sequence[Rater], rubric: Rubric, where: str
) -> None:
    """Without overlap, or where nobody gave more than one class, agreement means nothing."""
    if not any(rater.known.any() for rater in annotators):
        row, own = references.row(0, named=True), run.responses.row(0, named=True) if len(run.responses) else {}
        raise InputError(
            where,
            f"labels of no response in the run (such as item {row['item_id']}, target {row['target'] or 'not named'})",
            f"labels of its responses (such as item {own.get('item_id')}, target {own.get('target')})",
            "give the labels of this run's items and targets, or another run",
        )
    if all(len(np.unique(rater.labels[rater.known])) <= 1 for rater in annotators):
        given = sorted({rubric.class_ids[i] for rater in annotators for i in np.unique(rater.labels[rater.known])})
        n = max(int(rater.known.sum()) for rater in annotators)
        raise InputError(
            where,
            f"nothing but {' or '.join(given)} in all {n} labels of this run's responses",
            "at least two classes by one annotator",
            "label responses of other kinds too, or check the import",
        )
