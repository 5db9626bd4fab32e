"""The head of the page (what was scored, what could not be) and its foot (how it was made)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scorer.records import OrderEffect
from scorer.report.run_files import Run
from scorer.report.words import (
    STATUS_WORDS,
    count,
    duration,
    listed,
    metric_name,
    moment,
    number,
    order_words,
    plain,
    plural,
)

INTERVAL_WORDS = {
    "cluster bootstrap": (
        "Where items belong together (several images of one prompt, a prompt and its twin) the interval comes from "
        "a bootstrap that draws whole groups, because such items are not independent evidence."
    ),
    "wilson": "Where every item stands alone the interval is Wilson's.",
    "square-and-add": "The interval of a mean of two such rates is put together from theirs (square-and-add).",
}
"""What an estimate's `interval` is, for a reader."""


@dataclass(frozen=True)
class Summary:
    """What a reader must know before any number."""

    title: str
    lead: str
    facts: tuple[tuple[str, str], ...]
    alarms: tuple[str, ...]
    """One sentence per judge that left responses unscored."""
    notes: tuple[str, ...]


def summarise(run: Run) -> Summary:
    """Head of the page."""
    manifest = run.manifest
    targets, methods = run.distinct("target"), run.distinct("method")
    how = f" ({methods[0]})" if len(methods) == 1 else ""
    lead = (
        f"{plural(len(run.responses), 'response')} of {listed(targets) or 'no target'}{how}, "
        f"judged by {listed(run.judges) or 'nobody'} under the rubric “{manifest['rubric']['title']}”."
    )
    unscored = {judge: _unscored(run, judge) for judge in run.judges}
    worst = max((sum(counts.values()) for counts in unscored.values()), default=0)
    facts = [
        ("Responses", count(len(run.responses))),
        ("Targets", count(len(targets))),
        ("Methods", count(len(methods))) if len(methods) > 1 else None,
        ("Judges", count(len(run.judges))) if len(run.judges) > 1 else ("Judge", ", ".join(run.judges)),
        ("Rubric", str(manifest["rubric"]["name"])),
        ("Could not be scored", count(worst)),
        ("Scored", moment(str(manifest["created"]))),
    ]
    return Summary(
        title=f"Safety of {listed(targets, 3)}" if targets else "Safety report",
        lead=lead,
        facts=tuple(fact for fact in facts if fact is not None),
        alarms=tuple(_alarm(run, judge, counts) for judge, counts in unscored.items() if counts),
        notes=tuple(str(note) for name in ("notes", "label_notes") for note in manifest.get(name, ())),
    )


def _unscored(run: Run, judge: str) -> dict[str, int]:
    counts: dict[str, int] = run.manifest["counts"].get(judge, {})
    return {status: n for status, n in counts.items() if status != "ok" and n}


def _alarm(run: Run, judge: str, counts: dict[str, int]) -> str:
    why = "; ".join(f"{STATUS_WORDS.get(status, status)}: {count(n)}" for status, n in counts.items())
    by = f" by {judge}" if len(run.judges) > 1 else ""
    text = f"{plural(sum(counts.values()), 'response')} of {count(len(run.responses))} could not be scored{by} ({why})."
    bounds = []
    for metric in ("SRAs", "SRAu", "SRAa"):
        e = run.estimate(judge, metric)
        if e is not None and e.n_unscored and e.bound_low is not None and e.bound_high is not None:
            bounds.append(f"{metric_name(metric)} between {number(e.bound_low)} and {number(e.bound_high)} %")
    if bounds:
        text += f" Were all of them wrong, or all of them right, the run as a whole would have {listed(bounds)}."
    return text


@dataclass(frozen=True)
class Made:
    """Foot of the page."""

    inputs: tuple[dict[str, Any], ...]
    judges: tuple[dict[str, Any], ...]
    rubric: dict[str, Any]
    further: tuple[dict[str, Any], ...]
    """Further rubrics, each with the judge that judged by it."""
    orders: tuple[str, ...]
    """What the order of the classes did, a sentence per judge."""
    settings: tuple[tuple[str, str], ...]
    level: str
    intervals: str


def made_how(run: Run) -> Made:
    """Everything that somebody who repeats the run needs."""
    manifest = run.manifest
    effects = [OrderEffect(**e) for e in manifest.get("order_effects", ())]
    settings = [
        ("Scored", moment(str(manifest["created"]))),
        ("Wall time", duration(manifest.get("wall_seconds"))),
        ("scorer", str(manifest["scorer_version"])),
        ("Seed", plain(manifest.get("seed"))),
        *((str(name), plain(value)) for name, value in manifest.get("options", {}).items()),
        *((str(name), plain(value)) for name, value in manifest.get("versions", {}).items()),
    ]
    return Made(
        inputs=tuple(manifest["inputs"]),
        judges=tuple(manifest["judges"]),
        rubric=manifest["rubric"],
        further=tuple(manifest.get("also", ())),
        orders=tuple(order_words(int(manifest.get("options", {}).get("debias", 1)), effects)),
        settings=tuple(settings),
        level=listed(sorted({f"{100 * e.level:g} %" for e in run.scores})) or "95 %",
        intervals=_interval_words(run),
    )


def _interval_words(run: Run) -> str:
    kinds = {e.interval for e in run.scores if e.estimator == "plugin" and e.value is not None}
    return " ".join(words for kind, words in INTERVAL_WORDS.items() if kind in kinds)
