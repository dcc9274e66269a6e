"""Statistics of a stretch of values: how large, how peaked, how lopsided."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from gemel.core.errors import DataError
from gemel.core.frame import Values

__all__ = ["SHAPE", "STATISTICS", "statistics"]

STATISTICS: Final = (
    "mean", "std", "rms", "peak", "peak_to_peak", "crest", "shape", "impulse", "skewness",
    "kurtosis", "min", "max", "median", "slope",
)  # fmt: skip
SHAPE: Final = ("crest", "shape", "impulse", "skewness", "kurtosis")
"""Those that do not change when the values are multiplied: they know no level and no unit."""


def statistics(value: Values, names: tuple[str, ...] = STATISTICS) -> Values:
    """Statistics of each window, float64[..., len(names)] of `value`, float64[..., n].

    mean, median, min, max   in the unit of the values
    std           standard deviation, by n
    rms           root of the mean square
    peak          greatest distance from zero
    peak_to_peak  max − min
    crest         peak / rms
    shape         rms / mean distance from zero
    impulse       peak / mean distance from zero
    skewness      third standardised moment; 0 for values that do not vary
    kurtosis      fourth standardised moment, 3 for a normal distribution; 0 where nothing varies
    slope         of the least-squares line, in units per sample

    Raises `DataError` for a name that is none, or windows without a value. NaN stays NaN.
    """
    value = np.asarray(value, np.float64)
    if unknown := [name for name in names if name not in STATISTICS]:
        raise DataError(f"no statistic '{unknown[0]}'; known: {', '.join(STATISTICS)}")
    if value.shape[-1] == 0:
        raise DataError("a window without values has no statistics")
    return np.stack([_OF[name](value) for name in names], axis=-1)


def _ratio(above: Values, below: Values) -> Values:
    found: Values = np.where(below > 0, above / np.where(below > 0, below, 1), below)
    return found


def _moment(value: Values, power: int) -> Values:
    """Standardised by the largest distance first, so that the size of the values never matters."""
    away = value - value.mean(axis=-1, keepdims=True)
    largest = np.abs(away).max(axis=-1, keepdims=True)
    tiny = largest <= 1e-12 * np.abs(value).max(axis=-1, keepdims=True)  # rounding, no variation
    away = away / np.where(largest > 0, largest, 1)
    spread = np.sqrt((away**2).mean(axis=-1))
    moment = _ratio((away**power).mean(axis=-1), spread**power)
    return np.where(tiny[..., 0], 0.0, moment)


def _peak(value: Values) -> Values:
    return np.asarray(np.abs(value).max(axis=-1))


def _rms(value: Values) -> Values:
    return np.asarray(np.sqrt((value**2).mean(axis=-1)))


def _distance(value: Values) -> Values:
    return np.asarray(np.abs(value).mean(axis=-1))


def _slope(value: Values) -> Values:
    place = np.arange(value.shape[-1]) - (value.shape[-1] - 1) / 2
    return np.asarray((value * place).sum(axis=-1) / max(float((place**2).sum()), 1.0))


_OF: Final[dict[str, Callable[[Values], Values]]] = {
    "mean": lambda v: np.asarray(v.mean(axis=-1)),
    "std": lambda v: np.asarray(v.std(axis=-1)),
    "rms": _rms,
    "peak": _peak,
    "peak_to_peak": lambda v: np.asarray(v.max(axis=-1) - v.min(axis=-1)),
    "crest": lambda v: _ratio(_peak(v), _rms(v)),
    "shape": lambda v: _ratio(_rms(v), _distance(v)),
    "impulse": lambda v: _ratio(_peak(v), _distance(v)),
    "skewness": lambda v: _moment(v, 3),
    "kurtosis": lambda v: _moment(v, 4),
    "min": lambda v: np.asarray(v.min(axis=-1)),
    "max": lambda v: np.asarray(v.max(axis=-1)),
    "median": lambda v: np.asarray(np.median(v, axis=-1)),
    "slope": _slope,
}
