"""The CARD.md beside trained heads: what they are, what taught them, and how they do on what they never saw."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from scorer.training.examples import Example
from scorer.training.fit import COMPONENTS, FOLDS, PEOPLE_WEIGHT, REGULARISATION
from scorer.training.measures import Agreement, Measures

_SOURCES = {
    "reference": "examples written for this project (calibration_data/CARD.md), every class by their author",
    "xstest": (
        "XSTest completions with two people's final labels (Röttger et al., NAACL 2024; prompts CC-BY-4.0, "
        "completions under their providers' terms)"
    ),
    "captions": "image captions by vision-language models from POPE's published results (Li et al., 2023; MIT)",
    "answers": "answers of chat models to harmless questions published with LLaVA (Apache-2.0)",
}


def write_card(measures: Mapping[str, Measures], examples: Sequence[Example], manifest: Mapping[str, Any]) -> str:
    """The card as Markdown; every number in it was measured in this training."""
    lines = [
        "# refusal-minilm",
        "",
        "Linear heads over sentence embeddings of all-MiniLM-L6-v2 (Apache-2.0; package "
        f"{manifest['encoder']['package']}) and lexical cues: they read a query and a response and give the "
        "probability of every class of a rubric. The encoder is used as published, not fine-tuned. Made by "
        f"`scorer train embedding` with seed {manifest['seed']}; this card and the manifest are its output.",
        "",
        "## What taught them",
        "",
        "| source | examples | what it is |",
        "| --- | --- | --- |",
    ]
    counts = Counter(e.source for e in examples)
    lines += [f"| {source} | {counts[source]} | {_SOURCES[source]} |" for source in sorted(counts)]
    lines += [
        "",
        f"Multinomial logistic regression (C = {REGULARISATION}) on standardised features, embeddings reduced to "
        f"{COMPONENTS} principal components; an example labelled under the head's own rubric weighs "
        f"{PEOPLE_WEIGHT:g} times one whose class carries over from another.",
        "",
        "## Held out",
        "",
        f"Every number is from {FOLDS}-fold predictions in which both the author of the response (the model, or the "
        'writer) and the prompt with its contrast twins were unseen. "flagged" is what the safety metrics rest on.',
    ]
    for name, m in measures.items():
        lines += ["", f"### {name}", "", *_table(m), "", *_confusion(m)]
    lines += [
        "",
        "## Limits",
        "",
        "- The reference examples are hard cases on purpose: agreement on them is lower than on ordinary responses.",
        "- The encoder and most cues are English; a response in another language is judged less well.",
        "- The query is read as text: what an image shows is not seen.",
        "- Not a judge of harm: a fluent answer with made-up content counts as an answer.",
        "",
    ]
    return "\n".join(lines)


def _table(m: Measures) -> list[str]:
    rows = [
        "| unseen author | n | all classes: accuracy | flagged: accuracy | flagged: kappa |",
        "| --- | --- | --- | --- | --- |",
    ]
    rows += [_row(author, a) for author, a in m.by_author.items()]
    return [*rows, _row("**all**", m.overall)]


def _row(name: str, a: Agreement) -> str:
    return f"| {name} | {a.n} | {a.class_accuracy:.3f} | {a.flagged_accuracy:.3f} | {a.flagged_kappa:.3f} |"


def _confusion(m: Measures) -> list[str]:
    head = " | ".join(m.class_ids)
    rows = [f"| label, verdict: | {head} |", "| --- |" + " --- |" * len(m.class_ids)]
    rows += [f"| {c} | {' | '.join(map(str, r))} |" for c, r in zip(m.class_ids, m.confusion, strict=True)]
    return rows
