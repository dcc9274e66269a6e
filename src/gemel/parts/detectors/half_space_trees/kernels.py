"""Half-space trees as arrays: building, descending, counting. Nodes are numbered as in a heap:
the root is 1, below n are 2n and 2n + 1; the 2^d leaves of a tree of depth d come last.

Rows of a block go down each tree together, level by level, so that no row waits for memory that
another one has asked for; sums over trees are in one order, however the stream is cut.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from numba import njit

from gemel.core.frame import Values

__all__ = ["Counts", "Nodes", "count", "descend", "splits", "stream", "up"]

Counts = npt.NDArray[np.int32]
Nodes = npt.NDArray[np.uint32]

_STOP: Final = 0.1
"""A cell with at most this share of the rows is not looked into further (0.1 in the paper)."""
_BLOCK: Final = 1024


@njit(nogil=True, cache=True)
def splits(feature: Nodes, centre: Values, low: Values, high: Values) -> Values:
    """Where each node halves its signal: the middle of what its ancestors left of the range.

    The range of a tree is s ± 2 max(s, 1 - s) around a random `centre` s [T,k], in units of the
    range of the signal, so that no two trees halve at the same places.
    """
    trees, inner = feature.shape
    out = np.zeros((trees, inner))
    for t in range(trees):
        for node in range(1, inner):
            j = feature[t, node]
            s = centre[t, j]
            reach = 2 * max(s, 1 - s)
            begin, end = s - reach, s + reach
            level = 0
            while node >> (level + 1):
                level += 1
            for up in range(level, 0, -1):
                if feature[t, node >> up] == j:
                    if (node >> (up - 1)) & 1:
                        begin = (begin + end) / 2
                    else:
                        end = (begin + end) / 2
            out[t, node] = low[j] + (begin + end) / 2 * (high[j] - low[j])
    return out


@njit(nogil=True, cache=True)
def up(leaves: Counts) -> Counts:
    """Rows below each node, int32[T,2^(d+1)], from those in leaves."""
    trees, inner = leaves.shape
    mass = np.zeros((trees, 2 * inner), np.int32)
    mass[:, inner:] = leaves
    for t in range(trees):
        for node in range(inner - 1, 0, -1):
            mass[t, node] = mass[t, 2 * node] + mass[t, 2 * node + 1]
    return mass


@njit(nogil=True, cache=True)
def stream(
    rows: Values, feature: Nodes, split: Values, mass: Counts, latest: Counts, window: int,
    low: Values, high: Values, missing: float, limit: float, smoothing: float, smooth: float,
    value: Values, contribution: Values,
) -> tuple[float, Counts, Counts]:  # fmt: skip
    """Write smoothed scores and contributions; gives the last score, the profile and the next."""
    n, start = len(rows), 0
    node = np.empty((len(feature), min(n, max(window, _BLOCK))), np.uint32)
    while start < n:
        # A block ends where the profile may change, wherever the stream is cut.
        stop = min(n, start + (window - latest[0, 1] if window > 0 else _BLOCK))
        block, score = rows[start:stop], value[start:stop]
        descend(block, feature, split, mass, node, score)
        smooth = _scored(block, len(feature), mass, low, high, missing, smoothing, smooth, score)
        for i in range(len(block)):
            if score[i] > limit:
                share = contribution[start + i]
                _blame(block[i], feature, split, mass, low, high, share)
        if window > 0:
            count(node, score, limit, latest)
            if latest[0, 1] == window:
                mass, latest = latest, mass
                latest[:] = 0
        start = stop
    return smooth, mass, latest


@njit(nogil=True, cache=True)
def descend(
    rows: Values, feature: Nodes, split: Values, mass: Counts, node: Nodes, worth: Values
) -> None:
    """Write the leaf of each row in each tree to `node` [T,n], and its mass over all trees.

    Level by level: a row then does not wait for what the one before finds in memory. Unsigned
    numbers of nodes spare a check at each step.
    """
    n = len(rows)
    one = np.uint64(1)
    few = _STOP * mass[0, 1]
    whole = not np.isnan(rows.sum())
    own = np.empty(n)
    worth[:] = 0
    for t in range(len(feature)):
        at, signal, place, rest = node[t], feature[t], split[t], mass[t]
        at[:n] = 1
        own[:] = -1.0  # further down
        scale, level = 1.0, len(signal)
        while level > 1:
            for i in range(n):
                a = np.uint64(at[i])
                here = rest[a]
                own[i] = here * scale if (own[i] < 0) & (here <= few) else own[i]
                x = rows[i, np.uint64(signal[a])]
                right = x >= place[a]
                if not whole and np.isnan(x):
                    right = rest[(a << one) | one] > rest[a << one]
                at[i] = (a << one) | np.uint64(right)
            scale *= 2
            level >>= 1
        for i in range(n):
            worth[i] += rest[np.uint64(at[i])] * scale if own[i] < 0 else own[i]


@njit(nogil=True, cache=True)
def _scored(
    rows: Values, trees: int, mass: Counts, low: Values, high: Values, missing: float,
    smoothing: float, smooth: float, value: Values,
) -> float:  # fmt: skip
    """Make the mass of each row in `value` its smoothed score; gives the last one."""
    n, k = rows.shape
    depth = np.log2(mass.shape[1]) - 1
    even = trees * mass[0, 1]
    for i in range(n):
        outside, gone = 0.0, 0
        for j in range(k):
            x = rows[i, j]
            if not (x >= low[j]) & (x <= high[j]):  # seldom
                gone += np.isnan(x)
                outside = max(outside, _outside(x, low[j], high[j]))
        if gone > missing * k:
            value[i] = np.nan
            continue
        # Half a row for each tree, for the places in which there is none.
        score = depth + 1 + np.log2(even / (value[i] + 0.5 * trees)) + depth * outside
        smooth += smoothing * (score - smooth)
        value[i] = smooth
    return smooth


@njit(nogil=True, cache=True)
def _outside(x: float, low: float, high: float) -> float:
    """How many ranges a value is outside, at most 1."""
    return min(max(x - high, low - x, 0.0) / (high - low), 1.0) if x == x else 0.0


@njit(nogil=True, cache=True)
def count(leaf: Nodes, value: Values, limit: float, mass: Counts) -> None:
    """Add rows with a score up to `limit` to all nodes on their way."""
    one = np.uint64(1)
    for t in range(len(mass)):
        for i in range(len(value)):
            if value[i] <= limit:
                at = np.uint64(leaf[t, i])
                while at:
                    mass[t, at] += 1
                    at >>= one


@njit(nogil=True, cache=True)
def _blame(
    row: Values, feature: Nodes, split: Values, mass: Counts, low: Values, high: Values,
    share: Values,
) -> None:  # fmt: skip
    """Share of each signal in the isolation of a row."""
    trees, inner = feature.shape
    few = _STOP * mass[0, 1]
    for j in range(len(row)):
        share[j] = trees * np.log2(inner) * _outside(row[j], low[j], high[j])
    for t in range(trees):
        node = 1
        while node < inner and mass[t, node] > few:
            j = feature[t, node]
            x = row[j]
            if np.isnan(x):
                node = 2 * node + (mass[t, 2 * node + 1] > mass[t, 2 * node])
                continue
            below = 2 * node + (x >= split[t, node])
            left = (mass[t, below] + 0.5) / (mass[t, node] + 1.0)
            if left < 0.5:
                share[j] -= np.log2(2 * left)
            node = below
    total = share.sum()
    share[:] = share / total if total > 0 else np.full(len(row), 1 / len(row))
