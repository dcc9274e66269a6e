"""Intervals that keep their promise while the process changes."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from math import exp, log
from typing import Any, Final

import numpy as np

from gemel.core.frame import Values

__all__ = ["AdaptiveBand"]

_WIDEST: Final = log(50.0)
"""A model whose interval had to be wider than so many times is no model."""
_LOOKED: Final = 1_000


class AdaptiveBand:
    """One factor makes the intervals of a model wider after each miss, and narrower otherwise.

    The logarithm of the factor grows by `rate` · confidence at a miss and falls by `rate` ·
    (1 − confidence) at a hit: while it moves, one interval in 1 / (1 − confidence) misses on the
    average, whatever the process does (Gibbs and Candès, Adaptive conformal inference under
    distribution shift, NeurIPS 2021; on the scale of the scores, Angelopoulos, Candès and
    Tibshirani, Conformal PID control, NeurIPS 2023). Over T truths the share of misses is off by at
    most (largest move of the log) / (rate · T). An interval is `[value, low, high]`; each side is
    stretched by the factor.
    """

    def __init__(self, confidence: float = 0.9, rate: float = 0.03) -> None:
        self.confidence, self.rate = confidence, rate
        self.learned = 0
        """How many truths it has seen."""
        self._log = 0.0
        self._held: deque[bool] = deque(maxlen=_LOOKED)

    @property
    def factor(self) -> float:
        """By how much intervals are stretched now."""
        return exp(self._log)

    def __call__(self, told: Values) -> Values:
        """float64[..., 3], stretched by what is known so far."""
        value = told[..., :1]
        return np.concatenate([value, value + self.factor * (told[..., 1:] - value)], axis=-1)

    def learn(self, told: Values, truth: float) -> None:
        """What came, of an interval float64[3] as the model told it; nothing is learned of what is
        not known."""
        value, low, high = told.tolist()
        if not np.isfinite([value, low, high, truth]).all() or not low < high:
            return
        low, high = self(told)[1:].tolist()
        hit = low <= truth <= high
        self._held.append(hit)
        self.learned += 1
        step = -(1 - self.confidence) if hit else self.confidence
        self._log = min(max(self._log + self.rate * step, -_WIDEST), _WIDEST)

    def state(self) -> dict[str, Any]:
        """JSON-able: what `go_on` takes up."""
        held = "".join("1" if hit else "0" for hit in self._held)
        return {"version": 1, "log": self._log, "held": held, "learned": self.learned}

    def go_on(self, state: Mapping[str, Any]) -> None:
        """Take up a state. What is none is left: intervals begin at the model's own then."""
        if state.get("version") == 1:
            if self.rate:
                self._log = min(max(float(state["log"]), -_WIDEST), _WIDEST)
            self._held = deque((hit == "1" for hit in state["held"]), maxlen=_LOOKED)
            self.learned = int(state["learned"])

    def report(self) -> dict[str, Any] | None:
        """For pages: how many of the last intervals held what came; None before the first."""
        if not self._held:
            return None
        return {
            "held": sum(self._held) / len(self._held), "of": len(self._held),
            "promised": self.confidence, "factor": self.factor,
        }  # fmt: skip
