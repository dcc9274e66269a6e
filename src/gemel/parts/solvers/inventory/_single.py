"""What solvers of a single stage share: reasons, and cost over the time that an order takes."""

from __future__ import annotations

from collections.abc import Mapping

from gemel.core.errors import DataError, Refused
from gemel.core.stock.demand import Counted, Law, Normally
from gemel.core.stock.network import Network, Rule, Stage
from gemel.parts.solvers.inventory.base import only_stage

__all__ = ["Costs", "costs_of", "given_rule", "reasons_single"]


def reasons_single(
    network: Network, kinds: tuple[str, ...], *, backorders: bool = True
) -> list[str]:
    """Why a network is not one stage with one of these demands, a cost of keeping, and one of
    waiting customers where `backorders`."""
    if len(network.stages) != 1:
        return [f"it is for one stage by itself; here {len(network.stages)} supply one another"]
    name, stage = only_stage(network)
    if stage.repair_share is not None:
        return [f"stage '{name}' is repaired, not bought"]
    found = []
    if stage.demand is None or stage.demand.kind not in kinds:
        has = "none" if stage.demand is None else stage.demand.kind
        found.append(f"demand of '{name}' is {has}; it takes {', '.join(kinds)}")
    if not network.holding(name):
        found.append(f"'{name}' says no holding_cost, and no price from which it would follow")
    if backorders and stage.lost_sale_cost is not None:
        found.append(f"customers of '{name}' do not wait (lost_sale_cost)")
    elif backorders and stage.backorder_cost is None and stage.service is None:
        found.append(f"'{name}' says neither backorder_cost nor service: what a shortage costs")
    return found


class Costs:
    """h(y − D)⁺ + b(D − y)⁺ on average: of a period whose position was y when what arrives at its
    end at the latest was ordered."""

    def __init__(self, law: Law, holding: float, backorder: float) -> None:
        self.law, self.holding, self.backorder = law, holding, backorder

    def __call__(self, y: float) -> float:
        short = self.law.short(y)
        return self.holding * (y - self.law.mean + short) + self.backorder * short

    @property
    def least(self) -> float:
        """Where it is least."""
        return self.law.quantile(self.backorder / (self.backorder + self.holding))


def costs_of(network: Network) -> Costs:
    """Of the one stage. Where only a share of service is wanted, a unit that is owed is taken to
    cost what makes that share right of a single order: h · s / (1 − s)."""
    name, stage = only_stage(network)
    law = law_of(network, name, stage)
    holding = network.holding(name)
    assert holding is not None  # noqa: S101 - reasons_single looked
    backorder = stage.backorder_cost
    if backorder is None:
        assert stage.service is not None  # noqa: S101 - reasons_single looked
        backorder = holding * stage.service / (1 - stage.service)
    return Costs(law, holding, backorder)


def law_of(network: Network, name: str, stage: Stage) -> Counted | Normally:
    """Of what is wanted while an order is under way."""
    assert stage.demand is not None  # noqa: S101 - reasons_single looked
    spread = network.periods(stage.lead_time_spread)
    law = stage.demand.over(network.exposure(name), spread)
    if not isinstance(law, Counted | Normally):
        raise Refused(
            f"'{name}': {stage.demand.kind} demand over {network.exposure(name):g} periods"
            + (" that are spread" if spread else "") + " has no known law; give normal demand"
        )  # fmt: skip
    return law


def spread_reasons(network: Network) -> list[str]:
    """Why the demand over the lead time has no law."""
    name, stage = only_stage(network)
    try:
        law_of(network, name, stage)
    except (Refused, DataError) as error:
        return [str(error)]
    return []


def given_rule(network: Network, rules: Mapping[str, Rule], kind: str) -> Rule:
    """The rule of the one stage. Raises `Refused` where it is of another kind."""
    name, _ = only_stage(network)
    rule = rules.get(name)
    if rule is None or rule.kind != kind:
        has = "none" if rule is None else rule.kind
        raise Refused(f"rule of '{name}' is {has}, must be {kind}")
    return rule
