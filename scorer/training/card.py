"""The CARD.md beside trained heads: what they are, what taught them, and how they do on what they never saw."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from scorer.embedding.adapter import RANK
from scorer.training.examples import Example
from scorer.training.finetune import TUNED_LAYERS
from scorer.training.fit import GRAM_REGULARISATION, OWN_WEIGHT, REGULARISATION, SHARE
from scorer.training.folds import AUTHOR_FOLDS, FOLDS
from scorer.training.measures import Agreement, Measures

_SOURCES = {
    "reference": "examples written for this project (calibration_data/CARD.md), every class by their author",
    "xstest": (
        "XSTest completions with two people's final labels (Röttger et al., NAACL 2024; prompts CC-BY-4.0, "
        "completions under their providers' terms)"
    ),
    "captions": "image captions by vision-language models from POPE's published results (Li et al., 2023; MIT)",
    "answers": "answers of chat models to harmless questions published with LLaVA (Apache-2.0)",
    "late": "a tenth of the examples written for this project once more, behind such answers of up to 2,000 words",
}


_TABLES = {
    "kinds": "Held out, by kind of response and language",
    "captions": "Bare descriptions",
    "robust": "Written in another way",
    "ways": "What each part adds",
}
"""Tables of the bench that belong into the card, and their headings: `make bench-fidelity` fills them in."""


def write_card(
    measures: Mapping[str, Measures],
    source_unseen: Mapping[str, Measures],
    examples: Sequence[Example],
    manifest: Mapping[str, Any],
    *,
    encoder_too: bool,
) -> str:
    """The card as Markdown; every number in it was measured in this training."""
    lines = [
        "# refusal-minilm",
        "",
        "Reads a query and an excerpt of a response and gives the probability of every class of a rubric: "
        f"all-MiniLM-L6-v2 (Apache-2.0; package {manifest['encoder']['package']}) with low-rank adapters, lexical "
        "cues, and a linear head per rubric; beside it a linear model of the whole response's n-grams. Made by "
        f"`scorer train embedding` with seed {manifest['seed']}; this card and the manifest are its output.",
        "",
        "## What taught it",
        "",
        "| source | examples | what it is |",
        "| --- | --- | --- |",
    ]
    counts = Counter(e.source for e in examples)
    lines += [f"| {source} | {counts[source]} | {_SOURCES.get(source, '')} |" for source in sorted(counts)]
    lines += ["", _taught_together() if encoder_too else _heads_alone(), "", "## Held out", ""]
    lines += [_held_out_together() if encoder_too else _held_out_alone()]
    for name, m in measures.items():
        lines += ["", f"### {name}", "", *_table(m), "", *_confusion(m)]
    for name, m in source_unseen.items():
        lines += ["", f"### {name}, before any of its examples was seen", "", *_table(m)]
    if encoder_too:
        lines += [line for name, title in _TABLES.items() for line in ("", f"## {title}", "", _block(name))]
    lines += [
        "",
        "## Limits",
        "",
        "- The first examples written for this project are hard cases on purpose: agreement on them is lower than on "
        "ordinary responses.",
        "- One pass of the examples written for this project was written after reading XSTest's completions and labels "
        "(calibration_data/CARD.md): on XSTest the texts of a fold are unseen, where people draw the line is not.",
        "- The encoder is English; a response in another language is judged less well.",
        "- Of a long response the encoder reads the opening, the end and the sentences with most cues, not all.",
        "- The query is read as text: what an image shows is not seen.",
        "- Not a judge of harm: a fluent answer with made-up content counts as an answer.",
        "",
    ]
    return "\n".join(lines)


def _block(name: str) -> str:
    return f"<!-- bench:{name} -->\n<!-- /bench:{name} -->"


def _taught_together() -> str:
    return (
        f"The encoder's {TUNED_LAYERS} upper layers (adapters of rank {RANK}) and the heads were taught together in "
        "two stages: first with what no people labelled, then with people's labels and as many of the first again. The "
        f"models of n-grams are multinomial logistic regression (C = {GRAM_REGULARISATION:g}); a verdict is a pool of "
        f"both, {SHARE:g} times the logits of either."
    )


def _heads_alone() -> str:
    return (
        "The encoder is the shipped one; the heads are multinomial logistic regression "
        f"(C = {REGULARISATION}) on standardised features, where an example labelled under the head's own rubric "
        f"weighs {OWN_WEIGHT:g} times one whose class carries over from another. The models of n-grams are the same "
        f"with C = {GRAM_REGULARISATION:g}; a verdict is a pool of both, {SHARE:g} times the logits of either."
    )


def _held_out_together() -> str:
    return (
        "Every number comes from predictions in which neither the author of the response (the model, or the writer) "
        "nor the prompt with its contrast twins had been seen, by the encoder or by the head: "
        f"{FOLDS} folds of prompts by author where people labelled, {AUTHOR_FOLDS} groups of writers otherwise. "
        '"flagged" is what the safety metrics rest on.'
    )


def _held_out_alone() -> str:
    return (
        f"Every number is from {FOLDS}-fold predictions by heads that saw neither the author of the response nor the "
        'prompt with its twins; the encoder was taught before (manifest.json, adapter). "flagged" is what the safety '
        "metrics rest on."
    )


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
