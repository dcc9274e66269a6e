"""The interface of stock policies: how much of what to keep, and when to order.

A solver is settings. It is given a `Network` and says in words what of it it does not cover, or
gives a `Plan`: the best rule it knows for each stage, what that costs, and how customers are
served. `judge` says the same of rules that are given, those of today for instance.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from gemel.core.errors import Refused
from gemel.core.kind import Part
from gemel.core.stock.network import Network, Rule, Stage

__all__ = ["Plan", "StockSolver", "fitting", "only_stage"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do, by stage, and what comes of it.

    rules      when how much is ordered
    orders     where demand is known: what to order in each period
    promises   where service times are promised: periods after which each stage supplies
    cost       of all stages together, of a period on average
    parts      what it is made of, by name; their sum is the cost
    fill       of each stage that sells: share of demand served at once; nothing where nobody knows
    stock      of each stage: units at hand on average, where that is known
    exact      whether `cost` is that of the rules, and no rule of the kind is better; or an
               approximation
    notes      what must be known beside it, in sentences
    """

    rules: Mapping[str, Rule]
    cost: float
    parts: Mapping[str, float]
    fill: Mapping[str, float]
    stock: Mapping[str, float]
    exact: bool
    orders: Mapping[str, tuple[float, ...]] | None = None
    promises: Mapping[str, float] | None = None
    notes: tuple[str, ...] = ()


class StockSolver(Part):
    """Settings of a way to plan stock."""

    api: ClassVar[int] = 1

    @abstractmethod
    def uncovered(self, network: Network) -> tuple[str, ...]:
        """Why it cannot plan this network, in sentences; nothing where it can."""

    @abstractmethod
    def plan(self, network: Network) -> Plan:
        """The best rules of its kind. Raises `Refused` with what is uncovered."""

    @abstractmethod
    def judge(self, network: Network, rules: Mapping[str, Rule]) -> Plan:
        """What given rules cost. Raises `Refused` for a network or a kind of rule that it does not
        cover."""


def only_stage(network: Network) -> tuple[str, Stage]:
    """The one stage of a network that has no other."""
    ((name, stage),) = network.stages.items()
    return name, stage


def fitting(solver: StockSolver, network: Network) -> None:
    """Raises `Refused` where the network is not covered."""
    if reasons := solver.uncovered(network):
        raise Refused("; ".join(reasons))
