"""How well a learned line tells what comes: fitted on what was known, held against later weeks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import nan
from typing import Any, Final

import numpy as np

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.core.line.closed import WEEK
from gemel.twin.planning.learned.endings import finished
from gemel.twin.planning.learned.from_log import PRODUCTS, learn_from_log
from gemel.twin.planning.learned.log import Flags, Log
from gemel.twin.planning.learned.onward import Outlook

__all__ = ["Judged", "Validation", "crps", "validate"]

BAND: Final = (0.05, 0.95)
_LAST: Final = 4
"""Periods whose mean is the naive forecast of the next."""
_FEWEST: Final = 3


@dataclass(frozen=True, slots=True)
class Judged:
    """Forecasts beside what came: means over what was told.

    error      mean absolute difference of the median from what came
    crps       continuous ranked probability score, less is better; the same as `error` for a
               forecast without a spread
    coverage   share of what came inside the band that should hold 90 %
    width      of the band
    count      how many were told
    """

    error: float
    crps: float
    coverage: float
    width: float
    count: int

    def record(self) -> dict[str, float]:
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Period:
    """One that was told: cases that left in it, by the line and by the mean of the last."""

    begin: float
    left: int
    told: Values
    naive: float


@dataclass(frozen=True, slots=True)
class Validation:
    """Of a log, period after period.

    throughput, naive_throughput   cases per period: of the line, and of the mean of the last four
                                   (a Poisson band)
    lead, naive_lead               seconds from the first work to the last, of the cases that begin
                                   in the period: of the line, and of the finished cases so far
    periods                        each
    period_s, futures, seed        protocol
    unfinished                     cases that had not left when the log ended; their scores go to
                                   there
    """

    throughput: Judged
    naive_throughput: Judged
    lead: Judged
    naive_lead: Judged
    periods: tuple[Period, ...]
    period_s: float
    futures: int
    seed: int
    unfinished: int

    def record(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            "period_s": self.period_s,
            "periods": [
                {"begin_s": p.begin, "left": p.left, "told": float(np.median(p.told)),
                 "low": float(np.quantile(p.told, BAND[0])),
                 "high": float(np.quantile(p.told, BAND[1])), "naive": p.naive}
                for p in self.periods
            ],
            "throughput": self.throughput.record(),
            "naive_throughput": self.naive_throughput.record(),
            "lead_s": self.lead.record(),
            "naive_lead_s": self.naive_lead.record(),
            "futures": self.futures,
            "seed": self.seed,
            "unfinished": self.unfinished,
        }  # fmt: skip


def validate(
    log: Log,
    *,
    periods: int | None = None,
    period: float = WEEK,
    futures: int = 40,
    products: int = PRODUCTS,
    seed: int = 0,
    until: float | None = None,
    informed: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> Validation:
    """Fit on all before a period, tell the period, go on to the next: the last `periods` (a third
    of all if not given) of whole periods before `until` (the end of the log if not given).

    Nothing of a period or of what came behind it is known to its forecast; but which cases are
    finished is, as an order system knows it, unless not `informed`. Cases whose last work
    lies within the log are what is told; where nobody knows whether a case is finished at the end
    of the log, it is taken to be. Raises `DataError` for a log that is too short.
    """
    end = log.until if until is None else until
    begin = float(log.start.min())
    first = np.floor(begin / period) * period if period >= WEEK else begin
    whole = int(np.floor((end - first) / period + 1e-9))
    count = max(1, whole // 3) if periods is None else periods
    if whole - count < _FEWEST:
        raise DataError(
            f"the log holds {whole} whole periods of {period / 86_400:.3g} days; to tell {count} "
            f"of them at least {count + _FEWEST} are needed"
        )
    bounds = log.bounds
    began = log.start[bounds[:-1]]
    running = np.isnan(np.maximum.reduceat(log.end, bounds[:-1]))
    left = np.maximum.reduceat(np.where(np.isnan(log.end), log.until, log.end), bounds[:-1])
    told: list[Period] = []
    flows: list[tuple[Judged, Judged]] = []
    leads: list[tuple[Judged, Judged]] = []
    unfinished = 0
    for k in range(count):
        at = first + (whole - count + k) * period
        known = log.cut(at, left <= at if informed else None)
        learned = learn_from_log(known, products=products)
        outlook = Outlook(learned, known, period, seed)
        played = [outlook.play(r) for r in range(futures)]
        some = np.array([float((f.gone < period).sum()) for f in played])
        before = np.array(
            [int(((left >= at - (j + 1) * period) & (left < at - j * period)).sum())
             for j in range(min(_LAST, whole - count + k))]
        )  # fmt: skip
        naive = float(before.mean())
        really = int(((left >= at) & (left < at + period) & ~running).sum())
        told.append(Period(at, really, some, naive))
        chance = np.random.default_rng([seed, k]).poisson(naive, 2_000).astype(np.float64)
        actual = np.array([float(really)])
        flows.append((judged(some, actual), judged(chance, actual)))
        inside = (began >= at) & (began < at + period)
        took, open_ = (left - began)[inside], running[inside]
        unfinished += int(open_.sum())
        mine = np.concatenate([f.leads for f in played])
        past = _leads(known)[finished(known)]
        if len(took) and len(mine) and len(past):
            leads.append(
                (judged(mine, took, open_, log.until - began[inside]),
                 judged(past, took, open_, log.until - began[inside]))
            )  # fmt: skip
        if progress is not None:
            progress(k + 1, count)
    return Validation(
        together([a for a, _ in flows]), together([b for _, b in flows]),
        together([a for a, _ in leads]), together([b for _, b in leads]),
        tuple(told), period, futures, seed, unfinished,
    )  # fmt: skip


def _leads(log: Log) -> Values:
    bounds = log.bounds
    ends = np.where(np.isnan(log.end), log.until, log.end)
    return np.asarray(np.maximum.reduceat(ends, bounds[:-1]) - log.start[bounds[:-1]])


def judged(
    forecast: Values, came: Values, open_: Flags | None = None, most: Values | None = None
) -> Judged:
    """A forecast, float64[f] drawn from it, for each of what came, float64[n].

    Where `open_`, the truth is only known to be greater. Scores go up to `most`, float64[n], where
    what comes later could not be seen: that is proper, and the same for all forecasts.
    """
    middle = float(np.median(forecast))
    low, high = np.quantile(forecast, BAND)
    still = np.zeros(len(came), np.bool_) if open_ is None else open_
    limit = np.full(len(came), np.inf) if most is None else most
    error = np.abs(np.minimum(middle, limit) - came)
    inside = (came >= low) & ((came <= high) | still)
    scores = [crps(forecast, y, c) for y, c in zip(came.tolist(), limit.tolist(), strict=True)]
    return Judged(
        float(error.mean()), float(np.mean(scores)), float(inside.mean()), float(high - low),
        len(came),
    )  # fmt: skip


def crps(forecast: Values, came: float, most: float = np.inf) -> float:
    """Continuous ranked probability score of draws: ∫ (F(x) − [x ≥ came])² dx up to `most` (T.
    Gneiting and A. Raftery, JASA 102 (2007) 359)."""
    x = np.sort(np.minimum(forecast, most))
    y = min(came, most)
    points = np.sort(np.append(x, y))
    share = np.searchsorted(x, points[:-1], side="right") / len(x)
    return float((np.diff(points) * (share - (points[:-1] >= y)) ** 2).sum())


def together(found: list[Judged]) -> Judged:
    """Means over all that was told."""
    if not found:
        return Judged(nan, nan, nan, nan, 0)
    weight = np.array([f.count for f in found], np.float64)
    means = {
        name: float(np.average([getattr(f, name) for f in found], weights=weight))
        for name in ("error", "crps", "coverage", "width")
    }
    return Judged(**means, count=int(weight.sum()))
