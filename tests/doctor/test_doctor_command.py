"""The command itself, in a process of its own: lines, JSON, exit codes, and no network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from doctor_world import World, served

from scorer.doctor.examine import CHECKS

ROOT = Path(__file__).resolve().parents[2]
LAUNCHER = (sys.executable, str(ROOT / "cli.py"))
ROW = {"query": "What is tea?", "response": "A drink.", "expects": "answer"}
WATCHED = """
import os, runpy, sys
def watch(event, arguments):
    if event in ("socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"):
        host = arguments[1][0] if event in ("socket.connect", "socket.bind", "socket.sendto") else arguments[0]
        os.write(2, f"{event} {host}\\n".encode())
        if host != "127.0.0.1":
            os._exit(97)
sys.addaudithook(watch)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    return World(tmp_path, monkeypatch)


def _everything(world: World) -> tuple[str, ...]:
    """Options that make every check but the URL's look at something, all of it there."""
    world.gpu()
    world.file("images/one.png", "pixels")
    table = world.table(ROW | {"search_img": "one.png"})
    python = world.environment("vllm 0.32.0", "torch 2.13.0")
    return (
        *(str(table), "--judge-model", str(world.model()), "--vllm-python", str(python)),
        *("--judge-images", str(world.folder / "images"), "--out", str(world.folder / "run")),
    )


def _run(*arguments: str, launcher: tuple[str, ...] = LAUNCHER) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([*launcher, "doctor", *arguments], capture_output=True, encoding="utf-8", timeout=300)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def _files(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


def test_all_is_there_in_one_line_each_and_nothing_is_left_behind(world: World) -> None:
    options = _everything(world)
    before = _files(world.folder)
    done = _run(*options)
    assert done.returncode == 0, done.stdout
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert len(lines) == len(CHECKS)  # the URL is not looked at, and there are two heads
    assert all(line.startswith("ok    ") for line in lines)
    assert _files(world.folder) == before


def test_json_holds_the_same_and_says_what_to_do(world: World) -> None:
    options = _everything(world)
    (world.folder / "judge" / "config.json").unlink()
    shown, as_json = _run(*options), _run(*options, "--json")
    assert shown.returncode == as_json.returncode == 1
    findings = json.loads(as_json.stdout)
    assert {tuple(f) for f in findings} == {("check", "status", "finding", "fix")}
    failed = [f for f in findings if f["status"] == "FAIL"]
    assert [f["check"] for f in failed] == ["judge config"]
    lines = shown.stdout.splitlines()
    (place,) = [i for i, line in enumerate(lines) if line.startswith("FAIL")]
    assert lines[place].split()[:3] == ["FAIL", "judge", "config"]
    assert lines[place].endswith(failed[0]["finding"])
    assert lines[place + 1].startswith("    ")
    assert lines[place + 1].strip() == failed[0]["fix"]


def test_a_warning_is_no_failure(world: World) -> None:
    done = _run("--judge", "keyword-xstest", str(world.table({"query": "q", "response": "r"})))
    assert done.returncode == 0
    assert "\nwarn  input" in done.stdout


def test_a_mistake_in_the_options_is_neither() -> None:
    assert _run("--port", "0").returncode == 2
    assert _run("--no-such-option").returncode == 2


def test_only_loopback_is_ever_touched(world: World) -> None:
    options = _everything(world)
    launcher = (sys.executable, "-c", WATCHED, LAUNCHER[1])
    with served(200, b'{"data": [{"id": "judge"}]}') as url:
        done = _run(*options, "--judge-url", url, launcher=launcher)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {line.split()[0] for line in done.stderr.splitlines()} >= {"socket.bind", "socket.connect"}
    refused = _run("--judge-url", "http://judge.example:8000/v1", launcher=launcher)
    assert refused.returncode == 1
    assert "judge.example is not this machine; nothing was sent" in refused.stdout
    assert "socket." not in refused.stderr
    # the watch would see it: with the user's word for it, the name is looked up
    assert _run("--judge-url", "http://judge.example/v1", "--allow-remote", launcher=launcher).returncode == 97


def test_no_interface_is_needed(world: World) -> None:
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-rn", "true"], capture_output=True).returncode:
        pytest.skip("a network namespace of one's own (unshare -rn) is not permitted here")
    options = _everything(world)
    with_network = _run(*options, "--json")
    without = _run(*options, "--json", launcher=("unshare", "-rn", *LAUNCHER))
    assert without.returncode == 0, without.stdout

    def steady(text: str) -> list[tuple[str, str]]:
        return [(f["check"], f["status"]) for f in json.loads(text)]  # free bytes and ports change

    assert steady(without.stdout) == steady(with_network.stdout)


def test_a_package_that_cannot_be_imported_stops_no_other_check(world: World) -> None:
    """platformdirs is installed, says its metadata, but broken: what needs it says so, the rest goes on."""
    world.file("broken/platformdirs/__init__.py", "raise ImportError('platformdirs is torn')")
    world.patch.setenv("PYTHONPATH", os.pathsep.join((str(world.folder / "broken"), str(ROOT))))
    done = _run("--json")
    assert done.returncode == 1
    findings = {f["check"]: f for f in json.loads(done.stdout)}
    assert findings["cache folder"]["status"] == "FAIL"
    assert "(platformdirs is torn)" in findings["cache folder"]["finding"]
    assert findings["temp"]["status"] == "ok"
    assert findings["head vscbench"]["status"] == "ok"


def test_torch_is_never_loaded(world: World) -> None:
    """That would take longer than all checks together."""
    world.file("broken/torch/__init__.py", "raise SystemExit('torch was imported')")
    world.patch.setenv("PYTHONPATH", os.pathsep.join((str(world.folder / "broken"), str(ROOT))))
    assert _run(*_everything(world)).returncode == 0
