"""The judge's model folder, file by file: is all there that a server will want to load, and is it whole?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from scorer.doctor._model_files import read_object, weight_map
from scorer.doctor.finding import Finding, fail, ok, size
from scorer.doctor.plan import Plan
from scorer.serving.model_folder import CONFIG, INDEX, TEMPLATES, TOKENIZER_CONFIG
from scorer.serving.safetensors_header import tensor_names

_COPY = "copy the file again from the source and compare the hashes."
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "tekken.json", "vocab.json", "spiece.model")
"""Any one of these is a vocabulary that vLLM can read."""
_SHOWN = 3


def judge_config(plan: Plan) -> Iterator[Finding]:
    """A local folder with a config.json that names its architecture."""
    if (folder := plan.judge_model) is None:
        return
    if not folder.is_dir():
        fix = "give a folder on this machine; names of models on a hub are never looked up."
        yield fail("judge config", f"{folder}: no such folder", fix)
        return
    try:
        config = read_object(folder / CONFIG)
    except (OSError, ValueError) as error:
        yield fail("judge config", f"{folder / CONFIG}: {_said(error)}", _COPY)
        return
    kind = config.get("architectures") or config.get("model_type")
    if kind:
        yield ok("judge config", f"{folder}: {', '.join(kind) if isinstance(kind, list) else kind}")
    else:
        found = f"{folder / CONFIG}: names neither architectures nor model_type"
        yield fail("judge config", found, "give the folder of a whole model, not of an adapter or a part.")


def judge_tokenizer(plan: Plan) -> Iterator[Finding]:
    """A vocabulary and tokenizer_config.json, both readable."""
    if (folder := _folder(plan)) is None:
        return
    vocabularies = [name for name in _TOKENIZERS if (folder / name).exists()]
    if not vocabularies:
        yield fail("judge tokenizer", f"{folder}: none of {', '.join(_TOKENIZERS)}", "copy the tokenizer's files too.")
        return
    broken = [(name, said) for name in (*vocabularies, TOKENIZER_CONFIG) if (said := _trouble(folder / name))]
    for name, said in broken:
        yield fail("judge tokenizer", f"{folder / name}: {said}", _COPY)
    if not broken:
        yield ok("judge tokenizer", f"{', '.join(vocabularies)} and {TOKENIZER_CONFIG}")


def judge_chat_template(plan: Plan) -> Iterator[Finding]:
    """The template that turns the judge's instructions into the model's own form of a conversation."""
    if (folder := _folder(plan)) is None:
        return
    for name in (*TEMPLATES, TOKENIZER_CONFIG):
        try:
            path = folder / name
            found = path.read_text("utf-8") if path.suffix == ".jinja" else read_object(path).get("chat_template")
        except (OSError, ValueError):
            continue  # the next place; a broken tokenizer_config.json has its own line
        if found and (not isinstance(found, str) or found.strip()):
            yield ok("judge template", f"in {name}")
            return
    yield fail(
        "judge template",
        f"{folder}: no chat template ({TEMPLATES[0]}, or chat_template in {TOKENIZER_CONFIG})",
        "take the instruct model instead of the base model, or put its chat_template.jinja into the folder.",
    )


def judge_weights(plan: Plan) -> Iterator[Finding]:
    """Every safetensors file is there, has the size that its header states, and holds what the index expects."""
    if (folder := _folder(plan)) is None:
        return
    try:
        expected = weight_map(folder)
    except (OSError, ValueError) as error:
        yield fail("judge weights", f"{folder / INDEX}: {_said(error)}", _COPY)
        return
    if not expected:
        fix = "copy them; weights in other forms (.bin, .pth, .gguf) must be converted to safetensors first."
        yield fail("judge weights", f"{folder}: no safetensors files", fix)
        return
    troubles = {name: _weights_trouble(folder / name, tensors) for name, tensors in expected.items()}
    broken = [name for name, trouble in troubles.items() if trouble]
    for name in broken[:_SHOWN]:
        yield fail("judge weights", f"{folder / name}: {troubles[name]}", _COPY)
    if len(broken) > _SHOWN:
        yield fail("judge weights", f"{len(broken)} of {len(expected)} files are missing or broken", "copy all again.")
    if not broken:
        total = sum((folder / name).stat().st_size for name in expected)
        yield ok("judge weights", f"{len(expected)} safetensors of {size(total)}, each as long as its header says")


def _folder(plan: Plan) -> Path | None:
    """The folder to look into; where it is absent, the line on its configuration has said so."""
    return plan.judge_model if plan.judge_model is not None and plan.judge_model.is_dir() else None


def _weights_trouble(path: Path, expected: frozenset[str]) -> str:
    try:
        absent = expected - tensor_names(path)
    except (OSError, ValueError) as error:
        return _said(error, path)
    return f"lacks {len(absent)} tensors that the index expects, as {min(absent)}" if absent else ""


def _trouble(path: Path) -> str:
    """What is wrong with a file of the tokenizer; its contents are checked where it is JSON."""
    try:
        data = path.read_bytes()
        if path.suffix == ".json":
            json.loads(data)
    except (OSError, ValueError) as error:
        return "is no valid JSON" if isinstance(error, ValueError) else _said(error, path)
    return "" if data else "is empty"


def _said(error: Exception, path: Path | None = None) -> str:
    if isinstance(error, FileNotFoundError):
        link = path is not None and path.is_symlink()
        return "is a link that leads nowhere (copy with links followed: cp -rL)" if link else "is missing"
    if isinstance(error, OSError):
        return f"cannot be read ({error.strerror})"
    return str(error)
