"""Rubrics: the shipped ones hold together, and a broken one is refused with what is wrong."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorer.assets import asset
from scorer.errors import RubricError
from scorer.rubrics import load_rubric, rubric_from_record, rubric_names

GOOD = """
name = "mine"
version = 1
[[classes]]
id = "no"
definition = "declines"
flagged = true
[[classes]]
id = "yes"
definition = "answers"
flagged = false
"""


def test_the_published_classes() -> None:
    assert rubric_names() == ["toxicity", "vscbench", "xstest"]
    vscbench, xstest = load_rubric("vscbench"), load_rubric("xstest")
    assert vscbench.class_ids == ("0_SAFE", "1_SAFE", "2_UNSAFE", "3_UNSAFE")
    assert vscbench.flagged_ids == {"0_SAFE", "1_SAFE"}
    assert vscbench.irrelevant_ids == {"3_UNSAFE"}
    assert xstest.class_ids == ("1_full_compliance", "2_full_refusal", "3_partial_refusal")
    assert xstest.flagged_ids == {"2_full_refusal", "3_partial_refusal"}
    toxicity = load_rubric("toxicity")
    assert toxicity.class_ids == ("0_CLEAN", "1_TOXIC")
    assert toxicity.flagged_ids == {"1_TOXIC"}
    assert {r.name: (r.needs_reader, r.sra) for r in (vscbench, xstest, toxicity)} == {
        "vscbench": (False, True),
        "xstest": (False, True),
        "toxicity": (True, False),
    }


@pytest.mark.parametrize("name", ["vscbench", "xstest"])
def test_the_heads_belong_to_the_rubrics(name: str) -> None:
    """Examples and flags are no part of the digest that ties a head to its rubric."""
    manifest = json.loads((asset("models", "refusal-minilm") / "manifest.json").read_text(encoding="utf-8"))
    assert load_rubric(name).digest == manifest["heads"][name]["rubric_digest"]
    bare = replace(load_rubric(name), examples=(), task="another", instructions="others")
    assert bare.digest == load_rubric(name).digest


def test_a_flag_that_is_not_as_usual_makes_another_digest() -> None:
    made = [
        replace(load_rubric("vscbench"), needs_reader=n, sra=s).digest for n in (False, True) for s in (True, False)
    ]
    assert len(set(made)) == 4


@pytest.mark.parametrize("name", rubric_names())
def test_every_class_has_two_or_three_short_examples(name: str) -> None:
    rubric = load_rubric(name)
    assert all(2 <= sum(e.label == c for e in rubric.examples) <= 3 for c in rubric.class_ids)
    assert all(len(e.query) + len(e.response) < 250 for e in rubric.examples)
    assert len({(e.query, e.response) for e in rubric.examples}) == len(rubric.examples)


@pytest.mark.parametrize("name", rubric_names())
def test_a_run_keeps_the_whole_rubric(name: str) -> None:
    rubric = load_rubric(name)
    record = json.loads(json.dumps(asdict(rubric)))
    assert rubric_from_record(record) == rubric
    old = {k: v for k, v in record.items() if k not in ("examples", "instructions", "needs_reader", "sra")}
    assert rubric_from_record(old) == replace(rubric, examples=(), instructions="", needs_reader=False, sra=True)


@pytest.mark.parametrize("name", rubric_names())
def test_every_rubric_tells_its_source_and_binary_classes(name: str) -> None:
    rubric = load_rubric(name)
    assert rubric.source != "not stated"
    assert rubric.when_flagged in rubric.flagged_ids
    assert rubric.when_not_flagged not in rubric.flagged_ids | rubric.irrelevant_ids


@given(st.lists(st.floats(0.001, 1), min_size=4, max_size=4))
def test_the_label_stands_on_the_decided_side(weights: list[float]) -> None:
    rubric = load_rubric("vscbench")
    p = tuple(w / sum(weights) for w in weights)
    label = rubric.decide(p)
    assert (label in rubric.flagged_ids) == (rubric.p_flagged(p) >= 0.5)
    side = [q for q, c in zip(p, rubric.classes, strict=True) if c.flagged == (label in rubric.flagged_ids)]
    assert p[rubric.class_ids.index(label)] == max(side)


def test_two_small_flagged_classes_outweigh_one_larger() -> None:
    # 0.3 + 0.3 flagged against 0.4: flagged, although the single most probable class is not
    assert load_rubric("vscbench").decide((0.3, 0.3, 0.4, 0.0)) == "0_SAFE"


def test_a_users_own_rubric(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD, encoding="utf-8")
    rubric = load_rubric(str(path))
    assert rubric.class_ids == ("no", "yes")
    assert (rubric.when_flagged, rubric.when_not_flagged) == ("no", "yes")
    path.write_text(GOOD.replace("declines", "refuses"), encoding="utf-8")
    assert load_rubric(str(path)).digest != rubric.digest


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("flagged = true", "flagged = false"), "flagged = true and one with flagged = false"),
        (('id = "yes"', 'id = "no"'), "expected every id once"),
        (("version = 1", 'version = "one"'), "expected a whole number"),
        (('definition = "answers"', ""), "for definition in class 2"),
        (("flagged = false", 'flagged = "no"'), "expected true or false"),
        (
            ("version = 1", 'version = 1\nneeds_reader = "yes"'),
            "needs_reader in the rubric; expected true or false",
        ),
        (("version = 1", "version = 1\nsra = 0"), "got 0 for sra in the rubric; expected true or false"),
        (("flagged = true", "flagged = true\nirrelevant = true"), "both flagged and irrelevant"),
        (("[[classes]]", "[classes]"), "not valid TOML"),
        (('id = "yes"', 'id = "yes"\nirrelevant = 3'), "expected true or false"),
        (('name = "mine"', 'name = "mine"\nbinary = {flagged = "yes"}'), "expected a class with flagged = true"),
    ],
)
def test_a_broken_rubric_is_refused(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD.replace(*change), encoding="utf-8")
    with pytest.raises(RubricError, match=re.escape(said)):
        load_rubric(str(path))


@pytest.mark.parametrize("name", ["nothing", "nothing.toml"])
def test_an_unknown_rubric_is_refused(name: str) -> None:
    with pytest.raises(RubricError, match="nothing"):
        load_rubric(name)
