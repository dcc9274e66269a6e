"""What to do at each level of wear: replace, or when to look again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydantic import Field

from gemel.core.errors import Refused
from gemel.core.frame import Values
from gemel.core.wear.degradation import Process
from gemel.core.wear.upkeep import Upkeep
from gemel.parts.solvers.maintenance.base import (
    Action,
    MaintenanceSolver,
    Plan,
    Prices,
    fitting,
    prices,
    run_to_failure,
)

__all__ = ["Markov"]

_ROUNDS = 200


class Markov(MaintenanceSolver):
    """Semi-Markov decision process over cells of measured wear, solved by policy iteration: exact
    on its grid (Howard 1971). At an inspection it is replaced, or looked at again after one to
    `longest` steps; the wait may depend on the level, so it costs no more than any threshold with
    inspections every so many steps.

    A step is `inspect_every`, or else a fiftieth of the mean life. Failures must show by
    themselves.
    """

    cells: int = Field(120, ge=10, le=1000, description="Cells of the level")
    longest: int = Field(60, ge=1, le=500, description="Steps to the next inspection at most")

    def uncovered(self, upkeep: Upkeep, asset: str) -> tuple[str, ...]:
        one = upkeep.assets[asset]
        found = []
        if one.wear is None:
            found.append(f"'{asset}' says no wear that could be measured")
        if one.inspection_cost is None:
            found.append(f"'{asset}' says no inspection_cost")
        if not one.announced:
            found.append(f"a failure of '{asset}' does not show by itself")
        return tuple(found)

    def plan(self, upkeep: Upkeep, asset: str) -> Plan:
        fitting(self, upkeep, asset)
        chain = self._chain(upkeep, asset)
        waits = np.zeros(len(chain.levels), np.int64)  # as if it ran to failure
        waits[:] = len(chain.moves) - 1
        replaces = np.zeros(len(waits), np.bool_)
        for _ in range(_ROUNDS):
            cost, value = chain.evaluated(waits, replaces)
            better_waits, better_replaces = chain.improved(cost, value, waits, replaces)
            if (better_waits == waits).all() and (better_replaces == replaces).all():
                break
            waits, replaces = better_waits, better_replaces
        return self._told(upkeep, asset, chain, waits, replaces)

    def judge(self, upkeep: Upkeep, asset: str, action: Action) -> Plan:
        """A threshold with inspections every so often, in whole steps; or a schedule of its own."""
        fitting(self, upkeep, asset)
        chain = self._chain(upkeep, asset)
        step = chain.step
        if action.schedule is not None:
            starts = np.array([level for level, _ in action.schedule])
            place = np.maximum(np.searchsorted(starts, chain.levels + 1e-12, side="right") - 1, 0)
            times = np.array([time for _, time in action.schedule])[place]
            if action.every is not None:
                times[0] = action.every
            replaces = times == 0
            replaces[0] = False
            waits = np.rint(times / step).astype(np.int64) - 1
            waits[replaces] = waits[0]
        elif action.every is not None and action.level is not None:
            replaces = chain.levels >= action.level
            replaces[0] = False
            waits = np.full(len(replaces), round(action.every / step) - 1)
        else:
            raise Refused("the action is neither a schedule nor a threshold with its interval")
        if waits.min() < 0 or waits.max() >= self.longest:
            raise Refused(f"inspections must be 1 to {self.longest} steps of {step:g} apart")
        return self._told(upkeep, asset, chain, waits, replaces)

    def _chain(self, upkeep: Upkeep, asset: str) -> _Chain:
        one = upkeep.assets[asset]
        assert one.wear is not None  # noqa: S101 - uncovered looked
        process = one.wear.process()
        step = process.mean_life / 50
        if one.inspect_every is not None:
            step = one.inspect_every / upkeep.period
        return _Chain.of(
            process, step, self.cells, self.longest, prices(upkeep, one), one.inspection_cost or 0.0
        )

    @staticmethod
    def _told(
        upkeep: Upkeep, asset: str, chain: _Chain, waits: npt.NDArray[np.int64],
        replaces: npt.NDArray[np.bool_],
    ) -> Plan:  # fmt: skip
        cost, _ = chain.evaluated(waits, replaces)
        often = chain.stationary(waits, replaces)
        n = np.arange(len(waits))
        taken = np.where(replaces, waits[0], waits)
        start = np.where(replaces, 0, n)
        fails = float(often @ chain.fails[taken, start])
        planned = float(often @ replaces)
        works = float(often @ chain.works[taken, start])
        price, looks = chain.price, 1 - fails
        length = works + planned * price.planned_time + fails * price.failure_time
        parts = {
            "planned": planned * (price.planned - price.planned_down) / length,
            "failures": fails * (price.failure - price.failure_down) / length,
            "standstill": (planned * price.planned_down + fails * price.failure_down) / length,
            "inspections": looks * chain.look / length,
        }
        parts = {name: value for name, value in parts.items() if value}
        schedule: list[tuple[float, float]] = []
        for i in range(1, len(waits)):
            told = 0.0 if replaces[i] else _time(chain, waits[i])
            if not schedule or told != schedule[-1][1]:
                schedule.append((float(chain.edges[i]), told))
        first = _time(chain, waits[0])
        return Plan(
            Action("schedule", every=first, schedule=tuple(schedule)), cost, parts,
            length / (planned + fails), fails / (planned + fails),
            run_to_failure(upkeep, upkeep.assets[asset]), exact=False,
            notes=(f"exact on {len(waits)} cells of the level, in steps of {chain.step:.4g}",),
        )  # fmt: skip


def _time(chain: _Chain, wait: np.int64) -> float:
    return float((wait + 1) * chain.step)


@dataclass(frozen=True, slots=True)
class _Chain:
    """levels  float64[n]: of each cell; the first is that of a new one, which is no cell
    edges   float64[n]: where each cell begins
    moves   float64[w, n, n]: to which cell in so many steps, failed ones as new
    fails, works  float64[w, n]: chance to fail, mean time of work until the next decision
    """

    step: float
    levels: Values
    edges: Values
    moves: Values
    fails: Values
    works: Values
    price: Prices
    look: float

    @classmethod
    def of(
        cls, process: Process, step: float, cells: int, longest: int, price: Prices, look: float
    ) -> _Chain:
        edges = np.linspace(process.floor, process.limit, cells + 1)
        middle = 0.5 * (edges[1:] + edges[:-1])
        levels = np.append(0.0, middle)
        moves = np.zeros((longest, cells + 1, cells + 1))
        fails, works = np.zeros((2, longest, cells + 1))
        for w in range(longest):
            time = (w + 1) * step
            inside = process.cells(levels, edges, time)
            stretch = process.stretch(levels, time)
            # What quadrature loses or gains is made up, so that rows are chances.
            inside *= ((1 - stretch.fails) / np.maximum(inside.sum(axis=1), 1e-300))[:, None]
            moves[w, :, 1:] = inside
            moves[w, :, 0] = 1 - inside.sum(axis=1)
            fails[w], works[w] = moves[w, :, 0], stretch.works
        starts = np.append(min(0.0, process.floor), edges[:-1])
        return cls(step, levels, starts, moves, fails, works, price, look)

    def _of(
        self, waits: npt.NDArray[np.int64], replaces: npt.NDArray[np.bool_]
    ) -> tuple[Values, Values, Values]:
        """Cost and time until the next decision, and where it is taken, of a policy."""
        n = np.arange(len(waits))
        start, wait = np.where(replaces, 0, n), np.where(replaces, waits[0], waits)
        cost, time = self._steps()
        return (
            cost[wait, start] + replaces * self.price.planned,
            time[wait, start] + replaces * self.price.planned_time,
            self.moves[wait, start],
        )

    def _steps(self) -> tuple[Values, Values]:
        """float64[w, n] each: cost and time of going on."""
        cost = self.fails * self.price.failure + (1 - self.fails) * self.look
        return cost, self.works + self.fails * self.price.failure_time

    def evaluated(
        self, waits: npt.NDArray[np.int64], replaces: npt.NDArray[np.bool_]
    ) -> tuple[float, Values]:
        """Cost of a period in the long run, and the value of each state beside that of new."""
        cost, time, moves = self._of(waits, replaces)
        n = len(cost)
        system = np.eye(n) - moves
        system[:, 0] = time  # the value of new is 0; in its place stands the cost of a period
        found = np.linalg.solve(system, cost)
        value = found.copy()
        value[0] = 0.0
        return float(found[0]), np.asarray(value)

    def improved(
        self, cost: float, value: Values, waits: npt.NDArray[np.int64],
        replaces: npt.NDArray[np.bool_],
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:  # fmt: skip
        """The policy that looks best by these values; what is as good stays."""
        step_cost, step_time = self._steps()
        going = step_cost - cost * step_time + self.moves @ value
        best = np.argmin(going, axis=0)
        n = np.arange(len(value))
        kept = going[waits, n] <= going[best, n] + 1e-10 * (1 + abs(cost))
        best = np.where(kept, waits, best)
        renewed = self.price.planned - cost * self.price.planned_time + going[best[0], 0]
        now = going[best, n]
        replace = np.where(replaces, renewed <= now + 1e-10, renewed < now - 1e-10)
        replace[0] = False
        return best, replace

    def stationary(self, waits: npt.NDArray[np.int64], replaces: npt.NDArray[np.bool_]) -> Values:
        """How often a decision is taken in each state, float64[n]."""
        _, _, moves = self._of(waits, replaces)
        n = len(moves)
        system = np.vstack([(np.eye(n) - moves).T[1:], np.ones(n)])
        return np.asarray(np.linalg.solve(system, np.append(np.zeros(n - 1), 1.0)))
