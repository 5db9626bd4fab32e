"""GPU and driver, in the forms in which nvidia-smi tells them, and whether the judge fits."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from doctor_world import CONFIG, DRIVER_BROKEN, H200, SECOND, World, write_json

from scorer.doctor import gpu
from scorer.doctor._nvidia import Gpu, Gpus, ask_gpus
from scorer.doctor.finding import Finding
from scorer.doctor.plan import Plan


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


def _gpu(plan: Plan) -> Finding:
    (found,) = gpu.gpu(plan)
    return found


def test_nvidia_smi_is_understood(world: World) -> None:
    world.gpu(f"{H200}\n{SECOND}")
    one, two = ask_gpus().found
    assert one == Gpu("NVIDIA H200", 143_771 * 2**20, 143_155 * 2**20, "570.124.06")
    assert two.name == "NVIDIA A2"
    # 143,771 / 1,024 = 140.4; 143,155 / 1,024 = 139.8; 15,356 / 1,024 = 15.0; 15,000 / 1,024 = 14.6
    assert _gpu(Plan()).finding == (
        "NVIDIA H200, 140.4 GiB, 139.8 GiB free, driver 570.124.06; NVIDIA A2, 15.0 GiB, 14.6 GiB free, "
        "driver 570.124.06"
    )


@pytest.mark.parametrize(
    ("visible", "names"),
    [
        ("1", ["NVIDIA A2"]),
        ("0,1", ["NVIDIA H200", "NVIDIA A2"]),
        ("GPU-9b0c1d2e", ["NVIDIA A2"]),
        ("", []),
        ("-1", []),
    ],
)
def test_hidden_gpus_are_not_seen(world: World, visible: str, names: list[str]) -> None:
    world.gpu(f"{H200}\n{SECOND}")
    world.patch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert [g.name for g in ask_gpus().found] == names


def test_a_gpu_may_keep_its_memory_to_itself(world: World) -> None:
    world.gpu("0, GPU-1, NVIDIA GB10, [N/A], [N/A], 580.95.05")
    assert _gpu(Plan()).finding == "NVIDIA GB10, memory not told, driver 580.95.05"
    (found,) = gpu.judge_memory(Plan(judge_model=world.model()))
    assert found.status == "warn"
    assert "a GPU that does not tell its memory" in found.finding


@pytest.mark.parametrize(("said", "code"), [("", 0), ("No devices were found", 6)], ids=["no nvidia-smi", "no device"])
def test_without_a_gpu_the_embedding_judge_has_all_it_needs(world: World, said: str, code: int) -> None:
    world.gpu(said, code)
    assert ask_gpus() == Gpus()
    alone = _gpu(Plan())
    assert (alone.status, alone.finding) == ("ok", "none: the embedding judge runs on the CPU")
    served = _gpu(Plan(judge_model=world.model()))
    assert served.status == "warn"
    assert "vLLM needs a GPU in practice" in served.finding
    (memory,) = gpu.judge_memory(Plan(judge_model=world.folder / "judge"))
    assert memory.status == "warn"
    assert "no GPU" in memory.finding


@pytest.mark.parametrize(("said", "code"), [(DRIVER_BROKEN, 18), ("something else", 0)])
def test_a_broken_driver_is_a_warning_to_the_embedding_judge(world: World, said: str, code: int) -> None:
    world.gpu(said, code)
    found = _gpu(Plan())
    assert (found.status, found.finding) == ("warn", f"nvidia-smi fails: {said}")


def test_a_gpu_that_others_fill_is_a_warning(world: World) -> None:
    """0.9 x 10,000 MiB = 9,000 MiB must be free; 8,999 are not enough."""
    for free, status in ((8_999, "warn"), (9_000, "ok")):
        world.gpu(f"0, GPU-1, NVIDIA T4, 10000, {free}, 570.1")
        shutil.rmtree(world.folder / "judge", ignore_errors=True)
        (found,) = gpu.judge_memory(Plan(judge_model=world.model()))
        assert found.status == status


def test_the_kv_cache_counts(world: World) -> None:
    """2 (keys, values) x 80 layers x 8 heads x 128 x 2 bytes x 8,192 tokens = 2.5 GiB; the weights are 512 bytes."""
    folder = world.model()
    large = {"num_hidden_layers": 80, "num_key_value_heads": 8, "head_dim": 128, "num_attention_heads": 64}
    write_json(folder / "config.json", {"text_config": CONFIG | large})
    for mib, status in ((2844, "FAIL"), (2845, "ok")):  # 0.9 x 2,844 MiB = 2,559.6 MiB < 2,560 MiB = 2.5 GiB
        world.gpu(f"0, GPU-1, NVIDIA T4, {mib}, {mib}, 570.1")
        (found,) = gpu.judge_memory(Plan(judge_model=folder))
        assert found.status == status, found
        assert "512 bytes weights + 2.5 GiB KV cache of 8,192 tokens" in found.finding
