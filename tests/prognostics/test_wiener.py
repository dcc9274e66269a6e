"""Remaining life by an indicator that drifts to its limit: first passages, filter, and coverage."""

from __future__ import annotations

from math import erf, erfc, exp, sqrt

import numpy as np
import pytest

from gemel.core.errors import ConfigurationError, DataError
from gemel.parts.prognostics.base import Runs
from gemel.parts.prognostics.wiener import Wiener
from gemel.parts.prognostics.wiener.passage import arrived, tell
from gemel.parts.prognostics.wiener.tracking import Wear, follow

KNOWN = np.array([[0.0, 0.5, 0.05, 0.95]])
"""Levels of a model that is not calibrated."""


def by(t, at, limit, diffusion, wander=0.0):
    t = np.atleast_1d(np.asarray(t, np.float64))
    out = np.empty(len(t))
    rows = np.tile(np.asarray(at, np.float64), (len(t), 1))
    arrived(t, rows, np.asarray(limit, np.float64), diffusion, wander, out)
    return out


def units(count, seed, *, drift=0.1, differ=0.02, diffusion=0.04, noise=0.02, limit=10.0, rows=500):
    """Wiener processes with noise from 0 until they pass the limit; drifts differ."""
    random = np.random.default_rng(seed)
    unit, age, value, ended = [], [], [], []
    for number in range(count):
        own = max(random.normal(drift, differ), 0.02)
        level = np.cumsum(own + np.sqrt(diffusion) * random.normal(size=rows))
        over = np.flatnonzero(level >= limit)
        last = int(over[0]) if len(over) else rows
        unit.append(np.full(last, number))
        age.append(np.arange(1.0, last + 1))
        value.append(level[:last] + np.sqrt(noise) * random.normal(size=last))
        ended.append(len(over) > 0)
    return Runs(
        ("wear",), np.concatenate(unit), np.concatenate(age), np.concatenate(value)[:, None],
        np.array(ended),
    )  # fmt: skip


def one(y, age=None):
    y = np.asarray(y, np.float64)
    age = np.arange(1.0, len(y) + 1) if age is None else np.asarray(age, np.float64)
    return Runs(("wear",), np.zeros(len(y), np.int64), age, y[:, None], np.array([False]))


def whole(wear, limit, cap=500.0):
    """A model with numbers that are known, and nothing fitted."""
    saved = Wiener(indicator="wear", limit=limit, cap=cap, scale="linear").fit(units(3, 0)).save()
    saved["wear"] = {
        name: getattr(wear, name)
        for name in ("noise", "diffusion", "wander", "level", "level_spread", "drift",
                     "drift_spread")
    }  # fmt: skip
    return Wiener().load(saved)


def test_a_known_drift_gives_the_inverse_gaussian_distribution():
    """F(t) = Phi((m t - w) / (s sqrt t)) + exp(2 m w / s^2) Phi(-(m t + w) / (s sqrt t)):
    Schroedinger 1915; Chhikara and Folks, The Inverse Gaussian Distribution, 1989, eq. 2.13."""

    def phi(x):
        return 0.5 * erfc(-x / sqrt(2))

    for m, s, w in ((0.1, 0.3, 10.0), (1.0, 0.5, 3.0), (0.02, 0.2, 2.0), (-0.05, 0.4, 3.0)):
        t = w / abs(m) * np.array([0.2, 0.6, 1.0, 1.7, 4.0])
        expected = [
            phi((m * x - w) / (s * sqrt(x)))
            + exp(2 * m * w / s**2) * phi(-(m * x + w) / (s * sqrt(x)))
            for x in t
        ]
        assert by(t, [0, m, 0, 0, 0], [w, -1], s**2) == pytest.approx(expected, abs=1e-12)


def test_its_mean_and_variance_are_those_of_the_inverse_gaussian():
    """Mean w / m, variance w s^2 / m^3, by summing the tail over a fine grid."""
    w, m, q = 10.0, 0.1, 0.09
    t = np.linspace(0, 3000, 300_001)
    tail = 1 - by(t, [0, m, 0, 0, 0], [w, -1], q)
    mean = np.trapezoid(tail, t)
    assert mean == pytest.approx(w / m, rel=1e-6)
    assert 2 * np.trapezoid(t * tail, t) - mean**2 == pytest.approx(w * q / m**3, rel=1e-4)


def test_without_drift_it_is_the_reflection_of_brownian_motion():
    """P(T <= t) = 2 Phi(-w / (s sqrt t)), by the reflection principle."""
    w, q = 2.0, 0.3
    for t in (0.5, 5.0, 80.0):
        expected = 1 - erf(w / sqrt(2 * q * t))
        assert by(t, [0, 0, 0, 0, 0], [w, -1], q) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("at", "limit", "diffusion", "wander", "until"),
    [
        ([0, 0.1, 0, 0, 9e-4], [10, -1], 0.09, 0.0, 300.0),
        ([0, 0.1, 0.5, 0.005, 9e-4], [10, -1], 0.09, 0.0, 300.0),
        ([0, 0.1, 0.5, 0.005, 9e-4], [10, 1], 0.09, 0.0, 300.0),
        ([0, 0.1, 0, 0, 1e-4], [10, -1], 0.09, 1e-5, 300.0),
        ([0, 0.05, 0.1, 0.001, 9e-4], [10, 1], 0.01, 1e-4, 200.0),
    ],
    ids=["drift", "level", "limit", "wander", "all"],
)
def test_what_is_not_known_is_as_simulated(at, limit, diffusion, wander, until):
    """20,000 paths in 2,000 steps; what they miss between steps is put right by moving the limit
    (Broadie, Glasserman and Kou 1997). Standard error of a share at most 0.0036."""
    random = np.random.default_rng(0)
    count, steps = 20_000, 2_000
    dt = until / steps
    half = np.linalg.cholesky(np.array([[at[2], at[3]], [at[3], at[4]]]) + 1e-15 * np.eye(2))
    level, drift = np.array(at[:2])[:, None] + half @ random.normal(size=(2, count))
    end = limit[0] + np.sqrt(max(limit[1], 0)) * random.normal(size=count)
    first = np.full(count, np.inf)
    near = 0.5826 * np.sqrt(diffusion * dt)
    for step in range(steps):
        level = level + drift * dt + np.sqrt(diffusion * dt) * random.normal(size=count)
        drift = drift + np.sqrt(wander * dt) * random.normal(size=count)
        first[(level >= end - near) & np.isinf(first)] = (step + 1) * dt
    t = until * np.array([0.2, 0.35, 0.5, 0.75, 1.0])
    simulated = [(first <= x).mean() for x in t]
    assert by(t, at, limit, diffusion, wander) == pytest.approx(simulated, abs=0.015)


def test_nothing_overflows():
    """Diffusion from nothing to much, drifts both ways, near and far."""
    random = np.random.default_rng(0)
    for _ in range(300):
        at = [0.0, random.normal(), *(10.0 ** random.uniform(-9, 3, 2)), 0.0]
        at = [at[0], at[1], at[2], 0.0, at[3]]
        diffusion, wander = 10.0 ** random.uniform(-12, 4, 2)
        t = np.geomspace(1e-6, 1e6, 30)
        found = by(t, at, [10.0 ** random.uniform(-3, 3), random.choice([-1.0, 0.5])], diffusion,
                   wander)  # fmt: skip
        assert np.isfinite(found).all()
        assert ((found >= 0) & (found <= 1)).all()
        assert (np.diff(by(t, at, [1.0, -1.0], diffusion)) > -1e-9).all()


def test_quantiles_are_where_the_chance_is():
    at = np.array([[0, 0.1, 0.2, 0.001, 4e-4]])
    limit, out, median = np.array([10.0, -1.0]), np.empty((3, 1)), np.empty(1)
    tell(at, limit, 0.09, 0.0, 1e4, KNOWN, median, out)
    assert by(out[:, 0], at[0], limit, 0.09) == pytest.approx([0.5, 0.05, 0.95], abs=1e-6)


def test_the_filter_is_least_squares_where_only_noise_is():
    """Without diffusion and wander, and with nothing known before, level and drift are those of the
    straight line, and their variances too."""
    random = np.random.default_rng(0)
    age = np.sort(random.uniform(0, 100, 40))
    y = 3 + 0.2 * age + random.normal(size=40)
    found = follow(one(y, age), y, Wear(1.0, 0.0, 0.0, 0.0, 1e8, 0.0, 1e8))[-1]
    design = np.stack([np.ones(40), age - age[-1]], axis=1)
    inverse = np.linalg.inv(design.T @ design)
    assert found[:2] == pytest.approx(inverse @ design.T @ y, rel=1e-5)
    assert found[2:] == pytest.approx([inverse[0, 0], inverse[0, 1], inverse[1, 1]], rel=1e-4)


def test_a_row_without_a_value_lets_time_pass():
    """Two steps without a value are one step of both."""
    wear = Wear(0.1, 0.2, 0.01, 0.0, 1.0, 0.1, 0.3)
    y = np.array([0.0, np.nan, np.nan, 1.0])
    apart = follow(one(y, [0, 1, 2.5, 4]), y, wear)
    joined = follow(one(y[[0, 3]], [0, 4]), y[[0, 3]], wear)
    assert apart[-1] == pytest.approx(joined[-1], rel=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_numbers_are_found_again(seed):
    """Maximum likelihood on 40 units of known numbers: within a few standard errors."""
    runs = units(40, seed)
    found, _ = Wear.fit(runs, runs.value[:, 0])
    assert found.noise == pytest.approx(0.02, rel=0.25)
    assert found.diffusion == pytest.approx(0.04, rel=0.25)
    assert found.drift == pytest.approx(0.1, abs=0.02)
    assert found.wander < 1e-5, "there is none"
    assert sqrt(found.drift_spread) == pytest.approx(0.02, abs=0.012)


@pytest.mark.parametrize("seed", range(3))
def test_known_numbers_hold_the_truth_as_often_as_they_say(seed):
    """300 units of known numbers, one row of each: coverage within four standard errors of 0.9."""
    wear = Wear(0.02, 0.04, 1e-12, 0.0, 1e-6, 0.1, 0.02**2)
    runs = units(300, 100 + seed, rows=2000)
    life, left = whole(wear, 10.0, cap=1000.0).predict(runs), runs.remaining() + 1
    random = np.random.default_rng(seed)
    ends = np.append(runs.starts[1:], len(runs))
    rows = np.array([random.integers(a, b) for a, b in zip(runs.starts, ends, strict=True)])
    held = np.mean((left[rows] >= life.low[rows]) & (left[rows] <= life.high[rows]))
    assert abs(held - 0.9) < 4 * sqrt(0.09 / 300)
    assert np.mean(left[rows] < life.value[rows]) == pytest.approx(0.5, abs=0.12)


@pytest.mark.parametrize("seed", range(3))
def test_few_units_that_did_not_fail_hold_others_often_enough(seed):
    """Fitted on three units that were stopped at half their way, judged on 150 that failed."""
    known = units(3, seed)
    half = known.value[:, 0] < 5
    first = np.array([np.flatnonzero(~half & (known.unit == u))[0] for u in range(3)])
    kept = np.arange(len(known)) < first[known.unit]
    cut = Runs(known.names, known.unit[kept], known.age[kept], known.value[kept], np.zeros(3, bool))
    model = Wiener(indicator="wear", limit=10.0, cap=300.0).fit(cut)
    runs = units(150, 50 + seed, rows=2000)
    life, left = model.predict(runs), np.minimum(runs.remaining() + 1, 300)
    assert np.mean((left >= life.low) & (left <= life.high)) > 0.85
    assert "not calibrated: 0 units failed" in model.evidence()["interval"]
    width = life.high - life.low
    assert width[left < 10].mean() < 0.6 * width[left > 60].mean(), "narrow where the end is near"
    assert np.abs(life.value - left)[left < 10].mean() < 5


def test_while_nothing_happens_anything_may():
    """A unit that does not wear: cap or more, and the interval begins well below it."""
    random = np.random.default_rng(0)
    model = Wiener(indicator="wear", limit=5.0, cap=200.0).fit(one(random.normal(0, 0.1, 300)))
    life = model.predict(one(random.normal(0, 0.1, 200)))
    assert life.value[-1] == 200
    assert life.high[-1] == 200
    assert 20 < life.low[-1] < 190


def test_wear_that_begins_is_followed():
    """Level for 150 rows, then 0.05 per row to the limit of 5: the last prediction is near, and the
    interval closes."""
    random = np.random.default_rng(1)
    model = Wiener(indicator="wear", limit=5.0, cap=200.0).fit(one(random.normal(0, 0.1, 300)))
    y = np.maximum(0, np.arange(240) - 150) * 0.05 + random.normal(0, 0.1, 240)
    life = model.predict(one(y))
    assert life.value[149] == 200
    assert life.value[-1] == pytest.approx(10, abs=5)
    assert life.low[-1] <= 11 <= life.high[-1]
    width = life.high - life.low
    assert width[-1] < 0.3 * width[149]


def test_beyond_its_limit_life_is_over():
    model = Wiener(indicator="wear", limit=10.0).fit(units(3, 0))
    life = model.predict(one(np.linspace(0, 30, 40)))
    assert life.value[-1] == life.high[-1] == 0


def test_wear_downwards_is_wear_upwards_mirrored():
    runs = units(5, 0)
    down = Runs(runs.names, runs.unit, runs.age, -runs.value, runs.ended)
    there = Wiener(indicator="wear", limit=10.0).fit(runs).predict(runs)
    back = Wiener(indicator="wear", limit=-10.0).fit(down).predict(down)
    assert back.value == pytest.approx(there.value)


def test_growth_that_multiplies_is_followed_on_its_logarithm():
    random = np.random.default_rng(0)
    grown = [
        np.exp(np.cumsum(random.normal(0.03, 0.02, 120))) * np.exp(random.normal(0, 0.02, 120))
        for _ in range(6)
    ]
    runs = Runs(
        ("wear",), np.repeat(np.arange(6), 120), np.tile(np.arange(120.0), 6),
        np.concatenate(grown)[:, None], np.zeros(6, bool),
    )  # fmt: skip
    model = Wiener(indicator="wear", limit=200.0).fit(runs)
    assert model.evidence()["scale"] == "log"
    assert model.evidence()["limit"] == pytest.approx(200)
    assert Wiener(indicator="wear", limit=10.0).fit(units(6, 0)).evidence()["scale"] == "linear"


def test_the_limit_and_the_signal_are_learned_from_units_that_failed():
    runs = units(12, 0)
    random = np.random.default_rng(0)
    noise = random.normal(size=(len(runs), 1))
    both = Runs(("other", "wear"), runs.unit, runs.age, np.hstack([noise, runs.value]), runs.ended)
    evidence = Wiener().fit(both).evidence()
    assert evidence["indicator"] == "wear"
    assert evidence["limit"] == pytest.approx(10, abs=0.5)
    assert evidence["interval"].startswith("chances on 12 units held out")


def test_ten_rows_and_gaps_and_rows_without_a_value():
    y = np.array([0, 0.5, np.nan, 1.4, 2.1, 2.4, np.nan, 3.6, 3.9, 4.6, 5.1, 5.4])
    age = np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11.0])
    age[6:] += 100
    model = Wiener(indicator="wear", limit=10.0, cap=50.0).fit(one(y, age))
    life = model.predict(one(y, age))
    assert np.isfinite([life.value, life.low, life.high]).all()
    assert (life.low <= life.value).all()
    with pytest.raises(DataError, match="known in 9 rows; at least 10"):
        Wiener(indicator="wear", limit=10.0).fit(one(y[:11], age[:11]))


def test_a_model_tells_what_it_sees():
    runs = units(3, 0)
    model = Wiener(indicator="wear", limit=10.0).fit(runs)
    words = model.explain(runs, np.array([50])).words
    assert words[0].startswith("wear is ")
    assert "its limit 10; it drifts by +" in words[0]


@pytest.mark.parametrize(
    ("settings", "error", "why"),
    [
        ({"indicator": "waer", "limit": 1.0}, ConfigurationError, "did you mean 'wear'"),
        ({"indicator": "wear", "conditions": ("wear",), "limit": 1.0}, ConfigurationError, "one"),
        ({"indicator": "wear", "limit": -3.0, "direction": "up"}, DataError, "beyond their limit"),
        ({"indicator": "wear", "limit": 9.0, "scale": "log"}, ConfigurationError, "above zero"),
        ({"indicator": "wear"}, DataError, "3 units that failed; at least 5 .* learn the limit"),
        ({"limit": 9.0}, DataError, "learn the indicator; none if both"),
    ],
)
def test_what_cannot_be_is_refused(settings, error, why):
    with pytest.raises(error, match=why):
        Wiener(**settings).fit(units(3, 0))
