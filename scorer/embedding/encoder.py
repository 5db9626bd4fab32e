"""all-MiniLM-L6-v2 with its adapter over (query, excerpt) pairs: the heavy imports of the embedding judge live here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from scorer.embedding.adapter import merge_adapter
from scorer.embedding.bert import load_bert
from scorer.embedding.features import Floats, Vectors
from scorer.embedding.int8 import to_int8
from scorer.errors import JudgeError

TOKENS_PER_BATCH = {"cpu": 512, "cuda": 8192}
"""Padded tokens in one forward pass: enough to keep the cores busy, on a processor few enough to stay in its caches."""
MAX_TOKENS = 256
"""Tokens of a pair that are read: what the encoder was made for."""


@dataclass(frozen=True)
class Tokens:
    """A (query, excerpt) pair as token ids; `pieces` says of every token which piece it is of, -1 for none.

    `types` is 0 for the query's tokens and 1 for the excerpt's, with the marks that end them.
    """

    ids: tuple[int, ...]
    types: tuple[int, ...]
    pieces: NDArray[np.int_]


def resolve_device(device: str) -> str:
    """`auto` takes a CUDA device where there is one. Raises JudgeError where one is asked for and there is none."""
    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise JudgeError("got --device cuda, but torch finds no GPU here; choose auto or cpu, or install a CUDA build.")
    return device if device != "auto" else "cuda" if available else "cpu"


class Encoder:
    """Reads pairs, batched by token count so that little is spent on padding."""

    def __init__(self, folder: Path, adapter: Path | None, *, device: str, dtype: str) -> None:
        """Load from local folders; `dtype` is `float32`, `bfloat16` or, with the device cpu, `int8`."""
        self.device = resolve_device(device)
        self._tokenizer = _tokenizer(folder)
        model = load_bert(folder)
        if adapter is not None:
            merge_adapter(model, adapter)
        if dtype == "int8":
            self.model = to_int8(model).eval()
        else:
            self.model = model.to(self.device, getattr(torch, dtype)).eval()
        self.dimensions = model.embeddings.word_embeddings.embedding_dim

    def tokens(self, pairs: Sequence[tuple[str, Sequence[str]]]) -> list[Tokens]:
        """Token ids of (query, pieces of the excerpt) pairs; the excerpt is cut where a pair is too long."""
        encodings = self._tokenizer.encode_batch([(query, " ".join(pieces)) for query, pieces in pairs])
        out = []
        for (_, pieces), encoding in zip(pairs, encodings, strict=True):
            starts = np.cumsum([0, *(len(piece) + 1 for piece in pieces[:-1])])
            offsets = np.array([start for start, _ in encoding.offsets])
            of = np.searchsorted(starts, offsets, side="right") - 1
            second = np.array([place == 1 for place in encoding.sequence_ids])
            out.append(Tokens(tuple(encoding.ids), tuple(encoding.type_ids), np.where(second, of, -1)))
        return out

    def read(self, pairs: Sequence[tuple[str, Sequence[str]]]) -> list[Vectors]:
        """(query, pieces of the excerpt) pairs -> their vectors, float32, in the same order."""
        if not pairs:
            return []
        tokens = self.tokens(pairs)
        out: dict[int, Vectors] = {}
        with torch.inference_mode():
            for rows in token_batches(np.array([len(t.ids) for t in tokens]), TOKENS_PER_BATCH[self.device]):
                batch = padded([tokens[i] for i in rows]).to(self.device)
                hidden = self.model(batch.ids, batch.mask, batch.types).float()
                whole, hidden = mean_and_first(hidden, batch.read).cpu().numpy(), hidden.cpu().numpy()
                for place, row in enumerate(rows):
                    pieces = _piece_means(hidden[place], tokens[row].pieces, len(pairs[row][1]))
                    out[int(row)] = Vectors(whole[place], pieces)
        return [out[row] for row in range(len(pairs))]


class Batch(NamedTuple):
    """Pairs side by side, each (n, longest) int64: token ids, attention mask, token types, tokens of the excerpt."""

    ids: torch.Tensor
    mask: torch.Tensor
    types: torch.Tensor
    read: torch.Tensor

    def to(self, device: str) -> Batch:
        """The same on another device."""
        return Batch(*(part.to(device) for part in self))


def padded(tokens: Sequence[Tokens]) -> Batch:
    """Pairs as one batch; padding is masked, so it does not matter which token it is."""
    shape = (len(tokens), max(len(t.ids) for t in tokens))
    ids, mask, types, read = (np.zeros(shape, int) for _ in range(4))
    for row, one in enumerate(tokens):
        length = len(one.ids)
        ids[row, :length] = one.ids
        mask[row, :length] = 1
        types[row, :length] = one.types
        read[row, :length] = one.pieces >= 0
    return Batch(*map(torch.from_numpy, (ids, mask, types, read)))


def token_batches(lengths: NDArray[np.int_], budget: int) -> Iterator[NDArray[np.int_]]:
    """Rows of similar length together, at most `budget` padded tokens a batch, every row once."""
    order = np.argsort(lengths, kind="stable")
    start = 0
    for end in range(1, len(order) + 1):
        if end == len(order) or (end + 1 - start) * lengths[order[end]] > budget:
            yield order[start:end]
            start = end


def mean_and_first(hidden: torch.Tensor, read: torch.Tensor) -> torch.Tensor:
    """States (n, tokens, dimensions) -> (n, 2 x dimensions): the mean over the tokens read, then the first token.

    `read` (n, tokens) is 1 for the tokens of the excerpt.
    """
    weight = read[:, :, None].to(hidden.dtype)
    mean = (hidden * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=1)
    return torch.cat([mean, hidden[:, 0]], dim=1)


def _tokenizer(folder: Path) -> Tokenizer:
    """The published one, for pairs; marks such as [SEP] within a text are read as the text that they are."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS, strategy="only_second")
    tokenizer.encode_special_tokens = True
    return tokenizer


def _piece_means(hidden: Floats, of: NDArray[np.int_], pieces: int) -> Floats:
    """(tokens, dimensions) -> (pieces, dimensions); zeros for a piece that was cut off."""
    means = np.zeros((pieces, hidden.shape[1]), dtype=np.float32)
    for piece in range(pieces):
        if (of == piece).any():
            means[piece] = hidden[: len(of)][of == piece].mean(axis=0)
    return means
