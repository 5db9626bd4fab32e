"""Run folder and reference labels in, agreement.json and agreement.html out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scorer.agreement.cases import load_cases
from scorer.agreement.document import agreement_document
from scorer.assets import file_sha256
from scorer.references import load_references
from scorer.report.agreement_page import render_agreement
from scorer.report.output_folder import refuse_other_files, write_report
from scorer.report.run_files import Run
from scorer.run_folder import RESPONSES, VERDICTS, as_json, load_run, read_parquet, refuse_others_verdicts

AGREEMENT_JSON = "agreement.json"
AGREEMENT_HTML = "agreement.html"
OUTPUTS = (AGREEMENT_JSON, AGREEMENT_HTML)

_OTHER = "an agreement report on another run, other labels or another seed"


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
    refuse_other_files(options.out, OUTPUTS, AGREEMENT_JSON, identity, _OTHER, force=options.force)
    cases = load_cases(run, labels, options.seed, ", ".join(str(path) for path in references))
    document = agreement_document(cases, identity, str(options.run), files)
    page = render_agreement(document, run)
    write_report(options.out, {AGREEMENT_JSON: as_json(document)}, (AGREEMENT_HTML, page))
    return Agreed(options.out, document)


def _load(path: Path) -> Run:
    """The run's responses and verdicts; its scores do not matter here."""
    manifest = load_run(path)
    run = Run(manifest, (), read_parquet(path / RESPONSES), read_parquet(path / VERDICTS))
    for judge in run.judges:
        refuse_others_verdicts(path, judge, run.verdicts_of(judge), run.responses)
    return run
