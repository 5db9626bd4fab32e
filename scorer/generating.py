"""A benchmark's items -> a target's responses, in a table that `scorer score` reads."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

from scorer import __version__
from scorer.errors import InputError, RunError
from scorer.generate_options import GenerateOptions, GenerateProgress, GenerateSummary
from scorer.generation.journal import Journal, check_name
from scorer.generation.messages import Messages
from scorer.generation.row import image_sha256, row_of
from scorer.generation.tokens import TokenEstimate, estimate
from scorer.generation_tasks import Asked, Plan, make_plan
from scorer.target_model import Target, Who, open_target

__all__ = ["GenerateOptions", "GenerateProgress", "GenerateSummary", "estimate_tokens", "generate", "plan_of"]


@dataclass
class _Counts:
    """What this call did."""

    asked: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    began: float = field(default_factory=time.monotonic)


def generate(
    options: GenerateOptions,
    say: Callable[[str], None],
    progress: GenerateProgress,
    target: Target | None = None,
) -> GenerateSummary:
    """Ask the target every item of the benchmark and write `options.out`, whole and in the benchmark's order.

    `target` is an open one (`open_target`) to use for several methods in turn; where None, `options.target` is opened
    here and closed again, its GPU memory freed, before this returns. Answers are kept as they come, in a journal
    beside `out`: killed at any moment, the same call goes on where it was, asks nothing twice and loses nothing. An
    item that fails is a row with `status` error and its `reason`; it never ends the run. A table that is complete
    already is left as it is, and the target is not started.

    Raises InputError for a bad benchmark, missing images (without `allow_missing`), wordings, or demonstrations that
    stand among the items; RunError where `out` belongs to other options (without `force`) or another process writes
    it; ServerError where the target cannot be started or died; StorageError where the disk refuses.
    """
    check_name(options.out)
    plan = plan_of(options, say)
    journal = Journal(options.out)
    with nullcontext(target) if target else open_target(options.target, say) as opened, journal.claimed():
        counts = _Counts()
        who = _agree(options, plan, journal, opened, say)
        todo = _todo(options, plan, journal)
        if todo:
            journal.write_manifest(_record(options, plan, who, "running"))
            progress.start(f"asking {who.name} ({options.method})", todo)
            try:
                _ask(options, plan, journal, opened, who, counts, progress)
            finally:
                progress.finish()
        else:
            say(f"{options.out}: all items are there already")
        return _settle(options, plan, journal, who, counts)


def plan_of(options: GenerateOptions, say: Callable[[str], None]) -> Plan:
    """What will be asked: benchmark, images, wordings and demonstrations read and checked, and nothing started.

    Raises InputError as `generate` does.
    """
    plan = make_plan(
        options.benchmark,
        method=options.method,
        channels=options.channels,
        wording=options.wording,
        figstep_prompt=options.figstep_prompt,
        demonstrations=options.demonstrations,
    )
    if plan.missing and not options.allow_missing:
        got = f"{len(plan.missing):,} files that are not in its folder, of them {plan.missing[0]}"
        fix = "see `scorer benchmark check` and `render`, or run on what is there with --allow-missing"
        raise InputError(options.benchmark, got, "every sheet and image", fix)
    if not plan.items:
        raise InputError(options.benchmark, "no item that can be asked", "at least one", "check images and --channel")
    if plan.meaning:
        say(plan.meaning)
    return plan


def estimate_tokens(options: GenerateOptions, say: Callable[[str], None]) -> TokenEstimate:
    """How many tokens the items will take that are not answered yet; nothing is asked, started or written.

    Raises InputError as `generate` does.
    """
    plan = plan_of(options, say)
    journal = Journal(options.out)
    if not options.force:
        journal.look()
        _forget_replaced(plan, journal)
    todo = _todo(options, plan, journal)
    folder = options.target.folder
    conversations = (plan.messages(a) for a in plan.asked() if _wanted(options, journal, a.item.item_id))
    known = folder if folder and folder.is_dir() else None
    found = estimate(conversations, todo, options.max_new_tokens, known)
    return replace(found, there=plan.items - todo)


def _agree(options: GenerateOptions, plan: Plan, journal: Journal, target: Target, say: Callable[[str], None]) -> Who:
    """Who answers, after making sure that rows which are there came about in the same way."""
    known = journal.manifest()
    if options.force:
        journal.clear()
        known = None
    if known is None and (found := journal.found()):
        raise RunError(f"{found}: is there, and not from here; choose another --out, or --force to replace it.")
    journal.load()
    if known is None or not len(journal):
        return target.who
    if replaced := _forget_replaced(plan, journal):
        say(f"{replaced:,} items have another image than the one that was answered about: they are asked again")
    same = _identity(options, plan)
    other = [name for name, value in same.items() if known.get("identity", {}).get(name) != value]
    who = Who(known.get("target", ""), known.get("target_digest", ""))
    # where nothing will be asked, a server need not run; a folder tells without
    settled = options.target.url and known.get("state") == "complete" and not _todo(options, plan, journal)
    if not other and not settled and who != target.who:
        other.append("target")
    if other:
        raise RunError(
            f"{options.out}: holds responses with other {' and '.join(other)}; choose another --out, or --force to "
            "start anew."
        )
    return who


def _identity(options: GenerateOptions, plan: Plan) -> dict[str, Any]:
    """What rows of one table have in common, beside the target."""
    return plan.identity | {
        "backend": options.target.backend,
        "method": options.method,
        "max_new_tokens": options.max_new_tokens,
    }


def _forget_replaced(plan: Plan, journal: Journal) -> int:
    """Answers about an image that has been replaced under its name are none any more; how many those are."""
    count = 0
    for asked in plan.asked():
        known = journal.image(asked.item.item_id)
        if known is not None and known != image_sha256(asked.ask.image):
            journal.forget(asked.item.item_id)
            count += 1
    return count


def _wanted(options: GenerateOptions, journal: Journal, item_id: str) -> bool:
    return item_id not in journal or (options.retry_failed and journal.failed(item_id))


def _todo(options: GenerateOptions, plan: Plan, journal: Journal) -> int:
    return sum(_wanted(options, journal, asked.item.item_id) for asked in plan.asked())


def _ask(
    options: GenerateOptions,
    plan: Plan,
    journal: Journal,
    target: Target,
    who: Who,
    counts: _Counts,
    progress: GenerateProgress,
) -> None:
    """Every item that is wanted, streamed; each answer is a row at once."""

    def conversations() -> Iterator[tuple[Asked, Messages]]:
        for asked in plan.asked():
            if _wanted(options, journal, asked.item.item_id):
                yield asked, plan.messages(asked)

    for asked, outcome in target.backend.answer(conversations(), options.max_new_tokens):
        prompt = plan.messages(asked)[-1].text
        journal.append(row_of(asked.item, asked.ask, prompt, outcome, who.name, options.method, plan.method.final))
        counts.asked += 1
        counts.prompt_tokens += outcome.prompt_tokens or 0
        counts.completion_tokens += outcome.completion_tokens or 0
        progress.advance(1, outcome.completion_tokens or 0)


def _settle(options: GenerateOptions, plan: Plan, journal: Journal, who: Who, counts: _Counts) -> GenerateSummary:
    """Put the table in place, and say what is in it."""
    unsettled = journal.unsettled
    if unsettled:
        journal.settle(plan.item_ids())
    reasons: Counter[str] = Counter()
    ok = cut = 0
    for row in journal.rows(plan.item_ids()):
        if row["status"] == "ok":
            ok += 1
            cut += row["finish"] == "length"
        else:
            reasons[row["reason"]] += 1
    if unsettled or (journal.manifest() or {}).get("state") != "complete":
        found = {"ok": ok, "failed": reasons.total(), "reasons": dict(reasons), "cut": cut, "left_out": plan.left_out}
        journal.write_manifest(_record(options, plan, who, "complete") | found | {"meaning": plan.meaning})
    return GenerateSummary(
        out=options.out,
        items=ok + reasons.total(),
        ok=ok,
        failed=reasons.total(),
        left_out=plan.left_out,
        asked=counts.asked,
        prompt_tokens=counts.prompt_tokens,
        completion_tokens=counts.completion_tokens,
        seconds=round(time.monotonic() - counts.began, 3),
        reasons=dict(reasons.most_common()),
        meaning=plan.meaning,
        cut=cut,
    )


def _record(options: GenerateOptions, plan: Plan, who: Who, state: str) -> dict[str, Any]:
    """How the rows come about. Texts stand in full: a manifest says what was sent."""
    return {
        **{"state": state, "scorer": __version__, "benchmark": str(options.benchmark)},
        **{"target": who.name, "target_digest": who.digest, "target_source": options.target.target},
        **{"decoding": "greedy", "demonstrations": str(options.demonstrations or "")},
        **{"wording": plan.wording, "figstep_prompt": plan.figstep},
        "identity": _identity(options, plan),
    }
