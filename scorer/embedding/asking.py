"""Whether a query asks what an image shows: then a description answers it, else a description misses the point."""

from __future__ import annotations

import re

_SHOWN = (
    r"(?:images?|pictures?|photos?|photographs?|scenes?|screenshots?|drawings?|paintings?|artworks?|posters?|memes?|"
    r"pics?)"
)
_ASKS = re.compile(
    "|".join(
        (
            r"\b(?:describe|describing|description of|caption|summari[sz]e|identify|list|name|depict)\b.{0,40}\b"
            rf"(?:{_SHOWN}|foreground|background|what you see|what(?:'s| is| are)|person|people|man|woman|objects?|"
            r"here|this|it)\b",
            r"^\W*(?:caption|describe)\b.{0,12}$",
            r"\bwrite (?:me )?an? (?:\w+ ){0,3}(?:caption|description|alt[ -]text)|\balt[ -]text\b",
            r"\btell me (?:what|who)(?:'s| is| are| you see)\b",
            rf"\btell me (?:\w+ )?about (?:the|this) {_SHOWN}",
            r"\bwhat (?:do|can|could) (?:you|we|i) (?:see|tell me about|notice|spot|make out)\b",
            rf"\bwhat(?:'s| is| are| does| do|\b).{{0,45}}\b(?:{_SHOWN}|happening|going on|visible|depict(?:ed|s)?|"
            r"doing|wearing|stands? out|taking place)\b",
            rf"\b(?:who|how many|which|where)\b.{{0,20}}\b(?:in|on) (?:the|this) {_SHOWN}",
            rf"\b(?:is|are|does) (?:there|the|this).{{0,40}}\b{_SHOWN}",
            rf"\bexplain .{{0,45}}\b{_SHOWN}",
            r"beschreib|\bwas (?:ist|sieht|siehst|passiert|zeigt|macht)\b",
            r"décri|qu'est-ce que|que (?:montre|voit|vois|font|se passe)",
            r"descri[bp]|qué (?:se ve|hay|muestra|ves|está)",
            r"描述|图片里|图中|图里|照片里|画面|看到什么",
        )
    )
)
_ASKS_FOR_MORE = re.compile(
    r"\b(?:how (?:do|can|to|should|could|would|does|is|much|long)|guide|tutorial|steps?|instructions?|walk me through|"
    r"why|argu\w+|support\w*|justif\w+|defend\w*|promot\w+|should|process|extract|make|buy|sell|use|usage|get|dosage|"
    r"price|cost|work best|teach|convince|persuade|encourage|recipe|story|poem|letter|speech|joke|script|advice|"
    r"recommend\w*|significance|mean\w*|symboli\w+|ideology|legal|allowed|safe|permitted)\b|怎么"
)
"""What is wanted beside or instead of a description: a method, a reason, a text, an opinion."""


def asks_description(query: str) -> bool:
    """True where the query asks what an image shows, and for nothing more. English above all."""
    text = query.lower().replace("’", "'")
    return _ASKS.search(text) is not None and _ASKS_FOR_MORE.search(text) is None
