"""What it costs a search to leave what is allowed: deadlines, and limits of the parts."""

from __future__ import annotations

import numpy as np

from gemel.core.frame import Values
from gemel.parts.solvers.scheduling._plans.sheet import Sheet

__all__ = ["walls"]


def walls(sheet: Sheet, value: float) -> Values:
    """float64[7]: of one unit above each limit ten times the value for as much again as is
    allowed; of a tick after a deadline 1,000 ticks of all that counts."""
    found = np.zeros(7)
    limited = np.isfinite(sheet.most)
    found[:6][limited] = 10 * max(1.0, abs(value)) / np.maximum(1.0, sheet.most[limited])
    found[6] = 1e3 * max(float(sheet.weights[:3].sum()), 1e-3 * max(1.0, abs(value)))
    return found
