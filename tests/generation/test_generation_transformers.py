"""A real model in this process: every channel and method, batches, bad items, and a kill."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import torch
from generating_world import Quiet, run
from hypothesis import given
from hypothesis import strategies as st
from mini_benchmark import ITEMS, demonstrations, make_mini, picture, read_rows, write_rows
from PIL import Image
from processes import until

from examples.tiny_llava import CONTEXT, IMAGE_TOKENS, STRING_TEMPLATE
from scorer.errors import ServerError
from scorer.generation.backends import Outcome
from scorer.generation.messages import Message, Messages
from scorer.generation.methods import find_method, method_names
from scorer.generation.prompts import FIGSTEP, Ask
from scorer.generation.rendering import Renderer
from scorer.generation.tokens import estimate
from scorer.readers import read
from scorer.target_model import TargetOptions, open_target

pytestmark = pytest.mark.usefixtures("one_thread")
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def renderer(tiny_llava: Path) -> Renderer:
    return Renderer(tiny_llava)


def options(model: Path, **changed: object) -> TargetOptions:
    return TargetOptions(str(model), backend="transformers", device="cpu", **changed)  # type: ignore[arg-type]


def test_every_channel_and_method_with_one_loaded_model(tiny_llava: Path, tmp_path: Path) -> None:
    mini, demos = make_mini(tmp_path / "mini"), demonstrations(tmp_path)
    chosen = options(tiny_llava, dtype="float32")
    with open_target(chosen, print) as target:
        for method in method_names():
            shots = find_method(method).SHOTS
            out = tmp_path / f"{method}.jsonl"
            more = {"demonstrations": demos} if shots else {}
            progress = Quiet()
            summary = run(mini, out, chosen, opened=target, progress=progress, method=method, max_new_tokens=4, **more)
            rows = read_rows(out)
            # noise never marks a final answer, and is cut off after 4 tokens
            assert (summary.failed, summary.ok) == ((ITEMS, 0) if method == "cot" else (0, ITEMS))
            assert progress.tokens == summary.completion_tokens == sum(row["completion_tokens"] for row in rows)
            assert {(row["target"], row["method"]) for row in rows} == {("tiny-llava", method)}
            images = [(row["image"] is not None) + 2 * shots for row in rows]
            assert all(row["prompt_tokens"] > IMAGE_TOKENS * n for row, n in zip(rows, images, strict=True))
            responses = list(read(out).responses)
            assert len(responses) == ITEMS
            assert all(r.missing == (method == "cot") for r in responses)
    by_image = {row["image"]: row["response"] for row in read_rows(tmp_path / "plain.jsonl")}
    assert len(set(by_image.values())) > 1  # the image decides with the text


def test_a_batch_says_what_its_items_say_alone_and_a_bad_one_fails_alone(tiny_llava: Path, tmp_path: Path) -> None:
    good = [picture(tmp_path / f"{i}.png") for i in range(3)]
    broken = tmp_path / "broken.png"
    broken.write_bytes(good[0].read_bytes()[:60])
    asked: list[tuple[str, Messages]] = [
        *((f"image {i}", (Message("user", "What is this?" * (i + 1), good[i]),)) for i in range(3)),
        ("broken", (Message("user", "What is this?", broken),)),
        ("long", (Message("user", "word " * CONTEXT, good[0]),)),
        ("place", (Message("user", "<image> What is this?", good[0]),)),
        ("text", (Message("user", "Hello"),)),
        ("no words", (Message("user", "", good[1]),)),
    ]
    found: dict[int, dict[str, Outcome]] = {}
    for batch in (1, 8):
        with open_target(options(tiny_llava, batch=batch, dtype="float32"), print) as target:
            found[batch] = dict(target.backend.answer(asked, 6))
    assert found[1] == found[8]
    assert found[8].keys() == {key for key, _ in asked}
    failed = {key: outcome.reason for key, outcome in found[8].items() if outcome.text is None}
    assert failed.keys() == {"broken", "long", "place"}
    assert str(failed["place"]).startswith("the text holds <image>, which stands for an image")
    assert str(failed["broken"]).startswith("the image: truncated")
    assert "fills the model's context" in str(failed["long"])
    assert all(o.finish == "length" and o.completion_tokens == 6 for o in found[8].values() if o.text is not None)


def test_an_answer_ends_where_the_model_ends_it(tiny_llava: Path, tmp_path: Path) -> None:
    """The second token that the model writes is made its end token: one token is left, and it is said to stop."""
    model = Path(shutil.copytree(tiny_llava, tmp_path / "model"))
    asked = [("a", (Message("user", "Hello"),))]
    with open_target(options(model), print) as target:
        free = dict(target.backend.answer(asked, 6))["a"]
    tokenizer = Renderer(model).tokenizer
    renderer = Renderer(model)
    ids = tokenizer(free.text, add_special_tokens=False)["input_ids"]
    settings = (model / "generation_config.json").read_text("utf-8")
    assert '"eos_token_id": 2' in settings
    (model / "generation_config.json").write_text(
        settings.replace('"eos_token_id": 2', f'"eos_token_id": [2, {ids[1]}]')
    )
    with open_target(options(model), print) as target:
        ended = dict(target.backend.answer(asked, 6))["a"]
    assert (ended.finish, ended.completion_tokens) == ("stop", 2)
    assert ended.text == renderer.tokenizer.decode(ids[:1])
    assert str(free.text).startswith(str(ended.text))


def test_a_folders_own_sampling_settings_do_not_count(tiny_llava: Path, tmp_path: Path) -> None:
    """Each of these would change the answer of a greedy decoding; only the end tokens are the folder's."""
    model = Path(shutil.copytree(tiny_llava, tmp_path / "model"))
    settings = json.loads((model / "generation_config.json").read_text("utf-8"))
    settings |= {"do_sample": True, "temperature": 5.0, "repetition_penalty": 9.0, "no_repeat_ngram_size": 1}
    settings |= {"num_beams": 3, "max_length": 20, "suppress_tokens": list(range(100, 600))}
    (model / "generation_config.json").write_text(json.dumps(settings), "utf-8")
    asked = [("a", (Message("user", "Hello"),))]
    found = []
    for folder in (tiny_llava, model):
        with open_target(options(folder, dtype="float32"), print) as target:
            found.append(dict(target.backend.answer(asked, 40)))
    assert found[0] == found[1]
    assert found[0]["a"].completion_tokens == 40


@given(st.text())
def test_every_query_reaches_the_model_whole(tiny_llava: Path, query: str) -> None:
    """In the template's output, and through the tokenizer and back."""
    renderer = _renderer(tiny_llava)
    text = renderer.text(find_method("plain").messages(Ask(query), "{query}", ()))
    assert text == f"USER: {query.strip()} ASSISTANT:"
    ids = renderer.tokenizer(text, add_special_tokens=False)["input_ids"]
    assert renderer.tokenizer.decode(ids, clean_up_tokenization_spaces=False) == text


_renderer = cache(Renderer)


def test_killed_with_sigkill_and_started_again(tiny_llava: Path, tmp_path: Path) -> None:
    mini = make_mini(tmp_path / "mini")
    out, part = tmp_path / "r.jsonl", tmp_path / "r.part.jsonl"
    command = [sys.executable, ROOT / "cli.py", "generate", mini, "--target", tiny_llava, "--out", out]
    command += ["--backend", "transformers", "--batch", "1", "--max-new-tokens", "40", "--dtype", "float32"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        until(lambda: (part.exists() and part.stat().st_size) or process.poll() is not None)
        process.send_signal(signal.SIGKILL)
        _, err = process.communicate()
    assert process.returncode == -signal.SIGKILL, err
    kept = read_rows(part)
    assert 0 < len(kept) < ITEMS
    chosen = options(tiny_llava, batch=1, dtype="float32")
    summary = run(mini, out, chosen, max_new_tokens=40)
    assert summary.asked == ITEMS - len(kept)
    rows = {row["item_id"]: row for row in read_rows(out)}
    assert len(rows) == ITEMS
    assert all(rows[row["item_id"]] == row for row in kept)


def test_the_template_is_the_models_own(renderer: Renderer, tmp_path: Path) -> None:
    image = picture(tmp_path / "a.png")
    plain = find_method("plain").messages
    assert renderer.text(plain(Ask("Hi {x}", image), "{query}", ())) == "USER: <image>\nHi {x} ASSISTANT:"
    assert renderer.text(plain(Ask(FIGSTEP), "{query}", ())) == f"USER: {FIGSTEP} ASSISTANT:"
    turns = (Message("user", "a", image), Message("assistant", "b"), Message("user", "c", image))
    assert renderer.text(turns) == "USER: <image>\na ASSISTANT: b</s>USER: <image>\nc ASSISTANT:"
    assert renderer.template.adds_special_tokens
    ids = renderer.inputs([turns])["input_ids"][0].tolist()
    assert (ids[0], ids.count(1), ids.count(3)) == (1, 1, 2 * IMAGE_TOKENS)


def test_templates_that_know_texts_alone(tiny_llava: Path, tmp_path: Path) -> None:
    """The image's place is written before the text, and <s> is not doubled where the template writes it."""
    model = Path(shutil.copytree(tiny_llava, tmp_path / "model"))
    (model / "chat_template.jinja").write_text("<s>" + STRING_TEMPLATE, encoding="utf-8")
    renderer, image = Renderer(model), picture(tmp_path / "a.png")
    messages = (Message("user", "What?", image),)
    assert renderer.text(messages) == "<s>USER: <image>\nWhat? ASSISTANT:"
    assert not renderer.template.adds_special_tokens
    ids = renderer.inputs([messages])["input_ids"][0].tolist()
    assert (ids.count(1), ids.count(3)) == (1, IMAGE_TOKENS)


@pytest.mark.parametrize("kind", ["RGBA", "turned", "L"])
def test_what_a_person_sees_is_what_the_processor_gets(renderer: Renderer, tmp_path: Path, kind: str) -> None:
    """Transparency becomes white, Exif's orientation is obeyed, grey becomes colour."""
    plain, odd = tmp_path / "plain.png", tmp_path / "odd.png"
    seen = Image.new("RGB", (40, 60), "white")
    seen.paste((10, 10, 10), (0, 0, 40, 20))
    seen.save(plain)
    if kind == "RGBA":
        image = Image.new("RGBA", (40, 60), (255, 0, 0, 0))
        image.paste((10, 10, 10, 255), (0, 0, 40, 20))
        image.save(odd)
    elif kind == "turned":
        exif = Image.Exif()
        exif[0x0112] = 6  # to be turned by 90 degrees clockwise
        seen.transpose(Image.Transpose.ROTATE_90).save(odd, exif=exif)
    else:
        seen.convert("L").save(odd)
    one, other = (renderer.inputs([(Message("user", "?", path),)])["pixel_values"] for path in (plain, odd))
    assert one.equal(other)


def test_tokens_are_measured_where_the_model_is_there(tiny_llava: Path, tmp_path: Path, renderer: Renderer) -> None:
    image = picture(tmp_path / "a.png")
    asked = [(Message("user", "word " * i, image),) for i in range(1, 5)]
    exact = [renderer.inputs([messages])["input_ids"].shape[1] for messages in asked]
    found = estimate(asked, 4, 100, tiny_llava)
    assert (found.prompt_tokens, found.longest_prompt) == (sum(exact), max(exact))
    assert "measured with the processor" in found.how
    assert (found.answer_tokens, found.most_answer_tokens) == (400, 400)
    assert found.seconds(40) == 10
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    less = estimate([*asked[:3], (Message("user", "?", broken),)], 4, 100, tiny_llava)
    assert less.prompt_tokens == round(4 * sum(exact[:3]) / 3)
    assert "on 3 of 4 items" in less.how
    # 5 * 40 = 200 characters are 50 tokens, one turn 8, the image 576; every second of 128 items is looked at
    ruled = estimate([(Message("user", "word " * 40, image),)] * 128, 128, 4096)
    assert (ruled.prompt_tokens, ruled.answer_tokens) == (128 * (50 + 8 + 576), 128 * 250)
    assert "rule of thumb" in ruled.how


def test_folders_that_cannot_be_used_are_said(tiny_llava: Path, tmp_path: Path) -> None:
    table = write_rows(tmp_path / "b.jsonl", [{"query": "Hi", "image": "", "expects": "answer", "category": "c"}])
    model = Path(shutil.copytree(tiny_llava, tmp_path / "model"))

    def refused(said: str, **changed: object) -> None:
        with pytest.raises(ServerError, match=said):
            run(table, tmp_path / "r.jsonl", options(model, **changed))

    config = (model / "config.json").read_text("utf-8")
    if not torch.cuda.is_available():
        with pytest.raises(ServerError, match="got --device cuda"):
            run(table, tmp_path / "r.jsonl", TargetOptions(str(model), backend="transformers", device="cuda"))
    (model / "config.json").write_text(
        config.replace('"model_type": "llava"', '"model_type": "x", "auto_map": {"AutoConfig": "m.C"}'), "utf-8"
    )
    (model / "m.py").write_text("raise SystemExit('code of the folder ran')", "utf-8")
    refused("--trust-remote-code")
    (model / "config.json").write_text(config, "utf-8")
    (model / "chat_template.jinja").unlink()
    refused("no chat template")
    (model / "model.safetensors").rename(model / "model.bin")
    refused("pickles|no weights")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b.jsonl", "model"]
