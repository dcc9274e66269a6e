"""What looks at every value of the multivariate detectors.

A sum may be reassociated by the compiler only where it always goes over the same number of columns:
then its order is the same for each row, and no digit shows how the stream was cut. Rows are
projected four at a time, of which some may be empty, by the same instructions in any case.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from gemel.core.frame import Values

__all__ = ["average", "finite", "project", "smooth", "standardise"]

_CLOSE = 1e-6
"""A score below this part of its largest term has lost digits in the difference."""


@njit(nogil=True, cache=True)
def standardise(value: Values, centre: Values, inverse: Values, out: Values) -> None:
    for i in range(value.shape[0]):
        for j in range(value.shape[1]):
            out[i, j] = (value[i, j] - centre[j]) * inverse[j]


@njit(nogil=True, cache=True)
def average(
    value: Values, weight: float, mean: Values, seen: npt.NDArray[np.int64], out: Values
) -> None:
    """EWMA of each column of float64[n,k]; a missing value leaves it as it was.

    `seen` [k] values are in it already; it begins as a plain mean, as the slow mean does.
    """
    for i in range(value.shape[0]):
        for j in range(value.shape[1]):
            x, old, count = value[i, j], mean[j], seen[j]
            known = x - x == 0
            new = old + max(weight, 1 / (count + 1)) * (x - old)
            mean[j] = new if known else old
            seen[j] = count + 1 if known else count
            out[i, j] = new if known else x


@njit(nogil=True, cache=True, fastmath={"reassoc"})
def finite(rows: Values) -> bool:
    """Whether no value is NaN or infinite: 0 times it is 0."""
    for i in range(rows.shape[0]):
        total = 0.0
        for j in range(rows.shape[1]):
            total += rows[i, j] * 0.0
        if total != 0:
            return False
    return True


@njit(nogil=True, cache=True)
def project(
    value: Values, centre: Values, inverse: Values, directions: Values, gain: Values, rest: float,
    along: Values, score: Values,
) -> bool:  # fmt: skip
    """Write coordinates [n,r] and rest * |z|² + sum of gain * coordinate² [n] of each row of
    value [n,w], where z is (value - centre) * inverse. Whether all values are finite."""
    n, width = value.shape
    # Standardised rows are written where the cache has them, and nowhere else.
    tile, squares, found = np.empty((4, width)), np.empty(4), np.empty((4, 4))
    four = np.zeros((4, width))
    whole = True
    for i in range(0, n, 4):
        m = min(4, n - i)
        if m == 4:
            _standard(value[i : i + 4], centre, inverse, tile, squares)
        else:
            four[:m] = value[i:]
            _standard(four, centre, inverse, tile, squares)
        for r in range(0, len(directions), 4):
            _products(tile, directions[r : r + 4], found)
            for a in range(m):
                for b in range(4):
                    along[i + a, r + b] = found[a, b]
        for a in range(m):
            whole &= squares[a] - squares[a] == 0
            total = rest * squares[a]
            for r in range(len(gain)):
                total += gain[r] * along[i + a, r] * along[i + a, r]
            if total < _CLOSE * rest * squares[a]:
                total = _careful(tile[a], directions, gain, rest, along[i + a])
            score[i + a] = total
    return whole


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})
def _standard(rows: Values, centre: Values, inverse: Values, out: Values, squares: Values) -> None:
    """Standardise four rows; the sums of their squares are finite where all of a row is."""
    x0, x1, x2, x3 = rows[0], rows[1], rows[2], rows[3]
    z0, z1, z2, z3 = out[0], out[1], out[2], out[3]
    s0 = s1 = s2 = s3 = 0.0
    for c in range(rows.shape[1]):
        middle, by = centre[c], inverse[c]
        w, x = (x0[c] - middle) * by, (x1[c] - middle) * by
        y, z = (x2[c] - middle) * by, (x3[c] - middle) * by
        z0[c], z1[c], z2[c], z3[c] = w, x, y, z
        s0 += w * w
        s1 += x * x
        s2 += y * y
        s3 += z * z
    squares[0], squares[1], squares[2], squares[3] = s0, s1, s2, s3


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})
def _products(tile: Values, directions: Values, out: Values) -> None:
    """Four rows times four directions: a value that is read serves four sums in registers."""
    z0, z1, z2, z3 = tile[0], tile[1], tile[2], tile[3]
    d0, d1, d2, d3 = directions[0], directions[1], directions[2], directions[3]
    a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = 0.0
    e0 = e1 = e2 = e3 = f0 = f1 = f2 = f3 = 0.0
    for c in range(tile.shape[1]):
        w, x, y, z = z0[c], z1[c], z2[c], z3[c]
        p, q, r, s = d0[c], d1[c], d2[c], d3[c]
        a0 += w * p
        a1 += w * q
        a2 += w * r
        a3 += w * s
        b0 += x * p
        b1 += x * q
        b2 += x * r
        b3 += x * s
        e0 += y * p
        e1 += y * q
        e2 += y * r
        e3 += y * s
        f0 += z * p
        f1 += z * q
        f2 += z * r
        f3 += z * s
    out[0, 0], out[0, 1], out[0, 2], out[0, 3] = a0, a1, a2, a3
    out[1, 0], out[1, 1], out[1, 2], out[1, 3] = b0, b1, b2, b3
    out[2, 0], out[2, 1], out[2, 2], out[2, 3] = e0, e1, e2, e3
    out[3, 0], out[3, 1], out[3, 2], out[3, 3] = f0, f1, f2, f3


@njit(nogil=True, cache=True)
def _careful(row: Values, directions: Values, gain: Values, rest: float, along: Values) -> float:
    """The score from the residual itself, where |z|² and the coordinates nearly cancel."""
    left = row.copy()
    for r in range(len(gain)):
        for c in range(len(row)):
            left[c] -= along[r] * directions[r, c]
    total = 0.0
    for c in range(len(row)):
        total += rest * left[c] * left[c]
    for r in range(len(gain)):
        total += (gain[r] + rest) * along[r] * along[r]
    return max(total, 0.0)


@njit(nogil=True, cache=True, fastmath={"contract"})
def _pull(
    row: Values, centre: Values, inverse: Values, directions: Values, gain: Values, rest: float,
    along: Values, pull: Values,
) -> None:  # fmt: skip
    """How the score would change with each column: its gradient, halved."""
    for c in range(len(row)):
        pull[c] = rest * ((row[c] - centre[c]) * inverse[c])
    for r in range(0, len(gain), 4):
        d0, d1, d2, d3 = directions[r], directions[r + 1], directions[r + 2], directions[r + 3]
        g0, g1 = gain[r] * along[r], gain[r + 1] * along[r + 1]
        g2, g3 = gain[r + 2] * along[r + 2], gain[r + 3] * along[r + 3]
        for c in range(len(row)):
            pull[c] += g0 * d0[c] + g1 * d1[c] + g2 * d2[c] + g3 * d3[c]


@njit(nogil=True, cache=True, error_model="numpy")  # a check of each divisor costs the vectors
def _shares(pull: Values, own: Values, part: Values) -> None:
    for j in range(len(part)):
        part[j] += pull[j] * pull[j] / own[j]


@njit(nogil=True, cache=True, fastmath={"contract"})
def _fade(blame: Values, kept: float, part: Values, weight: float) -> None:
    for j in range(len(blame)):
        blame[j] = kept * blame[j] + weight * part[j]


@njit(nogil=True, cache=True, fastmath={"reassoc"})
def _sum(values: Values) -> float:
    total = 0.0
    for j in range(len(values)):
        total += values[j]
    return total


@njit(nogil=True, cache=True)
def smooth(
    rows: Values,
    centre: Values,
    inverse: Values,
    lost: npt.NDArray[np.bool_],
    usable: npt.NDArray[np.bool_],
    directions: Values,
    gain: Values,
    rest: float,
    own: Values,
    along: Values,
    smoothing: float,
    above: float,
    near: float,
    memory: Values,
    blame: Values,
    score: Values,
    contribution: Values,
) -> None:
    """Make scores [n] of `project` smoothed ones, and tell who is to blame where these are above
    the limit.

    The blame of a row is smoothed as its score is. Only a row that is itself above the limit, while
    the smoothed score is above `near` (at most the limit), is blamed on anybody: the row that takes
    the smoothed score over the limit is always one. `memory` is the smoothed score, and how much
    `blame` [k] has faded since it was last added to.
    """
    n, width = rows.shape
    k = len(blame)
    part, pull = np.empty(k), np.empty(width)
    for i in range(n):
        if not usable[i]:
            score[i] = np.nan
            continue
        now = score[i]
        memory[0] += smoothing * (now - memory[0])
        memory[1] *= 1 - smoothing
        if now > above and memory[0] > near:
            _pull(rows[i], centre, inverse, directions, gain, rest, along[i], pull)
            if len(lost):
                for c in range(width):
                    if lost[i, c]:
                        pull[c] = 0  # what was filled in is to blame for nothing
            part[:] = 0
            for begin in range(0, width, k):
                _shares(pull[begin : begin + k], own[begin : begin + k], part)
            total = _sum(part)
            if not total > 0:
                part[:], total = 1.0, k
            _fade(blame, memory[1], part, smoothing * now / total)
            memory[1] = 1.0
        score[i] = memory[0]
        if score[i] > above:
            whole = _sum(blame)
            for j in range(k):
                contribution[i, j] = blame[j] / whole if whole > 0 else 1.0 / k
