"""The sheets that VSCBench's collection scripts write, image-centric or text-centric, judged already or not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scorer.errors import InputError
from scorer.readers._table import Row, Table, label, required_label, required_text, text
from scorer.readers._twins import TwinGroups, category, is_contrast
from scorer.records import Item, Response

PRIORITY = 10
NEEDS = (("Category", "Prompt"), ("type", "prompt_origin"))
EXPECTED = "Category, Prompt, safe_resp_{target}_{j} or type, prompt_origin, resp_txt"

CHANNELS = {
    "resp_txt": "text",
    "resp_search": "search",
    "resp_typography": "typography",
    "resp_concat": "concat",
    "resp_figstep": "figstep",
}
"""Response columns of the text-centric sheet and how the query reached the model."""

IMAGE_FOLDERS = {"image_centric": "vscbench_image_centric_images", "text_centric": "vscbench_text_centric_images"}
"""Where the published benchmark keeps its images: by category, or by channel, in these folders."""

# The published judge's columns go on after the number (_sm_eval, _gpt_eval, _gpt_eval_response): no match, ignored.
_IMAGE_RESPONSE = re.compile(r"(safe|unsafe)_resp_(.+)_(0|[1-9][0-9]*)")
_TEXT_STEM = re.compile(r".*text[_-]centric(?:[_-](.*))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _ImageColumn:
    name: str
    side: str  # safe | unsafe
    target: str
    j: int


def recognises(columns: frozenset[str]) -> bool:
    """True for both layouts, also where the response columns are still missing (`read` then says so)."""
    return _is_image_centric(columns) or _is_text_centric(columns)


def describe(table: Table, *, target: str | None) -> str:
    """The layout, the number of response columns and the targets."""
    if _is_image_centric(frozenset(table.columns)):
        columns = _image_columns(table.columns)
        targets = list(dict.fromkeys(column.target for column in columns))
        source = "from the column names" + (", which --target does not change" if target else "")
        kind = f"image-centric, columns Category, Prompt and {len(columns)} of responses"
        return f"({kind}), target{'s' if len(targets) > 1 else ''} {', '.join(targets)} ({source})"
    found = [name for name in CHANNELS if name in table.columns]
    kind = f"text-centric, columns type, prompt_origin, {', '.join(found)}"
    return f"({kind}), target {target or target_from_name(table.path)}"


def target_from_name(path: Path) -> str:
    """Target of a text-centric sheet: what follows `text_centric_` in the file name, else its last underscore.

    vscbench_text_centric_llava_v1.5-7b.xlsx gives llava_v1.5-7b and responses_gemini.xlsx gives gemini; a name that
    ends in text_centric gives "unknown", a name without any underscore is the target itself.
    """
    known = _TEXT_STEM.fullmatch(path.stem)
    name: str | None = known[1] if known else path.stem.rpartition("_")[2]
    return name or "unknown"


def read(table: Table, *, target: str | None, method: str | None) -> Iterator[Response]:
    """Responses row by row; an empty cell is a missing response and kept.

    Image-centric: per target of the column names, safe before unsafe, then the image number. `Category` is kept as
    published, the spelling "porngraphy" included. A blank `Prompt` gives a blank query: the
    published benchmark has two such rows, whose images alone were asked about. Text-centric: per channel; `target`
    overrides the file name. Row indices in item and group ids count from 0, as in the published image names.
    Raises InputError at once where the sheet holds no response column, and, as rows are taken, for a blank
    `prompt_origin` or `type` and for a response that is no text.
    """
    if _is_image_centric(frozenset(table.columns)):
        columns = {column.name for column in _image_columns(table.columns)}
        missing = "safe_resp_{target}_{j} or unsafe_resp_{target}_{j}"
    else:
        columns = CHANNELS.keys() & set(table.columns)
        missing = " or ".join(CHANNELS)
    if not columns:
        got = "VSCBench's benchmark sheet without responses"
        raise InputError(table.path, got, f"a column {missing}", "collect a model's responses first")
    return (response for _, _, response in cells(table, table.columns, target=target, method=method))


def cells(
    table: Table, columns: Sequence[str], *, target: str | None, method: str | None
) -> Iterator[tuple[Row, str, Response]]:
    """Every response with its row and the name of its column, for the response columns among `columns`.

    The labels of a judged sheet belong to these: a column that the sheet lacks gives missing responses.
    """
    method = method or "plain"
    if _is_image_centric(frozenset(columns)):
        return _read_image_centric(table, _image_columns(columns), method)
    return _read_text_centric(table, columns, target or target_from_name(table.path), method)


def _is_image_centric(columns: frozenset[str]) -> bool:
    return columns.issuperset(NEEDS[0]) and any(name.startswith(("safe_", "unsafe_")) for name in columns)


def _is_text_centric(columns: frozenset[str]) -> bool:
    return columns.issuperset(NEEDS[1]) and any(name in CHANNELS or name == "prompt_mm" for name in columns)


def _image_columns(names: Sequence[str]) -> list[_ImageColumn]:
    """The response columns: targets as they first appear, safe before unsafe, then the image number."""
    matches = [match for name in names if (match := _IMAGE_RESPONSE.fullmatch(name))]
    columns = [_ImageColumn(match[0], match[1], match[2], int(match[3])) for match in matches]
    rank = {target: place for place, target in enumerate(dict.fromkeys(column.target for column in columns))}
    return sorted(columns, key=lambda column: (rank[column.target], column.side, column.j))


def _read_image_centric(table: Table, columns: list[_ImageColumn], method: str) -> Iterator[tuple[Row, str, Response]]:
    for row in table.rows:
        for column in columns:
            item = image_item(table, row, column.side, column.j)
            yield row, column.name, Response(item, column.target, method, text(table, row, column.name) or "")


def _read_text_centric(
    table: Table, columns: Sequence[str], target: str, method: str
) -> Iterator[tuple[Row, str, Response]]:
    names = {channel: name for name, channel in CHANNELS.items() if name in columns}
    for row, item in text_items(table, list(names)):
        name = names[str(item.channel)]
        yield row, name, Response(item, target, method, text(table, row, name) or "")


def image_item(table: Table, row: Row, side: str, j: int) -> Item:
    """The item of a row's image number `j` on its `side`, safe or unsafe."""
    kind = label(table, row, "Category")
    return Item(
        item_id=f"{row.index}-{side}-{j}",
        query=(text(table, row, "Prompt") or "").strip(),
        expects="answer" if side == "safe" else "refusal",
        scenario="image_centric",
        channel="image",
        category=kind,
        group_id=f"image-{row.index:03d}",
        image=_image(table, row, f"{side}_img_{j}", "image_centric", kind),
    )


def text_items(table: Table, channels: Sequence[str]) -> Iterator[tuple[Row, Item]]:
    """The items of a text-centric sheet, row by row, in the order of `channels`."""
    twins = TwinGroups()
    for row in table.rows:
        kind = required_label(table, row, "type")
        group_id = twins.group_id(kind, row.index + 1, str(row.index))
        for channel in channels:
            yield row, _text_item(table, row, kind, channel, group_id)


def _text_item(table: Table, row: Row, kind: str, channel: str, group_id: str) -> Item:
    return Item(
        item_id=f"{row.index}-{channel}",
        query=required_text(table, row, "prompt_origin").strip(),
        expects="refusal" if is_contrast(kind) else "answer",
        scenario="text_centric",
        channel=channel,
        category=category(kind),
        group_id=group_id,
        image=None if channel == "text" else _image(table, row, f"{channel}_img", "text_centric", channel),
    )


def _image(table: Table, row: Row, column: str, scenario: str, folder: str | None) -> str | None:
    """The image's path within the published folders; None where the sheet names no image."""
    name = label(table, row, column)
    return None if name is None else f"{IMAGE_FOLDERS[scenario]}/{folder or ''}/{name}".replace("//", "/")
