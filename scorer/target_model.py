"""The target of a generation: a model folder that we serve or load, or a server that runs already."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from scorer.assets import text_sha256
from scorer.errors import RunError
from scorer.generation.backends import Backend

if TYPE_CHECKING:
    from scorer.endpoint.client import Manner
    from scorer.endpoint.served import Identity
    from scorer.generation.rendering import Template
    from scorer.serving.server import LocalServer

BACKENDS = ("vllm", "transformers")
_ROLE = "target"
_SERVER_ARGS = ("--generation-config", "vllm")
"""A model folder's own sampling settings, such as a penalty for repetition, are no greedy decoding."""


@dataclass(frozen=True)
class TargetOptions:
    """Which model answers, and how it is run. `target` is a model folder or the URL of a server (http://.../v1)."""

    target: str
    backend: str = "vllm"
    """`vllm` or `transformers`; a URL is always spoken to as vLLM is."""
    name: str | None = None
    """The target's name in the results: the folder's name, or that of the served model, where None."""
    served_name: str | None = None
    """The model's name at the URL, where it serves several."""
    allow_remote: bool = False
    vllm_python: Path | None = None
    """Interpreter of vLLM's environment."""
    vllm_args: tuple[str, ...] = ()
    in_flight: int = 64
    """Requests under way at once (vllm)."""
    timeout: float = 1800.0
    """Seconds for one answer (vllm)."""
    batch: int = 8
    """Items answered at once (transformers)."""
    device: str = "auto"
    """auto, cpu or cuda (transformers)."""
    dtype: str = "auto"
    """auto (as the weights are stored), float32 or bfloat16 (transformers)."""
    trust_remote_code: bool = False
    """Run code that lies in the model's folder."""

    @property
    def url(self) -> str | None:
        """The server's URL; None where the target is a folder."""
        return self.target if self.target.startswith(("http://", "https://")) else None

    @property
    def folder(self) -> Path | None:
        """The model's folder; None where the target is a server."""
        return None if self.url else Path(self.target)


@dataclass(frozen=True)
class Who:
    """Who answers: the name in the results, and a digest that changes with whatever can change an answer."""

    name: str
    digest: str


class Target:
    """An open target: nothing is started, loaded or asked before it is needed."""

    def __init__(self, options: TargetOptions, identify: Callable[[], Who], backend: Backend) -> None:
        self.options = options
        self._identify = identify
        self.backend = backend

    @cached_property
    def who(self) -> Who:
        """Who answers. A folder is read for that; a server at a URL must run. Raises ServerError."""
        return self._identify()


@contextmanager
def open_target(options: TargetOptions, say: Callable[[str], None]) -> Iterator[Target]:
    """The target; it starts or loads with the first item that it is asked, and when the block ends it is gone.

    A server of our own and its GPU memory are free then. Raises ServerError where folder or server cannot be used, or
    a package that the model's processor needs is missing; RunError for options that contradict each other.
    """
    _check(options)
    if options.url is not None:
        yield _running(options, options.url, say)
    elif options.backend == "transformers":
        yield from _loaded(options)
    else:
        yield from _served(options, say)


def _check(options: TargetOptions) -> None:
    if options.backend not in BACKENDS:
        raise RunError(f"got the backend {options.backend!r}; expected {' or '.join(BACKENDS)}.")
    if options.url is not None and options.backend != "vllm":
        raise RunError(
            f"got the URL {options.url} and --backend {options.backend}; expected a folder, or no --backend."
        )


def _running(options: TargetOptions, url: str, say: Callable[[str], None]) -> Target:
    """A server that somebody else runs, and goes on when we are done."""
    from scorer.endpoint.address import checked_url
    from scorer.endpoint.served import RunningServer, ServedModel
    from scorer.generation.backends.vllm import VllmBackend

    place = RunningServer(checked_url(url, allow_remote=options.allow_remote, option="--target"))
    model = ServedModel(place, partial(_identity_at, place.url(), options, say), _manner(options), say)

    def who() -> Who:
        return Who(options.name or _plain_name(model.identity), model.identity.digest)

    def template() -> Template | None:
        root = Path(model.identity.root) if model.identity.root else None
        return _template(root) if root and (root / "config.json").is_file() else None

    return Target(options, who, VllmBackend(model, template))


def _loaded(options: TargetOptions) -> Iterator[Target]:
    """A model in this process."""
    import transformers

    from scorer.generation.backends.transformers import TransformersBackend
    from scorer.serving.model_hash import model_sha256

    assert options.folder is not None
    folder = options.folder.absolute()
    backend = TransformersBackend(
        folder,
        batch=options.batch,
        device=options.device,
        dtype=options.dtype,
        trust_remote_code=options.trust_remote_code,
    )

    def who() -> Who:
        version = str(transformers.__version__)
        return Who(options.name or folder.name, text_sha256(model_sha256(folder), version, options.dtype))

    try:
        yield Target(options, who, backend)
    finally:
        backend.close()


def _served(options: TargetOptions, say: Callable[[str], None]) -> Iterator[Target]:
    """A vLLM server of our own, which ends with the block."""
    from scorer.endpoint.served import Identity, ServedModel
    from scorer.generation.backends.vllm import VllmBackend
    from scorer.served_model import OwnServer
    from scorer.serving.model_hash import model_sha256
    from scorer.serving.server import LocalServer

    assert options.folder is not None
    folder = options.folder.absolute()
    server: LocalServer
    own_code = ("--trust-remote-code",) if options.trust_remote_code else ()
    args = (*_SERVER_ARGS, *own_code, *options.vllm_args)
    with LocalServer(folder, python=options.vllm_python, served_name=_ROLE, args=args, say=say) as server:

        def identify() -> Identity:
            return Identity(_ROLE, text_sha256(model_sha256(folder), server.version, *options.vllm_args))

        place = OwnServer(server, say, _ROLE, "answers")
        model = ServedModel(place, identify, _manner(options), say)

        def who() -> Who:
            return Who(options.name or folder.name, model.identity.digest)

        yield Target(options, who, VllmBackend(model, partial(_template, folder)))


def _manner(options: TargetOptions) -> Manner:
    from scorer.endpoint.client import Manner

    return Manner(in_flight=options.in_flight, timeout=options.timeout)


def _identity_at(url: str, options: TargetOptions, say: Callable[[str], None]) -> Identity:
    """What the server says about itself, and the model's files where it names a folder that lies here."""
    from scorer.endpoint.served import identify_running
    from scorer.served_model import with_files

    said = identify_running(url, options.served_name, url_option="--target", name_option="--served-name")
    if (known := with_files(said)) is not None:
        return known
    say(
        f"The model at {url} is known by its name alone ({said.root or said.model}): after you change what is served "
        "under that name, start anew with --force."
    )
    return said


def _plain_name(identity: Identity) -> str:
    """The served folder's name where that is what it serves, else the name it serves under."""
    root = identity.root or ""
    return Path(root).name if root.startswith("/") else identity.model


def _template(folder: Path) -> Template | None:
    """What a folder's chat template leaves to whoever fills it; None where nobody can tell.

    vLLM adds nothing to what a template writes. LLaVA-1.5's, for one, leaves the first token to the tokenizer.
    """
    from scorer.errors import ScorerError
    from scorer.generation.rendering import Renderer

    try:
        return Renderer(folder).template
    except ScorerError:  # a processor that only vLLM can use
        return None
