"""The one strict parser of labels: a label counts only where the class field says so.

A text is a label where it is nothing but a class id (blanks, quotes, brackets and markdown marks around it are
allowed), a JSON object with the key `class`, or where it holds a class field: the word `class`, a separator and one
class id, at the start of a line or after the end of a sentence. What is accepted, and what is not:

- Upper and lower case do not matter, unless two ids of the rubric differ in nothing else. `1\\_SAFE`, as markdown
  writes it, is `1_SAFE`.
- `CLASS: 1` stands for the class whose id starts with 1, where all ids start with different numbers. A number alone
  is no label: a column of 0 and 1 may as well mean "not flagged" and "flagged".
- After the id the field must end: with the line, a semicolon, a full stop, the word EXPLANATION (or REASON and the
  like), or the class's own title. Anything else (`CLASS: 1_SAFE or 2_UNSAFE`, `CLASS: 1_SAFE would be wrong`) leaves
  open what was meant, and is no label.
- Fields that name different classes are no label, also where one of them stands inside the explanation. A class that
  is only mentioned, in the explanation or in prose, counts for nothing.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache

from scorer.rubrics import Rubric

_OPEN = r"""[\s"'“”‘’`*_\[({<«]*"""
_CLOSE = r"""[ \t"'“”‘’`*_\])}>»]*"""
_AROUND = " \t\r\n\"'“”‘’`*_[](){}<>«».;,"
_FIELD = re.compile(r"""(?<![^\W_])class["'“”‘’`*_]*(?:\s*(?P<sure>[:=：])|[ \t]+[-–—](?=\s))""" + _OPEN, re.IGNORECASE)
_FIELD_PLACE = re.compile(
    r"""(?:(?:\A|[\r\n]|[.!?;)\]}]["'”’`*_]*\s|[;。！？；])[\s"'“‘`*_#>({\[|•-]*|[{,]\s*["'])\Z"""
)  # what stands before a field: the start of a line, the end of a sentence, or the brace or comma of a JSON object
_LOOK_BACK = 40  # characters: keeps the search short in a text that says "class:" a thousand times
_EXPLANATION = r"(?:explanation|reason|reasoning|rationale|justification)\b"
_FIELD_END = re.compile(
    rf"""(?P<explained>[,.;]?[\s"'“‘`*_|(\[{{]*{_EXPLANATION})|\Z|[\r\n;；|。]|\.(?=\s|\Z)|,\s*["']""", re.IGNORECASE
)
_FENCE = re.compile(r"\s*```(?:json)?\s*(.*?)\s*```\s*", re.DOTALL | re.IGNORECASE)
_ID_END = r"(?![^\W_]|_+[^\W_]|-\w)"
_SHOWN = 40  # characters of a class that is not the rubric's


@dataclass(frozen=True)
class _Grammar:
    """What a rubric's ids look like."""

    names: dict[str, str]  # as written (in lower case where that is enough) -> class id
    numbers: dict[str, str]  # leading number -> class id, empty where that is ambiguous
    value: re.Pattern[str]
    titles: dict[str, re.Pattern[str]]
    another: re.Pattern[str]
    folded: bool

    def named(self, text: str) -> str | None:
        """The class that a text is the id of."""
        plain = text.replace("\\_", "_")
        return self.names.get(plain.casefold() if self.folded else plain)


def parse_label(text: str, rubric: Rubric) -> str | None:
    """The class id that `text` gives by this module's rules, None where it gives none or several."""
    grammar = _grammar(rubric)
    whole = grammar.named(text.strip()) or grammar.named(text.strip(_AROUND))
    if whole is not None:
        return whole
    values = _json_values(text)
    if values is not None:
        return _agreed({_json_class(value, grammar) for value in values})
    fields: set[str | None] = set()
    mentioned: set[str | None] = set()
    for match in _FIELD.finditer(text):
        if named := _value_at(text, match, grammar, whole_field=False):
            mentioned.add(named)
        if _FIELD_PLACE.search(text, max(0, match.start() - _LOOK_BACK), match.start()):
            fields.add(_value_at(text, match, grammar, whole_field=True))
    return _agreed(fields | mentioned) if fields else None


def class_named(text: str) -> str | None:
    """What a text gives as its class, known or not, for a message; None where it gives none."""
    fields = list(_FIELD.finditer(text))
    for field in fields:
        if found := re.match(r"[\w-]+", text[field.end() : field.end() + _SHOWN]):
            return found[0]
    value = text.strip(_AROUND)
    return value if not fields and len(value) <= _SHOWN and len(value.split()) == 1 else None


def _agreed(classes: set[str | None]) -> str | None:
    return next(iter(classes)) if len(classes) == 1 else None


def _value_at(text: str, field: re.Match[str], grammar: _Grammar, *, whole_field: bool) -> str | None:
    """The class that stands after a field's separator; with `whole_field` only where the field ends after it."""
    value = grammar.value.match(text, field.end())
    if value is None:
        return None
    if value["number"] is not None:
        named = grammar.numbers.get(value["number"]) if field["sure"] else None
    else:
        named = grammar.named(value["id"])
    if named is None or not whole_field:
        return named
    title = grammar.titles[named].match(text, value.end())
    end = _FIELD_END.match(text, title.end() if title else value.end())
    if end is None:
        return None
    following = None if end["explained"] else grammar.another.match(text, end.end())
    return named if following is None or grammar.named(following["id"]) == named else None


def _json_values(text: str) -> list[object] | None:
    """The values of `class` in a text that is a JSON object, None where it is no such object."""
    fenced = _FENCE.fullmatch(text)
    try:
        pairs = json.loads(fenced[1] if fenced else text, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError):
        return None
    if not isinstance(pairs, _Pairs):
        return None
    return [value for key, value in pairs if key.strip().casefold() == "class"]


class _Pairs(list[tuple[str, object]]):
    """A JSON object as it was written, with keys that stand twice."""


def _json_class(value: object, grammar: _Grammar) -> str | None:
    if isinstance(value, list) and not isinstance(value, _Pairs) and len(value) == 1:
        value = value[0]
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    plain = str(value).strip(_AROUND)
    return grammar.named(plain) or grammar.numbers.get(plain)


@lru_cache(maxsize=16)
def _grammar(rubric: Rubric) -> _Grammar:
    ids = rubric.class_ids
    folded = len({c.casefold() for c in ids}) == len(ids)
    leading = [re.match(r"\d+", c) for c in ids]
    numbers = {m[0]: c for m, c in zip(leading, ids, strict=True) if m}
    # longest first, so that an id is not taken for another one that it begins with
    written = "|".join(re.escape(c).replace("_", r"\\?_") for c in sorted(ids, key=len, reverse=True))
    case = re.IGNORECASE if folded else re.NOFLAG
    titles = {
        c.id: re.compile(
            rf"{_CLOSE}(?:[-–—:(]?[ \t]*{re.escape(c.title.strip())}(?!\w)[ \t]*\)?{_CLOSE})?", re.IGNORECASE
        )
        for c in rubric.classes
    }
    return _Grammar(
        names={c.casefold() if folded else c: c for c in ids},
        numbers=numbers if len(numbers) == len(ids) else {},
        value=re.compile(rf"(?:(?P<id>{written})|(?P<number>\d+)){_ID_END}", case),
        titles=titles,
        another=re.compile(rf"[\s,;/|&+]*(?:or\b|and\b)?{_OPEN}(?P<id>{written}){_ID_END}", case),
        folded=folded,
    )
