"""What is left of what is under way when a simulation begins; both simulators read it here."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from gemel.core.line.distribution import Distribution
from gemel.core.line.draws import Draws
from gemel.core.line.settings import Line
from gemel.core.line.snapshot import Busy, Snapshot
from gemel.core.time import SECOND

__all__ = ["first_products", "left", "repair_left", "work_left"]

_SURE: Final = 1 - 2.0**-53


def left(distribution: Distribution, passed: float, chance: float) -> float:
    """Seconds that are left of a time of which `passed` have gone, at the share `chance` of what
    is possible; 0 where it should have ended long ago."""
    if passed <= 0:
        return float(distribution.quantiles(np.array([chance]))[0])
    below = distribution.share_below(passed)
    whole = distribution.quantiles(np.array([min(below + chance * (1 - below), _SURE)]))
    return max(0.0, float(whole[0]) - passed)


def work_left(
    line: Line, name: str, busy: Busy, draws: Draws, replication: int, k: int
) -> float:  # fmt: skip
    """Seconds of nominal work at the part that is the station's k-th, which is under way."""
    if busy.done or not busy.count:
        return 0.0
    chance = float(draws.uniforms(replication, (name, "time"), k + 1)[k])
    if busy.work_left is not None:
        return left(busy.work_left, 0.0, chance)
    return left(_time(line, name, busy), busy.worked / SECOND, chance)


def _time(line: Line, name: str, busy: Busy) -> Distribution:
    station = line.stations[name]
    if not line.products:
        return station.time
    route = line.products[busy.product].route
    for i, step in enumerate(route):
        if name in step.stations and busy.step in (None, i) and step.time is not None:
            return step.time
    return station.times.get(busy.product, station.time)


def repair_left(
    line: Line, name: str, busy: Busy, draws: Draws, replication: int, k: int
) -> float:  # fmt: skip
    """Seconds until the server that is the station's k-th under way is repaired; 0 if it runs.

    Without a name it is the cause whose repairs are most often still going on after so long.
    """
    if not busy.repaired:
        return 0.0
    chance = float(draws.uniforms(replication, (name, "repair left"), k + 1)[k])
    if busy.repair_left is not None:
        return left(busy.repair_left, 0.0, chance)
    passed = (busy.repaired_for or 0) / SECOND
    failures = line.stations[name].failures
    if busy.cause:
        return left(failures[busy.cause].repair, passed, chance)
    likely = max(
        failures.values(),
        key=lambda f: (1 - f.repair.share_below(passed)) / max(f.every.mean_s, 1e-9),
    )
    return left(likely.repair, passed, chance)


def first_products(line: Line, start: Snapshot) -> npt.NDArray[np.int64]:
    """Numbers of the products that the orders bring, in the order of their coming."""
    names = list(line.products)
    if not names or not start.orders:
        return np.zeros(0, np.int64)
    which = [names.index(order.product) for order in start.orders]
    return np.repeat(np.array(which, np.int64), [order.count for order in start.orders])
