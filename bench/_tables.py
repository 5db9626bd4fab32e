"""Tables as Markdown, on the terminal and between the markers of a file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Table:
    """One measured table. `notes` say how; a `timed` one depends on the machine, which its block in a file names."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()
    timed: bool = False

    def markdown(self) -> str:
        """Header, rows and notes."""
        lines = [self.header, ["---"] * len(self.header), *self.rows]
        table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
        return "\n\n".join([table, *self.notes])


def write_blocks(path: Path, name: str, table: Table, machine: str) -> bool:
    """Replace what stands between all markers of this name; False where the file has none."""
    text = path.read_text(encoding="utf-8")
    opening, closing = f"<!-- bench:{name} -->", f"<!-- /bench:{name} -->"
    block = "\n\n".join([table.markdown(), *([machine] if table.timed else [])])
    pattern = re.compile(f"{re.escape(opening)}.*?{re.escape(closing)}", re.DOTALL)
    written, count = pattern.subn(lambda _: f"{opening}\n{block}\n{closing}", text)
    if count and written != text:
        path.write_text(written, encoding="utf-8")
    return count > 0
