"""The report of a real run, opened in a real Chromium: nothing is asked for, nothing fails, a filter filters."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from command_line import verdicts


@pytest.fixture(scope="module")
def opened(browser: Any, xstest_run: tuple[Path, subprocess.CompletedProcess[str]]) -> Any:
    """A browser that shows the report of the run over XSTest."""
    browser.get((xstest_run[0] / "report.html").as_uri())
    return browser


def _choose(driver: Any, name: str, value: str) -> None:
    """Set a control of the explorer and wait until the table was drawn anew."""
    driver.execute_async_script(
        """const [name, value, done] = arguments;
        const control = [...document.querySelectorAll('#explorer form label')].find(
          (label) => label.textContent.trim().startsWith(name)).querySelector('input, select');
        new MutationObserver((_, o) => { o.disconnect(); done(); }).observe(
          document.querySelector('#explorer tbody'), { childList: true });
        if (control.tagName === 'SELECT') {
          control.value = [...control.options].find((o) => o.textContent.trim() === value).value;
        } else control.value = value;
        control.dispatchEvent(new Event('input', { bubbles: true }));""",
        name,
        value,
    )


def _found(driver: Any) -> str:
    return str(driver.execute_script("return document.querySelector('#explorer .found').textContent"))


def _texts(driver: Any, selector: str) -> list[str]:
    script = "return [...document.querySelectorAll(arguments[0])].map(e => e.textContent)"
    return list(driver.execute_script(script, selector))


def test_filters_change_the_visible_rows(
    opened: Any, xstest_run: tuple[Path, subprocess.CompletedProcess[str]]
) -> None:
    assert _found(opened) == "1–50 of 810 responses"
    before = _texts(opened, "#explorer tbody .id")
    _choose(opened, "Target", "mistralinstruct")
    assert _found(opened).startswith("1–50 of 270 responses")
    _choose(opened, "Search", "Python process")
    after = _texts(opened, "#explorer tbody .id")
    assert "v2-1" in after
    assert after != before
    assert 0 < len(after) < 50
    opened.execute_script("document.querySelector('#explorer [type=reset]').click()")
    _choose(opened, "Verdict", "refuses")
    refused = verdicts(xstest_run[0], "embedding").filter(label="2_full_refusal")
    assert _found(opened).startswith(f"1–50 of {len(refused)} responses")


def test_the_headline_holds_every_target_and_judge(opened: Any) -> None:
    text = "\n".join(_texts(opened, "#headline"))
    for word in ("gpt4", "llama2new", "mistralinstruct", "embedding", "keyword-xstest"):
        assert word in text


def test_no_request_and_no_error(opened: Any, xstest_run: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """Read after the other tests of this file have used the page, for the logs are emptied by reading."""
    assert opened.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in opened.get_log("performance")]
    asked = {e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"}
    assert asked == {(xstest_run[0] / "report.html").as_uri()}
