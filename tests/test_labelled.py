"""Which label belongs to which response."""

from __future__ import annotations

import polars as pl
import pytest

from scorer.errors import InputError
from scorer.labelled import attach, choose_annotator, match, refuse_other_rubric
from scorer.records import Reference
from scorer.references import reference_frame

RESPONSES = pl.DataFrame(
    [("1", "a", "plain"), ("1", "b", "plain"), ("1", "b", "cot"), ("2", "a", "plain")],
    schema=["item_id", "target", "method"],
    orient="row",
)


def label(
    item: str,
    target: str | None,
    method: str | None,
    name: str | None,
    annotator: str = "p",
    rubric: str = "xstest",
    probability: float | None = None,
) -> Reference:
    """One reference; without a class it is unparsed."""
    status = "ok" if name else "unparsed"
    return Reference(item, target, method, annotator, rubric, status, name, name, probability, "file")  # type: ignore[arg-type]


def test_a_label_without_target_or_method_holds_for_all_of_them() -> None:
    found = attach(RESPONSES, reference_frame([label("1", None, None, "x", probability=0.25)]))
    assert found["truth"].to_list() == ["x", "x", "x", None]
    assert found["probability"].to_list() == [0.25, 0.25, 0.25, None]


def test_the_more_specific_label_counts() -> None:
    labels = [label("1", None, None, "any"), label("1", "b", None, "b"), label("1", "b", "cot", "b cot")]
    assert attach(RESPONSES, reference_frame(labels))["truth"].to_list() == ["any", "b", "b cot", None]


def test_an_unparsed_label_is_no_label_and_the_first_parsed_counts() -> None:
    labels = [label("2", "a", None, None), label("2", "a", None, "first"), label("2", "a", None, "second")]
    assert attach(RESPONSES, reference_frame(labels))["truth"].to_list() == [None, None, None, "first"]
    assert len(match(RESPONSES, reference_frame(labels))) == 3


def test_rows_without_any_label_stay_in_order() -> None:
    found = attach(RESPONSES, reference_frame([label("nothing", None, None, "x")]))
    assert found["truth"].to_list() == [None] * 4


def test_whose_labels_count() -> None:
    two = reference_frame([label("1", None, None, "x", "ann"), label("1", None, None, "y", "bob")])
    with_final = reference_frame([label("1", None, None, "x", "ann"), label("1", None, None, "y", "final")])
    assert choose_annotator(two, "bob")["label"].to_list() == ["y"]
    assert choose_annotator(with_final, None)["label"].to_list() == ["y"]
    assert choose_annotator(two.head(1), None)["label"].to_list() == ["x"]
    with pytest.raises(InputError, match="annotators ann, bob"):
        choose_annotator(two, None)
    with pytest.raises(InputError, match="'carl' among them"):
        choose_annotator(two, "carl")


def test_labels_of_another_rubric_are_refused() -> None:
    labels = reference_frame([label("1", None, None, "x", rubric="vscbench")])
    with pytest.raises(InputError, match="under the rubric vscbench"):
        refuse_other_rubric(labels, "xstest", ["x"])
    with pytest.raises(InputError, match="the classes x"):
        refuse_other_rubric(labels, "vscbench", ["0_SAFE"])
    refuse_other_rubric(labels, "vscbench", ["x"])
