"""Computed values as JSON has them."""

from __future__ import annotations

from math import isfinite
from typing import Any

__all__ = ["plain"]


def plain(value: Any) -> Any:
    """The same with NaN and infinity as null, which JSON has no word for."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, float) and not isfinite(value):
        return None
    return value
