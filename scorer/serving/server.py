"""A vLLM server of our own on loopback, started when it is first asked for and never left behind."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

import httpx

from scorer.errors import ServerError
from scorer.serving import _guard
from scorer.serving._log import ServerLog
from scorer.serving._loopback import HOST, answers, reserve_port
from scorer.serving.environment import Vllm, default_python, find_vllm, server_environment

_OWN_ARGUMENTS = ("--model", "--host", "--port", "--served-model-name", "--uds")
_PORT_ATTEMPTS = 3
_POLL_SECONDS = 0.2
_ASK_SECONDS = 5.0
_STOP_SECONDS = _guard.GRACE_SECONDS + 40


class LocalServer:
    """vLLM's OpenAI-compatible server for one model folder, in a process group of its own.

    A context manager; `close` ends it. Nothing starts before `url()` is asked for. A guard process ends vLLM and all
    that it started when this process ends in whatever way (see `_guard.py`). Linux only.
    """

    def __init__(
        self,
        model: Path,
        *,
        python: Path | None = None,
        served_name: str = "judge",
        port: int | None = None,
        args: Sequence[str] = (),
        start_seconds: float = 1800,
        log: Path | None = None,
        say: Callable[[str], None],
    ) -> None:
        """Start nothing yet.

        `python` is the interpreter of vLLM's environment (`default_python()` where None), `port` a free one where
        None, `args` go to vLLM as they are, `start_seconds` is how long it may take to load the model, `log` gets
        what vLLM prints (a temporary file where None), `say` gets one line when it starts. Raises ServerError where
        `args` name what has a parameter here.
        """
        taken = sorted({arg.partition("=")[0] for arg in args} & {*_OWN_ARGUMENTS})
        if taken:
            raise ServerError(
                f"got {', '.join(taken)} among vLLM's arguments; expected none that the scorer sets itself."
            )
        self.served_name = served_name
        self._model = model.absolute()
        self._python = python
        self._named_port = port
        self._args = tuple(args)
        self._start_seconds = start_seconds
        self._log = ServerLog(log)
        self._say = say
        self._lock = threading.Lock()
        self._vllm: Vllm | None = None
        self._reserved: socket.socket | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def version(self) -> str:
        """vLLM's version. Raises ServerError where the interpreter is missing or has no vLLM."""
        return self._environment().version

    def url(self) -> str:
        """`http://127.0.0.1:PORT/v1`, once the server is healthy; the first call starts it.

        Raises ServerError where it does not start, or not in `start_seconds`. Whether it is still alive later is what
        `alive()` says.
        """
        with self._lock:
            if self._guard is None:
                self._start()
            return f"{self._base()}/v1"

    def alive(self) -> bool:
        """Whether the server was started and its process has not ended."""
        return self._guard is not None and self._guard.poll() is None

    def restart(self) -> str:
        """End what is left of the server and start it again at the same address, which is returned."""
        with self._lock:
            self._stop()
            self._start()
            return f"{self._base()}/v1"

    def wait(self) -> NoReturn:
        """Wait until the server dies, which is a ServerError."""
        self.url()
        if self._guard is not None:
            self._guard.wait()
        raise self._failure("died")

    def log_tail(self, lines: int = 15) -> str:
        """The last lines that the log got since the last start; empty where there was none yet."""
        return self._log.tail(lines)

    def close(self) -> None:
        """End the server and wait until all its processes are gone; nothing happens where there is none."""
        self._stop()
        if self._reserved is not None:
            self._reserved.close()
            self._reserved = None

    def _environment(self) -> Vllm:
        if self._vllm is None:
            self._vllm = find_vllm(self._python or default_python())
        return self._vllm

    def _base(self) -> str:
        assert self._reserved is not None
        return f"http://{HOST}:{self._reserved.getsockname()[1]}"

    def _start(self) -> None:
        """Start and wait for health; where a port that nobody named was snatched away, try another."""
        if sys.platform != "linux":
            raise ServerError(f"got {sys.platform}; expected Linux to start vLLM; start it yourself and give its URL.")
        environment = self._environment()
        for attempt in range(1, _PORT_ATTEMPTS + 1):
            if self._reserved is None:
                self._reserved = reserve_port(self._named_port)
            try:
                self._launch(environment)
                return
            except ServerError:
                if attempt == _PORT_ATTEMPTS or self._named_port is not None or not self._port_was_taken():
                    raise
                self._reserved.close()
                self._reserved = None

    def _launch(self, environment: Vllm) -> None:
        nonce = f"{self.served_name}-{secrets.token_hex(4)}"
        try:
            self._guard = self._spawn(environment, nonce)
            self._await_health(self._guard, nonce)
        except BaseException:
            self._stop()
            raise

    def _spawn(self, environment: Vllm, nonce: str) -> subprocess.Popen[bytes]:
        assert self._reserved is not None
        command = [
            *(str(environment.python), "-m", "vllm.entrypoints.openai.api_server"),
            *("--model", str(self._model)),
            *("--host", HOST, "--port", str(self._reserved.getsockname()[1])),
            *("--served-model-name", self.served_name, nonce),
            *("--enable-prefix-caching", "--disable-uvicorn-access-log"),
            *self._args,
        ]
        try:
            with self._log.open() as log:
                self._say(f"starting vLLM {environment.version} for {self._model}; its log is {self._log.path}")
                return subprocess.Popen(
                    [sys.executable, "-I", "-S", _guard.__file__, *command],
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=server_environment(cpu=environment.cpu),
                    start_new_session=True,
                )
        except OSError as error:
            raise ServerError(f"{error.filename}: cannot be used to start vLLM ({error.strerror}).") from error

    def _await_health(self, guard: subprocess.Popen[bytes], nonce: str) -> None:
        """Wait until the server answers, and is ours: another one on this port would not know the nonce."""
        deadline = time.monotonic() + self._start_seconds
        with httpx.Client(base_url=self._base(), trust_env=False, timeout=_ASK_SECONDS) as client:
            while not (answers(client, nonce) and guard.poll() is None):
                if guard.poll() is not None:
                    raise self._failure("died while it started")
                if time.monotonic() > deadline:
                    raise self._failure(f"was not healthy after {self._start_seconds:g} s")
                time.sleep(_POLL_SECONDS)

    def _failure(self, what: str) -> ServerError:
        code = None if self._guard is None else self._guard.poll()
        ended = "" if code is None else f" with exit code {code}"
        cause = self._log.first_error()
        first = "" if cause is None else f"; its first error: {cause}"
        return ServerError(
            f"{self._model}: vLLM's server {what}{ended}{first}\nIts log, {self._log.path}, ends in\n{self.log_tail()}"
        )

    def _port_was_taken(self) -> bool:
        return "address already in use" in self.log_tail(40).lower()

    def _stop(self) -> None:
        """Close the guard's pipe and wait for it. Takes no lock: it may end a start that another thread waits for."""
        guard, self._guard = self._guard, None
        if guard is None:
            return
        assert guard.stdin is not None
        guard.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            guard.wait(_STOP_SECONDS)
        if guard.poll() is None or guard.returncode < 0:
            _end_group(guard.pid)  # a guard that hangs or was killed itself
            guard.wait()


def _end_group(group: int) -> None:
    """End the processes of a group: those of a server whose guard does it no more."""
    deadline = time.monotonic() + _guard.GRACE_SECONDS
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGTERM)
        while time.monotonic() < deadline:
            os.killpg(group, 0)
            time.sleep(_POLL_SECONDS)
        os.killpg(group, signal.SIGKILL)
