"""Croston's method and its descendants: demand that comes now and then."""

from __future__ import annotations

from typing import Any, ClassVar, Final, Literal

import numpy as np
import numpy.typing as npt
from numba import njit
from pydantic import Field

from gemel.core.frame import Values
from gemel.parts.forecasters._conformal import Calibrated, Learned
from gemel.parts.forecasters.base import Panel

__all__ = ["Croston"]

_WEIGHTS: Final = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3)


class Croston(Calibrated):
    """Intermittent demand: how much, and how often, are smoothed apart. The same for all steps.

    - `croston`: size and interval are updated when there is demand (Croston, Operational Research
      Quarterly 23 (1972) 289); the forecast is size / interval.
    - `sba`: the same times 1 - alpha / 2, which takes off its bias (Syntetos and Boylan, Int. J.
      Forecasting 21 (2005) 303).
    - `tsb`: size, and the probability of demand, which is updated in every row, so that a part that
      nobody buys any more fades (Teunter, Syntetos and Babai, European J. Operational Research 214
      (2011) 606).

    Both begin with the first demand, the probability with one over the rows until then; before it
    the forecast is zero. Weights that are not given are those of a short list with the smallest
    squared errors one step ahead over all series together: a single series of rare demand says too
    little. Unknown rows are skipped. Demand is counted in pieces, so that errors of all series are
    of one unit, and bands depend on the forecast alone.
    """

    kind: ClassVar[str] = "croston"

    method: Literal["croston", "sba", "tsb"] = Field("sba", description="Which of the three")
    alpha: float | None = Field(
        None, gt=0, le=1, description="Weight of the newest size and interval; fitted if not given"
    )
    beta: float | None = Field(
        None, gt=0, le=1, description="Weight of the newest row in the probability of `tsb`; fitted"
        " if not given",
    )  # fmt: skip
    non_negative: bool = Field(True, description="Forecasts below zero become zero")

    def _least(self) -> int:
        return 2

    def _scales(self, value: Values) -> Values:
        return np.where(np.isfinite(value).any(axis=1), 1.0, 0.0)

    def _learn(self, history: Panel) -> Learned:
        alphas = _WEIGHTS if self.alpha is None else (self.alpha,)
        betas = _WEIGHTS if self.beta is None else (self.beta,)
        pairs = [(a, b) for a in alphas for b in (betas if self.method == "tsb" else (a,))]
        if len(pairs) == 1 or np.isfinite(history.value).sum() < 2:
            return {"weights": np.array(pairs[0])}
        value = history.value
        level = np.array([np.mean(r[np.isfinite(r)]) if np.isfinite(r).any() else 0 for r in value])
        # Each series counts by its variance if demand were Poisson, so that no large one decides.
        unit = 1 / np.sqrt(np.maximum(level, 0.1))[:, None]
        losses = []
        for a, b in pairs:
            error = (value - self._rates(value, a, b)[:, :-1])[:, 1:] * unit
            losses.append(float(np.square(error[np.isfinite(error)]).sum()))
        return {"weights": np.array(pairs[int(np.argmin(losses))])}

    def _rates(self, value: Values, alpha: float, beta: float) -> Values:
        bias = 1 - alpha / 2 if self.method == "sba" else 1.0
        rates: Values = _rates(np.ascontiguousarray(value), alpha, beta, self.method == "tsb")
        return bias * rates

    def _paths(
        self, learned: Learned, history: Panel, origins: npt.NDArray[np.int64], horizon: int
    ) -> Values:
        alpha, beta = learned["weights"]
        rate = self._rates(history.value, float(alpha), float(beta))[:, origins]
        return np.repeat(rate[:, :, None, None], horizon, axis=2)

    def _made(self, learned: Learned) -> dict[str, Any]:
        alpha, beta = (float(w) for w in learned["weights"])
        return {"alpha": alpha} | ({"beta": beta} if self.method == "tsb" else {})


@njit(nogil=True, cache=True)
def _rates(value: Values, alpha: float, beta: float, tsb: bool) -> Values:
    """float64[s,n+1]: demand per row expected before each row, and after the last."""
    s, n = value.shape
    found = np.empty((s, n + 1))
    for i in range(s):
        size, interval, probability = 0.0, 1.0, 0.0
        waited, seen, begun = 0, 0, False
        for t in range(n + 1):
            if seen == 0:
                found[i, t] = np.nan
            elif not begun:
                found[i, t] = 0.0
            elif tsb:
                found[i, t] = probability * size
            else:
                found[i, t] = size / interval
            if t == n or np.isnan(value[i, t]):
                continue
            y = value[i, t]
            seen += 1
            waited += 1
            if not begun:
                if y != 0:
                    size, interval, probability = y, float(waited), 1.0 / waited
                    begun, waited = True, 0
                continue
            if y != 0:
                size += alpha * (y - size)
                interval += alpha * (waited - interval)
                waited = 0
                probability += beta * (1 - probability)
            else:
                probability -= beta * probability
    return found
