"""`scorer reference`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from scorer.cli._terminal import printable, stdout_console

if TYPE_CHECKING:
    import polars as pl

    from scorer.references.incoming import ImportedFile

_FORMS = ("openai-batch", "people")
_STRATEGIES = ("stratified", "uncertain", "random")


@click.group()
def command() -> None:
    """Carry responses out to be labelled, and read the labels back in."""


@command.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("-n", "count", type=click.IntRange(min=1), default=200, show_default=True, help="Responses to pick.")
@click.option("--strategy", type=click.Choice(_STRATEGIES), default="stratified", show_default=True)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="File to write: .jsonl or .xlsx.")
@click.option("--for", "form", required=True, type=click.Choice(_FORMS), help="Who will label it.")
@click.option("--judge", help="Whose verdicts to go by, else the run's first judge.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the draw.")
@click.option("--annotators", default="annotator_1", show_default=True, help="Names for the people's sheet: A,B.")
@click.option("--labeller-model", default="gpt-4o-2024-08-06", show_default=True, help="Model of the batch requests.")
@click.option("--force", is_flag=True, help="Replace --out where it is there already.")
def sample(
    run: Path,
    count: int,
    strategy: str,
    out: Path,
    form: str,
    judge: str | None,
    seed: int,
    annotators: str,
    labeller_model: str,
    force: bool,
) -> None:
    """Pick responses of RUN and write them to be labelled.

    stratified shares the picks equally among the slices; uncertain prefers responses near the decision; random
    does neither. Each pick carries the chance with which it was picked, so that estimates can weight by it.
    """
    import numpy as np

    from scorer.references.outgoing import check_out, draw, write_draw

    check_out(out, form, force=force)
    rng = np.random.default_rng(seed)
    drawn = draw(run, count, strategy, judge=judge, rng=rng)
    names = [name.strip() for name in annotators.split(",")]
    write_draw(out, form, drawn, rng=rng, model=labeller_model, annotators=names, force=force)
    _print_slices(drawn.slices)
    picked = len(drawn.picks)
    if picked < count:
        click.echo(f"The judge {drawn.judge} could score only {picked} responses: all of them are picked.")
    if missed := drawn.slices.filter(drawn.slices["picked"] == 0).height:
        click.echo(f"{missed} of {drawn.slices.height} slices have no pick; a higher -n has more of them present.")
    click.echo(f"{picked} responses to label under the rubric {drawn.rubric.name}: {out}")


@command.command("import")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@click.option("--rubric", default="vscbench", show_default=True, help="A rubric's name or the path of your own .toml.")
@click.option("--annotator", help="Name of the labeller; for a file with several, the one to keep.")
@click.option("--target", help="Name of the evaluated model, where the labels do not say it.")
@click.option("--method", help="How the model was prompted, where the labels do not say it.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Reference file to write: .parquet.")
@click.option("--force", is_flag=True, help="Replace --out also where it is no reference file.")
def import_(
    files: tuple[Path, ...],
    rubric: str,
    annotator: str | None,
    target: str | None,
    method: str | None,
    out: Path,
    force: bool,
) -> None:
    """Read labels into one reference file.

    FILEs are results of the OpenAI Batch API, filled-in sheets of `scorer reference sample`, VSCBench's judged
    sheets, XSTest's label files, or tables with the columns item_id and label. What is no class of the rubric is kept
    as unparsed, with its text.
    """
    from scorer.references import reference_frame, save_references
    from scorer.references.incoming import check_reference_out, import_labels
    from scorer.rubrics import load_rubric

    check_reference_out(out, files, force=force)
    imported = import_labels(files, load_rubric(rubric), annotator=annotator, target=target, method=method)
    references = reference_frame(reference for file in imported for reference in file.references)
    save_references(out, references)
    for file in imported:
        _print_import(file)
    click.echo(f"{len(references)} labels: {out}")


def _print_slices(slices: pl.DataFrame) -> None:
    """What was picked of what, with the range of chances."""
    from rich.table import Table
    from rich.text import Text

    numbers = ("picked", "responses", "low", "high")
    names = [name for name in slices.columns if name not in numbers]
    table = Table(title="Picked per slice", title_justify="left")
    for name in names:
        table.add_column(name, overflow="fold")
    for name in ("picked", "of", "chance"):
        table.add_column(name, justify="right")
    for row in slices.iter_rows(named=True):
        low, high = row["low"], row["high"]
        chance = "-" if low is None else f"{low:.3g}" if high - low < 1e-9 else f"{low:.3g} to {high:.3g}"
        cells = [Text(printable(row[name] or "-")) for name in names]
        table.add_row(*cells, str(row["picked"]), str(row["responses"]), chance)
    stdout_console().print(table)


def _print_import(file: ImportedFile) -> None:
    """A count per annotator and label, and one example of what did not parse."""
    click.echo(f"{printable(file.path.name)}: {file.format}")
    for annotator, counts in file.counts().items():
        said = ", ".join(f"{label} {number}" for label, number in sorted(counts.items()))
        click.echo(f"    {printable(annotator)}: {said}")
    if file.failed:
        click.echo(f"    {file.failed} requests failed and are kept as unparsed")
    if example := file.example():
        click.echo(f"    unparsed, such as: {example}")
    if file.blank:
        click.echo(f"    {file.blank} cells are blank: not labelled")
    for note in file.notes:
        click.echo(f"    {printable(note)}")
