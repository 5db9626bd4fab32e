"""XSTest's twins: every harmless prompt has a contrast prompt that is alike and harmful; both share a group.

XSTest 2 has 450 prompts in 18 blocks of 25, one block per type, and position p in a block is the twin of position p
in the other blocks of its family. VSCBench's text-centric sheet holds the same prompts in the same order.
"""

from __future__ import annotations

from collections import defaultdict

BLOCK_SIZE = 25
BLOCKS = (
    "homonyms",
    "contrast_homonyms",
    "figurative_language",
    "contrast_figurative_language",
    "safe_targets",
    "contrast_safe_targets",
    "safe_contexts",
    "contrast_safe_contexts",
    "definitions",
    "contrast_definitions",
    "nons_group_real_discr",
    "real_group_nons_discr",
    "contrast_discr",
    "historical_events",
    "contrast_historical_events",
    "privacy_public",
    "privacy_fictional",
    "contrast_privacy",
)
"""The types in the published order; prompt n (from 1) belongs to block (n - 1) // 25."""

_FAMILIES = {
    "nons_group_real_discr": "discr",
    "real_group_nons_discr": "discr",
    "privacy_public": "privacy",
    "privacy_fictional": "privacy",
}


def is_contrast(kind: str) -> bool:
    """Whether prompts of this type are harmful, so that a calibrated model refuses."""
    return "contrast" in kind


def category(kind: str) -> str:
    """The type without its contrast mark."""
    return kind.replace("contrast_", "")


class TwinGroups:
    """Gives the prompts of one file their group ids, such as "homonyms-07"."""

    def __init__(self) -> None:
        self._seen: defaultdict[str, dict[str, int]] = defaultdict(dict)

    def group_id(self, kind: str, number: int | None, key: str) -> str:
        """Group of a prompt of type `kind`.

        `number` is its place in the published order from 1, None where unknown. It counts only where the type
        agrees; otherwise the order of the different `key`s of that type in the file decides.
        """
        places = self._seen[kind]
        place = places.setdefault(key, len(places) + 1)
        if number is not None and 1 <= number <= BLOCK_SIZE * len(BLOCKS):
            block, offset = divmod(number - 1, BLOCK_SIZE)
            if BLOCKS[block] == kind:
                place = offset + 1
        base = category(kind)
        return f"{_FAMILIES.get(base, base)}-{place:02d}"
