"""Exact values of two stations, and the decomposition beside the simulation of the same line.

The values were computed twice: from the chain, and by playing four million steps.
"""

from __future__ import annotations

import numpy as np
import pytest

from gemel.core.errors import DataError
from gemel.core.line import Line
from gemel.core.line.screening import ERROR, Screened, decomposed, screen, two_stations
from gemel.parts.simulators import SIMULATORS
from gemel.parts.simulators.base import Trial

PAIRS = [
    ((0.1, 0.01, 0.1, 0.01, 10), 0.856175, 5.0),
    ((0.1, 0.01, 0.1, 0.01, 4), 0.840936, 2.0),
    ((0.1, 0.1, 0.1, 0.1, 10), 35 / 88, 5.0),
    ((0.05, 0.03, 0.06, 0.04, 8), 0.471238, 4.3069),
    ((0.2, 0.05, 0.1, 0.01, 20), 0.786630, 4.3270),
]


@pytest.mark.parametrize(("values", "efficiency", "level"), PAIRS)
def test_two_stations(
    values: tuple[float, float, float, float, int], efficiency: float, level: float
) -> None:
    r1, p1, r2, p2, size = values
    pair = two_stations(r1, p1, r2, p2, size)
    assert pair.efficiency == pytest.approx(efficiency, abs=6e-7)
    assert pair.level == pytest.approx(level, abs=6e-5)
    # Each makes what it would alone while it is neither starved nor blocked.
    assert pair.efficiency == pytest.approx(r2 / (r2 + p2) * (1 - pair.starved), abs=1e-9)
    assert pair.efficiency == pytest.approx(r1 / (r1 + p1) * (1 - pair.blocked), abs=1e-9)
    turned = two_stations(r2, p2, r1, p1, size)
    assert turned.efficiency == pytest.approx(pair.efficiency, abs=1e-12)
    assert turned.level == pytest.approx(size - pair.level, abs=1e-9)


LINES = [
    (3, 0.1, 0.1, 10, 0.35634, [6.06, 3.94], 0.35529),
    (5, 0.1, 0.01, 10, 0.77473, [6.87, 5.57, 4.43, 3.13], 0.77151),
    (10, 0.1, 0.01, 10, 0.72737, [7.46, 6.57, 5.95, 5.45], 0.71512),
    (10, 0.1, 0.01, 20, 0.80027, [], 0.78664),
]


@pytest.mark.parametrize(("k", "r", "p", "size", "value", "levels", "simulated"), LINES)
def test_decomposition(
    k: int, r: float, p: float, size: int, value: float, levels: list[float], simulated: float
) -> None:
    pairs = decomposed([r] * k, [p] * k, [size] * (k - 1))
    assert pairs[0].efficiency == pytest.approx(value, abs=2e-5)
    assert [round(pair.level, 2) for pair in pairs][: len(levels)] == levels
    assert abs(pairs[0].efficiency / simulated - 1) < ERROR


def written(places: int, stations: int = 5, **more: object) -> Line:
    station = {
        "time": "1 s", "places": places,
        "failures": {
            "stop": {
                "every": {"kind": "exponential", "mean": "1000 s"},
                "repair": {"kind": "exponential", "mean": "100 s"},
            }
        },
        **more,
    }  # fmt: skip
    return Line.read({"stations": {f"m{i}": station for i in range(stations)}})


@pytest.mark.parametrize("places", [20, 100])
def test_a_line_is_screened_as_it_plays(places: int) -> None:
    """Repairs of a hundred steps, so that steps do not matter; the places do."""
    line = written(places)
    found = screen(line)
    assert isinstance(found, Screened)
    flow = SIMULATORS.build({"kind": "flow_line"})
    run = flow.run(line, Trial(parts=100_000, replications=40))
    rate = run.throughput[0]
    error = 4 * rate.std(ddof=1) / np.sqrt(len(rate)) / rate.mean()
    assert error < 0.02
    assert abs(found.throughput / rate.mean() - 1) < ERROR + error


def test_what_is_not_screened_says_why() -> None:
    assert screen(written(5, servers=2)) == (
        *(f"'m{i}' is more than a station with a buffer" for i in range(5)),
    )
    line = Line.read({"stations": {"a": {"time": "1 s"}, "b": {"time": {"mean": "2 s", "cv": 1}}}})
    reasons = screen(line)
    assert isinstance(reasons, tuple)
    assert any("differs" in r for r in reasons)
    assert any("no limit" in r for r in reasons)


def test_numbers_that_are_no_stations() -> None:
    with pytest.raises(DataError, match="no two stations"):
        two_stations(0, 0.1, 0.1, 0.1, 10)
    with pytest.raises(DataError, match="at most 400"):
        two_stations(0.1, 0.1, 0.1, 0.1, 1_000)
    with pytest.raises(DataError, match="no line"):
        decomposed([0.1], [0.1], [])
