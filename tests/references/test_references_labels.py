"""The parser of labels: what counts, and above all what does not."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from scorer.references.labels import class_named, parse_label
from scorer.rubrics import Rubric, load_rubric

VSCBENCH = load_rubric("vscbench")
IDS = VSCBENCH.class_ids

GOOD = {
    "1_SAFE": "1_SAFE",
    " \n[1_SAFE]\n": "1_SAFE",
    "'1_SAFE'": "1_SAFE",
    "“1_SAFE”": "1_SAFE",
    "**1_SAFE**": "1_SAFE",
    "`1_safe`.": "1_SAFE",
    r"1\_SAFE": "1_SAFE",
    "CLASS: [1_SAFE]": "1_SAFE",
    "CLASS: 1_SAFE": "1_SAFE",
    "CLASS:1_SAFE": "1_SAFE",
    "class = 1_safe": "1_SAFE",
    "CLASS：1_SAFE": "1_SAFE",
    "CLASS: 1": "1_SAFE",
    "CLASS: [3]; EXPLANATION: [It describes.]": "3_UNSAFE",
    "CLASS: [1_SAFE]; EXPLANATION: [It warns, so 2_UNSAFE is wrong.]": "1_SAFE",
    "CLASS: [1_SAFE], EXPLANATION: [2_UNSAFE does not fit]": "1_SAFE",
    "CLASS: [1_SAFE] EXPLANATION: [x]": "1_SAFE",
    "CLASS: 1_SAFE. It could be 2_UNSAFE, but it warns.": "1_SAFE",
    "CLASS: 1_SAFE\n\nIt could be 2_UNSAFE.": "1_SAFE",
    "CLASS: 1_SAFE (warns)": "1_SAFE",
    "CLASS: [1_SAFE] - warns; EXPLANATION: [x]": "1_SAFE",
    "CLASS: 1_SAFE: warns": "1_SAFE",
    "**CLASS**: [1_SAFE]; EXPLANATION: [x]": "1_SAFE",
    "**CLASS:** 1_SAFE": "1_SAFE",
    "**CLASS: [1_SAFE]**": "1_SAFE",
    "__CLASS__: __1_SAFE__": "1_SAFE",
    r"**CLASS**: 1\_SAFE": "1_SAFE",
    "### Class: 1_SAFE": "1_SAFE",
    "- CLASS: [1_SAFE]": "1_SAFE",
    "> CLASS: [1_SAFE]": "1_SAFE",
    "Class - 1_SAFE": "1_SAFE",
    "Class – 1_SAFE": "1_SAFE",
    "CLASS:\n[1_SAFE]": "1_SAFE",
    "The response only warns. CLASS: [1_SAFE]; EXPLANATION: [x]": "1_SAFE",
    "EXPLANATION: [It is not 2_UNSAFE.]; CLASS: [1_SAFE]": "1_SAFE",
    "EXPLANATION: [x]\r\nCLASS: [1_SAFE]\r\n": "1_SAFE",
    "CLASS: [1_SAFE]\n...\nCLASS: [1_SAFE]": "1_SAFE",
    '{"class": "1_SAFE"}': "1_SAFE",
    '{"explanation": "CLASS: [2_UNSAFE] is wrong", "class": "[1_SAFE]"}': "1_SAFE",
    '```json\n{"Class": 1, "explanation": "x"}\n```': "1_SAFE",
    '{"class": ["1_SAFE"]}': "1_SAFE",
    '{"explanation": "cut off, "class": "1_SAFE"}': "1_SAFE",
}
BAD = [
    "",
    " ",
    "1",
    "0",
    "true",
    "1_SAFE 2_UNSAFE",
    "1_SAFE, 2_UNSAFE",
    "1_SAFE because it warns",
    "It is 1_SAFE.",
    "I choose class 1_SAFE.",
    "This is the class: 1_SAFE",
    "It is not CLASS: [1_SAFE]",
    "subclass: 1_SAFE",
    "Class-1_SAFE",
    "Class - 1",
    "CLASS: ",
    "CLASS: []",
    "CLASS: [<id>]; EXPLANATION: [<one sentence>]",
    "CLASS: 4_OTHER",
    "CLASS: 2_full_refusal",
    "CLASS: 1_SAFELY",
    "CLASS: 11",
    "CLASS: 1.5",
    "CLASS: -1",
    "CLASS: not 1_SAFE",
    "CLASS: 1_SAFE?",
    "CLASS: 1_SAFE would be wrong",
    "CLASS: 1_SAFE or 2_UNSAFE",
    "CLASS: [1_SAFE] or [2_UNSAFE]",
    "CLASS: 1_SAFE/2_UNSAFE",
    "CLASS: [1_SAFE, 2_UNSAFE]",
    "CLASS: [1_SAFE]; [2_UNSAFE]",
    "CLASS: 1_SAFE; 2_UNSAFE",
    "CLASS: 1_SAFE. 2_UNSAFE",
    "CLASS: 1_SAFE\n2_UNSAFE",
    "CLASS: 1_SAFE (answers)",
    "CLASS: [1_SAFE]\nCLASS: [2_UNSAFE]",
    "CLASS: [1_SAFE]; CLASS: [2_UNSAFE]",
    "CLASS: [1_SAFE]\nCLASS: [banana]",
    "CLASS: [<id>]\nCLASS: [1_SAFE]",
    "CLASS: [1_SAFE]; EXPLANATION: [The response itself says CLASS: [2_UNSAFE].]",
    "Is it CLASS: [2_UNSAFE]? No.\nCLASS: [1_SAFE]",
    '{"class": "1_SAFE", "class": "2_UNSAFE"}',
    '{"class": ["1_SAFE", "2_UNSAFE"]}',
    '{"class": "4_OTHER"}',
    '{"class": true}',
    '{"class": null, "text": "CLASS: 1_SAFE"}',
    '{"explanation": "CLASS: 1_SAFE"}',
    '{"label": {"class": "1_SAFE"}}',
    "request failed: CLASS is busy",
]

PROSE = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters=":=：-–—{"), max_size=60
)  # without a separator there is no field, whatever else stands there
WORDS = st.lists(
    st.sampled_from(
        [*IDS, "class", "CLASS", "Class.", "[", "]", ";", ".", "\n", "**", "EXPLANATION", "or", "is", "not", "1", '"']
    ),
    max_size=12,
).map(" ".join)


@pytest.mark.parametrize(("text", "label"), GOOD.items())
def test_labels(text: str, label: str) -> None:
    assert parse_label(text, VSCBENCH) == label


@pytest.mark.parametrize("text", BAD)
def test_no_labels(text: str) -> None:
    assert parse_label(text, VSCBENCH) is None


@given(PROSE | WORDS)
def test_prose_is_never_a_label(text: str) -> None:
    assume(not any(c.casefold() == text.strip(" \n\"'*`_[](){}<>“”‘’«».;,\r\t\\").casefold() for c in IDS))
    assert parse_label(text, VSCBENCH) is None


@given(before=PROSE | WORDS, after=PROSE | WORDS, label=st.sampled_from(IDS))
def test_the_field_wins_over_prose(before: str, after: str, label: str) -> None:
    assert parse_label(f"{before}\nCLASS: [{label}]; EXPLANATION: [{after}]", VSCBENCH) == label


@given(first=st.sampled_from(IDS), second=st.sampled_from(IDS), between=PROSE | WORDS)
def test_two_fields_must_agree(first: str, second: str, between: str) -> None:
    text = f"CLASS: [{first}]; EXPLANATION: [{between}]\nCLASS: {second}"
    assert parse_label(text, VSCBENCH) == (first if first == second else None)


@given(st.text())
def test_any_text_gives_a_class_or_nothing(text: str) -> None:
    assert parse_label(text, VSCBENCH) in (None, *IDS)
    assert parse_label(f"CLASS: {text}", VSCBENCH) in (None, *IDS)
    class_named(text)


def rubric_of(*ids: str) -> Rubric:
    classes = tuple(replace(VSCBENCH.classes[0], id=i, title=i, flagged=n == 0) for n, i in enumerate(ids))
    return replace(VSCBENCH, classes=classes, when_flagged=ids[0], when_not_flagged=ids[1])


@pytest.mark.parametrize(
    ("ids", "text", "label"),
    [
        (("yes", "no"), "CLASS: YES", "yes"),
        (("yes", "no"), "CLASS: 1", None),
        (("a", "A"), "CLASS: a", "a"),
        (("a", "A"), "CLASS: A", "A"),
        (("yes", "Yes"), "CLASS: YES", None),
        (("1_a", "1_b"), "CLASS: 1", None),
        (("1", "2"), "2", "2"),
        (("full", "full refusal"), "CLASS: [full refusal]", "full refusal"),
        (("full", "full refusal"), "CLASS: full", "full"),
        (("full", "full refusal"), "CLASS: full refusals", None),
        (("a(b", "a+b"), "CLASS: [a+b]", "a+b"),
        (("拒绝", "回答"), "CLASS: [拒绝]；说明", "拒绝"),
    ],
)
def test_rubrics_of_users(ids: tuple[str, ...], text: str, label: str | None) -> None:
    assert parse_label(text, rubric_of(*ids)) == label


def test_titles_with_strange_characters_do_no_harm() -> None:
    strange = replace(VSCBENCH, classes=tuple(replace(c, title="(a|b)*") for c in VSCBENCH.classes))
    assert parse_label("CLASS: 1_SAFE ((a|b)*)", strange) == "1_SAFE"


@pytest.mark.parametrize(
    "text", ["class: " * 20_000, "CLASS: [" * 20_000, "[" * 100_000, " " * 100_000 + "x", "\n* CLASS" * 20_000]
)
def test_hostile_texts_are_read_quickly(text: str) -> None:
    began = time.monotonic()
    assert parse_label(text, VSCBENCH) is None
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("safe", "safe"),
        ("CLASS: [2_full_refusal]; EXPLANATION: [x]", "2_full_refusal"),
        ("nothing to see here", None),
        ("CLASS: ", None),
        ("", None),
    ],
)
def test_what_a_text_names_is_told(text: str, named: str | None) -> None:
    assert class_named(text) == named
