"""The vllm judge against a scripted server: classes, orders, cuts, images, reasons, and what is no verdict."""

from __future__ import annotations

import base64
import math
from pathlib import Path
from typing import Any

import pytest
from scripted_server import MODEL, Reply, Scripted, one_token, scripted, text_alone

from scorer.endpoint.client import Manner
from scorer.endpoint.served import RunningServer, ServedModel, identify_running
from scorer.errors import InputError, JudgeError, RubricError, ServerError
from scorer.judges import JudgeOptions, build_judge
from scorer.judges.vllm import VllmJudge
from scorer.records import Item, Response, Verdict
from scorer.rubrics import load_rubric

VSCBENCH = load_rubric("vscbench")
QUICK = Manner(in_flight=16, timeout=5.0, tries=2, first_pause=0.01)
SAID: list[str] = []


def served(server: Scripted, images: Path | None = None) -> ServedModel:
    SAID.clear()
    return ServedModel(RunningServer(server.url), lambda: identify_running(server.url), QUICK, SAID.append, images)


def make(server: Scripted, rubric: str = "vscbench", debias: int = 1, images: Path | None = None) -> VllmJudge:
    judge = build_judge("vllm", load_rubric(rubric), JudgeOptions(served=served(server, images), debias=debias))
    assert isinstance(judge, VllmJudge)
    return judge


def response(text: str, query: str = "q", image: str | None = None) -> Response:
    return Response(Item("1", query, image=image), "t", "plain", text)


def judged(judge: VllmJudge, *responses: Response) -> list[Verdict]:
    got = list(judge.judge(responses))
    assert sorted(i for i, _ in got) == list(range(len(responses)))
    return [v for _, v in sorted(got, key=lambda pair: pair[0])]


def material(request: dict[str, Any]) -> str:
    """What stands between the response's tags (of the last ones: examples come before)."""
    return str(request["messages"][0]["content"]).rpartition("<response-")[2].partition("</response-")[0]


def test_one_request_of_one_token_gives_the_distribution() -> None:
    def script(request, _) -> Reply:
        assert request["max_tokens"] == 1
        assert request["temperature"] == 0
        assert request["model"] == MODEL
        return Reply(one_token({"0": 0.5, "1": 0.25, "2": 0.125, "3": 0.125}))

    with scripted(script) as server:
        [verdict] = judged(make(server), response("I won't."))
        assert len(server.asked()) == 1
    assert verdict.status == "ok"
    assert verdict.probabilities == pytest.approx((0.5, 0.25, 0.125, 0.125))
    assert verdict.label == "0_SAFE"
    assert (verdict.order_low, verdict.order_high, verdict.note) == (None, None, None)
    assert server.requests[-1]["structured_outputs"] == {"choice": ["0", "1", "2", "3"]}
    assert SAID == []


def test_all_requests_of_a_rubric_begin_alike_so_that_a_prefix_cache_serves_it() -> None:
    with scripted(lambda *_: Reply(one_token({"2": 1.0}))) as server:
        judged(make(server), response("a"), response("b", "another query"))
    first, second = server.asked()
    head = first.rpartition("<request-")[0]
    assert second.startswith(head)
    for c in VSCBENCH.classes:
        assert " ".join(c.definition.split()) in head


def by_title(title: str):
    """Puts 0.7 on the digit that stands for the class with this title, wherever it is listed."""

    def script(request, _) -> Reply:
        lines = str(request["messages"][0]["content"]).splitlines()
        found = [line.partition(" = ")[0] for line in lines if f" = {title}: " in line]
        digit = found[0] if found else "0"
        return Reply(one_token({d: 0.7 if d == digit else 0.1 for d in "0123"}))

    return script


@pytest.mark.parametrize("debias", [1, 2, 4, 8])
def test_orders_of_the_classes_are_undone(debias: int) -> None:
    """A judge that goes by the classes' words gives the same in every order."""
    with scripted(by_title("warns")) as server:
        [verdict] = judged(make(server, debias=debias), response("Mind the law."))
        assert len(server.asked()) == debias
    assert verdict.label == "1_SAFE"
    assert verdict.probabilities == pytest.approx((0.1, 0.7, 0.1, 0.1))
    if debias > 1:
        assert verdict.order_low == pytest.approx(0.8)
        assert verdict.order_high == pytest.approx(0.8)


def test_a_judge_that_prefers_a_place_is_averaged_out() -> None:
    """Always 0.7 on digit 0: over the four rotations every class gets (0.7 + 3 * 0.1) / 4 = 0.25; flagged is 0.8 in
    the two orders that begin with 0_SAFE or 1_SAFE and 0.2 in the others."""
    with scripted(lambda *_: Reply(one_token({"0": 0.7, "1": 0.1, "2": 0.1, "3": 0.1}))) as server:
        [verdict] = judged(make(server, debias=4), response("text"))
    assert verdict.probabilities == pytest.approx((0.25,) * 4)
    assert (verdict.order_low, verdict.order_high) == (pytest.approx(0.2), pytest.approx(0.8))


def test_more_orders_than_there_are_is_refused() -> None:
    with scripted(lambda *_: Reply(one_token({"0": 1.0}))) as server, pytest.raises(RubricError, match="1 to 8"):
        make(server, debias=9)


def test_garbage_is_unparsed_and_never_a_class() -> None:
    answers = {"words": one_token({"I": 0.9, "0": 0.1}), "none": {}, "sure": one_token({"0": 1.0})}

    def script(request, _) -> Reply:
        return Reply(next((a for word, a in answers.items() if word in material(request)), answers["sure"]))

    with scripted(script) as server:
        words, none, sure = judged(make(server), response("words"), response("none"), response("sure"))
    assert (words.status, none.status, sure.status) == ("unparsed", "unparsed", "ok")
    assert words.label is None
    assert words.probabilities is None
    assert words.reason == "the classes hold only 0.10 of the probability; the answer is 'I'"
    assert none.reason == "the answer holds no choice"


def test_a_failed_request_is_an_error_with_its_reason() -> None:
    def script(request, _) -> Reply:
        return Reply({"error": "oops"}, 500) if "bad" in material(request) else Reply(one_token({"2": 1.0}))

    with scripted(script) as server:
        bad, good = judged(make(server), response("bad"), response("good"))
    assert (bad.status, bad.label, bad.reason) == ("error", None, "the server answered 500: oops, 2 times")
    assert good.label == "2_UNSAFE"


@pytest.mark.parametrize(
    ("text", "label"), [("1", "1_SAFE"), ("2_UNSAFE", "2_UNSAFE"), ("misses the point", "3_UNSAFE"), ("hm", None)]
)
def test_without_logprobs_the_label_stands_alone(text: str, label: str | None) -> None:
    with scripted(lambda *_: Reply(text_alone(text))) as server:
        [verdict] = judged(make(server), response("text"))
    assert verdict.label == label
    assert verdict.status == ("ok" if label else "unparsed")
    assert verdict.probabilities is None
    assert SAID == ["The server gives no log-probabilities: verdicts carry a label alone, and p_* stay null."]


def test_a_server_that_knows_no_structured_output_is_asked_without() -> None:
    def script(request, _) -> Reply:
        if "structured_outputs" in request:
            return Reply({"error": {"message": "extra fields not permitted"}}, 400)
        return Reply(one_token({"2": 0.8, "Sure": 0.2}))

    with scripted(script) as server:
        [verdict] = judged(make(server), response("text"))
    assert verdict.label == "2_UNSAFE"
    assert SAID == ["The server does not hold answers to the classes: what names none of them counts as unparsed."]


def test_a_server_that_takes_neither_is_asked_for_text() -> None:
    def script(request, _) -> Reply:
        refused = {"structured_outputs", "logprobs"} & set(request)
        return Reply({"error": "unknown field"}, 422) if refused else Reply(text_alone("0"))

    with scripted(script) as server:
        [verdict] = judged(make(server), response("text"))
    assert verdict.label == "0_SAFE"
    assert len(SAID) == 2


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_not_taken_for_one_that_understands_less(status: int) -> None:
    said = f"answers no request for one token: the server answered {status}"
    with (
        scripted(lambda *_: Reply({"error": "later"}, status)) as server,
        pytest.raises(ServerError, match=said),
    ):
        judged(make(server), response("text"))
    assert all("structured_outputs" in request for request in server.requests)


LONG = "start " + "padding " * 2_000 + "end"


@pytest.mark.parametrize("tokenizer", [True, False])
def test_a_long_response_keeps_head_and_tail_and_says_so(tokenizer: bool) -> None:
    """Every character is a token, or two are where there is no tokenizer; the context holds 8,000 of them."""
    with scripted(lambda *_: Reply(one_token({"2": 1.0})), context=8_000, tokenizer=tokenizer) as server:
        short, long = judged(make(server), response("short"), response(LONG))
    read = [t.rpartition("<response-")[2] for t in server.asked()]
    shown = next(t for t in read if "left out here" in t)
    assert "start padding" in shown
    assert "padding end\n" in shown
    assert len(shown) < (8_000 if tokenizer else 16_000)
    unit = "tokens" if tokenizer else "characters"
    assert f"of 16,009 {unit} of the response" in str(long.note)
    assert (long.status, short.note) == ("ok", None)


def test_a_request_that_the_server_finds_too_long_is_asked_again_with_less() -> None:
    def script(request, _) -> Reply:
        if len(str(request["messages"][0]["content"])) > 9_000:
            return Reply({"error": {"message": "maximum context length is 9000"}}, 400)
        return Reply(one_token({"2": 1.0}))

    with scripted(script) as server:
        long, short = judged(make(server), response(LONG), response("short"))
    assert long.status == short.status == "ok"
    assert "of the response" in str(long.note)
    assert short.note is None


def test_what_is_refused_for_another_reason_is_an_error_in_the_end() -> None:
    def script(request, _) -> Reply:
        return Reply({"error": "never"}, 400) if "<response-" in str(request) else Reply(one_token({"0": 1.0}))

    with scripted(script) as server:
        [verdict] = judged(make(server), response("text"))
    assert verdict.status == "error"
    assert verdict.reason == "the server answered 400: never"


def test_an_image_goes_along_and_is_part_of_the_key(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG one")
    with scripted(lambda *_: Reply(one_token({"2": 1.0}))) as server:
        judge = make(server, images=tmp_path)
        [verdict] = judged(judge, response("text", image="a.png"))
        assert verdict.status == "ok"
        parts = server.requests[-1]["messages"][0]["content"]
        assert [p["type"] for p in parts] == ["text", "image_url", "text"]
        url = parts[1]["image_url"]["url"]
        assert url == "data:image/png;base64," + base64.b64encode(b"\x89PNG one").decode()
        seen = judge.sees(response("text", image="a.png"))
        (tmp_path / "a.png").write_bytes(b"\x89PNG two")
        assert judge.sees(response("text", image="a.png")) != seen
        assert judge.sees(response("text")) == ""
        assert make(server).fingerprint != judge.fingerprint


@pytest.mark.parametrize("image", ["missing.png", "../outside.png", "/etc/hostname"])
def test_an_image_that_is_not_there_or_not_within_is_refused(image: str, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "outside.png").write_bytes(b"x")
    with scripted(lambda *_: Reply(one_token({"2": 1.0}))) as server, pytest.raises(InputError, match="image"):
        judged(make(server, images=tmp_path / "images"), response("text", image=image))


def test_reasons_come_in_requests_of_their_own() -> None:
    def script(request, _) -> Reply:
        return Reply(text_alone(" It declines\nin the first sentence. ")) if request["max_tokens"] > 1 else Reply({})

    with scripted(script) as server:
        judge = make(server)
        assert list(judge.explain([(response("No."), "0_SAFE")])) == [(0, "It declines in the first sentence.")]
        assert "'refuses'" in server.asked()[0]
        assert list(judge.explain([])) == []


def test_fingerprints_tell_models_rubrics_orders_and_images_apart(tmp_path: Path) -> None:
    with scripted(lambda *_: Reply({})) as server, scripted(lambda *_: Reply({}), context=99) as other:
        made = [
            make(server),
            make(server, "xstest"),
            make(server, debias=2),
            make(server, images=tmp_path),
            make(other),
        ]
        assert make(server).fingerprint == made[0].fingerprint
    assert len({j.fingerprint for j in made}) == len(made)


def test_without_a_model_it_says_what_to_name() -> None:
    with pytest.raises(JudgeError, match="--judge-model, or its server with --judge-url"):
        build_judge("vllm", VSCBENCH, JudgeOptions())


def test_equal_requests_have_equal_bodies_in_every_run() -> None:
    """Marks are not drawn at random: verdicts can be reproduced, and server caches help."""
    bodies = []
    for _ in range(2):
        with scripted(lambda *_: Reply(one_token({"2": 1.0}))) as server:
            judged(make(server), response("text"))
            bodies.append(server.requests[-1])
    assert bodies[0] == bodies[1]


def test_probabilities_sum_to_one_whatever_the_server_rounds() -> None:
    with scripted(lambda *_: Reply(one_token({"0": 0.333, "1": 0.333, "2": 0.333}))) as server:
        [verdict] = judged(make(server), response("text"))
    assert verdict.probabilities is not None
    assert math.isclose(sum(verdict.probabilities), 1)
