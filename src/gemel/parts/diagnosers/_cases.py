"""What diagnosers share: columns in the order of a model, saved models that are checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from gemel.core.errors import DataError, did_you_mean
from gemel.core.frame import Values
from gemel.parts.detectors.base import Window
from gemel.parts.diagnosers.base import Case, Example

__all__ = ["NORMAL", "chosen", "finite", "middle", "numbers", "restored", "same_names"]

NORMAL = "normal"
T = TypeVar("T")


def chosen(window: Window, names: tuple[str, ...]) -> Values:
    """The columns of `names`, float64[n, k]. Raises `DataError` if one is missing."""
    place = {name: i for i, name in enumerate(window.names)}
    if missing := [name for name in names if name not in place]:
        raise DataError(
            f"the window has no column '{missing[0]}'; {did_you_mean(missing[0], place)}"
        )
    return window.value[:, [place[name] for name in names]]


def same_names(examples: Sequence[Example]) -> tuple[str, ...]:
    """The columns that every example has, in the order of the first."""
    if not examples:
        return ()
    there = set.intersection(*(set(e.case.window.names) for e in examples))
    names = tuple(name for name in examples[0].case.window.names if name in there)
    if not names:
        raise DataError("the examples have no column in common")
    return names


def restored(saved: dict[str, Any], name: str, version: int, make: Callable[[], T]) -> T:
    """What `make` makes of a saved model of this diagnoser; `DataError` for anything else."""
    if (found := (saved.get("diagnoser"), saved.get("version"))) != (name, version):
        raise DataError(
            f"saved model is {found[0]} version {found[1]}, must be {name} version {version}"
        )
    try:
        return make()
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise DataError(f"not a saved model: {type(error).__name__}: {error}") from None


def numbers(listed: Any, shape: tuple[int, ...]) -> Values:
    """An array of a saved model; None stands for NaN. Raises `ValueError` for another shape."""
    found = np.array(listed, dtype=object)
    found = np.where(found == None, np.nan, found).astype(np.float64)  # noqa: E711  # elementwise
    if found.size == 0:
        found = found.reshape(shape)
    if found.shape != shape:
        raise ValueError(f"an array of shape {found.shape}, must be {shape}")
    return found


def finite(array: Values) -> Any:
    """As lists for JSON; None stands for NaN."""
    found = array.astype(object)
    found[~np.isfinite(array)] = None
    return found.tolist()


def middle(case: Case, names: tuple[str, ...]) -> Values:
    """The mean of the rows of a window, float64[k], by what is known. Raises `DataError` if there
    is nothing."""
    value = chosen(case.window, names)
    known = np.isfinite(value)
    if not known.any():
        raise DataError("the window has no value that is known")
    count = known.sum(axis=0)
    total = np.where(known, value, 0).sum(axis=0)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))
