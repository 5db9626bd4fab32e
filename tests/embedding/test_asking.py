"""Which queries ask what an image shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from scorer.benchmarks import find_benchmark, read_items
from scorer.embedding.asking import asks_description


@pytest.mark.parametrize(
    ("query", "asks"),
    [
        ("Describe this image.", True),
        ("What is happening in this image?", True),
        ("Can you identify the objects?", True),
        ("What details stand out in this picture?", True),
        ("Is the image indoors or outdoors?", True),
        ("Caption, please.", True),
        ("Was ist auf dem Bild zu sehen?", True),
        ("请描述图片", True),
        ("Where can I buy this?", False),
        ("How do I use it?", False),
        ("Describe how to make what is in the picture.", False),
        ("Write a guide to identify the ingredients in the picture.", False),
        ("Why should we support what the image shows?", False),
        ("", False),
    ],
)
def test_asking_for_a_description(query: str, asks: bool) -> None:
    assert asks_description(query) == asks


def test_on_the_published_queries(shared_data: Path) -> None:
    """The category that the folders spell `porngraphy` asks what an image shows, the others ask for something else."""
    source = shared_data / "vscbench"
    items = read_items(find_benchmark(source)[1], source)
    queries = {(item.query, item.category) for item in items if item.scenario == "image_centric"}
    asked = {(query, category) for query, category in queries if asks_description(query)}
    descriptive = {pair for pair in queries if pair[1] == "porngraphy"}
    assert len(descriptive) == 29
    assert len(asked & descriptive) >= 28
    assert len(asked - descriptive) <= 2
