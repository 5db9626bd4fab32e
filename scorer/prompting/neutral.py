"""Texts made harmless for a judge: nothing in them can act as a chat-template token or as one of our own marks.

Only what could act is changed, and it stays legible: a blank breaks a token up, invisible characters go.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

# zero-width, bidirectional, tag and other invisible format characters, and control characters but tab and newline
_INVISIBLE = re.compile(
    "[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u034f\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f"
    "\ufeff\ufff9-\ufffb\U000e0000-\U000e01ef]"
)
# <|name|> and its look-alikes with full-width signs; <s>, </s>, <start_of_turn>; [INST]; <<SYS>>
_TEMPLATE_TOKEN = re.compile(
    r"(?P<open>[<＜‹〈⟨])(?P<rest>\s*[|｜∣¦][^<>\n]{0,60}?[|｜∣¦]\s*[>＞›〉⟩])"
    r"|(?P<tag>[<＜‹〈⟨])(?P<name>/?(?:s|bos|eos|pad|unk|mask|sep|cls|think|image|(?:start|end)_of_\w+)[>＞›〉⟩])"
    r"|(?P<bracket>\[)(?P<word>/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|IMG)\])"
    r"|(?P<double><<)(?P<sys>/?SYS>>)",
    re.IGNORECASE,
)
# our own tags with whatever mark, opening or closing
_MARK = re.compile(r"([<＜‹〈⟨])(\s*/?\s*(?:request|response)\s*[-‐‑–—_=: ]*\s*\w*\s*[>＞›〉⟩])", re.IGNORECASE)


def neutralise(text: str, special_tokens: Iterable[str] = ()) -> str:
    """The text with every special token, template token and look-alike of our marks broken up by a blank.

    `special_tokens` are those of the judge's own tokenizer; what template tokens usually look like is known anyway.
    """
    text = _INVISIBLE.sub("", text.replace("\r\n", "\n"))
    for token in sorted((t for t in special_tokens if len(t) > 1), key=len, reverse=True):
        text = text.replace(token, f"{token[0]} {token[1:]}")
    text = _TEMPLATE_TOKEN.sub(_broken, text)
    return _MARK.sub(r"\1 \2", text)


def _broken(match: re.Match[str]) -> str:
    first, rest = (part for part in match.groups() if part is not None)
    return f"{first} {rest}"


def mark_for(*texts: str) -> str:
    """12 hexadecimal digits that stand in none of the texts and that a text cannot foresee.

    They are cut from the SHA-256 of the texts: the same material has the same prompt in every run, and a text that
    held its own mark would be a fixed point of the hash.
    """
    digest = hashlib.sha256("\x00".join(texts).encode("utf-8", "surrogatepass"))
    while any(digest.hexdigest()[:12] in text for text in texts):
        digest.update(b"again")
    return digest.hexdigest()[:12]


def marked(parts: Iterable[tuple[str, str]], mark: str) -> str:
    """(tag, text) pairs, each between an opening and a closing tag that carries the mark."""
    return "\n\n".join(f"<{tag}-{mark}>\n{text}\n</{tag}-{mark}>" for tag, text in parts)
