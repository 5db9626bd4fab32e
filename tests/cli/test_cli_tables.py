"""The headline table in the terminal: nothing cut, and names from files shown as they are, never obeyed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from scorer.cli._tables import print_headline
from scorer.finish import ScoredRun
from scorer.records import Estimate

LONGEST = ("a-target-19-letters", "one_shot", "keyword-vscbench")
WIDEST = {"SRAs": (0.653, 0.549, 1.0), "SRAu": (1.0, 0.954, 1.0), "SRAa": (0.8, 0.75, 0.9), "SRA_balanced": (0, 0, 1)}


def estimates(target: str, method: str, judge: str) -> list[Estimate]:
    """The four metrics of one line of the table."""
    return [
        Estimate(metric, judge, target, method, None, None, None, *v, 0.95, 1754, 46, None, None, "plugin", "wilson")
        for metric, v in WIDEST.items()
    ]


def shown(capsys: pytest.CaptureFixture[str], rows: Sequence[Estimate], notes: Sequence[str] = ()) -> str:
    """What stands on stdout."""
    manifest = {"estimator": "plugin", "notes": list(notes), "label_notes": [], "counts": {"embedding": {"ok": 3}}}
    print_headline(ScoredRun(Path("run"), manifest, list(rows)))
    return capsys.readouterr().out


def test_a_terminal_of_80_columns_shows_every_name_and_number_whole(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"FORCE_COLOR": "1", "COLUMNS": "80", "TERM": "dumb"}.items():
        monkeypatch.setenv(name, value)
    out = shown(capsys, estimates(*LONGEST))
    assert max(map(len, out.splitlines())) <= 80
    assert "…" not in out
    words = out.split()
    for part in (*LONGEST, "54.9–100.0", "95.4–100.0", "75.0–90.0", "0.0–100.0", "1754", "46"):
        assert part in words


def test_a_pipe_gets_one_line_per_target(capsys: pytest.CaptureFixture[str]) -> None:
    line = next(line for line in shown(capsys, estimates(*LONGEST)).splitlines() if LONGEST[0] in line)
    for part in (*LONGEST, "65.3 [54.9, 100.0]", "100.0 [95.4, 100.0]", "80.0 [75.0, 90.0]", "0.0 [0.0, 100.0]"):
        assert part in line


@pytest.mark.parametrize("name", ["llava[v1.5]", "[bold]llava[/bold]", "llava[/x]"])
def test_brackets_in_a_name_are_no_markup(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys, estimates(name, name, name)).count(name) == 3


def test_no_name_or_note_steers_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    out = shown(capsys, estimates("red\x1b[31m", "two\nlines", "bell\x07"), ["file\x1b]0;title\x07.csv: left out."])
    assert not {"\x1b", "\x07"} & set(out)
    assert "two\ufffdlines" in out
