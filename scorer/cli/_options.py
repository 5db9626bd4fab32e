"""Options that several commands share."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from scorer.errors import ServerError
from scorer.served_model import ServerOptions

path_type = click.Path(path_type=Path)

reference = click.option(
    "--reference",
    "references",
    multiple=True,
    type=path_type,
    help="Labels written by `scorer reference import`; repeat for several files.",
)
needed_reference = click.option(
    "--reference",
    "references",
    multiple=True,
    required=True,
    type=path_type,
    help="Labels written by `scorer reference import`; repeat for several files.",
)
annotator = click.option("--annotator", help="Whose labels, where there are several.")
estimator = click.option(
    "--estimator",
    help="plugin, rogan-gladen or ppi: which one leads (ppi where there are labels); all stand beside it.",
)

_SERVER_OPTIONS = (
    click.option("--judge-model", type=path_type, help="Folder of an open-weight instruct model, served by vLLM."),
    click.option("--judge-url", help="URL of a server that runs already, such as http://127.0.0.1:8000/v1."),
    click.option("--judge-name", help="The model's name at --judge-url, where it serves several."),
    click.option("--vllm-python", type=path_type, help="Interpreter of vLLM's environment, else .venv-vllm's."),
    click.option("--vllm-args", default="", help="Further arguments of the vLLM server, in one quoted text."),
    click.option("--allow-remote", is_flag=True, help="Let --judge-url name another machine: responses go there."),
    click.option("--judge-images", type=path_type, help="Folder of the items' images, for a judge that sees."),
    click.option(
        "--in-flight", type=click.IntRange(min=1), default=256, show_default=True, help="Requests under way at once."
    ),
    click.option(
        "--judge-timeout", type=click.FloatRange(min=1), default=300.0, show_default=True, help="Seconds per answer."
    ),
)


def shell_words(text: str) -> tuple[str, ...]:
    """The words of --vllm-args. Raises ServerError where a quotation does not close."""
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise ServerError(f"--vllm-args: got {text!r} ({error}); expected arguments as in a shell.") from error


def judge_server(command: Callable[..., None]) -> Callable[..., None]:
    """The options of the model that judges; the command gets them as `server`."""

    @functools.wraps(command)
    def with_server(
        *,
        judge_model: Path | None,
        judge_url: str | None,
        judge_name: str | None,
        vllm_python: Path | None,
        vllm_args: str,
        allow_remote: bool,
        judge_images: Path | None,
        in_flight: int,
        judge_timeout: float,
        **others: Any,
    ) -> None:
        server = ServerOptions(
            model=judge_model,
            url=judge_url,
            name=judge_name,
            python=vllm_python,
            args=shell_words(vllm_args),
            allow_remote=allow_remote,
            images=judge_images,
            in_flight=in_flight,
            timeout=judge_timeout,
        )
        command(server=server, **others)

    for option in reversed(_SERVER_OPTIONS):
        with_server = option(with_server)
    return with_server
