"""The direction of imports, read from the source: every module imports only what lies below it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "scorer"

# From top to bottom. A module may import its own room and any lower layer; rooms of one layer do not know each other.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("cli",),
    ("running", "run_plan"),
    ("run_reports", "run_answers"),
    ("run_inputs", "run_steps"),
    ("run_config",),
    ("config_parts",),
    ("pipeline", "agreement", "comparing", "training", "doctor"),
    ("panel", "run_record"),
    ("asked",),
    ("finish",),
    ("generating",),
    ("generate_options",),
    ("judge_stage", "certified", "stacked", "target_model", "generation_tasks"),
    ("report", "cascaded", "calibrated", "corrected", "crossed", "explaining"),
    ("labelled", "ingest", "judging", "served_model", "run_state"),
    ("references", "benchmarks", "generation"),
    ("class_orders", "judges", "metrics", "readers"),
    ("serving",),
    ("calibration", "embedding", "cache", "run_folder", "endpoint", "prompting", "images"),
    ("stats", "rubrics", "config_section"),
    ("assets", "records"),
    ("errors",),
)
MODULES = sorted(PACKAGE.rglob("*.py"))


def room(module: str) -> str:
    """scorer.readers._table -> readers."""
    return module.split(".")[1] if "." in module else ""


def level(name: str) -> int:
    """The layer's place, 0 on top."""
    for place, rooms in enumerate(LAYERS):
        if name in rooms:
            return place
    raise AssertionError(f"scorer/{name} is in no layer: add it to LAYERS in tests/test_imports.py")


def imported(path: Path) -> set[str]:
    """The scorer modules that a file imports, inside functions too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: write imports in full"
            found.add(node.module)
    return {name for name in found if name.startswith("scorer.")}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if own == "__init__":
        assert not imported(path)
        return
    for name in imported(path):
        other = room(name)
        assert other == own or level(own) < level(other), f"{own} may not import {name}"


def test_every_layer_exists() -> None:
    rooms = {p.relative_to(PACKAGE).parts[0].removesuffix(".py") for p in MODULES}
    assert {name for layer in LAYERS for name in layer} <= rooms


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_no_pickle_and_no_hub(path: Path) -> None:
    names = {name for node in ast.walk(ast.parse(path.read_text("utf-8"))) for name in _names(node)}
    assert not names & {
        "pickle",
        "joblib",
        "dill",
        "marshal",
        "shelve",
        "huggingface_hub",
        "requests",
        "urllib.request",
    }


def _names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
