"""`scorer run`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from scorer.cli._options import path_type
from scorer.cli._terminal import printable, stdout_console

if TYPE_CHECKING:
    from scorer.run_plan import PlannedStep


@click.command()
@click.argument("config", metavar="CONFIG.toml", type=path_type)
@click.option("--dry-run", is_flag=True, help="Say what would be done, with tokens; start and write nothing.")
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="Written tokens/s to expect, for --dry-run.")
@click.option("--skip", multiple=True, metavar="STEP", help="Leave this step out; repeatable.")
@click.option("--only", multiple=True, metavar="STEP", help="Do this step alone; repeatable.")
@click.option("--retry-failed", is_flag=True, help="Ask the items again that failed.")
@click.option("--force", is_flag=True, help="Start responses anew that were made with other settings.")
def command(
    config: Path,
    dry_run: bool,
    rate: float | None,
    skip: tuple[str, ...],
    only: tuple[str, ...],
    retry_failed: bool,
    force: bool,
) -> int:
    """Run a benchmark from its images to the report, as CONFIG.toml says.

    Steps: render (where asked), check, generate (each target by each method), score, agree (where labels are given),
    compare (each method beside plain), report. A target is gone, and its GPU free, before a judge's model starts.

    Killed at any moment, the same command goes on where it was; a step that is done is not done again. The exit code
    is 1 if items failed, else 0.
    """
    from scorer.cli._progress import GenerationBar, TerminalProgress
    from scorer.run_config import read_config
    from scorer.running import OVERVIEW, RunOptions, Shown, chosen_steps, run

    if rate and not dry_run:
        raise click.UsageError("--rate goes with --dry-run.")
    found = read_config(config)
    options = RunOptions(skip, only, retry_failed, force)
    bar = GenerationBar()
    if dry_run:
        from scorer.run_plan import plan_run

        _show_plan(plan_run(found, chosen_steps(found, options), bar.say, force=force), rate)
        return 0
    failed = run(found, options, Shown(bar.say, bar, TerminalProgress()))
    if failed:
        click.echo(f"failed: {failed:,} items; --retry-failed asks those again")
    if (page := found.out / OVERVIEW).is_file():
        click.echo(printable(f"overview: {page}"))
    return int(failed > 0)


def _show_plan(steps: list[PlannedStep], rate: float | None) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table()
    table.add_column("step", overflow="fold")
    for name in ("state", "items", "prompt tokens", "answer tokens", "at most", "hours", "at most"):
        table.add_column(name, justify="right")
    for step in steps:
        tokens = step.tokens
        counts = (tokens.prompt_tokens, tokens.answer_tokens, tokens.most_answer_tokens) if tokens else ()
        cells = [*(f"{n:,}" for n in counts), *(_hours(n, rate) for n in counts[1:])]
        items = "-" if step.items is None else f"{step.items:,}"
        table.add_row(Text(printable(step.name)), step.state, items, *(cells or ["-"] * 5))
    stdout_console().print(table)
    for how in dict.fromkeys(step.tokens.how for step in steps if step.tokens):
        click.echo(printable(f"prompt tokens: {how}"))
    click.echo("answer tokens: at average length, and at most; hours: to write them at --rate tokens/s, prompts on top")


def _hours(tokens: int, rate: float | None) -> str:
    return "-" if rate is None else f"{tokens / rate / 3600:,.2f}"
