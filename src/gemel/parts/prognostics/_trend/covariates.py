"""What the past of a unit says, as numbers that can be weighed against one another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gemel.core.errors import ConfigurationError, did_you_mean
from gemel.core.frame import Values
from gemel.parts.prognostics._trend.past import Past, Windows
from gemel.parts.prognostics._trend.scaling import Scaling
from gemel.parts.prognostics.base import Runs

__all__ = ["Covariates", "Running", "past_of", "setting_columns"]

_FAR: Final = 10.0
"""Standard deviations beyond which a number says no more: what weighs them was fitted within."""


@dataclass(frozen=True, slots=True)
class Covariates:
    """What `Past` tells of each signal under its condition, standardised; 0 where unknown.

    centre, spread  float64[p]  of the rows that were fitted on
    """

    windows: Windows
    scaling: Scaling
    centre: Values
    spread: Values

    @classmethod
    def fit(cls, runs: Runs, windows: Windows, settings: npt.NDArray[np.int64]) -> Covariates:
        """Raises `DataError` if no signal moves."""
        scaling = Scaling.fit(runs.value, settings)
        told = past_of(runs, windows, scaling)
        known = np.isfinite(told)
        count = np.maximum(known.sum(axis=0), 1)
        centre = np.where(known, told, 0.0).sum(axis=0) / count
        spread = np.sqrt((np.where(known, told - centre, 0.0) ** 2).sum(axis=0) / count)
        return cls(windows, scaling, centre, np.where(spread > 0, spread, 1.0))

    @property
    def width(self) -> int:
        return len(self.centre)

    def signal(self) -> npt.NDArray[np.int64]:
        """int64[p]: the column of the rows that each covariate tells of."""
        kept = self.scaling.kept
        return np.repeat(kept, self.width // len(kept))

    def __call__(self, runs: Runs) -> Values:
        """float64[n,p]: of each row, from those before it."""
        return self.standard(past_of(runs, self.windows, self.scaling))

    def standard(self, told: Values) -> Values:
        found = np.clip((told - self.centre) / self.spread, -_FAR, _FAR)
        return np.where(np.isfinite(found), found, 0.0)

    def start(self, state: dict[str, Any] | None = None) -> Running:
        """Follow one unit from its first row, or from a state. Raises `DataError` for others."""
        return Running(self, Past(self.windows, len(self.scaling.kept), state))

    def save(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            "windows": [self.windows.short, self.windows.long, self.windows.first],
            "scaling": self.scaling.save(),
            "centre": self.centre.tolist(),
            "spread": self.spread.tolist(),
        }

    @classmethod
    def load(cls, saved: dict[str, Any]) -> Covariates:
        """The covariates that `save` gave. Raises `ValueError` where its parts do not fit."""
        found = cls(
            Windows(*map(int, saved["windows"])), Scaling.load(saved["scaling"]),
            np.array(saved["centre"], np.float64), np.array(saved["spread"], np.float64),
        )  # fmt: skip
        shape = (found.windows.width(len(found.scaling.kept)),)
        if found.centre.shape != shape or found.spread.shape != shape:
            raise ValueError("centre or spread is of other signals")
        if not (np.isfinite(found.centre).all() and (found.spread > 0).all()):
            raise ValueError("centre or spread is not a number")
        return found


class Running:
    """Of one unit."""

    def __init__(self, covariates: Covariates, past: Past) -> None:
        self._covariates = covariates
        self._past = past

    def __call__(self, value: Values) -> Values:
        return self._covariates.standard(self._past(self._covariates.scaling(value)))

    def state(self) -> dict[str, Any]:
        return self._past.state()


def past_of(runs: Runs, windows: Windows, scaling: Scaling) -> Values:
    """float64[n,p]: what `Past` tells of every row of several units."""
    rows = scaling(runs.value)
    parts = [
        Past(windows, rows.shape[1])(rows[first : last + 1])
        for first, last in zip(runs.starts, runs.lasts, strict=True)
    ]
    return np.concatenate(parts) if parts else np.zeros((0, windows.width(rows.shape[1])))


def setting_columns(
    conditions: Iterable[str], names: tuple[str, ...]
) -> npt.NDArray[np.int64]:  # fmt: skip
    """Where the signals that set the operating condition stand. Raises `ConfigurationError`."""
    for name in conditions:
        if name not in names:
            raise ConfigurationError(f"conditions: no signal '{name}'; {did_you_mean(name, names)}")
    return np.array([names.index(name) for name in conditions], np.int64)
