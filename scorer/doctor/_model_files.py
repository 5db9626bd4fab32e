"""What lies in a model folder: which weights belong to it, how large they are, what its configuration says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from scorer.serving.model_folder import CONFIG, INDEX

WEIGHTS = "model.safetensors"
_INNER = ("text_config", "llm_config", "language_config")
"""Where models of several parts keep the configuration of the one that writes text."""


def read_object(path: Path) -> dict[str, Any]:
    """A JSON object. Raises OSError, or ValueError with what is wrong in words."""
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"is no valid JSON ({error})") from error
    if not isinstance(loaded, dict):
        raise ValueError("holds no JSON object")
    return loaded


def weight_map(folder: Path) -> dict[str, frozenset[str]]:
    """File name -> tensors that the index expects in it; without an index, the safetensors files and no expectation.

    Raises ValueError where there is an index that cannot be used.
    """
    if not (folder / INDEX).exists():
        found = [WEIGHTS] if (folder / WEIGHTS).exists() else sorted(p.name for p in folder.glob("*.safetensors"))
        return dict.fromkeys(found, frozenset())
    entries = read_object(folder / INDEX).get("weight_map")
    if not isinstance(entries, dict) or not entries or not all(isinstance(name, str) for name in entries.values()):
        raise ValueError("has no weight_map")
    files: dict[str, set[str]] = {}
    for tensor, file in entries.items():
        files.setdefault(file, set()).add(tensor)
    return {file: frozenset(tensors) for file, tensors in sorted(files.items())}


def weight_bytes(folder: Path) -> int:
    """Size of the weights: what the index states where it does, else the sum of the files that are there."""
    try:
        total = read_object(folder / INDEX)["metadata"]["total_size"]
        return int(total)
    except (OSError, ValueError, KeyError, TypeError):
        return sum(path.stat().st_size for path in folder.glob("*.safetensors"))


def kv_cache_bytes(folder: Path, tokens: int) -> int | None:
    """Bytes of a 16-bit KV cache: keys and values x layers x key-value heads x head size x 2 bytes x tokens.

    None where the configuration does not tell. Models that compress their cache need less.
    """
    try:
        config = read_object(folder / CONFIG)
        config = next((config[name] for name in _INNER if isinstance(config.get(name), dict)), config)
        query_heads = int(config["num_attention_heads"])
        heads = int(config.get("num_key_value_heads") or query_heads)
        head = int(config.get("head_dim") or int(config["hidden_size"]) // query_heads)
        return 2 * int(config["num_hidden_layers"]) * heads * head * 2 * tokens
    except (OSError, ValueError, KeyError, TypeError, ZeroDivisionError):
        return None
