"""The command line: one thin click command per file, found by listing this folder.

A command's file is imported only when it is asked for or listed, and imports what is heavy inside its function, so
that `scorer --help` answers at once.
"""

from __future__ import annotations

import errno
import importlib
import sys
from pathlib import Path
from typing import NoReturn

import click

from scorer import __version__
from scorer.errors import ScorerError

_FOLDER = Path(__file__).parent
INTERRUPTED = 130
_UNREACHABLE = (errno.ENAMETOOLONG, errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE)
"""What a path of the user's meets already when somebody looks whether it is there."""


class _Commands(click.Group):
    """The commands in this folder: `score.py` holds `score`."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return sorted(p.stem.replace("_", "-") for p in _FOLDER.glob("[!_]*.py"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"{__name__}.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command


@click.group(cls=_Commands)
@click.version_option(__version__, prog_name="scorer")
def cli() -> None:
    """Score responses of vision-language models on safety benchmarks: offline, with no API."""


def _refuse_bytes(arguments: list[str]) -> None:
    """Names that are no text could stand in no table, manifest or report."""
    for argument in arguments:
        shown = argument.encode("utf-8", "replace").decode("utf-8")
        if shown != argument:
            raise ScorerError(f"{shown}: got bytes that are not UTF-8; expected UTF-8 text; rename the file or folder.")


def main() -> NoReturn:
    """Run the command line: exit code 0 done, 1 something to look at, 2 a mistake or fault in one clear sentence."""
    try:
        _refuse_bytes(sys.argv)
        code = cli.main(prog_name="scorer", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("scorer: interrupted; start the same command again to go on where it was.", err=True)
        sys.exit(INTERRUPTED)
    except ScorerError as error:
        click.echo(f"scorer: {error}", err=True)
        sys.exit(2)
    except OSError as error:
        if error.errno not in _UNREACHABLE or error.filename is None:
            raise
        said = f"{error.filename}: cannot be reached ({error.strerror}); correct the name, or mend the folder's rights."
        click.echo(f"scorer: {said}", err=True)
        sys.exit(2)
    sys.exit(code if isinstance(code, int) else 0)
