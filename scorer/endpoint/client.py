"""Many chat requests at once against one server, each retried with growing pauses, answers as they come."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import httpx

from scorer.errors import ServerError

Key = TypeVar("Key")
Result = TypeVar("Result")

PASSING = frozenset({408, 409, 425, 429, 502, 503, 504})
"""Status codes that speak of the server's state, not of the request."""
RETRIED = PASSING | {500}
"""Status codes after which the same request may succeed."""
_LONGEST_PAUSE = 30.0
_PROBES = 3


class Place(Protocol):
    """Where the server is. `recover` brings a dead server of our own back, and says whether it did."""

    def url(self) -> str:
        """Base URL that ends in /v1; starts a server of our own where none runs."""
        ...

    def recover(self) -> bool:
        """Called when the server does not answer."""
        ...


@dataclass(frozen=True)
class Manner:
    """How to ask: requests in flight, seconds for one answer, tries, and the first pause between them in seconds."""

    in_flight: int = 256
    timeout: float = 300.0
    tries: int = 5
    first_pause: float = 0.5


@dataclass(frozen=True)
class Answer:
    """What came back: the JSON body, or why there is none, with the HTTP status where there was one."""

    body: dict[str, Any] | None
    failure: str | None = None
    status: int | None = None


def ask_all(
    place: Place, requests: Iterable[tuple[Key, dict[str, Any]]], manner: Manner
) -> Iterator[tuple[Key, Answer]]:
    """Post every request body to /chat/completions; (key, answer) as they come, each key once.

    Requests are taken from the iterable only as places in flight become free. A request that fails for good gives an
    Answer with its failure. Raises ServerError where the server itself is gone and cannot be brought back.
    """
    place.url()  # a start takes minutes: here, and not in the loop, Ctrl-C ends it at once
    with asyncio.Runner() as runner:
        asking = _Asking(place, iter(requests), manner)
        runner.run(asking.start())
        try:
            while some := runner.run(asking.some()):
                yield from some
        finally:
            runner.run(asking.stop())


class _Asking(Generic[Key]):
    """One round of requests: workers share the iterator, the client and the knowledge that the server is gone."""

    def __init__(self, place: Place, requests: Iterator[tuple[Key, dict[str, Any]]], manner: Manner) -> None:
        self._place, self._requests, self._manner = place, requests, manner
        self._done: asyncio.Queue[tuple[Key, Answer] | None] = asyncio.Queue()
        self._recovering = asyncio.Lock()
        self._recoveries = 0
        self._jitter = random.Random(0)
        self._workers: list[asyncio.Task[None]] = []
        self._running = 0

    async def start(self) -> None:
        limits = httpx.Limits(max_connections=self._manner.in_flight, max_keepalive_connections=self._manner.in_flight)
        timeout = httpx.Timeout(self._manner.timeout, connect=10.0)
        # no proxy of the environment's: the server is where the user says, and nowhere else
        self._client = httpx.AsyncClient(limits=limits, timeout=timeout, trust_env=False)
        self._base = self._place.url()
        self._workers = [asyncio.create_task(self._work()) for _ in range(self._manner.in_flight)]
        self._running = len(self._workers)

    async def some(self) -> list[tuple[Key, Answer]]:
        """At least one answer, and all others that are there; nothing when all is done.

        Raises what a worker raised, once the answers that came are given away.
        """
        found: list[tuple[Key, Answer]] = []
        while not found:
            if self._done.empty():
                self._raise_error()
                if not self._running:
                    break
            self._take(await self._done.get(), found)
            while not self._done.empty():
                self._take(self._done.get_nowait(), found)
        return found

    def _take(self, came: tuple[Key, Answer] | None, found: list[tuple[Key, Answer]]) -> None:
        """Keep an answer; None says that a worker ended."""
        if came is not None:
            found.append(came)
        else:
            self._running -= 1

    def _raise_error(self) -> None:
        """A worker's error is everyone's."""
        for worker in self._workers:
            if worker.done() and not worker.cancelled() and (error := worker.exception()):
                raise error

    async def stop(self) -> None:
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        await self._client.aclose()

    async def _work(self) -> None:
        try:
            for key, body in self._requests:
                self._done.put_nowait((key, await self._ask(body)))
        finally:
            # after this task is done, so that its error can be seen
            asyncio.get_running_loop().call_soon(self._done.put_nowait, None)

    async def _ask(self, body: dict[str, Any]) -> Answer:
        answer = Answer(None, "not asked")
        for attempt in range(self._manner.tries):
            seen = self._recoveries
            answer, wait = await self._try(body)
            if wait is None:
                return answer
            if answer.status is None:
                await self._recover(seen)
            if attempt + 1 < self._manner.tries:
                pause = self._manner.first_pause * 2**attempt * (1 + self._jitter.random() / 2)
                await asyncio.sleep(min(max(pause, wait), _LONGEST_PAUSE))
        return Answer(None, f"{answer.failure}, {self._manner.tries} times", answer.status)

    async def _try(self, body: dict[str, Any]) -> tuple[Answer, float | None]:
        """One try: the answer, and the least seconds to wait before the next (None: do not try again)."""
        try:
            response = await self._client.post(f"{self._base}/chat/completions", json=body)
        except httpx.TimeoutException:
            return Answer(None, f"no answer within {self._manner.timeout:g} s"), 0.0
        except httpx.HTTPError as error:
            return Answer(None, f"connection lost ({type(error).__name__})"), 0.0
        if response.status_code == 200:
            return _read(response)
        failure = f"the server answered {response.status_code}: {_message(response)}"
        wait = _retry_after(response) if response.status_code in RETRIED else None
        return Answer(None, failure, response.status_code), wait

    async def _recover(self, seen: int) -> None:
        """Once for all workers: is the server there? If not, have it brought back, or give up for all of them."""
        async with self._recovering:
            if self._recoveries != seen or await self._answers():
                return
            if not await _apart(self._place.recover):
                raise ServerError(
                    f"the server at {self._base} does not answer any more; start it and the same command again. What "
                    "it answered so far is kept."
                )
            self._base = await _apart(self._place.url)
            self._recoveries += 1

    async def _answers(self) -> bool:
        """True where the server answers anything at all, given some time."""
        return await _any_of(_PROBES, self._probe, self._manner.first_pause)

    async def _probe(self) -> bool:
        try:
            await self._client.get(f"{self._base}/models", timeout=10.0)
        except httpx.HTTPError:
            return False
        return True


async def _apart(call: Callable[[], Result]) -> Result:
    """The call's result, from a thread that nobody waits for.

    asyncio.to_thread's threads are waited for when the loop ends: Ctrl-C while a server is brought back, which takes
    minutes, would be heard only once it is there.
    """
    done: Future[Result] = Future()

    def run() -> None:
        done.set_running_or_notify_cancel()
        try:
            done.set_result(call())
        except BaseException as error:
            done.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return await asyncio.wrap_future(done)


async def _any_of(times: int, probe: Callable[[], Awaitable[bool]], pause: float) -> bool:
    for attempt in range(times):
        if await probe():
            return True
        if attempt + 1 < times:
            await asyncio.sleep(pause * 2**attempt)
    return False


def _read(response: httpx.Response) -> tuple[Answer, float | None]:
    """A whole JSON object, or a failure worth another try: half an answer, or something else than JSON."""
    try:
        body = response.json()
    except ValueError:
        return Answer(None, "the answer is no JSON", 200), 0.0
    if not isinstance(body, dict):
        return Answer(None, "the answer is no JSON object", 200), 0.0
    return Answer(body, status=200), None


def _message(response: httpx.Response) -> str:
    """What an error answer says, in one line of at most 200 characters."""
    text = response.text
    try:
        body = response.json()
        found = body.get("error", body) if isinstance(body, dict) else body
        text = str(found.get("message", found) if isinstance(found, dict) else found)
    except ValueError:
        pass
    return " ".join(text.split())[:200] or "nothing"


def _retry_after(response: httpx.Response) -> float:
    try:
        return max(0.0, float(response.headers.get("retry-after", "0")))
    except ValueError:
        return 0.0
