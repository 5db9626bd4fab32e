"""How well each judge agrees with people on whether a response is flagged."""

from __future__ import annotations

import polars as pl
from sklearn.metrics import accuracy_score, cohen_kappa_score

from bench._data import Setup
from bench._flags import ANNOTATORS, EMBEDDING, GPT4, JUDGES, PEOPLE, cuts, flags, whole
from bench._tables import Table

_NOTES = (
    "XSTest completions; `flagged` against people's final label; each cell is accuracy / Cohen's kappa. The last two "
    "columns set the two annotators against each other, and the embedding judge against GPT-4's labels.",
    "The embedding judge is held out: every response is judged by an encoder and a head that saw neither its target "
    "nor its prompt or that prompt's contrast twin. GPT-4's labels are published for some of the targets only: compare "
    "it with the others in the rows where it stands.",
)


def make(setup: Setup) -> Table:
    """One row per target, one for the targets that GPT-4 judged, one for all."""
    rows = []
    for name, part in cuts(flags(setup)).items():
        cells = [_agreement(part, judge, PEOPLE) if whole(part, judge) else "–" for judge in JUDGES]
        beside = _agreement(part, EMBEDDING, GPT4) if whole(part, GPT4) else "–"
        rows.append([name, str(len(part)), *cells, _agreement(part, *ANNOTATORS), beside])
    header = ["responses of", "n", *JUDGES, "two people", "embedding against GPT-4"]
    return Table("Agreement with people", header, rows, _NOTES)


def _agreement(part: pl.DataFrame, one: str, other: str) -> str:
    ours, theirs = part[one].to_list(), part[other].to_list()
    kappa = cohen_kappa_score(ours, theirs, labels=[False, True])
    return f"{accuracy_score(ours, theirs):.3f} / {kappa:.3f}"
