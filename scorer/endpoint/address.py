"""Which addresses the program may open: loopback, or another one where its user allows it."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from scorer.errors import ServerError


def checked_url(url: str, *, allow_remote: bool, option: str = "--judge-url") -> str:
    """The URL without a slash at its end; `option` is what messages call it.

    Raises ServerError where it is no http(s) URL, or where its host is not loopback and remote ones are not allowed.
    A name counts as loopback only where it is `localhost`: other names would have to be looked up to know.
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # brackets that do not close
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ServerError(f"got {option} {url!r}; expected a URL such as http://127.0.0.1:8000/v1.")
    if not allow_remote and not is_loopback(parts.hostname):
        raise ServerError(
            f"got {option} {url!r}, which is not on this machine; texts and images would leave it; add --allow-remote "
            "if that is meant."
        )
    return url.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether a host of a URL is this very machine, told without asking any name server."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
