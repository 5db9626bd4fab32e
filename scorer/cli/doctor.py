"""`scorer doctor`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from scorer.cli._options import path_type

if TYPE_CHECKING:
    from scorer.doctor.finding import Finding

_WIDTH = 15
"""Characters of the longest name of a check, so that lines can be shown as they come."""


@click.command()
@click.argument("inputs", nargs=-1, type=path_type)
@click.option("--rubric", default="vscbench", show_default=True, help="A rubric's name or the path of your own .toml.")
@click.option("--judge", "judges", multiple=True, default=["embedding"], show_default=True, help="Repeat for several.")
@click.option("--judge-model", type=path_type, help="Folder of the model that a judge is served from.")
@click.option("--vllm-python", type=path_type, help="Interpreter of vLLM's own environment, else this one.")
@click.option("--judge-url", help="A server that runs already, as http://127.0.0.1:8000/v1.")
@click.option("--allow-remote", is_flag=True, help="Let --judge-url be another machine.")
@click.option("--port", type=click.IntRange(1, 65535), help="Loopback port to serve the judge at, else any free one.")
@click.option("--judge-images", "images", type=path_type, help="Folder of the images that the inputs name.")
@click.option("--out", type=path_type, help="Folder of the run.")
@click.option("--cache", type=path_type, help="Folder of the verdict cache, else the user's.")
@click.option("--model", type=path_type, help="Folder of your own trained heads.")
@click.option("--json", "as_json", is_flag=True, help="Print a list of {check, status, finding, fix}.")
def command(
    inputs: tuple[Path, ...],
    rubric: str,
    judges: tuple[str, ...],
    judge_model: Path | None,
    vllm_python: Path | None,
    judge_url: str | None,
    allow_remote: bool,
    port: int | None,
    images: Path | None,
    out: Path | None,
    cache: Path | None,
    model: Path | None,
    as_json: bool,
) -> int:
    """Check everything that a run will need, in seconds and with no network.

    INPUTS and options are those of the run to come; what they do not mention is not looked at. Every line is ok, warn
    or FAIL, and says below what to do. The exit code is 1 if anything is missing, else 0.
    """
    import json
    from dataclasses import asdict

    from scorer.doctor.examine import examine
    from scorer.doctor.plan import Plan

    plan = Plan(
        inputs=inputs,
        rubric=rubric,
        judges=judges,
        judge_model=judge_model,
        vllm_python=vllm_python,
        judge_url=judge_url,
        allow_remote=allow_remote,
        port=port,
        images=images,
        out=out,
        cache=cache,
        model=model,
    )
    found = []
    for finding in examine(plan):
        found.append(finding)
        if not as_json:
            _show(finding)
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in found], indent=2, ensure_ascii=False))
    return int(any(finding.status == "FAIL" for finding in found))


def _show(finding: Finding) -> None:
    click.echo(f"{finding.status:<4}  {finding.check:<{_WIDTH}}  {finding.finding}")
    if finding.fix:
        click.echo(f"{'':<4}  {'':<{_WIDTH}}  {finding.fix}")
