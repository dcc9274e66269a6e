"""What the past of one unit says: means and spread of its last rows, and how far it has come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numba import njit

from gemel.core.errors import DataError
from gemel.core.frame import Values

__all__ = ["Past", "Windows"]

_VERSION: Final = 1
_EACH: Final = 5
"""Numbers that each signal gives."""


@dataclass(frozen=True, slots=True)
class Windows:
    """How far back is looked, in rows.

    short, long  of the moving means; the spread is that of the long one
    first        rows that say how a unit was when it was new
    """

    short: int
    long: int
    first: int

    def width(self, signals: int) -> int:
        """Columns that `Past` makes of so many signals."""
        return _EACH * signals


class Past:
    """Of one unit, running: rows in, of each the numbers that stand on it and those before it.

    For each signal: mean of the last `short` rows, mean and standard deviation of the last `long`,
    an exponentially weighted mean that reaches as far as the short one doubled, and the short mean
    less the mean of the `first` rows of the unit. Unknown values are left out; a number without a
    known value is unknown.
    """

    def __init__(self, windows: Windows, signals: int, state: dict[str, Any] | None = None) -> None:
        self._windows = windows
        self._ring = np.full((windows.long, signals), np.nan)
        self._slow = np.full(signals, np.nan)
        self._new = np.zeros((2, signals))  # sum and count of the first rows
        self._rows = 0
        if state is not None:
            self._take(state)

    def __call__(self, rows: Values) -> Values:
        """float64[n, 5 m] of standardised rows, float64[n, m]."""
        out = np.empty((len(rows), self._windows.width(rows.shape[1])))
        w = self._windows
        self._rows = _look(
            np.ascontiguousarray(rows), self._rows, w.short, w.first, 2 / (2 * w.short + 1),
            self._ring, self._slow, self._new, out,
        )  # fmt: skip
        return out

    def state(self) -> dict[str, Any]:
        """JSON-able: NaN is None."""
        return {
            "version": _VERSION,
            "rows": self._rows,
            "ring": _plain(self._ring),
            "slow": _plain(self._slow),
            "new": self._new.tolist(),
        }

    def _take(self, state: dict[str, Any]) -> None:
        if state.get("version") != _VERSION:
            raise DataError(f"the state has version {state.get('version')}, expected {_VERSION}")
        try:
            ring, slow = _numbers(state["ring"]), _numbers(state["slow"])
            new, rows = np.array(state["new"], np.float64), int(state["rows"])
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"not the state of a unit: {error}") from None
        mine = (self._ring.shape, self._slow.shape, self._new.shape)
        if (ring.shape, slow.shape, new.shape) != mine or rows < 0:
            raise DataError("the state is of a model with other signals or windows")
        self._ring, self._slow, self._new, self._rows = ring, slow, new, rows


def _plain(values: Values) -> Any:
    plain = values.astype(object)
    plain[np.isnan(values)] = None
    return plain.tolist()


def _numbers(values: Any) -> Values:
    return np.array(values, dtype=np.float64)  # None becomes NaN


@njit(nogil=True, cache=True)
def _look(
    rows: Any, seen: int, short: int, first: int, weight: float, ring: Any, slow: Any, new: Any,
    out: Any,
) -> int:  # fmt: skip
    long = len(ring)
    for row in range(len(rows)):
        place = seen % long
        for j in range(rows.shape[1]):
            x = rows[row, j]
            ring[place, j] = x
            if not np.isnan(x):
                slow[j] = x if np.isnan(slow[j]) else slow[j] + weight * (x - slow[j])
                if seen < first:
                    new[0, j] += x
                    new[1, j] += 1
            near, near_count, far, far_count = 0.0, 0, 0.0, 0
            for back in range(min(seen + 1, long)):
                x = ring[(place - back) % long, j]
                if not np.isnan(x):
                    far += x
                    far_count += 1
                    if back < short:
                        near += x
                        near_count += 1
            near = near / near_count if near_count else np.nan
            far = far / far_count if far_count else np.nan
            spread = 0.0
            for back in range(min(seen + 1, long)):
                x = ring[(place - back) % long, j]
                if not np.isnan(x):
                    spread += (x - far) ** 2
            at = 5 * j
            out[row, at] = near
            out[row, at + 1] = far
            out[row, at + 2] = np.sqrt(spread / far_count) if far_count > 1 else np.nan
            out[row, at + 3] = slow[j]
            out[row, at + 4] = near - new[0, j] / new[1, j] if new[1, j] else np.nan
        seen += 1
    return seen
