"""The values that all control charts share: a `Chart`, and the `Points` of one of its tracks."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from gemel.core.errors import DataError
from gemel.core.frame import Values

__all__ = [
    "ATTRIBUTES", "KINDS", "Chart", "ChartKind", "Points", "check_points", "check_spread", "track",
]  # fmt: skip

ChartKind: TypeAlias = Literal[
    "i-mr", "xbar-r", "xbar-s", "p", "np", "c", "u", "ewma", "cusum"
]  # fmt: skip
KINDS: Final[tuple[ChartKind, ...]] = get_args(ChartKind)
ATTRIBUTES: Final = ("p", "np", "c", "u")

_LEAST: Final = 2
"""Fewer points have no spread. Twenty to thirty are wanted; `Chart.points` says how many it had."""


@dataclass(frozen=True, slots=True)
class Chart:
    """Limits, and what they were made from; JSON-able with `save`.

    centre      of the location: a mean, a share of bad ones, or a count per unit
    sigma       standard deviation of one value within subgroups; of attributes, Laney's factor
                between what was seen and what chance alone would give (1 without)
    points      points that the limits were made from
    subgroup    most values in a subgroup, 1 for single values and attributes
    multiple    how many standard deviations the limits are from the centre; of a CUSUM, the
                decision interval h in sigmas
    parameter   λ of an EWMA, reference value k of a CUSUM in sigmas
    start       where both sums of a CUSUM start, as a share of h (head start)
    """

    kind: ChartKind
    centre: float
    sigma: float
    points: int
    subgroup: int = 1
    multiple: float = 3.0
    parameter: float = float("nan")
    start: float = 0.0

    def save(self) -> dict[str, Any]:
        """A JSON-able value from which `Chart.load` makes the same chart."""
        saved = asdict(self)
        if self.parameter != self.parameter:
            del saved["parameter"]
        return saved

    @staticmethod
    def load(saved: dict[str, Any]) -> Chart:
        """The chart that `save` gave."""
        return Chart(**saved)


@dataclass(frozen=True, slots=True)
class Points:
    """One track of a chart, float64[n] each; NaN where there is no point or no such limit.

    sigma   standard deviation of the plotted statistic times multiple / 3, so that limits are at
            3 sigma, and a third of the way to them is zone C of the rules
    """

    statistic: str
    value: Values
    centre: Values
    lower: Values
    upper: Values
    sigma: Values

    def z(self) -> Values:
        """Distance from the centre in sigmas, which is what rules look at."""
        return np.asarray((self.value - self.centre) / self.sigma, np.float64)

    def outside(self) -> npt.NDArray[np.bool_]:
        """Which points lie beyond a limit."""
        return np.asarray((self.value > self.upper) | (self.value < self.lower), np.bool_)


def track(
    statistic: str, value: Values, centre: Values, error: Values, multiple: float,
    least: float = -np.inf, most: Values | float = np.inf,
) -> Points:  # fmt: skip
    """Points with limits `multiple` standard errors from the centre, no lower than `least`."""
    wide = multiple * error
    lower, upper = np.maximum(centre - wide, least), np.minimum(centre + wide, most)
    return Points(statistic, value, centre, lower, upper, wide / 3)


def check_points(count: int) -> None:
    if count < _LEAST:
        raise DataError(
            f"points with a value: {count}; a chart needs at least {_LEAST}, better 20 to 30"
        )


def check_spread(sigma: float, centre: float) -> None:
    # A constant such as 0.1 has a mean that is not 0.1: what is left of rounding is no spread.
    if sigma <= 1e-12 * abs(centre) or sigma == 0:
        raise DataError(
            f"all values are {centre:g}: they have no spread that limits could be set from; "
            "record more digits, or look whether the sensor is stuck"
        )
