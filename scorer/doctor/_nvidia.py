"""What nvidia-smi says about GPUs, without importing torch."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass

_QUERY = ("index", "uuid", "name", "memory.total", "memory.free", "driver_version")
_MIB = 2**20
_TIMEOUT = 30
"""Seconds: a driver that is not kept loaded takes several to answer."""


@dataclass(frozen=True)
class Gpu:
    """One GPU; sizes in bytes, None where the driver does not tell them."""

    name: str
    total: int | None
    free: int | None
    driver: str


@dataclass(frozen=True)
class Gpus:
    """The GPUs that a program started here sees, in nvidia-smi's order; `trouble` says why nvidia-smi did not tell."""

    found: tuple[Gpu, ...] = ()
    trouble: str = ""


def ask_gpus() -> Gpus:
    """Ask nvidia-smi; a machine without it has no GPU. CUDA_VISIBLE_DEVICES hides GPUs here as it does from CUDA."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return Gpus()
    command = [program, f"--query-gpu={','.join(_QUERY)}", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", timeout=_TIMEOUT)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Gpus(trouble=str(error))
    said = (done.stdout + done.stderr).strip()
    if "no devices were found" in said.lower():
        return Gpus()
    rows = [[cell.strip() for cell in line.split(",")] for line in done.stdout.splitlines() if line.strip()]
    if done.returncode or any(len(row) != len(_QUERY) for row in rows):
        return Gpus(trouble=said or f"exit code {done.returncode}")
    return Gpus(tuple(_gpu(row) for row in rows if _visible(row)))


def _gpu(row: list[str]) -> Gpu:
    _, _, name, total, free, driver = row
    return Gpu(name, _bytes(total), _bytes(free), driver)


def _bytes(cell: str) -> int | None:
    """nvidia-smi counts in MiB, and writes [N/A] for GPUs that share the main memory."""
    return int(cell) * _MIB if cell.isdigit() else None


def _visible(row: list[str]) -> bool:
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is None:
        return True
    names = [name.strip() for name in chosen.split(",")]
    return any(name == row[0] or (name.startswith("GPU-") and row[1].startswith(name)) for name in names)
