"""Remaining life by Weibull regression: published coefficients, known truths, the age reached."""

from __future__ import annotations

from math import exp, inf, log

import numpy as np
import pytest
from scipy import optimize

from gemel.core.errors import ConfigurationError, DataError
from gemel.core.wear.regression import climbed, likelihood
from gemel.parts.prognostics.base import Runs
from gemel.parts.prognostics.weibull import Weibull
from gemel.parts.prognostics.weibull.fitting import Lives, chosen, fitted
from gemel.testing.prognostics import wearing_runs

OVARIAN = """
59 1 1 1, 115 1 1 1, 156 1 1 2, 421 0 2 1, 431 1 1 1, 448 0 1 2, 464 1 2 2, 475 1 2 2, 477 0 1 1,
563 1 2 2, 638 1 1 2, 744 0 2 1, 769 0 2 2, 770 0 2 1, 803 0 1 1, 855 0 1 2, 1040 0 1 2,
1106 0 1 1, 1129 0 2 1, 1206 0 2 1, 1227 0 2 2, 268 1 1 2, 329 1 1 1, 353 1 2 2, 365 1 2 1,
377 0 2 1
"""
"""Days, whether dead then, treatment, performance (ECOG)."""


def simulated(units, seed, *, shape=3.0, effect=0.5, until=inf, since=0.0):
    """One row of each unit, at an age of `since` times its life at most: life since new is Weibull
    of this shape with scale 100 · exp(effect · x)."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(units, 1))
    life = 100 * np.exp(effect * x[:, 0]) * random.weibull(shape, units)
    age = random.uniform(0, since, units) * 100
    alive = life > age
    x, life, age = x[alive], life[alive], age[alive]
    left, count = np.minimum(life - age, until), len(life)
    return Lives(x, age, left, life - age <= until, np.arange(count), 0.5, float(age.mean()))


def aged(units, seed, shape=4.0, running=0):
    """Rows of units whose signal is how long they are made to live, with noise: the age says the
    rest. `running` of them were stopped at half their life."""
    random = np.random.default_rng(seed)
    unit, age, value = [], [], []
    for number in range(units):
        quality = random.normal()
        rows = max(int(100 * exp(0.3 * quality) * random.weibull(shape)), 4)
        rows = rows // 2 if number < running else rows
        ages = np.arange(1.0, rows + 1)
        unit.append(np.full(len(ages), number))
        age.append(ages)
        value.append(quality + random.normal(0, 0.3, (len(ages), 1)))
    return Runs(
        ("quality",), np.concatenate(unit), np.concatenate(age), np.concatenate(value),
        np.arange(units) >= running,
    )  # fmt: skip


def test_published_coefficients():
    """26 women of J. H. Edmonson et al. (Cancer Treatment Reports 63 (1979) 241): of performance
    and treatment, survreg of the package survival gives 6.8966931, -0.3850425 and 0.5286455, and
    the log-likelihood -97.1 (T. M. Therneau, A Package for Survival Analysis in R)."""
    rows = np.array([[float(n) for n in row.split()] for row in OVARIAN.split(",")])
    time, dead, treatment, performance = rows.T
    x = np.column_stack([np.ones(26), performance, treatment])
    theta, value, _ = climbed(
        np.array([log(time.mean()), 0, 0, 0]), lambda t: likelihood(t, x, np.log(time), dead == 1)
    )
    assert theta[:3] == pytest.approx([6.8966931, -0.3850425, 0.5286455], abs=1e-7)
    assert value - np.log(time[dead == 1]).sum() == pytest.approx(-97.1, abs=0.05)


def test_slopes_are_those_of_the_value():
    """By differences, with lives that were watched from some age on."""
    random = np.random.default_rng(0)
    x = np.column_stack([np.ones(60), random.normal(size=(60, 2))])
    since = np.append(-inf, np.log(random.uniform(0.1, 1, 59)))
    until = np.where(np.isfinite(since), since, 0) + random.exponential(1, 60)
    failed = random.random(60) < 0.6
    theta, step = np.array([0.3, 0.2, -0.4, -0.5]), 1e-6

    def at(t):
        return likelihood(t, x, until, failed, since)

    _, gradient, hessian = at(theta)
    sides = [(at(theta + step * e), at(theta - step * e)) for e in np.eye(4)]
    assert gradient == pytest.approx([(a[0] - b[0]) / (2 * step) for a, b in sides], abs=1e-5)
    apart = np.array([(a[1] - b[1]) / (2 * step) for a, b in sides])
    assert hessian == pytest.approx(apart, abs=1e-5)


def test_the_top_is_where_scipy_finds_it():
    lives = simulated(200, 0, until=40.0, since=0.5)
    theta = fitted(lives, True, 1e-9)
    x = np.column_stack([np.ones(len(lives.age)), lives.x])
    with np.errstate(divide="ignore"):
        since, until = np.log(lives.age), np.log(lives.age + lives.left)

    def unlikely(t):
        value, gradient, _ = likelihood(t, x, until, lives.failed, since)
        return -value, -gradient

    found = optimize.minimize(unlikely, np.array([4.0, 0, 0]), jac=True, method="BFGS")
    assert np.delete(theta, 2) == pytest.approx(found.x, abs=1e-3), "but for the prior of spread"


@pytest.mark.parametrize("since", [0.0, 0.8])
@pytest.mark.parametrize("seed", range(3))
def test_numbers_are_found_again(seed, since):
    """2,000 units, half of them censored; watched since new, or since an age that only those which
    live long reach: within four standard errors of the truth (3 and 0.5, log 100)."""
    lives = simulated(2_000, seed, until=90.0 if since == 0 else 40.0, since=since)
    assert 0.2 < lives.failed.mean() < 0.8
    theta = fitted(lives, True, 1e-9)
    assert theta[0] == pytest.approx(log(100), abs=0.06)
    assert theta[1] == pytest.approx(0.5, abs=0.06)
    assert exp(-theta[-1]) == pytest.approx(3.0, rel=0.12)


def test_leaving_out_who_still_runs_tells_too_short_a_life():
    lives = simulated(2_000, 0, until=60.0)
    whole, failed = fitted(lives, True, 1e-9), fitted(lives.take(lives.failed), True, 1e-9)
    assert failed[0] < whole[0] - 0.2


def test_the_clock_is_the_likelier():
    """Lives since new whose age counts; and lives that begin anew at each row."""
    by_age = simulated(600, 0, since=1.2)
    assert chosen(by_age, None, 0.01, 4)[0] == "age"
    random = np.random.default_rng(0)
    x, unit = random.normal(size=(600, 1)), np.arange(600)
    left = 20 * np.exp(0.5 * x[:, 0]) * random.weibull(3.0, 600)
    age = random.uniform(50, 150, 600)
    by_row = Lives(x, age, left, np.ones(600, np.bool_), unit, 0.5, 100.0)
    assert chosen(by_row, None, 0.01, 4)[0] == "row"


def test_a_ridge_is_strong_where_covariates_say_nothing():
    random = np.random.default_rng(0)
    left, unit = 20 * random.weibull(3.0, 120), np.arange(120)
    noise = random.normal(size=(120, 40))
    idle = Lives(noise, np.full(120, 9.0), left, np.ones(120, np.bool_), unit, 0.5, 9.0)
    telling = Lives(
        noise, idle.age, left * np.exp(noise @ np.linspace(-0.5, 0.5, 40)), idle.failed, unit,
        0.5, 9.0,
    )  # fmt: skip
    assert chosen(idle, "row", None, 4)[1] > chosen(telling, "row", None, 4)[1]


def test_told_is_the_law_given_the_age_that_was_reached():
    """S(t | a) = exp((a / s)^k - (t / s)^k): median and ends at levels of 0.5, 0.05 and 0.95."""
    model = Weibull(clock="age", ridge=0.01).fit(aged(20, 0))
    saved = model.save()
    levels = [[1.0, *(log(-log(1 - p)) for p in (0.5, 0.05, 0.95))]]
    saved = {**saved, "levels": levels, "half": 0.0, "cap": 1e6}
    model = Weibull().load(saved)
    shape, runs = exp(-model.theta[-1]), aged(5, 1)
    scale = np.exp(model.scale(model.covariates(runs), runs.age))
    life = model.predict(runs)
    for told, chance in ((life.value, 0.5), (life.low, 0.05), (life.high, 0.95)):
        survives = np.exp((runs.age / scale) ** shape - ((runs.age + told) / scale) ** shape)
        assert survives == pytest.approx(1 - chance, abs=1e-9)
    level, _ = model.levels_of(runs, life.value)
    assert np.exp(-np.exp(level)) == pytest.approx(0.5, abs=1e-9)


def test_the_older_the_less_is_left():
    """Of units that wear out, told since new."""
    model = Weibull(clock="age").fit(aged(40, 0))
    life = model.told(np.full(60, log(100.0)), np.arange(1.0, 181.0, 3))
    assert (np.diff(life.value) <= 0).all()
    assert life.value[0] > 3 * life.value[-1]


@pytest.mark.parametrize("seed", range(3))
def test_units_that_run_on_count(seed):
    """Half of the units were stopped at half their life: told without them, life is too short."""
    runs = aged(40, seed, running=20)
    other = aged(60, seed + 10)
    whole = Weibull(clock="age", cap=400.0).fit(runs)
    scales = [
        np.mean(model.scale(model.covariates(other), other.age))
        for model in (whole, Weibull(clock="age", cap=400.0).fit(aged(40, seed)))
    ]
    assert scales[0] == pytest.approx(scales[1], abs=0.15), "as if they had been watched on"
    assert "20 units held out" in whole.evidence()["interval"]


def test_reasons_say_by_which_factor():
    model = Weibull(clock="row", cap=60).fit(wearing_runs(units=30))
    others = wearing_runs(units=2, seed=3)
    reasons = model.explain(others, np.array([len(others) - 1]))
    assert reasons.share[0, 1:3].sum() < 0, "worn: vibration and temperature take life away"
    assert "vibration 0." in reasons.words[0]


def test_what_cannot_be_is_refused():
    with pytest.raises(ConfigurationError, match="no signal 'loda'; did you mean 'load'"):
        Weibull(conditions=("loda",)).fit(wearing_runs())
    runs = wearing_runs()
    before = Runs(runs.names, runs.unit, runs.age - 1_000, runs.value, runs.ended)
    with pytest.raises(DataError, match="ages must reach above 0"):
        Weibull().fit(before)


def test_a_saved_model_that_was_changed_is_refused():
    saved = Weibull(clock="row", ridge=0.1).fit(wearing_runs(units=6)).save()
    for name, wrong in (
        ("theta", saved["theta"][:-1]), ("theta", [None] * len(saved["theta"])),
        ("levels", [[1.0]]), ("covariates", {**saved["covariates"], "centre": [0.0]}),
    ):  # fmt: skip
        with pytest.raises(DataError, match="not a saved model"):
            Weibull().load({**saved, name: wrong})
