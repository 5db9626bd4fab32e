"""`scorer run` with a real model in this process: all steps, kills, changes, and what is refused."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from mini_benchmark import demonstrations, make_mini, picture, read_rows, write_rows
from PIL import Image
from processes import until
from run_world import ITEMS, Watched, do, files, make_benchmark, write_config

from examples.tiny_llava import make_tiny_llava
from scorer import running
from scorer.cli import cli
from scorer.errors import InputError, RunError, ScorerError, ServerError
from scorer.records import Reference
from scorer.references import reference_frame, save_references
from scorer.run_config import read_config
from scorer.run_plan import plan_run
from scorer.running import RunOptions, Shown, run

pytestmark = pytest.mark.usefixtures("one_thread")
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose answers end."""
    return make_tiny_llava(tmp_path_factory.mktemp("run") / "model", ends=True)


@pytest.fixture(scope="module")
def finished(model: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Watched]:
    """The folder of a finished run, and what it said. Tests leave it as it is."""
    folder = tmp_path_factory.mktemp("finished")
    make_benchmark(folder)
    failed, watched = do(write_config(folder, model))
    assert failed == 0
    return folder, watched


def state(folder: Path) -> dict[str, Any]:
    """What run.json says about the steps; empty before the first."""
    path = folder / "out" / "run.json"
    return dict(json.loads(path.read_text("utf-8"))["steps"]) if path.exists() else {}


def test_from_images_to_report(finished: tuple[Path, Watched]) -> None:
    folder, watched = finished
    out = folder / "out"
    assert watched.generations == [("asking tiny (plain)", ITEMS), ("asking tiny (cot)", ITEMS)]
    for method in ("plain", "cot"):
        rows = read_rows(out / "responses" / f"tiny-{method}.jsonl")
        assert [row["item_id"] for row in rows] == [str(i) for i in range(ITEMS)]
        assert {(row["target"], row["method"], row["status"]) for row in rows} == {("tiny", method, "ok")}
    scored = json.loads((out / "run" / "manifest.json").read_text("utf-8"))
    assert (scored["state"], scored["rows"]) == ("complete", 2 * ITEMS)
    compared = json.loads((out / "comparisons" / "tiny-cot" / "comparison.json").read_text("utf-8"))
    assert (compared["a"]["method"], compared["b"]["method"]) == ("plain", "cot")
    names = ["check", "generate tiny plain", "generate tiny cot", "score", "compare tiny cot", "report"]
    assert list(state(folder)) == names
    assert {step["state"] for step in state(folder).values()} == {"done"}
    page = (out / "index.html").read_text("utf-8")
    links = re.findall(r'href="([^"]+)"', page)
    assert links == ["run/report.html", "comparisons/tiny-cot/comparison.html"]
    assert all((out / link).is_file() for link in links)


def test_a_finished_run_does_nothing_again(finished: tuple[Path, Watched]) -> None:
    folder, _ = finished
    before = files(folder / "out")
    failed, again = do(folder / "run.toml")
    assert (failed, again.asked) == (0, [])
    assert sum("done already" in line for line in again.lines) == len(state(folder))
    assert files(folder / "out") == before


def test_a_step_whose_output_is_lost_is_done_again_alone(model: Path, tmp_path: Path) -> None:
    make_benchmark(tmp_path)
    config = write_config(tmp_path, model)
    do(config)
    (tmp_path / "out" / "comparisons" / "tiny-cot" / "comparison.html").unlink()
    _, watched = do(config)
    assert [line for line in watched.lines if line.endswith("begins")] == ["compare tiny cot: begins", "report: begins"]


def test_one_start_per_target_gone_before_the_judge(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_benchmark(tmp_path)
    other = f"\n[[targets]]\npath = {json.dumps(str(model))}\nname = 'other'\nbackend = 'transformers'\ndevice = 'cpu'"
    config = read_config(write_config(tmp_path, model, other))
    events: list[str] = []
    real = running.open_target

    @contextmanager
    def noted(options: Any, say: Any) -> Iterator[Any]:
        with real(options, say) as target:
            events.append(f"open {options.name}")
            yield target
        events.append(f"gone {options.name}")

    class Noting(Watched):
        def start(self, what: str, total: int) -> None:
            events.append(what)

    monkeypatch.setattr(running, "open_target", noted)
    watched = Noting()
    run(config, RunOptions(), Shown(watched.say, watched, watched))
    expected = []
    for name in ("tiny", "other"):
        expected += [f"open {name}", f"asking {name} (plain)", f"asking {name} (cot)", f"gone {name}"]
    assert events == [*expected, "judging"]


MANY = 12
"""Items enough to be killed among."""
MOMENTS = {
    "within generate": lambda out: any(p.stat().st_size for p in (out / "responses").glob("*.part.jsonl")),
    "between two steps": lambda out: (out / "run.json").exists() and '"score"' in (out / "run.json").read_text("utf-8"),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_with_sigkill_and_started_again_nothing_is_twice(model: Path, tmp_path: Path, moment: str) -> None:
    make_benchmark(tmp_path, MANY)
    config, out = write_config(tmp_path, model), tmp_path / "out"
    command = [sys.executable, ROOT / "cli.py", "run", config]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        until(lambda: MOMENTS[moment](out) or process.poll() is not None)
        process.send_signal(signal.SIGKILL)
        _, err = process.communicate()
    assert process.returncode == -signal.SIGKILL, err
    before = state(tmp_path)
    assert "running" in {step["state"] for step in before.values()}
    tables = sorted((out / "responses").glob("*.jsonl"))
    kept = {(row["method"], row["item_id"]): row for path in tables for row in read_rows(path)}
    _, watched = do(config)
    assert sum(total for _, total in watched.generations) == 2 * MANY - len(kept)
    for step, record in before.items():
        if record["state"] == "done":
            assert not watched.did(step)
    rows = [row for m in ("plain", "cot") for row in read_rows(out / "responses" / f"tiny-{m}.jsonl")]
    assert len({(row["method"], row["item_id"]) for row in rows}) == len(rows) == 2 * MANY
    assert all(kept.get((row["method"], row["item_id"]), row) == row for row in rows)
    assert not list((out / "responses").glob("*.part.jsonl"))
    assert {step["state"] for step in state(tmp_path).values()} == {"done"}
    if moment == "between two steps":
        assert watched.generations == []


def test_steps_can_be_left_out_or_done_alone(model: Path, tmp_path: Path) -> None:
    make_benchmark(tmp_path)
    config = write_config(tmp_path, model, top='methods = ["plain"]')
    with pytest.raises(RunError, match="no responses there; expected them from the step generate"):
        do(config, only=("score",))
    do(config, only=("check",))
    assert state(tmp_path)["check"]["state"] == "done"
    do(config, skip=("score", "report"))
    assert list(state(tmp_path)) == ["check", "generate tiny plain"]
    assert not (tmp_path / "out" / "run").exists()
    do(config, only=("score", "report"))
    assert (tmp_path / "out" / "index.html").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"only": ("shcore",)}, "expected one of render, check.*nearest is score"),
        ({"skip": ("x",)}, "expected one of"),
        ({"skip": ("check",), "only": ("score",)}, "both --skip and --only"),
        ({"only": ("render",)}, r"no \[render\]"),
    ],
)
def test_steps_that_cannot_be_are_refused(finished: tuple[Path, Watched], options: dict[str, Any], said: str) -> None:
    with pytest.raises(RunError, match=said):
        do(finished[0] / "run.toml", **options)


def test_a_dry_run_starts_and_writes_nothing(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_benchmark(tmp_path)
    config = write_config(tmp_path, model, top='methods = ["plain", "cot"]\nmax_new_tokens = 100')
    before = files(tmp_path)
    monkeypatch.setattr(running, "open_target", lambda *_: pytest.fail("a target was opened"))
    done = CliRunner().invoke(cli, ["run", str(config), "--dry-run", "--rate", "0.5"], catch_exceptions=False)
    assert done.exit_code == 0
    assert files(tmp_path) == before
    assert not (tmp_path / "out").exists()
    line = next(line for line in done.output.splitlines() if "generate tiny plain" in line)
    cells = [cell.strip() for cell in line.strip("│").split("│")]
    # 4 items of 100 tokens at most, and shorter than an average answer: 400 tokens, 800 s at 0.5/s, 0.22 h
    assert [cells[i] for i in (1, 2, 4, 5, 6, 7)] == ["to do", "4", "400", "400", "0.22", "0.22"]
    assert int(cells[3]) > 0
    assert "measured with the processor" in done.output
    refused = CliRunner().invoke(cli, ["run", str(config), "--rate", "5"])
    assert refused.exit_code == 2


def test_what_is_added_is_done_and_what_was_answered_otherwise_is_kept(model: Path, tmp_path: Path) -> None:
    make_benchmark(tmp_path)
    do(write_config(tmp_path, model, top='methods = ["plain"]'))
    _, more = do(write_config(tmp_path, model))
    assert more.generations == [("asking tiny (cot)", ITEMS)]
    assert more.did("score")
    before = files(tmp_path / "out" / "responses")
    other = write_config(tmp_path, model, top='methods = ["plain", "cot"]\nmax_new_tokens = 999')
    with pytest.raises(RunError, match=r"tiny-plain.jsonl: holds responses with other max_new_tokens.*--force"):
        do(other)
    assert files(tmp_path / "out" / "responses") == before
    _, forced = do(other, force=True)
    assert [total for _, total in forced.generations] == [ITEMS, ITEMS]
    manifest = json.loads((tmp_path / "out" / "responses" / "tiny-cot.manifest.json").read_text("utf-8"))
    assert manifest["identity"]["max_new_tokens"] == 999


def test_missing_and_broken_images_are_said_and_what_failed_can_be_asked_again(model: Path, tmp_path: Path) -> None:
    make_benchmark(tmp_path)
    (tmp_path / "0.png").unlink()
    (tmp_path / "1.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    with pytest.raises(InputError, match=r"2 files missing or broken.*0\.png.*allow_missing = true"):
        do(write_config(tmp_path, model))
    assert state(tmp_path)["check"]["state"] == "failed"
    config = write_config(tmp_path, model, top='methods = ["plain"]\nallow_missing = true')
    failed, watched = do(config)
    assert failed == 1
    assert any("cannot be set beside published ones" in line for line in watched.lines)
    page = (tmp_path / "out" / "index.html").read_text("utf-8")
    assert "only 3 of 4 items found can be asked" in page
    assert any("2 responses, 1 failed (the image: unreadable" in line for line in watched.lines)
    assert do(config)[0] == 1  # done already, and still failed
    picture(tmp_path / "1.png")
    failed, again = do(config, retry_failed=True)
    assert (failed, again.generations) == (0, [("asking tiny (plain)", 1)])


def test_labels_correct_the_scores_and_are_agreed_with(finished: tuple[Path, Watched], tmp_path: Path) -> None:
    make_benchmark(tmp_path)
    labels = [
        Reference(str(i), "tiny", m, "people", "vscbench", "ok", ("2_UNSAFE", "0_SAFE")[i % 2], None, None, "hand")
        for m in ("plain", "cot")
        for i in range(ITEMS)
    ]
    save_references(tmp_path / "labels.parquet", reference_frame(labels))
    more = '[reference]\nfiles = ["labels.parquet"]\nestimator = "plugin"'
    text = (finished[0] / "run.toml").read_text("utf-8")
    (tmp_path / "run.toml").write_text(text + more, encoding="utf-8")
    do(tmp_path / "run.toml")
    assert (tmp_path / "out" / "agreement" / "agreement.html").is_file()
    assert 'href="agreement/agreement.html"' in (tmp_path / "out" / "index.html").read_text("utf-8")
    manifest = json.loads((tmp_path / "out" / "run" / "manifest.json").read_text("utf-8"))
    assert (manifest["n_labels"], manifest["annotator"]) == (2 * ITEMS, "people")


@pytest.mark.parametrize(
    ("judge", "said"),
    [
        ('names = ["keyword-xstest", "keyword-xstest"]', "expected each once"),
        ('names = ["cascade"]', "needs a certificate"),
        ('also = ["nothing"]', "also nothing needs a judge that reads|got rubric 'nothing'"),
        ('rubric = "toxicity"', "cannot serve the rubric toxicity"),
        ("explain = true", "needs a judge that can give a reason"),
        ('calibration = "."', "got no calibration"),
        ('names = ["vllm"]\nmodel = "."', "without config.json"),
        ('[reference]\nfiles = ["benchmark.jsonl"]', "got no reference file"),
    ],
)
def test_what_is_wrong_about_judges_is_said_before_anything_is_asked(
    model: Path, tmp_path: Path, judge: str, said: str
) -> None:
    make_benchmark(tmp_path)
    config = write_config(tmp_path, model)
    text, _, _ = config.read_text("utf-8").partition("[judge]")
    config.write_text(f"{text}[judge]\n{judge}\n", encoding="utf-8")
    with pytest.raises(ScorerError, match=said):
        do(config)
    assert state(tmp_path) == {}
    with pytest.raises(ScorerError, match=said):
        plan_run(read_config(config), ["generate", "score"], print)
    do(config, only=("check",))


def test_a_judges_server_may_come_up_after_the_answers(model: Path, tmp_path: Path) -> None:
    make_benchmark(tmp_path)
    config = write_config(tmp_path, model)
    text = config.read_text("utf-8").replace('["keyword-vscbench"]', '["vllm"]\nurl = "http://127.0.0.1:9/v1"')
    config.write_text(text, encoding="utf-8")
    with pytest.raises(ServerError, match="where no server answers"):
        do(config)
    assert state(tmp_path)["generate tiny cot"]["state"] == "done"
    config.write_text(text.replace("127.0.0.1", "judge.example"), encoding="utf-8")
    with pytest.raises(ScorerError, match="not on this machine"):
        plan_run(read_config(config), ["score"], print)


def test_what_has_another_image_is_asked_again_alone(model: Path, tmp_path: Path) -> None:
    make_benchmark(tmp_path)
    config = write_config(tmp_path, model)
    do(config)
    Image.new("RGB", (30, 30), "teal").save(tmp_path / "2.png")
    (tmp_path / "1.png").touch()  # another time is no other image
    _, again = do(config)
    assert again.generations == [("asking tiny (plain)", 1), ("asking tiny (cot)", 1)]
    assert again.did("score")


def test_each_judge_has_its_comparison_and_the_overview_its_categories(model: Path, tmp_path: Path) -> None:
    make_benchmark(tmp_path)
    config = write_config(tmp_path, model)
    rows = read_rows(tmp_path / "benchmark.jsonl")
    write_rows(tmp_path / "benchmark.jsonl", [row | {"category": f"<i>{i % 2}"} for i, row in enumerate(rows)])
    text = config.read_text("utf-8").replace('["keyword-vscbench"]', '["keyword-vscbench", "keyword-xstest"]')
    config.write_text(text, encoding="utf-8")
    do(config)
    out = tmp_path / "out"
    page = (out / "index.html").read_text("utf-8")
    for judge in ("keyword-vscbench", "keyword-xstest"):
        folder = f"comparisons/tiny-cot/{judge}"
        document = json.loads((out / folder / "comparison.json").read_text("utf-8"))
        assert document["judge"]["name"] == judge
        assert f'href="{folder}/comparison.html"' in page
        assert f"Category by category: <bdi>tiny</bdi>, cot, <bdi>{judge}</bdi>" in page
        assert state(tmp_path)[f"compare tiny cot {judge}"]["state"] == "done"
    assert page.count("<bdi>&lt;i&gt;0</bdi>") == page.count("<bdi>&lt;i&gt;1</bdi>") == 2
    before = files(out)
    do(config)
    assert files(out) == before


def test_what_is_wrong_with_a_later_method_is_said_before_the_first_is_asked(model: Path, tmp_path: Path) -> None:
    make_benchmark(tmp_path)
    demos = demonstrations(tmp_path, query="How do I water plant 3?")
    top = f'methods = ["plain", "one_shot"]\ndemonstrations = "{demos.name}"'
    with pytest.raises(InputError, match="a demonstration with the query of the item 3"):
        do(write_config(tmp_path, model, top=top))
    assert list(state(tmp_path)) == ["check"]


def test_channels_can_be_added_but_not_taken_away(model: Path, tmp_path: Path) -> None:
    """Answers of a channel that is no longer asked for would still be scored."""
    rows = read_rows(make_benchmark(tmp_path))
    write_rows(tmp_path / "benchmark.jsonl", [*rows, rows[0] | {"item_id": "t", "image": ""}])

    def config(channels: str) -> Path:
        return write_config(tmp_path, model, top=f'methods = ["plain"]\n{channels}')

    _, first = do(config('channels = ["text"]'))
    _, more = do(config('channels = ["text", "image"]'))
    assert [total for _, total in (*first.generations, *more.generations)] == [1, ITEMS]
    assert do(config(""))[1].generations == []
    before = files(tmp_path / "out" / "responses")
    with pytest.raises(RunError, match=r"tiny-plain.jsonl: holds responses with other channels.*--force"):
        do(config('channels = ["image"]'))
    assert files(tmp_path / "out" / "responses") == before
    _, forced = do(config('channels = ["image"]'), force=True)
    assert [total for _, total in forced.generations] == [ITEMS]
    assert len(read_rows(tmp_path / "out" / "responses" / "tiny-plain.jsonl")) == ITEMS


def test_a_dry_run_counts_what_is_left(model: Path, tmp_path: Path) -> None:
    make_benchmark(tmp_path)
    do(write_config(tmp_path, model), skip=("score", "compare", "report"))
    table = tmp_path / "out" / "responses" / "tiny-cot.jsonl"
    table.write_text("".join(table.read_text("utf-8").splitlines(keepends=True)[:1]), encoding="utf-8")
    config = read_config(tmp_path / "run.toml")
    plain, cot = plan_run(config, ["generate"], print)
    assert (plain.state, plain.items, plain.tokens) == ("done", ITEMS, None)
    assert (cot.state, cot.items) == ("begun", ITEMS)
    assert cot.tokens is not None
    assert (cot.tokens.items, cot.tokens.there) == (ITEMS - 1, 1)
    other = read_config(write_config(tmp_path, model, top='methods = ["plain"]\nmax_new_tokens = 9'))
    with pytest.raises(RunError, match="other max_new_tokens"):
        plan_run(other, ["generate"], print)
    (anew,) = plan_run(other, ["generate"], print, force=True)
    assert anew.tokens is not None
    assert anew.tokens.most_answer_tokens == 9 * ITEMS


def test_images_are_drawn_before_they_are_checked(model: Path, tmp_path: Path) -> None:
    mini = make_mini(tmp_path / "mini")
    drawn = [
        mini / "vscbench_text_centric_images" / c / f"{i}_{c}.png" for c in ("typography", "figstep") for i in "01"
    ]
    for path in drawn:
        path.unlink()
    config = write_config(tmp_path, model, "[render]\n")
    config.write_text(config.read_text("utf-8").replace("benchmark.jsonl", "mini"), encoding="utf-8")
    _, watched = do(config, only=("render", "check"))
    assert all(path.is_file() for path in drawn)
    assert any(line.startswith("render: done, 4 images drawn") for line in watched.lines)
    _, again = do(config, only=("render", "check"))
    assert not again.did("check")


def test_a_folder_of_other_files_and_a_second_process_are_refused(model: Path, tmp_path: Path) -> None:
    make_benchmark(tmp_path)
    config, out = write_config(tmp_path, model), tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").touch()
    with pytest.raises(RunError, match=r"other files \(mine.txt\)"):
        do(config)
    assert [p.name for p in out.iterdir()] == ["mine.txt"]
    (out / "mine.txt").unlink()
    handle = os.open(out, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    with pytest.raises(RunError, match="another run is writing here"):
        do(config)
    os.close(handle)
    (out / "run.json").write_text("[]", encoding="utf-8")
    with pytest.raises(RunError, match="cannot be read as the state of a run"):
        do(config)
