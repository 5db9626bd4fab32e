"""The published text-centric sheet -> the images that need no photograph, and `concat` where photographs are given."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from scorer.benchmarks._drawing import SIDE, concat, figstep, typography
from scorer.errors import InputError, ScorerError
from scorer.images import ImageFault, load_image
from scorer.readers import Row, Table, open_table, required_label
from scorer.readers.vscbench_results import IMAGE_FOLDERS
from scorer.run_folder import storage_errors, write_whole

TEXTS = {"typography": "object", "figstep": "prompt_figstep", "concat": "object"}
"""Channels that can be drawn and the column with their text."""


@dataclass
class Rendered:
    """Images per channel that were written, or kept because they were there; photographs that could not be used."""

    written: dict[str, int] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def render(sheet: Path, out: Path, *, photos: Path | None, figstep_side: int = SIDE, force: bool = False) -> Rendered:
    """Draw every image into `out`/vscbench_text_centric_images/{channel}/, under the names that the sheet gives.

    Images that are there are kept unless `force`. Raises InputError for a bad sheet or no folder of photographs,
    StorageError for a bad disk.
    """
    if photos is not None and not photos.is_dir():
        raise InputError(photos, "no folder", "the folder of the photographs", "check the path")
    channels = [channel for channel in TEXTS if channel != "concat" or photos]
    needed = {TEXTS[c] for c in channels} | {f"{c}_img" for c in channels} | ({"search_img"} if photos else set())
    table = open_table(sheet, needed.issubset, "VSCBench's text-centric prompts")
    if absent := sorted(needed - set(table.columns)):
        fix = "give the published text-centric sheet"
        raise InputError(sheet, f"no column {', '.join(absent)}", f"the columns {', '.join(sorted(needed))}", fix)
    done = Rendered(dict.fromkeys(channels, 0), dict.fromkeys(channels, 0))
    seen: dict[Path, str] = {}
    for row in table.rows:
        for channel in channels:
            path = out / IMAGE_FOLDERS["text_centric"] / channel / _name(table, row, f"{channel}_img")
            text = required_label(table, row, TEXTS[channel])
            if seen.setdefault(path, text) != text:
                raise InputError(sheet, f"the image name {path.name!r} for two texts", "a name for each", "rename one")
            if path.exists() and not force:
                done.kept[channel] += 1
                continue
            image = _draw(table, row, channel, text, photos, figstep_side, done)
            if image is not None:
                _save(image, path)
                done.written[channel] += 1
    return done


def _draw(
    table: Table, row: Row, channel: str, text: str, photos: Path | None, side: int, done: Rendered
) -> Image.Image | None:
    try:
        if channel == "figstep":
            return figstep(text, side)
        if channel == "typography" or photos is None:
            return typography(text)
        photo = photos / _name(table, row, "search_img", ending="")
        with load_image(photo) as photograph:
            return concat(photograph, text)
    except ImageFault as fault:
        done.faults.append(f"{photo}: {fault.fault} ({fault.reason})")
        return None
    except InputError as error:
        raise ScorerError(f"{table.path}, {row.where}, {channel}: {error}") from error


def _name(table: Table, row: Row, column: str, ending: str = ".png") -> str:
    """A plain file name; one that leads to another folder is refused."""
    name = required_label(table, row, column)
    if Path(name).name != name or "\\" in name or not name.lower().endswith(ending):
        got = f"{name!r} in the column {column!r}, {row.where}"
        raise InputError(table.path, got, f"a plain file name {f'that ends in {ending}' if ending else ''}".strip())
    return name


def _save(image: Image.Image, path: Path) -> None:
    with storage_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, lambda temporary: image.save(temporary, format="PNG"))
