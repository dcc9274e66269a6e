"""What every stock policy promises, as a suite for pytest.

A stranger runs it on a part of his own::

    class TestMyPolicy(StockSolverSuite):
        @pytest.fixture
        def solver(self):
            return MyPolicy()

        @pytest.fixture
        def network(self):
            return Network.read({…})  # one that it covers
"""

from __future__ import annotations

import numpy as np
import pytest

from gemel.core.errors import Refused
from gemel.core.stock.demand import Counted, EmpiricalDemand, PoissonDemand
from gemel.core.stock.kernel import COUNTS
from gemel.core.stock.network import Network, Rule
from gemel.parts.solvers.inventory.base import Plan, StockSolver

__all__ = ["StockSolverSuite", "played_by_hand"]


class StockSolverSuite:
    """Override `solver` and `network`, a network that it covers.

    Promises: the same network gives the same plan; parts sum to the cost; every stage has a rule,
    orders or a promise; shares lie between 0 and 1; dearer waiting or keeping is never cheaper;
    judged, its own rule costs what the plan says, and no rule nearby costs less where the plan is
    exact; what is not covered is refused with the reasons.
    """

    @pytest.fixture
    def solver(self) -> StockSolver:
        pytest.fail("give the settings to test in a fixture named `solver`")

    @pytest.fixture
    def network(self) -> Network:
        pytest.fail("give a network that it covers in a fixture named `network`")

    @pytest.fixture
    def plan(self, solver: StockSolver, network: Network) -> Plan:
        assert solver.uncovered(network) == ()
        return solver.plan(network)

    def test_the_same_network_gives_the_same_plan(
        self, solver: StockSolver, network: Network, plan: Plan
    ) -> None:
        assert solver.plan(network) == plan

    def test_parts_sum_to_the_cost(self, plan: Plan) -> None:
        assert sum(plan.parts.values()) == pytest.approx(plan.cost, rel=1e-9)
        assert all(value >= -1e-9 * plan.cost for value in plan.parts.values())

    def test_every_stage_is_told_what_to_do(self, plan: Plan, network: Network) -> None:
        told = set(plan.rules) | set(plan.orders or {}) | set(plan.promises or {})
        assert told == set(network.stages)
        assert all(-1e-9 <= share <= 1 + 1e-9 for share in plan.fill.values())
        assert all(kept >= -1e-9 for kept in plan.stock.values())

    def test_dearer_is_never_cheaper(
        self, solver: StockSolver, network: Network, plan: Plan
    ) -> None:
        for name in ("holding_cost", "order_cost", "backorder_cost", "lost_sale_cost"):
            stages = {
                n: s.model_copy(update={name: 1.5 * value}) if (value := getattr(s, name)) else s
                for n, s in network.stages.items()
            }
            dearer = network.with_stages(stages)
            if stages != network.stages and not solver.uncovered(dearer):
                slack = 1e-9 if plan.exact else 0.02
                assert solver.plan(dearer).cost >= plan.cost * (1 - slack), name

    def test_judged_it_costs_what_it_says_and_neighbours_no_less(
        self, solver: StockSolver, network: Network, plan: Plan
    ) -> None:
        if plan.orders or plan.promises:  # it plans what no rule says
            with pytest.raises(Refused, match=r".{10,}"):
                solver.judge(network, plan.rules)
            return
        judged = solver.judge(network, plan.rules)
        assert judged.cost == pytest.approx(plan.cost, rel=1e-6)
        if not plan.exact:
            return
        for name, rule in plan.rules.items():
            for other in _nearby(network, name, rule):
                found = solver.judge(network, {**plan.rules, name: other})
                assert found.cost >= plan.cost * (1 - 1e-6), f"{name}: {other}"

    def test_what_it_does_not_cover_is_refused_with_reasons(self, solver: StockSolver) -> None:
        """Nothing covers a circle-free net with two suppliers of two customers and known demand."""
        known = {"kind": "known", "orders": [1.0, 2.0]}
        odd = Network.read({"stages": {
            "a": {}, "b": {}, "c": {"after": ["a", "b"], "demand": known},
            "d": {"after": ["a", "b"], "demand": known},
        }})  # fmt: skip
        reasons = solver.uncovered(odd)
        assert reasons
        with pytest.raises(Refused, match=r".{10,}"):
            solver.plan(odd)


def _nearby(network: Network, name: str, rule: Rule) -> list[Rule]:
    """Rules whose numbers differ by one lot, or a tenth of the mean demand."""
    demand = network.stages[name].demand
    step = 0.1 * network.throughput()[name]
    if isinstance(demand, PoissonDemand):
        step = 1.0
    elif isinstance(demand, EmpiricalDemand):
        law = demand.over(1)
        assert isinstance(law, Counted)
        step = law.lot
    elif any(isinstance(s.demand, PoissonDemand) for s in network.stages.values()):
        step = 1.0
    found = []
    for field in ("level", "reorder", "quantity"):
        value = getattr(rule, field)
        if value is None:
            continue
        for move in (-step, step):
            changed = rule.model_copy(update={field: value + move})
            usable = changed.quantity is None or changed.quantity > 0
            if rule.kind == "s_s":
                usable = (changed.level or 0.0) > (changed.reorder or 0.0)
            if rule.kind == "base_stock":
                usable = (changed.level or 0.0) >= 0
            if usable:
                found.append(changed)
    return found


def played_by_hand(
    network: Network, rules: dict[str, Rule], demand: dict[str, list[float]],
    leads: dict[str, list[int]], works: dict[str, list[bool]], periods: int, warm: int,
) -> dict[str, list[float]]:  # fmt: skip
    """What the kernel counts of each stage, in plain Python: the reference that it must equal.

    `demand`, `leads` and `works` say of each stage what happens in each period.
    """
    order = network.order()
    hand, owed, due = (dict.fromkeys(order, 0.0) for _ in range(3))
    coming, waiting = (dict.fromkeys(order, 0.0) for _ in range(2))
    pipe: dict[str, dict[int, float]] = {n: {} for n in order}
    debt = {(s, n): 0.0 for n in order for s in network.stages[n].after}
    material = dict(debt)
    counts = {n: [0.0] * len(COUNTS) for n in order}
    for n in order:
        rule = rules[n]
        start = rule.level if rule.level is not None else (rule.reorder or 0) + (rule.quantity or 0)
        hand[n] = max(start, 0.0)

    def customers(t: int) -> None:
        for n in order:
            stage = network.stages[n]
            if stage.demand is None:
                continue
            wanted = demand[n][t]
            served = min(hand[n], wanted) if owed[n] <= 0 else 0.0
            hand[n] -= served
            missing = wanted - served
            if stage.lost_sale_cost is None:
                owed[n] += missing
                due[n] += missing
                missing = 0.0
            if t >= warm:
                for place, value in ((5, wanted), (6, served), (7, missing)):
                    counts[n][place] += value

    def orders(t: int) -> None:
        for n in reversed(order):
            rule, stage = rules[n], network.stages[n]
            position = hand[n] + coming[n] - due[n]
            order_now = 0.0
            if rule.kind == "base_stock":
                order_now = (rule.level or 0.0) - position
            elif position <= (rule.reorder or 0.0):
                if rule.kind == "s_s":
                    order_now = (rule.level or 0.0) - position
                else:
                    assert rule.quantity is not None
                    lots = np.floor(((rule.reorder or 0.0) - position) / rule.quantity) + 1
                    order_now = float(lots) * rule.quantity
            if order_now > 1e-9:
                coming[n] += order_now
                waiting[n] += order_now
                for s, count in stage.after.items():
                    debt[s, n] += order_now * count
                    due[s] += order_now * count
                if t >= warm:
                    counts[n][3] += 1
                    counts[n][4] += order_now
        for n in order:
            stage = network.stages[n]
            start = min(waiting[n], stage.capacity if stage.capacity is not None else float("inf"))
            start = min([start, *(material[s, n] / c for s, c in stage.after.items())])
            if not works[n][t]:
                start = min(start, stage.second.capacity if stage.second is not None else 0.0)
                if t >= warm and waiting[n] > 0:
                    counts[n][9] += start
            if waiting[n] > 0 and start > 0:
                waiting[n] -= start
                for s, count in stage.after.items():
                    material[s, n] -= start * count
                if leads[n][t] == 0:
                    hand[n] += start
                    coming[n] -= start
                else:
                    at = t + leads[n][t]
                    pipe[n][at] = pipe[n].get(at, 0.0) + start
            if due[n] > 0 and hand[n] > 0:
                share = min(1.0, hand[n] / due[n])
                sent = share * owed[n]
                owed[n] -= sent
                for customer in network.customers()[n]:
                    part = share * debt[n, customer]
                    debt[n, customer] -= part
                    material[n, customer] += part
                    sent += part
                if share == 1.0:
                    hand[n] -= due[n]
                    due[n] = 0.0
                else:
                    hand[n] = 0.0
                    due[n] -= sent

    for t in range(periods):
        for n in order:
            arrived = pipe[n].pop(t, 0.0)
            hand[n] += arrived
            coming[n] -= arrived
        steps = (orders, customers) if network.review == "periodic" else (customers, orders)
        for step in steps:
            step(t)
        if t >= warm:
            for n in order:
                counts[n][0] += hand[n]
                counts[n][1] += owed[n]
                counts[n][2] += coming[n] - waiting[n]
                counts[n][8] += owed[n] <= 1e-9
                for s in network.stages[n].after:
                    counts[s][10] += material[s, n]
    return counts
