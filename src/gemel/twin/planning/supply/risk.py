"""Which stage is the risk, and what a second source or more stock there would bring."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from gemel.core.frame import Values
from gemel.core.stock.disruption import Chain, Chance, chance_of
from gemel.core.stock.draws import draw
from gemel.core.stock.network import Disruption, Network, Rule, SecondSource
from gemel.core.stock.play import Figure, Played, played
from gemel.core.stock.survive import exposures
from gemel.core.time import DAY
from gemel.twin.planning.stocks import warm_up

__all__ = ["Remedy", "Risk", "Service", "risks", "service"]

_YEAR: Final = 365 * DAY
_WORST: Final = 6
"""Stages for which remedies are played out, the riskiest ones."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """What something brings: of a year, in cost (less is saved, more is spent) and in units that
    customers do not get or get late."""

    what: str
    cost: Figure
    missing: Figure
    units: float = 0.0


@dataclass(frozen=True, slots=True)
class Risk:
    """What the failure of a stage means.

    chance    that it fails within the horizon
    yearly    the same within a year
    up        share of time in which it works; None where nobody said how it fails
    survive   periods that all customers are served without it, from what is at hand now
    recover   periods until it works again; None where nobody said
    missing   units of the stages that sell which are not served until then
    cost      of these
    expected  cost times the chance within a year
    index     `expected` as a share of the worst one's: the risk exposure index
    """

    stage: str
    chance: Chance | None
    yearly: Chance | None
    up: float | None
    survive: float
    recover: float | None
    missing: Mapping[str, float]
    cost: float | None
    expected: float | None
    index: float | None
    remedies: tuple[Remedy, ...] = ()


@dataclass(frozen=True, slots=True)
class Service:
    """In the long run, disruptions and spread lead times included.

    fill   of each stage that sells: share served at once
    lost   of each: units lost in a year
    lead   of each stage: periods from its order until it is there; median, 90 % and 99 %
    cost   of a year
    """

    fill: Mapping[str, Figure]
    lost: Mapping[str, Figure]
    lead: Mapping[str, tuple[Figure, Figure, Figure]]
    cost: Figure


def service(network: Network, rules: Mapping[str, Rule], periods: int, often: int,
            seed: int) -> Service:  # fmt: skip
    """Play the rules for long."""
    warm = warm_up(network, periods)
    found = played(network, [rules], periods=periods, warm=warm, replications=often, seed=seed,
                   trace=often)  # fmt: skip
    year = _YEAR / network.period
    sells = [n for n in found.stages if network.stages[n].sells]
    lost = {n: found.columns["lost"][0, :, found.stages.index(n)] for n in sells}
    return Service(
        {n: found.fill(n) for n in sells},
        {n: Figure.of(lost[n] * year) for n in sells},
        {n: _leads(found, j, warm) for j, n in enumerate(found.stages)},
        Figure.of(found.cost[0] * year),
    )


def _leads(found: Played, j: int, warm: int) -> tuple[Figure, Figure, Figure]:
    """First in, first out: a unit ordered as number n is there when n have arrived."""
    quantiles = np.full((len(found.trace), 3), np.nan)
    for r, trace in enumerate(found.trace):
        ordered, arrived = trace[:, j, 3], trace[:, j, 4]
        at = np.flatnonzero(np.diff(ordered, prepend=0.0) > 1e-9)
        at = at[at >= warm]
        there = np.searchsorted(arrived, ordered[at] - 1e-6)
        known = there < len(arrived)
        # What has not come by the end is left out with all that was ordered after the last that
        # has: the rest would be too short.
        if known.any():
            quantiles[r] = np.quantile((there - at)[known], (0.5, 0.9, 0.99), method="inverted_cdf")
    kept = quantiles[np.isfinite(quantiles[:, 0])]
    if not len(kept):
        nothing = Figure(float("nan"), float("nan"), float("nan"))
        return nothing, nothing, nothing
    first, second, third = (Figure.of(kept[:, k]) for k in range(3))
    return first, second, third


def risks(
    network: Network, rules: Mapping[str, Rule], chains: Mapping[str, Chain], horizon: int,
    periods: int, often: int, seed: int,
) -> list[Risk]:  # fmt: skip
    """Of every stage that can fail or whose recovery is said, the worst first; those for which
    nothing of this is said are left out. `horizon` in ns."""
    known = {}
    for name, stage in network.stages.items():
        recovery = stage.recovery
        if recovery is None and stage.disruption is not None:
            recovery = stage.disruption.lasts
        if recovery is not None:
            known[name] = stage.model_copy(update={"recovery": recovery})
    if not known:
        return []
    asked = network.with_stages({**network.stages, **known})
    at_hand = {n: s.at_hand for n, s in network.stages.items()}
    found = []
    for one in exposures(asked, at_hand):
        if one.stage not in known:
            continue
        disruption = known[one.stage].disruption
        chance = yearly = None
        if disruption is not None:
            chance, yearly = (
                _chance(chains.get(one.stage), disruption, time) for time in (horizon, _YEAR)
            )
        expected = None if yearly is None or one.cost is None else one.cost * yearly.value
        found.append(Risk(
            one.stage, chance, yearly, None if disruption is None else disruption.availability,
            one.survive, one.recover, one.missing, one.cost, expected, None,
        ))  # fmt: skip
    worst = max((r.expected for r in found if r.expected is not None), default=0.0)
    if worst > 0:
        found = [r if r.expected is None else replace(r, index=r.expected / worst) for r in found]
    found.sort(key=lambda r: (-(r.expected or 0.0), -(r.cost or 0.0), r.survive))
    failing = [r.stage for r in found if network.stages[r.stage].disruption is not None][:_WORST]
    remedies = _remedies(network, rules, failing, periods, often, seed)
    return [replace(r, remedies=remedies.get(r.stage, ())) for r in found]


def _chance(chain: Chain | None, disruption: Disruption, time: int) -> Chance:
    """Learned from a history where there is one."""
    return chance_of(disruption, time) if chain is None else chain.chance(time / chain.step)


def _remedies(
    network: Network, rules: Mapping[str, Rule], failing: list[str], periods: int, often: int,
    seed: int,
) -> dict[str, tuple[Remedy, ...]]:  # fmt: skip
    """A second source that brings all that is needed at the same price and in the same time, and
    stock for a failure of mean length: each played beside the rules as they are, on the same
    chance."""
    if not failing:
        return {}
    warm = warm_up(network, periods)
    draws = draw(network, warm + periods, often, seed)
    wanted = network.throughput()
    year = _YEAR / network.period
    more, units = [], {}
    for name in failing:
        disruption = network.stages[name].disruption
        assert disruption is not None  # noqa: S101 - they fail
        units[name] = wanted[name] * network.periods(disruption.lasts)
        more.append({**rules, name: _raised(rules[name], units[name])})
    base = played(network, [rules, *more], warm=warm, draws=draws)
    found: dict[str, tuple[Remedy, ...]] = {}
    for k, name in enumerate(failing):
        stage = network.stages[name]
        backed = stage.model_copy(update={"second": SecondSource(capacity=1e15)})
        other = network.with_stages({**network.stages, name: backed})
        second = played(other, [rules], warm=warm, draws=draws)
        found[name] = (
            _remedy("a second source", base, second, 0, 0.0, year),
            _remedy("more stock", base, base, k + 1, units[name], year),
        )
    return found


def _remedy(
    what: str, base: Played, other: Played, rules: int, units: float, year: float
) -> Remedy:
    def missing(played: Played, which: int) -> Values:
        columns = played.columns
        return np.asarray((columns["wanted"][which] - columns["at_once"][which]).sum(axis=-1))

    cost = Figure.of((other.cost[rules] - base.cost[0]) * year)
    fewer = Figure.of((missing(other, rules) - missing(base, 0)) * year)
    return Remedy(what, cost, fewer, units)


def _raised(rule: Rule, units: float) -> Rule:
    """The same rule with so much more kept."""
    update = {
        name: value + units
        for name in ("level", "reorder")
        if (value := getattr(rule, name)) is not None
    }
    return rule.model_copy(update=update)
