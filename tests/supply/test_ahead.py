"""From now on: by hand where nothing is left to chance, by closed forms where something is."""

from dataclasses import replace
from math import exp
from typing import Any

import numpy as np
import pytest

from gemel.core.errors import ConfigurationError, Refused
from gemel.core.stock.draws import draw
from gemel.core.stock.network import Network, Rule
from gemel.core.supply import Supply
from gemel.core.time import DAY, parse_time
from gemel.twin.planning.supply.ahead import ahead, orders_now, share_of, steady_orders
from gemel.twin.planning.supply.moves import freight_of, moved
from gemel.twin.planning.supply.risk import risks, service

STAGE: dict[str, Any] = {
    "demand": {"kind": "constant", "mean": 5}, "lead_time": "3 d", "holding_cost": 1,
    "lost_sale_cost": 9, "at_hand": 12,
}  # fmt: skip


def test_what_runs_out_when() -> None:
    """12 at hand, 5 wanted a day: 7, 2, and in the third 3 are missing. What is ordered in the
    first period (orders go out first) is there in the fourth."""
    network = Network.read({"review": "periodic", "stages": {"a": STAGE}})
    rules = {"a": Rule(kind="base_stock", level=20.0)}
    found = ahead(network, rules, draw(network, 6, 4, seed=0))["a"]
    assert found.middle[:4].tolist() == [7, 2, 0, 3]
    assert found.first == (2, 2)
    assert (found.out.value, found.missed) == (1.0, pytest.approx(3.0))


def test_what_is_on_order_arrives() -> None:
    stage = {**STAGE, "on_order": [{"quantity": 10, "within": "2 d"}]}
    network = Network.read({"review": "periodic", "stages": {"a": stage}})
    rules = {"a": Rule(kind="base_stock", level=20.0)}
    found = ahead(network, rules, draw(network, 6, 4, seed=0))["a"]
    assert found.middle[:3].tolist() == [7, 2, 7]
    assert found.out.value == 0
    assert found.out.high == pytest.approx(1 - 0.05 ** (1 / 4))
    # 22 are at hand or on order: more than the rule wants.
    assert orders_now(network, rules) == []


def test_it_fails_within_a_time_as_often_as_the_closed_form_says() -> None:
    """Stock for four days, and the supply down now: out when it is not up again in the second
    period, and what it then sends needs three."""
    stage = {**STAGE, "at_hand": 20, "disruption": {"every": "1000 d", "lasts": "2 d",
                                                  "down": True}}  # fmt: skip
    network = Network.read({"review": "periodic", "stages": {"a": stage}})
    rules = {"a": Rule(kind="base_stock", level=40.0)}
    found = ahead(network, rules, draw(network, 12, 4_000, seed=5))["a"]
    pace = 1 / 1000 + 1 / 2
    stays = 1 - (1000 / 1002) * (1 - exp(-pace))
    assert found.out.low is not None
    assert found.out.high is not None
    assert found.out.low - 0.01 < stays < found.out.high + 0.01


def test_orders_go_up_from_customers_to_suppliers() -> None:
    """By hand: the shop is 8 short of 20 and orders them; the store has 6, gives 16 for them, 30
    are its level: 40; of the far one each order is of lots of 25."""
    network = Network.read({"stages": {
        "far": {"lead_time": "5 d", "holding_cost": 1, "at_hand": 30},
        "store": {"after": {"far": 1}, "holding_cost": 1, "at_hand": 6},
        "shop": {**STAGE, "after": {"store": 2}},
    }})  # fmt: skip
    rules = {
        "far": Rule(kind="r_q", reorder=20.0, quantity=25.0),
        "store": Rule(kind="base_stock", level=30.0),
        "shop": Rule(kind="base_stock", level=20.0),
    }
    found = {o.stage: o.quantity for o in orders_now(network, rules)}
    # The far one's position is 30 − 40 = −10: two lots bring it above 20.
    assert found == {"shop": 8, "store": 40, "far": 50}
    assert [o.stage for o in orders_now(network, rules)] == ["far", "store", "shop"]


def test_shares_have_the_interval_of_clopper_and_pearson() -> None:
    """Of 0 in 10, the upper end is 1 − 0.05^(1/10); 5 in 10 is symmetric."""
    none, half = share_of(0, 10), share_of(5, 10)
    assert (none.low, none.high) == (0.0, pytest.approx(1 - 0.05**0.1))
    assert half.low is not None
    assert half.high == pytest.approx(1 - half.low)
    assert half.low == pytest.approx(0.2224, abs=1e-4)


def test_lead_times_are_seen_through_failures() -> None:
    """Nothing fails: exactly the lead time, always. With failures of 4 days on average, one order
    in a while takes longer, and no order less."""
    network = Network.read({"stages": {"a": STAGE}})
    rules = {"a": Rule(kind="base_stock", level=30.0)}
    sure = service(network, rules, 300, 5, 0)
    assert [f.value for f in sure.lead["a"]] == [3, 3, 3]
    assert sure.fill["a"].value == 1
    assert sure.lost["a"].value == 0
    failing = {**STAGE, "disruption": {"every": "20 d", "lasts": "4 d"}}
    network = Network.read({"stages": {"a": failing}})
    found = service(network, rules, 2_000, 10, 0)
    middle, _, late = (f.value for f in found.lead["a"])
    assert middle == 3
    # Down with 1/6, and then for longer than t days with e^(−t/4): 99 % wait at most 11.3 + 3.
    assert late == pytest.approx(3 + 4 * np.log(100 / 6), abs=2)
    assert found.fill["a"].value < 1


def test_risks_say_what_would_help() -> None:
    """The supplier that fails is the risk; a second one there takes what is lost away."""
    network = Network.read({"currency": "EUR", "stages": {
        "glass": {"lead_time": "4 d", "holding_cost": 0.01, "at_hand": 30, "recovery": "20 d",
                  "disruption": {"every": "100 d", "lasts": "15 d"}},
        "steel": {"lead_time": "4 d", "holding_cost": 0.01, "at_hand": 500,
                  "disruption": {"every": "900 d", "lasts": "2 d"}},
        "window": {**STAGE, "after": ["glass", "steel"], "price": 40, "lead_time": "1 d"},
    }})  # fmt: skip
    rules = {
        "glass": Rule(kind="base_stock", level=40.0), "steel": Rule(kind="base_stock", level=60.0),
        "window": Rule(kind="base_stock", level=20.0),
    }  # fmt: skip
    found = risks(network, rules, {}, 28 * DAY, 800, 20, 0)
    assert [r.stage for r in found] == ["glass", "steel"]
    glass = found[0]
    # 30 of glass and 12 windows last 42 / 5 days; it takes 20: 58 windows at 9 each.
    assert glass.survive == pytest.approx(8.4)
    assert glass.missing == {"window": pytest.approx(58)}
    assert glass.cost == pytest.approx(58 * 9)
    assert glass.yearly is not None
    assert glass.yearly.value == pytest.approx(1 - exp(-3.65))
    assert glass.expected == pytest.approx(58 * 9 * (1 - exp(-3.65)))
    assert glass.index == 1.0
    second, more = glass.remedies
    assert second.cost.high < 0
    assert second.missing.high < 0
    assert more.units == pytest.approx(75)
    assert more.missing.high < 0


def supply(**more: Any) -> Supply:
    return Supply.read({
        "moves": "7 d", "stages": {
            "mill": {"lead_time": "9 d", "holding_cost": 1, "load": 0.5, "price": 10},
            "shop": {**STAGE, "after": "mill", "lead_time": "4 d"},
        },
        "links": [{"origin": "mill", "target": "shop", "takes": "1 d", "capacity": 10, "cost": 80,
                   "departs": ["mon", "thu"], "most": 2}],
        **more,
    })  # fmt: skip


def test_loads_have_days_on_which_they_leave_in_time() -> None:
    """Of 20 ordered on Monday, half a pallet each, there within 4 days, a day on the road: leaves
    until Thursday."""
    monday = parse_time("2026-01-05")
    freight, pieces = freight_of(supply(), {"mill": np.zeros(7), "shop": np.eye(7)[0] * 20}, monday)
    assert (freight.load.tolist(), freight.ready.tolist(), freight.due.tolist()) == ([10], [0], [3])
    assert freight.most.tolist() == [[2, 0, 0, 2, 0, 0, 0]]
    assert pieces[0].units == 20
    found = moved(supply(), {"mill": np.zeros(7), "shop": np.eye(7)[0] * 20}, monday)
    assert found is not None
    (leaves,) = found.departures
    assert (leaves.period, leaves.vehicles, leaves.units) == (3, 1, {"mill": 20})
    assert found.cost == pytest.approx(80)
    assert found.late == 0


def test_orders_share_vehicles() -> None:
    """Ordered on Monday, Tuesday and Wednesday, four days each: one vehicle on Thursday takes all;
    by itself the third would leave on the Thursday too, and the first on Thursday: the same."""
    orders = {"mill": np.zeros(7), "shop": np.array([6.0, 6, 6, 0, 0, 0, 0])}
    found = moved(supply(), orders, parse_time("2026-01-05"))
    assert found is not None
    assert [(d.period, d.load) for d in found.departures] == [(3, 9.0)]
    assert [(h.site, h.period) for h in found.handled] == [("mill", 3), ("shop", 4)]


def test_steady_orders_are_those_of_the_rule() -> None:
    network = supply()
    rules = {n: Rule(kind="base_stock", level=v) for n, v in (("mill", 60.0), ("shop", 30.0))}
    found = steady_orders(network, rules, {}, 7)
    # Continuous review: 5 are sold, and 30 − (12 − 5) ordered; then what is sold: 5, the last 2,
    # and nothing until the first material is through, which the mill has not before the ninth day.
    assert found["shop"].tolist() == [23, 5, 2, 0, 0, 0, 0]
    assert found["mill"].tolist() == [60 + 23, 5, 2, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"moves": "1 d"}, "moves: is 1 d: 1 periods, must be 2 to 400"),
        ({"links": [{"origin": "mill", "target": "shoop", "capacity": 1, "cost": 1}]},
         "no stage stands at 'shoop'; did you mean 'shop'"),
        ({"sites": {"mil": {}}}, "no stage stands at 'mil'; did you mean 'mill'"),
        ({"links": [{"origin": "mill", "target": "mill", "capacity": 1, "cost": 1}]},
         "from 'mill' to itself"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(more: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        supply(**more)


def test_too_many_loads_are_refused() -> None:
    wide = supply(period="1 d", moves="400 d", horizon="400 d")
    many = replace_links(wide, 20)
    orders = {name: np.ones(400) for name in many.stages}
    with pytest.raises(Refused, match="loads to move, at most 5000; shorten `moves`"):
        freight_of(many, orders, 0)


def replace_links(one: Supply, count: int) -> Supply:
    """The same with so many shops."""
    shops = {f"shop {i}": one.stages["shop"] for i in range(count)}
    links = tuple(one.links[0].model_copy(update={"target": name}) for name in shops)
    return one.model_copy(update={"stages": {"mill": one.stages["mill"], **shops}, "links": links})


def test_a_start_is_not_forgotten() -> None:
    """Draws with other demand change what comes, and nothing else does."""
    network = Network.read({"review": "periodic", "stages": {"a": STAGE}})
    rules = {"a": Rule(kind="base_stock", level=20.0)}
    draws = draw(network, 6, 4, seed=0)
    none = replace(draws, demand=np.zeros_like(draws.demand))
    found = ahead(network, rules, none)["a"]
    assert found.middle.tolist() == [12, 12, 12, 20, 20, 20]
