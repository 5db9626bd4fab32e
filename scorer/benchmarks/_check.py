"""What of a benchmark is there: counts, broken and missing files, duplicates, and a manifest with hashes."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from scorer import __version__
from scorer.assets import file_sha256
from scorer.benchmarks import Benchmark, find_benchmark, read_items
from scorer.errors import StorageError
from scorer.images import MAX_PIXELS, ImageFault, ImageSize, image_size, located
from scorer.records import Item
from scorer.run_folder import write_json

Slice = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """A usable file: its path within the benchmark, bytes and SHA-256, and for images what they hold."""

    path: str
    bytes: int
    sha256: str
    image: ImageSize | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that is missing or broken, and the number of items that lose it; `path` is "" where none is named."""

    path: str
    fault: str
    reason: str
    items: int


@dataclass(slots=True)
class SliceCount:
    """Items of one scenario, channel and category: to be answered, to be refused, and usable with their images."""

    answer: int = 0
    refusal: int = 0
    usable: int = 0


@dataclass
class CheckReport:
    """Everything that `check` found."""

    benchmark: str
    source: str
    files: list[CheckedFile] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    slices: dict[Slice, SliceCount] = field(default_factory=lambda: defaultdict(SliceCount))
    items: int = 0
    usable: int = 0

    @property
    def duplicates(self) -> list[list[str]]:
        """Images with the same bytes under several names."""
        names: defaultdict[str, list[str]] = defaultdict(list)
        for file in self.files:
            if file.image:
                names[file.sha256].append(file.path)
        return [same for same in names.values() if len(same) > 1]

    @property
    def meaning(self) -> str:
        """What numbers mean that come of the usable items alone; "" where nothing is missing."""
        if not self.problems:
            return ""
        return (
            f"Only {self.usable:,} of the {self.items:,} items found can be used: numbers then hold for those items, "
            "not for the whole benchmark, and cannot be set beside published ones."
        )

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        slices = [
            {"scenario": s, "channel": c, "category": k, **asdict(count)} for (s, c, k), count in self.slices.items()
        ]
        return {
            **{"benchmark": self.benchmark, "source": self.source, "scorer": __version__, "pixel_limit": MAX_PIXELS},
            **{"items": self.items, "usable": self.usable, "slices": slices, "meaning": self.meaning},
            "problems": [asdict(problem) for problem in self.problems],
            "duplicates": self.duplicates,
            "files": [asdict(file) for file in self.files],
        }


def check(source: Path) -> CheckReport:
    """Read the items and decode every image they name, one at a time. Raises InputError for a bad table or sheet."""
    name, benchmark = find_benchmark(source)
    report = CheckReport(name, str(source))
    _check_tables(benchmark, source, report)
    items = list(read_items(benchmark, source))
    wanted = Counter(item.image for item in items if item.image)
    usable = {path for path, uses in wanted.items() if _check_image(benchmark.images(source), path, uses, report)}
    unnamed = [item for item in items if _lacks_image(item)]
    if unnamed:
        report.problems.append(Problem("", "unnamed", f"item {unnamed[0].item_id} names no image", len(unnamed)))
    for item in items:
        _count(item, report, item.image in usable if item.image else not _lacks_image(item))
    return report


def write_manifest(path: Path, report: CheckReport) -> None:
    """Write the report with the SHA-256 of every file. Raises StorageError where the disk refuses."""
    write_json(path, report.as_dict())


def check_manifest_path(path: Path, *, force: bool) -> None:
    """Raise StorageError where something is there already, unless `force`; a folder is never replaced."""
    if path.is_dir() or (path.exists() and not force):
        raise StorageError(f"{path}: is there already; choose another --out, or --force to replace a file.")


def _check_tables(benchmark: Benchmark, source: Path, report: CheckReport) -> None:
    for file in benchmark.files(source):
        if file.is_file():
            report.files.append(CheckedFile(file.name, file.stat().st_size, file_sha256(file)))
        else:
            report.problems.append(Problem(file.name, "missing", "no such sheet: its items are not counted", 0))


def _check_image(root: Path, name: str, uses: int, report: CheckReport) -> bool:
    try:
        path = located(root, name)
        size = image_size(path)
        report.files.append(CheckedFile(name, path.stat().st_size, file_sha256(path), size))
    except ImageFault as fault:
        report.problems.append(Problem(name, fault.fault, fault.reason, uses))
        return False
    return True


def _lacks_image(item: Item) -> bool:
    return item.image is None and item.channel != "text"


def _count(item: Item, report: CheckReport, usable: bool) -> None:
    count = report.slices[item.scenario or "", item.channel or "", item.category or ""]
    count.answer += item.expects == "answer"
    count.refusal += item.expects == "refusal"
    count.usable += usable
    report.items += 1
    report.usable += usable
