"""What the judges cascade and stack need in tests: a served model that answers by words, a certificate, a stack."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from scripted_server import Reply, Script, Scripted, one_token, scripted

from scorer.calibration.certificate import FILE as CERTIFICATE_FILE
from scorer.calibration.certificate import Certificate
from scorer.calibration.stack import FILE as STACK_FILE
from scorer.calibration.stack import SavedStack
from scorer.endpoint.served import ServedModel
from scorer.judges import Judge, JudgeOptions, build_judge
from scorer.records import Item, Response
from scorer.rubrics import Rubric, load_rubric
from scorer.run_folder import write_json
from scorer.served_model import ServerOptions, open_model

XSTEST = load_rubric("xstest")
REFUSAL = re.compile(r"sorry|cannot|can't|won't|unable", re.IGNORECASE)


def by_words(body: dict[str, Any], before: int) -> Reply:
    """The first of XSTest's classes where the response holds no word of refusal, else the second."""
    text = str(body["messages"][0]["content"])
    response = text[text.rfind("<response-") :]
    refuses = REFUSAL.search(response) is not None
    return Reply(one_token({"0": 0.1, "1": 0.7, "2": 0.2} if refuses else {"0": 0.8, "1": 0.15, "2": 0.05}))


def responses(texts: list[str]) -> list[Response]:
    """One response per text, each to a query of its own."""
    return [Response(Item(str(i), f"query {i}"), "t", "plain", text) for i, text in enumerate(texts)]


@contextmanager
def served(script: Script = by_words) -> Iterator[tuple[Scripted, ServedModel]]:
    """A served model behind a scripted server."""
    with scripted(script) as server, open_model(ServerOptions(url=server.url), lambda line: None) as model:
        assert model is not None
        yield server, model


def embedding(rubric: Rubric = XSTEST) -> Judge:
    """The embedding judge as the tests build it everywhere."""
    return build_judge("embedding", rubric, JudgeOptions(device="cpu", dtype="float32"))


def options(model: ServedModel | None, folder: Path | None) -> JudgeOptions:
    """Options under which the embedding judge is that of `embedding`."""
    return JudgeOptions(device="cpu", dtype="float32", served=model, calibration=folder)


def certificate(threshold: float | None, rubric: Rubric = XSTEST, **fields: Any) -> Certificate:
    """One for the embedding judge; `fields` overrides any."""
    tested = {"threshold": threshold, "share": 0.5, "n": 200, "agreements": 200, "p_value": 0.002, "low": 0.985}
    values = {
        "judge": "embedding",
        "judge_fingerprint": embedding(rubric).fingerprint,
        "rubric": rubric.name,
        "rubric_digest": rubric.digest,
        "reference_digest": "ab" * 32,
        "fitted_on": (),
        "target": 0.97,
        "confidence": 0.95,
        "threshold": threshold,
        "share": 0.0 if threshold is None else 0.5,
        "tested": () if threshold is None else ({**tested, "passed": True},),
        "n_verdicts": 1000,
        "n_labels": 400,
        "n_thinned": 400,
        "n_used": 400,
        "fewest": 99,
        "seed": 0,
        "reason": "3 independent labels are too few" if threshold is None else None,
        "notes": (),
    }
    return Certificate(**(values | fields))


def save_certificate(folder: Path, saved: Certificate) -> Path:
    """Write it where `scorer calibrate` would."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / CERTIFICATE_FILE, asdict(saved))
    return folder


def stack(fast: Judge, reading: Judge, **fields: Any) -> SavedStack:
    """A stack of two judges that trusts both alike; `fields` overrides any value."""
    values = {
        "parts": {"embedding": fast.fingerprint, "vllm": reading.fingerprint},
        "rubric": fast.rubric.name,
        "rubric_digest": fast.rubric.digest,
        "reference_digest": "ab" * 32,
        "fitted_on": (),
        "intercept": 0.0,
        "weights": (0.5, 0.5),
        "n": 100,
        "n_flagged": 50,
        "held_out": {},
    }
    return SavedStack(**(values | fields))


def save_stack(folder: Path, saved: SavedStack) -> Path:
    """Write it where `scorer calibrate` would."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / STACK_FILE, asdict(saved))
    return folder


def middle_threshold(given: list[Response], rubric: Rubric = XSTEST) -> tuple[float, list[bool]]:
    """A threshold between the embedding judge's confidences, and which responses it then decides alone."""
    verdicts = dict(embedding(rubric).judge(given))
    p = np.array([rubric.p_flagged(verdicts[i].probabilities or ()) for i in range(len(given))])
    confidence = np.maximum(p, 1 - p)
    ordered = np.sort(confidence)
    middle = len(ordered) // 2
    threshold = float(ordered[middle - 1 : middle + 1].mean())
    return threshold, (confidence >= threshold).tolist()
