"""`python -m bench [NAME ...]`: measure and print the tables, all of them by default."""

from __future__ import annotations

import importlib
import sys
import time
from pathlib import Path

import click

from bench._data import DATA, FailedError, Setup, SkippedError
from bench._machine import machine, versions
from bench._tables import Table, write_blocks
from scorer.errors import ScorerError

NAMES = (
    *("fidelity", "kinds", "captions", "robust", "ways", "sra", "corrected", "speed", "cache", "memory", "start"),
    *("cascade", "injection", "judging", "paper"),
)
"""The tables in the order in which they are measured; each is made by the file of its name."""


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(NAMES), metavar=f"[{'|'.join(NAMES)}]...")
@click.option("--full", is_flag=True, help="Also 100,000 and 1,000,000 responses from the cache.")
@click.option("--data", type=click.Path(path_type=Path), default=DATA, help="Folder of the real data.")
@click.option("--judge-model", type=click.Path(path_type=Path), help="Folder of a model that vLLM serves.")
@click.option("--vllm-python", type=click.Path(path_type=Path), help="Interpreter of vLLM's environment.")
@click.option(
    "--markdown",
    "files",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Also put every table between its markers <!-- bench:NAME --> in this file; repeat for several.",
)
def main(
    names: tuple[str, ...],
    full: bool,
    data: Path,
    judge_model: Path | None,
    vllm_python: Path | None,
    files: tuple[Path, ...],
) -> None:
    """Measure and print Markdown tables; what cannot be measured here is said in one line."""
    setup, failed = Setup(data.resolve(), full, judge_model, vllm_python), False
    click.echo(f"{machine()}\n{versions()}")
    for name in names or NAMES:
        began = time.monotonic()
        print(f"measuring {name} ...", file=sys.stderr)
        try:
            table: Table = importlib.import_module(f"bench.{name}").make(setup)
        except SkippedError as reason:
            click.echo(f"\n{name}: not measured: {reason}")
            continue
        except (FailedError, ScorerError) as error:
            click.echo(f"\n{name}: failed: {error}")
            failed = True
            continue
        click.echo(f"\n### {table.title}\n\n{table.markdown()}")
        print(f"{name}: measured in {time.monotonic() - began:.0f} s", file=sys.stderr)
        placed = [write_blocks(file, name, table, machine()) for file in files]
        if files and not any(placed):
            where = ", ".join(map(str, files))
            click.echo(f"{where}: no markers <!-- bench:{name} --> ... <!-- /bench:{name} -->", err=True)
            failed = True
    sys.exit(failed)


if __name__ == "__main__":
    main(prog_name="python -m bench")
