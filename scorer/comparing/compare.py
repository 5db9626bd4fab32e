"""Two run folders in, comparison.csv, comparison.json and comparison.html out."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from scorer import __version__
from scorer.assets import file_sha256
from scorer.comparing.differences import differences
from scorer.comparing.pairing import pair
from scorer.comparing.sides import Chosen, Side, common_judge, load_side
from scorer.errors import RunError
from scorer.metrics import LEVEL
from scorer.report.comparison_page import render_comparison
from scorer.report.output_folder import refuse_other_files, write_report
from scorer.rubrics import rubric_from_record
from scorer.run_folder import RESPONSES, VERDICTS, as_json

COMPARISON_CSV = "comparison.csv"
COMPARISON_JSON = "comparison.json"
COMPARISON_HTML = "comparison.html"
OUTPUTS = (COMPARISON_CSV, COMPARISON_JSON, COMPARISON_HTML)


@dataclass(frozen=True)
class CompareOptions:
    """What a user asks `scorer compare` to do; `by_target` false pairs items whatever their target."""

    a: Chosen
    b: Chosen
    out: Path
    judge: str | None = None
    by_target: bool = True
    seed: int = 0
    force: bool = False


@dataclass(frozen=True)
class Compared:
    """What `compare` wrote; `document` is the content of comparison.json."""

    folder: Path
    document: dict[str, Any]


def compare(options: CompareOptions) -> Compared:
    """Compare and report.

    Raises a ScorerError where the runs, the choice or the output folder are not what they should be; nothing was
    written then.
    """
    judge = common_judge(options.a.run, options.b.run, options.judge)
    a, b = (load_side(chosen, judge, letter) for chosen, letter in ((options.a, "a"), (options.b, "b")))
    for side in (a, b):
        if not options.by_target and len(side.targets) > 1:
            raise RunError(
                f"{side.run}: got the targets {', '.join(side.targets)}; expected one on each side; name both "
                "--target-a and --target-b."
            )
    identity = _identity(options, judge)
    refuse_other_files(options.out, OUTPUTS, COMPARISON_JSON, identity, "another comparison", force=options.force)
    rubric = rubric_from_record(a.manifest["rubric"])
    if not rubric.sra:
        raise RunError(
            f"{a.run}: its rubric {rubric.name} does not ask whether a danger was recognised, so there is no SRA to "
            "compare; compare runs under a rubric that does."
        )
    pairs = pair(a, b, rubric, by_target=options.by_target)
    rows = differences(pairs, options.seed, strict=bool(rubric.irrelevant_ids))
    document = {
        "scorer_version": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "identity": identity,
        "seed": options.seed,
        "level": LEVEL,
        "judge": next(j for j in a.manifest["judges"] if j["name"] == judge),
        "rubric": a.manifest["rubric"],
        "a": _side(a),
        "b": _side(b),
        "without_expects": {key: int(side.rows["expects"].null_count()) for key, side in (("a", a), ("b", b))},
        "rows": [asdict(row) for row in rows],
        "changed": _changed(pairs),
    }
    page = render_comparison(document)
    table = pl.DataFrame(document["rows"], infer_schema_length=None)
    texts = {COMPARISON_CSV: table.write_csv(), COMPARISON_JSON: as_json(document)}
    write_report(options.out, texts, (COMPARISON_HTML, page))
    return Compared(options.out, document)


def _identity(options: CompareOptions, judge: str) -> dict[str, Any]:
    sides: dict[str, Any] = {
        key: {
            **{name: file_sha256(chosen.run / name) for name in (RESPONSES, VERDICTS)},
            **{"method": chosen.method, "target": chosen.target},
        }
        for key, chosen in (("a", options.a), ("b", options.b))
    }
    return sides | {"judge": judge, "by_target": options.by_target, "seed": options.seed}


def _side(side: Side) -> dict[str, Any]:
    return {
        "run": str(side.run),
        "created": side.manifest.get("created"),
        "method": side.method,
        "targets": list(side.targets),
        "responses": len(side.rows),
        "unscored": int((side.rows["status"] != "ok").sum()),
    }


def _changed(pairs: pl.DataFrame) -> list[dict[str, Any]]:
    """The items that are right on one side alone, in either form, in the order of A."""
    other = (pl.col("right_a") != pl.col("right_b")) | (pl.col("strict_a") != pl.col("strict_b"))
    names = ("item_id", "target", "expects", "scenario", "channel", "category", "query")
    sides = [f"{name}_{s}" for name in ("right", "strict", "label", "p_flagged", "response") for s in "ab"]
    return pairs.filter(other).select(*names, *sides).to_dicts()
