"""Who decided how much in a cascade, what certifies it, and how each part agrees with labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scorer.report.run_files import Run
from scorer.report.words import count, number, percent, plural


@dataclass(frozen=True)
class RegionRow:
    """Agreement with labels where one part decided."""

    who: str
    n: int
    agreements: int
    agreement: str
    interval: str


@dataclass(frozen=True)
class TestRow:
    """One region's test."""

    threshold: str
    share: str
    labels: str
    low: str
    p_value: str
    verdict: str


@dataclass(frozen=True)
class Cascade:
    """The section's sentences and tables; `regions` is empty without labels."""

    facts: tuple[tuple[str, str], ...]
    certified: str
    labels: str
    tests: tuple[TestRow, ...]
    regions: tuple[RegionRow, ...]
    level: str
    notes: tuple[str, ...]


def cascade(run: Run) -> Cascade | None:
    """The section, None in a run without a cascade."""
    done = run.manifest.get("cascade")
    if not done:
        return None
    certificate = done["certificate"]
    agreement = done["agreement"] or {}
    share = percent(done["escalated"] / done["decided"]) if done["decided"] else "none scored"
    unscored = done["escalated_unscored"]
    facts = [
        (f"{done['first']} decided alone", count(done["alone"])),
        (f"escalated to {done['second']}", count(done["escalated"])),
        ("Share escalated", share),
        ("Judge calls saved", count(done["alone"])),
        (f"{done['second']} could not score", count(unscored)) if unscored else None,
    ]
    return Cascade(
        facts=tuple(fact for fact in facts if fact is not None),
        certified=_certified(certificate),
        labels=_labels(certificate),
        tests=tuple(_test(t) for t in certificate["tested"]),
        regions=tuple(_region(name, a, done) for name, a in agreement.items()),
        level=next((f"{100 * a['level']:g} %" for a in agreement.values()), ""),
        notes=(*certificate["notes"], *([done["note"]] if done["note"] else [])),
    )


def _certified(certificate: dict[str, Any]) -> str:
    passed = [t for t in certificate["tested"] if t["passed"]]
    if not passed:
        return f"Nothing is certified, so every response is escalated: {certificate['reason']}."
    region = passed[-1]
    return (
        f"Certified: where its confidence is at least {certificate['threshold']:.4f}, {certificate['judge']} agrees "
        f"with the reference on flagged for at least {percent(certificate['target'])} of responses like those of the "
        f"labelled run, at {100 * certificate['confidence']:g} % confidence. {count(region['agreements'])} of "
        f"{count(region['n'])} labels there agree; by itself this region's lower bound is {percent(region['low'])}. "
        f"It held {percent(region['share'])} of the labelled run's responses."
    )


def _labels(certificate: dict[str, Any]) -> str:
    """From the labels there are to the labels that count."""
    n, thinned, used = (certificate[k] for k in ("n_labels", "n_thinned", "n_used"))
    text = f"{plural(n, 'label')} of the labelled run"
    if thinned < n:
        text += f"; {count(thinned)} of them kept so that all had one chance of being drawn"
    if used < thinned:
        text += f"; {count(used)} used, one of each group, because labels of one group are not independent"
    fewest = certificate["fewest"]
    return f"{text}. A region needs at least {count(fewest)} to pass, all in agreement."


def _test(tested: dict[str, Any]) -> TestRow:
    return TestRow(
        threshold=f"{tested['threshold']:.4f}",
        share=percent(tested["share"]),
        labels=f"{count(tested['agreements'])} of {count(tested['n'])}",
        low=percent(tested["low"]),
        p_value=f"{tested['p_value']:.4f}",
        verdict="passed" if tested["passed"] else "failed: the end",
    )


def _region(name: str, agreement: dict[str, Any], done: dict[str, Any]) -> RegionRow:
    words = {done["first"]: f"{name}, alone", done["second"]: f"{name}, escalated"}
    known = agreement["value"] is not None
    return RegionRow(
        who=words.get(name, f"{name}, as a whole"),
        n=agreement["n"],
        agreements=agreement["agreements"],
        agreement=percent(agreement["value"]) if known else "no label",
        interval=f"[{number(agreement['low'])}, {number(agreement['high'])}]" if known else "",
    )
