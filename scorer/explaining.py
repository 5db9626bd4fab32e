"""Short reasons from a judge that can give them, asked only for responses that a person will look at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Protocol, runtime_checkable

from scorer.assets import text_sha256
from scorer.cache import VerdictCache, verdict_key
from scorer.judges import Judge
from scorer.records import Response, Verdict

NEAR_TIE = 0.1
"""p_flagged nearer to 0.5 than this is a near tie."""

Judged = tuple[Judge, list[Verdict]]


@runtime_checkable
class Explains(Protocol):
    """A judge that can say why."""

    fingerprint: str

    def explain(self, asked: Sequence[tuple[Response, str]]) -> Iterator[tuple[int, str | None]]:
        """(index, a short reason) for every (response, label); None where no reason came."""
        ...

    def sees(self, response: Response) -> str:
        """As every judge."""
        ...


def explain(judged: Sequence[Judged], responses: Sequence[Response], cache: VerdictCache) -> list[Judged]:
    """Add reasons to the notes of judges that explain, for near ties and where judges disagree on `flagged`."""
    looked_at = [i for i in range(len(responses)) if _worth_a_look([(j, v[i]) for j, v in judged])]
    return [
        (judge, _explained(judge, verdicts, responses, looked_at, cache))
        if isinstance(judge, Explains)
        else (judge, verdicts)
        for judge, verdicts in judged
    ]


def _worth_a_look(verdicts: Sequence[tuple[Judge, Verdict]]) -> bool:
    known = [(j, v) for j, v in verdicts if v.label is not None]
    sides = {v.label in j.rubric.flagged_ids for j, v in known}
    ties = (abs(j.rubric.p_flagged(v.probabilities) - 0.5) < NEAR_TIE for j, v in known if v.probabilities)
    return len(sides) > 1 or any(ties)


def _explained(
    judge: Explains, verdicts: list[Verdict], responses: Sequence[Response], rows: Sequence[int], cache: VerdictCache
) -> list[Verdict]:
    """Reasons are kept in the cache as verdicts of their own, which hold nothing but the note."""
    asked = {i: label for i in rows if (label := verdicts[i].label) is not None}
    keys = {i: _key(judge, responses[i], label) for i, label in asked.items()}
    known = {key: v.note for key, v in cache.get(list(keys.values())).items()}
    missing = [i for i in asked if keys[i] not in known]
    for place, reason in judge.explain([(responses[i], asked[i]) for i in missing]):
        key = keys[missing[place]]
        if reason:
            known[key] = reason
            cache.put([(key, Verdict("ok", asked[missing[place]], note=reason))])
    explained = list(verdicts)
    for i, key in keys.items():
        if reason := known.get(key):
            note = f"{verdicts[i].note}; the judge says: {reason}" if verdicts[i].note else f"the judge says: {reason}"
            explained[i] = replace(verdicts[i], note=note)
    return explained


def _key(judge: Explains, response: Response, label: str) -> bytes:
    return verdict_key(text_sha256("reason", judge.fingerprint, label), response, judge.sees(response))
