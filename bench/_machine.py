"""What a number was measured on, in two lines and without a date."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import version
from pathlib import Path

from scorer import __version__
from scorer.embedding.device import resolve_dtype

_PACKAGES = ("torch", "sentence-transformers", "transformers", "scikit-learn", "numpy", "polars")


def machine() -> str:
    """Processor, cores that may be used, GPUs, and the precision that the embedding judge takes here."""
    parts = [_processor(), f"{_cores()} cores", *_gpus(), f"embedding judge in {resolve_dtype('auto', 'auto')}"]
    return f"Measured on: {', '.join(parts)}."


def versions() -> str:
    """Of this project, Python, and the packages that do the work."""
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return f"Versions: scorer {__version__}, Python {platform.python_version()}, {packages}."


def _processor() -> str:
    found = _field(Path("/proc/cpuinfo"), "model name")
    return found or platform.processor() or platform.machine()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _gpus() -> list[str]:
    files = sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))
    return [_field(file, "Model") or "a GPU" for file in files]


def _field(path: Path, name: str) -> str:
    try:
        found = re.search(rf"^{name}\s*:\s*(.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        return ""
    return found[1].strip() if found else ""
