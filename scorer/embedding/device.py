"""Where and how precisely the encoder runs, decided without importing torch."""

from __future__ import annotations

from pathlib import Path

from scorer.errors import JudgeError

DEVICES = ("auto", "cpu", "cuda")
DTYPES = ("auto", "float32", "bfloat16")

_BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}
"""Processor flags, as Linux names them on x86 and Arm, that make bfloat16 arithmetic fast."""


def check_choice(device: str, dtype: str) -> None:
    """Raise JudgeError where a choice is unknown."""
    for what, got, expected in (("device", device, DEVICES), ("dtype", dtype, DTYPES)):
        if got not in expected:
            raise JudgeError(f"got --{what} {got!r}; expected one of {', '.join(expected)}.")


def resolve_dtype(device: str, dtype: str) -> str:
    """`auto` takes bfloat16 on a GPU and on a processor that has it, float32 elsewhere."""
    if dtype != "auto":
        return dtype
    gpu = device == "cuda" or (device == "auto" and Path("/dev/nvidiactl").exists())
    return "bfloat16" if gpu or _processor_flags() & _BFLOAT16_FLAGS else "float32"


def _processor_flags() -> set[str]:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return set()
    lines = (line.partition(":") for line in text.splitlines())
    return {flag for name, _, flags in lines if name.strip() in ("flags", "Features") for flag in flags.split()}
