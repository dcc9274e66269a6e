"""What a row of a condition says: begin, end, stay, or nothing that can be believed."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gemel.core import quality as q

__all__ = ["CLEAR", "HOLD", "RAISE", "UNKNOWN", "levels"]

RAISE: Final = 1
CLEAR: Final = -1
HOLD: Final = 0
UNKNOWN: Final = 2


def levels(when: Any, clear: Any, quality: npt.NDArray[np.int16]) -> npt.NDArray[np.int8]:
    """int8[n] from the results of `when` and `clear` (float64[n], NaN unknown; `clear` may be None)
    and the qualities of the inputs, of shape (n,) or (n, inputs)."""
    begins = when == 1
    if clear is None:
        ends, unknown = when == 0, np.isnan(when)
    else:
        ends = (clear == 1) & ~begins
        unknown = np.isnan(when) | (np.isnan(clear) & ~begins)
    level = np.where(begins, RAISE, np.where(ends, CLEAR, HOLD)).astype(np.int8)
    lost = _lost(quality)
    level[unknown | (lost.any(axis=1) if lost.ndim == 2 else lost)] = UNKNOWN
    return level


def _lost(quality: npt.NDArray[np.int16]) -> npt.NDArray[np.bool_]:
    """Values that are only held because nothing newer comes."""
    lost: npt.NDArray[np.bool_] = (quality == q.STALE) | (quality == q.NO_COMMUNICATION_LAST_USABLE)
    return lost
