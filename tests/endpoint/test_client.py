"""The client against a real server that misbehaves: every request one answer, faults retried, failures said."""

from __future__ import annotations

import signal
import threading
import time

import pytest
from scripted_server import Reply, Scripted, one_token, scripted

from scorer.endpoint.client import Answer, Manner, ask_all
from scorer.endpoint.served import RunningServer
from scorer.errors import ServerError

QUICK = Manner(in_flight=8, timeout=0.5, tries=3, first_pause=0.01)
SOUND = one_token({"0": 0.75, "1": 0.25})


def body(text: str) -> dict[str, object]:
    return {"model": "m", "messages": [{"role": "user", "content": text}]}


def ask(server: Scripted, texts: list[str], manner: Manner = QUICK) -> dict[int, Answer]:
    got = list(ask_all(RunningServer(server.url), ((i, body(t)) for i, t in enumerate(texts)), manner))
    answers = dict(got)
    assert len(got) == len(answers)  # each key once
    return answers


def test_every_request_gets_its_own_answer() -> None:
    with scripted(lambda request, _: Reply({"echo": request["messages"][0]["content"]})) as server:
        answers = ask(server, [f"text {i}" for i in range(200)])
    assert {i: a.body for i, a in answers.items()} == {i: {"echo": f"text {i}"} for i in range(200)}


def test_no_more_requests_are_under_way_than_asked_for_and_the_rest_wait_in_the_iterator() -> None:
    taken = 0

    def requests():
        nonlocal taken
        for i in range(60):
            taken += 1
            yield i, body(str(i))

    with scripted(lambda *_: Reply(SOUND, wait=0.02)) as server:
        answers = ask_all(RunningServer(server.url), requests(), QUICK)
        next(answers)
        assert taken <= 2 * QUICK.in_flight
        assert len(list(answers)) == 59
    assert 1 < server.most_at_once[1] <= QUICK.in_flight


FAULTS = {
    "500": Reply({"error": {"message": "out of luck"}}, 500),
    "502 in HTML": Reply(b"<html>bad gateway</html>", 502),
    "503": Reply({}, 503),
    "429 with a pause": Reply({"error": "slow down"}, 429, headers={"retry-after": "0.02"}),
    "429 with a date": Reply({}, 429, headers={"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}),
    "half an answer": Reply(SOUND, drop=True),
    "no JSON": Reply(b"certainly!"),
    "JSON that is no object": Reply([1, 2]),
    "no answer in time": Reply(SOUND, wait=2.0),
}
SAID = {
    "500": "the server answered 500: out of luck, 3 times",
    "502 in HTML": "the server answered 502: <html>bad gateway</html>, 3 times",
    "503": "the server answered 503: {}, 3 times",
    "429 with a pause": "the server answered 429: slow down, 3 times",
    "429 with a date": "the server answered 429: {}, 3 times",
    "half an answer": "connection lost (RemoteProtocolError), 3 times",
    "no JSON": "the answer is no JSON, 3 times",
    "JSON that is no object": "the answer is no JSON object, 3 times",
    "no answer in time": "no answer within 0.5 s, 3 times",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_passes_leaves_no_trace(fault: str) -> None:
    with scripted(lambda _, before: Reply(SOUND) if before else FAULTS[fault]) as server:
        answers = ask(server, ["a", "b"])
    assert [answers[i].body for i in range(2)] == [SOUND, SOUND]
    assert len(server.requests) == 4


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_stays_is_the_answer_of_this_request_alone(fault: str) -> None:
    def script(request, _) -> Reply:
        return FAULTS[fault] if request["messages"][0]["content"] == "bad" else Reply(SOUND)

    with scripted(script) as server:
        answers = ask(server, ["good", "bad", "good too"])
    assert answers[1].body is None
    assert answers[1].failure == SAID[fault]
    assert answers[0].body == answers[2].body == SOUND


def test_what_will_not_change_is_not_tried_again() -> None:
    with scripted(lambda *_: Reply({"error": {"message": "no such model"}}, 404)) as server:
        answers = ask(server, ["a"])
    assert answers[0] == Answer(None, "the server answered 404: no such model", 404)
    assert len(server.requests) == 1


def test_a_server_that_is_gone_is_an_error_for_all() -> None:
    with scripted(lambda *_: Reply(SOUND)) as server:
        pass
    with pytest.raises(ServerError, match=r"does not answer any more.*answered so far is kept"):
        ask(server, ["a", "b", "c"])


class Revived:
    """A place whose first server is gone and whose second one answers."""

    def __init__(self, gone: str, there: str) -> None:
        self.urls, self.recoveries = [gone, there], 0

    def url(self) -> str:
        return self.urls[min(self.recoveries, 1)]

    def recover(self) -> bool:
        self.recoveries += 1
        return True


def test_a_server_that_comes_back_elsewhere_is_asked_there_and_is_brought_back_once() -> None:
    with scripted(lambda *_: Reply(SOUND)) as gone:
        pass
    with scripted(lambda *_: Reply(SOUND)) as server:
        place = Revived(gone.url, server.url)
        answers = dict(ask_all(place, ((i, body(str(i))) for i in range(40)), QUICK))
    assert [a.body for a in answers.values()] == [SOUND] * 40
    assert place.recoveries == 1


def test_an_error_of_the_requests_own_making_is_not_swallowed() -> None:
    def requests():
        yield 0, body("a")
        raise RuntimeError("no more")

    with scripted(lambda *_: Reply(SOUND)) as server, pytest.raises(RuntimeError, match="no more"):
        list(ask_all(RunningServer(server.url), requests(), QUICK))


class Slow:
    """A server that takes its time to start, or to be brought back, while the user presses Ctrl-C."""

    def __init__(self, url: str | None) -> None:
        self._url, self._main, self.left = url, threading.get_ident(), threading.Event()

    def url(self) -> str:
        if self._url is None:
            self._wait_for_ever()
        return str(self._url)

    def recover(self) -> bool:
        self._wait_for_ever()
        return True

    def _wait_for_ever(self) -> None:
        time.sleep(0.3)  # until the other thread, where there is one, waits too
        signal.pthread_kill(self._main, signal.SIGINT)
        self.left.wait(20)


@pytest.mark.parametrize("url", [None, "http://127.0.0.1:9/v1"], ids=["start", "recovery"])
def test_an_interrupt_does_not_wait_until_a_server_is_there(url: str | None) -> None:
    place = Slow(url)
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        list(ask_all(place, [(0, body("a"))], QUICK))
    place.left.set()
    assert time.monotonic() - began < 10


def test_leaving_early_ends_the_round() -> None:
    with scripted(lambda *_: Reply(SOUND)) as server:
        answers = ask_all(RunningServer(server.url), ((i, body(str(i))) for i in range(10_000)), QUICK)
        next(answers)
        answers.close()
    assert len(server.requests) < 1_000


def test_no_requests_no_answers() -> None:
    with scripted(lambda *_: Reply(SOUND)) as server:
        assert ask(server, []) == {}


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with scripted(lambda *_: Reply(SOUND)) as server:
        assert ask(server, ["a"])[0].body == SOUND
