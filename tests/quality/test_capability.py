"""Capability against worked examples, closed forms and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from tests.quality.examples import RINGS

from gemel.core.control.capability import Capability, capability, normality
from gemel.core.errors import DataError


def exactly(mean: float, deviation: float, n: int) -> np.ndarray:
    """Values like normal ones, of exactly this mean and sample standard deviation."""
    z = np.random.default_rng(7).permutation(stats.norm.ppf((np.arange(n) + 0.5) / n))
    z = (z - z.mean()) / z.std(ddof=1)
    return mean + deviation * z


def value(found: Capability, name: str) -> float:
    index = found.index(name)
    assert index is not None
    return index.value


def test_the_indices_of_nist() -> None:
    """NIST/SEMATECH e-Handbook 6.1.6: limits 8 and 20, mean 16, s 2: Cp 1.0, Cpl 1.3333,
    Cpu 0.6667. Ours of all values is called Pp."""
    found = capability(exactly(16, 2, 100), 8, 20)
    assert value(found, "Pp") == pytest.approx(1.0)
    assert value(found, "Ppl") == pytest.approx(4 / 3)
    assert value(found, "Ppu") == value(found, "Ppk") == pytest.approx(2 / 3)


def test_the_interval_of_montgomery() -> None:
    """Limits 38 and 62, 20 values, s 1.75: Cp 2.29, 95 % from 1.57 to 3.01."""
    index = capability(exactly(50, 1.75, 20), 38, 62).index("Pp")
    assert index is not None
    assert (index.value, index.low, index.high) == pytest.approx((2.29, 1.57, 3.01), abs=0.006)


def test_within_is_pooled_over_subgroups() -> None:
    found = capability(RINGS, 73.95, 74.05, target=74)
    within = np.sqrt(RINGS.var(axis=1, ddof=1).mean())
    assert (found.within, found.freedom) == (pytest.approx(within), 100)
    assert found.overall == pytest.approx(RINGS.std(ddof=1))
    assert found.in_control
    assert value(found, "Cp") == pytest.approx(0.1 / 6 / within)
    low, high = stats.chi2.ppf([0.025, 0.975], 100)
    index = found.index("Cp")
    assert index is not None
    assert (index.low, index.high) == pytest.approx(
        (index.value * np.sqrt(low / 100), index.value * np.sqrt(high / 100))
    )
    off = RINGS.mean() - 74
    wanted = 0.1 / 6 / np.sqrt(RINGS.var(ddof=1) + off**2)
    assert value(found, "Cpm") == pytest.approx(wanted)
    assert found.remarks == ()


def test_parts_outside_are_counted_and_expected() -> None:
    found = capability(exactly(0, 1, 1000), -2, 3)
    assert (found.observed.below, found.observed.above) == (23_000, 1_000)
    mean, deviation = found.mean, found.overall
    assert found.overall_expected.below == pytest.approx(1e6 * stats.norm.cdf(-2, mean, deviation))
    assert found.overall_expected.above == pytest.approx(1e6 * stats.norm.sf(3, mean, deviation))
    assert found.within_expected.total == pytest.approx(
        1e6 * (stats.norm.cdf(-2, mean, found.within) + stats.norm.sf(3, mean, found.within))
    )


def test_one_limit_tells_one_side() -> None:
    found = capability(exactly(5, 1, 60), upper=8)
    assert [i.name for i in found.indices] == ["Cpu", "Cpk", "Ppu", "Ppk"]
    assert value(found, "Ppk") == pytest.approx(1.0)
    assert np.isnan(found.observed.below)
    assert found.observed.total == found.observed.above
    assert "Cpm needs both limits" in capability(exactly(5, 1, 60), 2, target=5).remarks[-1]


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """Mean 0.5, standard deviation 1, limits -4 and 4.25: the upper one is 3.75 away."""
    random = np.random.default_rng(0)
    truth = {"Cp": 8.25 / 6, "Cpk": 1.25, "Pp": 8.25 / 6, "Ppk": 1.25}
    held = dict.fromkeys(truth, 0)
    for _ in range(600):
        found = capability(random.normal(0.5, 1, (20, 4)), -4, 4.25, anyway=True)
        for name, true in truth.items():
            index = found.index(name)
            assert index is not None
            held[name] += index.low <= true <= index.high
    for name, times in held.items():
        assert times / 600 == pytest.approx(0.95, abs=0.025), name


def test_the_interval_about_a_target_holds_the_truth() -> None:
    random = np.random.default_rng(1)
    truth = 9 / (6 * np.sqrt(1 + 0.5**2))
    held = 0
    for _ in range(600):
        rows = random.normal(0.5, 1, (20, 4))
        index = capability(rows, -4.5, 4.5, target=0, anyway=True).index("Cpm")
        assert index is not None
        held += index.low <= truth <= index.high
    assert held / 600 == pytest.approx(0.95, abs=0.025)


def test_single_values_have_the_freedom_of_their_moving_ranges() -> None:
    """The spread of the estimate, by simulation, is that of so many degrees of freedom."""
    random = np.random.default_rng(2)
    rows = random.normal(size=(20_000, 40))
    estimates = np.abs(np.diff(rows)).mean(axis=1) / 1.128379
    freedom = capability(rows[0], -9, 9).freedom
    assert 1 / np.sqrt(2 * freedom) == pytest.approx(estimates.std(), rel=0.02)


def test_a_process_that_is_not_in_control_is_told_no_capability() -> None:
    rows = RINGS.copy()
    rows[10] += 0.05
    found = capability(rows, 73.95, 74.05, target=74)
    assert not found.in_control
    assert [i.name for i in found.indices] == ["Pp", "Ppl", "Ppu", "Ppk"]
    assert found.remarks[0].startswith("the process is not in control (1 point lies beyond")
    assert "Cp and Cpk are not told" in found.remarks[0]
    asked = capability(rows, 73.95, 74.05, target=74, anyway=True)
    assert value(asked, "Cpk") > value(asked, "Ppk")
    assert "because you asked" in asked.remarks[0]


@pytest.mark.parametrize("n", [8, 20, 200])
@pytest.mark.parametrize("shape", ["normal", "uniform", "exponential"])
def test_anderson_darling_is_that_of_scipy(n: int, shape: str) -> None:
    values = getattr(np.random.default_rng(3), shape)(size=n)
    z = np.sort((values - values.mean()) / values.std(ddof=1))
    i = np.arange(1, n + 1)
    wanted = -n - ((2 * i - 1) / n * (stats.norm.logcdf(z) + stats.norm.logsf(z[::-1]))).sum()
    assert normality(values).statistic == pytest.approx(wanted)


def test_the_probability_of_normal_values_is_uniform() -> None:
    random = np.random.default_rng(4)
    found = np.array([normality(random.normal(size=50)).probability for _ in range(2000)])
    for p in (0.01, 0.05, 0.25, 0.5):
        assert (found < p).mean() == pytest.approx(p, abs=0.35 * p)


def test_values_that_are_not_normal_are_remarked() -> None:
    values = np.random.default_rng(5).exponential(size=300)
    found = capability(values, upper=20, anyway=True)
    assert found.normality.probability < 1e-4
    assert any("not normally distributed" in r and "below 0.0001" in r for r in found.remarks)
    far = np.append(np.random.default_rng(5).normal(size=5000), 1e6)
    assert normality(far).probability == 0


def test_missing_values_are_left_out() -> None:
    values = exactly(5, 1, 60)
    holes = np.insert(values, [3, 3, 40], np.nan)
    assert capability(holes, 2, 8) == capability(values, 2, 8)
    rows = np.append(RINGS, np.full((25, 1), np.nan), axis=1)
    assert capability(rows, 73.95, 74.05).within == pytest.approx(
        capability(RINGS, 73.95, 74.05).within
    )


@pytest.mark.parametrize(
    ("values", "lower", "upper", "says"),
    [
        (np.arange(50.0), None, None, "no specification limit"),
        (np.arange(50.0), 5, 5, "lower limit 5 is not below the upper limit 5"),
        (np.arange(9.0), 0, 5, "9 values; capability needs at least 10"),
        (np.full(50, np.nan), 0, 5, "0 values"),
        (np.full(50, 0.1), 0, 5, "no spread"),
        (np.full((10, 5), 0.1), 0, 5, "no spread"),
    ],
)
def test_what_cannot_be_judged_is_refused(
    values: np.ndarray, lower: float | None, upper: float | None, says: str
) -> None:
    with pytest.raises(DataError, match=says):
        capability(values, lower, upper)


def test_wrong_confidence_and_few_values_are_refused() -> None:
    with pytest.raises(DataError, match="confidence is 95"):
        capability(np.arange(50.0), 0, confidence=95)
    with pytest.raises(DataError, match="needs at least 8"):
        normality(np.arange(7.0))
    with pytest.raises(DataError, match="no distribution"):
        normality(np.ones(20))
