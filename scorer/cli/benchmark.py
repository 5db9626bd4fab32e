"""`scorer benchmark`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from scorer.cli._options import path_type
from scorer.cli._terminal import printable, stdout_console

if TYPE_CHECKING:
    from scorer.benchmarks._check import CheckReport


@click.group()
def command() -> None:
    """Check a benchmark's files, and draw the images that need no photograph."""


@command.command()
@click.argument("source", metavar="DIR", type=path_type)
@click.option("--out", type=path_type, help="File to write: a manifest with the SHA-256 of every file.")
@click.option("--allow-missing", is_flag=True, help="Exit code 0 also where images are missing or broken.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.option("--force", is_flag=True, help="Replace --out where it is there already.")
def check(source: Path, out: Path | None, allow_missing: bool, as_json: bool, force: bool) -> int:
    """Decode every image of the benchmark in DIR and say what is missing or broken.

    DIR is VSCBench's folder with its two sheets, or a table of your own with the columns query, image, expects,
    category. The exit code is 1 if anything is missing or broken, else 0.
    """
    from scorer.benchmarks._check import check as run_check
    from scorer.benchmarks._check import check_manifest_path, write_manifest
    from scorer.run_folder import as_json as to_json

    if out:
        check_manifest_path(out, force=force)
    report = run_check(source)
    if out:
        write_manifest(out, report)
    if as_json:
        click.echo(to_json(report.as_dict()), nl=False)
    else:
        _show(report)
    return int(bool(report.problems) and not allow_missing)


@command.command()
@click.argument("sheet", type=path_type)
@click.option("--out", required=True, type=path_type, help="Folder of the benchmark: the image folders are made in it.")
@click.option("--photos", type=path_type, help="Folder of the photographs (search_img), to draw concat as well.")
@click.option("--figstep-size", type=click.Choice(["760", "512"]), default="760", show_default=True)
@click.option("--force", is_flag=True, help="Draw images again that are there already.")
def render(sheet: Path, out: Path, photos: Path | None, figstep_size: str, force: bool) -> int:
    """Draw the typography and figstep images of VSCBench's text-centric SHEET.

    With --photos, concat too: the photograph above, the typography below. 760 is FigStep's own layout, 512 (at 20
    points) the published benchmark's. The exit code is 1 if a photograph is missing or broken, else 0.
    """
    from scorer.benchmarks._render import render as draw

    done = draw(sheet, out, photos=photos, figstep_side=int(figstep_size), force=force)
    for channel, written in done.written.items():
        click.echo(f"{channel}: {written} written, {done.kept[channel]} there already")
    for fault in done.faults:
        click.echo(printable(fault))
    return int(bool(done.faults))


def _show(report: CheckReport) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(title=f"{report.benchmark}: {report.usable:,} of {report.items:,} items usable", title_justify="left")
    for name in ("scenario", "channel", "category"):
        table.add_column(name, overflow="fold")
    for name in ("answer", "refusal", "usable"):
        table.add_column(name, justify="right")
    for names, count in report.slices.items():
        cells = [Text(printable(name or "-")) for name in names]
        table.add_row(*cells, str(count.answer), str(count.refusal), str(count.usable))
    stdout_console().print(table)
    for problem in report.problems:
        click.echo(printable(f"{problem.fault}: {problem.path or '-'} ({problem.reason}; {problem.items} items)"))
    for same in report.duplicates:
        click.echo(printable(f"same bytes: {', '.join(same)}"))
    if report.meaning:
        click.echo(report.meaning)
