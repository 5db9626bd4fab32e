"""`scorer generate`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scorer.cli._options import path_type, shell_words
from scorer.cli._terminal import printable

if TYPE_CHECKING:
    from scorer.generating import GenerateOptions, GenerateSummary


@click.command()
@click.argument("benchmark", type=path_type)
@click.option("--target", required=True, metavar="DIR|URL", help="A model's folder, or the URL of a running server.")
@click.option("--out", required=True, type=path_type, help="The table to write: NAME.jsonl.")
@click.option("--backend", type=click.Choice(["vllm", "transformers"]), default="vllm", show_default=True)
@click.option("--method", default="plain", show_default=True, help="How the target is prompted; see above.")
@click.option("--name", help="The target's name in the results, else the folder's or the served model's.")
@click.option("--channel", "channels", multiple=True, help="Ask the items of this channel alone; repeatable.")
@click.option("--max-new-tokens", type=click.IntRange(min=1), default=4096, show_default=True)
@click.option("--wording", type=path_type, help="Text file with {query} in it, in place of the method's own words.")
@click.option("--figstep-prompt", type=path_type, help="Text file with the instruction for FigStep's images.")
@click.option("--demonstrations", type=path_type, help="Table with image, query, response, expects: the shots.")
@click.option("--retry-failed", is_flag=True, help="Ask the items again that failed.")
@click.option("--allow-missing", is_flag=True, help="Run on the items whose images are there.")
@click.option("--force", is_flag=True, help="Start anew, whatever is there under --out.")
@click.option("--dry-run", is_flag=True, help="Say how many items and tokens there are, and ask nothing.")
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="Written tokens/s to expect, for --dry-run.")
@click.option("--served-name", help="The model's name at a URL that serves several.")
@click.option("--allow-remote", is_flag=True, help="Let the URL be another machine's: texts and images go there.")
@click.option("--vllm-python", type=path_type, help="Interpreter of vLLM's environment, else .venv-vllm's.")
@click.option("--vllm-args", default="", help="Further arguments of the vLLM server, in one quoted text.")
@click.option("--in-flight", type=click.IntRange(min=1), default=64, show_default=True, help="Requests at once (vllm).")
@click.option(
    "--timeout", type=click.FloatRange(min=1), default=1800.0, show_default=True, help="Seconds per answer (vllm)."
)
@click.option("--batch", type=click.IntRange(min=1), default=8, show_default=True, help="Items at once (transformers).")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", help="For transformers.")
@click.option("--dtype", type=click.Choice(["auto", "float32", "bfloat16"]), default="auto", help="For transformers.")
@click.option("--trust-remote-code", is_flag=True, help="Run code that lies in the model's folder.")
def command(
    benchmark: Path,
    target: str,
    out: Path,
    backend: str,
    method: str,
    name: str | None,
    channels: tuple[str, ...],
    max_new_tokens: int,
    wording: Path | None,
    figstep_prompt: Path | None,
    demonstrations: Path | None,
    retry_failed: bool,
    allow_missing: bool,
    force: bool,
    dry_run: bool,
    rate: float | None,
    served_name: str | None,
    allow_remote: bool,
    vllm_python: Path | None,
    vllm_args: str,
    in_flight: int,
    timeout: float,
    batch: int,
    device: str,
    dtype: str,
    trust_remote_code: bool,
) -> int:
    """Let a target answer every item of BENCHMARK; the table is what `scorer score` reads.

    BENCHMARK is VSCBench's folder, or a table of your own with the columns query, image, expects, category. Methods:
    plain, cot (thinks first; only the final answer counts), prompt_engineering (a reminder of safety), one_shot and
    two_shot (demonstrations). Decoding is greedy.

    Killed at any moment, the same command goes on where it was. The exit code is 1 if items failed, else 0.
    """
    from scorer.cli._progress import GenerationBar
    from scorer.generating import GenerateOptions, generate
    from scorer.target_model import TargetOptions

    options = GenerateOptions(
        benchmark=benchmark,
        out=out,
        target=TargetOptions(
            target=target,
            backend=backend,
            name=name,
            served_name=served_name,
            allow_remote=allow_remote,
            vllm_python=vllm_python,
            vllm_args=shell_words(vllm_args),
            in_flight=in_flight,
            timeout=timeout,
            batch=batch,
            device=device,
            dtype=dtype,
            trust_remote_code=trust_remote_code,
        ),
        method=method,
        channels=channels,
        max_new_tokens=max_new_tokens,
        wording=wording,
        figstep_prompt=figstep_prompt,
        demonstrations=demonstrations,
        retry_failed=retry_failed,
        allow_missing=allow_missing,
        force=force,
    )
    bar = GenerationBar()
    if dry_run:
        _show_plan(options, bar.say, rate)
        return 0
    summary = generate(options, bar.say, bar)
    _show(summary, str(bar.rate))
    return int(summary.failed > 0)


def _show_plan(options: GenerateOptions, say: Callable[[str], None], rate: float | None) -> None:
    from scorer.generating import estimate_tokens

    found = estimate_tokens(options, say)
    click.echo(f"items: {found.items:,}{f', beside {found.there:,} that are answered already' * bool(found.there)}")
    longest = f"the longest seen has {found.longest_prompt:,}"
    click.echo(printable(f"prompt tokens: about {found.prompt_tokens:,}, {found.how}; {longest}"))
    most = f"{found.most_answer_tokens:,} if every answer is as long as it may be"
    click.echo(f"answer tokens: about {found.answer_tokens:,} at average length; {most}")
    if rate:
        click.echo(f"time to write them at {rate:,.0f} tokens/s: about {found.seconds(rate) / 60:,.0f} minutes")


def _show(summary: GenerateSummary, rate: str) -> None:
    counts = f"{summary.ok:,} responses, {summary.failed:,} failed, {summary.left_out:,} left out"
    click.echo(printable(f"{summary.out}: {counts}"))
    click.echo(f"asked now: {summary.asked:,} in {summary.seconds:,.0f} s{f', {rate} after the start' * bool(rate)}")
    for reason, count in list(summary.reasons.items())[:10]:
        click.echo(printable(f"failed: {reason} ({count:,} items)"))
    if summary.cut:
        click.echo(f"cut off before their end: {summary.cut:,} responses")
    if summary.failed:
        click.echo("--retry-failed asks those again")
