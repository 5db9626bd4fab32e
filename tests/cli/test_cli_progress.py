"""The rate of a generation, by a clock of our own."""

from __future__ import annotations

from scorer.cli._progress import GenerationBar, TokenRate


def test_the_rate_counts_from_the_first_answer_on() -> None:
    """100 s of start count for nothing; then 30 + 50 tokens in 2 + 2 s are 20 a second."""
    now = 0.0
    rate = TokenRate(lambda: now)
    now = 100.0
    rate.add(7)
    assert (rate.value, str(rate)) == (None, "")
    now = 102.0
    rate.add(30)
    now = 104.0
    rate.add(50)
    assert (rate.value, str(rate)) == (20, "20 tokens/s")


def test_a_bar_can_be_used_for_several_methods_in_turn(capfd) -> None:
    bar = GenerationBar()
    for method in ("plain [/red]", "cot"):
        bar.start(f"asking t ({method})", 2)
        bar.advance(1, 5)
        bar.advance(1, 5)
        bar.finish()
    shown = capfd.readouterr().err
    assert "asking t (plain [/red])" in shown
    assert "asking t (cot)" in shown
    assert "2/2" in shown
