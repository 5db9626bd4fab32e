"""The query as it is."""

from __future__ import annotations

from scorer.generation.methods._turns import single_turn, whole
from scorer.generation.prompts import QUERY

WORDING = QUERY
NEEDED = (QUERY,)
SHOTS = 0

messages = single_turn
final = whole
