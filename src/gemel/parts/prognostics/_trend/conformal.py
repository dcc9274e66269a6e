"""Intervals set on units that were held out: what they missed by, in bands of told life.

A band has as many rows as another, so that an interval is narrow where the end is near and honest
where it is far (Mondrian conformal prediction; Vovk, Gammerman and Shafer 2005, ch. 4). So few
units are not all there are: an interval holds a few more, as in split conformal prediction.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from gemel.core.frame import Values

__all__ = ["errors_in_bands", "levels_in_bands", "said_of", "wideness_in_bands"]

_BANDS: Final = 8
_LEVEL_BANDS: Final = 4
"""Three quantiles of each band are taken, of which the outer ones need more rows."""


def errors_in_bands(truth: Values, told: Values, units: int, confidence: float) -> Values:
    """float64[b,3]: told life at the middle of a band, and what is added to it for the lower and
    the upper end: the shortest stretch of the errors that holds so many of them."""
    wanted, found = _wanted(units, confidence), []
    for mine in _bands(told, _BANDS):
        error = np.sort(truth[mine] - told[mine])
        held = int(np.ceil(wanted * len(error)))
        widths = error[held - 1 :] - error[: len(error) - held + 1]
        first = int(widths.argmin())
        below, above = float(error[first]), float(error[first + held - 1])
        found.append((float(np.median(told[mine])), min(below, 0.0), max(above, 0.0)))
    return np.array(found)


def levels_in_bands(level: Values, told: Values, units: int, confidence: float) -> Values:
    """float64[b,4]: told life at the middle of a band, and the levels of the model's distribution
    at which value, lower and upper end are told: those at which held-out units failed
    (distributional conformal prediction; Chernozhukov, Wüthrich and Zhu, PNAS 118 (2021)
    e2107794118).

    level  float64[n]  at which each row failed: its chance by then, or what rises with that
    """
    wanted, found = _wanted(units, confidence), []
    for mine in _bands(told, _LEVEL_BANDS):
        low, middle, high = np.quantile(level[mine], [(1 - wanted) / 2, 0.5, (1 + wanted) / 2])
        found.append((float(np.median(told[mine])), middle, low, high))
    return np.array(found)


def wideness_in_bands(
    truth: Values, told: Values, low: Values, high: Values, units: int, confidence: float
) -> Values:
    """float64[b,2]: told life at the middle of a band, and by how much both ends of the model's own
    interval move outwards (conformalized quantile regression; Romano, Patterson and Candès 2019);
    inwards where it is less than zero."""
    wanted, found = _wanted(units, confidence), []
    for mine in _bands(told, _BANDS):
        missed = np.sort(np.maximum(low[mine] - truth[mine], truth[mine] - high[mine]))
        held = int(np.ceil(wanted * len(missed)))
        found.append((float(np.median(told[mine])), float(missed[held - 1])))
    return np.array(found)


def said_of(what: str, units: int, folds: int, confidence: float) -> str:
    """What an interval stands on, and how sure so few units can be at most."""
    said = f"{what} on {units} units held out in {folds} folds"
    most = units / (units + 1)
    return said if most >= confidence else f"{said}; so few are sure of {most:.0%} at most"


def _wanted(units: int, confidence: float) -> float:
    return float(min(1.0, np.ceil((units + 1) * confidence) / units))


def _bands(told: Values, count: int) -> Iterator[npt.NDArray[np.bool_]]:
    edges = np.unique(np.quantile(told, np.linspace(0, 1, count + 1)))
    band = np.clip(np.searchsorted(edges, told, side="right") - 1, 0, max(len(edges) - 2, 0))
    return (band == number for number in np.unique(band))
