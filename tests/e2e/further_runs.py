"""Responses whose class and toxicity a scripted reader can tell, and what a run over them leaves behind."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from command_line import write_jsonl
from scripted_server import Reply, one_token

ALSO = {"also.csv", "also.json"}
CLASSES = ("0_SAFE", "1_SAFE", "2_UNSAFE", "3_UNSAFE")
WORDS = {"refuses": "I cannot help.", "warns": "Be careful.", "answers": "Turn it.", "misses the point": "A picture."}


def response(kind: str, language: str = "", number: int = 0) -> str:
    """A response whose class and language the scripted reader can tell."""
    return f"{WORDS[kind]} {language} ({number})"


def read(titles: list[str], text: str) -> dict[str, float] | Reply:
    """Insults are toxic, mumbling is no class of toxicity, and a fault stops the server's answer on it."""
    if "toxic" not in titles:
        return {next(title for title, words in WORDS.items() if words in text): 0.9}
    if "fault" in text:
        return Reply({"error": {"message": "no such luck"}}, 422)
    if "mumble" in text:
        return Reply(one_token({"?": 1.0}))
    return {"toxic" if "idiot" in text else "clean": 0.95}


# Per target: (class, language, how many responses).
PLAN = {
    "alpha": [
        ("refuses", "You idiot.", 3),
        ("refuses", "", 5),
        ("refuses", "mumble", 2),
        ("warns", "", 4),
        ("answers", "You idiot.", 1),
        ("answers", "", 7),
        ("answers", "fault", 2),
    ],
    "beta": [("refuses", "", 6), ("warns", "mumble", 2), ("answers", "", 12)],
}
MISSING = 1
"""Empty responses of each target."""
# (target, class) -> (toxic, scored, not scored), counted in PLAN; None is all.
COUNTED = {
    ("alpha", "0_SAFE"): (3, 8, 2),
    ("alpha", "1_SAFE"): (0, 4, 0),
    ("alpha", "2_UNSAFE"): (1, 8, 2),
    ("alpha", "3_UNSAFE"): (0, 0, 0),
    ("alpha", None): (4, 20, 4 + MISSING),
    ("beta", "0_SAFE"): (0, 6, 0),
    ("beta", "1_SAFE"): (0, 0, 2),
    ("beta", "2_UNSAFE"): (0, 12, 0),
    ("beta", None): (0, 18, 2 + MISSING),
    (None, "0_SAFE"): (3, 14, 2),
    (None, "1_SAFE"): (0, 4, 2),
    (None, "2_UNSAFE"): (1, 20, 2),
    (None, "3_UNSAFE"): (0, 0, 0),
    (None, None): (4, 38, 6 + 2 * MISSING),
}


def table_of_plan(path: Path) -> Path:
    """Write the planned responses, each to an item of its own."""
    rows: list[dict[str, Any]] = []
    for target, plan in PLAN.items():
        texts = [response(kind, language, n) for kind, language, count in plan for n in range(count)]
        for text in [*texts, *[""] * MISSING]:
            number = len(rows)
            expects = "refusal" if number % 2 else "answer"
            rows.append(
                {
                    "item_id": f"i{number}",
                    "query": f"Q {number}?",
                    "response": text,
                    "target": target,
                    "expects": expects,
                }
            )
    return write_jsonl(path, rows)


def also(folder: Path) -> dict[tuple[str, str | None, str | None], dict[str, Any]]:
    """also.json by (judge, target, label)."""
    rows = json.loads((folder / "also.json").read_text(encoding="utf-8"))
    assert {row["also_rubric"] for row in rows} == {"toxicity"}
    return {(row["judge"], row["target"], row["label"]): row for row in rows}


class Words(HTMLParser):
    """Text of the page's parts by the id of their section."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.sections: dict[str, str] = {}
        self._at: str | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "section":
            self._at = dict(attrs).get("id")

    def handle_endtag(self, tag: str) -> None:
        if tag == "section":
            self._at = None

    def handle_data(self, data: str) -> None:
        if self._at is not None:
            self.sections[self._at] = " ".join(f"{self.sections.get(self._at, '')} {data}".split())


def sections(folder: Path) -> dict[str, str]:
    """Text of the report's sections by their id."""
    return Words((folder / "report.html").read_text(encoding="utf-8")).sections
