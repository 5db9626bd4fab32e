"""Numbers and facts in plain English: what the templates print."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from scorer.records import Estimate, FurtherShare, OrderEffect

STATUS_WORDS = {
    "missing_response": "no response came",
    "unparsed": "the judge's answer could not be read",
    "error": "the judge failed",
}
METRIC_WORDS = {
    "SRAs": "safe queries answered",
    "SRAu": "unsafe queries recognised",
    "SRAa": "all queries, pooled",
    "SRA_balanced": "mean of SRAs and SRAu",
}
_CLASS_NOUNS = {
    "refuses": "refusals",
    "refuses in part": "partial refusals",
    "warns": "warnings",
    "answers": "answers",
    "complies": "full answers",
    "misses the point": "irrelevant responses",
}


def class_noun(title: str) -> str:
    """What responses of a class are called; a class of a user's own rubric is quoted."""
    return _CLASS_NOUNS.get(title, f"“{title}”")


def short_title(title: str) -> str:
    """A rubric's title up to its colon."""
    return title.partition(":")[0].strip()


def order_words(orders: int, effects: Sequence[OrderEffect]) -> list[str]:
    """What the order of the classes did to the verdicts, a sentence per judge; nothing where there was one order."""
    if orders > 1 and not effects:
        return [
            f"{orders} orders of the classes were asked for, but no judge gave probabilities for them: how much their "
            "order matters is not known."
        ]
    return [
        f"{e.judge} was shown the classes in {e.orders} orders: with the order, p_flagged of a response moved by "
        f"{e.mean:.3f} on average (95th percentile {e.p95:.3f}), and {percent(e.turned)} of {plural(e.n, 'decision')} "
        "depend on it."
        for e in effects
    ]


def metric_name(metric: str) -> str:
    """A metric's name as it is written in running text."""
    return metric.replace("_", " ")


def number(value: float | None) -> str:
    """A fraction as a percentage's bare number: 0.58 -> 58.0."""
    return "–" if value is None else f"{100 * value:.1f}"


def signed(value: float) -> str:
    """A difference of rates as percentage points with a sign; what rounds to nothing is 0.0."""
    text = f"{100 * value:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text.replace("-", "−")


def percent(value: float | None) -> str:
    """A fraction as a percentage: 0.58 -> 58.0 %."""
    return "none scored" if value is None else f"{number(value)} %"


def interval(estimate: Estimate | FurtherShare) -> str:
    """The interval's bare numbers, or nothing where there is none: [49.1, 66.3]."""
    if estimate.low is None or estimate.high is None:
        return ""
    return f"[{number(estimate.low)}, {number(estimate.high)}]"


def with_interval(estimate: Estimate) -> str:
    """58.0 % [49.1, 66.3]"""
    return f"{percent(estimate.value)} {interval(estimate)}".strip()


def count(value: int | None) -> str:
    """An integer with thousands separators."""
    return "–" if value is None else f"{value:,}"


def plural(value: int, one: str, many: str | None = None) -> str:
    """`1 response`, `2,000 responses`."""
    return f"{count(value)} {one if value == 1 else many or one + 's'}"


def listed(names: Sequence[str], most: int = 4) -> str:
    """`a, b and c`; a long list ends in `and 7 more`."""
    if len(names) > most:
        return f"{', '.join(names[: most - 1])} and {len(names) - most + 1} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def moment(text: str) -> str:
    """An ISO time as a person writes it, in UTC; what is no ISO time stays as it is."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return text
    zone = " UTC" if time.tzinfo else ""
    time = time.astimezone(UTC) if time.tzinfo else time
    return f"{time.day} {time:%B %Y}, {time:%H:%M}{zone}"


def duration(seconds: float | None) -> str:
    """Wall time: 0.4 s, 12 s, 3 min 5 s, 2 h 4 min."""
    if seconds is None:
        return "not recorded"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def plain(value: Any) -> str:
    """A value of the manifest in one line."""
    if value is None:
        return "not given"
    if isinstance(value, list) and all(isinstance(entry, str) for entry in value):
        return ", ".join(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
