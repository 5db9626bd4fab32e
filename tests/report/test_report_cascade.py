"""The section on the cascade, who decided in the explorer, and notes on verdicts."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

import pytest
from report_runs import response, synthetic_run, verdict, write_run
from test_report_page import Page, shown

from scorer.report import write_report
from scorer.report.cascade import cascade
from scorer.report.run_files import load_run

TESTED = {"threshold": 0.91, "share": 0.6, "n": 215, "agreements": 213, "p_value": 0.0401, "low": 0.9709}
CERTIFICATE: dict[str, Any] = {
    "judge": "embedding",
    "target": 0.97,
    "confidence": 0.95,
    "threshold": 0.91,
    "share": 0.6,
    "tested": [
        TESTED | {"passed": True},
        TESTED | {"threshold": 0.85, "share": 0.65, "agreements": 208, "p_value": 0.3, "passed": False},
    ],
    "n_verdicts": 1000,
    "n_labels": 480,
    "n_thinned": 400,
    "n_used": 350,
    "fewest": 99,
    "reason": None,
    "notes": ["The judge embedding was taught with <these>."],
}
RATE = {"n": 100, "agreements": 98, "value": 0.98, "low": 0.93, "high": 0.995, "level": 0.95}
NONE = {"n": 0, "agreements": 0, "value": None, "low": None, "high": None, "level": 0.95}


def done(**fields: Any) -> dict[str, Any]:
    """The manifest's entry; `fields` overrides any."""
    made = {
        "first": "embedding",
        "second": "vllm",
        "decided": 1000,
        "alone": 700,
        "escalated": 300,
        "escalated_unscored": 2,
        "certificate": CERTIFICATE,
        "agreement": {"embedding": RATE, "vllm": NONE, "cascade": RATE},
        "note": "These labels chose the threshold.",
    }
    return made | fields


def page_of(folder: Path, **fields: Any) -> Page:
    return shown(write_run(folder, [response(0)], {"cascade": [verdict()]}, cascade=done(**fields)))


def test_the_section_says_who_decided_and_what_is_certified(tmp_path: Path) -> None:
    text = page_of(tmp_path).text
    for words in (
        "embedding decided alone 700",
        "escalated to vllm 300",
        "Share escalated 30.0 %",
        "Judge calls saved 700",
        "vllm could not score 2",
        "agrees with the reference on flagged for at least 97.0 % of responses like those of the labelled run",
        "at 95 % confidence. 213 of 215 labels there agree",
        "lower bound is 97.1 %",
        "480 labels of the labelled run; 400 of them kept so that all had one chance of being drawn; 350 used",
        "embedding, alone 98 100 98.0 % [93.0, 99.5]",
        "vllm, escalated 0 0 no label",
        "cascade, as a whole 98 100",
        "0.9100 60.0 % 213 of 215 97.1 % 0.0401 passed",
        "0.8500 65.0 % 208 of 215 97.1 % 0.3000 failed: the end",
        "was taught with <these>.",
        "These labels chose the threshold.",
    ):
        assert words in text, words


def test_without_labels_or_certificate_the_section_says_so(tmp_path: Path) -> None:
    nothing = CERTIFICATE | {
        "threshold": None,
        "tested": [],
        "reason": "12 independent labels are too few",
        "notes": [],
    }
    page = page_of(
        tmp_path, certificate=nothing, agreement=None, note=None, alone=0, escalated=0, decided=0, escalated_unscored=0
    )
    assert "Nothing is certified, so every response is escalated: 12 independent labels are too few." in page.text
    assert "Agreement with the labels given" not in page.text
    assert "How it was certified" not in page.text
    assert "Share escalated none scored" in page.text
    assert "could not score" not in page.text


@pytest.mark.parametrize("entry", [{}, {"cascade": None}])
def test_a_run_without_a_cascade_has_no_section(entry: dict[str, Any], tmp_path: Path) -> None:
    folder = write_run(tmp_path, [response(0)], {"embedding": [verdict()]}, **entry)
    assert cascade(load_run(folder)) is None
    assert 'id="cascade"' not in write_report(folder).read_text("utf-8")


def test_the_explorer_holds_notes_and_who_decided(tmp_path: Path) -> None:
    note = "the judge read the first and last 10 of 99 tokens </script>"
    given = [verdict(note=note, decided_by="vllm"), verdict(decided_by="embedding"), verdict()]
    responses = [response(i) for i in range(3)]
    rows = shown(write_run(tmp_path, responses, {"cascade": given})).data()["rows"]
    assert [row[6][0][8:10] for row in rows] == [[note, "vllm"], [None, "embedding"], [None, None]]


def test_the_page_names_every_value_of_a_verdict(tmp_path: Path) -> None:
    """The script takes a verdict apart by position: as many names as the payload has values, and one for agreement."""
    folder = synthetic_run(tmp_path, 3)
    row = shown(folder).data()["rows"][0][6][0]
    script = html.unescape(write_report(folder).read_text("utf-8"))
    names = re.search(r"function named\(\[([^\]]+)\]\)", script)
    assert names
    listed = [name.strip() for name in names[1].split(",")]
    assert listed[:8] == ["status", "label", "p", "flagged", "right", "probabilities", "evidence", "reason"]
    assert listed[8:] == ["note", "decidedBy", "error"]
    assert len(row) == len(listed) - 1
