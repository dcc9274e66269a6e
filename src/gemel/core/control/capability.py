"""Capability: a process compared with its specification.

Cp and Cpk ask what the process can do within subgroups, and mean something only of one that is in
control; Pp and Ppk say what it did, whether it was or not (ISO 22514-1). Where the process is not
in control the former are left out, and the result says so.

Sources: D. C. Montgomery, Introduction to Statistical Quality Control, chapter 8; intervals of Cp
and Pp: chi-square, there; of Cpk, Ppk and their sides: A. F. Bissell, Applied
Statistics 39 (1990) 331-340; of Cpm: R. A. Boyles, Journal of Quality Technology 23 (1991) 17-26.
Anderson-Darling: M. A. Stephens in R. B. D'Agostino and M. A. Stephens, Goodness-of-Fit Techniques
(1986), table 4.9.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import erfc, exp, log, pi, sqrt
from statistics import NormalDist
from typing import Final

import numpy as np
import numpy.typing as npt

from gemel.core.control.charts import ChartKind, phase_one, points
from gemel.core.control.constants import constants
from gemel.core.control.quantiles import chi2_quantile
from gemel.core.errors import DataError
from gemel.core.frame import Values

__all__ = ["Capability", "Index", "Normality", "Outside", "capability", "normality"]

_LEAST: Final = 10
"""Fewer values say next to nothing; a hundred or more are wanted."""
_FEW: Final = 50
_SURE: Final = 0.05
"""Probability below which values are said not to be normally distributed."""


@dataclass(frozen=True, slots=True)
class Index:
    """An index with the interval that holds it at the wanted confidence, and the method of it."""

    name: str
    value: float
    low: float
    high: float
    method: str


@dataclass(frozen=True, slots=True)
class Normality:
    """Anderson-Darling statistic, and the probability that normal values have one as large."""

    statistic: float
    probability: float


@dataclass(frozen=True, slots=True)
class Outside:
    """Parts per million beyond the limits; NaN where there is no such limit."""

    below: float
    above: float

    @property
    def total(self) -> float:
        """Beyond either limit."""
        return sum(v for v in (self.below, self.above) if v == v)


@dataclass(frozen=True, slots=True)
class Capability:
    """What a process can do; lengths in the unit of the values.

    within          standard deviation within subgroups, with `freedom` degrees of freedom; of
                    single values from their moving ranges
    overall         sample standard deviation of all values
    outside_chart   points beyond the limits of the control chart, location or spread
    indices         Cp, Cpl, Cpu, Cpk, Cpm as far as they may be told, and Pp, Ppl, Ppu, Ppk
    observed, within_expected, overall_expected     ppm outside: counted, and of a normal
                    distribution with either standard deviation
    remarks         sentences that a reader must know
    """

    values: int
    mean: float
    within: float
    freedom: float
    overall: float
    lower: float | None
    upper: float | None
    target: float | None
    confidence: float
    chart: str
    points: int
    outside_chart: int
    indices: tuple[Index, ...]
    normality: Normality
    observed: Outside
    within_expected: Outside
    overall_expected: Outside
    remarks: tuple[str, ...]

    @property
    def in_control(self) -> bool:
        """Whether no point lies beyond a limit of the chart."""
        return self.outside_chart == 0

    def index(self, name: str) -> Index | None:
        """An index by its name; None if it is not told."""
        return next((i for i in self.indices if i.name == name), None)


def capability(
    values: npt.ArrayLike,
    lower: float | None = None,
    upper: float | None = None,
    *,
    target: float | None = None,
    confidence: float = 0.95,
    anyway: bool = False,
) -> Capability:
    """Compare values float64[n], or subgroups of them float64[g, m], with specification limits.

    NaN is left out. With one limit, the indices of that side are told, and Cpk is that one.
    `anyway` tells Cp, Cpk and Cpm also of a process that is not in control.

    Raises `DataError` with fewer than 10 values, without spread, without a limit, or with limits in
    the wrong order.
    """
    if lower is None and upper is None:
        raise DataError("no specification limit; give a lower one, an upper one, or both")
    if lower is not None and upper is not None and lower >= upper:
        raise DataError(f"lower limit {lower:g} is not below the upper limit {upper:g}")
    if not 0.5 <= confidence < 1:
        raise DataError(f"confidence is {confidence:g}, must be at least 0.5 and less than 1")
    rows = np.asarray(values, np.float64)
    grouped = rows.ndim == 2 and rows.shape[1] > 1
    rows = rows if grouped else rows.ravel()
    known = rows[np.isfinite(rows)]
    if len(known) < _LEAST:
        raise DataError(f"{len(known)} values; capability needs at least {_LEAST}, better 100")
    kind: ChartKind = "xbar-s" if grouped else "i-mr"
    chart = phase_one(kind, rows)
    location, spread = points(chart, rows)
    # Moving ranges of normal values pass their limit three times as often as other statistics do,
    # and tell little that the values do not: single values are judged by themselves.
    tracks = (location, spread) if grouped else (location,)
    out = np.any([track.outside() for track in tracks], axis=0)
    within, freedom = _pooled(rows) if grouped else (chart.sigma, _freedom(len(known)))
    mean, overall = float(known.mean()), float(known.std(ddof=1))
    stable = not out.any()
    indices: list[Index] = []
    if stable or anyway:
        indices += _indices("C", mean, within, freedom, len(known), lower, upper, confidence)
        if target is not None and lower is not None and upper is not None:
            indices.append(_about_target(known, lower, upper, target, confidence))
    indices += _indices("P", mean, overall, len(known) - 1.0, len(known), lower, upper, confidence)
    shape = normality(known)
    observed = Outside(
        float("nan") if lower is None else 1e6 * float((known < lower).mean()),
        float("nan") if upper is None else 1e6 * float((known > upper).mean()),
    )
    return Capability(
        len(known), mean, within, freedom, overall, lower, upper, target, confidence, kind,
        int(np.isfinite(location.value).sum()), int(out.sum()), tuple(indices), shape, observed,
        _expected(mean, within, lower, upper), _expected(mean, overall, lower, upper),
        tuple(_remarks(int(out.sum()), stable or anyway, shape, len(known), target, lower, upper)),
    )  # fmt: skip


def _remarks(
    out: int, told: bool, shape: Normality, values: int, target: float | None,
    lower: float | None, upper: float | None,
) -> list[str]:  # fmt: skip
    said = []
    if out:
        points = "1 point lies" if out == 1 else f"{out} points lie"
        what = (
            "Cp and Cpk are told because you asked; they describe no process that will be there "
            "tomorrow"
            if told
            else "Cp and Cpk are not told: find the cause first, then look again"
        )
        said.append(f"the process is not in control ({points} beyond the control limits): {what}")
    if shape.probability < _SURE:
        said.append(
            "the values are not normally distributed (Anderson-Darling "
            f"{shape.statistic:.3g}, p {_shown(shape.probability)}): expected ppm and intervals "
            "are then no more than rough"
        )
    if values < _FEW:
        said.append(f"{values} values are few; the intervals say how little is known")
    if target is not None and (lower is None or upper is None):
        said.append("Cpm needs both limits beside the target")
    return said


def _shown(probability: float) -> str:
    return "below 0.0001" if probability < 1e-4 else f"{probability:.2g}"


def _pooled(rows: Values) -> tuple[float, float]:
    """Standard deviation within subgroups float64[g, m], and its degrees of freedom."""
    count = np.isfinite(rows).sum(axis=1)
    used = rows[count > 1]
    apart = used - np.nanmean(used, axis=1, keepdims=True)
    freedom = float((count[count > 1] - 1).sum())
    return sqrt(float(np.nansum(apart**2)) / freedom), freedom


def _freedom(values: int) -> float:
    """Degrees of freedom of a sample standard deviation that is as sure as one from the moving
    ranges of independent normal values; about 0.61 for each value.

    Neighbouring ranges share a value: the covariance of |x - y| and |y - z| is that of two normal
    variables with correlation -1/2, (4 √(3)/2 + 2 π/6 - 4) / π.
    """
    ranges = values - 1
    two = constants(2)
    shared = (2 * sqrt(3) + pi / 3 - 4) / pi
    variance = (ranges * two.d3**2 + 2 * (ranges - 1) * shared) / (ranges * two.d2) ** 2
    return 1 / (2 * variance)


def _indices(
    letter: str, mean: float, sigma: float, freedom: float, values: int,
    lower: float | None, upper: float | None, confidence: float,
) -> list[Index]:  # fmt: skip
    """Cp, Cpl, Cpu, Cpk (letter C) or Pp, Ppl, Ppu, Ppk (letter P)."""
    found = []
    miss = (1 - confidence) / 2
    if lower is not None and upper is not None:
        value = (upper - lower) / (6 * sigma)
        found.append(
            Index(
                f"{letter}p", value, value * sqrt(chi2_quantile(miss, freedom) / freedom),
                value * sqrt(chi2_quantile(1 - miss, freedom) / freedom), "chi-square",
            )
        )  # fmt: skip
    sides = []
    z = NormalDist().inv_cdf(1 - miss)
    for name, room in (
        ("l", None if lower is None else mean - lower),
        ("u", None if upper is None else upper - mean),
    ):
        if room is not None:
            value = room / (3 * sigma)
            half = z * sqrt(1 / (9 * values) + value**2 / (2 * freedom))
            sides.append(Index(f"{letter}p{name}", value, value - half, value + half, "Bissell"))
    worst = min(sides, key=lambda i: i.value)
    return [
        *found, *sides, Index(f"{letter}pk", worst.value, worst.low, worst.high, worst.method)
    ]  # fmt: skip


def _about_target(
    known: Values, lower: float, upper: float, target: float, confidence: float
) -> Index:
    n, spread = len(known), float(known.std(ddof=1))
    off = (float(known.mean()) - target) / spread
    value = (upper - lower) / (6 * spread * sqrt(1 + off**2))
    freedom = n * (1 + off**2) ** 2 / (1 + 2 * off**2)
    miss = (1 - confidence) / 2
    low, high = (sqrt(chi2_quantile(p, freedom) / freedom) for p in (miss, 1 - miss))
    return Index("Cpm", value, value * low, value * high, "Boyles")


def _expected(mean: float, sigma: float, lower: float | None, upper: float | None) -> Outside:
    def beyond(distance: float) -> float:
        return 0.5e6 * erfc(distance / sigma / sqrt(2))

    return Outside(
        float("nan") if lower is None else beyond(mean - lower),
        float("nan") if upper is None else beyond(upper - mean),
    )


def normality(values: npt.ArrayLike) -> Normality:
    """Anderson-Darling test that values float64[n], n at least 8, are normally distributed with
    whatever mean and standard deviation. Raises `DataError` for fewer, or without spread."""
    known = np.sort(np.asarray(values, np.float64).ravel())
    known = known[np.isfinite(known)]
    n = len(known)
    if n < 8:
        raise DataError(f"{n} values; the Anderson-Darling test needs at least 8")
    spread = float(known.std(ddof=1))
    if spread == 0:
        raise DataError(f"all values are {known[0]:g}: they have no distribution to look at")
    z = ((known - known.mean()) / spread).tolist()
    below = [_log_cdf(v) for v in z]
    above = [_log_cdf(-v) for v in reversed(z)]
    total = sum((2 * i + 1) * (below[i] + above[i]) for i in range(n))
    statistic = -n - total / n
    a = statistic * (1 + 0.75 / n + 2.25 / n**2)
    if a >= 0.6:
        # The formula turns up again beyond 153; there is nothing left by then.
        p = exp(1.2937 - 5.709 * a + 0.0186 * a * a) if a < 13 else 0.0
    elif a > 0.34:
        p = exp(0.9177 - 4.279 * a - 1.38 * a * a)
    elif a > 0.2:
        p = 1 - exp(-8.318 + 42.796 * a - 59.938 * a * a)
    else:
        p = 1 - exp(-13.436 + 101.14 * a - 223.73 * a * a)
    return Normality(statistic, p)


def _log_cdf(z: float) -> float:
    """Logarithm of the normal distribution function, also where it is next to nothing."""
    tail = 0.5 * erfc(-z / sqrt(2))
    if tail > 0:
        return log(tail)
    return -z * z / 2 - log(-z * sqrt(2 * pi))
