"""When a level that drifts and jitters first reaches its limit: first passage of a Wiener process.

The drift is uncertain, and so are the level and, where it was learned, the limit. For a distance w
that is known and a drift that is normal with mean m and variance k, the chance to have arrived by t
is the inverse Gaussian distribution averaged over the drift. With q the diffusion (variance of the
level per time), written so that nothing overflows:

    Phi(a / sqrt V) + exp(-a^2 / (2 V)) erfcx(z / sqrt 2) / 2
    a = m t - w,   V = (k t + q) t,   z = (2 w V / t + q a) / (q sqrt V)

A drift that wanders on adds c t^3 / 3 to V: an approximation, within 0.01 of simulated passages. A
distance that is not known is summed over a grid (Si, Wang, Hu and Zhou, Mechanical Systems and
Signal Processing 35 (2013) 219, who integrate it in closed form without a wandering future).
"""

from __future__ import annotations

from math import erfc, exp, pi, sqrt
from typing import Any, Final

import numpy as np
from numba import njit

__all__ = ["arrived", "tell"]

_GRID: Final = np.linspace(-3.0, 3.0, 13)
_WEIGHT: Final = np.exp(-(_GRID**2) / 2)
_NEARER: Final = 6
_HALVINGS: Final = 26
_SURE: Final = 1e-3
"""A distance that is known better than this share of itself is taken as it is."""


@njit(nogil=True, cache=True)
def _erfcx(x: float) -> float:
    """exp(x^2) erfc(x), to twelve digits and without overflow for any x above -26."""
    if x < 10.0:
        return exp(x * x) * erfc(x)
    y = 1.0 / (2.0 * x * x)
    series = 1.0 - y * (1.0 - 3.0 * y * (1.0 - 5.0 * y * (1.0 - 7.0 * y * (1.0 - 9.0 * y))))
    return series / (x * sqrt(pi))


@njit(nogil=True, cache=True)
def _by(t: float, w: float, m: float, k: float, q: float, c: float) -> float:
    """Chance that a distance `w` was covered by `t`."""
    if w <= 0.0:
        return 1.0
    a = m * t - w
    spread = t * (k * t + q + c * t * t / 3.0)
    if spread <= 0.0:
        return 1.0 if a >= 0.0 else 0.0
    s = sqrt(spread)
    gone = 0.5 * erfc(-a / (s * sqrt(2.0)))
    if q > 0.0:
        z = (2.0 * w * spread / t + q * a) / (q * s) / sqrt(2.0)
        rest = -a * a / (2.0 * spread)
        if z > -5.0:
            gone += 0.5 * exp(rest) * _erfcx(z)
        else:
            gone += 0.5 * exp(min(rest + z * z, 0.0)) * erfc(z)
    return min(gone, 1.0)


@njit(nogil=True, cache=True)
def _reached(t: float, at: Any, limit: Any, q: float, c: float) -> float:
    """Chance to arrive by `t`, summed over the distance, of which the drift knows something.

    at     level, drift, and their variances: of the level, of both together, of the drift
    limit  mean and variance; negative variance where the limit is given, not learned: then what is
           beyond it has arrived, else it has just been seen not to be the end
    """
    w, learned = limit[0] - at[0], limit[1] >= 0.0
    v = at[2] + max(limit[1], 0.0)
    s = sqrt(max(v, 0.0))
    if s <= _SURE * abs(w):
        return float(_by(t, w, at[1], at[4], q, c))
    slope = -at[3] / v
    k = max(at[4] - at[3] * at[3] / v, 0.0)
    total = whole = 0.0
    for i in range(len(_GRID)):
        here = w + s * _GRID[i]
        if here <= 0.0 and learned:
            continue
        whole += _WEIGHT[i]
        total += _WEIGHT[i] * _by(t, here, at[1] + slope * s * _GRID[i], k, q, c)
    return float(total / whole) if whole > 0.0 else 1.0


@njit(nogil=True, cache=True)
def _when(chance: float, at: Any, limit: Any, q: float, c: float, cap: float) -> float:
    """The first time by which it has arrived with this chance, at most `cap`."""
    # A drift that wanders far may turn back, and with it the approximation of what it adds: looked
    # for is the first of the times at which it is reached, from near to far.
    low, high = 0.0, cap / 2**_NEARER
    while _reached(high, at, limit, q, c) < chance:
        if high >= cap:
            return cap
        low, high = high, min(2.0 * high, cap)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        if _reached(middle, at, limit, q, c) >= chance:
            high = middle
        else:
            low = middle
    # What lies nearer than the halvings can tell has arrived.
    return high if low > 0.0 else 0.0


@njit(nogil=True, cache=True)
def tell(
    at: Any, limit: Any, q: float, c: float, cap: float, levels: Any, median: Any, out: Any
) -> None:
    """Of each row, float64[n,5] of `at`, the times of three chances into `out`, float64[3,n].

    levels  float64[b,4]: chances (for the value, the lower and the upper end) where the median has
            the first value; in between they are interpolated
    median  float64[n]: is filled with the median
    """
    for row in range(len(at)):
        median[row] = _when(0.5, at[row], limit, q, c, cap)
        for end in range(3):
            chance = np.interp(median[row], levels[:, 0], levels[:, end + 1])
            same = chance == 0.5
            out[end, row] = median[row] if same else _when(chance, at[row], limit, q, c, cap)


@njit(nogil=True, cache=True)
def arrived(t: Any, at: Any, limit: Any, q: float, c: float, out: Any) -> None:
    """The chance to arrive by `t`, float64[n], of each row of `at`, float64[n,5], into `out`."""
    for row in range(len(at)):
        out[row] = 0.0
        for nearer in range(_NEARER):
            out[row] = max(out[row], _reached(t[row] / 2**nearer, at[row], limit, q, c))
