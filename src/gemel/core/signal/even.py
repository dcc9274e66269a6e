"""From samples with their times to waveforms: evenly spaced, with the speed of the shaft beside."""

from __future__ import annotations

from typing import Final

import numpy as np

from gemel.core.errors import DataError
from gemel.core.frame import Times, Values

__all__ = ["evened", "held"]

_CLOCK: Final = 0.01
"""Share by which the clock of a source may be wrong: more is another rate, or a gap."""
_MISSING: Final = 0.05
"""Share of samples that may be missing: what is put in their places is a guess."""


def evened(time: Times, value: Values, rate: float, length: float) -> tuple[Values, int]:
    """The samples at even distances, and how many of them are missing.

    time    int64[n]    ns, never falling; of samples at one time the last one counts
    value   float64[n]
    rate    samples per second that are expected, within 1 %: clocks differ
    length  seconds that the stretch lasts

    Samples keep their values and are counted, not shifted: times that jitter by less than a quarter
    of their distance do no harm. Missing ones lie on a line between their neighbours. Raises
    `DataError` where more than 5 % are missing, or where they come at another rate.
    """
    wanted = length * rate
    last = np.flatnonzero(np.diff(time, append=time[-1:] + 1))
    time, value = time[last], value[last]
    if len(time) < max((1 - _MISSING) * wanted, 2):
        raise DataError(f"{len(time)} samples in {length:g} s, {wanted:g} are expected")
    apart = np.diff(time)
    steps = np.rint(apart / np.median(apart))
    step = float(time[-1] - time[0]) / max(float(steps.sum()), 1.0)
    if abs(1e9 / step / rate - 1) > _CLOCK:
        raise DataError(f"samples come at {1e9 / step:g} Hz, {rate:g} Hz are expected")
    place = np.rint((time - time[0]) / step).astype(np.int64)
    if place[-1] + 1 > (1 + 2 * _CLOCK) * wanted + 1:
        raise DataError(f"{place[-1] + 1} samples in {length:g} s, {wanted:g} are expected")
    if (np.diff(place) == 0).any():
        raise DataError("samples do not come at even distances")
    found = np.interp(np.arange(place[-1] + 1), place, value)
    # At both ends together a window may hold a sample less than its length by its own clock.
    ends = max(int(length * 1e9 / step - len(found)) - 1, 0)
    return np.asarray(found), len(found) - len(place) + ends


def held(time: Times, value: Values, at: Times, hold: int) -> Values:
    """A slow signal at the times of a fast one, float64[len(at)]: on a line between two samples no
    more than `hold` ns apart, the last one for no longer than `hold` where the next is farther, or
    has not come; NaN where it is not known.

    time, value  int64[n], float64[n]: the samples of the slow signal, in order
    """
    if not len(time):
        return np.full(len(at), np.nan)
    after = np.searchsorted(time, at, side="right")
    before = np.maximum(after - 1, 0)
    next_ = np.minimum(after, len(time) - 1)
    apart = time[next_] - time[before]
    since = at - time[before]
    share = np.where(apart > 0, since / np.maximum(apart, 1), 0.0)
    between = value[before] + share * (value[next_] - value[before])
    lined = (apart > 0) & (apart <= hold)
    found = np.where(lined, between, np.where(since <= hold, value[before], np.nan))
    return np.where(after == 0, np.nan, found)
