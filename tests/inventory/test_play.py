"""Playing a network out: equal to a plain reference, and to theory within what chance allows."""

from typing import Any

import numpy as np
import pytest

from gemel.core.errors import Refused
from gemel.core.stock.draws import draw
from gemel.core.stock.kernel import COUNTS
from gemel.core.stock.network import Network, Rule
from gemel.core.stock.play import played
from gemel.parts.solvers.inventory import INVENTORY
from gemel.testing.inventory import played_by_hand

NETWORKS: dict[str, dict[str, Any]] = {
    "row": {"stages": {
        "far": {"lead_time": "2 d"},
        "near": {"after": "far", "lead_time": "1 d", "backorder_cost": 9,
                 "demand": {"kind": "normal", "mean": 5, "spread": 2}},
    }},
    "two shops": {"review": "periodic", "stages": {
        "depot": {"lead_time": "2 d"},
        "north": {"after": "depot", "demand": {"kind": "poisson", "mean": 3}, "lead_time": "1 d"},
        "south": {"after": "depot", "lost_sale_cost": 5.0, "lead_time": "3 d",
                  "demand": {"kind": "empirical", "seen": [0, 0, 7, 14]}},
    }},
    "assembly": {"stages": {
        "steel": {"lead_time": "3 d", "lead_time_spread": "1 d",
                  "disruption": {"every": "20 d", "lasts": "4 d"}, "second": {"capacity": 2.5}},
        "motor": {"lead_time": "1 d", "demand": {"kind": "poisson", "mean": 1}},
        "cart": {"after": {"steel": 2, "motor": 1}, "lead_time": "0 d", "capacity": 6,
                 "demand": {"kind": "normal", "mean": 3, "spread": 1}},
    }},
}  # fmt: skip
RULES = {
    "row": {"far": {"kind": "base_stock", "level": 11}, "near": {"kind": "base_stock", "level": 7}},
    "two shops": {"depot": {"kind": "r_q", "reorder": 15, "quantity": 10},
                  "north": {"kind": "s_s", "reorder": 4, "level": 9},
                  "south": {"kind": "base_stock", "level": 20}},
    "assembly": {"steel": {"kind": "r_q", "reorder": 30, "quantity": 12},
                 "motor": {"kind": "s_s", "reorder": 5, "level": 12},
                 "cart": {"kind": "base_stock", "level": 5}},
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_equal_to_plain_python_on_the_same_draws(name: str) -> None:
    network = Network.read(NETWORKS[name])
    rules = {n: Rule(**r) for n, r in RULES[name].items()}  # type: ignore[arg-type]  # as read
    order, periods, warm = network.order(), 400, 30
    draws = draw(network, periods, 3, seed=5)
    found = played(network, [rules], warm=warm, draws=draws)
    for r in range(3):
        lead = {
            n: draws.leads[r, :, j].tolist() if draws.leads.shape[2]
            else [round(network.periods(network.stages[n].lead_time))] * periods
            for j, n in enumerate(order)
        }  # fmt: skip
        up = {
            n: draws.works[r, :, j].tolist() if draws.works.shape[2] else [True] * periods
            for j, n in enumerate(order)
        }
        demand = {n: draws.demand[r, :, d].tolist() for d, n in enumerate(draws.sells)}
        expected = played_by_hand(network, rules, demand, lead, up, periods, warm)
        for j, stage in enumerate(order):
            for place, count in enumerate(COUNTS):
                told = found.columns[count][0, r, j]
                assert told == expected[stage][place] / (periods - warm), f"{stage} {count}"


def theory(kind: str, network: dict[str, Any], periods: int = 4_000) -> None:
    """Five standard errors, of which one in two million is missed."""
    read = Network.read(network)
    plan = INVENTORY.build({"kind": kind}).plan(read)
    found = played(read, [plan.rules], periods=periods, warm=200, replications=60, seed=1)
    for name, told in plan.fill.items():
        figure = found.fill(name)
        assert abs(figure.value - told) < 5 * (figure.high - figure.low) / 4 + 1e-12, name
    figure = found.figure()
    assert abs(figure.value - plan.cost) < 5 * (figure.high - figure.low) / 4


def test_base_stock_of_a_row() -> None:
    row = {n: {**s, "holding_cost": h} for (n, s), h in zip(
        NETWORKS["row"]["stages"].items(), (2, 5), strict=True)}  # fmt: skip
    row["near"]["backorder_cost"] = 40
    for review in ("continuous", "periodic"):
        theory("serial", {"review": review, "stages": row})


def test_periodic_rules() -> None:
    poisson = {"kind": "poisson", "mean": 6}
    stage = {"holding_cost": 1, "backorder_cost": 9, "lead_time": "2 d", "demand": poisson}
    theory("s_s", {"review": "periodic", "stages": {"a": {**stage, "order_cost": 20}}})
    theory("newsvendor", {"review": "periodic", "stages": {"a": stage}})


def test_rare_demand_in_short_periods_is_nearly_continuous() -> None:
    """At most one is wanted in most periods, so that (r, Q) by the period is that by the piece."""
    stage = {"demand": {"kind": "poisson", "mean": 0.02}, "lead_time": "100 d", "holding_cost": 1,
             "backorder_cost": 20, "order_cost": 60}  # fmt: skip
    network = Network.read({"stages": {"a": stage}})
    plan = INVENTORY.build({"kind": "r_q"}).plan(network)
    found = played(network, [plan.rules], periods=40_000, warm=2_000, replications=30).figure()
    assert found.value == pytest.approx(plan.cost, rel=0.03)


def test_a_depot_and_its_bases() -> None:
    base = {"after": "depot", "lead_time": "20 d", "holding_cost": 1, "backorder_cost": 20}
    network = Network.read({"stages": {
        "depot": {"lead_time": "100 d", "holding_cost": 1},
        "north": {**base, "demand": {"kind": "poisson", "mean": 0.01}},
        "south": {**base, "demand": {"kind": "poisson", "mean": 0.03}},
    }})  # fmt: skip
    plan = INVENTORY.build({"kind": "metric"}).plan(network)
    found = played(network, [plan.rules], periods=60_000, warm=2_000, replications=20)
    way = 0.04 * 20  # theory does not charge what is on its way to the bases
    assert found.figure().value - way == pytest.approx(plan.cost, rel=0.03)
    for name, share in plan.fill.items():
        assert found.fill(name).value == pytest.approx(share, abs=0.03)


def test_disrupted_supply_costs_what_theory_says() -> None:
    """Long periods would hide it: ten thousand short ones to a lot."""
    stage = {"demand": {"kind": "constant", "mean": 0.05}, "order_cost": 35, "holding_cost": 0.0008,
             "lost_sale_cost": 6, "disruption": {"every": "500 d", "lasts": "60 d"}}  # fmt: skip
    network = Network.read({"stages": {"a": stage}})
    plan = INVENTORY.build({"kind": "eoq_disrupted"}).plan(network)
    rule = Rule(kind="r_q", reorder=0.0, quantity=plan.rules["a"].quantity)
    found = played(network, [{"a": rule}], periods=200_000, warm=2_000, replications=20).figure()
    assert abs(found.value - plan.cost) < 5 * (found.high - found.low) / 4 + 0.01 * plan.cost


def test_seeds_streams_and_trace() -> None:
    network = Network.read(NETWORKS["two shops"])
    rules = {n: Rule(**r) for n, r in RULES["two shops"].items()}  # type: ignore[arg-type]  # by name
    first = played(network, [rules], replications=4, seed=3, trace=2)
    again = played(network, [rules], replications=4, seed=3, trace=2)
    assert np.array_equal(first.cost, again.cost)
    assert np.array_equal(first.trace, again.trace)
    assert first.trace.shape == (2, 1_100, 3, 5)
    assert not np.array_equal(first.cost, played(network, [rules], replications=4, seed=4).cost)
    fewer = Network.read({"review": "periodic", "stages": {
        "depot": NETWORKS["two shops"]["stages"]["depot"],
        "north": NETWORKS["two shops"]["stages"]["north"],
    }})  # fmt: skip
    mine, whole = draw(fewer, 50, 2, 3), draw(network, 50, 2, 3)
    assert np.array_equal(mine.demand[..., 0], whole.demand[..., whole.sells.index("north")])


def test_the_same_draws_tell_rules_apart() -> None:
    network = Network.read({"stages": {"a": {
        "demand": {"kind": "normal", "mean": 20, "spread": 6}, "lead_time": "3 d",
        "holding_cost": 1, "backorder_cost": 9,
    }}})  # fmt: skip
    rules = [{"a": Rule(kind="base_stock", level=level)} for level in (75.0, 76.0)]
    found = played(network, rules, replications=30, periods=500)
    alone = found.figure(0).high - found.figure(0).low
    paired = found.difference(0, 1)
    assert paired.high - paired.low < 0.3 * alone


def test_what_cannot_be_played_is_refused() -> None:
    network = Network.read(NETWORKS["row"])
    rule = Rule(kind="base_stock", level=3)
    with pytest.raises(Refused, match="stage 'far' has no rule"):
        played(network, [{"near": rule}])
    with pytest.raises(Refused, match="play fewer replications"):
        played(network, [{"far": rule, "near": rule}], periods=10**7, replications=100)
    with pytest.raises(Refused, match="nothing would be counted"):
        played(network, [{"far": rule, "near": rule}], periods=0, warm=5)
