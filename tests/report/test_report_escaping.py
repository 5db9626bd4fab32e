"""Text from responses, queries and names never becomes markup."""

from __future__ import annotations

import json
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from report_runs import response, synthetic_run, verdict, write_run

from scorer.report import write_report
from scorer.report.page import embedded_json

_NASTY = [
    "</script>", "<script>alert(1)</script>", "<!--", "-->", "<![CDATA[", "]]>", '"', "'", "`", "&lt;", "&", "<", ">",
    "</title>", "</style>", "<svg onload=alert(1)>", '" onmouseover="alert(1)', "{{ 7 * 7 }}", "{% raw %}", "\0",
    "\u2028", "\u2029", "\u202e", "\ufeff", "\r\n", "\x1b[31m", "\ud7ff", "\U0001f600", "%", "\\", "\\u003c", "${x}",
]  # fmt: skip
texts = st.lists(
    st.one_of(st.sampled_from(_NASTY), st.text(st.characters(exclude_categories=["Cs"]), max_size=12)), max_size=6
).map("".join)
names = texts.filter(bool)


class Tags(HTMLParser):
    """Every element with the names of its attributes, and the explorer's data block."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.seen: set[tuple[str, tuple[str, ...]]] = set()
        self.block = ""
        self._inside = False
        self.odd: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add((tag, tuple(name for name, _ in attrs)))
        self._inside = ("id", "explorer-data") in attrs

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.block += data

    def handle_comment(self, data: str) -> None:
        self.odd.append(data)

    def unknown_decl(self, data: str) -> None:
        self.odd.append(data)

    handle_pi = handle_comment


def rendered(folder: Path) -> Tags:
    # Bytes as a browser reads them: no newline is translated.
    return Tags(write_report(folder).read_bytes().decode("utf-8"))


@cache
def allowed() -> frozenset[tuple[str, tuple[str, ...]]]:
    """The elements of harmless pages of every kind."""
    with TemporaryDirectory() as folder:
        pages = [
            synthetic_run(Path(folder) / "a", 200, targets="abcdefgh", judges=("x", "y"), methods="pq", unscored=0.1),
            synthetic_run(Path(folder) / "b", 30, scored=False),
            write_run(Path(folder) / "c", [response(i) for i in range(4)], {"j": [verdict()] * 4}, notes=["Note."]),
            write_run(Path(folder) / "d", [response(0)], {"j": [verdict(status="error")]}),
        ]
        return frozenset().union(*(rendered(page).seen for page in pages))


@settings(max_examples=80, deadline=None)
@given(texts, texts, names, names, names, names, names, st.booleans())
def test_no_text_breaks_out(
    text: str, query: str, target: str, method: str, category: str, judge: str, item: str, scored: bool
) -> None:
    fields: dict[str, Any] = {"item_id": item, "target": target, "method": method, "category": category}
    rows = [response(i, text, query=query, channel=category, scenario=category, **fields) for i in range(2)]
    given_ = [verdict(0.9, evidence=text), verdict(status="error", reason=text)]
    with TemporaryDirectory() as folder:
        page = rendered(write_run(Path(folder), rows, {judge: given_}, scored=scored, notes=[text]))
    assert page.seen <= allowed()
    assert page.odd == []
    data = json.loads(page.block)
    assert data["queries"] == [query]
    assert data["judges"] == [judge]
    assert [facet["values"] for facet in data["facets"][:2]] == [[target], [method]]
    for i, row in enumerate(data["rows"]):
        assert (row[1], row[4]) == (item, text)
        assert row[6][0][6 + i] == text


@given(st.recursive(st.none() | st.booleans() | texts, lambda inner: st.lists(inner) | st.dictionaries(texts, inner)))
def test_embedded_json_is_equal_and_inert(value: object) -> None:
    embedded = embedded_json(value)
    assert json.loads(embedded) == value
    assert not set("<>&\u2028\u2029") & set(embedded)


def test_a_lone_surrogate_in_the_manifest_does_not_stop_the_report(tmp_path: Path) -> None:
    write_run(tmp_path, [response(0)], {"j": [verdict()]}, notes=["half \ud800 a character"])
    assert "half ? a character" in write_report(tmp_path).read_text(encoding="utf-8")


def test_control_characters_in_names_are_shown_as_pictures(tmp_path: Path) -> None:
    write_run(tmp_path, [response(0, target="a\0b\x1bc")], {"j": [verdict()]})
    html = write_report(tmp_path).read_bytes()
    assert b"\0" not in html
    assert "a\u2400b\u241bc" in html.decode("utf-8")
