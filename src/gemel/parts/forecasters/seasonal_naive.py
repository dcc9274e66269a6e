"""Seasonal naive: as one season ago. What every other forecaster has to beat."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt

from gemel.core.frame import Values
from gemel.parts.forecasters._conformal import Calibrated, Learned
from gemel.parts.forecasters.base import Panel

__all__ = ["SeasonalNaive"]


class SeasonalNaive(Calibrated):
    """The value one season before, or the last one where `season` is 1.

    Where it is unknown, the one of the season before that, and so on.
    """

    kind: ClassVar[str] = "seasonal_naive"

    def _least(self) -> int:
        return self.season

    def _learn(self, history: Panel) -> Learned:
        return {}

    def _paths(
        self, learned: Learned, history: Panel, origins: npt.NDArray[np.int64], horizon: int
    ) -> Values:
        m = self.season
        filled = history.value.copy()
        for start in range(m, filled.shape[1], m):
            rows = filled[:, start : start + m]
            before = filled[:, start - m : start - m + rows.shape[1]]
            np.copyto(rows, before, where=np.isnan(rows))
        ahead = np.arange(horizon)
        back = m * (ahead // m + 1)
        return filled[:, origins[:, None] + (ahead - back)][..., None]
