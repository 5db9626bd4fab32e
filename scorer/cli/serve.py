"""`scorer serve`."""

from __future__ import annotations

import signal
from contextlib import suppress
from pathlib import Path

import click

from scorer.cli import _options


@click.command()
@click.option("--judge-model", required=True, type=_options.path_type, help="Folder of an instruct model.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port on 127.0.0.1, else a free one.")
@click.option("--vllm-python", type=_options.path_type, help="Interpreter of vLLM's environment, else .venv-vllm's.")
@click.option("--vllm-args", default="", help='More arguments for vLLM, e.g. "--max-model-len 8192".')
@click.option("--log", type=_options.path_type, help="File for what vLLM prints, else a temporary one.")
def command(judge_model: Path, port: int | None, vllm_python: Path | None, vllm_args: str, log: Path | None) -> None:
    """Keep a vLLM server up until Ctrl-C, for many runs.

    Prints the URL to give to --judge-url. The server listens on loopback alone.
    """
    from scorer.served_model import SERVER_ARGS
    from scorer.serving.model_folder import check_model_folder
    from scorer.serving.server import LocalServer

    # the same arguments as a server that `score` starts: the same model must judge alike
    args = (*SERVER_ARGS, *_options.shell_words(vllm_args))
    # a service manager ends it as Ctrl-C does: when the scorer is gone, so is vLLM
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = check_model_folder(judge_model)
    say = _say
    say(folder.summary())
    with LocalServer(folder.path, python=vllm_python, port=port, args=args, log=log, say=say) as server:
        click.echo(server.url())
        say("ready; Ctrl-C ends it")
        with suppress(KeyboardInterrupt):
            server.wait()
        say("ending vLLM")


def _say(line: str) -> None:
    click.echo(line, err=True)
