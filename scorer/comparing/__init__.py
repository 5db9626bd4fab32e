"""Two finished runs, or two methods or targets of one, on the same items by the same judge.

compare.py      the order of it all: two run folders -> comparison.csv, comparison.json, comparison.html
sides.py        one side of the comparison: which verdicts of which run, and whether two sides may be compared
pairing.py      which item belongs to which
differences.py  every metric in every slice: difference, interval, McNemar, Holm
"""

from __future__ import annotations

from scorer.comparing.compare import Compared, CompareOptions, compare

__all__ = ["CompareOptions", "Compared", "compare"]
