"""`scorer calibrate`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from scorer.cli import _options

_BETWEEN = click.FloatRange(min=0, max=1, min_open=True, max_open=True)


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@_options.needed_reference
@_options.annotator
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for what is fitted.")
@click.option("--cascade", is_flag=True, help="Certify where the embedding judge may decide alone, for that judge.")
@click.option(
    "--target-agreement",
    type=_BETWEEN,
    default=0.97,
    show_default=True,
    help="Agreement on flagged with the labels that a cascade needs where it decides alone.",
)
@click.option(
    "--confidence",
    type=_BETWEEN,
    default=0.95,
    show_default=True,
    help="Chance with which that agreement is certified.",
)
@click.option("--stack", is_flag=True, help="Fit the combination of embedding and vllm judge, for the judge stack.")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Seed of folds, and of which labels of a group are used.",
)
@click.option("--force", is_flag=True, help="Replace other calibrations in --out, or write beside other files.")
def command(
    run: Path,
    references: tuple[Path, ...],
    annotator: str | None,
    out: Path,
    cascade: bool,
    target_agreement: float,
    confidence: float,
    stack: bool,
    seed: int,
    force: bool,
) -> None:
    """Fit the judges' probabilities to reference labels of a RUN.

    With --cascade or --stack it fits what these judges need instead; all may be written into one folder.
    """

    def say(line: str) -> None:
        click.echo(line, err=True)

    files = list(references)
    if not cascade and not stack:
        _calibrate(run, files, annotator, out, seed, say, force)
        return
    if cascade:
        from scorer.certified import Wanted, certify_cascade
        from scorer.cli._fitted import print_certificate

        wanted = Wanted(target_agreement, confidence)
        print_certificate(certify_cascade(run, files, annotator, out, wanted, seed, say, force=force), out)
    if stack:
        from scorer.cli._fitted import print_stack
        from scorer.stacked import fit_stack

        print_stack(fit_stack(run, files, annotator, out, seed, say, force=force), out)


def _calibrate(
    run: Path,
    references: list[Path],
    annotator: str | None,
    out: Path,
    seed: int,
    say: Callable[[str], None],
    force: bool,
) -> None:
    from scorer.calibrated import calibrate

    for r in calibrate(run, references, annotator, out, seed, say, force=force):
        if r.saved is None:
            click.echo(f"{r.judge}: not calibrated: {r.reason}")
            continue
        losses = ", ".join(f"{name} {loss:.4f}" for name, loss in r.saved.losses.items())
        click.echo(f"{r.judge}: {r.saved.calibrator['kind']} on {r.saved.n} labels (log loss held out: {losses})")
    click.echo(f"written to {out}; use it with `scorer score ... --calibration {out}`")
