"""The served model of a run: a server of our own for a model folder, or one that runs already."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from scorer.errors import RunError, ServerError

if TYPE_CHECKING:
    from scorer.endpoint.served import Identity, ServedModel
    from scorer.serving.server import LocalServer

_NAME = "judge"
SERVER_ARGS = ("--generation-config", "vllm")
"""A model folder's own sampling settings, such as a penalty for repetition, would bend the probabilities."""


@dataclass(frozen=True)
class ServerOptions:
    """Which model judges, by its folder or by its server's URL, and how it is asked."""

    model: Path | None = None
    url: str | None = None
    name: str | None = None
    """The model's name at the URL, where it serves several."""
    python: Path | None = None
    """Interpreter of vLLM's environment."""
    args: tuple[str, ...] = ()
    allow_remote: bool = False
    images: Path | None = None
    in_flight: int = 256
    timeout: float = 300.0


@contextmanager
def open_model(options: ServerOptions, say: Callable[[str], None]) -> Iterator[ServedModel | None]:
    """The served model, None where none is asked for; a server of our own starts with the first request and ends here.

    Raises RunError for options that contradict each other, ServerError where folder or server cannot be used.
    """
    if options.model is None and options.url is None:
        if options.images:
            raise RunError("--judge-images needs a judge that sees: name it with --judge-model or --judge-url.")
        yield None
        return
    if options.model is not None and options.url is not None:
        raise RunError("got both --judge-model and --judge-url; expected one of them; remove the other.")
    if options.images is not None and not options.images.is_dir():
        raise RunError(f"{options.images}: got no folder; expected the items' images; correct --judge-images.")
    # httpx and the server's code take a while to import: only runs with such a judge pay for it
    from scorer.endpoint.address import checked_url
    from scorer.endpoint.client import Manner
    from scorer.endpoint.served import RunningServer, ServedModel

    manner = Manner(in_flight=options.in_flight, timeout=options.timeout)
    if options.url is not None:
        url = checked_url(options.url, allow_remote=options.allow_remote)
        place = RunningServer(url)
        known = partial(_identify_running, url, options.name, say)
        yield ServedModel(place, known, manner, say, options.images)
        return
    from scorer.serving.server import LocalServer

    assert options.model is not None
    with LocalServer(
        options.model, python=options.python, served_name=_NAME, args=(*SERVER_ARGS, *options.args), say=say
    ) as server:
        own = OwnServer(server, say)
        yield ServedModel(own, partial(_identify_own, options, server), manner, say, options.images)


class OwnServer:
    """A server of ours as a place to ask: brought back once where it died.

    `role` is who runs on it, `kept` what it gave, both for messages.
    """

    def __init__(
        self, server: LocalServer, say: Callable[[str], None], role: str = "judge", kept: str = "verdicts"
    ) -> None:
        self._server, self._say, self._role, self._kept = server, say, role, kept
        self._recovered = False

    def url(self) -> str:
        """Base URL that ends in /v1; the server starts where it does not run."""
        return self._server.url()

    def recover(self) -> bool:
        """Start the server again, once. Raises ServerError, with the end of its log, where it dies again."""
        if self._recovered:
            raise ServerError(
                f"the {self._role}'s server died a second time; mend what its log says and start the same command "
                f"again. {self._kept.capitalize()} so far are kept. The log ends:\n{self._server.log_tail()}"
            )
        self._recovered = True
        self._say(f"The {self._role}'s server died and is started again; {self._kept} so far are kept.")
        self._server.restart()
        return True


def _identify_running(url: str, name: str | None, say: Callable[[str], None]) -> Identity:
    """What the server says about itself, and the model's files where it names a folder that lies here."""
    from scorer.endpoint.served import identify_running

    said = identify_running(url, name)
    if (known := with_files(said)) is not None:
        return known
    say(
        f"The model at {url} is known by its name alone ({said.root or said.model}): after you change what is served "
        "under that name, score with --no-cache."
    )
    return said


def with_files(said: Identity) -> Identity | None:
    """An identity with the model's files in it; None where the server names no folder, or none that lies here."""
    from scorer.assets import text_sha256
    from scorer.serving.model_folder import special_tokens
    from scorer.serving.model_hash import model_sha256

    folder = Path(said.root) if said.root else None
    if folder is None or not (folder / "config.json").is_file():
        return None
    digest = text_sha256(said.digest, model_sha256(folder))
    return replace(said, digest=digest, special_tokens=tuple(special_tokens(folder)))


def _identify_own(options: ServerOptions, server: LocalServer) -> Identity:
    """What can change an answer: the folder's files (weights, quantisation, template), vLLM and its arguments."""
    from scorer.assets import text_sha256
    from scorer.endpoint.served import Identity
    from scorer.serving.model_folder import special_tokens
    from scorer.serving.model_hash import model_sha256

    assert options.model is not None
    digest = text_sha256(model_sha256(options.model), server.version, *options.args)
    return Identity(_NAME, digest, tuple(special_tokens(options.model)))
