"""How much will be wanted: a forecast of a stage's demand, and how wrong such forecasts were."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Any, Final

import numpy as np

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.core.stock.demand import Demand, EmpiricalDemand, NormalDemand
from gemel.parts.forecasters.base import Panel
from gemel.twin.learning.evaluation import forecast_scores as scores
from gemel.twin.learning.evaluation.rolling import Rolled, roll
from gemel.twin.learning.tasks.candidates import Tried, chosen
from gemel.twin.learning.tasks.panels import Grid, seasons_of

__all__ = ["Outlook", "outlook_of"]

_SIDES: Final = (0.05, 0.5, 0.95)
_ORIGINS: Final = 40
_REFIT: Final = 10
_SHARES: Final = (0.5, 0.6, 0.7, 0.8)
_FEWEST: Final = 7
"""Held-out origins that say at all how wrong forecasts are."""
_RARE: Final = 0.3
"""With more zeros than this, or a smaller mean than `_FEW`, no normal law fits."""
_FEW: Final = 10.0
_KEPT: Final = 400
_CELLS: Final = 1_000


@dataclass(frozen=True, slots=True, eq=False)
class Outlook:
    """Demand of the coming h periods.

    mean, low, high  float64[h]: with 90 % between them; what is ordered already counts as wanted
    errors    float64[o, h]: what came less what had been forecast, at origins that were held out;
              whole paths, so that what goes wrong together stays together
    firm      float64[h]: what is ordered already; more than that is taken from the forecast
    law       of a usual period, for rules that hold on
    how       what told it, in words
    coverage  share of held-out periods within low and high; None where nothing was forecast
    """

    mean: Values
    low: Values
    high: Values
    errors: Values
    firm: Values
    law: Demand
    how: str
    coverage: float | None = None

    def paths(self, luck: Values) -> Values:
        """float64[r, h]: what may come, for float64[r] uniform luck; the same luck gives outlooks
        of one length the same held-out days."""
        at = np.minimum((luck * len(self.errors)).astype(np.int64), len(self.errors) - 1)
        return np.maximum(self.mean + self.errors[at], self.firm)


def outlook_of(name: str, seen: Values, grid: Grid, horizon: int, firm: Values) -> Outlook:
    """From float64[n], the demand of n periods up to now, nothing left out.

    The forecaster is chosen by forecasts of rows before the first held-out origin; errors are those
    of later ones. A history that is too short for that is used as it was seen. Raises
    `DataError` where nothing was ever wanted, or something is negative.
    """
    if (seen < 0).any():
        wrong = int(np.flatnonzero(seen < 0)[0])
        raise DataError(
            f"demand of '{name}' is {seen[wrong]:g} in period {wrong + 1} of its history; what "
            "came back is no demand: leave it out"
        )
    if not seen.any():
        raise DataError(f"nothing was ever wanted of '{name}'")
    rows = len(seen)
    panel = Panel((name,), grid.time(np.arange(rows)), seen[None, :])
    seasons = seasons_of(grid, rows) or (1,)
    begun = _chosen(panel, seasons, horizon)
    if begun is None:
        return _as_seen(seen, horizon, firm)
    tried, first = begun
    room = rows - horizon - first
    # Origins on the same day of the week, where there are enough.
    stride = seasons[0] if room >= 10 * seasons[0] else 1
    stride *= max(1, ceil(room / (stride * _ORIGINS)))
    origins = list(range(rows - horizon, first - 1, -stride))[::-1]
    rolled = roll(tried.part.fit, panel, origins, horizon, season=seasons[-1], refit=_REFIT)
    found = tried.part.fit(panel).forecast(panel, horizon)
    mean = np.maximum(found.mean[0], 0.0)
    errors = rolled.truth[0] - np.maximum(rolled.mean[0], 0.0)
    coverage = float(scores.coverage(rolled, _SIDES[0], _SIDES[2]))
    low, high = (np.maximum(found.at(side)[0], 0.0) for side in (_SIDES[0], _SIDES[2]))
    how = f"{tried.title}, {len(origins)} held-out forecasts"
    return Outlook(
        np.maximum(mean, firm), np.maximum(low, firm), np.maximum(high, firm), errors, firm,
        _law(seen, mean, rolled), how, coverage,
    )  # fmt: skip


def _chosen(
    panel: Panel, seasons: tuple[int, ...], horizon: int
) -> tuple[Tried, int] | None:  # fmt: skip
    """The forecaster, and the rows that it was chosen by: as few as are enough, so that many are
    left to tell how wrong it is. None where all are too few."""
    common: dict[str, Any] = {"horizon": horizon, "levels": list(_SIDES)}
    rows = len(panel)
    for share in _SHARES:
        first = round(share * rows)
        if rows - horizon - first < _FEWEST:
            return None
        try:
            return chosen(panel.until(first), seasons, common, lambda _: None), first
        except DataError:
            continue
    return None


def _as_seen(seen: Values, horizon: int, firm: Values) -> Outlook:
    """Too short for a forecast: any period seen is as likely as any other."""
    random = np.random.default_rng(len(seen))
    mean = float(seen.mean())
    errors = random.choice(seen, (200, horizon)) - mean
    low, high = np.quantile(seen, (0.05, 0.95))
    whole = np.ones(horizon)
    return Outlook(
        np.maximum(mean * whole, firm), np.maximum(low * whole, firm),
        np.maximum(high * whole, firm), errors, firm,
        _law(seen, mean * whole, None), f"as seen in {len(seen)} periods",
    )  # fmt: skip


def _law(seen: Values, mean: Values, rolled: Rolled | None) -> Demand:
    """Of a period that is like those to come: spread by what forecasts missed, where demand comes
    all the time; as it was seen, where it comes now and then."""
    rate = float(mean.mean())
    if (seen == 0).mean() > _RARE or rate < _FEW:
        recent = seen[-_KEPT:]
        lot = max(0.001, float(recent.max()) / _CELLS)
        lot = 1.0 if lot <= 1 and np.allclose(recent, np.rint(recent)) else lot
        if recent.any():
            return EmpiricalDemand(seen=tuple((np.rint(recent / lot) * lot).round(3).tolist()))
    error = seen - seen.mean() if rolled is None else rolled.truth[0] - rolled.mean[0]
    return NormalDemand(mean=max(rate, 1e-9), spread=float(np.sqrt(np.mean(error**2))))
