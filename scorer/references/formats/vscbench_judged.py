"""VSCBench's sheets after the published judge: its free text and its booleans beside every response."""

from __future__ import annotations

import re

from scorer.readers import Table, vscbench_results
from scorer.references.formats._format import Found, Label, cell_text
from scorer.rubrics import Rubric

PRIORITY = 20
EXPECTED = "Category, Prompt, safe_resp_{target}_{j}_gpt_eval_response or type, prompt_origin, resp_txt_gpt_eval"
ANNOTATOR = "gpt"
"""Who judged: the sheets do not say which model of that family."""

_SIDE = r"(?:safe|unsafe)_resp_.+_(?:0|[1-9][0-9]*)"
_CHANNEL = "|".join(vscbench_results.CHANNELS)
# The endings mean different things: _gpt_eval is a boolean in the image-centric sheets, free text in the others.
_TEXTS = re.compile(rf"(?:({_SIDE})_gpt_eval_response|({_CHANNEL})_gpt_eval)")
_BOOLEANS = re.compile(rf"(?:({_SIDE})_gpt_eval|({_CHANNEL})_gpt_label)")
_TRUTH = {"true": True, "1": True, "false": False, "0": False}


def recognises(columns: frozenset[str]) -> bool:
    """True for both layouts, as soon as one response was judged."""
    judged = _judged(columns)
    return bool(judged) and vscbench_results.recognises(columns | judged)


def read(table: Table, rubric: Rubric, *, target: str | None, method: str | None) -> Found:
    """A label per judged response, with the item ids and targets under which the same sheet is scored.

    Where a column of free text is there it alone decides, for a false boolean may be a judge call that failed: a
    blank or unreadable text is an unparsed label. Where there are only booleans they say flagged or not, no more. A
    response that never came and was not judged either is left out.
    """
    texts, booleans = _columns(_TEXTS, table.columns), _columns(_BOOLEANS, table.columns)
    judged = texts.keys() | booleans.keys()
    names = list(dict.fromkeys((*table.columns, *texts, *booleans)))
    found = Found()
    for row, column, response in vscbench_results.cells(table, names, target=target, method=method):
        if column not in judged:
            continue
        item_id = response.item.item_id
        said = cell_text(row, texts.get(column) or booleans[column])
        never_came = column in table.columns and response.missing
        if said is None and (never_came or column not in texts):
            found.blank += 1
            continue
        flagged = None if column in texts else _TRUTH.get((said or "").removesuffix(".0").lower())
        found.labels.append(Label(item_id, response.target, method, ANNOTATOR, said or "", flagged))
    if alone := len(booleans.keys() - texts.keys()):
        found.notes.append(
            f"{table.path.name}: {alone} response columns have booleans alone: they say flagged or not, and are read "
            f"as {rubric.when_flagged} and {rubric.when_not_flagged}."
        )
    return found


def _judged(columns: frozenset[str]) -> frozenset[str]:
    """The response columns that a judge's column belongs to."""
    return frozenset(_columns(_TEXTS, tuple(columns)) | _columns(_BOOLEANS, tuple(columns)))


def _columns(pattern: re.Pattern[str], names: tuple[str, ...]) -> dict[str, str]:
    """Response column -> the judge's column of that kind."""
    matches = [match for name in names if (match := pattern.fullmatch(name))]
    return {match[1] or match[2]: match[0] for match in matches}
