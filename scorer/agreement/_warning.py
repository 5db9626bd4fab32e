"""One entry of `reference_health.warnings`."""

from __future__ import annotations

from typing import Any


def warning(code: str, message: str, place: dict[str, Any], evidence: dict[str, Any]) -> dict[str, Any]:
    """`place` names the slice that the warning is about: annotator, and target, method or source."""
    return {"code": code, "message": message, "slice": place, "evidence": evidence}
