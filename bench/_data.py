"""What the benchmarks read: real responses with people's labels where they are, and variations of the sample."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scorer.assets import asset
from scorer.readers import read
from scorer.records import Response
from scorer.served_model import ServerOptions

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
"""Where the real data lies beside a checkout; it is no part of the project."""


class SkippedError(Exception):
    """A table cannot be made here; the message says why in one line."""


class FailedError(Exception):
    """What was to be measured did not work, or was not what was meant; the message says what it said."""


@dataclass(frozen=True)
class Setup:
    """What a benchmark is given: the folder of real data, whether the long measurements are wanted, and a judge model.

    `judge_model` is the folder of an instruct model to be served by vLLM; what needs one is skipped without it.
    """

    data: Path
    full: bool = False
    judge_model: Path | None = None
    vllm_python: Path | None = None

    def server(self) -> ServerOptions:
        """The judge's server. Raises SkippedError where no model is named."""
        if self.judge_model is None:
            raise SkippedError("it needs an open-weight model; name its folder with --judge-model")
        args = ("--max-model-len", "4096")
        return ServerOptions(model=self.judge_model, python=self.vllm_python, args=args, in_flight=64, timeout=3600)


@dataclass(frozen=True)
class Labelled:
    """A real response with what people (final, first, second annotator) and GPT-4 said; GPT-4 not for every target."""

    response: Response
    people: str
    annotators: tuple[str, str]
    gpt4: str | None


def labelled(setup: Setup) -> list[Labelled]:
    """XSTest's completions of all targets, in the order of the files.

    Raises SkippedError where they are absent.
    """
    out: list[Labelled] = []
    for path in completions(setup):
        gpt4 = _gpt4_labels(path)
        rows = {row["id"]: row for row in _rows(path)}
        for response in read(path, format="xstest").responses:
            row = rows[response.item.item_id]
            annotators = (row["annotation_1"], row["annotation_2"])
            out.append(Labelled(response, row["final_label"], annotators, gpt4.get(response.item.item_id)))
    return out


def completions(setup: Setup) -> list[Path]:
    """The files of XSTest completions. Raises SkippedError where there are none."""
    found = sorted((setup.data / "xstest").glob("completions_*.csv"))
    if not found:
        raise SkippedError("the real data is absent (XSTest completions with people's labels); give --data FOLDER")
    return found


def sample() -> Path:
    """The bundled sample of responses."""
    return asset("calibration_data", "sample_responses.jsonl")


def write_sample(path: Path, count: int) -> Path:
    """The first `count` responses of the sample, and past its end variations of it; returns the path."""
    with path.open("w", encoding="utf-8") as out:
        out.writelines(json.dumps(row) + "\n" for row in _variations(count))
    return path


def _variations(count: int) -> Iterator[dict[str, str]]:
    """Every round through the sample is a prompt set of its own: other ids, groups, queries and responses."""
    rows = [json.loads(line) for line in sample().read_text(encoding="utf-8").splitlines() if line.strip()]
    for number in range(count):
        turn, row = number // len(rows), dict(rows[number % len(rows)])
        if turn:
            row["item_id"] = f"{row['item_id']}-{turn}"
            row["group_id"] = f"{row['group_id']}-{turn}"
            row["query"] = f"{row['query']} (Version {turn}.)"
            # A blank response stays blank: it is a case of its own.
            row["response"] = f"{row['response']} This is version {turn}." if row["response"].strip() else ""
        yield row


def _gpt4_labels(completions: Path) -> dict[str, str]:
    path = completions.with_name(completions.name.replace("completions_", "gpt4_labels_"))
    return {row["id"]: row["gpt4_label"] for row in _rows(path)} if path.is_file() else {}


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))
