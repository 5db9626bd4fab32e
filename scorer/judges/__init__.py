"""Judges: whatever turns (query, response) into class probabilities.

One judge per file, found by listing this folder: `keyword_xstest.py` is the judge `keyword-xstest`. A judge's file
starts with a one-line docstring (its summary) and offers `build(rubric, options) -> Judge`; one that reads the rubric's
definitions, and so serves any rubric, says `READS = True`. Files whose name starts with `_` are helpers. Add a judge by
adding its file.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from scorer.errors import JudgeError
from scorer.records import Response, Verdict
from scorer.rubrics import Rubric

if TYPE_CHECKING:
    from scorer.endpoint.served import ServedModel

_FOLDER = Path(__file__).parent


class Judge(Protocol):
    """What every judge offers.

    `fingerprint` changes whenever anything that can change a verdict changes (files, rubric, prompt, precision);
    `taught_with` holds the SHA-256 of files whose labelled responses taught it. `judge` yields `(index, verdict)` for
    every response, in any order, as verdicts come; it never sees a missing response.
    """

    name: str
    fingerprint: str
    rubric: Rubric
    taught_with: frozenset[str]

    def sees(self, response: Response) -> str:
        """What a verdict depends on beside query and text, such as an image's hash; "" for judges of texts alone."""
        ...

    def judge(self, responses: Sequence[Response]) -> Iterator[tuple[int, Verdict]]:
        """Judge all responses; each index in `range(len(responses))` comes exactly once."""
        ...


@runtime_checkable
class Fitted(Protocol):
    """A judge that takes what it needs from the folder that `scorer calibrate` wrote."""

    def made_of(self) -> dict[str, Any]:
        """For the manifest: `parts`, the judges behind it with their fingerprints, and what was fitted to labels."""
        ...


@dataclass(frozen=True)
class JudgeOptions:
    """What the user may choose about judges.

    `model` is the folder of the embedding judge's heads, `served` the model of judges that read instructions, `debias`
    the number of orders in which it is shown the classes, and `calibration` the folder that `scorer calibrate` wrote.
    """

    device: str = "auto"
    dtype: str = "auto"
    model: Path | None = None
    served: ServedModel | None = None
    debias: int = 1
    calibration: Path | None = None


def judge_names() -> list[str]:
    """Names of all judges."""
    return sorted(p.stem.replace("_", "-") for p in _FOLDER.glob("[!_]*.py"))


def judge_summary(name: str) -> str:
    """The first line of the judge's docstring, read without importing its dependencies."""
    source = (_FOLDER / f"{name.replace('-', '_')}.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]


def build_judge(name: str, rubric: Rubric, options: JudgeOptions) -> Judge:
    """Build one judge by name. Raises JudgeError where it is unknown or cannot serve the rubric."""
    if name not in judge_names():
        raise JudgeError(f"got judge {name!r}; expected one of {', '.join(judge_names())}.")
    module = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
    if rubric.needs_reader and not getattr(module, "READS", False):
        raise JudgeError(
            f"the judge {name} cannot serve the rubric {rubric.name}, which needs a judge that reads instructions; use "
            f"--judge vllm, or keep your judge and rubric and add --also {rubric.name}."
        )
    judge: Judge = module.build(rubric, options)
    return judge
