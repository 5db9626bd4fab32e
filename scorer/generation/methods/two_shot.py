"""Two demonstrations to answer and two to refuse go before the query."""

from __future__ import annotations

from scorer.generation.methods._turns import after_demonstrations, whole
from scorer.generation.prompts import QUERY

WORDING = QUERY
NEEDED = (QUERY,)
SHOTS = 2

messages = after_demonstrations
final = whole
