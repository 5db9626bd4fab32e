"""The benchmarks' own machinery; what they measure is never a test."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.__main__ import NAMES, main
from bench._data import FailedError, Setup, SkippedError, completions, labelled, sample, write_sample
from bench._machine import machine, versions
from bench._runs import cached_run, measure
from bench._tables import Table, write_blocks
from scorer.readers import read

BENCH = Path(__file__).resolve().parents[1] / "bench"
TABLE = Table("A title", ["name", "value"], [["a", "1"], ["b", r"\1"]], ["A note."], timed=True)


def test_every_table_has_a_file_and_every_file_a_table() -> None:
    assert set(NAMES) == {p.stem for p in BENCH.glob("[!_]*.py")}


def test_a_table_is_markdown_with_its_notes() -> None:
    assert TABLE.markdown() == "| name | value |\n| --- | --- |\n| a | 1 |\n| b | \\1 |\n\nA note."


def test_a_block_replaces_what_stood_between_its_markers_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text(
        "before <!-- bench:speed -->\nold\n<!-- /bench:speed --> after <!-- bench:sra --><!-- /bench:sra -->"
    )
    assert write_blocks(path, "speed", TABLE, "Measured on: x.")
    block = f"{TABLE.markdown()}\n\nMeasured on: x."
    assert path.read_text() == (
        f"before <!-- bench:speed -->\n{block}\n<!-- /bench:speed --> after <!-- bench:sra --><!-- /bench:sra -->"
    )


def test_a_file_without_the_markers_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text("<!-- bench:speed --> never closed")
    assert not write_blocks(path, "speed", TABLE, "")
    assert path.read_text() == "<!-- bench:speed --> never closed"


def test_the_machine_is_named() -> None:
    assert "cores" in machine()
    assert "torch" in versions()


def test_variations_are_all_different_responses_of_the_samples_kind(tmp_path: Path) -> None:
    original = list(read(sample()).responses)
    made = list(read(write_sample(tmp_path / "made.jsonl", 3 * len(original))).responses)
    assert made[: len(original)] == original
    assert len({(r.item.item_id, r.target, r.method) for r in made}) == len(made)
    assert Counter(r.missing for r in made) == {k: 3 * n for k, n in Counter(r.missing for r in original).items()}


def test_a_commands_peak_memory_does_not_depend_on_the_process_that_measures_it() -> None:
    ballast = bytearray(b"x" * 300_000_000)
    assert measure([sys.executable, "-I", "-S", "-c", "pass"]).peak_bytes < len(ballast) / 3


def test_a_command_that_fails_is_no_measurement() -> None:
    with pytest.raises(FailedError, match="exit code 3"):
        measure([sys.executable, "-c", "raise SystemExit(3)"])


def test_the_run_from_the_cache_calls_no_judge() -> None:
    assert cached_run(200).seconds > 0


def test_without_the_real_data_a_table_is_skipped_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(SkippedError):
        completions(Setup(tmp_path))
    result = CliRunner().invoke(main, ["sra", "--data", str(tmp_path)])
    assert result.exit_code == 0
    assert "sra: not measured: the real data is absent" in result.stdout


def test_labels_stand_beside_their_responses(shared_data: Path) -> None:
    rows = labelled(Setup(shared_data))
    # Three targets of 270 prompts; GPT-4's labels are there for two of them.
    assert Counter(r.response.target for r in rows) == {"gpt4": 270, "llama2new": 270, "mistralinstruct": 270}
    assert Counter(r.response.target for r in rows if r.gpt4) == {"gpt4": 270, "llama2new": 270}
    # annotation_1 holds 136 + 99 + 218 full compliances, final_label 135 + 99 + 218.
    assert sum(r.annotators[0] == "1_full_compliance" for r in rows) == 453
    assert sum(r.people == "1_full_compliance" for r in rows) == 452
