"""Which precision a processor or GPU gets where the user leaves it open."""

from __future__ import annotations

from pathlib import Path

import pytest

from scorer.embedding import device
from scorer.errors import JudgeError


@pytest.mark.parametrize(
    ("flags", "gpu", "asked", "expected"),
    [
        ({"avx2"}, False, "cpu", "float32"),
        ({"avx512_vnni"}, False, "cpu", "int8"),
        ({"avx_vnni"}, False, "auto", "int8"),
        ({"avx512_vnni", "amx_bf16"}, False, "auto", "bfloat16"),
        ({"avx512_vnni"}, True, "auto", "bfloat16"),
        ({"avx512_vnni"}, True, "cpu", "int8"),
        (set(), False, "cuda", "bfloat16"),
    ],
)
def test_auto_takes_what_the_hardware_does_fast(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, flags: set[str], gpu: bool, asked: str, expected: str
) -> None:
    (tmp_path / "gpu").touch()
    monkeypatch.setattr(device, "_processor_flags", lambda: flags)
    monkeypatch.setattr(device, "_NVIDIA", tmp_path / ("gpu" if gpu else "none"))
    assert device.resolve_dtype(asked, "auto") == expected
    assert device.resolve_dtype(asked, "float32") == "float32"


def test_int8_on_a_gpu_is_refused() -> None:
    with pytest.raises(JudgeError, match="int8 for a GPU"):
        device.check_choice("cuda", "int8")
    device.check_choice("auto", "int8")
