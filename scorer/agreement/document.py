"""What agreement.json holds. Rates and coefficients are fractions; null where there is none.

scorer_version, created, seed, level
identity              {run, references, seed}: hashes of what the report was made from
run                   {path, created, responses, targets, rubric, judges: [{name, summary, fingerprint, scored,
                      class_detail, probabilities, per_class}]}
references            [{path, sha256}]
annotators            [{name, sources, labels, unparsed, matched, responses, per_target, per_class}]
reference_health      {warnings: [{code, message, slice, evidence}], checked: [code], notes: [sentence]}
agreement             one entry per judge and annotator (kind `judge`), and per two annotators (kind `annotator`):
                      {kind, rater, reference, independent, class_detail, counts, overall: {flagged, classes},
                      slices: [{by, value, flagged, classes}]}. `flagged` and `classes` are {n, clusters, classes,
                      confusion, accuracy, kappa, alpha, ac1, per_class: {class: {precision, recall, f1}}};
                      confusion[i][j] counts what the reference puts in class i and the rater in class j; a measure is
                      {value, low, high} with a `reason` where one of them is null. `independent` is false where one
                      of two annotators is what several, the other among them, agreed on. Without `class_detail` the
                      rater only tells flagged from not flagged, and `classes` holds it to classes it cannot give.
sra                   [{kind, rater, reference, target (null: all), metric, n, value, reference_value, difference, low,
                      high}]: both sides on the same responses
calibration           [{judge, reference, probability, n, measures: {ece_mass, ece_width, brier, log_loss, bins}}]
comparisons           [{reference, first, second, n, first_accuracy, second_accuracy, difference, low, high,
                      only_first, only_second, p_value, p_adjusted, better}]
disagreements         [{row, judge, differs, error, item_id ... response, label, p_flagged, flagged,
                      reference_labels: {annotator: class}, evidence}], worst first
"""

from __future__ import annotations

from datetime import UTC, datetime

from scorer import __version__
from scorer.agreement.cases import Cases
from scorer.agreement.contests import calibrations, comparisons
from scorer.agreement.disagreements import disagreements, imported, label_counts
from scorer.agreement.health import reference_health
from scorer.agreement.measures import Json, pair_agreement, rater_pairs
from scorer.agreement.movement import movements
from scorer.stats.agreement import LEVEL


def agreement_document(cases: Cases, identity: Json, run_path: str, references: list[Json]) -> Json:
    """The whole content of agreement.json."""
    pairs = list(rater_pairs(cases))
    agreements = [pair_agreement(cases, rater, reference) for rater, reference in pairs]
    return {
        "scorer_version": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": cases.seed,
        "level": LEVEL,
        "identity": identity,
        "run": _run(cases, run_path),
        "references": references,
        "annotators": [imported(cases, annotator) for annotator in cases.annotators],
        "reference_health": reference_health(cases),
        "agreement": agreements,
        "sra": [entry for rater, reference in pairs for entry in movements(cases, rater, reference)],
        "calibration": calibrations(cases),
        "comparisons": comparisons(cases),
        "disagreements": disagreements(cases),
    }


def _run(cases: Cases, path: str) -> Json:
    manifest = cases.run.manifest
    known = {judge["name"]: judge for judge in manifest["judges"]}
    return {
        "path": path,
        "created": manifest["created"],
        "responses": len(cases.responses),
        "targets": cases.run.distinct("target"),
        "rubric": manifest["rubric"],
        "judges": [
            {
                "name": judge.name,
                "summary": known.get(judge.name, {}).get("summary"),
                "fingerprint": known.get(judge.name, {}).get("fingerprint"),
                "scored": int(judge.known.sum()),
                "class_detail": judge.detail,
                "probabilities": judge.p is not None,
                "per_class": label_counts(cases, judge),
            }
            for judge in cases.judges
        ],
    }
