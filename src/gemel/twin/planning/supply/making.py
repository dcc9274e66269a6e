"""The whole of a supply network: forecasts, rules, what comes, risk, moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from gemel.core.errors import Refused
from gemel.core.stock.disruption import Chain
from gemel.core.stock.network import Rule
from gemel.core.supply import Supply
from gemel.twin.planning.stocks import Answer, answered
from gemel.twin.planning.supply.ahead import (
    Ahead,
    Order,
    ahead,
    luck_of,
    orders_now,
    steady_orders,
)
from gemel.twin.planning.supply.moves import Moves, moved
from gemel.twin.planning.supply.outlook import Outlook
from gemel.twin.planning.supply.risk import Risk, Service, risks, service

__all__ = ["Effort", "SupplyPlan", "rules_of", "supply_plan"]


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is played: periods and replications of the long run, replications from now on."""

    periods: int = 1_000
    replications: int = 40
    ahead: int = 400
    seed: int = 0


@dataclass(frozen=True, slots=True)
class SupplyPlan:
    """What comes, what to do, what is the risk."""

    supply: Supply
    now: int
    effort: Effort
    outlooks: Mapping[str, Outlook]
    answers: tuple[Answer, ...]
    rules: Mapping[str, Rule]
    ahead: Mapping[str, Ahead]
    orders: tuple[Order, ...]
    service: Service
    risks: tuple[Risk, ...]
    moves: Moves | None


def rules_of(supply: Supply, effort: Effort) -> tuple[tuple[Answer, ...], dict[str, Rule]]:
    """The best rules of each part of the network. Raises `Refused` where none is known for a
    stage."""
    answers = tuple(
        answered(part, effort.periods, effort.replications, effort.seed) for part in supply.parts()
    )
    rules: dict[str, Rule] = {}
    for answer in answers:
        # Known orders have no rule that holds on: what comes after them is not known.
        names = set(answer.network.stages)
        chosen = next((o for o in answer.options if set(o.rules) == names), None)
        if chosen is None:
            raise Refused(
                f"no rule is known for {', '.join(answer.network.stages)}: demand of kind `known` "
                "ends; give a law or a table"
            )
        rules |= chosen.rules
    if supply.whole:
        rules = {name: _whole(rule) for name, rule in rules.items()}
    return answers, rules


def _whole(rule: Rule) -> Rule:
    """Levels and quantities of whole units."""
    update = {
        name: float(ceil(value - 1e-9))
        for name in ("level", "reorder", "quantity")
        if (value := getattr(rule, name)) is not None
    }
    return rule.model_copy(update=update)


def supply_plan(
    supply: Supply, outlooks: Mapping[str, Outlook], chains: Mapping[str, Chain], now: int,
    effort: Effort | None = None, *,
    known: tuple[tuple[Answer, ...], dict[str, Rule]] | None = None,
) -> SupplyPlan:  # fmt: skip
    """Plan all of it from `now` (ns, local time). `known` are rules that were found before, for the
    same network with other stock.

    Raises `Refused` where no policy covers a part of the network, with the reasons.
    """
    effort = Effort() if effort is None else effort
    answers, rules = rules_of(supply, effort) if known is None else known
    periods = max(2, round(supply.looks / supply.period))
    draws = luck_of(supply, outlooks, periods, effort.ahead, effort.seed)
    steady = steady_orders(supply, rules, outlooks, periods)
    args = (effort.periods, effort.replications, effort.seed)
    return SupplyPlan(
        supply, now, effort, outlooks, answers, rules, ahead(supply, rules, draws),
        tuple(orders_now(supply, rules)), service(supply, rules, *args),
        tuple(risks(supply, rules, chains, supply.looks, *args)), moved(supply, steady, now),
    )  # fmt: skip
