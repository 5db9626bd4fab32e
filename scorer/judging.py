"""Responses and a judge -> verdicts: nothing is judged twice, and nothing that was judged is lost."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import polars as pl

from scorer.cache import VerdictCache, verdict_key
from scorer.errors import JudgeError, ServerError
from scorer.judges import Judge
from scorer.records import Response, Verdict
from scorer.rubrics import Rubric

_COMMIT_SECONDS = 1.0
"""Verdicts younger than this may have to be judged again after a kill."""
_COMMIT_COUNT = 256
_SUM_TOLERANCE = 1e-3

MISSING = Verdict("missing_response", reason="the response is empty or blank")


@dataclass
class JudgeCounts:
    """What one judge did in a run. Equal (query, response) pairs are judged once and count as `from_cache` after."""

    by_status: Counter[str] = field(default_factory=Counter)
    judged: int = 0
    from_cache: int = 0


def judge_part(
    judge: Judge,
    responses: Sequence[Response],
    cache: VerdictCache,
    counts: JudgeCounts,
    advance: Callable[[int], None],
) -> list[Verdict]:
    """The judge's verdict for every response, in order: from the cache where it is there, else judged and stored."""
    keys = [None if r.missing else verdict_key(judge.fingerprint, r, judge.sees(r)) for r in responses]
    known = cache.get(list({key for key in keys if key is not None}))
    to_judge: dict[bytes, Response] = {}
    for key, response in zip(keys, responses, strict=True):
        if key is not None and key not in known:
            to_judge.setdefault(key, response)
    advance(len(responses) - len(to_judge))
    counts.judged += len(to_judge)
    counts.from_cache += sum(key is not None for key in keys) - len(to_judge)
    for batch in _judged_in_batches(judge, to_judge):
        cache.put(batch)
        known.update(batch)
        advance(len(batch))
    verdicts = [MISSING if key is None else known[key] for key in keys]
    counts.by_status.update(v.status for v in verdicts)
    return verdicts


def _judged_in_batches(judge: Judge, responses: dict[bytes, Response]) -> Iterator[list[tuple[bytes, Verdict]]]:
    """Checked verdicts as they come, in batches worth a transaction; a server's end or Ctrl-C loses none."""
    keys = list(responses)
    waiting: list[tuple[bytes, Verdict]] = []
    left = set(range(len(keys)))
    last = time.monotonic()
    try:
        for index, verdict in judge.judge(list(responses.values())) if keys else ():
            if index not in left:
                raise JudgeError(
                    f"the judge {judge.name} gave verdict {index} twice or out of range; this is a bug in it."
                )
            left.remove(index)
            _check(judge, verdict)
            waiting.append((keys[index], verdict))
            if len(waiting) >= _COMMIT_COUNT or time.monotonic() - last > _COMMIT_SECONDS:
                yield waiting
                waiting, last = [], time.monotonic()
    except (ServerError, KeyboardInterrupt):
        if waiting:
            yield waiting
        raise
    if waiting:
        yield waiting
    if left:
        raise JudgeError(f"the judge {judge.name} left out {len(left)} of {len(keys)} responses; this is a bug in it.")


def _check(judge: Judge, verdict: Verdict) -> None:
    """A plugin's verdict is checked where it comes back."""
    rubric, p = judge.rubric, verdict.probabilities
    sound = (
        verdict.label in rubric.class_ids
        and (p is None or (len(p) == len(rubric.classes) and min(p) >= 0 and abs(sum(p) - 1) < _SUM_TOLERANCE))
        if verdict.status == "ok"
        else verdict.label is None and p is None
    )
    if not sound:
        raise JudgeError(f"the judge {judge.name} gave {verdict}, which the rubric {rubric.name} does not allow.")


@runtime_checkable
class Composite(Protocol):
    """A judge that asks other judges."""

    def with_parts(self, wrap: Callable[[Judge], Judge]) -> Judge:
        """The same judge, its parts wrapped."""
        ...


def remembering(judge: Judge, cache: VerdictCache) -> Judge:
    """The judge, whose parts, where it has any, take their verdicts from the cache and put them there."""
    return judge.with_parts(lambda part: _Remembering(part, cache)) if isinstance(judge, Composite) else judge


class _Remembering:
    """A part of a composite judge: what it judged before, on its own or in another run, it is not asked again."""

    def __init__(self, judge: Judge, cache: VerdictCache) -> None:
        self.name, self.fingerprint, self.rubric = judge.name, judge.fingerprint, judge.rubric
        self.taught_with, self.sees = judge.taught_with, judge.sees
        self._judge, self._cache = judge, cache

    def judge(self, responses: Sequence[Response]) -> Iterator[tuple[int, Verdict]]:
        """What is known first, then the rest as it comes; equal pairs are judged once."""
        places: dict[bytes, list[int]] = {}
        for index, r in enumerate(responses):
            places.setdefault(verdict_key(self.fingerprint, r, self.sees(r)), []).append(index)
        known = self._cache.get(list(places))
        for key, verdict in known.items():
            yield from ((index, verdict) for index in places[key])
        to_judge = {key: responses[rows[0]] for key, rows in places.items() if key not in known}
        for batch in _judged_in_batches(self._judge, to_judge):
            self._cache.put(batch)
            for key, verdict in batch:
                yield from ((index, verdict) for index in places[key])


def verdict_schema(rubric: Rubric) -> dict[str, type[pl.DataType]]:
    """Columns of verdicts.parquet that a judge fills, in order."""
    return {
        "judge": pl.String,
        "judge_fingerprint": pl.String,
        "rubric": pl.String,
        "status": pl.String,
        "label": pl.String,
        "p_flagged": pl.Float64,
        "flagged": pl.Boolean,
        **{f"p_{c}": pl.Float64 for c in rubric.class_ids},
        "evidence": pl.String,
        "reason": pl.String,
        "note": pl.String,
        "order_low": pl.Float64,
        "order_high": pl.Float64,
        "decided_by": pl.String,
    }


def verdict_frame(responses: pl.DataFrame, judged: Sequence[tuple[Judge, Sequence[Verdict]]]) -> pl.DataFrame:
    """One row per response and judge, in the responses' order: all judges of a response stand together.

    `responses` has the columns of responses.parquet, without the texts each becomes a column here.
    """
    place = responses.drop("query", "response", "image").with_row_index("_row")
    frames = []
    for order, (judge, verdicts) in enumerate(judged):
        rows = [_row(judge, v) for v in verdicts]
        columns = pl.DataFrame(rows, schema=verdict_schema(judge.rubric), orient="row")
        frames.append(pl.concat([place, columns], how="horizontal").with_columns(_judge=pl.lit(order)))
    return pl.concat(frames).sort("_row", "_judge").drop("_row", "_judge")


def _row(judge: Judge, verdict: Verdict) -> tuple[object, ...]:
    rubric, p = judge.rubric, verdict.probabilities
    return (
        judge.name,
        judge.fingerprint,
        rubric.name,
        verdict.status,
        verdict.label,
        None if p is None else rubric.p_flagged(p),
        None if verdict.label is None else verdict.label in rubric.flagged_ids,
        *(p or (None,) * len(rubric.classes)),
        verdict.evidence,
        verdict.reason,
        verdict.note,
        verdict.order_low,
        verdict.order_high,
        verdict.decided_by,
    )
