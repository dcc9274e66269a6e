"""Gauge repeatability and reproducibility: how much of what is measured is the measuring.

A crossed study: every appraiser measures every part equally often. Two methods: analysis of
variance, and averages and ranges.

Sources: AIAG, Measurement Systems Analysis, 4th edition, chapter III; intervals of sums of mean
squares: F. A. Graybill and C.-M. Wang, Journal of the American Statistical Association 75 (1980)
869-873; their use for gauges: R. K. Burdick, C. M. Borror and D. C. Montgomery, Journal of Quality
Technology 35 (2003) 342-354.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, sqrt
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from gemel.core.control.constants import constants, range_mean
from gemel.core.control.quantiles import chi2_quantile, f_above
from gemel.core.errors import DataError
from gemel.core.frame import Values

__all__ = ["Component", "Gauge", "Method", "Row", "crossed", "gauge"]

Method: TypeAlias = Literal["anova", "range"]

_POOL: Final = 0.25
"""An interaction that chance makes as large this often is taken to be none (AIAG)."""
_MANY: Final = 15
"""With more ranges than this, d2 is used for d2* (AIAG, appendix C)."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table of variances; `f` and `p` are NaN where nothing is compared."""

    source: str
    df: int
    sum: float
    mean: float
    f: float
    p: float


@dataclass(frozen=True, slots=True)
class Component:
    """One part of the variation.

    name        EV equipment (repeatability), AV appraisers, INT appraisers × parts, GRR all three
                together, PV parts, TV all
    deviation   standard deviation; `low` to `high` at the confidence asked for, NaN where no
                interval is standard
    study       % of the total variation; these do not add up to 100, their squares do
    tolerance   % of the tolerance taken by six standard deviations; NaN without a tolerance
    """

    name: str
    deviation: float
    low: float
    high: float
    study: float
    tolerance: float


@dataclass(frozen=True, slots=True)
class Gauge:
    """What a study says of a gauge. `table` is empty for averages and ranges; `pooled` if the
    interaction went into repeatability; `categories` is how many classes of parts the gauge can
    tell apart (ndc), None if it errs too little for a number."""

    method: Method
    parts: int
    appraisers: int
    trials: int
    table: tuple[Row, ...]
    pooled: bool
    components: tuple[Component, ...]
    categories: int | None
    confidence: float

    def component(self, name: str) -> Component:
        """A component by its name."""
        return next(c for c in self.components if c.name == name)

    def verdict(self) -> Literal["good", "marginal", "unfit"]:
        """AIAG: good below 10 % of the study variation, and of the tolerance if there is one;
        marginal to 30 %; a gauge that tells fewer than five classes apart is never good."""
        grr = self.component("GRR")
        worst = max(v for v in (grr.study, grr.tolerance) if v == v)
        if worst > 30:
            return "unfit"
        few = self.categories is not None and self.categories < 5
        return "marginal" if worst > 10 or few else "good"


def crossed(parts: Sequence[Any], appraisers: Sequence[Any], values: npt.ArrayLike) -> Values:
    """Measurements in any order as float64[parts, appraisers, trials].

    Raises `DataError` if a value is missing, or not every appraiser measured every part equally
    often; the message names the first of them.
    """
    measured = np.asarray(values, np.float64)
    cells: dict[tuple[Any, Any], list[float]] = {}
    for i, (part, appraiser, value) in enumerate(
        zip(parts, appraisers, measured.tolist(), strict=True)
    ):
        if not np.isfinite(value):
            raise DataError(
                f"measurement {i + 1} (part {part}, appraiser {appraiser}) has no value; a crossed "
                "study needs all of them"
            )
        cells.setdefault((part, appraiser), []).append(value)
    rows, columns = list(dict.fromkeys(parts)), list(dict.fromkeys(appraisers))
    if len(rows) < 2 or len(columns) < 2:
        raise DataError(
            f"{len(rows)} parts and {len(columns)} appraisers; a study needs at least 2 of each, "
            "better 10 and 3"
        )
    most = max(len(c) for c in cells.values())
    for part in rows:
        for appraiser in columns:
            found = len(cells.get((part, appraiser), []))
            if found != most:
                raise DataError(
                    f"appraiser {appraiser} measured part {part} {_times(found)}, others "
                    f"{_times(most)}; in a crossed study all are measured equally often"
                )
    if most < 2:
        raise DataError("every part was measured once; repeatability needs at least 2 trials")
    return np.array([[cells[part, appraiser] for appraiser in columns] for part in rows])


def _times(count: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(count, f"{count} times")


def gauge(
    measured: npt.ArrayLike,
    *,
    method: Method = "anova",
    tolerance: float | None = None,
    confidence: float = 0.95,
) -> Gauge:
    """What float64[parts, appraisers, trials] say of the gauge, at least 2 of each.

    `tolerance` is the width of the specification. Raises `DataError` if all values are equal, or
    `tolerance` is not positive.
    """
    x = np.asarray(measured, np.float64)
    if x.ndim != 3 or min(x.shape) < 2 or not np.isfinite(x).all():
        raise DataError("a study needs values of at least 2 parts, 2 appraisers and 2 trials")
    if tolerance is not None and not tolerance > 0:
        raise DataError(f"tolerance is {tolerance:g}, must be greater than 0")
    if float(np.ptp(x)) == 0:
        raise DataError(f"all values are {x.flat[0]:g}: the gauge does not tell parts apart at all")
    table: tuple[Row, ...] = ()
    pooled = False
    sure: dict[str, tuple[float, float]] = {}
    if method == "anova":
        table = _table(x)
        pooled = table[2].p > _POOL
        found, sure = _from_table(x, table, pooled, confidence)
    else:
        found = _from_ranges(x)
    grr, total = sqrt(found["GRR"]), sqrt(found["GRR"] + found["PV"])
    found["TV"] = total**2
    components = []
    for name in ("EV", "AV", "INT", "GRR", "PV", "TV"):
        if name in found:
            deviation = sqrt(found[name])
            low, high = sure.get(name, (float("nan"),) * 2)
            percent = float("nan") if tolerance is None else 600 * deviation / tolerance
            study = 100 * deviation / total
            components.append(Component(name, deviation, low, high, study, percent))
    categories = floor(1.41 * sqrt(found["PV"]) / grr) if grr > 0 else None
    p, o, r = x.shape
    return Gauge(method, p, o, r, table, pooled, tuple(components), categories, confidence)


def _table(x: Values) -> tuple[Row, ...]:
    """Variances of parts, appraisers, their interaction, and equipment; two-way, crossed."""
    p, o, r = x.shape
    mean = x.mean()
    by_part, by_appraiser = x.mean(axis=(1, 2)), x.mean(axis=(0, 2))
    cell = x.mean(axis=2)
    parts = o * r * float(((by_part - mean) ** 2).sum())
    appraisers = p * r * float(((by_appraiser - mean) ** 2).sum())
    apart = cell - by_part[:, None] - by_appraiser[None, :] + mean
    interaction = r * float((apart**2).sum())
    equipment = float(((x - cell[:, :, None]) ** 2).sum())
    both, rest = (p - 1) * (o - 1), p * o * (r - 1)
    between = _row("appraisers × parts", both, interaction, equipment / rest, rest)
    # What parts and appraisers are compared with: the interaction, unless it is taken to be none.
    against, df = interaction / both, both
    if between.p > _POOL:
        against, df = (interaction + equipment) / (both + rest), both + rest
    return (
        _row("parts", p - 1, parts, against, df),
        _row("appraisers", o - 1, appraisers, against, df),
        between,
        Row("equipment", rest, equipment, equipment / rest, float("nan"), float("nan")),
    )


def _row(source: str, df: int, total: float, against: float, rest: int) -> Row:
    """A line compared with the mean square `against` of `rest` degrees of freedom."""
    f = total / df / against if against > 0 else float("inf") if total > 0 else float("nan")
    p = f_above(f, df, rest) if f < float("inf") else 0.0
    return Row(source, df, total, total / df, f, p if f == f else float("nan"))


def _from_table(
    x: Values, table: tuple[Row, ...], pooled: bool, confidence: float
) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
    """Variances by name, and intervals of the standard deviations of EV and GRR."""
    p, o, r = x.shape
    parts, appraisers, interaction, equipment = table
    found: dict[str, float] = {}
    if pooled:
        df = interaction.df + equipment.df
        error = (interaction.sum + equipment.sum) / df
        against = error
        # Written as a sum of mean squares, so that an interval can be told.
        terms = [(1 / (p * r), appraisers.mean, appraisers.df), (1 - 1 / (p * r), error, df)]
    else:
        df, error, against = equipment.df, equipment.mean, interaction.mean
        found["INT"] = max((interaction.mean - error) / r, 0.0)
        terms = [
            (1 / (p * r), appraisers.mean, appraisers.df),
            ((p - 1) / (p * r), interaction.mean, interaction.df),
            ((r - 1) / r, error, df),
        ]
    found["EV"] = error
    found["AV"] = max((appraisers.mean - against) / (p * r), 0.0)
    found["GRR"] = found["EV"] + found["AV"] + found.get("INT", 0.0)
    found["PV"] = max((parts.mean - against) / (o * r), 0.0)
    sure = {"EV": _interval([(1.0, error, df)], confidence), "GRR": _interval(terms, confidence)}
    return found, sure


def _interval(terms: list[tuple[float, float, int]], confidence: float) -> tuple[float, float]:
    """Interval of the root of Σ c·MS, (c, MS, degrees of freedom) each, c ≥ 0: modified large
    sample; exact for one term."""
    miss = (1 - confidence) / 2
    total = sum(c * mean for c, mean, _ in terms)
    down = up = 0.0
    for c, mean, df in terms:
        down += ((1 - df / chi2_quantile(1 - miss, df)) * c * mean) ** 2
        up += ((df / chi2_quantile(miss, df) - 1) * c * mean) ** 2
    return sqrt(max(total - sqrt(down), 0.0)), sqrt(total + sqrt(up))


def _from_ranges(x: Values) -> dict[str, float]:
    """Variances by name, from averages and ranges; there is no interaction."""
    p, o, r = x.shape
    trials = constants(r).d2 if p * o > _MANY else range_mean(r, p * o)
    equipment = (float(np.ptp(x, axis=2).mean()) / trials) ** 2
    between = float(np.ptp(x.mean(axis=(0, 2)))) / range_mean(o, 1)
    appraisers = max(between**2 - equipment / (p * r), 0.0)
    parts = (float(np.ptp(x.mean(axis=(1, 2)))) / range_mean(p, 1)) ** 2
    return {"EV": equipment, "AV": appraisers, "GRR": equipment + appraisers, "PV": parts}
