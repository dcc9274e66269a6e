"""What each column contributes to a prediction, leaf by leaf.

Seen from a leaf, a tree is a box: each column that was asked on the way down must lie in an
interval. A row that is in the interval of a column follows the way for certain (1), and a row whose
column is not known follows it as often as the fitting rows did (the product of their shares at the
nodes that asked for it). The Shapley value of a column is the sum over leaves of what it adds, over
all orders in which the columns may become known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from numba import njit

from gemel.core.frame import Values

if TYPE_CHECKING:
    from gemel.core.boosting.trees import Trees

__all__ = ["Leaves", "leaves_of", "shares"]


@dataclass(frozen=True, slots=True)
class Leaves:
    """All leaves of all trees, each with the columns on its way (`start[i]` to `start[i + 1]`).

    column        int32[p]
    low, high     float64[p]  the interval (low, high]
    missing       bool[p]     whether NaN follows the way
    share         float64[p]  of the fitting rows that follow it where the column decides
    value         float64[l]  what the leaf adds
    mean          float       of all predictions, over the fitting rows
    """

    start: npt.NDArray[np.int64]
    column: npt.NDArray[np.int32]
    low: Values
    high: Values
    missing: npt.NDArray[np.bool_]
    share: Values
    value: Values
    mean: float


def leaves_of(trees: Trees) -> Leaves:
    """The same trees, as their leaves."""
    boxes: list[dict[int, tuple[float, float, bool, float]]] = []
    values: list[float] = []
    mean = trees.baseline
    for root in trees.roots.tolist():
        ways: list[tuple[int, dict[int, tuple[float, float, bool, float]]]] = [(root, {})]
        while ways:
            node, box = ways.pop()
            column = int(trees.feature[node])
            if column < 0:
                boxes.append(box)
                values.append(float(trees.value[node]))
                mean += float(trees.value[node] * trees.rows[node] / trees.rows[root])
                continue
            low, high, missing, share = box.get(column, (-np.inf, np.inf, True, 1.0))
            at, goes_left = float(trees.threshold[node]), bool(trees.missing_left[node])
            for child, inside in (
                (int(trees.left[node]), (low, min(high, at), missing and goes_left)),
                (int(trees.right[node]), (max(low, at), high, missing and not goes_left)),
            ):
                part = float(trees.rows[child] / trees.rows[node])
                ways.append((child, {**box, column: (*inside, share * part)}))
    sizes = np.array([len(box) for box in boxes], np.int64)
    flat = [(column, *rest) for box in boxes for column, rest in box.items()]
    columns = list(zip(*flat, strict=True)) if flat else [(), (), (), (), ()]
    return Leaves(
        np.concatenate([[0], np.cumsum(sizes)]),
        np.array(columns[0], np.int32),
        np.array(columns[1], np.float64),
        np.array(columns[2], np.float64),
        np.array(columns[3], np.bool_),
        np.array(columns[4], np.float64),
        np.array(values),
        float(mean),
    )


def shares(leaves: Leaves, x: Values, features: int) -> tuple[Values, float]:
    """What each column adds, float64[n, features], and the mean that it adds it to."""
    out = np.zeros((len(x), features))
    longest = int(np.diff(leaves.start).max(initial=0))
    _share(
        x, leaves.start, leaves.column, leaves.low, leaves.high, leaves.missing, leaves.share,
        leaves.value, longest, out,
    )  # fmt: skip
    return out, leaves.mean


@njit(nogil=True, cache=True)
def _share(
    x: Any, start: Any, column: Any, low: Any, high: Any, missing: Any, share: Any, value: Any,
    longest: int, out: Any,
) -> None:  # fmt: skip
    known = np.zeros(longest)  # 1 where the row follows the way, 0 where not
    weight = np.zeros(longest + 1)
    for row in range(len(x)):
        for leaf in range(len(value)):
            first, width = start[leaf], start[leaf + 1] - start[leaf]
            for i in range(width):
                number = x[row, column[first + i]]
                inside = low[first + i] < number <= high[first + i]
                if np.isnan(number):
                    inside = missing[first + i]
                known[i] = 1.0 if inside else 0.0
            # weight[s]: sum over sets of s columns that are known, each with its Shapley factor
            # s! (width - s)! / (width + 1)!; extended by one column after the other.
            weight[0] = 1.0
            for i in range(width):
                one, zero = known[i], share[first + i]
                weight[i + 1] = one * weight[i] * (i + 1) / (i + 2)
                for s in range(i, 0, -1):
                    weight[s] = (zero * weight[s] * (i + 1 - s) + one * weight[s - 1] * s) / (i + 2)
                weight[0] *= zero * (i + 1) / (i + 2)
            for i in range(width):
                one, zero = known[i], share[first + i]
                # The same sum without this column: the last extension undone.
                total, above = 0.0, weight[width]
                for s in range(width - 1, -1, -1):
                    if one != 0.0:
                        here = above * (width + 1) / ((s + 1) * one)
                        total += here
                        above = weight[s] - here * zero * (width - s) / (width + 1)
                    else:
                        total += weight[s] * (width + 1) / (zero * (width - s))
                out[row, column[first + i]] += total * (one - zero) * value[leaf]
