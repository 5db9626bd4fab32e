"""`scorer report`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--reference",
    "references",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Labels written by `scorer reference import` that correct the estimates; repeat for several files.",
)
@click.option("--annotator", help="Whose labels, where there are several.")
@click.option(
    "--estimator",
    default=None,
    help="plugin, rogan-gladen or ppi: which one leads; ppi where there are labels. The others stand beside it.",
)
def command(run: Path, references: tuple[Path, ...], annotator: str | None, estimator: str | None) -> None:
    """Compute the scores of a finished RUN again, corrected by labels, and write its tables and report."""
    from scorer.cli._tables import print_headline
    from scorer.finish import Correction, refinish

    correction = Correction(references, annotator, estimator)
    print_headline(refinish(run, correction, lambda line: click.echo(line, err=True)))
