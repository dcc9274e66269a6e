"""Gauge studies against the worked example of the AIAG manual, and an independent computation."""

from __future__ import annotations

import itertools
import json
from dataclasses import asdict

import numpy as np
import pytest
from scipy import stats
from tests.quality.examples import APPRAISED

from gemel.core.control.gauge import crossed, gauge
from gemel.core.errors import DataError


def test_variances_of_the_manual() -> None:
    """AIAG: sums and mean squares; the interaction is pooled."""
    found = gauge(APPRAISED)
    table = {row.source: row for row in found.table}
    printed = {
        "parts": (9, 88.3619, 9.81799),
        "appraisers": (2, 3.1673, 1.58363),
        "appraisers × parts": (18, 0.3590, 0.01994),
        "equipment": (60, 2.7589, 0.04598),
    }
    for source, (df, total, mean) in printed.items():
        row = table[source]
        assert (row.df, row.sum, row.mean) == (
            df, pytest.approx(total, abs=5e-5), pytest.approx(mean, abs=5e-6),
        )  # fmt: skip
    assert table["appraisers × parts"].f == pytest.approx(0.434, abs=5e-4)
    assert found.pooled


def test_components_of_the_manual() -> None:
    """AIAG, by analysis of variance: EV 0.199933, AV 0.226838, GRR 0.302373, PV 1.042327,
    TV 1.085; % of TV 18.4, 20.9, 27.9, 96.0; ndc 1.41 · 1.042327 / 0.302373, cut to 4."""
    found = gauge(APPRAISED)
    printed = {
        "EV": (0.199933, 18.4), "AV": (0.226838, 20.9), "GRR": (0.302373, 27.9),
        "PV": (1.042327, 96.0), "TV": (1.085, 100),
    }  # fmt: skip
    for name, (deviation, study) in printed.items():
        component = found.component(name)
        assert component.deviation == pytest.approx(deviation, rel=3e-4)
        assert component.study == pytest.approx(study, abs=0.05)
    assert found.categories == 4
    assert found.verdict() == "marginal"
    assert [c.name for c in found.components] == ["EV", "AV", "GRR", "PV", "TV"]


def test_averages_and_ranges_of_the_manual() -> None:
    """AIAG, by averages and ranges: EV 0.20188, AV 0.22963, GRR 0.30575,
    PV 1.10456, TV 1.14610; 17.62, 20.04, 26.68, 96.38 %; ndc 5. The manual rounds R̄ and K."""
    found = gauge(APPRAISED, method="range")
    printed = {
        "EV": (0.20188, 17.62), "AV": (0.22963, 20.04), "GRR": (0.30575, 26.68),
        "PV": (1.10456, 96.38), "TV": (1.14610, 100),
    }  # fmt: skip
    for name, (deviation, study) in printed.items():
        component = found.component(name)
        assert component.deviation == pytest.approx(deviation, abs=2e-4)
        assert component.study == pytest.approx(study, abs=0.02)
    assert found.categories == 5
    assert found.table == ()


def study(seed: int, spread: tuple[float, float, float, float]) -> np.ndarray:
    """Six parts, three appraisers, two trials; spread of parts, appraisers, both, equipment."""
    random = np.random.default_rng(seed)
    part, appraiser, both, equipment = spread
    return (
        10 + random.normal(0, part, (6, 1, 1)) + random.normal(0, appraiser, (1, 3, 1))
        + random.normal(0, both, (6, 3, 1)) + random.normal(0, equipment, (6, 3, 2))
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(6))
def test_variances_are_those_of_a_regression(seed: int) -> None:
    """Sums of squares as differences of residuals of nested linear models."""
    x = study(seed, (2, 0.5, 0.6 * (seed % 2), 0.4))
    p, o, r = x.shape
    place = np.array(list(itertools.product(range(p), range(o), range(r))))
    parts, appraisers = np.eye(p)[place[:, 0]], np.eye(o)[place[:, 1]]
    cells = np.eye(p * o)[place[:, 0] * o + place[:, 1]]

    def rest(*columns: np.ndarray) -> float:
        design = np.column_stack([np.ones(p * o * r), *columns])
        fitted = design @ np.linalg.lstsq(design, x.ravel(), rcond=None)[0]
        return float(((x.ravel() - fitted) ** 2).sum())

    wanted = [
        rest(appraisers) - rest(appraisers, parts), rest(parts) - rest(appraisers, parts),
        rest(appraisers, parts) - rest(cells), rest(cells),
    ]  # fmt: skip
    found = gauge(x)
    np.testing.assert_allclose([row.sum for row in found.table], wanted, rtol=1e-9)
    between = found.table[2]
    assert between.p == pytest.approx(stats.f.sf(between.f, 10, 18))
    assert found.pooled == (between.p > 0.25)
    against, df = (between.mean, 10)
    if found.pooled:
        against, df = (wanted[2] + wanted[3]) / 28, 28
    assert found.table[0].p == pytest.approx(stats.f.sf(wanted[0] / 5 / against, 5, df))


def test_an_interaction_that_is_there_is_told() -> None:
    found = gauge(study(1, (2, 0.5, 1.5, 0.1)))
    assert not found.pooled
    _, _, interaction, equipment = found.table
    assert found.component("INT").deviation == pytest.approx(
        np.sqrt((interaction.mean - equipment.mean) / 2)
    )
    parts = [found.component(n).deviation ** 2 for n in ("EV", "AV", "INT")]
    assert found.component("GRR").deviation == pytest.approx(np.sqrt(sum(parts)))


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    spread = (3.0, 0.4, 0.3, 0.5)
    truth = {"EV": 0.5, "GRR": np.sqrt(0.4**2 + 0.3**2 + 0.5**2)}
    held = dict.fromkeys(truth, 0)
    for seed in range(1500):
        found = gauge(study(seed, spread))
        for name, true in truth.items():
            component = found.component(name)
            held[name] += component.low <= true <= component.high
    assert held["GRR"] / 1500 == pytest.approx(0.95, abs=0.02)
    # A small interaction is pooled in some studies, and then belongs to the equipment.
    assert held["EV"] / 1500 == pytest.approx(0.93, abs=0.03)


def test_the_interval_of_equipment_alone_is_exact() -> None:
    row = gauge(study(1, (2, 0.5, 1.5, 0.1))).table[3]
    found = gauge(study(1, (2, 0.5, 1.5, 0.1)), confidence=0.9).component("EV")
    low, high = np.sqrt(row.sum / stats.chi2.ppf([0.95, 0.05], row.df))
    assert (found.low, found.high) == pytest.approx((low, high))


def test_tolerance_and_verdict() -> None:
    assert gauge(APPRAISED, tolerance=6).component("GRR").tolerance == pytest.approx(30.2, abs=0.05)
    assert gauge(APPRAISED, tolerance=6).verdict() == "unfit"
    assert gauge(APPRAISED, tolerance=60).verdict() == "marginal"
    sharp = gauge(study(0, (100, 0.1, 0, 0.1)), tolerance=1000)
    assert (sharp.verdict(), sharp.categories is not None) == ("good", True)


@pytest.mark.parametrize("method", ["anova", "range"])
def test_a_gauge_that_never_errs(method: str) -> None:
    exact = np.broadcast_to(np.arange(5.0)[:, None, None], (5, 3, 2))
    found = gauge(exact, method=method)  # type: ignore[arg-type]  # a parameter
    assert found.categories is None
    assert found.component("GRR").deviation == 0
    assert found.verdict() == "good"
    json.dumps(asdict(found))


def test_measurements_may_come_in_any_order() -> None:
    rows = list(itertools.product(range(10), "ABC", range(3)))
    values = {key: APPRAISED[key[0], "ABC".index(key[1]), key[2]] for key in rows}
    order = sorted(rows, key=lambda key: (key[2], key[1], key[0]))
    found = crossed([k[0] for k in order], [k[1] for k in order], [values[k] for k in order])
    np.testing.assert_array_equal(found, APPRAISED)


@pytest.mark.parametrize(
    ("parts", "appraisers", "values", "says"),
    [
        ("aabb", "xyxy", [1, 2, 3, 4], "measured once"),
        ("aaaa", "xxyy", [1, 2, 3, 4], "1 parts and 2 appraisers"),
        ("aabbb", "xyxyy", [1, 2, 3, 4, 5], "appraiser x measured part a once, others twice"),
        ("aabb", "xyxx", [1, 2, 3, 4], "measured part a once"),
        ("aabb", "xyxy", [1, np.nan, 3, 4], r"measurement 2 \(part a, appraiser y\) has no value"),
    ],
)
def test_what_is_no_crossed_study_is_refused(
    parts: str, appraisers: str, values: list[float], says: str
) -> None:
    with pytest.raises(DataError, match=says):
        crossed(list(parts), list(appraisers), values)


def test_a_gauge_that_tells_nothing_apart_is_refused() -> None:
    with pytest.raises(DataError, match="does not tell parts apart"):
        gauge(np.full((3, 2, 2), 7.0))
    with pytest.raises(DataError, match="at least 2 parts"):
        gauge(np.ones((1, 2, 2)))
    with pytest.raises(DataError, match="tolerance is 0"):
        gauge(APPRAISED, tolerance=0)
