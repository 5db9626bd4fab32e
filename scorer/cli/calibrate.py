"""`scorer calibrate`."""

from __future__ import annotations

from pathlib import Path

import click

from scorer.cli import _options


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@_options.needed_reference
@_options.annotator
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the calibrations.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the cross-validation folds."
)
@click.option("--force", is_flag=True, help="Replace other calibrations in --out, or write beside other files.")
def command(run: Path, references: tuple[Path, ...], annotator: str | None, out: Path, seed: int, force: bool) -> None:
    """Fit the judges' probabilities to reference labels of a RUN."""
    from scorer.calibrated import calibrate

    results = calibrate(
        run, list(references), annotator, out, seed, lambda line: click.echo(line, err=True), force=force
    )
    for r in results:
        if r.saved is None:
            click.echo(f"{r.judge}: not calibrated: {r.reason}")
            continue
        losses = ", ".join(f"{name} {loss:.4f}" for name, loss in r.saved.losses.items())
        click.echo(f"{r.judge}: {r.saved.calibrator['kind']} on {r.saved.n} labels (log loss held out: {losses})")
    click.echo(f"written to {out}; use it with `scorer score ... --calibration {out}`")
