"""Values that are known exactly.

Saturated exponential lines: F. S. Hillier and R. W. Boling, Operations Research 15 (1967) 286, and
for two stations in closed form; solved here as Markov chains, too. M/M/1/K: the loss formula.
"""

from __future__ import annotations

import numpy as np
import pytest

from gemel.core.errors import DataError
from gemel.core.line import Line
from gemel.core.line.statistics import batch_means, best_of, estimate, warm_up
from gemel.parts.simulators import SIMULATORS
from gemel.parts.simulators.base import Trial
from gemel.testing.simulators import exponential_line

FLOW = SIMULATORS.build({"kind": "flow_line"})
EVENTS = SIMULATORS.build({"kind": "events"})

LINES = [
    ((1.0, 1.0), 0, 2 / 3, 5 / 3),
    ((1.0, 1.0, 1.0), 0, 22 / 39, 2.358974),
    ((1.0,) * 4, 0, 0.514775, 3.06460),
    ((1.0,) * 5, 0, 0.485798, 3.77856),
    ((1.0, 1.0), 5, 7 / 8, 4.375),
    ((1.0,) * 3, 1, 0.670466, 3.5318),
    ((1.0,) * 4, 1, 0.631153, 4.82906),
    ((1.0, 1.5), 3, 0.951880, 2.37444),
    ((1.0, 1.2, 0.9), 2, 0.746666, 4.9635),
]


@pytest.mark.parametrize(("rates", "places", "throughput", "wip"), LINES)
def test_exponential_lines(
    rates: tuple[float, ...], places: int, throughput: float, wip: float
) -> None:
    """Two million parts; five standard errors, of which the throughput's is below 0.1 %."""
    run = FLOW.run(exponential_line(rates, places), Trial(parts=100_000, replications=20))
    for found, exact in ((run.throughput[0], throughput), (run.wip[0], wip)):
        error = found.std(ddof=1) / np.sqrt(len(found))
        assert error < 0.01 * exact
        assert abs(found.mean() - exact) < 5 * error


@pytest.mark.parametrize(
    ("rate", "places", "loss"), [(0.8, 5, 0.088819), (1.0, 5, 1 / 6), (1.2, 10, 0.192586)]
)
def test_arrivals_that_find_no_place(rate: float, places: int, loss: float) -> None:
    """K counts the part that is worked on."""
    line = Line.read(
        {
            "stations": {
                "m": {
                    "time": {"kind": "exponential", "mean": "1 s"}, "places": places - 1,
                    "arrivals": {"every": {"kind": "exponential", "mean": f"{1e9 / rate:.0f} ns"}},
                }
            }
        }
    )  # fmt: skip
    run = EVENTS.run(line, Trial(parts=8_000, replications=12))
    found = run.lost[0]
    error = found.std(ddof=1) / np.sqrt(len(found))
    assert abs(found.mean() - loss) < 5 * error
    assert error < 0.01


def test_several_servers() -> None:
    """M/M/2 with load 0.75: L = 2ρ / (1 − ρ²) = 24/7."""
    line = Line.read(
        {
            "stations": {
                "m": {
                    "time": {"kind": "exponential", "mean": "1500 ms"}, "servers": 2,
                    "arrivals": {"every": {"kind": "exponential", "mean": "1 s"}},
                }
            }
        }
    )  # fmt: skip
    assert "servers" in FLOW.uncovered(line)[0]
    run = EVENTS.run(line, Trial(parts=10_000, replications=15))
    error = run.wip[0].std(ddof=1) / np.sqrt(15)
    assert abs(run.wip[0].mean() - 24 / 7) < 5 * error
    assert run.states is not None
    assert run.states[0, :, 0, 0].mean() == pytest.approx(0.75, abs=0.02)


def test_downtime_of_one_station() -> None:
    """In operation 10/110, by the calendar 10/110 of all time too, where it is never idle."""
    for counted in ("operation", "calendar"):
        failure = {
            "every": {"kind": "exponential", "mean": "100 s"},
            "repair": {"mean": "10 s", "cv": 1}, "counted_in": counted,
        }  # fmt: skip
        line = Line.read({"stations": {"m": {"time": "1 s", "failures": {"jam": failure}}}})
        run = FLOW.run(line, Trial(parts=20_000, replications=20))
        assert run.states is not None
        down = run.states[0, :, 0, 4]
        assert abs(down.mean() - 1 / 11) < 5 * down.std(ddof=1) / np.sqrt(20)
        assert run.throughput[0].mean() == pytest.approx(10 / 11, rel=0.01)


# How sure a figure is


def test_an_interval_holds_the_mean_as_often_as_it_says() -> None:
    random = np.random.default_rng(0)
    held = 0
    for _ in range(1_000):
        found = estimate(random.normal(3, 1, 5), 0.9)
        held += found.low <= 3 <= found.high
    assert 860 <= held <= 940  # 900 ± 4.2 standard deviations


def test_one_value_has_no_interval() -> None:
    assert np.isnan(estimate(np.array([2.0])).low)
    assert np.isnan(estimate(np.array([])).value)


def test_batch_means_of_dependent_values() -> None:
    """An autoregressive series, whose neighbours are alike: plain intervals would be too narrow."""
    random = np.random.default_rng(1)
    held = plain = 0
    for _ in range(200):
        noise = random.normal(0, 1, 4_000)
        values = np.zeros(4_000)
        for k in range(1, 4_000):
            values[k] = 0.9 * values[k - 1] + noise[k]
        found, naive = batch_means(values), estimate(values)
        held += found.low <= 0 <= found.high
        plain += naive.low <= 0 <= naive.high
    assert plain < 120
    assert held >= 175


def test_where_a_warm_up_ends() -> None:
    random = np.random.default_rng(2)
    values = random.normal(0, 1, 2_000)
    values[:300] += np.linspace(20, 0, 300)
    assert 150 <= warm_up(values) <= 400
    assert warm_up(random.normal(0, 1, 2_000)) < 500
    assert warm_up(np.ones(10)) == 0


def test_which_is_best() -> None:
    random = np.random.default_rng(3)
    luck = random.normal(0, 1, 30)
    values = np.stack([10 + luck, 10.2 + luck + random.normal(0, 0.05, 30), 9 + luck])
    sure = best_of(values)
    assert sure[1] > 0.99
    assert sure[0] < 0.01
    assert best_of(np.stack([luck, luck])).tolist() == [0.5, 0.5]


def test_absurd_numbers_are_told_and_not_tried() -> None:
    failure = {"every": "1 us", "repair": "1 us"}
    for counted in ("operation", "calendar"):
        written = {"time": "1 s", "failures": {"jam": {**failure, "counted_in": counted}}}
        line = Line.read({"stations": {"m": written}})
        for simulator in (FLOW, EVENTS):
            with pytest.raises(DataError, match=r"'m' would fail about .* times by 'jam'"):
                simulator.run(line, Trial(parts=10_000))
    many = Line.read({"stations": {"a": {"time": "1 s"}, "b": {"time": "1 s", "places": 10**12}}})
    assert FLOW.run(many, Trial(parts=10)).end[0, 0] == 11
    with pytest.raises(DataError, match="a shorter horizon"):
        FLOW.run(many, Trial(horizon_s=1e9))
