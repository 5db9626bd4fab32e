"""Which verdict of one side belongs to which of the other."""

from __future__ import annotations

import polars as pl

from scorer.comparing.sides import Side
from scorer.errors import RunError
from scorer.metrics import CLUSTER, right
from scorer.rubrics import Rubric

_PLACE = ("scenario", "channel", "category", "group_id")
_SAID = ("expects", "query")


def pair(a: Side, b: Side, rubric: Rubric, *, by_target: bool) -> pl.DataFrame:
    """One row per item (and target, where `by_target`) of either side that says what is expected.

    Columns: item_id, target, expects, query, scenario, channel, category, cluster, in_a, in_b, and per side right,
    strict (null: not scored), status, label, p_flagged and response. Raises RunError where no item is in both, where
    an item is not the same in both, or where no item has `expects`.
    """
    keys = ["item_id", "target"] if by_target else ["item_id"]
    frames = [_prepared(side, rubric, keys, letter) for side, letter in ((a, "a"), (b, "b"))]
    joined = frames[0].join(frames[1], on=keys, how="full", coalesce=True, maintain_order="left_right")
    joined = joined.with_columns(pl.col("in_a", "in_b").fill_null(False))
    both = joined.filter(pl.col("in_a") & pl.col("in_b"))
    if not len(both):
        raise RunError(
            f"{a.run} and {b.run} have no item in common (targets {', '.join(a.targets)} and {', '.join(b.targets)}); "
            "expected the same items; compare other runs, or name --target-a and --target-b."
        )
    for name in _SAID:
        mine, theirs = (pl.col(f"{name}_{s}").str.replace_all(r"\s+", " ").str.strip_chars() for s in "ab")
        # a side that does not say what is expected would pass for one that could not be scored
        other = both.filter(mine.ne_missing(theirs) if name == "expects" else mine != theirs)
        if len(other):
            raise RunError(
                f"{b.run}: {len(other)} items, such as {other['item_id'][0]}, have another {name} than in {a.run}; "
                "expected the same items; compare runs of the same benchmark."
            )
    joined = joined.with_columns(pl.coalesce(f"{n}_a", f"{n}_b").alias(n) for n in (*_PLACE, *_SAID))
    joined = joined.filter(pl.col("expects").is_not_null()).with_columns(cluster=CLUSTER)
    if not len(joined.filter(pl.col("in_a") & pl.col("in_b"))):
        raise RunError(
            f"{a.run}: no item of both runs says what a model should do (expects), so there is no SRA to compare; "
            "score files that say it."
        )
    if not by_target:
        joined = joined.with_columns(target=pl.lit(None, pl.String))
    return joined


def _prepared(side: Side, rubric: Rubric, keys: list[str], letter: str) -> pl.DataFrame:
    values = {
        "right": right(rubric),
        "strict": right(rubric, strict=True),
        **{name: pl.col(name) for name in ("status", "label", "p_flagged", "response", *_PLACE, *_SAID)},
    }
    return side.rows.select(
        *keys, *(e.alias(f"{name}_{letter}") for name, e in values.items()), pl.lit(True).alias(f"in_{letter}")
    )
