"""Settings from a YAML file of their own, and computed times, as commands tell them."""

from __future__ import annotations

from math import isfinite

from gemel.core.time import DAY, HOUR, MINUTE, SECOND
from gemel.runtime.described import document_of, settings_of

__all__ = ["document_of", "settings_of", "time_text"]


def time_text(nanoseconds: float) -> str:
    """A computed time for people: three digits, in the largest unit of which it has two."""
    if not isfinite(nanoseconds):
        return "never"
    if nanoseconds <= 0:
        return "now"
    for unit, size in (("d", DAY), ("h", HOUR), ("min", MINUTE)):
        if nanoseconds >= 2 * size:
            value = nanoseconds / size
            return f"{value:.3g} {unit}" if value < 1000 else f"{value:.0f} {unit}"
    return f"{nanoseconds / SECOND:.3g} s"
