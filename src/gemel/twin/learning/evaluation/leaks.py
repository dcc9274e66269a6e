"""Columns that know the answer: what was written down after it, or because of it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gemel.core.errors import Refused
from gemel.core.frame import Values

__all__ = ["counts_rows", "refuse_answers"]

_ALONE: float = 0.999
"""A column that by itself orders the target as well as this is taken for the target."""
_LEAST = 10
_MARKS = 10
"""A column with at most so many different values is one of marks, such as modes or flags."""
_BY_CHANCE = 1e-6


def refuse_answers(
    x: Values,
    names: tuple[str, ...],
    target: npt.NDArray[np.float64],
    *,
    classes: bool,
    unit: npt.NDArray[np.int64] | None = None,
) -> None:
    """Raise `Refused` if a column of `x`, float64[n, k], gives the target away.

    That is: it alone orders the target (nearly) without a mistake, or it is a column of marks with
    one, seen at least 10 times, that comes with one rare class only, more often than chance allows
    (less than one in a million): such as a failure mode, which is written down when it has failed.
    A column that only counts the rows is refused as well. Rows of one `unit`, int64[n], have their
    marks and their class in common: they count once.
    """
    for number, name in enumerate(names):
        column = x[:, number]
        if counts_rows(column):
            raise Refused(
                f"column '{name}' counts the rows, which says nothing of rows to come; name it "
                "under `ignore`, under `known_before` if it means something, or as `time`"
            )
        reason = _by_class(column, target, unit) if classes else _by_order(column, target)
        if reason:
            raise Refused(
                f"column '{name}' {reason}: it looks as if it was written down after the answer; "
                "name it under `ignore`, or under `known_before` if it is known when the model is "
                "asked"
            )


def counts_rows(column: Values) -> bool:
    """Whether whole numbers rise with every row: a number of the row, not a measurement."""
    whole = np.isfinite(column).all() and (column == np.round(column)).all()
    return len(column) >= _LEAST and bool(whole and (np.diff(column) > 0).all())


def _by_order(column: Values, target: Values) -> str:
    known = np.isfinite(column) & np.isfinite(target)
    if known.sum() < _LEAST or len(np.unique(target[known])) < _LEAST:
        return ""
    x, y = _ranks(column[known]), _ranks(target[known])
    if x.std() == 0 or y.std() == 0:
        return ""
    alike = abs(float(np.corrcoef(x, y)[0, 1]))
    return (
        f"orders the target almost alone (rank correlation {alike:.4f})" if alike > _ALONE else ""
    )


def _by_class(column: Values, target: Values, unit: npt.NDArray[np.int64] | None) -> str:
    known = np.isfinite(column)
    rows = int(known.sum())
    for kind in np.unique(target):
        mine = known & (target == kind)
        count, others = int(mine.sum()), int(rows - mine.sum())
        if count < _LEAST or others < _LEAST:
            continue
        ranks = _ranks(column[known])
        area = (ranks[target[known] == kind].mean() - (count - 1) / 2) / others
        area = max(area, 1 - area)
        if area > _ALONE:
            return f"tells class {kind:g} almost alone (area under the curve {area:.4f})"
        share = count / rows
        if share > 0.5:
            continue
        if len(np.unique(column[known])) > _MARKS:
            continue
        values, seen = np.unique(column[mine], return_counts=True)
        for value, times in zip(values, seen, strict=True):
            marked = column == value
            alone = int(times) if unit is None else len(np.unique(unit[marked]))
            if times == marked.sum() and alone >= _LEAST and share**alone < _BY_CHANCE:
                return f"is {value:g} in {times} rows, all of class {kind:g}"
    return ""


def _ranks(values: Values) -> Values:
    """Ranks from 0, of equal values their mean."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    mean: Values = (ends - counts + ends - 1) / 2
    return mean[place]
