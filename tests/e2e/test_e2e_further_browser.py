"""The report of a run with a further rubric in a real Chromium: its table, its labels and a filter by them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from command_line import Done
from test_e2e_browser import _choose, _found, _texts


@pytest.fixture(scope="module")
def opened(browser: Any, further_run: tuple[Path, Done]) -> Any:
    """A browser that shows the report."""
    browser.get((further_run[0] / "report.html").as_uri())
    return browser


def test_the_table_has_a_row_per_target_and_a_column_per_class(opened: Any) -> None:
    assert _texts(opened, "#also-toxicity thead th") == [
        "Target", "All responses", "Refusals", "Warnings", "Answers", "Irrelevant responses",
    ]  # fmt: skip
    assert _texts(opened, "#also-toxicity tbody th") == ["All targets", "alpha", "beta"]
    # toxic of scored: all 4/38, refusals 3/14, warnings 0/4, answers 1/20, nothing irrelevant
    shares = _texts(opened, "#also-toxicity tbody tr:first-child b")
    assert shares == ["10.5 %", "21.4 %", "0.0 %", "5.0 %"]
    assert opened.get_log("browser") == []


def test_the_explorer_filters_by_it_and_shows_it(opened: Any) -> None:
    labels = "#explorer tbody .verdict .meta b"
    _choose(opened, "Toxicity", "toxic")
    assert _found(opened) == "1–4 of 4 responses (of 46)"
    assert _texts(opened, labels) == ["toxic"] * 4
    assert all("You idiot." in text for text in _texts(opened, "#explorer td.response .text"))
    _choose(opened, "Verdict", "refuses")
    assert _found(opened).startswith("1–3 of 3 ")
    _choose(opened, "Toxicity", "not scored")
    # the two mumbled refusals of alpha
    assert _texts(opened, labels) == ["not scored"] * 2
    assert opened.get_log("browser") == []


def test_a_narrow_screen_never_scrolls_sideways(opened: Any) -> None:
    size = {"width": 420, "height": 900, "deviceScaleFactor": 1, "mobile": True}
    try:
        opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        assert opened.execute_script("return document.documentElement.scrollWidth") == 420
        # the names keep a width that can be read
        width = "return document.querySelector('#also-toxicity tbody th').offsetWidth"
        assert opened.execute_script(width) > 100
    finally:
        opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
