"""Real things to look at: a model folder, a program that answers as nvidia-smi does, a server that lists its models."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from scorer.doctor.finding import Finding, guarded
from scorer.doctor.plan import Plan

H200 = "0, GPU-4f6e0a52-1d2c-7a10-93a5-0c4d5b6a7e8f, NVIDIA H200, 143771, 143155, 570.124.06"
"""A line of `nvidia-smi --query-gpu=index,uuid,name,memory.total,memory.free,driver_version --format=csv,...`."""
SECOND = "1, GPU-9b0c1d2e-3f40-5162-7384-95a6b7c8d9e0, NVIDIA A2, 15356, 15000, 570.124.06"
DRIVER_BROKEN = "Failed to initialize NVML: Driver/library version mismatch"
SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
CONFIG = {
    "architectures": ["Qwen2ForCausalLM"],
    "hidden_size": 64,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "num_key_value_heads": 2,
}


def write_json(path: Path, value: object) -> Path:
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def model_folder(folder: Path) -> Path:
    """A small whole model of two shards, as far as its files go."""
    folder.mkdir()
    write_json(folder / "config.json", CONFIG)
    write_json(folder / "tokenizer.json", {"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}})
    write_json(
        folder / "tokenizer_config.json", {"chat_template": "{% for m in messages %}{{ m.content }}{% endfor %}"}
    )
    weights = {}
    for number, shard in enumerate(SHARDS):
        names = [f"layers.{number}.{part}" for part in ("q", "k")]
        save_file({name: np.full((8, 4), number, np.float32) for name in names}, folder / shard, {"format": "pt"})
        weights |= dict.fromkeys(names, shard)
    write_json(folder / "model.safetensors.index.json", {"metadata": {"total_size": 512}, "weight_map": weights})
    return folder


def fake_program(path: Path, said: str, code: int = 0) -> Path:
    """A program that says something and ends with an exit code."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\ncat <<'END'\n{said}\nEND\nexit {code}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


class World:
    """A folder of one test's own, in which the named parts are made."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder, self.patch = folder, patch

    def gpu(self, said: str = H200, code: int = 0) -> None:
        """Let nvidia-smi say this; an empty text hides any real one."""
        programs = self.folder / "bin"
        programs.mkdir(exist_ok=True)
        if said:
            fake_program(programs / "nvidia-smi", said, code)
            self.patch.setenv("PATH", f"{programs}:/usr/bin:/bin")
        else:
            self.patch.setenv("PATH", str(programs))
        self.patch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def model(self) -> Path:
        return model_folder(self.folder / "judge")

    def file(self, name: str, text: str = "") -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def table(self, *rows: dict[str, str]) -> Path:
        return self.file("table.jsonl", "".join(json.dumps(row) + "\n" for row in rows))

    def environment(self, *distributions: str) -> Path:
        """A real interpreter whose environment holds just these, as `name version`."""
        site = self.folder / "site"
        for distribution in distributions:
            name, version = distribution.split()
            metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
            self.file(f"site/{name.replace('-', '_')}-{version}.dist-info/METADATA", metadata)
        program = self.file("env/python", f'#!/bin/sh\nPYTHONPATH={site} exec {sys.executable} -S "$@"\n')
        program.chmod(0o755)
        return program


def findings(check: object, plan: Plan) -> list[Finding]:
    """What a check says in the end."""
    return list(guarded("check", lambda: check(plan)))  # type: ignore[operator]


@contextmanager
def served(status: int, body: bytes) -> Iterator[str]:
    """The URL of a server that gives every path but /v1/models status 404, and that one this answer."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/v1/models" else 404)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
