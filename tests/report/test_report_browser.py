"""The report in a real Chromium: no request, no error, nothing executed, filters that work."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from report_runs import response, synthetic_run, verdict, write_run

from scorer.report import write_report


class Report:
    """An opened report and what a reader does with it."""

    def __init__(self, driver: Any, folder: Path) -> None:
        self.driver = driver
        self.path = write_report(folder)
        for kind in ("browser", "performance"):
            driver.get_log(kind)  # forget the page before
        driver.get(self.path.as_uri())

    def js(self, script: str, *arguments: object) -> Any:
        return self.driver.execute_script(script, *arguments)

    def ids(self) -> list[str]:
        return self.js("return [...document.querySelectorAll('#explorer tbody .id')].map(e => e.textContent)")

    def found(self) -> str:
        return self.js("return document.querySelector('#explorer .found').textContent")

    def choose(self, name: str, value: str) -> None:
        """Set a control of the explorer and wait until the table was drawn anew."""
        self.driver.execute_async_script(
            """const [name, value, done] = arguments;
            const label = [...document.querySelectorAll('#explorer form label')].find(
              (l) => l.textContent.trim().startsWith(name));
            const control = label.querySelector('input, select');
            new MutationObserver((_, o) => { o.disconnect(); done(); }).observe(
              document.querySelector('#explorer tbody'), { childList: true });
            if (control.tagName === 'SELECT') {
              control.value = [...control.options].find((o) => o.textContent.trim() === value).value;
            } else control.value = value;
            control.dispatchEvent(new Event('input', { bubbles: true }));""",
            name,
            value,
        )

    def assert_quiet(self) -> None:
        """No console message, and no request but for the page itself."""
        assert self.driver.get_log("browser") == []
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        asked = {e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"}
        assert asked == {self.path.as_uri()}


Open = Callable[[Path], Report]


@pytest.fixture
def opened(browser: Any) -> Open:
    return lambda folder: Report(browser, folder)


def test_opens_without_error_or_request(opened: Open, tmp_path: Path) -> None:
    report = opened(synthetic_run(tmp_path, 300, targets=("alpha", "beta", "gamma"), judges=("embedding", "words")))
    assert report.found() == "1–50 of 300 responses"
    assert len(report.ids()) == 50
    assert report.js("return document.querySelectorAll('svg.scatter.wide .mark').length") == 6
    assert report.js("return document.querySelectorAll('.heat .cell').length") > 20
    assert report.js("return document.documentElement.scrollWidth <= window.innerWidth")
    report.assert_quiet()


def test_search_filters_order_and_pages(opened: Open, tmp_path: Path) -> None:
    report = opened(synthetic_run(tmp_path, 120, unscored=0.1))
    report.choose("Search", "NUMBER 77 DECIDES")
    assert report.ids() == ["item-77"]
    report.choose("Search", "item-7")
    assert set(report.ids()) == {"item-7", *(f"item-7{i}" for i in range(10))}
    report.choose("Target", "beta")
    assert set(report.ids()) == {"item-7", *(f"item-7{i}" for i in range(1, 10, 2))}
    report.js("document.querySelector('#explorer [type=reset]').click()")
    report.choose("Verdict", "not scored")
    assert 0 < len(report.ids()) < 50
    assert report.js("return [...document.querySelectorAll('.chip')].every(e => e.textContent === 'not scored')")
    report.choose("Verdict", "refuses")
    report.choose("Expectation", "not as expected")
    assert report.js("return [...document.querySelectorAll('.outcome')].every(e => e.classList.contains('wrong'))")
    report.choose("Verdict", "all")
    report.choose("Expectation", "all")
    report.choose("Order", "most likely flagged first")
    first = report.js(
        "return [...document.querySelectorAll('.verdict')].map(e => /[0-9.]+ %/.exec(e.textContent)?.[0])"
    )
    shares = [float(text.split()[0]) for text in first if text]
    assert shares == sorted(shares, reverse=True)
    report.js("document.querySelector('#explorer [data-step=\"1\"]').click()")
    assert report.found() == "51–100 of 120 responses"
    report.choose("Search", "no such text")
    assert report.ids() == []
    assert "No response matches" in report.js("return document.querySelector('#explorer tbody').textContent")
    report.assert_quiet()


def test_long_text_folds_by_keyboard_and_the_deciding_sentence_is_marked(opened: Open, tmp_path: Path) -> None:
    decisive = "This is the sentence that decided."
    text = f"{'Before. ' * 200}{decisive} {'After. ' * 200}"
    tidied = "Two  words\napart."
    rows = [response(0, text), response(1, f"Start. {tidied} End."), response(2, "Short.")]
    given = [verdict(evidence=decisive), verdict(evidence="Two words apart."), verdict(evidence="Not in the text.")]
    report = opened(write_run(tmp_path, rows, {"embedding": given}))
    length = "return document.querySelectorAll('td.response .text')[0].textContent.length"
    marks = "return [...document.querySelectorAll('mark.evidence')].map(e => e.textContent)"
    assert report.js(length) < 600
    assert report.js(marks) == [decisive, tidied]
    assert "Not in the text." in report.js("return document.querySelectorAll('#explorer tbody tr')[2].textContent")
    toggle = report.driver.find_element("css selector", "#explorer .toggle")
    assert toggle.get_attribute("aria-expanded") == "false"
    toggle.send_keys("\ue007")  # Enter
    assert report.js(length) == len(text)
    focused = report.driver.switch_to.active_element
    assert focused.get_attribute("aria-expanded") == "true"
    focused.send_keys(" ")
    assert report.js(length) < 600
    report.assert_quiet()


def test_hostile_text_is_only_text(opened: Open, tmp_path: Path) -> None:
    hostile = "</script><script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'><!-- \0\x1b \u202e & "
    rows = [response(i, hostile, query=hostile, target=hostile, category=hostile, item_id=hostile) for i in range(4)]
    rows.append(response(5, "W" * 5000, item_id="V" * 300, category="C" * 300))
    given = [verdict(0.6, evidence="<script>window.hacked = 1</script>")] * 5
    report = opened(write_run(tmp_path, rows, {hostile: given}, notes=[hostile]))
    assert report.js("return window.hacked") is None
    assert report.js("return document.querySelectorAll('img, #explorer script').length") == 0
    shown = report.js("return document.querySelector('td.response .text').textContent")
    assert shown == hostile.replace("\0", "\u2400").replace("\x1b", "\u241b")
    assert report.js("return document.documentElement.scrollWidth <= window.innerWidth")
    report.js("document.querySelector('[data-open-all]').click()")
    report.choose("Search", "<script>")
    assert len(report.ids()) == 4
    assert report.js("return document.querySelector('mark.hit').textContent") == "<script>"
    assert report.js("return window.hacked") is None
    report.assert_quiet()


def test_a_heat_map_cell_leads_to_its_responses(opened: Open, tmp_path: Path) -> None:
    report = opened(synthetic_run(tmp_path, 200, unscored=0))
    report.js("document.querySelector('.heat tbody tr:nth-child(2) td:nth-child(2) .cell').click()")
    n = report.js("return document.querySelector('.heat tbody tr:nth-child(2) td:nth-child(2) .n').textContent")
    assert f"of {n.removeprefix('n = ')} responses" in report.found()
    report.assert_quiet()


def test_strict_values_are_one_click_away(opened: Open, tmp_path: Path) -> None:
    report = opened(synthetic_run(tmp_path, 60))
    visible = (
        "return [...document.querySelectorAll('#headline td')].filter(e => e.checkVisibility()).map(e => e.className)"
    )
    assert set(report.js(visible)) == {"metric published"}
    report.driver.find_element("css selector", "#headline .switch label:nth-of-type(2)").click()
    assert set(report.js(visible)) == {"metric strict"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_screen_never_scrolls_sideways(opened: Open, tmp_path: Path, scheme: str) -> None:
    report = opened(synthetic_run(tmp_path, 80, targets=("a-target-with-a-very-long-name" * 3, "beta")))
    send = report.driver.execute_cdp_cmd
    try:
        send(
            "Emulation.setDeviceMetricsOverride", {"width": 420, "height": 900, "deviceScaleFactor": 1, "mobile": True}
        )
        send("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
        assert report.js("return document.documentElement.scrollWidth") == 420
        assert report.js("return document.querySelector('svg.scatter.narrow').checkVisibility()")
    finally:
        send("Emulation.clearDeviceMetricsOverride", {})
        send("Emulation.setEmulatedMedia", {"features": []})
    report.assert_quiet()


def test_a_huge_text_opens_step_by_step(opened: Open, tmp_path: Path) -> None:
    text = "word " * 20_000
    report = opened(write_run(tmp_path, [response(0, text)], {"embedding": [verdict()]}))
    length = "return document.querySelector('td.response .text').textContent.length"
    press = "document.querySelector('#explorer .toggle').click()"
    lengths = [report.js(length)]
    for _ in range(2):
        report.js(press)
        lengths.append(report.js(length))
    assert lengths == sorted(set(lengths))
    assert lengths[-1] == len(text)
    report.js("document.querySelector('#explorer .toggle:last-child').click()")
    assert report.js(length) == lengths[0]
