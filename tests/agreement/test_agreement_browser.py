"""The agreement report in a real Chromium: no request, no error, switches and disagreements that work."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from agreement_runs import labels, sound_run
from test_agreement_page import hostile_page, page

SHOWN = "return [...document.querySelectorAll(arguments[0])].filter((e) => e.checkVisibility()).length"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two judges, two references, all of the page's sections."""
    run, truth = sound_run(120, judge_right=0.85)
    other = [truth[i] if i % 9 else truth[-i] for i in range(120)]
    path = tmp_path_factory.mktemp("page") / "agreement.html"
    path.write_text(page(run, pl.concat([labels(run, truth), labels(run, other, "ben")])), encoding="utf-8")
    return path


class Opened:
    """An opened page and what a reader does with it."""

    def __init__(self, driver: Any, path: Path) -> None:
        self.driver, self.path = driver, path
        for kind in ("browser", "performance"):
            driver.get_log(kind)  # forget the page before
        driver.get(path.as_uri())

    def js(self, script: str, *arguments: object) -> Any:
        return self.driver.execute_script(script, *arguments)

    def shown(self, selector: str) -> int:
        return int(self.js(SHOWN, selector))

    def press(self, name: str, value: str) -> None:
        label = self.driver.find_element("css selector", f".against-bar input[name={name}][value='{value}'] + span")
        self.js("arguments[0].scrollIntoView({ behavior: 'instant', block: 'center' })", label)
        label.click()

    def assert_quiet(self) -> None:
        """No console message, and no request but for the page itself."""
        assert self.driver.get_log("browser") == []
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        asked = {e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"}
        assert asked == {self.path.as_uri()}


def test_the_switches_choose_reference_and_labels(browser: Any, report: Path) -> None:
    opened = Opened(browser, report)
    name = """return [...document.querySelectorAll('#headline .against h3')]
        .filter((e) => e.checkVisibility()).map((e) => e.textContent)"""
    assert opened.js(name) == ["Beside anna"]
    assert opened.shown("#confusion .confusion") == 2
    assert opened.shown("#confusion .view-flagged .cell") == 2 * 4
    opened.press("view", "classes")
    assert opened.shown("#confusion .view-flagged .cell") == 0
    assert opened.shown("#confusion .view-classes .cell") == 2 * 9
    opened.press("reference", "1")
    assert opened.js(name) == ["Beside ben"]
    assert opened.shown("#reliability svg.reliability") == 1
    assert opened.shown("#reliability .dot") > 4
    assert opened.shown("#contests tbody tr") == 1
    opened.assert_quiet()


def test_the_bar_stays_in_sight(browser: Any, report: Path) -> None:
    opened = Opened(browser, report)
    opened.js(
        "document.documentElement.style.scrollBehavior = 'auto'; document.querySelector('#slices').scrollIntoView()"
    )
    assert opened.js("return Math.round(document.querySelector('.against-bar').getBoundingClientRect().top)") == 0
    bottom = opened.js("return document.querySelector('.against-bar').getBoundingClientRect().bottom")
    assert opened.js("return document.querySelector('#slices h2').getBoundingClientRect().top") > bottom


def test_disagreements_are_sorted_searched_and_show_the_references(browser: Any, report: Path) -> None:
    opened = Opened(browser, report)
    errors = opened.js(
        """const data = JSON.parse(document.getElementById('explorer-data').textContent);
        const error = new Map(data.rows.map((r) => [r[1], r[6][0][10]]));
        return [...document.querySelectorAll('#explorer tbody .id')].map((e) => error.get(e.textContent));"""
    )
    assert len(errors) > 10
    assert errors == sorted(errors, reverse=True)
    first = "return document.querySelector('#explorer tbody .verdict').innerText"
    assert "differs on flagged" in opened.js(first)
    assert "anna" in opened.js(first)
    choose = """const [name, value] = arguments;
        const select = document.querySelector('#explorer form').elements.namedItem(name);
        select.value = value; select.dispatchEvent(new Event('input', { bubbles: true }));"""
    opened.js(choose, "outcome", "1")
    assert opened.shown("#explorer .outcome.wrong") == 0
    assert opened.shown("#explorer .outcome.right") > 0
    opened.js(choose, "judge", "1")
    opened.js(choose, "outcome", "0")
    assert opened.shown("#explorer .outcome.wrong") > 10
    assert opened.shown("#explorer .outcome.right") == 0
    opened.assert_quiet()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [420, 1280])
def test_it_never_scrolls_sideways(browser: Any, report: Path, width: int, scheme: str) -> None:
    opened = Opened(browser, report)
    send = opened.driver.execute_cdp_cmd
    try:
        send(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 700},
        )
        send("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
        for view in ("flagged", "classes"):
            opened.js(
                "const i = document.querySelector(`input[name=view][value=${arguments[0]}]`); i.checked = true;"
                "i.dispatchEvent(new Event('input', { bubbles: true }))",
                view,
            )
            assert opened.js("return document.documentElement.scrollWidth") <= width
    finally:
        send("Emulation.clearDeviceMetricsOverride", {})
        send("Emulation.setEmulatedMedia", {"features": []})
    opened.assert_quiet()


def test_hostile_text_does_nothing(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "agreement.html"
    path.write_text(hostile_page(), encoding="utf-8")
    opened = Opened(browser, path)
    opened.js("document.querySelector('[data-open-all]').click()")
    assert opened.js("return window.hacked") is None
    assert opened.js("return document.querySelectorAll('img').length") == 0
    assert opened.js("return document.documentElement.scrollWidth <= window.innerWidth")
    opened.assert_quiet()
