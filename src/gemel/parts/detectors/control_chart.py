"""Control charts: each signal on its own, against its own normal spread."""

from __future__ import annotations

from typing import Any

from gemel.parts.detectors._charting import Charting, ChartModel
from gemel.parts.detectors.base import Window

__all__ = ["ControlChart"]


class ControlChart(Charting):
    """A Shewhart, EWMA or two-sided CUSUM chart for each of many signals.

    Centre and scale are median and 1.4826 times the median absolute deviation of the fitting part,
    so that a few odd rows in it do little harm. The statistic of a signal is divided by the limit
    of that signal; the score of a row is the largest of these ratios, so that one signal is enough.

    Limits come from held-out normal rows for a `false_alarm_rate`, the share of normal rows with an
    alarm of any signal. With `arl`, they come from theory instead, for so many rows on average
    between false alarms of all signals together; that holds for independent, normally distributed
    signals only, and the evidence gives the share of held-out rows that are above them.

    A signal that `wanders` (most of its variance lies between ten blocks of the fitting part) has
    no level that a limit could be set on: its own slow mean over `memory` rows is taken off.
    A constant signal has a scale of a millionth of its value, so that any movement shows. A missing
    value leaves the statistic of its signal as it was and takes no part in the score of the row; a
    row without any value has none. A CUSUM stops at twice its limit and so returns soon after its
    signal does.

    Sources: D. C. Montgomery, Introduction to Statistical Quality Control; J. M. Lucas and M. S.
    Saccucci, Technometrics 32 (1990) 1-12; D. Brook and D. A. Evans, Biometrika 59 (1972) 539-549.
    """

    def fit(self, normal: Window) -> ChartModel:
        return self._fitted(normal)

    def load(self, saved: dict[str, Any]) -> ChartModel:
        return self._loaded(saved)
