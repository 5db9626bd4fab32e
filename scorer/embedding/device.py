"""Where and how precisely the encoder runs, decided without importing torch."""

from __future__ import annotations

from pathlib import Path

from scorer.errors import JudgeError

DEVICES = ("auto", "cpu", "cuda")
DTYPES = ("auto", "float32", "bfloat16", "int8")

_BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}
"""Processor flags, as Linux names them on x86 and Arm, that make bfloat16 arithmetic fast."""
_INT8_FLAGS = {"avx512_vnni", "avx_vnni"}
"""Flags of processors that multiply and add bytes in one instruction."""
_NVIDIA = Path("/dev/nvidiactl")
"""There where NVIDIA's driver is."""


def check_choice(device: str, dtype: str) -> None:
    """Raise JudgeError where a choice is unknown, or the two do not go together."""
    for what, got, expected in (("device", device, DEVICES), ("dtype", dtype, DTYPES)):
        if got not in expected:
            raise JudgeError(f"got --{what} {got!r}; expected one of {', '.join(expected)}.")
    if (device, dtype) == ("cuda", "int8"):
        raise JudgeError("got --dtype int8 for a GPU; it is for processors: choose bfloat16, or --device cpu.")


def resolve_dtype(device: str, dtype: str) -> str:
    """`auto` takes bfloat16 on a GPU and on a processor that has it, else int8 on one that has that, else float32."""
    if dtype != "auto":
        return dtype
    flags = _processor_flags()
    if device == "cuda" or (device == "auto" and _NVIDIA.exists()) or flags & _BFLOAT16_FLAGS:
        return "bfloat16"
    return "int8" if flags & _INT8_FLAGS else "float32"


def _processor_flags() -> set[str]:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return set()
    lines = (line.partition(":") for line in text.splitlines())
    return {flag for name, _, flags in lines if name.strip() in ("flags", "Features") for flag in flags.split()}
