"""What a serial line would have done with the very parts that it made, had a machine been faster.

The log of a line, how long each part took at each station and how long the station stood still
with it, is luck that has happened. It is played again, for many alternatives at once.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.parts.simulators.flow_line.kernel import LANES, play
from gemel.parts.simulators.flow_line.underway import NOTHING

__all__ = ["replay"]


def replay(work: Values, rest: Values, places: npt.NDArray[np.int64], factors: Values) -> Values:
    """Times at which the parts would have left, float64[s, n], from 0 and an empty line on.

    work     float64[m, n]  seconds of work on each part at each station, in order
    rest     float64[m, n]  seconds of repair and set-up that came with it, which stay as they were
    places   int64[m]       places in front of each station; −1 without a limit
    factors  float64[s, m]  of the times of work, by alternative

    Blocking is after service. Raises `DataError` for times that are none.
    """
    m, n = work.shape
    if rest.shape != (m, n) or places.shape != (m,) or factors.shape[1] != m:
        raise DataError(
            f"work {work.shape}, rest {rest.shape}, places {places.shape} and factors "
            f"{factors.shape} do not fit together"
        )
    if not (np.isfinite(work).all() and np.isfinite(rest).all()) or min(work.min(), rest.min()) < 0:
        raise DataError("times of a log must be known and not negative")
    way = np.array([[*range(1, m), -1]], np.int16)
    feeds = np.concatenate([[0], np.arange(m)]).astype(np.int64)
    none = np.zeros(m + 1, np.int64)
    room = np.minimum(places, n)[:, None]
    left = np.empty((len(factors), n))
    for first in range(0, len(factors), LANES):
        time = np.ascontiguousarray(factors[first : first + LANES].T, np.float64)
        lanes = time.shape[1]
        ones = np.ones((m, lanes))
        departures = np.zeros((n, lanes))
        play(
            n, 0, way, feeds, np.arange(m - 1, dtype=np.int64), np.ascontiguousarray(work),
            np.zeros((m, n)), np.ascontiguousarray(rest), np.zeros((m, 0)), np.zeros(m, np.bool_),
            none, np.zeros(0), np.zeros(0), none, np.zeros(0), np.zeros(0), np.zeros(0),
            np.zeros(m, np.bool_), time, ones, ones, np.tile(room, (1, lanes)),
            np.ones(m, np.bool_), none, none[:0], np.zeros((0, lanes), np.int64),
            np.ones(n, np.bool_), NOTHING.entry, NOTHING.born, NOTHING.hold, NOTHING.at_work,
            True, False, np.zeros((6, lanes)), departures, np.zeros((m, 2, lanes)),
            np.zeros((m, 2), np.int64), ones.copy(), ones.copy(),
        )  # fmt: skip
        left[first : first + lanes] = departures.T
    return left
