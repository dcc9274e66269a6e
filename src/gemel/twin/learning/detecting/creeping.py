"""Whether the scores of a model creep up: what a slow fault does long before a finding."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from gemel.core.frame import Values
from gemel.parts.detectors.base import Model, Window
from gemel.twin.learning.evaluation.dependent import mean_interval
from gemel.twin.learning.live.watching import beginning

__all__ = ["creeps_from", "level", "ratios"]

_PARTS: Final = 500
"""Rows are averaged to so many values: what creeps is slower than a row."""
_LEAST: Final = 40
_RISE: Final = 0.1
"""Of the limit: a level that is higher by less is not told from one that wanders."""
_TIMES: Final = 1.25
_SURE: Final = 0.98


def ratios(model: Model, window: Window) -> Values:
    """Score over limit of each row; NaN where there is none."""
    score = model.start()(window)
    limit = np.maximum(score.limit, np.finfo(np.float64).tiny)
    return np.where(np.isfinite(score.value), np.minimum(score.value / limit, 1e3), np.nan)


def level(ratio: Values) -> dict[str, Any] | None:
    """Mean of scores over the limit and its interval, to be kept with a model; None if too few."""
    known = ratio[np.isfinite(ratio)]
    if len(known) < _LEAST:
        return None
    found = mean_interval(_parts(known), share=_SURE)
    return {"mean": found.mean, "low": found.low, "high": found.high}


def creeps_from(ratio: Values, usual: float) -> int | None:
    """Row from which scores are surely higher than they began or than `usual`, the highest that the
    level was when the model was fitted; None where they are not.

    Of several steps the first is found: rows before it are looked at again without the others.
    """
    end, onset = len(ratio), None
    while len(rows := np.flatnonzero(np.isfinite(ratio[:end]))) >= _LEAST:
        parts = _parts(ratio[rows])
        # A level needs some values; a step at an edge has only begun, or ends there.
        least = max(len(parts) // 20, 5)
        place = min(max(beginning(parts), least), len(parts) - least)
        before = mean_interval(parts[:place], share=_SURE)
        after = mean_interval(parts[place:], share=_SURE)
        if before.low > _higher(usual):
            return 0  # it was so from the beginning
        if after.low <= min(_higher(before.high), _higher(usual)):
            break
        onset = end = int(rows[round(place * len(rows) / len(parts))])
    return onset


def _higher(level: float) -> float:
    return max(level * _TIMES, level + _RISE)


def _parts(values: Values) -> Values:
    pieces = np.array_split(values, min(len(values), _PARTS))
    return np.array([piece.mean() for piece in pieces])
