"""Forecasts of what a supply file tells the history of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from gemel.core.errors import ConfigurationError, DataError
from gemel.core.frame import Values
from gemel.core.supply import Supply
from gemel.core.time import duration_text
from gemel.runtime.supply_files import Described, History

if TYPE_CHECKING:
    from gemel.twin.planning.supply import Outlook

__all__ = ["forecast_supply"]


def forecast_supply(read: Described, now: int) -> tuple[Supply, dict[str, Outlook]]:
    """The supply with laws of what is forecast, and the forecasts from `now` (ns, local time) on.

    Raises `ConfigurationError` where a history ended longer ago than one looks ahead.
    """
    # Compiled, and most plants have no supply network.
    from dataclasses import replace

    from gemel.twin.learning.tasks.panels import Grid
    from gemel.twin.planning.supply import outlook_of

    supply, period = read.supply, read.supply.period
    horizon = max(2, round(supply.looks / period))
    found: dict[str, Outlook] = {}
    for name, history in read.histories.items():
        where = read.document.where(("stages", name, "demand"))
        seen, gap = _until(history, now, period)
        if gap > horizon:
            raise ConfigurationError(
                f"the history of '{name}' ends {gap} periods of {duration_text(period)} ago, and "
                f"{horizon} are looked ahead; bring newer rows, or say --start", where,
            )  # fmt: skip
        firm = _firm(history, now - gap * period, period, horizon + gap)
        grid = Grid(history.begin, period, "time")
        try:
            whole = outlook_of(name, seen, grid, horizon + gap, firm)
        except DataError as error:
            raise ConfigurationError(str(error), where) from None
        found[name] = replace(
            whole, mean=whole.mean[gap:], low=whole.low[gap:], high=whole.high[gap:],
            errors=whole.errors[:, gap:], firm=whole.firm[gap:],
        )  # fmt: skip
    return _with_laws(supply, found), found


def _with_laws(supply: Supply, outlooks: Mapping[str, Outlook]) -> Supply:
    stages = {
        name: stage.model_copy(update={"demand": outlooks[name].law}) if name in outlooks else stage
        for name, stage in supply.stages.items()
    }
    return supply.model_copy(update={"stages": stages})


def _until(history: History, now: int, period: int) -> tuple[Values, int]:
    """What was seen until now, and periods between its end and now."""
    before = max(0, (now - history.begin) // period)
    seen = history.seen[:before]
    if not len(seen):
        raise ConfigurationError("there is no history before now; see --start")
    return seen, int(before - len(seen))


def _firm(history: History, begin: int, period: int, count: int) -> Values:
    at = (history.order_time - begin) // period
    inside = (at >= 0) & (at < count)
    return np.bincount(
        at[inside].astype(np.int64), weights=history.order_units[inside], minlength=count
    ).astype(np.float64)
