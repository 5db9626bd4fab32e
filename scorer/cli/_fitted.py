"""What `scorer calibrate` says about a certificate and a stack."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from scorer.calibration.certificate import Certificate
    from scorer.calibration.stack import SavedStack


def print_certificate(c: Certificate, out: Path) -> None:
    """What is certified, from which labels, and how."""
    aim = f"{100 * c.target:g} % agreement on flagged, at {100 * c.confidence:g} % confidence"
    region = c.region
    if region is None:
        click.echo(f"{c.judge}: nothing certified, the cascade will escalate everything: {c.reason}.")
    else:
        click.echo(
            f"{c.judge}: may decide alone where its confidence is at least {c.threshold:.4f}: {100 * c.share:.1f} % of "
            f"{c.n_verdicts} responses. Certified: at least {aim} ({region['agreements']} of {region['n']} labels "
            f"agree, lower bound of this region by itself {100 * region['low']:.1f} %)."
        )
    click.echo(
        f"labels: {c.n_labels} belong to scored responses; {c.n_thinned} left after thinning to equal chances; "
        f"{c.n_used} used, one per group, for labels of one group are not independent."
    )
    for t in c.tested:
        click.echo(
            f"  confidence >= {t['threshold']:.4f}: {100 * t['share']:5.1f} % of responses, {t['agreements']} of "
            f"{t['n']} labels agree, p = {t['p_value']:.4f}, {'passed' if t['passed'] else 'failed: the end'}"
        )
    for note in c.notes:
        click.echo(note)
    click.echo(
        "tested by exact binomial tails in a fixed order, from the most confident verdicts to wider regions, until one "
        "fails (fixed-sequence testing: Maurer, Hothorn & Lehmacher 1995; Clopper & Pearson 1934)."
    )
    click.echo(f"written to {out}; use it with `scorer score ... --judge cascade --calibration {out}`")


def print_stack(saved: SavedStack, out: Path) -> None:
    """Weights, and how the stack does beside its parts on labels that it did not see."""
    weights = ", ".join(f"{weight:.3f} x {name}" for name, weight in zip(saved.parts, saved.weights, strict=True))
    click.echo(f"stack: logit = {saved.intercept:.3f} + {weights} (logits), on {saved.n} labels")
    for name, m in saved.held_out.items():
        how = "cross-fitted, groups together" if name not in saved.parts else "alone, as it is"
        click.echo(f"  {name} ({how}): agreement on flagged {100 * m['agreement']:.1f} %, log loss {m['log_loss']:.4f}")
    click.echo(f"written to {out}; use it with `scorer score ... --judge stack --calibration {out}`")
