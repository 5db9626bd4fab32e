"""The wheel: all that is needed is in it, and installed anywhere it scores from any folder."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
from command_line import KEYWORDS, OUTPUTS, ROOT, Done, run, verdicts


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built without the network, so with the build backend that is installed here."""
    for module in ("hatchling", "pip"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"building a wheel without the network needs {module} in this environment")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run(
        [*command, "--disable-pip-version-check", "-w", str(folder), str(ROOT)], capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    return next(folder.glob("scorer-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`scorer` of a fresh environment, which borrows the packages it depends on but not this checkout."""
    folder = tmp_path_factory.mktemp("fresh") / "venv"
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    paths = {"base": str(folder), "platbase": str(folder)}
    site = Path(sysconfig.get_path("purelib", "venv", vars=paths))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    # a plain path in a .pth file is only appended: the editable install of the checkout stays out
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    command = folder / "bin" / "scorer"
    command.write_text(f"#!{python}\nfrom scorer.cli import main\nmain()\n", encoding="utf-8")
    command.chmod(0o755)
    return command


def test_the_wheel_carries_models_data_rubrics_and_templates(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        entry_points = archive.read(next(n for n in names if n.endswith("entry_points.txt"))).decode()
    expected = {
        f"scorer/_data/{folder}/{path.relative_to(ROOT / folder)}"
        for folder in ("models", "calibration_data")
        for path in (ROOT / folder).rglob("*")
        if path.is_file()
    }
    assert "scorer/_data/models/refusal-minilm/vscbench.safetensors" in expected
    assert "scorer/_data/calibration_data/reference.jsonl" in expected
    expected |= {
        str(path.relative_to(ROOT))
        for path in (ROOT / "scorer").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {"scorer/rubrics/xstest.toml", "scorer/report/templates/report.html.j2"} <= expected
    assert expected <= names
    assert not any(name.startswith(("tests", "bench")) or "__pycache__" in name for name in names)
    assert "scorer = scorer.cli:main" in entry_points


def _there(installed: Path, folder: Path, *arguments: object) -> Done:
    environment = {"PATH": os.defpath, "HOME": str(folder), "XDG_CACHE_HOME": str(folder / "cache")}
    return run(*arguments, launcher=[str(installed)], cwd=folder, env=environment)


def test_it_is_the_wheel_that_runs(installed: Path, tmp_path: Path) -> None:
    python = installed.with_name("python")
    code = "import scorer; from scorer.assets import asset; print(scorer.__file__); print(asset('models'))"
    out = subprocess.run([str(python), "-c", code], cwd=tmp_path, capture_output=True, encoding="utf-8").stdout
    code_path, models = out.split()
    assert code_path.startswith(str(installed.parents[1]))
    assert models == str(Path(code_path).parent / "_data" / "models")


def test_it_scores_the_sample_from_any_folder(installed: Path, few: Path, tmp_path: Path) -> None:
    sample = ROOT / "calibration_data" / "sample_responses.jsonl"
    done = _there(installed, tmp_path, "score", sample, "--out", "keywords", *KEYWORDS)
    assert done.code == 0, done.err
    assert {p.name for p in (tmp_path / "keywords").iterdir()} == OUTPUTS
    done = _there(installed, tmp_path, "score", few, "--out", "encoder")
    assert done.code == 0, done.err
    assert set(verdicts(tmp_path / "encoder")["status"]) == {"ok"}
    assert {p.name for p in tmp_path.iterdir()} == {"keywords", "encoder", "cache"}
