"""Model folders: what is there, every fault in one sentence, and an identity that follows the files' contents."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tiny_model import SPECIAL_TOKENS

from scorer.errors import ServerError
from scorer.serving import model_hash
from scorer.serving.model_folder import INDEX, check_model_folder, special_tokens
from scorer.serving.model_hash import model_sha256


@pytest.fixture
def folder(tiny_judge_model: Path, tmp_path: Path) -> Path:
    """A copy to change."""
    return shutil.copytree(tiny_judge_model, tmp_path / "model")


def change(path: Path, **settings: object) -> None:
    """Set entries of a JSON object, or remove those that are None."""
    loaded = json.loads(path.read_text("utf-8")) if path.exists() else {}
    path.write_text(json.dumps({k: v for k, v in {**loaded, **settings}.items() if v is not None}), "utf-8")


def split(folder: Path, names: tuple[str, ...] = ("a.safetensors", "b.safetensors"), *, index: bool = True) -> None:
    """The weights in several files, each a valid one."""
    whole = folder / "model.safetensors"
    for name in names:
        shutil.copy(whole, folder / name)
    whole.unlink()
    if index:
        change(folder / INDEX, weight_map={f"layer.{i}": name for i, name in enumerate(names)})


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def test_the_tiny_model_is_complete(tiny_judge_model: Path) -> None:
    found = check_model_folder(tiny_judge_model)
    assert found.path == tiny_judge_model
    assert (found.architecture, found.quantisation, found.context_length) == ("Qwen2ForCausalLM", "bfloat16", 4096)
    assert found.shards == (tiny_judge_model / "model.safetensors",)
    assert found.weight_bytes == (tiny_judge_model / "model.safetensors").stat().st_size
    assert found.summary().endswith("Qwen2ForCausalLM, bfloat16, 0.01 GB in 1 file, context of 4096 tokens")


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no folder": (shutil.rmtree, r"got nothing there; expected the folder of a model"),
    "no config": (lambda f: (f / "config.json").unlink(), r"without config.json; expected a model in the transformers"),
    "config is no JSON": (lambda f: (f / "config.json").write_text("{"), r"config.json: cannot be read .*copy"),
    "config is a list": (lambda f: (f / "config.json").write_text("[]"), r"config.json: got list; expected a JSON obj"),
    "no class": (lambda f: change(f / "config.json", architectures=[]), r"config.json: got no `architectures`"),
    "no tokenizer": (lambda f: (f / "tokenizer.json").unlink(), r"got no tokenizer; expected tokenizer.json or"),
    "half a tokenizer": (
        lambda f: (f / "tokenizer.json").rename(f / "vocab.json"),
        r"got no tokenizer; expected tokenizer.json or",
    ),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), r"got no weights; expected \*\.safetensors"),
    "pickles": (
        lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"),
        r"got weights as pickles alone; expected \*\.safetensors",
    ),
    "a shard of the index is missing": (
        lambda f: (split(f), (f / "b.safetensors").unlink()),
        r"got 1 of 2 weight files; b\.safetensors is missing",
    ),
    "all shards are missing": (
        lambda f: (split(f), (f / "a.safetensors").unlink(), (f / "b.safetensors").unlink()),
        r"got 0 of 2 weight files; a\.safetensors is missing",
    ),
    "an index of nothing": (lambda f: change(f / INDEX, metadata={}), r"index\.json: got no `weight_map`"),
    "a numbered shard is missing": (
        lambda f: split(f, ("model-00001-of-00003.safetensors", "model-00003-of-00003.safetensors"), index=False),
        r"got 2 of 3 weight files; model-00002-of-00003\.safetensors is missing",
    ),
    "half a copy": (lambda f: cut(f / "model.safetensors"), r"has [\d,]+ bytes where its header says [\d,]+"),
    "an empty file": (
        lambda f: os.truncate(f / "model.safetensors", 0),
        r"has 0 bytes and no whole safetensors header",
    ),
    "a pointer": (
        lambda f: (f / "model.safetensors").write_text("version 1\noid sha256:0123456789abcdef\nsize 4\n"),
        r"model\.safetensors: has 45 bytes and no whole safetensors header",
    ),
    "another format": (
        lambda f: (f / "model.safetensors").write_bytes((4).to_bytes(8, "little") + b"[1, and more"),
        r"model\.safetensors: has a damaged safetensors header",
    ),
    "no template": (lambda f: (f / "chat_template.jinja").unlink(), r"got no chat template; .* instruct variant"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_one_sentence(fault: str, folder: Path) -> None:
    check_model_folder(folder)
    spoil, message = FAULTS[fault]
    spoil(folder)
    with pytest.raises(ServerError, match=message) as caught:
        check_model_folder(folder)
    assert str(caught.value).startswith(str(folder))
    assert "\n" not in str(caught.value)


def test_a_file_is_no_folder(folder: Path) -> None:
    with pytest.raises(ServerError, match=r"config\.json: got a file; expected the folder of a model"):
        check_model_folder(folder / "config.json")


@pytest.mark.parametrize("place", ["tokenizer_config.json", "chat_template.json"])
def test_a_template_may_stand_elsewhere(place: str, folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()
    change(folder / place, chat_template="{{ messages }}")
    check_model_folder(folder)


def test_shards_are_counted_and_other_formats_are_not(folder: Path) -> None:
    size = (folder / "model.safetensors").stat().st_size
    split(folder)
    (folder / "consolidated.safetensors").write_bytes(b"another layout")
    found = check_model_folder(folder)
    assert [p.name for p in found.shards] == ["a.safetensors", "b.safetensors"]
    assert found.weight_bytes == 2 * size
    numbered = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
    shutil.copy(folder / "a.safetensors", folder / "model.safetensors")
    for name in ("a.safetensors", "b.safetensors", INDEX):
        (folder / name).unlink()
    split(folder, numbered, index=False)
    assert tuple(p.name for p in check_model_folder(folder).shards) == numbered


@pytest.mark.parametrize(
    ("settings", "quantisation", "context"),
    [
        ({"quantization_config": {"quant_method": "awq", "bits": 4}}, "awq 4 bit", 4096),
        ({"quantization_config": {"quant_method": "fp8"}}, "fp8", 4096),
        ({"dtype": None, "torch_dtype": "float16"}, "float16", 4096),
        ({"dtype": None, "max_position_embeddings": None}, "unknown", None),
        (
            {"dtype": None, "max_position_embeddings": None, "text_config": {"dtype": "float32"}},
            "float32",
            None,
        ),
        ({"max_position_embeddings": None, "text_config": {"max_position_embeddings": 8192}}, "bfloat16", 8192),
    ],
    ids=str,
)
def test_what_the_configuration_says(
    settings: dict[str, object], quantisation: str, context: int | None, folder: Path
) -> None:
    change(folder / "config.json", **settings)
    found = check_model_folder(folder)
    assert (found.quantisation, found.context_length) == (quantisation, context)


def test_special_tokens_come_from_all_files_longest_first(folder: Path) -> None:
    assert special_tokens(folder) == sorted(SPECIAL_TOKENS, key=lambda t: (-len(t), t))
    change(
        folder / "tokenizer_config.json",
        bos_token={"content": "<s>", "lstrip": False},
        unk_token=None,
        additional_special_tokens=["<extra>"],
        extra_special_tokens={"image_token": "<image>"},
        added_tokens_decoder={
            "7": {"content": "<tool_call>", "special": False},
            "8": {"content": "[INST]", "special": False},
            "9": {"content": "word", "special": False},
            "10": {"content": "   ", "special": False},
            "11": {"content": "◁odd▷", "special": True},
        },
    )
    change(folder / "special_tokens_map.json", cls_token="[CLS]", eos_token="")
    expected = {*SPECIAL_TOKENS, "<s>", "<extra>", "<image>", "<tool_call>", "[INST]", "◁odd▷", "[CLS]"}
    assert special_tokens(folder) == sorted(expected, key=lambda t: (-len(t), t))


def test_the_hash_follows_names_and_contents_of_what_is_served(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = model_sha256(folder, cache)
    moved = shutil.copytree(folder, tmp_path / "elsewhere" / "name")
    (moved / "README.md").write_text("not served")
    assert model_sha256(moved, cache) == first
    seen = {first}
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json"):
        change(folder / name, note=name)
        seen.add(model_sha256(folder, cache))
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    seen.add(model_sha256(folder, cache))
    weights = bytearray((folder / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (folder / "model.safetensors").write_bytes(weights)
    seen.add(model_sha256(folder, cache))
    assert len(seen) == 7


def test_a_known_file_is_not_read_again_and_a_changed_one_is(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def file_sha256(path: Path) -> str:
        read.append(path.name)
        return original(path)

    original = model_hash.file_sha256
    monkeypatch.setattr(model_hash, "file_sha256", file_sha256)
    cache = tmp_path / "cache"
    first = model_sha256(folder, cache)
    assert "model.safetensors" in read
    read.clear()
    assert model_sha256(folder, cache) == first
    assert read == []
    weights = folder / "model.safetensors"
    times = weights.stat()
    with weights.open("r+b") as handle:
        handle.seek(-1, os.SEEK_END)
        last = handle.read(1)[0]
        handle.seek(-1, os.SEEK_END)
        handle.write(bytes([last ^ 1]))
    os.utime(weights, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert model_sha256(folder, cache) != first, "same size and same mtime, as a careless copy leaves them"
    assert read == ["model.safetensors"]


def test_a_broken_note_or_a_cache_that_cannot_be_written_only_costs_time(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = model_sha256(folder, cache)
    notes = list((cache / "model-hashes").iterdir())
    assert len(notes) == 6
    for note in notes:
        note.write_bytes(b"\xff half a ha")
    assert model_sha256(folder, cache) == first
    (tmp_path / "file").write_text("in the way")
    assert model_sha256(folder, tmp_path / "file") == first


def test_several_at_once_agree(folder: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        hashes = set(pool.map(lambda _: model_sha256(folder, tmp_path / "cache"), range(16)))
    assert hashes == {model_sha256(folder, tmp_path / "none")}
