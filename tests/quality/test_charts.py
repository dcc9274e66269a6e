"""Charts against worked examples; sizes, missing values, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tests.quality.examples import BOARDS, EWMA, FLOW, JUICE, RINGS, SHIFTED, VISCOSITY

from gemel.core.control.charts import KINDS, Chart, ChartKind, Points, phase_one, points
from gemel.core.control.run_length import limit_for
from gemel.core.errors import DataError


def limits(track: Points) -> tuple[float, float, float]:
    """Centre, lower and upper limit of a track where they are the same at every point."""
    assert np.ptp(track.centre) == np.ptp(track.lower) == np.ptp(track.upper) == 0
    return float(track.centre[0]), float(track.lower[0]), float(track.upper[0])


def made(kind: ChartKind, values: np.ndarray, sizes: object = None) -> tuple[Points, ...]:
    return points(phase_one(kind, values, sizes), values, sizes)  # type: ignore[arg-type]  # by name


def test_means_and_ranges_of_piston_rings() -> None:
    """Montgomery: mean 74.001, R̄ 0.023, limits 73.988 and 74.014, R up to 0.049; to more digits
    with A2 0.57682 and D4 2.11449."""
    mean, spread = made("xbar-r", RINGS)
    assert limits(mean) == pytest.approx((74.00118, 73.98777, 74.01458), abs=2e-5)
    assert limits(spread) == pytest.approx((0.02324, 0, 0.04914), abs=2e-5)
    assert not mean.outside().any()
    assert not spread.outside().any()


def test_means_and_standard_deviations_of_piston_rings() -> None:
    """Montgomery, example of x̄ and s: s̄ 0.0094, limits 73.988 and 74.014, s up to 0.0196."""
    mean, spread = made("xbar-s", RINGS)
    assert limits(mean) == pytest.approx((74.001, 73.988, 74.014), abs=6e-4)
    assert limits(spread) == pytest.approx((0.0094, 0, 0.0196), abs=5e-5)


def test_individuals_of_montgomery() -> None:
    """Mean 33.52, mean moving range 0.48; limits 32.24, 34.80 and 1.57 from the rounded 0.48."""
    value, moving = made("i-mr", VISCOSITY)
    assert limits(value) == pytest.approx((33.52, 32.24, 34.80), abs=0.01)
    assert limits(moving) == pytest.approx((0.48, 0, 1.57), abs=0.01)


def test_individuals_of_nist() -> None:
    """50.81, 45.8159, 55.8041; d2 is rounded to 1.128 there."""
    value, moving = made("i-mr", FLOW)
    assert limits(value) == pytest.approx((50.81, 45.8159, 55.8041), abs=0.002)
    assert limits(moving)[0] == pytest.approx(1.8778, abs=5e-5)
    assert np.isnan(moving.value[0])
    np.testing.assert_allclose(moving.value[1:], np.abs(np.diff(FLOW)))


def test_shares_of_bad_cans() -> None:
    """Mean 0.2313, limits 0.0524 and 0.4102; samples 15 and 23 are outside."""
    (share,) = made("p", JUICE, 50)
    assert limits(share) == pytest.approx((0.2313, 0.0524, 0.4102), abs=1e-4)
    assert np.flatnonzero(share.outside()).tolist() == [14, 22]
    (number,) = made("np", JUICE, 50)
    assert limits(number) == pytest.approx([50 * x for x in limits(share)])
    np.testing.assert_allclose(number.z(), share.z())


def test_defects_of_circuit_boards() -> None:
    """Mean 19.85, limits 6.48 and 33.22; samples 6 and 20 are outside."""
    (count,) = made("c", BOARDS)
    assert limits(count) == pytest.approx((19.85, 6.48, 33.22), abs=0.01)
    assert np.flatnonzero(count.outside()).tolist() == [5, 19]


def test_defects_for_each_unit_have_limits_by_size() -> None:
    sizes = np.array([10.0, 8, 13, 10, 9.5])
    counts = np.array([14.0, 12, 20, 11, 7])
    (track,) = made("u", counts, sizes)
    centre = 64 / 50.5
    np.testing.assert_allclose(track.upper, centre + 3 * np.sqrt(centre / sizes))
    np.testing.assert_allclose(track.lower, np.maximum(centre - 3 * np.sqrt(centre / sizes), 0))
    np.testing.assert_allclose(track.value, counts / sizes)


def test_weighted_means_of_nist() -> None:
    """λ 0.3, target 50, s 2.0539: the printed averages; limits 47.4115 and 52.5884 in the end."""
    chart = Chart("ewma", 50, 2.0539, 20, multiple=3, parameter=0.3)
    (track,) = points(chart, np.concatenate([EWMA, np.full(60, 50.0)]))
    printed = [50.60, 49.52, 50.56, 50.18, 50.16, 49.21, 49.75, 49.85, 50.26, 50.33, 50.11, 49.36,
               49.52, 50.05, 49.38, 49.92, 50.73, 51.23, 51.94, 51.99]  # fmt: skip
    np.testing.assert_allclose(track.value[:20], printed, atol=0.0051)
    assert (track.lower[-1], track.upper[-1]) == pytest.approx((47.4115, 52.5884), abs=1e-3)
    first = 3 * 2.0539 * 0.3
    assert track.upper[0] == pytest.approx(50 + first)


def test_weighted_means_of_montgomery() -> None:
    """λ 0.10, L 2.7: limits 10.27 and 9.73 at first, 10.62 and 9.38 in the end."""
    (track,) = points(Chart("ewma", 10, 1, 20, multiple=2.7, parameter=0.1), SHIFTED)
    assert track.value[:2].tolist() == pytest.approx([9.945, 9.7495])
    assert (track.lower[0], track.upper[0]) == pytest.approx((9.73, 10.27))
    assert (track.lower[-1], track.upper[-1]) == pytest.approx((9.38, 10.62), abs=0.005)


def test_sums_of_montgomery() -> None:
    """k 1/2, h 5: the printed upper sums, which pass h at point 29."""
    upper, lower = points(Chart("cusum", 10, 1, 20, multiple=5, parameter=0.5), SHIFTED)
    printed = [0, 0, 0, 1.16, 2.82, 2.50, 0.04, 1.00, 0, 0, 0, 0.97, 0.98, 0, 0, 0, 0.12, 0, 0,
               0.34, 0.74, 0, 1.79, 2.79, 2.89, 3.47, 3.35, 4.47, 5.28, 5.30]  # fmt: skip
    np.testing.assert_allclose(upper.value, printed, atol=1e-9)
    assert lower.value[:3].tolist() == pytest.approx([0.05, 1.56, 1.77])
    assert np.flatnonzero(upper.outside()).tolist() == [28, 29]
    assert not lower.outside().any()


def test_a_head_start_finds_a_shift_sooner() -> None:
    random = np.random.default_rng(0)
    chart = phase_one("cusum", random.normal(size=2000))
    quick = phase_one("cusum", random.normal(size=2000), head_start=True)
    assert (chart.start, quick.start) == (0, 0.5)
    shifted = random.normal(size=(200, 60)) + 0.8
    runs = [
        [int(np.argmax(points(c, rows)[0].outside())) for rows in shifted] for c in (chart, quick)
    ]
    assert np.mean(runs[1]) < 0.8 * np.mean(runs[0])


def test_limits_of_slow_charts_give_370_points_between_false_alarms() -> None:
    values = np.random.default_rng(0).normal(size=100)
    assert phase_one("ewma", values, parameter=0.2).multiple == limit_for("ewma", 370.4, 0.2)
    assert phase_one("cusum", values).multiple == pytest.approx(4.77, abs=0.01)


def test_unequal_subgroups_have_their_own_limits() -> None:
    random = np.random.default_rng(1)
    rows = random.normal(20, 2, size=(4000, 6))
    sizes = random.integers(2, 7, 4000)
    rows[np.arange(6) >= sizes[:, None]] = np.nan
    for kind in ("xbar-r", "xbar-s"):
        chart = phase_one(kind, rows)
        assert (chart.centre, chart.sigma) == pytest.approx((20, 2), rel=0.02)
        mean, spread = points(chart, rows)
        np.testing.assert_allclose(mean.upper - mean.centre, 3 * chart.sigma / np.sqrt(sizes))
        assert mean.outside().mean() == pytest.approx(0.0027, abs=0.0025)
        np.testing.assert_allclose(mean.value, np.nanmean(rows, axis=1))
        assert np.isfinite(spread.value).all()


def test_laney_widens_what_varies_more_than_chance() -> None:
    random = np.random.default_rng(2)
    sizes = random.integers(40_000, 60_000, 400)
    counts = random.binomial(sizes, random.normal(0.1, 0.01, 400).clip(0.01))
    plain, corrected = phase_one("p", counts, sizes), phase_one("p", counts, sizes, laney=True)
    assert points(plain, counts, sizes)[0].outside().mean() > 0.3
    assert points(corrected, counts, sizes)[0].outside().mean() < 0.02
    still = random.binomial(sizes, 0.1)
    assert phase_one("p", still, sizes, laney=True).sigma == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_point_takes_no_part(kind: ChartKind) -> None:
    rows = np.random.default_rng(3).poisson(20, (40, 4)).astype(float)
    values = rows if kind.startswith("xbar") else rows[:, 0]
    holes = np.insert(values, [5, 30], np.nan, axis=0)
    whole = phase_one(kind, values, 100)
    assert phase_one(kind, holes, 100) == whole
    for full, track in zip(points(whole, values, 100), points(whole, holes, 100), strict=True):
        kept = np.delete(track.value, [5, 31])
        np.testing.assert_array_equal(kept, full.value)
        assert np.isnan(track.value[[5, 31]]).all()
        assert not track.outside()[[5, 31]].any()


@pytest.mark.parametrize("kind", KINDS)
def test_a_chart_is_json_and_leaves_its_input_alone(kind: ChartKind) -> None:
    rows = np.random.default_rng(4).poisson(20, (40, 4)).astype(float)
    values = rows if kind.startswith("xbar") else rows[:, 0]
    before = values.copy()
    chart = phase_one(kind, values, 100)
    again = Chart.load(json.loads(json.dumps(chart.save(), allow_nan=False)))
    for a, b in zip(points(chart, values, 100), points(again, values, 100), strict=True):
        np.testing.assert_array_equal(a.value, b.value)
        np.testing.assert_array_equal(a.upper, b.upper)
    np.testing.assert_array_equal(values, before)


@pytest.mark.parametrize("kind", KINDS)
def test_what_has_no_spread_is_refused(kind: ChartKind) -> None:
    values = np.full((30, 3), 0.1) if kind.startswith("xbar") else np.full(30, 0.1)
    if kind in ("p", "np", "c", "u"):
        values = np.zeros(30)
    with pytest.raises(DataError, match=r"no spread|all counts are 0"):
        phase_one(kind, values, 10)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("filled", [0, 1])
def test_too_few_points_are_refused(kind: ChartKind, filled: int) -> None:
    values = np.full((30, 3) if kind.startswith("xbar") else 30, np.nan)
    values[:filled] = 5
    with pytest.raises(DataError, match="needs at least 2"):
        phase_one(kind, values, 10)


@pytest.mark.parametrize(
    ("kind", "counts", "sizes", "says"),
    [
        ("p", [1, 2], None, "needs the size"),
        ("c", [1, -2], None, "count 2 is -2: it is negative"),
        ("c", [1, 2.5], None, r"count 2 is 2.5: it is no whole number"),
        ("u", [1, 2], [3, 0], "size 2 is 0"),
        ("p", [1, 9], [3, 4], "sample 2 has 9 bad ones of 4"),
        ("np", [1, 2], [10, 20], "sizes go from 10 to 20; .* p chart"),
        ("p", [4, 4], [4, 4], "every one is bad"),
    ],
)
def test_what_is_no_count_is_refused(
    kind: ChartKind, counts: list[float], sizes: list[float] | None, says: str
) -> None:
    with pytest.raises(DataError, match=says):
        phase_one(kind, counts, sizes)


def test_wrong_settings_are_refused() -> None:
    values = VISCOSITY
    with pytest.raises(DataError, match="no chart 'x'"):
        phase_one("x", values)  # type: ignore[arg-type]  # by name
    with pytest.raises(DataError, match="made from subgroups"):
        phase_one("xbar-r", values)
    with pytest.raises(DataError, match="parameter is 2"):
        phase_one("ewma", values, parameter=2)
    with pytest.raises(DataError, match="for p and u charts"):
        phase_one("c", BOARDS, laney=True)
