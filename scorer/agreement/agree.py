"""Run folder and reference labels in, agreement.json and agreement.html out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from scorer.agreement.cases import load_cases
from scorer.agreement.document import agreement_document
from scorer.assets import file_sha256
from scorer.errors import RunError
from scorer.references import load_references
from scorer.report.agreement_page import render_agreement
from scorer.report.page import write_atomically
from scorer.report.run_files import Run
from scorer.run_folder import RESPONSES, VERDICTS, load_run, storage_errors, write_json

AGREEMENT_JSON = "agreement.json"
AGREEMENT_HTML = "agreement.html"
OUTPUTS = (AGREEMENT_JSON, AGREEMENT_HTML)

_IDENTITY = ("item_id", "target", "method")


@dataclass(frozen=True)
class AgreeOptions:
    """What a user asks `scorer agree` to do."""

    run: Path
    references: tuple[Path, ...]
    out: Path
    seed: int = 0
    force: bool = False


@dataclass(frozen=True)
class Agreed:
    """What `agree` wrote; `document` is the content of agreement.json."""

    folder: Path
    document: dict[str, Any]


def agree(options: AgreeOptions) -> Agreed:
    """Compare and report.

    Raises a ScorerError where the run, the labels or the output folder are not what they should be; nothing was
    written then.
    """
    run = _load(options.run)
    references = list(dict.fromkeys(options.references))
    labels = load_references(references)
    files = [{"path": str(path), "sha256": file_sha256(path)} for path in references]
    identity = {
        "run": {name: file_sha256(options.run / name) for name in (RESPONSES, VERDICTS)},
        "references": sorted(file["sha256"] for file in files),
        "seed": options.seed,
    }
    if not options.force:
        _refuse_other_files(options.out, identity)
    cases = load_cases(run, labels, options.seed, ", ".join(str(path) for path in references))
    document = agreement_document(cases, identity, str(options.run), files)
    page = render_agreement(document, run)
    _write(options.out, document, page)
    return Agreed(options.out, document)


def _load(path: Path) -> Run:
    """The run's responses and verdicts; its scores do not matter here."""
    manifest = load_run(path)
    run = Run(manifest, (), _parquet(path / RESPONSES), _parquet(path / VERDICTS))
    own = run.responses.select(_IDENTITY)
    for judge in run.judges:
        if not run.verdicts_of(judge).select(_IDENTITY).equals(own):
            raise RunError(f"{path}: the verdicts of {judge} belong to other responses than {RESPONSES}; score again.")
    return run


def _parquet(path: Path) -> pl.DataFrame:
    try:
        return pl.read_parquet(path)
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error.strerror or error}); score again to write it.") from error
    except pl.exceptions.PolarsError as error:
        raise RunError(f"{path}: is not a whole Parquet file; score again to write it anew.") from error


def _refuse_other_files(out: Path, identity: dict[str, Any]) -> None:
    """A folder with the same report is written again; anything else there is replaced only where the user says so."""
    if out.exists() and not out.is_dir():
        raise RunError(f"{out}: got a file; expected a folder or a new name; choose another --out.")
    if not out.is_dir():
        return
    if foreign := sorted(p.name for p in out.iterdir() if p.name not in OUTPUTS):
        raise RunError(
            f"{out}: got a folder with other files ({', '.join(foreign[:3])}); expected an empty or new one; choose "
            "another --out, or --force to write beside them."
        )
    if any((out / name).exists() for name in OUTPUTS) and _earlier_identity(out / AGREEMENT_JSON) != identity:
        raise RunError(
            f"{out}: holds an agreement report on another run, other labels or another seed; choose another --out, or "
            "--force to replace it."
        )


def _earlier_identity(path: Path) -> Any:
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return loaded.get("identity") if isinstance(loaded, dict) else None


def _write(out: Path, document: dict[str, Any], page: str) -> None:
    if out.exists() and not out.is_dir():
        raise RunError(f"{out}: got a file; expected a folder or a new name; choose another --out.")
    with storage_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    write_json(out / AGREEMENT_JSON, document)
    write_atomically(out / AGREEMENT_HTML, page)
