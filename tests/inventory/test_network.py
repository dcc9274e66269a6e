"""A network that cannot be is refused with what is wrong; how long one survives a failure."""

from typing import Any

import numpy as np
import pytest
from scipy.optimize import linprog

from gemel.core.errors import ConfigurationError
from gemel.core.stock.network import Network
from gemel.core.stock.survive import exposures, time_to_survive

STEADY = {"kind": "constant", "mean": 10}


def read(**stages: Any) -> Network:
    return Network.read({"stages": stages})


@pytest.mark.parametrize(
    ("stages", "said"),
    [
        ({"a": {"after": "b", "demand": STEADY}, "b": {"after": "c"}, "c": {"after": "b"}},
         r"in a circle: (b ← c ← b|c ← b ← c)"),
        ({"a": {"after": "sten", "demand": STEADY}, "stem": {}},
         "after 'sten', which is no stage; did you mean 'stem'"),
        ({"a": {"demand": STEADY, "capacity": 8}}, "makes at most 8 .* and 10 are wanted"),
        ({"a": {"demand": STEADY}, "b": {}}, "nothing is wanted of stage 'b'"),
        ({"a": {"demand": {"kind": "normal", "mean": -3, "spread": 1}}}, "must be greater than 0"),
        ({"a": {"demand": STEADY, "lead_time": "-2 d"}}, "'-2 d' is not a duration"),
        ({"a": {"demand": STEADY, "lead_time": "90000 d"}}, "is the unit right"),
        ({"a": {"demand": STEADY, "lead_time": 5}}, "needs a unit"),
        ({"a": {"demand": {"kind": "empirical", "seen": [1, -1]}}}, r"seen\[1\] is -1"),
        ({"a": {"demand": {"kind": "empirical", "seen": [0.0]}}}, "nothing was ever wanted"),
        ({"a": {"demand": STEADY, "after": {"b": 0}}, "b": {}}, "takes 0 of 'b'"),
        ({"a": {"demand": STEADY, "today": {"kind": "r_q", "level": 3}}}, "r_q takes reorder and"),
        ({"a": {"demand": STEADY, "today": {"kind": "s_s", "reorder": 5, "level": 3}}},
         "level 3 is below reorder 5"),
        ({"a": {"demand": STEADY, "leadtime": "1 d"}}, "did you mean 'lead_time'"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(stages: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        Network.read({"stages": stages})


def test_what_follows_from_the_network() -> None:
    network = Network.read({"interest": 0.365, "stages": {
        "cart": {"after": {"wheel": 4, "frame": 1}, "demand": STEADY, "price": 100},
        "wheel": {"demand": {"kind": "poisson", "mean": 2}}, "frame": {"after": "tube"}, "tube": {},
        "other": {"demand": STEADY},
    }})  # fmt: skip
    assert network.throughput() == {"cart": 10, "wheel": 42, "frame": 10, "tube": 10, "other": 10}
    order = network.order()
    assert order.index("tube") < order.index("frame") < order.index("cart")
    assert network.holding("cart") == pytest.approx(0.1)
    assert network.holding("wheel") is None
    assert [sorted(p.stages) for p in network.parts()] == [
        ["cart", "frame", "tube", "wheel"], ["other"],
    ]  # fmt: skip


def _network(seed: int) -> tuple[Network, dict[str, float]]:
    random = np.random.default_rng(seed)
    stages: dict[str, Any] = {}
    for i in range(7):
        after = {f"s{j}": float(random.integers(1, 4)) for j in range(i) if random.random() < 0.4}
        stages[f"s{i}"] = {"after": after}
    supplies = {s for stage in stages.values() for s in stage["after"]}
    for name, stage in stages.items():
        if name not in supplies or random.random() < 0.3:
            stage["demand"] = {"kind": "constant", "mean": float(random.uniform(1, 5))}
    wanted = Network.read({"stages": stages}).throughput()
    for name, stage in stages.items():
        stage["at_hand"] = float(random.uniform(0, 20) * wanted[name])
        if random.random() < 0.6:
            stage["capacity"] = wanted[name] * float(random.uniform(1.0, 1.5))
    network = Network.read({"stages": stages})
    return network, {n: s.at_hand for n, s in network.stages.items()}


@pytest.mark.parametrize("seed", range(8))
def test_time_to_survive_is_that_of_the_linear_programme(seed: int) -> None:
    """max t, makes u ≥ 0: demand · t + Σ units · u of customers ≤ stock + u, u ≤ capacity · t, and
    nothing where it failed; solved by HiGHS."""
    network, stock = _network(seed)
    names = list(network.stages)
    for failed in names:
        n = len(names)
        rows, bounds = [], []
        for i, name in enumerate(names):
            stage = network.stages[name]
            row = np.zeros(n + 1)
            row[n] = stage.demand.rate if stage.demand else 0.0
            row[i] = -1.0
            for customer, count in network.customers()[name].items():
                row[names.index(customer)] += count
            rows.append(row)
            bounds.append(stock[name])
            if stage.capacity is not None:
                row = np.zeros(n + 1)
                row[i], row[n] = 1.0, -stage.capacity
                rows.append(row)
                bounds.append(0.0)
        limits = [(0, 0 if name == failed else None) for name in names] + [(0, None)]
        solved = linprog(np.append(np.zeros(n), -1.0), rows, bounds, bounds=limits)
        assert solved.status == 0
        assert time_to_survive(network, failed, stock) == pytest.approx(solved.x[-1], rel=1e-6)


def test_exposures_are_in_the_order_of_what_they_cost() -> None:
    network = read(
        steel={"at_hand": 300, "recovery": "20 d"},
        axle={"after": {"steel": 2}, "at_hand": 50, "recovery": "9 d"},
        motor={"at_hand": 80, "recovery": "12 d"},
        cart={"after": ["axle", "motor"], "demand": STEADY, "at_hand": 15, "price": 100},
    )
    found = exposures(network, {n: s.at_hand for n, s in network.stages.items()})
    told = {e.stage: e for e in found}
    assert told["steel"].survive == pytest.approx(21.5)
    assert told["steel"].missing == {}
    assert told["axle"].missing["cart"] == pytest.approx(25)
    assert told["axle"].cost == pytest.approx(2500)
    assert told["cart"].recover is None
    assert [e.stage for e in found[:2]] == ["axle", "motor"]
    assert found[0].index == 1.0
