"""`scorer report`."""

from __future__ import annotations

from pathlib import Path

import click

from scorer.cli import _options


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@_options.reference
@_options.annotator
@_options.estimator
def command(run: Path, references: tuple[Path, ...], annotator: str | None, estimator: str | None) -> None:
    """Compute the scores of a finished RUN again, corrected by labels, and write its tables and report."""
    from scorer.cli._tables import print_headline
    from scorer.finish import Correction, refinish

    correction = Correction(references, annotator, estimator)
    print_headline(refinish(run, correction, lambda line: click.echo(line, err=True)))
