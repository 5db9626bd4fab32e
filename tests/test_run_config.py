"""Configs of `scorer run`: what is read from them, and the one sentence for each mistake."""

from __future__ import annotations

from pathlib import Path

import pytest
from run_world import make_benchmark, write_config

from scorer.errors import ScorerError
from scorer.run_config import read_config

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "tiny.toml"
GOOD = """
benchmark = "mini"
out = "out"
methods = ["plain", "one_shot"]
channels = ["image"]
demonstrations = "demos.jsonl"
max_new_tokens = 77
allow_missing = true
seed = 3
figstep_prompt = "figstep.txt"

[wordings]
plain = "plain.txt"

[[targets]]
path = "model"
backend = "transformers"
batch = 2

[[targets]]
url = "http://127.0.0.1:8000/v1"
name = "org/served model"
vllm_args = ["--max-model-len", "4096"]

[render]
photos = "photos"
figstep_size = 512

[judge]
names = ["embedding", "vllm"]
rubric = "xstest"
model = "judge"
debias = 2
vllm_args = ["--enforce-eager"]

[reference]
files = ["labels.jsonl"]
annotator = "people"
estimator = "rogan-gladen"
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with all that GOOD names."""
    make_benchmark(tmp_path)
    for name in ("mini", "model", "judge", "photos"):
        (tmp_path / name).mkdir()
    for name in ("demos.jsonl", "labels.jsonl", "figstep.txt", "plain.txt"):
        (tmp_path / name).touch()
    return tmp_path


def write(place: Path, text: str) -> Path:
    path = place / "run.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_everything_is_read_and_paths_start_from_the_configs_folder(
    place: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    config = read_config(write(place, GOOD))
    first, second = config.targets
    assert (first.name, first.slug, first.options.batch) == ("model", "model", 2)
    assert first.options.folder == place / "model"
    assert (second.slug, second.options.url) == ("org_served_model", "http://127.0.0.1:8000/v1")
    assert second.options.vllm_args == ("--max-model-len", "4096")
    asked = config.generation(second, "one_shot")
    assert asked.out == place / "out" / "responses" / "org_served_model-one_shot.jsonl"
    assert (asked.benchmark, asked.demonstrations) == (place / "mini", place / "demos.jsonl")
    assert (asked.max_new_tokens, asked.channels, asked.allow_missing, asked.wording) == (77, ("image",), True, None)
    plain = config.generation(first, "plain")
    assert (plain.wording, plain.demonstrations) == (place / "plain.txt", None)
    assert plain.figstep_prompt == place / "figstep.txt"
    assert config.drawing is not None
    assert (config.drawing.photos, config.drawing.figstep_size) == (place / "photos", 512)
    score = config.score
    assert (score.out, score.judges, score.rubric, score.seed) == (
        place / "out" / "run",
        ("embedding", "vllm"),
        "xstest",
        3,
    )
    assert (score.server.model, score.server.args) == (place / "judge", ("--enforce-eager",))
    assert score.judge_options.debias == 2
    assert (score.correction.annotator, score.correction.leading) == ("people", "rogan-gladen")
    assert config.references == (place / "labels.jsonl",)


def test_what_is_left_out_has_a_default(tmp_path: Path) -> None:
    make_benchmark(tmp_path)
    (tmp_path / "m").mkdir()
    config = read_config(write(tmp_path, 'benchmark = "benchmark.jsonl"\nout = "o"\n[[targets]]\npath = "m"\n'))
    assert (config.methods, config.max_new_tokens, config.score.judges) == (("plain",), 4096, ("embedding",))
    assert (config.score.rubric, config.targets[0].options.backend) == ("vscbench", "vllm")
    assert (config.drawing, config.references, config.channels) == (None, (), ())


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("max_new_tokens = 77", "max_new_token = 77", r"unknown key `max_new_token`.*nearest max_new_tokens"),
        ("batch = 2", "bach = 2", r"unknown key `bach` in \[targets\].*nearest batch"),
        ("debias = 2", "debais = 2", r"unknown key `debais` in \[judge\].*nearest debias"),
        ("annotator =", "anotator =", r"unknown key `anotator` in \[reference\].*nearest annotator"),
        ("photos =", "fotos =", r"unknown key `fotos` in \[render\].*nearest photos"),
        ("benchmark =", "benchmrk =", r"no `benchmark`.*correct benchmrk"),
        ('out = "out"\n', "", r"no `out`"),
        ('"mini"', '"nowhere"', r"nowhere, which is not there, for `benchmark`"),
        ('"mini"', '"benchmark.jsonl"', r"a benchmark that is a table \(benchmark.jsonl\) for `render`"),
        ('path = "model"', 'path = "no-model"', r"no-model, which is not there, for `path` in \[targets\]"),
        ('path = "model"\n', 'path = "model"\nurl = "http://x/v1"\n', "both path and url"),
        ('path = "model"\n', "", "neither path nor url"),
        ('name = "org/served model"\n', "", r"no `name` in \[targets\]"),
        ("http://127", "ftp://127", "http://"),
        ('name = "org/served model"', 'name = "model"', "two targets called model"),
        ('name = "org/served model"', 'name = "/"', "a name with letters"),
        ('backend = "transformers"', 'backend = "transformer"', "'transformer'.*nearest is transformers"),
        ('"one_shot"', '"two_shots"', r"'two_shots' for `methods`.*nearest is two_shot"),
        ('"one_shot"', '"plain"', "one of them twice"),
        ('["plain", "one_shot"]', '"plain"', "a list of texts"),
        ('["image"]', "[1]", "a list of texts"),
        ('demonstrations = "demos.jsonl"\n', "", "no `demonstrations`.*one_shot"),
        ('"plain", "one_shot"', '"plain"', "none of the methods uses"),
        ('plain = "plain.txt"', 'cot = "plain.txt"', "cot, which is not among the methods"),
        ('plain = "plain.txt"', 'plan = "plain.txt"', "'plan'.*nearest is plain"),
        ("= 77", '= "77"', "a whole number"),
        ("= 77", "= true", "true for `max_new_tokens`"),
        ("= 77", "= 0", "at least 1"),
        ("allow_missing = true", 'allow_missing = "yes"', "true or false"),
        ("= 512", "= 500", "760 or 512"),
        ('"embedding", "vllm"', '"embeding"', "'embeding'.*nearest is embedding"),
        ('model = "judge"\n', "", r"no `model` in \[judge\]"),
        ('model = "judge"\n', 'model = "judge"\nurl = "http://127.0.0.1:1/v1"\n', "both model and url"),
        ('"xstest"', '"xtest"', "got rubric 'xtest'"),
        ('"rogan-gladen"', '"rogan"', "'rogan'"),
        ('files = ["labels.jsonl"]\n', "", r"no `files` in \[reference\]"),
        ("[wordings]", "[wordings", "no valid TOML"),
        ('"mini"', '"~nobody-of-this-name/b.jsonl"', r"no path here .*for `benchmark`"),
        ('"mini"', f'"{"b" * 300}"', r"'b{60}', which is no path here \(File name too long\), for `bench"),
        ('out = "out"', f'out = "{"o" * 300}"', r"no path here \(File name too long\), for `out`"),
        ('out = "out"', 'out = "o\\u0000"', r"no path here \(a NUL in it\), for `out`"),
        ("[[targets]]", "[targets]", "TOML|tables"),
    ],
)
def test_a_mistake_is_one_clear_sentence(place: Path, old: str, new: str, said: str) -> None:
    read_config(write(place, GOOD))
    assert old in GOOD
    text = GOOD.replace(old, new)
    with pytest.raises(ScorerError, match=said) as error:
        read_config(write(place, text))
    sentence = str(error.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_no_file_and_no_target_are_said(tmp_path: Path) -> None:
    make_benchmark(tmp_path)
    with pytest.raises(ScorerError, match="No such file"):
        read_config(tmp_path / "none.toml")
    with pytest.raises(ScorerError, match=r"no `\[\[targets\]\]`"):
        read_config(write(tmp_path, 'benchmark = "benchmark.jsonl"\nout = "o"\n'))


def test_an_output_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    make_benchmark(tmp_path)
    (tmp_path / "out").touch()
    with pytest.raises(ScorerError, match="got a file; expected a folder"):
        read_config(write_config(tmp_path, tmp_path))


def test_the_example_is_right_but_for_what_is_made_on_the_spot(tmp_path: Path) -> None:
    path = tmp_path / "examples" / "tiny.toml"
    (path.parent / "tiny" / "model").mkdir(parents=True)
    path.write_text(EXAMPLE.read_text("utf-8"), encoding="utf-8")
    table = EXAMPLE.parent / "tiny" / "benchmark.jsonl"
    (path.parent / "tiny" / "benchmark.jsonl").write_bytes(table.read_bytes())
    config = read_config(path)
    assert config.out == tmp_path / "runs" / "tiny"
    assert config.methods == ("plain", "cot")
