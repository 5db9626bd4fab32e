"""`python -m examples.make_tiny`: what `examples/tiny.toml` needs, made on the spot without a network."""

from __future__ import annotations

from pathlib import Path

from examples.tiny_images import draw_images
from examples.tiny_llava import make_tiny_llava

TINY = Path(__file__).resolve().parent / "tiny"


def make_tiny() -> None:
    """Draw the images and write the model; what is there already is written again, the same."""
    count = draw_images(TINY / "benchmark.jsonl")
    model = make_tiny_llava(TINY / "model", ends=True)
    print(f"{count} images in {TINY / 'images'} and a tiny random model in {model}; now: scorer run examples/tiny.toml")


if __name__ == "__main__":
    make_tiny()
