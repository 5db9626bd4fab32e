"""A script for the scripted server that reads its prompt: it finds the classes and the response, in whatever order."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from scripted_server import Reply, Script, one_token

Read = Callable[[list[str], str], Mapping[str, float] | Reply]
"""(titles of the classes by their digits, the response's text) -> weights by titles, or a whole reply of its own."""

_CLASSES = re.compile(r"^(\d) = ([^:\n]+): ", re.MULTILINE)
_RESPONSE = re.compile(r"<response-(\w+)>\n(.*?)\n</response-\1>", re.DOTALL)


def classes_of(prompt: str) -> list[str]:
    """Titles of the classes by their digits."""
    return [title for _, title in _CLASSES.findall(prompt)]


def response_of(prompt: str) -> str:
    """The response to judge: the last one, behind the examples."""
    return _RESPONSE.findall(prompt)[-1][1]


def reading(read: Read) -> Script:
    """Weigh the classes of the prompt by what `read` says of the response; a class that it leaves out weighs 0.01."""

    def script(body: dict[str, Any], _: int) -> Reply:
        prompt = str(body["messages"][0]["content"])
        titles = classes_of(prompt)
        if not titles:
            return Reply(one_token({"0": 1.0}))
        said = read(titles, response_of(prompt))
        if isinstance(said, Reply):
            return said
        weights = [said.get(title, 0.01) for title in titles]
        return Reply(one_token({str(digit): w / sum(weights) for digit, w in enumerate(weights)}))

    return script
