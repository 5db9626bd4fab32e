"""How far a run's judges agree with reference labels, and whether those labels can be believed.

agree.py          the order of it all: run folder + reference files -> agreement.json, agreement.html
document.py       what agreement.json holds
cases.py          judges and annotators as arrays over the responses
measures.py       agreement of two raters, everywhere and per slice
movement.py       how far SRAs and SRAu move
contests.py       which judge is better; calibration
disagreements.py  the responses on which they disagree
health.py         what is wrong with the labels; _misaligned.py and _alignment.py look for shuffled ones
"""

from __future__ import annotations

from scorer.agreement.agree import Agreed, AgreeOptions, agree

__all__ = ["AgreeOptions", "Agreed", "agree"]
