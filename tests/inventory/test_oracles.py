"""Against slower ways that cannot be wrong in the same manner: enumeration, Markov chains."""

from itertools import product
from math import sqrt
from typing import Any

import numpy as np
import pytest

from gemel.core.probability import panels, poisson_pmf
from gemel.core.stock.demand import Normally
from gemel.core.stock.network import Network, Rule
from gemel.parts.solvers.inventory import INVENTORY
from gemel.parts.solvers.inventory.guaranteed_service import spread_of

SEEDS = range(6)


def one(review: str = "continuous", **stage: Any) -> Network:
    return Network.read({"review": review, "stages": {"a": stage}})


@pytest.mark.parametrize("seed", SEEDS)
def test_known_orders_against_all_plans(seed: int) -> None:
    random = np.random.default_rng(seed)
    orders = random.integers(0, 60, 9).tolist()
    network = one(
        demand={"kind": "known", "orders": orders}, holding_cost=1.5, order_cost=90,
        at_hand=float(random.integers(0, 50)),
    )  # fmt: skip
    plan = INVENTORY.build({"kind": "wagner_whitin"}).plan(network)
    best = np.inf
    for when in product((False, True), repeat=len(orders)):
        level, cost = network.stages["a"].at_hand, 0.0
        for t, wanted in enumerate(orders):
            if when[t]:
                end = next((u for u in range(t + 1, len(orders)) if when[u]), len(orders))
                lot = max(sum(orders[t:end]) - level, 0)
                cost += 90 * (lot > 0)
                level += lot
            level -= wanted
            if level < 0:
                cost = np.inf
                break
            cost += 1.5 * level
        best = min(best, cost)
    assert len(orders) * plan.cost == pytest.approx(best)


@pytest.mark.parametrize("mean", [0.7, 4.0])
def test_s_s_against_every_pair_by_its_markov_chain(mean: float) -> None:
    network = one(
        "periodic", demand={"kind": "poisson", "mean": mean}, lead_time="1 d", holding_cost=1,
        backorder_cost=9, order_cost=12,
    )  # fmt: skip
    plan = INVENTORY.build({"kind": "s_s"}).plan(network)
    demand, two = poisson_pmf(mean), poisson_pmf(2 * mean)

    def level_cost(y: int) -> float:
        k = np.arange(len(two))
        return float(two @ (np.maximum(y - k, 0) + 9 * np.maximum(k - y, 0)))

    best = np.inf
    for low in range(-3, int(3 * mean) + 3):
        for high in range(low + 1, low + 2 + int(6 * mean) + 6):
            n = high - low  # positions high, high − 1, …, low + 1, after ordering
            chain = np.zeros((n, n))
            again = np.zeros(n)
            for i in range(n):
                for k, p in enumerate(demand):
                    if i + k < n:
                        chain[i, i + k] += p
                    else:
                        chain[i, 0] += p
                        again[i] += p
            system = np.vstack([(np.eye(n) - chain).T[1:], np.ones(n)])
            often = np.linalg.solve(system, np.append(np.zeros(n - 1), 1.0))
            cost = often @ [level_cost(high - i) for i in range(n)] + 12 * (often @ again)
            best = min(best, float(cost))
    assert plan.cost == pytest.approx(best, rel=1e-9)


def test_r_q_with_normal_demand_against_quadrature() -> None:
    network = one(
        demand={"kind": "normal", "mean": 40, "spread": 12}, lead_time="3 d",
        lead_time_spread="12 h", holding_cost=0.5, backorder_cost=9, order_cost=60,
    )  # fmt: skip
    plan = INVENTORY.build({"kind": "r_q"}).plan(network)
    law = Normally(120, sqrt(3 * 12**2 + 20**2))
    reorder, quantity = plan.rules["a"].reorder, plan.rules["a"].quantity
    assert reorder is not None
    assert quantity is not None
    y, weight = panels(reorder, reorder + quantity, 40)
    cost = [0.5 * (v - 120 + law.short(float(v))) + 9 * law.short(float(v)) for v in y]
    assert plan.cost == pytest.approx((60 * 40 + weight @ cost) / quantity, rel=1e-10)
    # As theory has it, no stock is there for h / (h + b) of the time.
    assert plan.fill["a"] == pytest.approx(9 / 9.5, rel=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_trees_against_all_promises(seed: int) -> None:
    """Random trees of assembly and distribution; every promise of every stage is tried."""
    random = np.random.default_rng(seed)
    n = 5
    stages: dict[str, dict[str, Any]] = {f"s{i}": {"after": {}} for i in range(n)}
    for i in range(1, n):
        j = int(random.integers(0, i))
        upper, lower = (f"s{j}", f"s{i}") if random.random() < 0.6 else (f"s{i}", f"s{j}")
        stages[lower]["after"][upper] = float(random.integers(1, 3))
    supplies = {s for stage in stages.values() for s in stage["after"]}
    for name, stage in stages.items():
        stage["lead_time"] = f"{random.integers(0, 3)} d"
        stage["holding_cost"] = float(random.uniform(1, 5))
        if name not in supplies:
            stage["demand"] = {"kind": "normal", "mean": 9, "spread": float(random.uniform(1, 3))}
            stage["promise"] = f"{random.integers(0, 2)} d"
        if not stage["after"]:
            stage["supply_promise"] = f"{random.integers(0, 2)} d"
    network = Network.read({"stages": stages})
    plan = INVENTORY.build({"kind": "guaranteed_service", "factor": 1.3}).plan(network)
    spreads, order = spread_of(network), network.order()
    best = np.inf
    for promises in product(range(8), repeat=n):
        told = dict(zip(order, promises, strict=True))
        cost = 0.0
        for name in order:
            s = network.stages[name]
            before = max(
                (told[x] for x in s.after), default=round(network.periods(s.supply_promise))
            )
            time = before + round(network.periods(s.lead_time)) - told[name]
            if time < 0 or (s.sells and told[name] > network.periods(s.promise or 0)):
                cost = np.inf
                break
            cost += (s.holding_cost or 0) * 1.3 * spreads[name] * sqrt(time)
        best = min(best, cost)
    assert plan.cost == pytest.approx(best, rel=1e-9)


def test_counted_rows_against_enumeration() -> None:
    """Two stages with Poisson demand: the cost of each pair of levels, summed over both demands."""
    network = Network.read({"review": "periodic", "stages": {
        "far": {"lead_time": "2 d", "holding_cost": 1},
        "near": {"after": "far", "lead_time": "1 d", "holding_cost": 1.6, "backorder_cost": 14,
                 "demand": {"kind": "poisson", "mean": 2}},
    }})  # fmt: skip
    plan = INVENTORY.build({"kind": "serial"}).plan(network)
    far, near = poisson_pmf(4.0), poisson_pmf(4.0)

    def cost(own: int, echelon: int) -> float:
        whole = 0.0
        for i, p in enumerate(far):
            level = echelon - i
            passed = min(own, level)
            k = np.arange(len(near))
            after = passed - k
            inner = near @ (0.6 * after + (14 + 1.6) * np.maximum(-after, 0))
            whole += p * (1.0 * (level - 2) + inner)  # counted at the end of the period
        return whole

    best = min(cost(a, b) for a in range(3, 12) for b in range(6, 20))
    assert plan.cost == pytest.approx(best, rel=1e-9)


def test_a_depot_with_one_base_is_a_row() -> None:
    """Continuous review, Poisson demand, no repair: both ways are exact, so they must agree."""
    stages = {
        "depot": {"lead_time": "6 d", "holding_cost": 1.0},
        "base": {"after": "depot", "lead_time": "2 d", "holding_cost": 1.0, "backorder_cost": 25,
                 "demand": {"kind": "poisson", "mean": 0.8}},
    }  # fmt: skip
    network = Network.read({"stages": stages})
    metric, serial = (INVENTORY.build({"kind": k}) for k in ("metric", "serial"))
    rules = {"depot": Rule(kind="base_stock", level=4), "base": Rule(kind="base_stock", level=3)}
    way = 0.8 * 2 * 1.0  # the row counts what is on its way to the base as kept at the depot's cost
    judged = metric.judge(network, rules).cost + way
    assert judged == pytest.approx(serial.judge(network, rules).cost, rel=1e-9)


@pytest.mark.parametrize("review", ["periodic", "continuous"])
def test_rows_of_seen_demand_count_in_lots(review: str) -> None:
    seen = {"kind": "empirical", "seen": [0, 0, 12.5, 25, 0, 50]}
    network = Network.read({"review": review, "stages": {
        "far": {"lead_time": "2 d", "holding_cost": 1},
        "near": {"after": "far", "lead_time": "1 d", "holding_cost": 2, "backorder_cost": 30,
                 "demand": seen},
    }})  # fmt: skip
    plan = INVENTORY.build({"kind": "serial"}).plan(network)
    for rule in plan.rules.values():
        assert (rule.level or 0) % 12.5 == pytest.approx(0)


@pytest.mark.parametrize("review", ["continuous", "periodic"])
def test_search_by_simulation_comes_near_what_is_exact(review: str) -> None:
    network = Network.read({"review": review, "stages": {
        "far": {"lead_time": "2 d", "holding_cost": 2},
        "middle": {"after": "far", "lead_time": "1 d", "holding_cost": 4},
        "near": {"after": "middle", "lead_time": "1 d", "holding_cost": 7, "backorder_cost": 37.12,
                 "demand": {"kind": "normal", "mean": 5, "spread": 1}},
    }})  # fmt: skip
    serial = INVENTORY.build({"kind": "serial"})
    found = INVENTORY.build({"kind": "by_simulation"}).plan(network)
    best = serial.plan(network).cost
    cost = serial.judge(network, found.rules).cost
    assert best * (1 - 1e-6) <= cost <= best * 1.01


@pytest.mark.parametrize("kind", ["base_stock", "r_q"])
def test_what_is_too_large_to_count_is_said(kind: str) -> None:
    network = one(
        demand={"kind": "poisson", "mean": 1e6}, lead_time="5 d", holding_cost=1,
        backorder_cost=9, order_cost=10.0 * (kind == "r_q"),
    )  # fmt: skip
    (reason,) = INVENTORY.build({"kind": kind}).uncovered(network)
    assert "too large to count; such demand is normal, with spread 2236" in reason


def test_large_demand_is_planned_as_normal_demand_is() -> None:
    """A Poisson number of thousands is nearly normal, and so are the rules."""
    values = {"holding_cost": 1, "backorder_cost": 9, "lead_time": "3 d"}
    poisson, normal = (
        INVENTORY.build({"kind": kind}).plan(
            one(review, demand=demand, **values, order_cost=order)
        ).cost
        for kind, review, demand, order in (
            ("r_q", "continuous", {"kind": "poisson", "mean": 900.0}, 4000.0),
            ("r_q", "continuous", {"kind": "normal", "mean": 900.0, "spread": 30.0}, 4000.0),
        )
    )  # fmt: skip
    assert poisson == pytest.approx(normal, rel=2e-3)
