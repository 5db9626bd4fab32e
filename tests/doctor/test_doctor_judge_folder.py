"""The judge's folder: every way in which a copied model is not whole is named, and a whole one is not accused."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from doctor_world import SHARDS, World, findings, write_json
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from scorer.doctor import judge_folder
from scorer.doctor._model_files import weight_bytes
from scorer.doctor.finding import Finding
from scorer.doctor.plan import Plan
from scorer.serving.safetensors_header import tensor_names

WHOLE = save({"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.ones(4, np.int8)}, {"format": "pt"})
EMPTY = save({})


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return World(tmp_path, monkeypatch).model()


def _weights(folder: Path) -> list[Finding]:
    return findings(judge_folder.judge_weights, Plan(judge_model=folder))


def _library_reads(path: Path) -> bool:
    try:
        with safe_open(path, "numpy"):
            return True
    except (SafetensorError, OSError):
        return False


def _header_agrees(path: Path) -> bool:
    try:
        tensor_names(path)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("whole", [WHOLE, EMPTY], ids=["two tensors", "none"])
def test_every_truncated_copy_is_told_as_the_library_tells_it(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    for length in range(len(whole) + 3):
        path.write_bytes((whole + b"\0\0")[:length])
        assert _header_agrees(path) == (length == len(whole)) == _library_reads(path), length


@given(header=st.binary(max_size=300), length=st.integers(0, 400))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_answered_in_words(header: bytes, length: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("any") / "w.safetensors"
    path.write_bytes(struct.pack("<Q", length) + header)
    if _library_reads(path):
        assert _header_agrees(path)
    else:
        _header_agrees(path)  # raises nothing but ValueError


def test_the_names_of_the_tensors(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(WHOLE)
    assert tensor_names(path) == {"a", "b"}


def _replace_by_pointer(folder: Path) -> None:
    (folder / SHARDS[0]).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")


def _replace_by_link(folder: Path) -> None:
    (folder / SHARDS[0]).unlink()
    (folder / SHARDS[0]).symlink_to("../blobs/0")


def _swap_shards(folder: Path) -> None:
    (folder / SHARDS[1]).replace(folder / SHARDS[0])


def _other_form(folder: Path) -> None:
    for name in (*SHARDS, "model.safetensors.index.json"):
        (folder / name).unlink()
    (folder / "pytorch_model.bin").write_bytes(b"weights")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: (f / SHARDS[0]).unlink(), [f"{SHARDS[0]}: is missing"]),
        (_replace_by_pointer, [f"{SHARDS[0]}: is a Git LFS pointer"]),
        (_replace_by_link, [f"{SHARDS[0]}: is a link that leads nowhere"]),
        (_swap_shards, [f"{SHARDS[0]}: lacks 2 tensors that the index expects, as layers.0.k", "is missing"]),
        (_other_form, ["no safetensors files"]),
        (lambda f: write_json(f / "model.safetensors.index.json", {"weight_map": {}}), ["has no weight_map"]),
        (lambda f: (f / "model.safetensors.index.json").write_text("{"), ["index.json: is no valid JSON"]),
        (lambda f: (f / SHARDS[0]).write_bytes(b""), ["has 0 bytes and no whole safetensors header"]),
    ],
    ids=["missing", "pointer", "dangling link", "swapped", "other form", "empty index", "torn index", "empty"],
)
def test_weights_that_are_not_whole(model: Path, change: Callable[[Path], object], words: list[str]) -> None:
    change(model)
    found = _weights(model)
    assert [f.status for f in found] == ["FAIL"] * len(words)
    for finding, expected in zip(found, words, strict=True):
        assert expected in finding.finding
        assert finding.fix


def test_a_truncated_shard_is_told_with_both_sizes(model: Path) -> None:
    shard = model / SHARDS[1]
    size = shard.stat().st_size
    shard.write_bytes(shard.read_bytes()[:-1])
    (found,) = _weights(model)
    assert found.finding == f"{shard}: has {size - 1:,} bytes where its header says {size:,}"


def test_a_single_file_needs_no_index(model: Path) -> None:
    _other_form(model)
    (model / "model.safetensors").write_bytes(WHOLE)
    (found,) = _weights(model)
    assert found.status == "ok"
    assert found.finding.startswith("1 safetensors")
    assert weight_bytes(model) == len(WHOLE)


def test_many_broken_files_make_few_lines(model: Path) -> None:
    index = {"weight_map": {f"t{i}": f"part-{i}.safetensors" for i in range(50)}}
    write_json(model / "model.safetensors.index.json", index)
    found = _weights(model)
    assert len(found) == 4
    assert found[-1].finding == "50 of 50 files are missing or broken"


@pytest.mark.parametrize(
    ("change", "check", "words"),
    [
        (lambda f: (f / "config.json").write_text("[]"), judge_folder.judge_config, "holds no JSON object"),
        (lambda f: write_json(f / "config.json", {"r": 8}), judge_folder.judge_config, "names neither architectures"),
        (lambda f: (f / "tokenizer.json").write_text("{"), judge_folder.judge_tokenizer, "is no valid JSON"),
        (lambda f: (f / "tokenizer_config.json").unlink(), judge_folder.judge_tokenizer, "config.json: is missing"),
        (lambda f: (f / "tokenizer.model").touch(), judge_folder.judge_tokenizer, "tokenizer.model: is empty"),
        (
            lambda f: write_json(f / "tokenizer_config.json", {"chat_template": " "}),
            judge_folder.judge_chat_template,
            "no chat template",
        ),
    ],
)
def test_other_files_that_are_not_whole(model: Path, change: Callable, check: Callable, words: str) -> None:
    change(model)
    (found,) = findings(check, Plan(judge_model=model))
    assert found.status == "FAIL"
    assert words in found.finding


@pytest.mark.parametrize("name", ["chat_template.jinja", "chat_template.json"])
def test_the_template_may_lie_in_a_file_of_its_own(model: Path, name: str) -> None:
    write_json(model / "tokenizer_config.json", {})
    template = "{{ messages }}"
    (model / name).write_text(template if name.endswith("jinja") else json.dumps({"chat_template": template}))
    (found,) = findings(judge_folder.judge_chat_template, Plan(judge_model=model))
    assert (found.status, found.finding) == ("ok", f"in {name}")


def test_a_name_on_a_hub_is_no_folder() -> None:
    plan = Plan(judge_model=Path("Some/Model-7B"))
    (found,) = findings(judge_folder.judge_config, plan)
    assert found.status == "FAIL"
    assert "never looked up" in found.fix
    assert not [*judge_folder.judge_tokenizer(plan), *judge_folder.judge_weights(plan)]  # said once
