"""The inputs: every row read with the reader that fits, and the images that they name looked up."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from scorer.doctor._counting import Counted
from scorer.doctor.finding import Finding, fail, guarded, ok, warn
from scorer.doctor.plan import Plan

_IMAGE_COLUMN = re.compile(r"(safe|unsafe)_img_\d+|.+_img")
_SHOWN = 3


def inputs(plan: Plan) -> Iterator[Finding]:
    """Format, rows, and how many responses never came."""
    for counted in plan.counted:
        yield from guarded("input", partial(_input, counted, len(plan.counted)))


def _input(counted: Counted, inputs: int) -> Iterator[Finding]:
    from scorer.readers import LabelsOnlyError

    if isinstance(counted.error, LabelsOnlyError) and inputs > 1:
        fix = "nothing, if it was meant as labels: `scorer reference import` reads those."
        yield warn("input", f"{counted.path.name}: left out, for it holds {counted.error.got}", fix)
        return
    if counted.error is not None:
        raise counted.error
    said = f"{counted.detection}; {counted.responses:,} responses, {counted.missing:,} of them missing"
    if counted.missing == counted.responses:
        yield fail("input", said, "collect the target's responses first: there is nothing to judge.")
    elif not counted.with_expects:
        fix = "add the column expects (answer or refusal), if you want more than verdicts."
        yield warn("input", f"{said}; no row says what is expected: no SRA", fix)
    else:
        yield ok("input", said)


def images(plan: Plan) -> Iterator[Finding]:
    """Every image that an input names lies in the images' folder, at its path or by its name in any subfolder."""
    if plan.images is None:
        return
    if not plan.images.is_dir():
        yield fail("images", f"{plan.images}: no such folder", "check the path, or copy the images there.")
        return
    by_name = {name: Path(place, name) for place, _, names in os.walk(plan.images) for name in names}
    named = {path: _named_images(path) for path in dict.fromkeys(plan.inputs)}
    if not any(named.values()):
        fix = "give the sheet that has the columns safe_img_0, search_img and so on."
        yield warn("images", "no readable input has a column that names images", fix)
    for path, names in named.items():
        if not names:
            continue
        missing = [name for name in names if not _is_there(plan.images, name, by_name)]
        if missing:
            first = f"{', '.join(missing[:_SHOWN])}{', ...' if len(missing) > _SHOWN else ''}"
            said = f"{path.name}: {len(missing):,} of {len(names):,} images are not in {plan.images}: {first}"
            yield fail("images", said, "copy them there under these names; an empty file counts as missing.")
        else:
            yield ok("images", f"{path.name}: all {len(names):,} images are in {plan.images}")


def _named_images(path: Path) -> list[str]:
    """Names of images in an input, each once; none where it cannot be read, which its own line has said."""
    from scorer.errors import InputError
    from scorer.readers import open_table

    def wanted(columns: frozenset[str]) -> bool:
        return any(map(_IMAGE_COLUMN.fullmatch, columns))

    names: dict[str, None] = {}
    try:
        table = open_table(path, wanted)
        columns = [name for name in table.columns if _IMAGE_COLUMN.fullmatch(name)]
        for row in table.rows if columns else ():
            cells = (row.values.get(column) for column in columns)
            names.update(dict.fromkeys(cell.strip() for cell in cells if isinstance(cell, str) and cell.strip()))
    except InputError:
        pass
    return list(names)


def _is_there(folder: Path, name: str, by_name: dict[str, Path]) -> bool:
    place = folder / name
    if not place.is_file():
        place = by_name.get(Path(name).name, place)
    return place.is_file() and place.stat().st_size > 0
