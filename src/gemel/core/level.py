"""Level: signals that wander have none, and are looked at relative to their own recent past.

The temperature of a plant that warms up, or of its cooling water over a day, has no level on which
a limit could be set; its deviation from a slow mean of its own past has.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from gemel.core.frame import Values

__all__ = ["spread", "take_level", "wanders"]

_BLOCKS = 10


def wanders(values: Values, share: float) -> npt.NDArray[np.bool_]:
    """Which columns of float64[n,k] have more than `share` of their variance between ten blocks.

    Independent rows have about 9 / n of it there, a random walk nine tenths. NaN is left out.
    """
    n = np.isfinite(values).sum(axis=0)
    mean = np.nansum(values, axis=0) / np.maximum(n, 1)
    total = np.nansum((values - mean) ** 2, axis=0)
    between = np.zeros(values.shape[1])
    for block in np.array_split(values, _BLOCKS):
        size = np.isfinite(block).sum(axis=0)
        apart = np.nansum(block, axis=0) / np.maximum(size, 1) - mean
        between += size * apart**2
    return np.asarray(between > share * np.where(total > 0, total, np.inf), np.bool_)


def spread(raw: Values, fitting: Values, setting: Values, *, robust: bool) -> tuple[Values, Values]:
    """Centre and scale of each column of float64[n,k] `fitting`: median and 1.4826 times the median
    absolute deviation if `robust`, else mean and standard deviation.

    The scale of a constant signal is that of the rows `setting`, and never below a millionth of its
    size, which is that of the `raw` values before their level was taken.
    """
    centre = np.nanmedian(fitting, axis=0) if robust else np.nanmean(fitting, axis=0)
    scale = np.nanstd(fitting, axis=0)
    least = 1e-6 * np.maximum(np.abs(np.nanmedian(raw, axis=0)), 1e-3)
    seen = np.isfinite(setting).sum(axis=0)
    later = np.sqrt(np.nansum((setting - centre) ** 2, axis=0) / np.maximum(seen, 1))
    scale = np.where(scale > least, scale, later)
    if robust:
        middle = 1.4826 * np.nanmedian(np.abs(fitting - centre), axis=0)
        scale = np.where(middle > least, middle, scale)
    return centre, np.maximum(scale, least)


@njit(nogil=True, cache=True)
def take_level(
    value: Values,
    chosen: npt.NDArray[np.bool_],
    weight: float,
    level: Values,
    seen: npt.NDArray[np.int64],
    out: Values,
) -> None:
    """Write float64[n,k] `value` to `out`, less the slow mean of earlier rows where `chosen`.

    `level` [k] is that mean, NaN before the first value, `seen` [k] how many values it has seen;
    both are brought up to date. The mean is a plain one until a value weighs as little as `weight`,
    so that a single odd value at the start does not stay in it for long.
    """
    for i in range(value.shape[0]):
        for j in range(value.shape[1]):
            x = value[i, j]
            out[i, j] = x
            if np.isfinite(x):
                if chosen[j]:
                    if seen[j] == 0:
                        level[j] = x
                    out[i, j] = x - level[j]
                    level[j] += max(weight, 1 / (seen[j] + 1)) * (x - level[j])
                seen[j] += 1
