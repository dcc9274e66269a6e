"""From now on: what is there on which day, what runs out, what to order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import floor

import numpy as np

from gemel.core.control.quantiles import beta_quantile
from gemel.core.frame import Values
from gemel.core.stock.disruption import Chance
from gemel.core.stock.draws import Draws, draw, whole_periods
from gemel.core.stock.network import Network, Rule
from gemel.core.stock.play import Played, played
from gemel.twin.planning.supply.outlook import Outlook

__all__ = ["Ahead", "Order", "ahead", "orders_now", "share_of", "steady_orders"]

_SIDES = (0.05, 0.5, 0.95)
_LEAST = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Ahead:
    """Of one stage, over h periods from now.

    low, middle, high  float64[h]: at hand at the end of each period; 5, 50 and 95 %
    out     chance that it once cannot give what is wanted of it
    first   of the runs in which that happens: period in which it begins, 10 % and median; None
            where it happens in none
    missed  units that customers do not get, or get late, on average
    """

    low: Values
    middle: Values
    high: Values
    out: Chance
    first: tuple[int, int] | None
    missed: float


@dataclass(frozen=True, slots=True)
class Order:
    """What to order now."""

    stage: str
    quantity: float
    position: float
    rule: Rule


def luck_of(network: Network, outlooks: Mapping[str, Outlook], periods: int, often: int,
            seed: int) -> Draws:  # fmt: skip
    """Chance of what comes: demand as forecast where there is an outlook."""
    draws = draw(network, periods, often, seed)
    demand = draws.demand.copy()
    luck = np.random.default_rng([seed, 7]).random(often)
    for d, name in enumerate(draws.sells):
        if name in outlooks:
            demand[:, :, d] = outlooks[name].paths(luck)[:, :periods]
    return replace(draws, demand=demand)


def ahead(network: Network, rules: Mapping[str, Rule], draws: Draws) -> dict[str, Ahead]:
    """Play on from what is at hand and on order, by stage."""
    often = len(draws.demand)
    found = played(network, [rules], draws=draws, warm=0, from_now=True, trace=often)
    return {name: _of(found, j) for j, name in enumerate(found.stages)}


def _of(found: Played, j: int) -> Ahead:
    hand, due, lost = (found.trace[:, :, j, k] for k in range(3))
    low, middle, high = np.quantile(hand, _SIDES, axis=0)
    short = np.diff(lost, axis=1, prepend=0.0) + due
    missing = short > _LEAST
    hits = np.asarray(missing.any(axis=1))
    begins = missing.argmax(axis=1)[hits]
    first = None
    if len(begins):
        early, usual = np.quantile(begins, (0.1, 0.5), method="inverted_cdf")
        first = (int(early), int(usual))
    late = np.maximum(np.diff(due, axis=1, prepend=0.0), 0.0)
    missed = float((lost[:, -1] + late.sum(axis=1)).mean())
    return Ahead(low, middle, high, share_of(int(hits.sum()), len(hits)), first, missed)


def share_of(hits: int, often: int) -> Chance:
    """With the interval of Clopper and Pearson, 90 %."""
    low = beta_quantile(0.05, hits, often - hits + 1) if hits else 0.0
    high = beta_quantile(0.95, hits + 1, often - hits) if hits < often else 1.0
    return Chance(hits / often, low, high)


def orders_now(network: Network, rules: Mapping[str, Rule]) -> list[Order]:
    """What each rule orders now, customers first: what they order is wanted of their suppliers."""
    wanted = dict.fromkeys(network.stages, 0.0)
    found = []
    for name in reversed(network.order()):
        stage, rule = network.stages[name], rules[name]
        position = stage.at_hand + sum(a.quantity for a in stage.on_order) - wanted[name]
        quantity = 0.0
        if rule.kind == "base_stock":
            quantity = (rule.level or 0.0) - position
        elif position <= (rule.reorder or 0.0):
            if rule.kind == "s_s":
                quantity = (rule.level or 0.0) - position
            else:
                lot = rule.quantity or 1.0
                quantity = (floor(((rule.reorder or 0.0) - position) / lot) + 1) * lot
        if quantity > _LEAST:
            found.append(Order(name, quantity, position, rule))
            for supplier, count in stage.after.items():
                wanted[supplier] += quantity * count
    return found[::-1]


def steady_orders(
    network: Network, rules: Mapping[str, Rule], outlooks: Mapping[str, Outlook], periods: int
) -> dict[str, Values]:
    """float64[h] by stage: what is ordered in each period if all comes as expected: demand at its
    mean, lead times as said, nothing fails."""
    sells = tuple(n for n in network.order() if network.stages[n].demand is not None)
    demand = np.empty((1, periods, len(sells)))
    for d, name in enumerate(sells):
        law = network.stages[name].demand
        usual = np.full(periods, 0.0 if law is None else law.rate)
        demand[0, :, d] = outlooks[name].mean[:periods] if name in outlooks else usual
    shape = (1, periods, 0)
    draws = Draws(sells, demand, np.zeros(shape, np.int16), np.ones(shape, np.bool_))
    found = played(network, [rules], draws=draws, warm=0, from_now=True, trace=1)
    before = [sum(a.quantity for a in network.stages[n].on_order) for n in found.stages]
    return {
        name: np.diff(found.trace[0, :, j, 3], prepend=before[j])
        for j, name in enumerate(found.stages)
    }


def lead_periods(network: Network, name: str) -> int:
    """Whole periods of a lead time."""
    return whole_periods(network, network.stages[name].lead_time)
