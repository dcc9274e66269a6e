"""Times that were seen become distributions: against published estimates, and against SciPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.core.line.families import FAMILIES, law_of
from gemel.core.line.fitting import fit, resolution

BEARINGS = np.array([
    17.88, 28.92, 33.00, 41.52, 42.12, 45.60, 48.40, 51.84, 51.96, 54.12, 55.56, 67.80, 68.64,
    68.64, 68.88, 84.12, 93.12, 98.64, 105.12, 105.84, 127.92, 128.04, 173.40,
])  # fmt: skip
"""Endurance of ball bearings, J. Lieblein and M. Zelen, Journal of Research of the National Bureau
of Standards 57 (1956) 273; estimates in J. Lawless, Statistical Models and Methods for Lifetime
Data (1982)."""
REMISSION = np.array([6.0, 6, 6, 7, 10, 13, 16, 22, 23])
STILL = np.array([6.0, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35])
"""Remission in weeks under 6-MP, and those still in remission: E. Freireich et al., Blood 21 (1963)
699; estimates by maximum likelihood as in Lawless."""
NOTHING = np.zeros(0)


def law(name: str, seen: Values, running: Values = NOTHING) -> Any:
    found = law_of(name, seen, running)
    assert found is not None
    return found


def test_bearings_have_the_published_estimates() -> None:
    weibull = law("weibull", BEARINGS)
    scale = stats.weibull_min(2.102, scale=81.88)
    assert weibull.mean == pytest.approx(scale.mean(), rel=1e-3)
    assert weibull.cv == pytest.approx(scale.std() / scale.mean(), rel=1e-3)
    lognormal = law("lognormal", BEARINGS)
    published = stats.lognorm(0.522, scale=np.exp(4.150))
    assert lognormal.mean == pytest.approx(published.mean(), rel=1e-3)
    assert lognormal.cv == pytest.approx(published.std() / published.mean(), rel=2e-3)


def test_who_is_still_in_remission_counts() -> None:
    assert law("exponential", REMISSION, STILL).mean == pytest.approx(359 / 9)
    weibull = law("weibull", REMISSION, STILL)
    published = stats.weibull_min(1.354, scale=33.77)
    assert weibull.mean == pytest.approx(published.mean(), rel=1e-3)
    assert weibull.cv == pytest.approx(published.std() / published.mean(), rel=1e-3)


@pytest.mark.parametrize("name", sorted(FAMILIES))
@pytest.mark.parametrize("cut", [np.inf, 18.0, 14.0])
def test_no_other_parameters_are_more_likely(name: str, cut: float) -> None:
    """SciPy's own search finds the same maximum, or none that is higher."""
    drawn = np.random.default_rng(4).gamma(16, 1, 400)
    seen, running = drawn[drawn <= cut], np.full(int((drawn > cut).sum()), cut)
    found = law(name, seen, running)
    censored = stats.CensoredData(seen, right=running)
    families = {"exponential": stats.expon, "lognormal": stats.lognorm, "gamma": stats.gamma,
                "weibull": stats.weibull_min, "normal": stats.norm}  # fmt: skip
    family = families[name]
    fixed = {} if name == "normal" else {"floc": 0}
    parameters = family.fit(censored, **fixed)
    other = family(*parameters)
    height = float(other.logpdf(seen).sum() + other.logsf(running).sum())
    assert found.likelihood >= height - 1e-3
    assert found.mean == pytest.approx(other.mean(), rel=5e-3)
    times = np.array([8.0, 14.0, 24.0])
    assert found.below(times) == pytest.approx(other.cdf(times), abs=2e-3)
    assert found.distribution().mean_s == pytest.approx(found.mean, rel=2e-2)


def test_the_family_that_was_drawn_from_is_mostly_found() -> None:
    random = np.random.default_rng(1)
    draws = {
        "exponential": lambda: random.exponential(30, 300),
        "lognormal": lambda: random.lognormal(3, 0.6, 300),
        "gamma": lambda: random.gamma(2.5, 10, 300),
        "weibull": lambda: 40 * random.weibull(3.5, 300),
        "normal": lambda: random.normal(60, 6, 300),
    }
    right = {name: sum(fit(draw()).best == name for _ in range(8)) for name, draw in draws.items()}
    assert right["exponential"] >= 6
    assert right["lognormal"] >= 6
    assert sum(right.values()) >= 26, right  # the others are near each other


def test_intervals_hold_the_mean_about_as_often_as_they_say() -> None:
    random = np.random.default_rng(2)
    inside = 0
    for _ in range(60):
        times, cut = random.lognormal(2, 0.5, 80), random.uniform(5, 40, 80)
        found = fit(times[times <= cut], cut[times > cut])
        inside += found.low <= np.exp(2 + 0.125) <= found.high
    assert 50 <= inside <= 60


def test_the_p_value_rejects_rarely_where_the_family_is_right() -> None:
    random = np.random.default_rng(3)
    p = np.array(
        [fit(np.round(random.lognormal(5, 0.4, 120)), families=("lognormal",)).p for _ in range(60)]
    )
    assert (p < 0.1).mean() <= 0.25
    assert 0.3 <= p.mean() <= 0.7


def test_what_still_runs_is_no_short_time() -> None:
    """Without it the mean is too short, beyond what chance could do; with it, it is not."""
    random = np.random.default_rng(5)
    times, watched = random.exponential(100, 400), random.uniform(0, 150, 400)
    over = times <= watched
    whole, told = fit(times[over], watched[~over]), fit(times[over])
    assert told.high < 100
    assert whole.low < 100 < whole.high
    assert whole.running == int((~over).sum())


def test_two_kinds_of_work_are_taken_as_seen() -> None:
    random = np.random.default_rng(6)
    times = np.append(random.normal(10, 1, 200), random.normal(60, 3, 200))
    found = fit(times)
    assert found.distribution.kind == "empirical"
    assert found.p < 0.02
    assert "no family fits" in found.said
    assert found.mean == pytest.approx(times.mean(), rel=1e-6)
    assert found.cv == pytest.approx(times.std() / times.mean(), rel=0.02)


def test_the_rest_of_those_that_run_longest_is_not_forgotten() -> None:
    """Remission again, its curve by Kaplan and Meier: 0.857 beyond 6 weeks … 0.448 beyond 23."""
    found = fit(np.tile(REMISSION, 30), np.tile(STILL, 30), families=("normal", "exponential"))
    assert found.distribution.kind == "empirical"
    values, shares = np.array(found.distribution.values) / 1e9, np.array(found.distribution.shares)
    for week, left in ((6, 0.857), (7, 0.807), (10, 0.753), (13, 0.690), (16, 0.627), (22, 0.538)):
        assert shares[values > week].sum() == pytest.approx(left, abs=1e-3)
    assert values[-1] > 35


def test_times_that_are_written_as_nothing_make_no_family() -> None:
    found = fit(np.append(np.zeros(20), np.full(80, 60.0) + np.arange(80)))
    assert found.distribution.kind == "empirical"
    assert "20 % are 0" in found.said


def test_few_times_and_single_ones() -> None:
    assert fit([30.0]).distribution.shape_name == "constant"
    assert fit([30.0, 30.0, 30.0]).said == "always the same"
    few = fit([20.0, 30.0, 40.0])
    assert few.mean == pytest.approx(30)
    assert "too few" in few.said
    assert np.isnan(few.p)
    assert fit([20.0, 30.0], [100.0]).mean == pytest.approx(75)  # exponential: 150 s, 2 ends


def test_what_is_no_time_is_refused() -> None:
    with pytest.raises(DataError, match=r"at least 0, found -3 s"):
        fit([1.0, -3.0])
    with pytest.raises(DataError, match="2 were still running"):
        fit([], [1.0, 2.0])


@pytest.mark.parametrize(
    ("values", "step"),
    [([60.0, 120, 600], 60), ([1.0, 2, 7], 1), ([900.0, 1800, 0], 900), ([0.1234567, 0.2], 0)],
)
def test_the_step_of_writing_is_seen(values: list[float], step: float) -> None:
    assert resolution(np.array(values)) == step
