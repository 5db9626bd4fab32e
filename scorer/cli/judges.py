"""`scorer judges`."""

from __future__ import annotations

import click


@click.command()
def command() -> None:
    """List the judges."""
    from scorer.judges import judge_names, judge_summary

    width = max(map(len, judge_names()))
    for name in judge_names():
        click.echo(f"{name:<{width}}  {judge_summary(name)}")
