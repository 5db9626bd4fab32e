"""Which addresses may be opened: loopback alone, unless the user allows another."""

from __future__ import annotations

import pytest

from scorer.endpoint.address import checked_url
from scorer.errors import ServerError


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000/v1", "http://127.9.9.9/v1/", "http://localhost:1/v1", "http://[::1]:8000/v1"]
)
def test_loopback_is_taken(url: str) -> None:
    assert checked_url(url, allow_remote=False) == url.rstrip("/")


REMOTE = [
    "http://10.0.0.1/v1",
    "http://0.0.0.0:8000/v1",
    "https://example.org/v1",
    "http://localhost.example.org/v1",
    "http://127.0.0.1.example.org/v1",
    "http://127.0.0.1@example.org/v1",
    "http://[2001:db8::1]/v1",
]


@pytest.mark.parametrize("url", REMOTE)
def test_others_need_the_users_word(url: str) -> None:
    with pytest.raises(ServerError, match="add --allow-remote"):
        checked_url(url, allow_remote=False)
    assert checked_url(url, allow_remote=True) == url


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:8000", "ftp://127.0.0.1/", "file:///etc/passwd", "http://", "http://[::1/v1"]
)
@pytest.mark.parametrize("allow", [True, False])
def test_what_is_no_url_is_refused(url: str, allow: bool) -> None:
    with pytest.raises(ServerError, match="expected a URL such as"):
        checked_url(url, allow_remote=allow)
