"""Labels back in: files of any format -> references, each label read by the one strict parser."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scorer.errors import InputError, StorageError
from scorer.records import Reference
from scorer.references import load_references
from scorer.references.formats import Found, Label, read_labels
from scorer.references.labels import class_named, parse_label
from scorer.rubrics import Rubric

_MOST_CLASSES = 6  # named in a message
_EXAMPLE = 120  # characters of a label that did not parse


@dataclass(frozen=True)
class ImportedFile:
    """What one file gave: `blank` counts cells that nobody labelled, `failed` requests that got no answer."""

    path: Path
    format: str
    references: list[Reference]
    blank: int
    failed: int
    notes: tuple[str, ...]

    def counts(self) -> dict[str, Counter[str]]:
        """Annotator -> label -> number; what did not parse counts as `unparsed`."""
        found: dict[str, Counter[str]] = {}
        for reference in self.references:
            found.setdefault(reference.annotator, Counter())[reference.label or reference.status] += 1
        return found

    def example(self) -> str | None:
        """A text that did not parse, on one short line; None where all did."""
        for reference in self.references:
            if reference.status == "unparsed":
                return _one_line(reference.text or "")
        return None


def import_labels(
    paths: Sequence[Path],
    rubric: Rubric,
    *,
    annotator: str | None = None,
    target: str | None = None,
    method: str | None = None,
) -> list[ImportedFile]:
    """Read files of labels. What is no class of the rubric is kept as `unparsed`, with its text.

    `annotator` names the labeller of files that have one, and chooses among those of a file that has several.
    `target` and `method` say what the labels are for where a format leaves that open. Raises InputError where a
    file cannot be read, holds no label, or none of its labels is a class of the rubric.
    """
    unique = list(dict.fromkeys(paths))
    names = Counter(path.name for path in unique)
    imported = []
    for path in unique:
        format, found = read_labels(path, rubric, target=target, method=method)
        if not found.labels:
            blank = f" ({found.blank} cells are blank)" if found.blank else ""
            raise InputError(path, f"no labels{blank}", "at least one", "label some responses first")
        labels = _by(annotator, found, path) if annotator else found.labels
        source = path.name if names[path.name] == 1 else str(path)  # the name alone, unless it would mix files up
        references = [_reference(label, rubric, source) for label in labels]
        _refuse_all_unparsed(path, references, rubric)
        failed = sum(label.failed for label in labels)
        imported.append(ImportedFile(path, format, references, found.blank, failed, tuple(found.notes)))
    return imported


def _by(annotator: str, found: Found, path: Path) -> list[Label]:
    """The labels of the only annotator under the name given, or those of the one named so."""
    names = list(dict.fromkeys(label.annotator for label in found.labels))
    if len(names) > 1 and annotator not in names:
        raise InputError(
            path,
            f"the annotators {', '.join(names[:_MOST_CLASSES])}",
            f"one annotator, or {annotator!r} among them",
            "leave --annotator out to keep them apart, or name one of them",
        )
    kept = found.labels if len(names) == 1 else [label for label in found.labels if label.annotator == annotator]
    return [replace(label, annotator=annotator) for label in kept]


def _reference(label: Label, rubric: Rubric, source: str) -> Reference:
    if label.flagged is not None:
        named: str | None = rubric.when_flagged if label.flagged else rubric.when_not_flagged
    else:
        named = None if label.failed else parse_label(label.text, rubric)
    return Reference(
        item_id=label.item_id,
        target=label.target,
        method=label.method,
        annotator=label.annotator,
        rubric=rubric.name,
        status="ok" if named else "unparsed",
        label=named,
        text=label.text,
        probability=label.probability,
        source=source,
    )


def _refuse_all_unparsed(path: Path, references: Sequence[Reference], rubric: Rubric) -> None:
    if any(reference.label for reference in references):
        return
    texts = [reference.text or "" for reference in references]
    named = sorted({name for text in texts if (name := class_named(text))})
    if named:
        more = f" and {len(named) - _MOST_CLASSES} more" if len(named) > _MOST_CLASSES else ""
        got = f"the classes {', '.join(named[:_MOST_CLASSES])}{more}"
    else:
        got = f"{len(texts)} labels that name no class, such as {_one_line(texts[0])!r}"
    expected = f"those of the rubric {rubric.name}: {', '.join(rubric.class_ids)}"
    raise InputError(path, got, expected, "choose the labels' own --rubric or correct the labels")


def _one_line(text: str) -> str:
    """A text for a message or the terminal: short, in one line, without control characters."""
    line = "".join(c if c.isprintable() else "\ufffd" for c in " ".join(text.split()))
    return line if len(line) <= _EXAMPLE else f"{line[: _EXAMPLE - 3]}..."


def check_reference_out(out: Path, inputs: Sequence[Path], *, force: bool) -> None:
    """Raise StorageError where writing `out` would replace what is no reference file, or one of the inputs."""
    if out.is_dir():
        raise StorageError(f"{out}: got a folder; expected the name of a file; choose another --out.")
    if not out.exists():
        return
    if any(path.exists() and path.samefile(out) for path in inputs):
        raise StorageError(f"{out}: is one of the files to import; choose another --out.")
    if force:
        return
    try:
        load_references([out])
    except InputError as error:
        raise StorageError(
            f"{out}: is there already and no reference file; choose another --out, or --force to replace it."
        ) from error
