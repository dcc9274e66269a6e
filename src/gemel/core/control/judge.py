"""Charts of many signals, judged by what normal rows that they were not made from do on them.

Limits from theory are for independent points. Those of a process seldom are, and then alarm many
times too often: here limits are widened until held-out normal points pass them at the wanted rate,
and a rule that those points break more often than wanted is not asked of that signal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gemel.core.control.rules import RULE_SETS, RuleSet, Running
from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.core.limits import Limit, set_limit

__all__ = ["BROKEN", "Judge", "RunningJudge", "blame"]

BROKEN: Final = 1.01
"""The ratio that a point has at least when it breaks a rule other than that of the limit."""


@dataclass(frozen=True, slots=True, eq=False)
class Judge:
    """Widening float64[k] of the limits of k signals, and which rules bool[k, rules] are asked."""

    rules: RuleSet
    widening: Values
    asked: npt.NDArray[np.bool_]

    @staticmethod
    def fit(rules: RuleSet, z: Values, rate: float) -> tuple[Judge, list[Limit]]:
        """From held-out normal points float64[n, k] in sigmas, and where the limits come from.

        `rate` is the wanted share of normal points with an alarm of any signal. Raises `DataError`
        with too few points.
        """
        k = z.shape[1]
        limits = [set_limit(np.abs(z[:, j]) / 3, rate / k) for j in range(k)]
        # Never narrower than theory: a stretch that happens to be calm is no reason to be strict.
        widening = np.array([max(limit.value, 1.0) for limit in limits])
        asked = np.ones((k, len(RULE_SETS[rules])), np.bool_)
        for j in range(k):
            hits = Running(rules).hits(z[:, j] / widening[j])
            asked[j] = hits.mean(axis=0) <= rate / k
        return Judge(rules, widening, asked), limits

    def told(self, names: tuple[str, ...]) -> list[dict[str, Any]]:
        """For each signal, how its limits were widened and which rules are asked of it."""
        numbers = [rule.number for rule in RULE_SETS[self.rules]]
        return [
            {
                "signal": name,
                "widened": float(self.widening[j]),
                "rules": [
                    n for n, is_asked in zip(numbers, self.asked[j], strict=True) if is_asked
                ],
            }
            for j, name in enumerate(names)
        ]

    def save(self) -> dict[str, Any]:
        """A JSON-able value for `load`."""
        return {
            "rules": self.rules,
            "widening": self.widening.tolist(),
            "asked": self.asked.tolist(),
        }

    @staticmethod
    def load(saved: dict[str, Any]) -> Judge:
        """What `save` gave."""
        widening = np.array(saved["widening"], np.float64)
        asked = np.array(saved["asked"], np.bool_)
        return Judge(saved["rules"], widening, asked.reshape(len(widening), -1))


class RunningJudge:
    """A judge over a stream of points; how it is cut changes nothing."""

    def __init__(self, judge: Judge, state: list[dict[str, Any]] | None = None) -> None:
        k = len(judge.widening)
        if state is not None and len(state) != k:
            raise DataError(f"state of {len(state)} signals, the chart has {k}")
        self._judge = judge
        self._running = [
            Running(judge.rules, None if state is None else state[j]) for j in range(k)
        ]

    def state(self) -> list[dict[str, Any]]:
        """JSON-able."""
        return [running.state() for running in self._running]

    def __call__(self, z: Values) -> Values:
        """How far each of the next points float64[n, k] is on the way to its limit: above 1 it is
        beyond it, or breaks a rule. NaN where the point is missing."""
        scaled = z / self._judge.widening
        ratio = np.abs(scaled) / 3
        for j, running in enumerate(self._running):
            broken = (running.hits(scaled[:, j]) & self._judge.asked[j]).any(axis=1)
            ratio[broken, j] = np.maximum(ratio[broken, j], BROKEN)
        return ratio


def blame(ratio: Values) -> tuple[Values, Values]:
    """The largest ratio of each row of float64[n, k], NaN where all are missing, and the share of
    each signal in it: those above 1, or else the nearest to it."""
    missing = np.isnan(ratio)
    filled = np.where(missing, 0.0, ratio)
    value = filled.max(axis=1, initial=0.0)
    share = np.where((filled > 1) | (filled == value[:, None]), filled, 0.0)
    total = share.sum(axis=1, keepdims=True)
    even = np.full_like(share, 1 / max(share.shape[1], 1))
    share = np.divide(share, total, out=even, where=total > 0)
    value[missing.all(axis=1)] = np.nan
    return value, share
