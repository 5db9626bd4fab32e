"""`scorer score`."""

from __future__ import annotations

from pathlib import Path

import click

from scorer.cli import _options
from scorer.served_model import ServerOptions


@click.command()
@click.argument("inputs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="Folder of the run: tables and report.html."
)
@click.option("--rubric", default="vscbench", show_default=True, help="A rubric's name or the path of your own .toml.")
@click.option("--judge", "judges", multiple=True, default=["embedding"], show_default=True, help="Repeat for several.")
@click.option(
    "--format",
    default="auto",
    show_default=True,
    help="auto, table, vscbench-results or xstest: what the inputs are.",
)
@click.option("--target", help="Name of the evaluated model, where the input does not say it.")
@click.option("--method", help="How the model was prompted, where the input does not say it.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the bootstrap intervals."
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda: where the embedding judge runs.")
@click.option(
    "--dtype", default="auto", show_default=True, help="auto, float32, bfloat16 or int8 for the embedding judge."
)
@click.option("--model", type=click.Path(path_type=Path), help="Folder of your own trained heads.")
@_options.judge_server
@click.option(
    "--also", multiple=True, help="A further rubric, such as toxicity, judged by the served model; repeatable."
)
@click.option("--debias", type=click.IntRange(min=1), default=1, show_default=True, help="Average over N class orders.")
@click.option("--explain", is_flag=True, help="Ask the served model for a reason where judges disagree or nearly tie.")
@click.option("--calibration", type=click.Path(path_type=Path), help="Folder written by `scorer calibrate`.")
@_options.reference
@_options.annotator
@_options.estimator
@click.option("--cache", type=click.Path(path_type=Path), help="Folder of the verdict cache, else the user's.")
@click.option("--no-cache", is_flag=True, help="Neither read nor keep verdicts of other runs.")
@click.option("--force", is_flag=True, help="Replace a run with other inputs or options in --out.")
def command(
    inputs: tuple[Path, ...],
    out: Path,
    rubric: str,
    judges: tuple[str, ...],
    format: str,
    target: str | None,
    method: str | None,
    seed: int,
    device: str,
    dtype: str,
    model: Path | None,
    server: ServerOptions,
    also: tuple[str, ...],
    debias: int,
    explain: bool,
    calibration: Path | None,
    references: tuple[Path, ...],
    annotator: str | None,
    estimator: str | None,
    cache: Path | None,
    no_cache: bool,
    force: bool,
) -> None:
    """Score files of responses into tables and a report.

    INPUTS are JSONL, CSV, Parquet or XLSX files with the columns query and response (and expects, for SRA), XSTest
    completions, or the sheets that VSCBench's collection scripts write.
    """
    from scorer.asked import ScoreOptions
    from scorer.cli._progress import TerminalProgress
    from scorer.cli._tables import print_headline
    from scorer.finish import Correction
    from scorer.judges import JudgeOptions
    from scorer.pipeline import score

    run = score(
        ScoreOptions(
            inputs=inputs,
            out=out,
            rubric=rubric,
            judges=judges,
            format=format,
            target=target,
            method=method,
            seed=seed,
            force=force,
            cache=cache,
            use_cache=not no_cache,
            server=server,
            also=also,
            explain=explain,
            calibration=calibration,
            correction=Correction(references, annotator, estimator),
            judge_options=JudgeOptions(device=device, dtype=dtype, model=model, debias=debias),
        ),
        TerminalProgress(),
    )
    print_headline(run)
