"""Fixtures of the report's tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from report_runs import synthetic_run


@pytest.fixture
def run_folder(tmp_path: Path) -> Callable[..., Path]:
    """Makes synthetic run folders in a temporary place."""
    return lambda n=60, **options: synthetic_run(tmp_path / "run", n, **options)
