"""all-MiniLM-L6-v2 through sentence-transformers: the heavy imports of the embedding judge live here."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

from scorer.errors import JudgeError

TOKENS_PER_BATCH = 4096
"""Padded tokens in one forward pass: large enough to keep the cores busy, small enough to stay in cache."""


def resolve_device(device: str) -> str:
    """`auto` takes a CUDA device where there is one. Raises JudgeError where one is asked for and there is none."""
    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise JudgeError("got --device cuda, but torch finds no GPU here; choose auto or cpu, or install a CUDA build.")
    return device if device != "auto" else "cuda" if available else "cpu"


class Encoder:
    """Unit-length sentence embeddings, batched by token count so that little is spent on padding."""

    def __init__(self, folder: Path, *, device: str, dtype: str) -> None:
        """Load from a local folder; `dtype` is `float32` or `bfloat16`."""
        logging.getLogger("transformers").setLevel(logging.ERROR)
        _quiet_progress_bars()
        self.device = resolve_device(device)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = SentenceTransformer(
                str(folder),
                device=self.device,
                local_files_only=True,
                model_kwargs={"torch_dtype": getattr(torch, dtype)},
            )
        self._model = model.eval()
        self._max_tokens = int(model.max_seq_length or 256)
        self.dimensions = int(model.get_embedding_dimension() or 0)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n,) texts -> (n, dimensions) float32, each row of length 1; texts are cut at the model's token limit."""
        out = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        if not texts:
            return out
        tokens = self._model.tokenizer(
            list(texts), truncation=True, max_length=self._max_tokens, padding=False, return_attention_mask=False
        )["input_ids"]
        lengths = np.array([len(ids) for ids in tokens])
        with torch.inference_mode():
            for rows in token_batches(lengths):
                batch = self._model.tokenizer.pad({"input_ids": [tokens[i] for i in rows]}, return_tensors="pt")
                features = {key: value.to(self.device) for key, value in batch.items()}
                vectors = self._model(features)["sentence_embedding"].float()
                out[rows] = torch.nn.functional.normalize(vectors, dim=1).cpu().numpy()
        return out


def token_batches(lengths: NDArray[np.int_], budget: int = TOKENS_PER_BATCH) -> Iterator[NDArray[np.int_]]:
    """Rows of similar length together, at most `budget` padded tokens a batch, every row once."""
    order = np.argsort(lengths, kind="stable")
    start = 0
    for end in range(1, len(order) + 1):
        if end == len(order) or (end + 1 - start) * lengths[order[end]] > budget:
            yield order[start:end]
            start = end


def _quiet_progress_bars() -> None:
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
