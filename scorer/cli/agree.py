"""`scorer agree`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--reference",
    "references",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path),
    help="Labels written by `scorer reference import`; repeat for several files.",
)
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="Folder for agreement.json and agreement.html."
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the bootstrap intervals."
)
@click.option("--force", is_flag=True, help="Replace another report in --out, or write beside other files.")
def command(run: Path, references: tuple[Path, ...], out: Path, seed: int, force: bool) -> None:
    """Show how far the judges of a RUN agree with reference labels, and whether those can be believed."""
    from scorer.agreement import AgreeOptions, agree
    from scorer.cli._agreement_table import print_agreement

    print_agreement(agree(AgreeOptions(run=run, references=references, out=out, seed=seed, force=force)))
