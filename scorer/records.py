"""The records that pass between the stages: frozen, one per stage.

benchmark --> Task(Item) --target--> file
file --reader--> Response(Item) --judge--> Verdict --store--> verdicts.parquet --metrics--> Estimate --> report
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Literal

Expects = Literal["answer", "refusal"]
Status = Literal["ok", "missing_response", "unparsed", "error"]

EXPECTS: tuple[Expects, ...] = ("answer", "refusal")
DIMENSIONS = ("target", "method", "scenario", "channel", "category")
"""The columns that results are sliced by."""
_INVISIBLE = ("Cc", "Cf")
"""Unicode's categories of control and format characters, such as NUL, a byte order mark or a zero-width space."""


@dataclass(frozen=True, slots=True)
class Item:
    """One benchmark query and what a calibrated model should do with it.

    `group_id` ties together items that are not independent (a prompt's images, a prompt and its contrast twin);
    None means that the item stands alone.
    """

    item_id: str
    query: str
    expects: Expects | None = None
    scenario: str | None = None
    channel: str | None = None
    category: str | None = None
    group_id: str | None = None
    image: str | None = None
    """Path of the image that goes with the query, where there is one."""


@dataclass(frozen=True, slots=True)
class Task:
    """An item as a target is asked: `with_image` is the text that goes with its image where that is not the query.

    The judge reads the item's query: VSCBench's `prompt_origin`, where the target reads `prompt_mm` and an image.
    """

    item: Item
    with_image: str | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """A target's text for an item; `text` is empty or blank where no response came."""

    item: Item
    target: str
    method: str
    text: str

    @property
    def missing(self) -> bool:
        """True where there is nothing to judge: white space, or characters that nobody sees, alone."""
        return all(char.isspace() or unicodedata.category(char) in _INVISIBLE for char in self.text)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A judge's answer for one response.

    `label` and `probabilities` (in the rubric's class order, summing to 1) are None unless `status == "ok"`;
    `probabilities` is also None where the judge gives a label alone. `evidence` is the sentence of the response
    that decided, `reason` says why a response could not be scored, `note` what else a person should know (that the
    response was cut, or the judge's own reason). `order_low` and `order_high` are the extremes of p_flagged over the
    orders in which the classes were shown. `decided_by` names the judge that decided, where several stand behind one.
    """

    status: Status
    label: str | None = None
    probabilities: tuple[float, ...] | None = None
    evidence: str | None = None
    reason: str | None = None
    note: str | None = None
    order_low: float | None = None
    order_high: float | None = None
    decided_by: str | None = None


@dataclass(frozen=True, slots=True)
class Reference:
    """One annotator's label for a response: what a judge is measured against, and what corrects it.

    `target` and `method` are None where the labels do not say them: then they hold for every target or method that
    answered the item. `label` is None where `status` is `unparsed`; `text` is what was read. `probability` is the
    chance with which the response was picked for labelling, None where the labels were not sampled.
    """

    item_id: str
    target: str | None
    method: str | None
    annotator: str
    rubric: str
    status: Literal["ok", "unparsed"]
    label: str | None
    text: str | None
    probability: float | None
    source: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """One metric in one slice: a rate (fraction 0-1) with its interval and bounds.

    `value`, `low`, `high` are None where nothing was scored, or where `note` says why the estimator has none.
    `bound_low` and `bound_high` are the values the metric would have if every unscored item were wrong, or right.
    `estimator` is `plugin` (the judge's verdicts as they are), or one that reference labels correct; these tell how
    many labels they had and to how many labels alone their interval is worth.
    """

    metric: str
    judge: str
    target: str | None
    method: str | None
    scenario: str | None
    channel: str | None
    category: str | None
    value: float | None
    low: float | None
    high: float | None
    level: float
    n: int
    n_unscored: int
    bound_low: float | None
    bound_high: float | None
    estimator: str
    interval: str
    n_labels: int = 0
    effective_labels: float | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class FurtherShare:
    """Share (fraction 0-1) of the responses of one class that a further rubric flags, with its interval and bounds.

    `label` is the class that `judge` gave under the run's own rubric, None for all responses, whether it could give
    one or not; `target` is None for all targets. `n` responses were scored by the further rubric, `n_unscored` were
    not: `bound_low` and `bound_high` are the shares if none of those were flagged, or all. `value`, `low` and `high`
    are None where nothing was scored, the bounds too where there is no such response.
    """

    also_rubric: str
    judge: str
    target: str | None
    label: str | None
    value: float | None
    low: float | None
    high: float | None
    level: float
    n: int
    n_unscored: int
    bound_low: float | None
    bound_high: float | None
    interval: str


@dataclass(frozen=True, slots=True)
class OrderEffect:
    """How much p_flagged of one response moves with the order in which a judge is shown the classes.

    `mean` and `p95` (95th percentile) are of the differences between the extremes over the orders, `turned` is the
    share of responses that one order would flag and another would not; all fractions 0-1, over the `n` responses
    for which there are extremes.
    """

    judge: str
    orders: int
    n: int
    mean: float
    p95: float
    turned: float
