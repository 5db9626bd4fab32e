"""What a target is sent: by channel and method, with every word of the query in it and nothing read as a place."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorer.errors import InputError, RunError
from scorer.generation.backends import Outcome
from scorer.generation.demonstrations import Shot
from scorer.generation.methods import find_method, method_names, method_summary, wording_of
from scorer.generation.methods.cot import final
from scorer.generation.prompts import FIGSTEP, Ask, ask_of, fill
from scorer.generation.row import row_of
from scorer.records import Item, Task

IMAGE = Path("a.png")
SHOTS = tuple(Shot(f"demo {i}?", f"answer {i}", Path(f"d{i}.png")) for i in range(4))
WORDS = st.text(max_size=200)


def task(channel: str, **fields: object) -> Task:
    return Task(Item("1", "the query", channel=channel, image="a.png"), **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("channel", "image", "read"),
    [
        ("image", IMAGE, "the query"),
        ("text", None, "the query"),
        ("search", IMAGE, "with it"),
        ("typography", IMAGE, "with it"),
        ("concat", IMAGE, "with it"),
        ("figstep", IMAGE, FIGSTEP),
    ],
)
def test_each_channel_has_its_text(channel: str, image: Path | None, read: str) -> None:
    with_image = "with it" if channel in ("search", "typography", "concat") else None
    assert ask_of(task(channel, with_image=with_image), image) == Ask(read, image)


def test_the_figstep_instruction_can_be_the_users() -> None:
    assert ask_of(task("figstep"), IMAGE, "mine").text == "mine"
    assert "100 words" in FIGSTEP


def test_a_text_for_beside_the_image_is_not_sent_without_one() -> None:
    assert ask_of(task("typography", with_image="what is shown"), None).text == "the query"
    assert ask_of(task("text", with_image="what is shown"), IMAGE) == Ask("the query")


@given(WORDS)
def test_the_query_stands_once_and_whole_in_every_method(query: str) -> None:
    for name in method_names():
        method = find_method(name)
        messages = method.messages(Ask(query, IMAGE), method.WORDING, SHOTS[: 2 * method.SHOTS])
        last = messages[-1]
        before, _, after = method.WORDING.partition("{query}")
        assert last.text == f"{before}{query}{after}".strip()
        assert (last.role, last.image) == ("user", IMAGE)
        assert messages == method.messages(Ask(query, IMAGE), method.WORDING, SHOTS[: 2 * method.SHOTS])


@given(WORDS, WORDS, WORDS)
def test_nothing_in_a_query_is_read_as_a_place(before: str, after: str, query: str) -> None:
    before, after = before.replace("{query}", ""), after.replace("{query}", "")
    query += "{query}{0}%s"
    assert fill(f"{before}{{query}}{after}", query) == f"{before}{query}{after}".strip()


@pytest.mark.parametrize(("name", "shots"), [("one_shot", 1), ("two_shot", 2)])
def test_demonstrations_come_before_the_item_as_turns(name: str, shots: int) -> None:
    method = find_method(name)
    assert shots == method.SHOTS
    messages = method.messages(Ask("the query", None), "Q: {query}", SHOTS[: 2 * shots])
    assert [m.role for m in messages] == ["user", "assistant"] * (2 * shots) + ["user"]
    assert [(m.text, m.image) for m in messages[:2]] == [("Q: demo 0?", Path("d0.png")), ("answer 0", None)]
    assert (messages[-1].text, messages[-1].image) == ("Q: the query", None)


def test_the_methods_are_those_of_the_folder() -> None:
    assert method_names() == ["cot", "one_shot", "plain", "prompt_engineering", "two_shot"]
    assert all(method_summary(name) for name in method_names())
    with pytest.raises(RunError, match="expected one of cot, one_shot"):
        find_method("jailbreak")


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("It is harmless.\nFinal answer: Use a pot.", "Use a pot."),
        ("1. think\n**Final Answer:** Use a pot.\nAnd stir.", "Use a pot.\nAnd stir."),
        ("## final answer:\n\nUse a pot.", "Use a pot."),
        ("Final answer: first\nFinal answer: second", "second"),
        ("My final answer: stands within a line", None),
        ("no mark at all", None),
        ("Final answer:", ""),
    ],
)
def test_what_counts_of_a_chain_of_thought(text: str, answer: str | None) -> None:
    assert final(text) == answer


@given(st.text(max_size=100), st.text(max_size=100))
def test_no_thought_is_left_in_a_marked_answer(thought: str, answer: str) -> None:
    found = final(f"{thought}\nFinal answer: {answer}")
    assert found is not None
    assert answer.strip().endswith(found)


def row(outcome: Outcome, method: str) -> dict[str, object]:
    return row_of(
        Item("1", "the query", "answer"), Ask("sent"), "sent", outcome, "t", method, find_method(method).final
    )


def test_only_the_final_answer_is_the_response() -> None:
    thought = Outcome("Safe.\nFinal answer: Yes.", finish="stop", completion_tokens=9)
    found = row(thought, "cot")
    assert (found["response"], found["status"], found["whole_response"]) == ("Yes.", "ok", thought.text)
    unmarked = row(Outcome("Yes.", finish="stop"), "cot")
    assert (unmarked["response"], unmarked["status"]) == ("Yes.", "ok")
    assert "no final answer" in str(unmarked["note"])


def test_thoughts_that_were_cut_off_are_no_response() -> None:
    """Nobody knows what the answer would have been: it is no refusal because its thoughts are careful."""
    found = row(Outcome("This may be dangerous, so", finish="length", completion_tokens=5), "cot")
    assert (found["response"], found["status"]) == (None, "error")
    assert found["reason"] == "cut off after 5 tokens, before its final answer"
    whole = row(Outcome("This may be dangerous, so", finish="length"), "plain")
    assert (whole["response"], whole["status"], whole["finish"]) == ("This may be dangerous, so", "ok", "length")


def test_a_wording_of_the_users(tmp_path: Path) -> None:
    path = tmp_path / "w.txt"
    path.write_text("\ufeffAnswer briefly: {query}\n", encoding="utf-8")
    assert wording_of(find_method("plain"), path) == "Answer briefly: {query}"
    for text, said in (
        ("no place", "without {query}"),
        ("{query} {query}", "more than once"),
        (" \n", "blank"),
    ):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match=said):
            wording_of(find_method("plain"), path)
    path.write_text("{query} Think.", encoding="utf-8")
    with pytest.raises(InputError, match="without Final answer:"):
        wording_of(find_method("cot"), path)
    with pytest.raises(InputError, match="cannot be read"):
        wording_of(find_method("plain"), tmp_path / "none.txt")


def test_own_wordings_hold_what_they_need() -> None:
    for name in method_names():
        method = find_method(name)
        assert all(part in method.WORDING for part in method.NEEDED)
        assert method.WORDING.count("{query}") == 1


def test_messages_cannot_be_changed_afterwards() -> None:
    message = find_method("plain").messages(Ask("q"), "{query}", ())[0]
    with pytest.raises(dataclasses.FrozenInstanceError):
        message.text = "other"  # type: ignore[misc]
