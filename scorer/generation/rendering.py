"""Conversations -> what a model reads: its own processor and chat template, from a local folder.

The texts are those that vLLM makes of the same conversation: templates that take lists of parts get them, others get
the image's placeholder, a line break, and the text.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scorer.errors import ServerError
from scorer.generation.messages import Message, Messages
from scorer.images import as_shown

_PROBE = "scorer probe"
_PLACES = ("image_token", "boi_token")
"""What processors call the texts that stand for an image."""


@dataclass(frozen=True, slots=True)
class Template:
    """What whoever fills a model's chat template must know of it."""

    adds_special_tokens: bool
    """Whether the tokenizer must begin the sequence because the template does not."""
    places: tuple[str, ...] = ()
    """Texts that stand for an image."""

    def unfit(self, messages: Messages) -> str | None:
        """Why a conversation cannot be sent: words in it would be taken for an image. None where it can."""
        held = next((place for place in self.places for m in messages if place in m.text), None)
        return held and f"the text holds {held}, which stands for an image with this model; take it out of the text"


class Renderer:
    """The processor of a model folder. Raises ServerError where the folder has none that can be used."""

    def __init__(self, folder: Path, *, trust_remote_code: bool = False) -> None:
        self._folder = folder
        self.processor = _load(folder, trust_remote_code)
        self.tokenizer = getattr(self.processor, "tokenizer", self.processor)
        self._takes_parts = self._probe()
        self.tokenizer.padding_side = "left"
        if self.tokenizer.pad_token is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        # a template that writes the sequence's beginning itself must not get a second one from the tokenizer
        start = self.tokenizer.bos_token
        begun = bool(start and self.text((Message("user", _PROBE),)).startswith(start))
        named = (getattr(some, name, None) for some in (self.processor, self.tokenizer) for name in _PLACES)
        self.template = Template(not begun, tuple(dict.fromkeys(n for n in named if isinstance(n, str) and n)))

    def text(self, messages: Messages) -> str:
        """The conversation as the template writes it, up to where the answer begins."""
        content = self._parts if self._takes_parts else self._string
        turns = [{"role": m.role, "content": content(m)} for m in messages]
        return str(self.processor.apply_chat_template(turns, add_generation_prompt=True, tokenize=False))

    def inputs(self, conversations: Sequence[Messages]) -> Any:
        """Tensors for a batch of conversations with equally many images each, padded on the left.

        Raises ImageFault for a bad image, and whatever the processor raises for what it cannot take.
        """
        images = [[as_shown(m.image) for m in messages if m.image] for messages in conversations]
        settings: dict[str, Any] = {"padding": True, "add_special_tokens": self.template.adds_special_tokens}
        if images[0]:
            settings["images"] = images
        return self.processor(text=[self.text(m) for m in conversations], return_tensors="pt", **settings)

    def _probe(self) -> bool:
        """Whether the template takes lists of parts: their text must come out, and not as a list."""
        turn = {"role": "user", "content": self._parts(Message("user", _PROBE))}
        try:
            text = self.processor.apply_chat_template([turn], add_generation_prompt=True, tokenize=False)
        except Exception as error:  # Jinja's errors, and what templates raise themselves
            if isinstance(error, ValueError) and "does not have a chat template" in str(error):
                raise ServerError(f"{self._folder}: {error} Take the instruct variant of the model.") from error
            return False
        return _PROBE in text and "'type'" not in text and '"type"' not in text

    def _parts(self, message: Message) -> list[dict[str, str]]:
        image = [{"type": "image"}] if message.image else []
        return image + ([{"type": "text", "text": message.text}] if message.text or not image else [])

    def _string(self, message: Message) -> str:
        place = getattr(self.processor, "image_token", None) or getattr(self.tokenizer, "image_token", None)
        if message.image and not place:
            raise ServerError(f"{self._folder}: its chat template takes no images, and its processor names no token.")
        return "\n".join(part for part in (place if message.image else "", message.text) if part)


def _load(folder: Path, trust_remote_code: bool) -> Any:
    transformers: Any = importlib.import_module("transformers")  # seconds
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    try:
        return transformers.AutoProcessor.from_pretrained(
            folder, local_files_only=True, trust_remote_code=trust_remote_code
        )
    except Exception as error:  # transformers raises almost anything for a folder that it does not understand
        if isinstance(error, ImportError) or "to be installed" in str(error):
            first = " ".join(str(error).strip().partition("\n")[0].split())
            raise ServerError(
                f"{folder}: its processor needs a package that is missing here ({first}); install it beside scorer "
                "(`pip install torchvision` where that is it), or take --backend vllm."
            ) from error
        raise unusable(folder, error, trust_remote_code) from error


def unusable(folder: Path, error: Exception, trust_remote_code: bool) -> ServerError:
    """The sentence for a folder that transformers refuses."""
    first = str(error).strip().partition("\n")[0] or type(error).__name__
    if "trust_remote_code" in str(error) and not trust_remote_code:
        return ServerError(
            f"{folder}: this model needs code that lies in its folder; read that code, and add --trust-remote-code if "
            "it may run here."
        )
    return ServerError(f"{folder}: transformers cannot use it ({first}); expected an image-text-to-text model.")
