"""Whether each real response is flagged, by people and by every judge: one frame for fidelity and SRA."""

from __future__ import annotations

from functools import cache

import polars as pl

from bench._data import Labelled, Setup, SkippedError, labelled
from scorer.assets import asset, text_sha256
from scorer.judges import JudgeOptions, build_judge
from scorer.rubrics import Rubric, load_rubric
from scorer.training.predictions import HELD_OUT, read_predictions

SEED = 0
"""Of every draw in the tables made from these."""
EMBEDDING = "embedding (held out)"
KEYWORDS = ("keyword-xstest", "keyword-vscbench")
GPT4 = "GPT-4"
JUDGES = (EMBEDDING, *KEYWORDS, GPT4)
PROBABILITY = "p_flagged (held out)"
"""What the embedding judge gives beside its flag."""
PEOPLE = "people"
ANNOTATORS = ("annotator 1", "annotator 2")


@cache
def flags(setup: Setup) -> pl.DataFrame:
    """Per response: target, item_id, group_id, expects, and a column of booleans per judge (null: not judged).

    Raises SkippedError where the real data is absent.
    """
    rubric = load_rubric("xstest")
    rows = labelled(setup)
    flagged = {c.id: c.flagged for c in rubric.classes}
    items = [r.response.item for r in rows]
    p_flagged = _held_out(rows, rubric)
    columns: dict[str, list[bool | None]] = {
        PEOPLE: [flagged[r.people] for r in rows],
        **{name: [flagged[r.annotators[i]] for r in rows] for i, name in enumerate(ANNOTATORS)},
        EMBEDDING: [p >= 0.5 for p in p_flagged],
        **{name: _judged(name, rows, rubric) for name in KEYWORDS},
        GPT4: [None if r.gpt4 is None else flagged[r.gpt4] for r in rows],
    }
    return pl.DataFrame(
        {
            "target": [r.response.target for r in rows],
            "item_id": [item.item_id for item in items],
            "group_id": [item.group_id for item in items],
            "expects": [item.expects for item in items],
            **columns,
            PROBABILITY: p_flagged,
        }
    )


def cuts(frame: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The responses of each target, of those that GPT-4 judged, and of all."""
    by_target = {str(key[0]): part for key, part in frame.group_by("target", maintain_order=True)}
    with_gpt4 = frame.filter(pl.col(GPT4).is_not_null())
    name = " + ".join(with_gpt4["target"].unique(maintain_order=True))
    both = {name: with_gpt4} if 0 < len(with_gpt4) < len(frame) and name not in by_target else {}
    return by_target | both | {"all": frame}


def whole(frame: pl.DataFrame, judge: str) -> bool:
    """Whether the judge judged every response of the frame."""
    return frame[judge].null_count() == 0


def _judged(name: str, rows: list[Labelled], rubric: Rubric) -> list[bool | None]:
    judge = build_judge(name, rubric, JudgeOptions())
    out: list[bool | None] = [None] * len(rows)
    for index, verdict in judge.judge([r.response for r in rows]):
        out[index] = verdict.label in rubric.flagged_ids
    return out


def _held_out(rows: list[Labelled], rubric: Rubric) -> list[float]:
    """Never the shipped head: what training predicted in folds, each blind to author and prompt (`make train`)."""
    known = read_predictions(asset("models", "refusal-minilm") / HELD_OUT, rubric)
    keys = [(r.response.target, text_sha256(r.response.item.query, r.response.text)) for r in rows]
    missing = sum(key not in known for key in keys)
    if missing:
        raise SkippedError(f"the classifier was trained without {missing} of these responses; `make train` again")
    return [rubric.p_flagged(known[key]) for key in keys]
