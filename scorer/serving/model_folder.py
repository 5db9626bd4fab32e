"""The folder of an instruct model: whether a server can serve it, and what it is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scorer.errors import ServerError
from scorer.serving.safetensors_header import tensor_names

CONFIG = "config.json"
TOKENIZER_CONFIG = "tokenizer_config.json"
SPECIAL_TOKENS_MAP = "special_tokens_map.json"
TOKENIZERS: tuple[tuple[str, ...], ...] = (
    ("tokenizer.json",),
    ("tokenizer.model",),
    ("tekken.json",),
    ("vocab.json", "merges.txt"),
)
"""Any one of these groups of files is a tokenizer."""
TEMPLATES = ("chat_template.jinja", "chat_template.json")
INDEX = "model.safetensors.index.json"
_SHARD = re.compile(r"-of-(\d+)\.safetensors$")
_COPY = "copy the model's folder again, whole"


@dataclass(frozen=True)
class ModelFolder:
    """A complete model. `quantisation` is the method, or the type of the weights where there is none."""

    path: Path
    architecture: str
    quantisation: str
    weight_bytes: int
    shards: tuple[Path, ...]
    context_length: int | None
    """In tokens; None where the configuration does not say."""

    def summary(self) -> str:
        """One line for a person."""
        files = f"{len(self.shards)} file{'s' * (len(self.shards) != 1)}"
        size = f"{self.weight_bytes / 1e9:.2f} GB in {files}"
        context = "" if self.context_length is None else f", context of {self.context_length} tokens"
        return f"{self.path}: {self.architecture}, {self.quantisation}, {size}{context}"


def check_model_folder(path: Path) -> ModelFolder:
    """What a model folder holds. Raises ServerError with what is missing or broken; of weights it reads the heads."""
    if not path.is_dir():
        got = "a file" if path.exists() else "nothing there"
        raise ServerError(f"{path}: got {got}; expected the folder of a model with its {CONFIG}.")
    if not (path / CONFIG).exists():
        raise ServerError(f"{path}: got a folder without {CONFIG}; expected a model in the transformers layout.")
    config = read_json(path / CONFIG)
    architectures = config.get("architectures")
    if not isinstance(architectures, list) or not architectures:
        raise ServerError(f"{path / CONFIG}: got no `architectures`; expected the class of a language model; {_COPY}.")
    if not any(all((path / name).exists() for name in names) for names in TOKENIZERS):
        raise ServerError(f"{path}: got no tokenizer; expected tokenizer.json or tokenizer.model; {_COPY}.")
    shards = _shards(path)
    for shard in shards:
        _check_safetensors(shard)
    if not _has_chat_template(path):
        raise ServerError(
            f"{path}: got no chat template; expected {TEMPLATES[0]} or `chat_template` in {TOKENIZER_CONFIG}; take the "
            "instruct variant of the model, not the base model."
        )
    return ModelFolder(
        path=path,
        architecture=str(architectures[0]),
        quantisation=_quantisation(config),
        weight_bytes=sum(shard.stat().st_size for shard in shards),
        shards=shards,
        context_length=_context_length(config),
    )


def special_tokens(folder: Path) -> list[str]:
    """All texts that the tokenizer reads as one token of control, longest first.

    They are the special tokens of tokenizer.json, tokenizer_config.json and special_tokens_map.json, and those added
    tokens that are not marked special but look like control (`<tool_call>`, `[INST]`). Raises ServerError where a file
    is broken.
    """
    found: set[str] = set()
    for token in _read_optional(folder / "tokenizer.json").get("added_tokens", []):
        found |= _control(token)
    for name in (TOKENIZER_CONFIG, SPECIAL_TOKENS_MAP):
        settings = _read_optional(folder / name)
        for token in settings.pop("added_tokens_decoder", {}).values():
            found |= _control(token)
        for key, value in settings.items():
            if key.endswith(("_token", "special_tokens")):
                found |= set(_token_texts(value))
    return sorted(found, key=lambda text: (-len(text), text))


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object. Raises ServerError where the file is none."""
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ServerError(f"{path}: cannot be read ({error}); expected JSON; {_COPY}.") from error
    if not isinstance(loaded, dict):
        raise ServerError(f"{path}: got {type(loaded).__name__}; expected a JSON object; {_COPY}.")
    return loaded


def _read_optional(path: Path) -> dict[str, Any]:
    return read_json(path) if path.exists() else {}


def _control(token: dict[str, Any]) -> set[str]:
    text = token["content"]
    looks = len(text) > 2 and (text[0], text[-1]) in (("<", ">"), ("[", "]"))
    return {text} if token.get("special") or looks else set()


def _token_texts(value: object) -> Iterator[str]:
    """The texts in a setting: one token, a list of them, or named ones."""
    match value:
        case str() if value:
            yield value
        case {"content": str(text)}:
            yield text
        case list():
            for one in value:
                yield from _token_texts(one)
        case dict():
            yield from _token_texts(list(value.values()))


def _shards(path: Path) -> tuple[Path, ...]:
    """The weight files. Where several files are named, all of them must be there."""
    found = {p.name for p in path.glob("*.safetensors")}
    if (path / INDEX).exists():
        named = {str(name) for name in read_json(path / INDEX).get("weight_map", {}).values()}
        if not named:
            raise ServerError(f"{path / INDEX}: got no `weight_map`; expected the names of the weight files; {_COPY}.")
    else:
        named = {name for name in found if not name.startswith("consolidated")} or found
        named |= {_with_number(name, i) for name in named for i in range(1, _count(name) + 1)}
    if not found and not named - found:
        pickled = any(path.glob("*.bin")) or any(path.glob("*.pt*"))
        got = "weights as pickles alone" if pickled else "no weights"
        raise ServerError(f"{path}: got {got}; expected *.safetensors; {_COPY}, or convert it.")
    if missing := sorted(named - found):
        raise ServerError(
            f"{path}: got {len(named) - len(missing)} of {len(named)} weight files; {missing[0]} is missing; {_COPY}."
        )
    return tuple(path / name for name in sorted(named))


def _count(name: str) -> int:
    match = _SHARD.search(name)
    return int(match[1]) if match else 0


def _with_number(name: str, number: int) -> str:
    """model-00001-of-00003.safetensors, 2 -> model-00002-of-00003.safetensors"""
    stem, _, rest = name.rpartition("-of-")
    start, _, digits = stem.rpartition("-")
    return f"{start}-{number:0{len(digits)}d}-of-{rest}"


def _check_safetensors(path: Path) -> None:
    """Compare the file's size with what its header promises."""
    try:
        tensor_names(path)
    except (OSError, ValueError) as error:
        raise ServerError(f"{path}: {error}; {_COPY}.") from error


def _has_chat_template(path: Path) -> bool:
    if any((path / name).exists() for name in TEMPLATES):
        return True
    return bool(_read_optional(path / TOKENIZER_CONFIG).get("chat_template"))


def _quantisation(config: dict[str, Any]) -> str:
    quantised = config.get("quantization_config") or config.get("compression_config")
    if isinstance(quantised, dict):
        method = str(quantised.get("quant_method", "quantised"))
        bits = quantised.get("bits", quantised.get("w_bit"))
        return method if bits is None else f"{method} {bits} bit"
    return str(_setting(config, "dtype") or _setting(config, "torch_dtype") or "unknown")


def _context_length(config: dict[str, Any]) -> int | None:
    length = _setting(config, "max_position_embeddings")
    return length if isinstance(length, int) else None


def _setting(config: dict[str, Any], name: str) -> object:
    """From the model's configuration, or that of its text part where it sees images too."""
    text = config.get("text_config")
    return config.get(name) or (text.get(name) if isinstance(text, dict) else None)
