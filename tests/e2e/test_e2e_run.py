"""examples/tiny.toml from a copy of a checkout: images, model, run, report; and the same config for other paths."""

from __future__ import annotations

import shutil
from pathlib import Path

from command_line import ROOT, run, succeed
from mini_benchmark import make_mini, read_rows

from examples.tiny_images import draw_images
from examples.tiny_llava import make_tiny_llava


def test_the_example_goes_from_images_to_report(tmp_path: Path) -> None:
    examples = tmp_path / "examples"
    (examples / "tiny").mkdir(parents=True)
    shutil.copy(ROOT / "examples" / "tiny.toml", examples)
    table = Path(shutil.copy(ROOT / "examples" / "tiny" / "benchmark.jsonl", examples / "tiny"))
    refused = run("run", examples / "tiny.toml")
    assert refused.code == 2
    assert "model, which is not there" in refused.sentence
    assert draw_images(table) == 12
    make_tiny_llava(examples / "tiny" / "model", ends=True)

    done = succeed("run", examples / "tiny.toml", cwd=tmp_path)
    out = tmp_path / "runs" / "tiny"
    assert f"overview: {out / 'index.html'}" in done.out
    for method in ("plain", "cot"):
        rows = read_rows(out / "responses" / f"my-model-{method}.jsonl")
        assert [row["status"] for row in rows] == ["ok"] * 12
    assert (out / "run" / "report.html").is_file()
    assert (out / "comparisons" / "my-model-cot" / "comparison.html").is_file()

    make_mini(tmp_path / "VSCBench")
    shutil.copytree(examples / "tiny" / "model", tmp_path / "llava-1.5-7b-hf")
    text = (examples / "tiny.toml").read_text("utf-8")
    for old, new in (
        ('"tiny/benchmark.jsonl"', '"../VSCBench"'),
        ('"tiny/model"', '"../llava-1.5-7b-hf"'),
        ('"../runs/tiny"', '"../runs/gpu"'),
    ):
        assert text.count(old) == 1
        text = text.replace(old, new)
    (examples / "gpu.toml").write_text(text, encoding="utf-8")
    planned = succeed("run", examples / "gpu.toml", "--dry-run", "--rate", "2000")
    assert "generate my-model cot" in planned.out
    assert not (tmp_path / "runs" / "gpu").exists()
