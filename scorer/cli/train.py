"""`scorer train`."""

from __future__ import annotations

from pathlib import Path

import click


@click.group()
def command() -> None:
    """Train the parts that learn."""


@command.command()
@click.option(
    "--data",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path),
    help="File or folder of labelled responses; repeat for several.",
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for heads, manifest.json, CARD.md.")
@click.option("--rubric", "rubrics", multiple=True, default=["vscbench", "xstest"], show_default=True)
@click.option("--encoder", "encoder_too", is_flag=True, help="Teach the encoder's adapter too (an hour on two cores).")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
def embedding(data: tuple[Path, ...], out: Path, rubrics: tuple[str, ...], encoder_too: bool, seed: int) -> None:
    """Train the embedding judge's heads, with held-out numbers."""
    from scorer.rubrics import load_rubric
    from scorer.training.train import train

    measures = train(
        data,
        out,
        [load_rubric(r) for r in rubrics],
        seed,
        lambda line: click.echo(line, err=True),
        encoder_too=encoder_too,
    )
    for name, m in measures.items():
        click.echo(f"{name}: held out on {m.overall.n} responses, flagged accuracy {m.overall.flagged_accuracy:.3f}")
    click.echo(f"written to {out}")
