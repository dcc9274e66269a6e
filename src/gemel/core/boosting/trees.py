"""The sum of many regression trees, as arrays."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from numba import njit

from gemel.core.boosting.leaves import Leaves, leaves_of, shares
from gemel.core.errors import DataError
from gemel.core.frame import Values

__all__ = ["LEAF", "Indices", "Trees"]

Indices: TypeAlias = npt.NDArray[np.int32]

LEAF: Final = -1
"""The feature of a node that has no children."""

_KINDS: Final = {
    "feature": np.int32,
    "threshold": np.float64,
    "missing_left": np.bool_,
    "left": np.int32,
    "right": np.int32,
    "value": np.float64,
    "rows": np.float64,
}


@dataclass(frozen=True, slots=True)
class Trees:
    """Trees whose leaves are added up; all nodes of all trees one after the other.

    features      how many columns a row has
    baseline      where the sum begins
    roots         int32[t]    first node of each tree
    feature       int32[m]    column that a node looks at; `LEAF` for a leaf
    threshold     float64[m]  a value up to this goes left …
    missing_left  bool[m]     … and NaN goes where this says
    left, right   int32[m]    children; they always come after their parent
    value         float64[m]  of a leaf: what it adds
    rows          float64[m]  fitting rows that came through a node
    """

    features: int
    baseline: float
    roots: Indices
    feature: Indices
    threshold: Values
    missing_left: npt.NDArray[np.bool_]
    left: Indices
    right: Indices
    value: Values
    rows: Values
    _leaves: list[Leaves] = field(default_factory=list, init=False, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.roots)

    def predict(self, x: Values) -> Values:
        """The sum for each row of `x`, float64[n, features]; NaN is a value like others."""
        out = np.full(len(x), self.baseline)
        _add(
            np.ascontiguousarray(x, np.float64), self.roots, self.feature, self.threshold,
            self.missing_left, self.left, self.right, self.value, out,
        )  # fmt: skip
        return out

    def explain(self, x: Values) -> tuple[Values, float]:
        """What each column adds to the prediction of each row, float64[n, features], and the mean
        that they add it to: Shapley values with the fitting rows as background (path-dependent
        TreeSHAP; Lundberg et al., Nature Machine Intelligence 2 (2020) 56). Rows plus mean are the
        prediction.
        """
        if not self._leaves:
            self._leaves.append(leaves_of(self))
        return shares(self._leaves[0], np.ascontiguousarray(x, np.float64), self.features)

    def save(self) -> dict[str, Any]:
        """A JSON-able value from which `load` makes the same trees."""
        columns = {name: getattr(self, name).tolist() for name in _KINDS}
        # Thresholds of leaves are never looked at, and JSON has no infinity.
        columns["threshold"] = [t if np.isfinite(t) else None for t in columns["threshold"]]
        head = {"features": self.features, "baseline": self.baseline, "roots": self.roots.tolist()}
        return head | columns

    @classmethod
    def load(cls, saved: dict[str, Any]) -> Trees:
        """The trees that `save` gave. Raises `DataError` for anything else: whatever is loaded, to
        predict with it ends, and reads nothing but its rows."""
        try:
            threshold = [np.inf if t is None else t for t in saved["threshold"]]
            columns: dict[str, Any] = {
                name: np.array(threshold if name == "threshold" else saved[name], kind)
                for name, kind in _KINDS.items()
            }
            trees = cls(
                int(saved["features"]), float(saved["baseline"]),
                np.array(saved["roots"], np.int32), **columns,
            )  # fmt: skip
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise DataError(f"not saved trees: {type(error).__name__}: {error}") from None
        trees._check()
        return trees

    def _check(self) -> None:
        nodes = len(self.feature)
        own = np.arange(nodes)
        inner = self.feature != LEAF
        numbers = np.concatenate([self.value, self.rows, [self.baseline]])
        wrong = (
            any(getattr(self, f.name).shape != (nodes,) for f in fields(self) if f.name in _KINDS)
            or self.roots.ndim != 1
            or bool(((self.roots < 0) | (self.roots >= nodes)).any())
            or bool(((self.feature < LEAF) | (self.feature >= self.features)).any())
            or bool(np.isnan(self.threshold).any())
            or not np.isfinite(numbers).all()
            or bool((self.rows <= 0).any())
            # Children come later: no way through a tree is endless.
            or any(bool(((c <= own) | (c >= nodes))[inner].any()) for c in (self.left, self.right))
        )
        if wrong:
            raise DataError("not saved trees: nodes, columns or numbers are out of their range")


@njit(nogil=True, cache=True)
def _add(
    x: Any, roots: Any, feature: Any, threshold: Any, missing_left: Any, left: Any, right: Any,
    value: Any, out: Any,
) -> None:  # fmt: skip
    for row in range(len(x)):
        total = out[row]
        for root in roots:
            node = root
            while feature[node] >= 0:
                number = x[row, feature[node]]
                goes_left = missing_left[node] if np.isnan(number) else number <= threshold[node]
                node = left[node] if goes_left else right[node]
            total += value[node]
        out[row] = total
