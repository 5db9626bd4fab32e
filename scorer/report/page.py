"""Templates, escaping, content security policy and writing: what every HTML report shares."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from scorer.errors import StorageError
from scorer.report import words

_TEMPLATES = Path(__file__).parent / "templates"
# `<` ends a script element, `&` and the two separators trip older parsers; inside JSON strings all have escapes.
_JSON_ESCAPES = str.maketrans({c: f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"})
# Control characters are shown as their pictures: in HTML a NUL is an error and the others are invisible.
_CONTROLS = str.maketrans({c: 0x2400 + c for c in range(0x20) if c not in (9, 10, 13)} | {0x7F: 0x2421})


def render_page(
    template: str,
    context: Mapping[str, object],
    *,
    styles: Sequence[str],
    scripts: Sequence[str],
    data: Mapping[str, object],
) -> str:
    """One self-contained page: stylesheets and scripts (files of the templates folder) and data go into it.

    The policy in its head lets run exactly these stylesheets and scripts, and lets nothing be fetched. `data` maps
    the id of a script element to what it holds as JSON.
    """
    css = Markup("\n".join(_asset(name) for name in styles))
    js = [Markup(_asset(name)) for name in scripts]
    policy = (
        f"default-src 'none'; style-src {_hashed(css)}; script-src {' '.join(_hashed(text) for text in js)}; "
        "base-uri 'none'; form-action 'none'"
    )
    return (
        _environment()
        .get_template(template)
        .render(context, policy=policy, css=css, scripts=js, data={k: embedded_json(v) for k, v in data.items()})
    )


def embedded_json(value: object) -> Markup:
    """JSON that is safe inside a script element and equal to the input when parsed."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Markup(text.translate(_JSON_ESCAPES))


def write_atomically(path: Path, text: str) -> None:
    """Write through a temporary file in the same folder, so that a reader never sees half a page."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            # A lone surrogate (possible in JSON, not in UTF-8) becomes a question mark.
            file.write(text.encode("utf-8", errors="replace"))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise StorageError(
            f"{path}: cannot be written ({error.strerror or error}); free space or choose another folder."
        ) from error


@cache
def _asset(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _hashed(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def _visible(value: object) -> object:
    return value.translate(_CONTROLS) if isinstance(value, str) and not isinstance(value, Markup) else value


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )
    environment.filters.update(
        percent=words.percent,
        number=words.number,
        interval=words.interval,
        with_interval=words.with_interval,
        count=words.count,
        metric_name=words.metric_name,
        plain=words.plain,
    )
    environment.globals["metric_words"] = words.METRIC_WORDS
    return environment
