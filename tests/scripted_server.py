"""A real HTTP server on loopback that answers as a script says: for faults that no sound server would show."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODEL = "scripted"


@dataclass
class Reply:
    """What goes back; `drop` closes the connection after `half` of the body, `wait` seconds pass before."""

    body: object
    status: int = 200
    drop: bool = False
    wait: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)


Script = Callable[[dict[str, Any], int], Reply]
"""(request body, how many requests came before with the same last line) -> reply."""


def one_token(probabilities: dict[str, float]) -> dict[str, Any]:
    """A chat completion of one token with log-probabilities."""
    top = [{"token": token, "logprob": math.log(p)} for token, p in probabilities.items() if p > 0]
    said = max(probabilities, key=lambda token: probabilities[token])
    content = [{"token": said, "logprob": 0.0, "top_logprobs": top}]
    return {"choices": [{"message": {"content": said}, "logprobs": {"content": content}}]}


def text_alone(text: str) -> dict[str, Any]:
    """A chat completion without log-probabilities."""
    return {"choices": [{"message": {"content": text}, "logprobs": None}]}


@dataclass
class Scripted:
    """The running server: its URL, every chat request it got, and how many were under way at once at most."""

    url: str
    requests: list[dict[str, Any]]
    most_at_once: list[int]

    def asked(self) -> list[str]:
        """The texts of the chat requests that were about a response, in the order they came."""
        texts = [str(r["messages"][0]["content"]) for r in self.requests]
        return [text for text in texts if "<response-" in text]


@contextmanager
def scripted(
    script: Script, *, context: int | None = None, tokenizer: bool = False, port: int = 0
) -> Iterator[Scripted]:
    """Serve until the block ends. `tokenizer` offers one in which every character is a token."""
    requests: list[dict[str, Any]] = []
    seen: dict[str, int] = {}
    at_once = [0, 0]
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path == "/v1/models":
                self._send(Reply({"data": [{"id": MODEL, "max_model_len": context}]}))
            else:
                self._send(Reply({}, 404))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if self.path == "/v1/chat/completions":
                self._send(self._chat(body))
            elif tokenizer and self.path == "/tokenize":
                self._send(Reply({"tokens": [ord(c) for c in body["prompt"]]}))
            elif tokenizer and self.path == "/detokenize":
                self._send(Reply({"prompt": "".join(map(chr, body["tokens"]))}))
            else:
                self._send(Reply({}, 404))

        def _chat(self, body: dict[str, Any]) -> Reply:
            key = json.dumps(body["messages"])
            with lock:
                requests.append(body)
                before = seen.get(key, 0)
                seen[key] = before + 1
                at_once[0] += 1
                at_once[1] = max(at_once)
            try:
                reply = script(body, before)
                if reply.wait:
                    threading.Event().wait(reply.wait)
                return reply
            finally:
                with lock:
                    at_once[0] -= 1

        def _send(self, reply: Reply) -> None:
            data = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            try:
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data[: len(data) // 2] if reply.drop else data)
                if reply.drop:
                    self.close_connection = True
            except OSError:  # the client did not wait
                self.close_connection = True

        def log_message(self, *args: object) -> None:
            """Keep the test's output clean."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 512

    server = Server(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Scripted(f"http://127.0.0.1:{server.server_address[1]}/v1", requests, at_once)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
