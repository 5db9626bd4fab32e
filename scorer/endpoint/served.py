"""A model as it is served: what it is, how much it reads, what it understands, and the answers to many requests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import httpx

from scorer.assets import text_sha256
from scorer.endpoint.client import PASSING, Answer, Manner, Place, ask_all
from scorer.errors import ServerError

Key = TypeVar("Key")

_PATIENCE = 60.0
"""Seconds for one question about the server or to its tokenizer."""


@dataclass(frozen=True)
class Identity:
    """Who answers: `model` is the name that requests carry, `digest` changes with whatever can change an answer.

    `root` is the model's folder or name as the server knows it, where it says so.
    """

    model: str
    digest: str
    special_tokens: tuple[str, ...] = ()
    root: str | None = None


@dataclass(frozen=True)
class Dialect:
    """What a server takes: answers held to a choice (as vLLM does), and log-probabilities."""

    choice: bool = True
    logprobs: bool = True

    def body(self, model: str, content: object, choices: Sequence[str]) -> dict[str, Any]:
        """The body of a request for one token out of `choices`: temperature 0, a fixed seed."""
        body: dict[str, Any] = {
            "model": model,
            "messages": [{"role": "user", "content": content}],
            "max_tokens": 1,
            "temperature": 0,
            "seed": 0,
        }
        if self.logprobs:
            body |= {"logprobs": True, "top_logprobs": 20}
        if self.choice:
            # thinking first would be more than one token; templates that know no thinking ignore the switch
            body |= {
                "structured_outputs": {"choice": list(choices)},
                "chat_template_kwargs": {"enable_thinking": False},
            }
        return body


REASON_TOKENS = 80
"""The longest reason."""


def reason_body(model: str, content: object) -> dict[str, Any]:
    """The body of a request for one sentence."""
    messages = [{"role": "user", "content": content}]
    return {"model": model, "messages": messages, "max_tokens": REASON_TOKENS, "temperature": 0, "seed": 0}


_DIALECTS = (Dialect(), Dialect(choice=False), Dialect(choice=False, logprobs=False))


@dataclass
class ServedModel:
    """A model behind an OpenAI-compatible server. Nothing is sent before something is asked.

    `identify` tells who answers, without starting a server of our own; `say` takes lines for the user.
    """

    place: Place
    identify: Callable[[], Identity]
    manner: Manner = field(default_factory=Manner)
    say: Callable[[str], None] = print
    images: Path | None = None
    """Folder of the items' images, where the judge is to see them."""

    @cached_property
    def identity(self) -> Identity:
        """Who answers."""
        return self.identify()

    @cached_property
    def dialect(self) -> Dialect:
        """The richest dialect that the server takes, tried out with one tiny request each.

        Raises ServerError where it takes none.
        """
        answer = Answer(None, "not asked")
        for dialect in _DIALECTS:
            body = dialect.body(self.identity.model, "Answer with 0 or 1.", ["0", "1"])
            _, answer = next(iter(ask_all(self.place, [(0, body)], self.manner)))
            if answer.body is not None:
                return self._said(dialect, answer.body)
            if answer.status is None or answer.status in PASSING:
                break  # a busy server says nothing about what it understands
        raise ServerError(f"the server at {self.place.url()} answers no request for one token: {answer.failure}.")

    def _said(self, dialect: Dialect, body: dict[str, Any]) -> Dialect:
        """Tell the user what the server lacks."""
        choices = body.get("choices") or [{}]
        if not dialect.choice:
            self.say("The server does not hold answers to the classes: what names none of them counts as unparsed.")
        if not dialect.logprobs or not (isinstance(choices[0], dict) and choices[0].get("logprobs")):
            self.say("The server gives no log-probabilities: verdicts carry a label alone, and p_* stay null.")
        return dialect

    @cached_property
    def context(self) -> int | None:
        """How many tokens fit into a request and its answer; None where the server does not say."""
        found = self._get("/models").get("data")
        for model in found if isinstance(found, list) else []:
            if isinstance(model, dict) and model.get("id") == self.identity.model:
                length = model.get("max_model_len")
                return length if isinstance(length, int) and length > 0 else None
        return None

    def complete(self, requests: Iterable[tuple[Key, dict[str, Any]]]) -> Iterator[tuple[Key, Answer]]:
        """(key, answer) for every (key, body), as they come."""
        return ask_all(self.place, requests, self.manner)

    def tokens(self, text: str) -> list[int] | None:
        """The text's tokens by the server's own tokenizer; None where it offers none."""
        found = self._post("tokenize", {"prompt": text, "add_special_tokens": False}).get("tokens")
        return found if isinstance(found, list) else None

    def text_of(self, tokens: Sequence[int]) -> str | None:
        """The text of tokens; None where the server offers no detokenizer."""
        found = self._post("detokenize", {"tokens": list(tokens)}).get("prompt")
        return found if isinstance(found, str) else None

    def _get(self, path: str) -> dict[str, Any]:
        return _object(lambda: httpx.get(self.place.url() + path, timeout=_PATIENCE, trust_env=False))

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """vLLM has its tokenizer beside /v1, not under it."""
        url = f"{self.place.url().removesuffix('/v1')}/{path}"
        sent = {"model": self.identity.model, **body}
        return _object(lambda: httpx.post(url, json=sent, timeout=_PATIENCE, trust_env=False))


def _object(ask: Callable[[], httpx.Response]) -> dict[str, Any]:
    """The JSON object of an answer, {} where there is none."""
    try:
        response = ask()
        found = response.json() if response.status_code == 200 else {}
    except (httpx.HTTPError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


class RunningServer:
    """A server that somebody else runs: it cannot be brought back from here."""

    def __init__(self, url: str) -> None:
        self._url = url

    def url(self) -> str:
        """Base URL that ends in /v1."""
        return self._url

    def recover(self) -> bool:
        """Never."""
        return False


def identify_running(
    url: str, model: str | None = None, *, url_option: str = "--judge-url", name_option: str = "--judge-name"
) -> Identity:
    """Who answers at a URL: the model named, or the only one served, with all that the server says about itself.

    `url_option` and `name_option` are what messages call the two. Raises ServerError where the server cannot be
    reached or serves no such model.
    """
    try:
        response = httpx.get(f"{url}/models", timeout=_PATIENCE, trust_env=False)
        found = response.json()
        served = {m["id"]: m for m in found["data"]}
    except httpx.HTTPError as error:
        raise ServerError(
            f"got {url_option} {url}, where no server answers ({type(error).__name__}); start one with `scorer serve`, "
            "or correct the URL (it usually ends in /v1)."
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise ServerError(
            f"{url}/models: got status {response.status_code} and no list of models; expected an OpenAI-compatible "
            "server; correct the URL (it usually ends in /v1)."
        ) from error
    # one model may be served under several names
    if model is None and len({about.get("root", name) for name, about in served.items()}) != 1:
        raise ServerError(f"{url}: serves {', '.join(served) or 'no model'}; expected one; name it with {name_option}.")
    name = model or next(iter(served))
    if name not in served:
        raise ServerError(f"{url}: serves {', '.join(served)}; got {name_option} {name!r}; choose one of them.")
    about = served[name]
    version = _object(lambda: httpx.get(f"{url.removesuffix('/v1')}/version", timeout=_PATIENCE, trust_env=False))
    root = about.get("root")
    lasting = (name, root, about.get("owned_by"), about.get("max_model_len"), version.get("version"))
    return Identity(name, text_sha256(*map(repr, lasting)), root=root if isinstance(root, str) else None)
