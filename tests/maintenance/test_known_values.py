"""Closed forms, published fits, and simulation."""

from math import exp, inf, log, pi, sqrt
from typing import Any

import numpy as np
import pytest

from gemel.core.errors import ConfigurationError, DataError
from gemel.core.probability import gamma_cdf, normal_cdf, normal_tail_scaled, panels
from gemel.core.wear import Upkeep
from gemel.core.wear.fit import fit_weibull
from gemel.parts.solvers.maintenance import MAINTENANCE, Action, Plan
from gemel.testing.maintenance import worn


def upkeep(**asset: Any) -> Upkeep:
    costs = {"planned_cost": 100.0, "failure_cost": 1000.0}
    return Upkeep.read({"period": "1 h", "assets": {"a": {**costs, **asset}}})


def planned(kind: str, **asset: Any) -> Plan:
    return MAINTENANCE.build({"kind": kind}).plan(upkeep(**asset), "a")


def weibull(shape: float) -> dict[str, Any]:
    return {"kind": "weibull", "shape": shape, "scale": "1000 h"}


# Age


@pytest.mark.parametrize("shape", [0.7, 1.0])
def test_what_does_not_wear_is_never_replaced(shape: float) -> None:
    plan = planned("age", life=weibull(shape))
    assert plan.action.age == inf
    assert plan.cost == pytest.approx(plan.to_failure)


@pytest.mark.parametrize(
    "life",
    [
        weibull(2.0), weibull(3.5), {"kind": "gamma", "mean": "1000 h", "spread": "250 h"},
        {"kind": "lognormal", "median": "1000 h", "spread": 0.35},
    ],
)  # fmt: skip
def test_age_replacement_by_plain_quadrature(life: dict[str, Any]) -> None:
    """The closed integrals against Gauss and Legendre, the best age against all of a fine grid."""
    plan = planned("age", life=life)
    law = upkeep(life=life).assets["a"].life.law(3_600_000_000_000)  # type: ignore[union-attr]  # given

    def cost(age: float) -> float:
        t, weight = panels(0, age, 60)
        survives = float(law.survives(age))
        return (100 * survives + 1000 * (1 - survives)) / float(weight @ law.survives(t))

    assert plan.action.age is not None
    assert plan.cost == pytest.approx(cost(plan.action.age), rel=1e-9)
    assert plan.cost <= min(cost(a) for a in np.linspace(50, 3000, 400)) * (1 + 1e-9)


def test_weibull_of_shape_two_has_the_known_equation() -> None:
    """At the best age, h(T) ∫R − F(T) = cp / (cf − cp) (Barlow and Proschan 1965)."""
    plan = planned("age", life=weibull(2.0))
    t = plan.action.age
    assert t is not None
    lived = 1000 * sqrt(pi) / 2 * (2 * float(normal_cdf(sqrt(2) * t / 1000)) - 1)
    fails = 1 - exp(-((t / 1000) ** 2))
    assert 2 * t / 1000**2 * lived - fails == pytest.approx(100 / 900, rel=1e-6)


def test_seen_lives_are_compared_just_before_each_failure() -> None:
    plan = planned("age", life={"kind": "empirical", "failed": ["10 h", "20 h", "30 h", "40 h"]})
    # Replacing at 10 h: no failure, 100 / 10. At 20: 325 / 17.5. At 30: 550 / 22.5. Never: 1000/25.
    assert plan.action.age == 10
    assert plan.cost == pytest.approx(10)
    assert plan.to_failure == pytest.approx(40)
    assert "stands on 4 failures" in plan.notes[0]


def test_beyond_the_oldest_that_runs_nothing_is_promised() -> None:
    life = {"kind": "empirical", "failed": ["10 h"], "running": ["500 h"] * 60}
    plan = planned("age", life=life)
    assert plan.action.age == 500
    assert np.isnan(plan.to_failure)


# Blocks


def test_minimal_repair_is_closed() -> None:
    """T = η (cp / (cm (β − 1)))^(1/β), and the parts are as 1 : 1 / (β − 1)."""
    plan = planned("block", life=weibull(2.5), repair_cost=50)
    best = 1000 * (100 / (50 * 1.5)) ** (1 / 2.5)
    assert plan.action.age == pytest.approx(best, rel=1e-5)
    assert plan.cost == pytest.approx((100 + 50 * (best / 1000) ** 2.5) / best, rel=1e-10)
    assert planned("block", life=weibull(1.0), repair_cost=50).action.age == inf


# Wear


@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize("kind", ["gamma", "wiener"])
def test_thresholds_cost_what_simulation_says(kind: str, announced: bool) -> None:
    """Within three standard errors, at thresholds where many fail."""
    spread = 0.15 if kind == "gamma" else 0.4
    asset = upkeep(
        wear={"kind": kind, "rate": 0.05, "spread": spread, "limit": 10}, inspection_cost=10,
        announced=announced, downtime_cost=30,
    )  # fmt: skip
    solver = MAINTENANCE.build({"kind": "condition"})
    for every, level in ((20.0, 9.0), (60.0, 6.0)):
        action = Action("condition", every=every, level=level)
        plan = solver.judge(asset, "a", action)
        mean, error, _ = worn(asset, action, 6_000, seed=int(every), steps=60)
        assert abs(plan.cost - mean) < 3 * error, (every, level, plan.cost, mean, error)


def test_first_passage_and_mean_life() -> None:
    """Of Wiener wear by the inverse Gaussian law; of gamma wear near its rate."""
    asset = upkeep(wear={"kind": "wiener", "rate": 0.05, "spread": 0.3, "limit": 10})
    wear = asset.assets["a"].wear
    assert wear is not None
    stretch = wear.process().stretch(np.array([0.0]), 150.0)
    t, weight = panels(1e-9, 150, 60)
    density = 10 / (0.3 * np.sqrt(2 * pi * t**3)) * np.exp(-((10 - 0.05 * t) ** 2) / (0.18 * t))
    assert stretch.fails[0] == pytest.approx(float(weight @ density), rel=1e-9)
    works = float(weight @ (density * t)) + 150 * (1 - float(weight @ density))
    assert stretch.works[0] == pytest.approx(works, rel=1e-9)
    assert wear.process().mean_life == 200


def test_markov_is_never_dearer_than_a_threshold() -> None:
    """On its own grid, exactly; and it knows what the quadrature of the threshold says."""
    for kind, spread in (("gamma", 0.12), ("wiener", 0.3)):
        asset = upkeep(
            wear={"kind": kind, "rate": 0.05, "spread": spread, "limit": 10}, inspection_cost=10
        )
        markov = MAINTENANCE.build({"kind": "markov", "cells": 100, "longest": 34})
        condition = MAINTENANCE.build({"kind": "condition"})
        best = markov.plan(asset, "a").cost
        process = asset.assets["a"].wear.process()  # type: ignore[union-attr]  # given
        step = process.mean_life / 50
        for wait in (2, 9, 33):
            for near in (1.0, 4.0, 7.0):
                cell = (10 - process.floor) / 100
                level = 10 - round((10 - near) / cell) * cell  # where a cell begins
                action = Action("condition", every=wait * step, level=level)
                cost = markov.judge(asset, "a", action).cost
                assert best <= cost * (1 + 1e-9)
                assert cost == pytest.approx(condition.judge(asset, "a", action).cost, rel=0.03)
        assert best <= condition.plan(asset, "a").cost * 1.01


# A prognostic's word


def test_a_sharper_prediction_waits_longer_and_costs_less() -> None:
    costs, moments = [], []
    for width in (1.05, 1.3, 2.0):
        life = 200.0
        ends = {"low": f"{life / width} h", "high": f"{life * width} h"}
        plan = planned("remaining_life", age="500 h", prediction={"life": f"{life} h", **ends})
        assert plan.action.moment is not None
        moments.append(plan.action.moment)
        costs.append(plan.cost)
    assert moments == sorted(moments, reverse=True)
    assert costs == sorted(costs)
    assert moments[0] < 200


def test_acts_at_a_standstill_that_is_near_enough() -> None:
    prediction = {"life": "200 h", "low": "120 h", "high": "400 h"}
    values = {"planned_cost": 100, "failure_cost": 1000, "age": "500 h", "planned_time": "4 h",
              "downtime_cost": 20, "prediction": prediction}  # fmt: skip
    base = {"period": "1 h", "visit_cost": 60, "assets": {"a": values}}
    solver = MAINTENANCE.build({"kind": "remaining_life"})
    free = solver.plan(Upkeep.read(base), "a")
    stands = [{"at": "60 h", "lasts": "6 h"}, {"at": "90 h", "lasts": "1 h"}]
    with_stop = solver.plan(Upkeep.read({**base, "standstills": stands}), "a")
    assert with_stop.action.moment == 60
    assert with_stop.cost < free.cost
    far = solver.plan(Upkeep.read({**base, "standstills": [{"at": "400 h", "lasts": "6 h"}]}), "a")
    assert far.action == free.action


# Spares


def test_spares_are_missing_as_often_as_palm_says() -> None:
    """Twelve machines, each by itself, replaced at an age, with a lead time of 300 h: played."""
    asset = upkeep(
        life=weibull(2.0), downtime_cost=50, failure_time="2 h",
        spare={"lead_time": "300 h", "holding_cost": 1.0, "machines": 12},
    )  # fmt: skip
    solver = MAINTENANCE.build({"kind": "with_spares"})
    plan = solver.plan(asset, "a")
    assert plan.action.spares is not None
    assert plan.action.age is not None
    random, machines, end = np.random.default_rng(0), 12, 400_000.0
    due = [(float(t), m) for m, t in enumerate(random.uniform(0, plan.action.age, machines))]
    stock, orders, waiting, asked, served = plan.action.spares, [], [], 0, 0
    now = 0.0
    while now < end:
        next_due = min(due, default=(inf, -1))
        next_part = min(orders, default=inf)
        if next_part <= next_due[0]:
            now = next_part
            orders.remove(next_part)
            if waiting:
                machine = waiting.pop(0)
                life = 1000 * random.weibull(2.0)
                due.append((now + min(life, plan.action.age), machine))
            else:
                stock += 1
            continue
        now, machine = next_due
        due.remove(next_due)
        orders.append(now + 300)
        asked += 1
        if stock:
            stock, served = stock - 1, served + 1
            life = 1000 * random.weibull(2.0)
            due.append((now + min(life, plan.action.age), machine))
        else:
            waiting.append(machine)
    told = float(plan.notes[0].split("for ")[1].split(" %")[0]) / 100
    assert served / asked >= told - 0.005, "twelve machines are steadier than a Poisson stream"
    assert served / asked == pytest.approx(told, abs=0.05)


# Fits


SHOCKS = [
    6700, 6950, 7820, 8790, 9120, 9660, 9820, 11310, 11690, 11850, 11880, 12140, 12200, 12870,
    13150, 13330, 13470, 14040, 14300, 17520, 17540, 17890, 18450, 18960, 18980, 19410, 20100,
    20100, 20150, 20320, 20900, 22700, 23490, 26510, 27410, 27490, 27890, 28100,
]  # fmt: skip
SHOCKS_FAILED = [0, 4, 12, 14, 18, 19, 26, 30, 31, 33, 35]


def test_shock_absorbers() -> None:
    """Distance to failure of 38 vehicle shock absorbers (W. Q. Meeker and L. A. Escobar,
    Statistical Methods for Reliability Data, 1998): μ = 10.23 and σ = 0.3164."""
    life = np.array(SHOCKS, np.float64)
    fit = fit_weibull(life, np.isin(np.arange(38), SHOCKS_FAILED))
    assert log(fit.scale.value) == pytest.approx(10.23, abs=0.005)
    assert 1 / fit.shape.value == pytest.approx(0.3164, abs=5e-5)
    assert fit.shape.low < fit.shape.value < fit.shape.high
    assert fit.wears()
    assert (fit.failed, fit.rows) == (11, 38)


def test_leukaemia_remissions() -> None:
    """42 patients of E. J. Freireich et al. (1963) as in W. N. Venables and B. D. Ripley, Modern
    Applied Statistics with S, 13.2: survreg gives 3.516 (0.252), −1.267 (0.311), log(scale) −0.312
    (0.147), log-likelihood −106.6."""
    control = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]
    failed = [6, 6, 6, 7, 10, 13, 16, 22, 23]
    running = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    life = np.array([*control, *failed, *running], np.float64)
    ended = np.arange(42) < 30
    fit = fit_weibull(life, ended, {"control": (np.arange(42) < 21).astype(float)})
    assert fit.coefficients == pytest.approx([3.516, -1.267, -0.312], abs=5e-4)
    assert np.sqrt(np.diag(fit.covariance)) == pytest.approx([0.252, 0.311, 0.147], abs=5e-4)
    assert fit.likelihood == pytest.approx(-106.6, abs=0.05)
    assert fit.factors["control"].value == pytest.approx(exp(-1.267), rel=1e-3)
    assert fit.scale_at([1.0]) == pytest.approx(exp(3.516 - 1.267), rel=1e-3)


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    random, held = np.random.default_rng(0), 0
    for _ in range(300):
        load = random.normal(5, 2, 80)
        life = 50 * np.exp(-0.1 * (load - 5)) * random.weibull(2.2, 80)
        until = random.uniform(20, 90, 80)
        fit = fit_weibull(np.minimum(life, until), life <= until, {"load": load})
        held += fit.factors["load"].low <= exp(-0.1) <= fit.factors["load"].high
    assert 0.90 <= held / 300 <= 0.985


def test_too_few_lives_are_refused() -> None:
    life = np.array([3.0, 4.0, 5.0])
    with pytest.raises(DataError, match="1 failures at 1 ages; at least 2 ages are needed"):
        fit_weibull(life, np.array([True, False, False]))
    with pytest.raises(DataError, match="row 2 has -4"):
        fit_weibull(life * [1, -1, 1], np.ones(3, np.bool_))
    with pytest.raises(DataError, match="'x' is the same in all rows"):
        fit_weibull(life, np.ones(3, np.bool_), {"x": np.ones(3)})


# Functions


def test_probabilities() -> None:
    """Table values of Abramowitz and Stegun, 26.1 and 26.7."""
    assert normal_cdf(1.96) == pytest.approx(0.9750021048517795, rel=1e-14)
    assert gamma_cdf(2.5, 2.5) == pytest.approx(0.58412, abs=5e-6)
    assert gamma_cdf(0.5, 1.920729) == pytest.approx(0.95, abs=1e-6)
    assert normal_tail_scaled(30.0) == pytest.approx(0.013283, abs=1e-6)
    assert normal_tail_scaled(24.999) == pytest.approx(float(normal_tail_scaled(25.001)), rel=1e-3)


# Bad input


@pytest.mark.parametrize(
    ("asset", "said"),
    [
        ({}, "nothing says how it fails"),
        ({"life": weibull(2.0), "inspect_every": "9000 h"}, "99.9 % have failed after"),
        ({"wear": {"kind": "gamma", "rate": 0.05, "spread": 0.1, "limit": 10},
          "inspect_every": "6000 h"}, "it lives 20[0-9.]+ periods on average"),
        ({"wear": {"kind": "gamma", "rate": 0.05, "spread": 0.1, "limit": 10}, "level": 11},
         "has reached the limit 10: it has failed"),
        ({"life": weibull(2.0), "level": 3}, "level is given and wear is not"),
        ({"life": weibull(2.0), "failure_time": "100000 d"}, "is the unit right"),
        ({"life": weibull(-2.0)}, "must be greater than 0.05"),
        ({"life": weibull(2.0), "failure_cost": 0}, "must be greater than 0"),
        ({"prediction": {"life": "5 d", "low": "6 d", "high": "7 d"}}, "must rise"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(asset: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        upkeep(**asset)
