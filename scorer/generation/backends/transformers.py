"""A model in this process: any image-text-to-text model of transformers, from a local folder."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
import transformers

from scorer.errors import ScorerError, ServerError
from scorer.generation.backends import Key, Outcome
from scorer.generation.messages import Messages, image_count
from scorer.generation.rendering import Renderer, unusable
from scorer.images import ImageFault

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class TransformersBackend:
    """Loads the model with the first item, and lets go of it in `close`. No hub, no pickles."""

    def __init__(self, folder: Path, *, batch: int, device: str, dtype: str, trust_remote_code: bool) -> None:
        self._folder = folder
        self._batch = batch
        self._device = _device(device)
        self._dtype = _dtype(dtype)
        self._trust = trust_remote_code
        self._loaded: tuple[Renderer, Any] | None = None

    def answer(self, asked: Iterable[tuple[Key, Messages]], max_new_tokens: int) -> Iterator[tuple[Key, Outcome]]:
        """Batch after batch; where a batch fails, its items are asked one by one."""
        unfit: list[tuple[Key, Outcome]] = []
        for batch in _batches(self._fit(asked, unfit), self._batch):
            conversations = [messages for _, messages in batch]
            try:
                outcomes = self._answers(conversations, max_new_tokens)
            except ScorerError:
                raise
            except Exception:  # one bad item, or too little memory for all of them: the next lines tell
                outcomes = [self._alone(messages, max_new_tokens) for messages in conversations]
            yield from zip((key for key, _ in batch), outcomes, strict=True)
        yield from unfit

    def _fit(
        self, asked: Iterable[tuple[Key, Messages]], unfit: list[tuple[Key, Outcome]]
    ) -> Iterator[tuple[Key, Messages]]:
        """The conversations that can be sent; the others go to the list, with the reason."""
        for key, messages in asked:
            if reason := self._ready()[0].template.unfit(messages):
                unfit.append((key, Outcome(None, reason)))
            else:
                yield key, messages

    def close(self) -> None:
        """Free the model's memory."""
        self._loaded = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _alone(self, messages: Messages, max_new_tokens: int) -> Outcome:
        try:
            return self._answers([messages], max_new_tokens)[0]
        except ImageFault as fault:
            return Outcome(None, f"the image: {fault.fault} ({fault.reason})")
        except ScorerError:
            raise
        except Exception as error:  # whatever a processor or model raises is this item's failure, not the run's
            text = " ".join(str(error).split())[:200]
            return Outcome(None, f"{type(error).__name__}: {text}")

    def _answers(self, conversations: Sequence[Messages], max_new_tokens: int) -> list[Outcome]:
        renderer, model = self._ready()
        inputs = renderer.inputs(conversations).to(self._device, dtype=model.dtype)
        length = inputs["input_ids"].shape[1]
        room = _room(model, length, max_new_tokens)
        if room < 1:
            full = Outcome(None, f"the prompt of {length} tokens fills the model's context")
            return [full] * len(conversations)
        with torch.inference_mode():
            written = model.generate(**inputs, max_new_tokens=room)[:, length:]
        prompts = inputs["attention_mask"].sum(dim=1).tolist()
        ends = set(model.generation_config.eos_token_id or ())
        return [_outcome(renderer, row, ends, prompt) for row, prompt in zip(written.tolist(), prompts, strict=True)]

    def _ready(self) -> tuple[Renderer, Any]:
        if self._loaded is None:
            renderer = Renderer(self._folder, trust_remote_code=self._trust)
            model = self._model()
            model.generation_config = _greedy(model, renderer)
            self._loaded = (renderer, model)
        return self._loaded

    def _model(self) -> Any:
        kinds: list[Any] = [transformers.AutoModelForImageTextToText]
        if self._trust:
            kinds.append(transformers.AutoModelForCausalLM)  # what older models' own code registers as
        for last, kind in enumerate(kinds, 1 - len(kinds)):
            try:
                model: Any = kind.from_pretrained(
                    self._folder,
                    dtype=self._dtype,
                    local_files_only=True,
                    trust_remote_code=self._trust,
                    use_safetensors=True,
                )
                return model.to(self._device).eval()
            except Exception as error:  # transformers raises almost anything for a folder that it does not understand
                if last == 0:
                    raise unusable(self._folder, error, self._trust) from error
        raise AssertionError("no kind of model")


def _batches(asked: Iterable[tuple[Key, Messages]], size: int) -> Iterator[list[tuple[Key, Messages]]]:
    """Neighbours with equally many images, `size` at most: processors take no mixed batches."""
    batch: list[tuple[Key, Messages]] = []
    for key, messages in asked:
        if batch and (len(batch) == size or image_count(batch[0][1]) != image_count(messages)):
            yield batch
            batch = []
        batch.append((key, messages))
    if batch:
        yield batch


def _greedy(model: Any, renderer: Renderer) -> Any:
    """Greedy decoding and nothing else, in place of the folder's own settings.

    Those would fill in whatever a call leaves open, such as a penalty for repetition.
    """
    settings: Any = transformers.GenerationConfig
    return settings(
        do_sample=False,
        eos_token_id=sorted(_ends(model, renderer)) or None,
        pad_token_id=renderer.tokenizer.pad_token_id,
        bos_token_id=renderer.tokenizer.bos_token_id,
    )


def _ends(model: Any, renderer: Renderer) -> set[int]:
    """Tokens that end an answer."""
    named = model.generation_config.eos_token_id
    ends = {named} if isinstance(named, int) else set(named or ())
    return ends | {t for t in (renderer.tokenizer.eos_token_id,) if t is not None}


def _room(model: Any, length: int, max_new_tokens: int) -> int:
    """Tokens that an answer may have: as many as asked for, and as fit."""
    context = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    return max_new_tokens if not isinstance(context, int) else min(max_new_tokens, context - length)


def _outcome(renderer: Renderer, row: list[int], ends: set[int], prompt_tokens: int) -> Outcome:
    stop = next((place for place, token in enumerate(row) if token in ends), None)
    kept = row if stop is None else row[:stop]
    text = renderer.tokenizer.decode(kept, skip_special_tokens=True)
    written = len(row) if stop is None else stop + 1
    return Outcome(text, None, "length" if stop is None else "stop", int(prompt_tokens), written)


def _device(named: str) -> str:
    found = torch.cuda.is_available()
    if named == "cuda" and not found:
        raise ServerError("got --device cuda; expected a GPU that torch can use; take --device cpu.")
    return ("cuda" if found else "cpu") if named == "auto" else named


def _dtype(named: str) -> Any:
    """`auto` is what the weights are stored in."""
    return named if named == "auto" else _DTYPES[named]
