"""Look now and then, and replace what is worn beyond a threshold."""

from __future__ import annotations

from math import inf

import numpy as np

from gemel.core.errors import Refused
from gemel.core.frame import Values
from gemel.core.probability import gamma_cdf, panels
from gemel.core.wear.degradation import GammaProcess, Process, WienerProcess
from gemel.core.wear.upkeep import Upkeep
from gemel.parts.solvers.maintenance._least import least
from gemel.parts.solvers.maintenance.base import (
    Action,
    MaintenanceSolver,
    Plan,
    fitting,
    prices,
    run_to_failure,
)

__all__ = ["Condition"]

_CELLS = 400
_NODES = 8


class Condition(MaintenanceSolver):
    """Threshold on measured wear with periodic inspection, by renewal reward: costs and length of a
    cycle are sums over the visits of inspections to each level.

    Gamma wear never falls, so these visits are a sum of gamma distributions, counted in cells of
    the level. Wiener wear fails when it first reaches the limit; the visits solve an integral
    equation, by Gauss and Legendre quadrature. The interval between inspections is searched, unless
    `inspect_every` is given.
    """

    def uncovered(self, upkeep: Upkeep, asset: str) -> tuple[str, ...]:
        one = upkeep.assets[asset]
        found = []
        if one.wear is None:
            found.append(f"'{asset}' says no wear that could be measured")
        if one.inspection_cost is None:
            found.append(f"'{asset}' says no inspection_cost")
        if not one.announced and one.downtime_cost == 0:
            found.append(f"a failure of '{asset}' that nobody notices costs nothing: give "
                         "downtime_cost")  # fmt: skip
        if one.inspection_cost == 0 and one.inspect_every is None:
            found.append(f"inspections of '{asset}' cost nothing: watch it at all times, or give "
                         "inspect_every")  # fmt: skip
        return tuple(found)

    def plan(self, upkeep: Upkeep, asset: str) -> Plan:
        fitting(self, upkeep, asset)
        one, process = upkeep.assets[asset], _process(upkeep, asset)
        if one.inspect_every is not None:
            every = one.inspect_every / upkeep.period
        else:
            # Costs have a valley for each number of inspections in a life.
            grid = np.geomspace(process.mean_life / 100, 2 * process.mean_life, 40)
            every = least(lambda t: _best(upkeep, asset, t)[0], grid, rounds=16)
        _, level, cell = _best(upkeep, asset, every)
        near = np.clip(level + np.linspace(-1, 1, 5) * cell, 1e-9, process.limit)
        level = least(lambda m: self._told(upkeep, asset, every, m).cost, near, rounds=12)
        return self._told(upkeep, asset, every, level)

    def judge(self, upkeep: Upkeep, asset: str, action: Action) -> Plan:
        fitting(self, upkeep, asset)
        if action.every is None or action.level is None:
            raise Refused("the action says not both how often to inspect and at which level")
        if not 0 < action.level <= _process(upkeep, asset).limit:
            raise Refused(f"level {action.level:g} is not between 0 and the limit")
        return self._told(upkeep, asset, action.every, action.level)

    @staticmethod
    def _told(upkeep: Upkeep, asset: str, every: float, level: float) -> Plan:
        one = upkeep.assets[asset]
        visits, fails, works = _cycle(_process(upkeep, asset), every, level)
        cost, parts, length = _priced(upkeep, asset, every, visits, fails, works)
        return Plan(
            Action("condition", every=every, level=level), float(cost), parts, float(length),
            float(fails), run_to_failure(upkeep, one), exact=True,
        )  # fmt: skip


def _priced(
    upkeep: Upkeep, asset: str, every: float, visits: float, fails: float, works: float
) -> tuple[float, dict[str, float], float]:
    """Of a cycle with so many intervals, this chance to fail, and this time of work."""
    one = upkeep.assets[asset]
    looks = visits - fails if one.announced else visits
    more = {"inspections": looks * (one.inspection_cost or 0.0)}
    time = works
    if not one.announced:
        time = visits * every
        more["unnoticed"] = one.downtime_cost * (time - works)
    return prices(upkeep, one).rates(fails, time, more)


def _process(upkeep: Upkeep, asset: str) -> Process:
    wear = upkeep.assets[asset].wear
    assert wear is not None  # noqa: S101 - uncovered looked
    return wear.process()


def _best(upkeep: Upkeep, asset: str, every: float) -> tuple[float, float, float]:
    """The least cost with this interval, its threshold, and to within what that is known."""
    process = _process(upkeep, asset)
    cycles = _cycles if isinstance(process, GammaProcess) else _passages
    levels, visits, fails, works = cycles(process, every)
    costs = [
        _priced(upkeep, asset, every, v, f, w)[0]
        for v, f, w in zip(visits.tolist(), fails.tolist(), works.tolist(), strict=True)
    ]
    best = int(np.argmin(costs))
    return costs[best], float(levels[best]), float(levels[-1] - levels[-2])


def _cycle(process: Process, every: float, level: float) -> tuple[float, float, float]:
    """Mean number of intervals of a cycle, its chance to end by failure, mean time of work."""
    if isinstance(process, GammaProcess):
        _, visits, fails, works = _cycles(process, every, level)
        return float(visits[-1]), float(fails[-1]), float(works[-1])
    assert isinstance(process, WienerProcess)  # noqa: S101 - there are two
    spread = process.spread * np.sqrt(every)
    count = int(np.clip((level - process.floor) / spread, 4, 24))
    nodes, weight = panels(process.floor, level, count, _NODES)
    start = process.density(np.zeros(1), nodes, every)[0]
    kernel = process.density(nodes, nodes, every)
    # How often inspections find each level below the threshold: m = k₀ + ∫ m k.
    visits = np.linalg.solve(np.eye(len(nodes)) - kernel.T * weight[None, :], start) * weight
    first, later = process.stretch(np.zeros(1), every), process.stretch(nodes, every)
    return (
        1 + float(visits.sum()),
        float(first.fails[0] + visits @ later.fails),
        float(first.works[0] + visits @ later.works),
    )


def _passages(process: Process, every: float) -> tuple[Values, Values, Values, Values]:
    """As `_cycles`, of wear that may fall: in cells, and so less exact than `_cycle`.

    With A = I − Kᵀ over all cells, the visits below a threshold solve the leading part of A. Its
    factors L and U are those of all leading parts, so f · A⁻¹ k₀ is a running sum for every f.
    """
    spread = process.wander * np.sqrt(every)
    n = int(np.clip(4 * (process.limit - process.floor) / spread, 80, 320))
    edges = np.linspace(process.floor, process.limit, n + 1)
    middle = 0.5 * (edges[1:] + edges[:-1])
    start = process.cells(np.zeros(1), edges, every)[0]
    upper = np.eye(n) - process.cells(middle, edges, every).T
    for i in range(n - 1):  # dominant diagonals: no pivots are needed
        factor = upper[i + 1 :, i] / upper[i, i]
        upper[i + 1 :, i:] -= factor[:, None] * upper[i, i:]
        start[i + 1 :] -= factor * start[i]
    first, later = process.stretch(np.zeros(1), every), process.stretch(middle, every)
    wanted = np.stack([np.ones(n), later.fails, later.works])
    for i in range(n):  # Uᵀ w = f, for the three at once
        wanted[:, i] /= upper[i, i]
        wanted[:, i + 1 :] -= wanted[:, i, None] * upper[i, i + 1 :]
    sums = np.cumsum(wanted * start, axis=1)
    above = edges[1:] > 0
    return (
        edges[1:][above], 1 + sums[0][above], first.fails[0] + sums[1][above],
        first.works[0] + sums[2][above],
    )  # fmt: skip


def _cycles(
    process: Process, every: float, top: float = inf
) -> tuple[Values, Values, Values, Values]:
    """Thresholds, float64[n], up to `top` or the limit, and of each the figures of `_cycle`."""
    assert isinstance(process, GammaProcess)  # noqa: S101 - the caller looked
    top = min(top, process.limit)
    edges = np.linspace(0, top, _CELLS + 1)
    visits = np.zeros(_CELLS)
    after = process.shape * every
    k, chunk = 0, 64
    while True:
        # P(level after k intervals in cell) for the next k, at once.
        steps = np.arange(k + 1, k + chunk + 1)
        shapes = after * steps
        inside = np.asarray(gamma_cdf(shapes[:, None], edges[None, :] / process.scale))
        visits += np.diff(inside, axis=1).sum(axis=0)
        k += chunk
        if inside[-1, -1] < 1e-13:
            break
    middle = 0.5 * (edges[1:] + edges[:-1])
    later = process.stretch(middle, every)
    first = process.stretch(np.zeros(1), every)
    return (
        edges[1:],
        1 + np.cumsum(visits),
        first.fails[0] + np.cumsum(visits * later.fails),
        first.works[0] + np.cumsum(visits * later.works),
    )
