"""A port on loopback, and whether our server answers there."""

from __future__ import annotations

import socket

import httpx

from scorer.errors import ServerError

HOST = "127.0.0.1"


def reserve_port(port: int | None = None) -> socket.socket:
    """A socket bound to a loopback port, a free one where None; not listening, so a server can bind the port as well.

    While it is open the system gives the port to no one who asks for any port. That a bound socket that does not
    listen leaves the port to others that set SO_REUSEADDR, as vLLM does, is Linux's rule. Raises ServerError where
    the named port is taken.
    """
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((HOST, port or 0))
    except OSError as error:
        bound.close()
        raise ServerError(f"port {port}: cannot be used ({error.strerror}); choose another with --port.") from error
    return bound


def answers(client: httpx.Client, nonce: str) -> bool:
    """Whether /health answers 200, at a server that serves the name `nonce` or tells no one its names."""
    try:
        if client.get("/health").status_code != httpx.codes.OK:
            return False
        models = client.get("/v1/models")
        return models.status_code == httpx.codes.UNAUTHORIZED or nonce in models.text
    except httpx.HTTPError:
        return False
