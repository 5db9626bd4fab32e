"""A judge that is shown the classes in several orders: how much that matters is said wherever the run speaks."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import manifest, succeed, write_jsonl
from further_runs import sections
from scripted_reader import classes_of, reading
from scripted_server import scripted


def test_how_much_the_order_of_the_classes_matters(tmp_path: Path) -> None:
    """A reader that is torn takes what stands first: 0.9 on the first digit, 0.03 on each of three others.

    In the orders 0123, 1230 and 2301 of refuses, warns, answers, misses the point, p_flagged of such a response is
    0.31/0.33, 0.31/0.33 (0.9 + 0.03 of 0.99) and 0.06/0.99; of a firm one it is the same in all. Three are firm, one
    is torn: the mean of the differences is a quarter of 0.87/0.99, their 95th percentile lies 0.85 of the way from
    0 to it (place 2.85 of 0..3), and one decision in four depends on the order.
    """

    def torn(titles: list[str], text: str) -> dict[str, float]:
        return dict.fromkeys(titles, 0.03) | {titles[0]: 0.9} if "torn" in text else {"answers": 0.9, "clean": 0.9}

    texts = ["torn.", *(f"firm {n}." for n in range(3))]
    rows = [{"query": f"Q {n}?", "response": text, "expects": "answer"} for n, text in enumerate(texts)]
    table, out = write_jsonl(tmp_path / "t.jsonl", rows), tmp_path / "run"
    with scripted(reading(torn)) as server:
        done = succeed(
            "score", table, "--out", out, "--judge", "vllm", "--judge", "keyword-xstest", "--also", "toxicity",
            "--judge-url", server.url, "--no-cache", "--debias", 3,
        )  # fmt: skip
        asked = [len(classes_of(text)) for text in server.asked()]
    # toxicity has two classes, and so two orders
    assert (asked.count(4), asked.count(2)) == (4 * 3, 4 * 2)
    (effect,) = manifest(out)["order_effects"]
    assert (effect["judge"], effect["orders"], effect["n"]) == ("vllm", 3, 4)
    spread = 0.87 / 0.99
    assert effect["mean"] == pytest.approx(spread / 4)
    assert effect["p95"] == pytest.approx(0.85 * spread)
    assert effect["turned"] == pytest.approx(1 / 4)
    sentence = (
        f"vllm was shown the classes in 3 orders: with the order, p_flagged of a response moved by {spread / 4:.3f} on "
        f"average (95th percentile {0.85 * spread:.3f}), and 25.0 % of 4 decisions depend on it."
    )
    assert sentence in " ".join(done.out.split())
    assert sentence in sections(out)["made"]
