"""Chance, drawn outside of what is played: each stage and purpose has a stream of its own."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from math import ceil

import numpy as np
import numpy.typing as npt

from gemel.core.errors import Refused
from gemel.core.frame import Values
from gemel.core.stock.demand import EmpiricalDemand, KnownDemand, NormalDemand, PoissonDemand
from gemel.core.stock.network import Network

__all__ = ["Draws", "draw", "whole_periods"]

_MOST_BYTES = 4 << 30


@dataclass(frozen=True, slots=True)
class Draws:
    """All chance of some replications.

    sells   names of the stages that sell, in the order of the columns of `demand`
    demand  float64[r, t, d]
    leads   int16[r, t, n]: lead time of what is started then; no columns where none is spread
    works   bool[r, t, n]: whether the step works; no columns where all do, always
    """

    sells: tuple[str, ...]
    demand: Values
    leads: npt.NDArray[np.int16]
    works: npt.NDArray[np.bool_]


def whole_periods(network: Network, duration: int) -> int:
    """A time in periods, rounded up: what comes within a period is there at its end."""
    return ceil(network.periods(duration) - 1e-9)


def draw(network: Network, periods: int, replications: int, seed: int) -> Draws:
    """The same seed gives the same chance, and a stage the same one whatever else there is.

    Raises `Refused` for more than memory should hold, with the way round.
    """
    order = network.order()
    sells = tuple(n for n in order if network.stages[n].demand is not None)
    cells = replications * periods * len(sells)
    if cells * 8 > _MOST_BYTES:
        raise Refused(
            f"{replications} replications of {periods} periods are {cells:.2g} draws, at most "
            f"{_MOST_BYTES // 8:.2g}; play fewer replications at a time, with other seeds"
        )
    demand = np.empty((replications, periods, len(sells)))
    for d, name in enumerate(sells):
        demand[:, :, d] = _demand(network, name, periods, replications, seed)
    shape = (replications, periods)
    leads = np.zeros((*shape, 0), np.int16)
    if any(network.stages[n].lead_time_spread for n in order):
        leads = np.stack([_leads(network, n, shape, seed) for n in order], axis=2)
    works = np.ones((*shape, 0), np.bool_)
    if any(network.stages[n].disruption for n in order):
        works = np.stack([_works(network, n, shape, seed) for n in order], axis=2)
    return Draws(sells, demand, leads, works)


def _stream(seed: int, *names: str) -> np.random.Generator:
    words = hashlib.sha256("\0".join(names).encode()).digest()
    return np.random.default_rng([seed, *np.frombuffer(words, np.uint32).tolist()])


def _demand(network: Network, name: str, periods: int, replications: int, seed: int) -> Values:
    shape = (replications, periods)
    demand, random = network.stages[name].demand, _stream(seed, name, "demand")
    match demand:
        case PoissonDemand():
            return random.poisson(demand.mean, shape).astype(np.float64)
        case NormalDemand():
            # Nobody brings back what he bought: what would be less than nothing is nothing.
            return np.maximum(demand.mean + demand.spread * random.standard_normal(shape), 0.0)
        case EmpiricalDemand():
            seen = np.array(demand.seen)
            return np.asarray(seen[random.integers(0, len(seen), shape)])
        case KnownDemand():
            if periods > len(demand.orders):
                raise Refused(f"demand of '{name}' is known for {len(demand.orders)} periods only")
            return np.broadcast_to(np.array(demand.orders[:periods]), shape)
    assert demand is not None  # noqa: S101 - who sells has one
    return np.full(shape, demand.rate)


def _leads(
    network: Network, name: str, shape: tuple[int, int], seed: int
) -> npt.NDArray[np.int16]:  # fmt: skip
    """Gamma distributed, to whole periods."""
    stage = network.stages[name]
    mean, spread = network.periods(stage.lead_time), network.periods(stage.lead_time_spread)
    if spread == 0 or mean == 0:
        return np.full(shape, whole_periods(network, stage.lead_time), np.int16)
    found = _stream(seed, name, "lead").gamma((mean / spread) ** 2, spread**2 / mean, shape)
    return np.minimum(np.rint(found), 10_000).astype(np.int16)


def _works(network: Network, name: str, shape: tuple[int, int], seed: int) -> npt.NDArray[np.bool_]:
    """Up and down for exponential times, seen at the start of each period; in the first one as it
    is said to be now."""
    disruption = network.stages[name].disruption
    if disruption is None:
        return np.ones(shape, np.bool_)
    every, lasts = network.periods(disruption.every), network.periods(disruption.lasts)
    random = _stream(seed, name, "disruption")
    _, periods = shape
    pace = 1 / every + 1 / lasts
    # The two-state chain at whole periods: exact at these times, however short a failure.
    share = every / (every + lasts)
    stays = share + (1 - share) * np.exp(-pace)
    returns = share * (1 - np.exp(-pace))
    chance = random.random(shape)
    works = np.full(shape, not disruption.down)
    for t in range(1, periods):
        works[:, t] = chance[:, t] < np.where(works[:, t - 1], stays, returns)
    return works
