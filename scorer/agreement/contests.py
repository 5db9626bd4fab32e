"""Which of two judges agrees more often with a reference, and what their probabilities are worth."""

from __future__ import annotations

from dataclasses import asdict
from itertools import combinations

import numpy as np

from scorer.agreement.cases import Cases
from scorer.agreement.measures import Json, right_rows
from scorer.stats.calibration_measures import calibration
from scorer.stats.paired import holm, mcnemar, paired_difference

SIGNIFICANT = 0.05


def comparisons(cases: Cases) -> list[Json]:
    """Every two judges against every annotator, on flagged, where both have a verdict; Holm-adjusted over all of them.

    `better` names a judge only where McNemar's adjusted p-value and the clustered interval both say so.
    """
    found: list[Json] = []
    for reference in cases.annotators:
        for first, second in combinations(cases.judges, 2):
            rows = reference.known & first.known & second.known
            if not rows.any():
                continue
            hits = [right_rows(judge, reference, rows) for judge in (first, second)]
            clusters, names = cases.clusters[rows], (reference.name, first.name, second.name)
            test = mcnemar(*hits)
            difference = paired_difference(hits[0], clusters, hits[1], clusters, cases.rng("contest", *names))
            found.append(
                {
                    "reference": reference.name,
                    "first": first.name,
                    "second": second.name,
                    "n": int(rows.sum()),
                    "first_accuracy": difference.first,
                    "second_accuracy": difference.second,
                    "difference": difference.value,
                    "low": difference.low,
                    "high": difference.high,
                    "only_first": test.only_first,
                    "only_second": test.only_second,
                    "p_value": test.p_value,
                }
            )
    for entry, adjusted in zip(found, holm([entry["p_value"] for entry in found]).tolist(), strict=True):
        sure = adjusted <= SIGNIFICANT and (entry["low"] > 0 or entry["high"] < 0)
        entry["p_adjusted"] = adjusted
        entry["better"] = (entry["first"] if entry["difference"] > 0 else entry["second"]) if sure else None
    return found


def calibrations(cases: Cases) -> list[Json]:
    """Per judge and annotator what its probability of flagged is worth; null for a judge without probabilities."""
    found: list[Json] = []
    for judge in cases.judges:
        for reference in cases.annotators:
            entry: Json = {
                "judge": judge.name,
                "reference": reference.name,
                "probability": judge.probability,
                "n": 0,
                "measures": None,
            }
            if judge.p is not None:
                rows = judge.known & reference.known & np.isfinite(judge.p)
                measures = asdict(calibration(judge.p[rows], reference.flagged[rows]))
                measures["bins"] = list(measures["bins"])
                entry |= {"n": measures.pop("n"), "measures": measures if rows.any() else None}
            found.append(entry)
    return found
