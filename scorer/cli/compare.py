"""`scorer compare`."""

from __future__ import annotations

from pathlib import Path

import click

from scorer.cli import _options


@click.command()
@click.argument("run_a", type=_options.path_type)
@click.argument("run_b", type=_options.path_type)
@click.option("--out", required=True, type=_options.path_type, help="Folder for comparison.csv, .json and .html.")
@click.option("--judge", help="Whose verdicts, where both runs have several judges.")
@click.option("--method-a", help="Method of RUN_A, where it has several.")
@click.option("--method-b", help="Method of RUN_B, where it has several; RUN_B may be RUN_A.")
@click.option("--target", help="Compare the responses of this target alone.")
@click.option("--target-a", help="Target of RUN_A, to compare it with another one.")
@click.option("--target-b", help="Target of RUN_B, to compare it with another one.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the intervals.")
@click.option("--json", "as_json", is_flag=True, help="Print comparison.json instead of tables.")
@click.option("--force", is_flag=True, help="Replace another comparison in --out, or write beside other files.")
def command(
    run_a: Path,
    run_b: Path,
    out: Path,
    judge: str | None,
    method_a: str | None,
    method_b: str | None,
    target: str | None,
    target_a: str | None,
    target_b: str | None,
    seed: int,
    as_json: bool,
    force: bool,
) -> None:
    """Compare two finished runs, or two methods or targets of one, on the same items by the same judge."""
    from scorer.cli._comparison_table import print_comparison
    from scorer.comparing import CompareOptions, compare
    from scorer.comparing.sides import Chosen
    from scorer.run_folder import as_json as written

    if target is not None and (target_a is not None or target_b is not None):
        raise click.UsageError("give --target for both sides, or --target-a and --target-b, not both.")
    options = CompareOptions(
        a=Chosen(run_a, method_a, target_a or target),
        b=Chosen(run_b, method_b, target_b or target),
        out=out,
        judge=judge,
        by_target=target_a is None and target_b is None,
        seed=seed,
        force=force,
    )
    compared = compare(options)
    if as_json:
        click.echo(written(compared.document), nl=False)
    else:
        print_comparison(compared)
