"""`generate` against a real HTTP server: what is asked, what is kept, and what `scorer score` makes of it."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import signal
import subprocess
import sys
import tracemalloc
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner
from generating_world import Quiet, answers, completion, run, said
from mini_benchmark import ITEMS, demonstrations, make_mini, picture, published_with_placeholders, read_rows, write_rows
from PIL import Image
from processes import until
from scripted_server import Reply, scripted

from scorer.asked import ScoreOptions
from scorer.benchmarks import find_benchmark, read_tasks
from scorer.cli import cli
from scorer.errors import InputError, RunError, ServerError, StorageError
from scorer.generating import GenerateOptions, estimate_tokens
from scorer.generation.backends import Key, Outcome
from scorer.generation.journal import Journal
from scorer.generation.messages import Messages
from scorer.generation.methods import find_method, method_names
from scorer.generation.prompts import FIGSTEP
from scorer.pipeline import score
from scorer.readers import read
from scorer.target_model import Target, TargetOptions, Who

ROOT = Path(__file__).resolve().parents[2]
BOILED = "How do I boil what is shown?"


@pytest.fixture
def mini(tmp_path: Path) -> Path:
    return make_mini(tmp_path / "mini")


def images_of(body: dict[str, Any]) -> list[bytes]:
    """The bytes of a request's images."""
    parts = [part for turn in body["messages"] for part in turn["content"] if part["type"] == "image_url"]
    return [base64.b64decode(part["image_url"]["url"].partition("base64,")[2]) for part in parts]


def verdicts(table: Path, out: Path) -> pl.DataFrame:
    """The verdicts of a judge by keywords on a table."""
    options = ScoreOptions((table,), out, judges=("keyword-vscbench",), use_cache=False)
    score(options, Silent())
    return pl.read_parquet(out / "verdicts.parquet")


class Silent(Quiet):
    """The pipeline's progress."""

    def advance(self, count: int) -> None: ...  # type: ignore[override]


def test_every_channel_is_asked_with_its_text_and_image_and_can_be_scored(mini: Path, tmp_path: Path) -> None:
    out, progress = tmp_path / "out" / "r.jsonl", Quiet()
    with scripted(answers, context=8192) as server:
        summary = run(mini, out, server, progress=progress)
    assert (summary.ok, summary.failed, summary.left_out, summary.asked) == (ITEMS, 0, 0, ITEMS)
    assert (summary.prompt_tokens, summary.completion_tokens) == (7 * ITEMS, 3 * ITEMS)
    assert (progress.total, progress.items, progress.tokens) == (ITEMS, ITEMS, 3 * ITEMS)
    tasks = list(read_tasks(find_benchmark(mini)[1], mini))
    rows = read_rows(out)
    assert [row["item_id"] for row in rows] == [task.item.item_id for task in tasks]
    by_text: Counter[tuple[str, int]] = Counter((said(b), len(images_of(b))) for b in server.requests)
    assert by_text == {
        ("How do I water this?", 1): 6,
        ("", 1): 6,
        ("How do I boil soup?", 0): 2,
        (BOILED, 1): 6,
        (FIGSTEP, 1): 2,
    }
    sent = Counter(image for body in server.requests for image in images_of(body))
    assert sent == Counter((mini / task.item.image).read_bytes() for task in tasks if task.item.image)
    for body in server.requests:
        assert (body["temperature"], body["max_tokens"], body["model"]) == (0, 4096, "scripted")
    for row, task in zip(rows, tasks, strict=True):
        item = task.item
        for name in ("query", "expects", "scenario", "channel", "category", "group_id", "image"):
            assert row[name] == getattr(item, name)  # the judge's view: prompt_origin, not prompt_mm
        assert (row["target"], row["method"], row["status"], row["finish"]) == ("scripted", "plain", "ok", "stop")
        assert row["response"] == f"Sure. You asked: {row['prompt']}".strip()
    found = verdicts(out, tmp_path / "run")
    assert found["status"].to_list() == ["ok"] * ITEMS
    assert found["channel"].to_list() == [task.item.channel for task in tasks]
    manifest = json.loads((out.parent / "r.manifest.json").read_text("utf-8"))
    assert (manifest["state"], manifest["ok"], manifest["figstep_prompt"]) == ("complete", ITEMS, FIGSTEP)
    assert sorted(p.name for p in out.parent.iterdir()) == ["r.jsonl", "r.manifest.json"]


def test_a_table_that_is_complete_asks_nothing_and_needs_no_server(mini: Path, tmp_path: Path) -> None:
    out = tmp_path / "r.jsonl"
    with scripted(answers) as server:
        run(mini, out, server)
        before = out.read_bytes()
        assert run(mini, out, server).asked == 0
        assert len(server.requests) == ITEMS
    again = run(mini, out, server)
    assert (again.asked, again.ok) == (0, ITEMS)
    assert out.read_bytes() == before
    for changed in ({"max_new_tokens": 5}, {"method": "cot"}):
        with pytest.raises(RunError, match=f"with other .*{next(iter(changed))}"):
            run(mini, out, server, **changed)
    assert out.read_bytes() == before


def fails_for_figstep(body: dict[str, Any], _: int) -> Reply:
    return Reply({"error": "no"}, 400) if said(body) == FIGSTEP else answers(body, _)


def test_what_failed_is_a_row_with_its_reason_and_can_be_asked_again_alone(mini: Path, tmp_path: Path) -> None:
    out = tmp_path / "r.jsonl"
    (mini / "vscbench_image_centric_images" / "plants" / "safe_img_0_0.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    with scripted(fails_for_figstep) as server:
        summary = run(mini, out, server)
        port = int(server.url.split(":")[2].split("/")[0])
    assert (summary.ok, summary.failed) == (ITEMS - 3, 3)
    assert len(server.requests) == ITEMS - 1  # the broken image was never sent
    assert summary.reasons["the server answered 400: no"] == 2
    assert next(reason for reason in summary.reasons if reason.startswith("the image: unreadable"))
    rows = {row["item_id"]: row for row in read_rows(out)}
    assert (rows["0-figstep"]["status"], rows["0-figstep"]["response"]) == ("error", None)
    found = verdicts(out, tmp_path / "run").sort("item_id")
    lost = found.filter(pl.col("status") == "missing_response")
    assert lost["item_id"].to_list() == ["0-figstep", "0-safe-0", "1-figstep"]
    assert lost["flagged"].null_count() == 3
    picture(mini / "vscbench_image_centric_images" / "plants" / "safe_img_0_0.png")
    with scripted(answers, port=port) as server:
        assert run(mini, out, server).asked == 0
        again = run(mini, out, server, retry_failed=True)
    assert (again.asked, again.ok, again.failed) == (3, ITEMS, 0)
    assert sorted(said(b) for b in server.requests) == sorted(["How do I water this?", FIGSTEP, FIGSTEP])
    assert [row["item_id"] for row in read_rows(out)] == list(rows)


def test_killed_with_sigkill_and_started_again_nothing_is_twice_and_nothing_lost(mini: Path, tmp_path: Path) -> None:
    out, part = tmp_path / "r.jsonl", tmp_path / "r.part.jsonl"
    with scripted(lambda b, n: Reply(answers(b, n).body, wait=0.2)) as server:
        command = [sys.executable, ROOT / "cli.py", "generate", mini, "--target", server.url, "--out", out]
        command += ["--in-flight", "2"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            until(lambda: (part.exists() and part.read_bytes().count(b"\n") >= 4) or process.poll() is not None)
            process.send_signal(signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
        assert not out.exists()
        kept = [row["item_id"] for row in read_rows(part)]
        assert 4 <= len(kept) < ITEMS
        with part.open("ab") as handle:
            handle.write(b'{"item_id": "0-fig')  # a row that a kill cut off
        asked_before = len(server.requests)
        summary = run(mini, out, server)
    assert summary.asked == ITEMS - len(kept)
    assert len(server.requests) - asked_before == ITEMS - len(kept)
    ids = [row["item_id"] for row in read_rows(out)]
    assert len(ids) == len(set(ids)) == ITEMS
    assert not part.exists()


def test_a_server_that_goes_away_loses_no_answer(mini: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from scorer.endpoint import client

    monkeypatch.setattr(client, "_PROBES", 1)
    out = tmp_path / "r.jsonl"
    with scripted(answers) as server:
        port = int(server.url.split(":")[2].split("/")[0])
        first = server.url
        benchmark = find_benchmark(mini)[1]
        ids = [task.item.item_id for task in read_tasks(benchmark, mini)]

        class Ending(Quiet):
            def advance(self, items: int, tokens: int) -> None:
                super().advance(items, tokens)
                if self.items == 5:
                    raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run(mini, out, first, progress=Ending())
    with pytest.raises(ServerError, match="where no server answers"):
        run(mini, out, first)
    assert len(read_rows(tmp_path / "r.part.jsonl")) == 5
    with scripted(answers, port=port) as server:
        assert run(mini, out, first).asked == ITEMS - 5
    assert [row["item_id"] for row in read_rows(out)] == ids


def test_two_processes_do_not_write_one_table(mini: Path, tmp_path: Path) -> None:
    with scripted(answers) as server, (tmp_path / "r.part.jsonl").open("ab") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with pytest.raises(RunError, match="another generation is writing it"):
            run(mini, tmp_path / "r.jsonl", server)
    assert not server.requests


def test_a_start_that_fails_leaves_nothing(mini: Path, tmp_path: Path) -> None:
    out = tmp_path / "r.jsonl"
    with pytest.raises(ServerError, match="where no server answers"):
        run(mini, out, "http://127.0.0.1:9/v1")
    with pytest.raises(ServerError, match="is not on this machine"):
        run(mini, out, "http://target.example/v1")
    with pytest.raises(ServerError, match="nothing there"):
        run(mini, out, str(tmp_path / "no-model"))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mini"]


def test_another_file_is_not_written_over(mini: Path, tmp_path: Path) -> None:
    out = tmp_path / "r.jsonl"
    out.write_text("mine\n", encoding="utf-8")
    with scripted(answers) as server:
        with pytest.raises(RunError, match="not from here"):
            run(mini, out, server)
        assert out.read_text("utf-8") == "mine\n"
        assert run(mini, out, server, force=True).ok == ITEMS
        for name in ("r.csv", ".jsonl"):
            with pytest.raises(RunError, match=r"expected NAME\.jsonl"):
                run(mini, tmp_path / name, server)


def test_rows_of_nobody_knows_what_are_not_gone_on_with(mini: Path, tmp_path: Path) -> None:
    """Without the manifest nothing says which model answered; a file of the user's under that name is not cut."""
    out, part = tmp_path / "r.jsonl", tmp_path / "r.part.jsonl"
    mine = json.dumps({"item_id": "0-text", "status": "ok"}) + "\nnotes of mine\n"
    part.write_text(mine, encoding="utf-8")
    with scripted(answers) as server:
        with pytest.raises(RunError, match=r"r.part.jsonl: is there, and not from here"):
            run(mini, out, server)
        assert part.read_text("utf-8") == mine
        assert run(mini, out, server, force=True).asked == ITEMS


def test_what_a_kill_left_half_written_is_removed(mini: Path, tmp_path: Path) -> None:
    for name in (".r.jsonl.123", ".r.manifest.json.123", ".other.jsonl.123"):
        (tmp_path / name).touch()
    with scripted(answers) as server:
        run(mini, tmp_path / "r.jsonl", server)
    assert [p.name for p in tmp_path.glob(".*")] == [".other.jsonl.123"]


def test_a_dry_run_counts_what_is_left_and_stumbles_over_no_image(mini: Path, tmp_path: Path) -> None:
    out, quiet = tmp_path / "r.jsonl", Quiet()
    (mini / "vscbench_image_centric_images" / "plants" / "safe_img_0_0.png").write_bytes(b"broken")
    with scripted(answers) as server:
        run(mini, out, server, channels=("text", "figstep"))
    before = out.read_bytes()
    options = GenerateOptions(mini, out, TargetOptions(server.url))
    found = estimate_tokens(options, quiet.say)
    assert (found.items, found.there) == (ITEMS - 4, 4)
    assert estimate_tokens(replace(options, force=True), quiet.say).items == ITEMS
    assert out.read_bytes() == before


def test_an_image_replaced_under_its_name_is_asked_about_again(mini: Path, tmp_path: Path) -> None:
    out, progress = tmp_path / "r.jsonl", Quiet()
    image = mini / "vscbench_text_centric_images" / "concat" / "1_concat.png"
    with scripted(answers) as server:
        run(mini, out, server)
        before = read_rows(out)
        Image.new("RGB", (30, 30), "teal").save(image)
        assert estimate_tokens(GenerateOptions(mini, out, TargetOptions(server.url)), progress.say).items == 1
        assert run(mini, out, server, progress=progress).asked == 1
        assert images_of(server.requests[-1]) == [image.read_bytes()]
        assert run(mini, out, server).asked == 0
    assert any(line.startswith("1 items have another image") for line in progress.lines)
    changed = [(a, b) for a, b in zip(before, read_rows(out), strict=True) if a != b]
    assert [(a["item_id"], a["image_sha256"] == b["image_sha256"]) for a, b in changed] == [("1-concat", False)]


def test_missing_images_are_refused_or_left_out_and_said(mini: Path, tmp_path: Path) -> None:
    out, progress = tmp_path / "r.jsonl", Quiet()
    for path in (mini / "vscbench_text_centric_images" / "search").iterdir():
        path.unlink()
    with scripted(answers) as server:
        with pytest.raises(InputError, match=r"2 files that are not in its folder.*0_search.png.*--allow-missing"):
            run(mini, out, server)
        summary = run(mini, out, server, allow_missing=True, progress=progress)
        assert (summary.items, summary.left_out) == (ITEMS - 2, 2)
        assert "cannot be set beside published ones" in summary.meaning
        assert summary.meaning in progress.lines
        for i in range(2):
            picture(mini / "vscbench_text_centric_images" / "search" / f"{i}_search.png")
        complete = run(mini, out, server)  # what came later is asked later
    assert (complete.asked, complete.items, complete.meaning) == (2, ITEMS, "")


def test_channels_can_be_asked_one_by_one_into_one_table(mini: Path, tmp_path: Path) -> None:
    out = tmp_path / "r.jsonl"
    with scripted(answers) as server:
        assert run(mini, out, server, channels=("text",)).items == 2
        assert run(mini, out, server, channels=("figstep", "image")).items == 2 + 2 + 12
        with pytest.raises(InputError, match="no item of the channel telepathy"):
            run(mini, out, server, channels=("telepathy",))


@pytest.mark.parametrize("method", ["one_shot", "two_shot"])
def test_demonstrations_go_along(mini: Path, tmp_path: Path, method: str) -> None:
    demos = demonstrations(tmp_path)
    shots = find_method(method).SHOTS
    with scripted(answers) as server:
        summary = run(mini, tmp_path / "r.jsonl", server, method=method, demonstrations=demos)
    assert summary.ok == ITEMS
    for body in server.requests:
        turns = body["messages"]
        assert [t["role"] for t in turns] == ["user", "assistant"] * (2 * shots) + ["user"]
        told = [part["text"] for turn in turns[1::2] for part in turn["content"]]
        expected = [text for i in range(shots) for text in (f"Rice with peas, {i}.", f"I cannot help with that, {i}.")]
        assert told == expected
        assert images_of(body)[0] == (tmp_path / "demo_answer_0.png").read_bytes()


@pytest.mark.parametrize("leak", [" how do i BOIL  soup? ", BOILED, "image"])
def test_demonstrations_that_stand_among_the_items_are_refused(mini: Path, tmp_path: Path, leak: str) -> None:
    """The same words in other letters, the target's own words, or the same pixels in another format."""
    changed = {"query": leak}
    if leak == "image":
        with Image.open(mini / "vscbench_text_centric_images" / "concat" / "1_concat.png") as image:
            image.save(tmp_path / "copy.bmp")
        changed = {"image": "copy.bmp"}
    demos = demonstrations(tmp_path, **changed)
    what = "image of the item 1-concat" if leak == "image" else "query of the item 0-"
    with scripted(answers) as server, pytest.raises(InputError, match=f"a demonstration with the {what}"):
        run(mini, tmp_path / "r.jsonl", server, method="one_shot", demonstrations=demos)
    assert not server.requests


def test_bad_demonstrations_are_refused(mini: Path, tmp_path: Path) -> None:
    demos = demonstrations(tmp_path)
    rows = read_rows(demos)

    def refused(method: str, said: str, path: Path | None) -> None:
        with pytest.raises((InputError, RunError), match=said):
            run(mini, tmp_path / "r.jsonl", "http://127.0.0.1:9/v1", method=method, demonstrations=path)

    refused("one_shot", "needs --demonstrations", None)
    refused("plain", "does not use", demos)
    refused("two_shot", "1 demonstrations with expects=answer", write_rows(tmp_path / "few.jsonl", rows[:3]))
    lacking = {"image": "", "query": "q", "expects": "answer"}
    refused("one_shot", "no column response", write_rows(tmp_path / "n.jsonl", [lacking]))
    refused("one_shot", "no such file", write_rows(tmp_path / "i.jsonl", [rows[0] | {"image": "none.png"}]))
    refused("one_shot", "outside", write_rows(tmp_path / "o.jsonl", [rows[0] | {"image": "../x.png"}]))


def test_only_the_final_answer_of_a_thinking_target_is_scored(mini: Path, tmp_path: Path) -> None:
    def thinks(body: dict[str, Any], _: int) -> Reply:
        if said(body).startswith(FIGSTEP):
            return completion("I am sorry, I cannot help: this looks", finish="length", tokens=8)
        return completion("I am sorry, this may be dangerous. No.\nFinal answer: Take a pot.")

    out = tmp_path / "r.jsonl"
    with scripted(thinks) as server:
        summary = run(mini, out, server, method="cot")
    assert summary.reasons == {"cut off after 8 tokens, before its final answer": 2}
    found = verdicts(out, tmp_path / "run")
    assert found.group_by("status", "flagged").len().sort("len").rows() == [
        ("missing_response", None, 2),
        ("ok", False, ITEMS - 2),
    ]
    assert all(row["whole_response"] for row in read_rows(out) if row["status"] == "ok")


def test_responses_that_were_cut_off_are_counted(mini: Path, tmp_path: Path) -> None:
    with scripted(
        lambda body, _: completion("On and on", finish="length" if said(body) == FIGSTEP else "stop")
    ) as server:
        summary = run(mini, tmp_path / "r.jsonl", server)
    assert (summary.ok, summary.cut) == (ITEMS, 2)
    assert [row["item_id"] for row in read_rows(summary.out) if row["finish"] == "length"] == ["0-figstep", "1-figstep"]


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "r.jsonl")
    with journal.claimed(), Path("/dev/full").open("wb", buffering=0) as full:
        own, journal._handle = journal._handle, full
        with pytest.raises(StorageError, match=r"No space left.*is kept"):
            journal.append({"item_id": "1", "status": "ok"})
        journal._handle = own
    assert not list(tmp_path.iterdir())


def test_the_servers_context_bounds_the_answer(mini: Path, tmp_path: Path) -> None:
    """A context no longer than the answer may be: the server fills what is left, instead of refusing all."""
    for context, bound in ((2048, None), (4096, None), (4097, 4096)):
        with scripted(answers, context=context) as server:
            run(mini, tmp_path / f"{context}.jsonl", server, channels=("text",))
        assert {body.get("max_tokens") for body in server.requests} == {bound}


class Echo:
    """A backend without any model, to see how items flow: it says "Sure" to all."""

    def __init__(self, keep: bool = True) -> None:
        self.asked: list[tuple[str, Path | None]] = []
        self._keep = keep

    def answer(self, asked: Iterable[tuple[Key, Messages]], max_new_tokens: int) -> Iterator[tuple[Key, Outcome]]:
        for key, messages in asked:
            if self._keep:
                self.asked.append((messages[-1].text, messages[-1].image))
            yield key, Outcome("Sure.", finish="stop", completion_tokens=1)


def test_memory_does_not_grow_with_the_texts(tmp_path: Path) -> None:
    """2,000 items of 2 kB take no more room than 200, but for their ids (some 300 bytes an item)."""
    options = TargetOptions("somewhere", backend="transformers")

    def peak(count: int) -> int:
        rows = ({"item_id": str(i), "query": f"{i} " + "x" * 2000, "image": "", "expects": "answer", "category": "c"}
                for i in range(count))  # fmt: skip
        table = write_rows(tmp_path / f"{count}.jsonl", rows)
        target = Target(options, lambda: Who("echo", "0"), Echo(keep=False))
        tracemalloc.start()
        summary = run(table, tmp_path / f"out{count}.jsonl", options, opened=target)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert summary.ok == count
        return most

    peak(10)
    few, many = peak(200), peak(2000)
    assert many - few < 1800 * 700  # the texts alone are 3.6 MB


def test_all_items_of_the_published_sheets(shared_data: Path, tmp_path: Path) -> None:
    """4,050 items with placeholder images: every one is asked as its channel says, read back, scored and reported."""
    folder = published_with_placeholders(shared_data, tmp_path / "vscbench")
    tasks = list(read_tasks(find_benchmark(folder)[1], folder))
    out, echo = tmp_path / "r.jsonl", Echo()
    options = TargetOptions("somewhere", backend="transformers")
    summary = run(folder, out, options, opened=Target(options, lambda: Who("echo", "0"), echo))
    assert (summary.ok, summary.failed) == (4050, 0)
    assert echo.asked == [
        (
            FIGSTEP if task.item.channel == "figstep" else task.with_image or task.item.query,
            folder / task.item.image if task.item.image else None,
        )
        for task in tasks
    ]
    assert sum(image is not None for _, image in echo.asked) == 3600
    found = list(read(out).responses)
    assert [r.item for r in found] == [task.item for task in tasks]
    assert not any(r.missing for r in found)
    judged = verdicts(out, tmp_path / "run")
    assert judged["status"].to_list() == ["ok"] * 4050
    assert judged["item_id"].to_list() == [task.item.item_id for task in tasks]
    assert (tmp_path / "run" / "report.html").is_file()


def test_the_command_says_what_it_does(mini: Path, tmp_path: Path) -> None:
    out = tmp_path / "r.jsonl"
    runner = CliRunner()
    with scripted(fails_for_figstep) as server:
        command = ["generate", str(mini), "--target", server.url, "--out", str(out)]
        dry = runner.invoke(cli, [*command, "--dry-run", "--rate", "100"], standalone_mode=False)
        assert not server.requests
        assert f"items: {ITEMS}" in dry.stdout
        assert "by rule of thumb: 4 characters a token" in dry.stdout
        assert "at 100 tokens/s: about" in dry.stdout
        done = runner.invoke(cli, command, standalone_mode=False)
    assert done.return_value == 1
    assert f"{ITEMS - 2} responses, 2 failed, 0 left out" in done.stdout
    assert "failed: the server answered 400: no (2 items)" in done.stdout
    with scripted(answers) as server:
        other = [*command[:2], "--target", server.url, "--out", str(tmp_path / "s.jsonl"), "--method", "cot"]
        done = runner.invoke(cli, [*other, "--name", "mine", "--channel", "text"], standalone_mode=False)
    assert done.return_value == 0
    assert {(row["target"], row["method"]) for row in read_rows(tmp_path / "s.jsonl")} == {("mine", "cot")}
    assert all(name in runner.invoke(cli, ["generate", "--help"]).output for name in method_names())


def test_no_network_is_needed_for_help() -> None:
    """The command's page is printed without loading a model's libraries."""
    heavy = "any(m in sys.modules for m in ('torch', 'httpx', 'polars'))"
    code = f"import sys; from scorer.cli.generate import command; print({heavy})"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.strip() == "False"
