"""`scorer rubrics`."""

from __future__ import annotations

import click


@click.command()
def command() -> None:
    """List the rubrics and their classes."""
    from scorer.rubrics import load_rubric, rubric_names

    for name in rubric_names():
        rubric = load_rubric(name)
        click.echo(f"{name}  {rubric.title}{' (needs a judge that reads instructions)' * rubric.needs_reader}")
        for c in rubric.classes:
            click.echo(f"    {c.id:<18} {'flagged' if c.flagged else '       '}  {c.title}")
