"""Values known from elsewhere: worked examples of L. V. Snyder and Z.-J. M. Shen, Fundamentals of
Supply Chain Theory (2nd ed., 2019), as the package stockpyl 1.0.2 computes them."""

from typing import Any

import numpy as np
import pytest

from gemel.core.stock.network import Network
from gemel.parts.solvers.inventory import INVENTORY, Plan
from gemel.parts.solvers.inventory.serial import Serial


def planned(kind: str, network: dict[str, Any], **settings: Any) -> Plan:
    return INVENTORY.build({"kind": kind, **settings}).plan(Network.read(network))


def one(review: str = "continuous", **stage: Any) -> dict[str, Any]:
    return {"review": review, "stages": {"a": stage}}


def test_economic_order_quantity() -> None:
    """Example 3.1."""
    demand = {"kind": "constant", "mean": 1300}
    plan = planned("eoq", one(demand=demand, order_cost=8, holding_cost=0.225))
    assert plan.rules["a"].quantity == pytest.approx(304.0467800264368, rel=1e-12)
    assert plan.cost == pytest.approx(68.41052550594829, rel=1e-12)


def test_economic_order_quantity_with_backorders() -> None:
    """√(2Kλ(h + b) / (hb)) and √(2Kλhb / (h + b))."""
    demand = {"kind": "constant", "mean": 1300}
    plan = planned("eoq", one(demand=demand, order_cost=8, holding_cost=0.225, backorder_cost=5.0))
    quantity = np.sqrt(2 * 8 * 1300 * (0.225 + 5) / (0.225 * 5))
    assert plan.rules["a"].quantity == pytest.approx(quantity, rel=1e-12)
    assert plan.cost == pytest.approx(np.sqrt(2 * 8 * 1300 * 0.225 * 5 / 5.225), rel=1e-12)


def test_quantity_discounts_on_all_units() -> None:
    """Example 3.3: λ = 1300, K = 8, i = 0.3; 0.75 €, 0.72 from 400 on, 0.68 from 800 on. The lot at
    a break is worth it, at a cost of λc + Kλ/Q + icQ/2."""
    stage = {
        "demand": {"kind": "constant", "mean": 1300}, "order_cost": 8, "price": 0.75,
        "breaks": [{"quantity": 400, "price": 0.72}, {"quantity": 800, "price": 0.68}],
    }  # fmt: skip
    plan = planned("eoq", {"period": "365 d", "interest": 0.3, "stages": {"a": stage}})
    assert plan.rules["a"].quantity == pytest.approx(800)
    assert plan.cost == pytest.approx(1300 * 0.68 + 8 * 1300 / 800 + 0.3 * 0.68 * 800 / 2)


def test_disrupted_supply() -> None:
    """eoq_with_disruptions(35, 0.4, 6, 30, 1, 12)."""
    plan = planned("eoq_disrupted", one(
        demand={"kind": "constant", "mean": 30}, order_cost=35, holding_cost=0.4, lost_sale_cost=6,
        disruption={"every": "24 h", "lasts": "2 h"},
    ))  # fmt: skip
    assert plan.rules["a"].quantity == pytest.approx(73.44948, rel=1e-6)
    assert plan.cost == pytest.approx(29.379794745198087, rel=1e-10)


@pytest.mark.parametrize(
    ("h", "b", "mean", "spread", "level", "cost"),
    [
        (0.18, 0.70, 50, 8, 56.60395592743389, 1.9976051931766445),
        (2, 18, 120, 10, 132.815515655446, 35.09966638649737),
    ],
)
def test_newsvendor(
    h: float, b: float, mean: float, spread: float, level: float, cost: float
) -> None:
    """Example 4.3, and the first one of the package."""
    plan = planned("newsvendor", one(
        "periodic", demand={"kind": "normal", "mean": mean, "spread": spread}, holding_cost=h,
        backorder_cost=b,
    ))  # fmt: skip
    assert plan.rules["a"].level == pytest.approx(level, rel=1e-9)
    assert plan.cost == pytest.approx(cost, rel=1e-9)


def test_reorder_point_and_quantity() -> None:
    """r_q_poisson_exact(20, 150, 100, 1.5, 2)."""
    plan = planned("r_q", one(
        demand={"kind": "poisson", "mean": 1.5}, lead_time="2 d", holding_cost=20,
        backorder_cost=150, order_cost=100,
    ))  # fmt: skip
    assert (plan.rules["a"].reorder, plan.rules["a"].quantity) == (3, 5)
    assert plan.cost == pytest.approx(107.92358063314975, rel=1e-10)


def test_reorder_point_and_level() -> None:
    """s_s_discrete_exact(1, 4, 5, True, 6), which is example 4.7."""
    plan = planned("s_s", one(
        "periodic", demand={"kind": "poisson", "mean": 6}, holding_cost=1, backorder_cost=4,
        order_cost=5,
    ))  # fmt: skip
    assert (plan.rules["a"].reorder, plan.rules["a"].level) == (4, 10)
    assert plan.cost == pytest.approx(8.034111561471642, rel=1e-10)


def test_known_orders() -> None:
    """Example 3.9."""
    plan = planned("wagner_whitin", one(
        demand={"kind": "known", "orders": [90, 120, 80, 70]}, holding_cost=2, order_cost=500
    ))  # fmt: skip
    assert plan.orders == {"a": (210, 0, 150, 0)}
    assert 4 * plan.cost == pytest.approx(1380)


ROW = {"stages": {
    "3": {"lead_time": "2 d", "holding_cost": 2},
    "2": {"after": "3", "lead_time": "1 d", "holding_cost": 4},
    "1": {"after": "2", "lead_time": "1 d", "holding_cost": 7, "backorder_cost": 37.12,
          "demand": {"kind": "normal", "mean": 5, "spread": 1}},
}}  # fmt: skip


def test_stages_in_a_row() -> None:
    """Example 6.1, for which stockpyl gives S* = 6.484, 12.028, 22.72 in steps of 0.044 and a cost
    of 47.66539 with demand in 100 steps, 47.66865 in its manual: ours is where finer steps lead."""
    network = Network.read(ROW)
    fine = Serial(cells=8_000)
    echelon = fine.echelon(network)
    for name, theirs in (("1", 6.484), ("2", 12.028), ("3", 22.72)):
        assert echelon[name] == pytest.approx(theirs, abs=0.022)
    cost = fine.plan(network).cost
    assert cost == pytest.approx(47.66015, abs=3e-5)
    for cells, off in ((500, 2e-3), (2_000, 2e-4)):
        assert Serial(cells=cells).plan(network).cost == pytest.approx(cost, abs=off)


def test_stages_in_a_row_on_their_grid() -> None:
    """With the cells of stockpyl (x in 1,000 steps over [−16, 28], the demand of each lead time in
    100 steps over ± 4 standard deviations, moved to the nearest x) it is its cost."""
    from gemel.core.probability import normal_cdf

    step, steps = 0.044, 1000
    pad = 700
    x = -16 + step * np.arange(-pad, steps + 1)
    cost = (37.12 + 7) * np.maximum(-x, 0)
    levels = []
    for holding, lead in ((3, 1), (2, 1), (2, 2)):
        mean, spread = 5.0 * lead, np.sqrt(lead)
        d = mean + spread * 4 * np.linspace(-1, 1, 101)
        half = (d[1] - d[0]) / 2
        cdf = normal_cdf((np.append(d - half, d[-1] + half) - mean) / spread)
        cdf[0], cdf[-1] = 0, 1
        whole = np.zeros(len(x))
        inside = holding * x + cost
        for wanted, chance in zip(d, np.diff(cdf), strict=True):
            place = np.rint((x - wanted - x[0]) / step).astype(int)
            below = inside[0] + (inside[1] - inside[0]) / step * (x - wanted - x[0])
            value = np.where(place >= 0, inside[np.maximum(place, 0)], below)
            whole += chance * value
        best = int(np.argmin(whole))
        levels.append(x[best])
        cost = whole[np.minimum(np.arange(len(x)), best)]
    assert levels == pytest.approx([6.484, 12.028, 22.72], abs=1e-9)
    assert cost[-1] == pytest.approx(47.66539, abs=5e-6)


def test_promises_in_a_tree() -> None:
    """Example 6.5."""
    normal = {"kind": "normal", "mean": 1, "spread": 1}
    plan = planned("guaranteed_service", {"stages": {
        "1": {"lead_time": "2 d", "supply_promise": "1 d", "holding_cost": 1},
        "2": {"after": "3", "lead_time": "1 d", "holding_cost": 3, "demand": normal},
        "3": {"after": "1", "lead_time": "1 d", "holding_cost": 2},
        "4": {"after": "3", "lead_time": "1 d", "holding_cost": 3, "demand": normal,
              "promise": "1 d"},
    }}, factor=1.0)  # fmt: skip
    assert plan.promises == {"1": 0, "2": 0, "3": 0, "4": 1}
    assert plan.cost == pytest.approx(8.277916867529369, rel=1e-12)


def test_promises_in_a_row() -> None:
    """Example 6.3."""
    plan = planned("guaranteed_service", {"stages": {
        "3": {"lead_time": "1 d", "supply_promise": "1 d", "holding_cost": 2},
        "2": {"after": "3", "lead_time": "0 d", "holding_cost": 4},
        "1": {"after": "2", "lead_time": "1 d", "holding_cost": 7, "promise": "1 d",
              "demand": {"kind": "normal", "mean": 1, "spread": 1}},
    }}, factor=1.0)  # fmt: skip
    assert plan.promises == {"3": 0, "2": 0, "1": 1}
    assert plan.cost == pytest.approx(2.8284271247461903, rel=1e-12)


def test_erlang_loss() -> None:
    """10 servers at a load of 7: B = 0.0787 (a value of every table of the loss formula)."""
    stage = {"demand": {"kind": "poisson", "mean": 0.7}, "lead_time": "10 d", "holding_cost": 1e-9,
             "lost_sale_cost": 1.0}  # fmt: skip
    network = Network.read({"stages": {"a": stage}})
    solver = INVENTORY.build({"kind": "base_stock"})
    from gemel.core.stock.network import Rule

    judged = solver.judge(network, {"a": Rule(kind="base_stock", level=10)})
    assert 1 - judged.fill["a"] == pytest.approx(0.078741, abs=1e-6)
