"""A line while it is played: what stands where, moment after moment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gemel.core.frame import Values

__all__ = ["Film"]


@dataclass(frozen=True, slots=True)
class Film:
    """One replication, seen at k moments.

    stations  m names
    times     float64[k], s, the first of them 0
    waiting   int64[k, m]       parts that wait in front of a station
    states    float64[k, m, 6]  shares of the time since the moment before, in the order of
              `STATES`; of the first moment those of the time up to the second
    left      int64[k]          parts that have left the line by then
    """

    stations: tuple[str, ...]
    times: Values
    waiting: npt.NDArray[np.int64]
    states: Values
    left: npt.NDArray[np.int64]
