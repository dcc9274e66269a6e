"""The description of a line: distributions, draws, closed time, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemel.core.errors import ConfigurationError
from gemel.core.line import Arrivals, Distribution, Draws, Line
from gemel.core.line.closed import Closed, completed, open_until, weekly
from gemel.core.line.rates import came_at, counted_at
from gemel.core.line.transforms import normal_quantile, normal_quantiles
from gemel.core.plant import Shift
from gemel.runtime.lines import read_line

DISTRIBUTIONS: list[dict[str, Any]] = [
    {"mean": "30 s"},
    {"mean": "30 s", "cv": 0.5},
    {"kind": "exponential", "mean": "1 s"},
    {"kind": "normal", "mean": "10 s", "cv": 0.2},
    {"kind": "normal", "mean": "10 s", "cv": 1.2},
    {"kind": "normal", "mean": "10 s", "cv": 0.6, "low": "5 s", "high": "12 s"},
    {"kind": "gamma", "mean": "3 s", "cv": 0.3},
    {"kind": "gamma", "mean": "3 s", "cv": 2},
    {"kind": "erlang", "mean": "3 s", "phases": 3},
    {"kind": "weibull", "mean": "3 s", "cv": 0.5},
    {"kind": "weibull", "scale": "3 s", "shape": 2},
    {"kind": "triangular", "low": "1 s", "mode": "2 s", "high": "6 s"},
    {"kind": "uniform", "low": "1 s", "high": "3 s"},
    {"kind": "empirical", "values": ["1 s", "5 s", "2 s"], "shares": [2, 1, 1]},
]


@pytest.mark.parametrize("written", DISTRIBUTIONS, ids=str)
def test_moments_are_those_of_the_quantiles(written: dict[str, Any]) -> None:
    """Against the integral of the quantile function by the midpoint rule."""
    distribution = Distribution.read(written)
    u = (np.arange(200_000) + 0.5) / 200_000
    times = distribution.quantiles(u)
    assert (np.diff(times) >= 0).all(), "better luck is never worse"
    assert times.min() >= 0
    # The last slice of a heavy tail is what the midpoint rule misses.
    assert times.mean() == pytest.approx(distribution.mean_s, rel=2e-4)
    assert times.std() / times.mean() == pytest.approx(distribution.cv_exact, rel=5e-3, abs=1e-12)


def test_quantiles_are_those_that_are_printed() -> None:
    """Normal: NIST/SEMATECH e-Handbook 1.3.6.7.1. Erlang: the median of two phases of mean 1 is
    1.67834699; Weibull: 63.2 % are below the scale."""
    assert normal_quantile(0.975) == pytest.approx(1.959963984540054, abs=1e-14)
    assert normal_quantile(1e-10) == pytest.approx(-6.361340902404056, abs=1e-12)
    u = np.array([1e-300, 1e-12, 0.02, 0.07, 0.5, 0.93, 0.99, 1 - 1e-12])
    many = np.empty(len(u))
    normal_quantiles(u, many)
    assert many.tolist() == [normal_quantile(v) for v in u.tolist()]
    erlang = Distribution.read({"kind": "erlang", "mean": "2 s", "phases": 2})
    assert erlang.quantiles(np.array([0.5]))[0] == pytest.approx(1.678346990, abs=1e-8)
    weibull = Distribution.read({"kind": "weibull", "scale": "7 s", "shape": 3})
    assert weibull.quantiles(np.array([1 - np.exp(-1)]))[0] == pytest.approx(7)


def test_a_plain_duration_is_constant_and_a_cv_makes_it_log_normal() -> None:
    line = Line.read({"stations": {"m": {"time": "30 s"}, "n": {"time": {"mean": "1 s", "cv": 1}}}})
    assert line.stations["m"].time.shape_name == "constant"
    assert line.stations["n"].time.shape_name == "lognormal"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"kind": "gamma", "mean": "1 s"}, "takes {mean, cv}, found: mean"),
        ({"kind": "weibull", "mean": "1 s", "shape": 2}, "or {scale, shape}"),
        ({"mean": "-1 s"}, "not a duration"),
        ({"mean": 3}, "write e.g. '3 s'"),
        ({"kind": "uniform", "low": "3 s", "high": "1 s"}, "must rise"),
        ({"kind": "empirical", "values": ["1 s"], "shares": [1, 2]}, "1 values with 2 shares"),
        ({"kind": "normal", "mean": "1 s", "cv": 0.1, "low": "9 s"}, "less than a millionth"),
        ({"kind": "lognorm", "mean": "1 s", "cv": 0.1}, "'lognorm', must be 'constant'"),
    ],
)
def test_what_is_no_distribution(written: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Distribution.read(written)
    assert said in str(caught.value)


# Draws


def test_draws_depend_on_names_and_count_alone() -> None:
    one, other = Draws(7), Draws(7)
    other.uniforms(3, ("another", "time"), 1_000)
    whole = one.uniforms(3, ("filler", "time"), 1_000)
    assert np.array_equal(other.uniforms(3, ("filler", "time"), 10), whole[:10])
    assert (whole > 0).all()
    assert (whole < 1).all()
    streams = [
        whole,
        one.uniforms(4, ("filler", "time"), 1_000),
        one.uniforms(3, ("filler", "repair"), 1_000),
        Draws(8).uniforms(3, ("filler", "time"), 1_000),
        one.uniforms(3, ("fillertime",), 1_000),
    ]
    for i, a in enumerate(streams):
        for b in streams[i + 1 :]:
            assert abs(np.corrcoef(a, b)[0, 1]) < 0.13, "four standard errors"


def test_draws_stay_the_same_from_version_to_version() -> None:
    """Results that were published with their seed can be had again."""
    assert Draws(1).uniforms(0, ("filler", "time"), 3).tolist() == FROZEN


FROZEN = [0.25384967930650837, 0.8750258592060939, 0.7609061537783319]


# Closed time


def test_a_week_of_shifts() -> None:
    early = Shift.read({"name": "early", "start": "06:00", "end": "14:00", "days": ["mon", "tue"]})
    late = Shift.read({"name": "late", "start": "13:00", "end": "22:00", "days": ["mon"]})
    night = Shift.read({"name": "night", "start": "22:00", "end": "06:00", "days": ["sun"]})
    begin, end = weekly((early, late, night), "mon 00:00", 7 * 86_400.0)
    hours = [(b / 3600, e / 3600) for b, e in zip(begin, end, strict=True)]
    assert hours[:3] == [(22, 30), (38, 166), (190, 198)], "Sunday's night ends on Monday at 6"
    shifted, _ = weekly((early,), "mon 07:00", 86_400.0)
    assert shifted[0] / 3600 == 7


def test_day_and_night_is_never_closed() -> None:
    days = [Shift.read({"name": "x", "start": "00:00", "end": "00:00",
                        "days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]})]  # fmt: skip
    begin, _ = weekly(tuple(days), "wed 12:00", 3e6)
    assert (begin > 3e6).all()


@given(
    st.lists(st.tuples(st.integers(0, 100), st.integers(0, 9)), max_size=6),
    st.integers(0, 120),
    st.integers(0, 40),
)
def test_work_rests_in_closed_time(
    stretches: list[tuple[int, int]], start: int, amount: int
) -> None:
    """Against counting second by second."""
    begin = np.array([b for b, _ in stretches], np.float64)
    closed = Closed.of(begin, begin + np.array([n for _, n in stretches], np.float64))
    shut = {s for b, n in stretches for s in range(b, b + n)}
    now, left = start, amount
    while left:
        left -= now not in shut
        now += 1
    columns = (closed.begin, closed.end, closed.before)
    assert completed(float(start), float(amount), *columns) == now
    assert open_until(float(start), *columns) == start - len({s for s in shut if s < start})
    assert closed.within(3, 50) == len({s for s in shut if 3 <= s < 50})


# What is refused

A, B = {"time": "1 s"}, {"time": "2 s", "places": 2}
REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({"stations": {}}, 1, "stations"),
    ({"stations": {"a": A, "b": {**B, "after": ["aa"]}}}, 7, "no station 'aa'; did you mean 'a'?"),
    ({"stations": {"a": {**A, "after": ["b"]}, "b": B}}, 0, "goes in a circle: a → b → a"),
    ({"stations": {"a": {"time": "-1 s"}}}, 3, "not a duration"),
    ({"stations": {"a": {"tme": "1 s"}}}, 0, "stations.a.time: is missing"),
    ({"stations": {"a": {"time": {"mean": "1 s", "cvv": 1}}}}, 5, "did you mean 'cv'?"),
    ({"stations": {"a": A, "b": {**B, "places": -1}}}, 0, "is -1, must be at least 0"),
    (
        {"stations": {"a": A, "b": B, "c": {**B, "rework": {"share": 0.1, "to": "b"}}}}, 0,
        "the loop b → c → b holds at most 6 parts",
    ),
    ({"stations": {"a": {**A, "calendar": "day"}}}, 4, "no calendar 'day'"),
    ({"stations": {"a": A}, "calendars": {"day": [{"name": "x", "start": "06:00", "end": "14:00",
                                                     "days": []}]}}, 0, "nothing would ever"),
    ({"stations": {"a": {**A, "needs": {"crew": "x"}}}}, 0, "no crew 'x'; known: none"),
    (
        {"stations": {"a": {**A, "needs": {"crew": "x", "number": 3}}},
         "crews": {"x": {"number": 2}}}, 0, "takes 3 of crew 'x', which has 2",
    ),
    ({"stations": {"a": A, "b": {**B, "arrivals": {"every": "1 s"}}}}, 0, "parts come from 'a'"),
    ({"stations": {"a": A, "b": {**B, "join": "assembly"}}}, 0, "at least two stations"),
    (
        {"stations": {"a": {**A, "split": "share", "shares": {"b": 1}}, "b": {**B, "after": ["a"]},
                      "c": {**B, "after": ["a"]}}}, 0, "no share above 0 for 'c'",
    ),
    ({"stations": {"a": {"time": "0 s"}}}, 3, "endlessly many parts"),
    ({"stations": {"a": A}, "sequence": ["p"]}, 0, "no product 'p'"),
    ({"stations": {"a": {**A, "arrivals": {"every": "0 s"}}}}, 0, "all parts would come at once"),
    ({"stations": {"a": {**A, "times": {"p": "0 s"}}}, "products": {"p": {}}}, 0, "endlessly"),
    ({"stations": {"a.b": A}}, 0, "is not a name"),
    ({"stations": {"a": {**A, "scrap": 0.6, "rework": {"share": 0.5, "to": "a"}}}}, 0, "no good"),
    (
        {"stations": {"a": A, "b": A}, "products": {"p": {"route": [{"station": "a"}]}}}, 0,
        "no station has `arrivals`",
    ),
    (
        {"stations": {"a": A}, "products": {"p": {"route": [{"station": "a"}]}, "q": {}}}, 0,
        "'q' has none",
    ),
    (
        {"stations": {"a": {**A, "places": 1}, "b": {**B, "after": []}},
         "products": {"p": {"route": [{"station": "a"}, {"station": "b"}, {"station": "a"}]}}}, 0,
        "the loop b → a → b holds at most 5 parts",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("written", "line", "said"), REFUSED, ids=lambda v: str(v)[:40])
def test_what_is_refused_says_where_and_why(
    written: dict[str, Any], line: int, said: str, tmp_path: Path
) -> None:
    import yaml

    path = tmp_path / "line.yaml"
    path.write_text(yaml.safe_dump(written, sort_keys=False), encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        read_line(path)
    assert said in str(caught.value)
    assert str(caught.value).startswith("line.yaml:")
    if line:
        assert str(caught.value).startswith(f"line.yaml:{line}:"), str(caught.value)


def test_a_loop_with_one_open_buffer_is_fine() -> None:
    back = {**B, "rework": {"share": 0.1, "to": "b"}}
    Line.read({"stations": {"a": A, "b": {"time": "1 s"}, "c": back}})


RATES = [
    {"name": "day", "start": "06:00", "end": "22:00", "rate": 2},
    {"name": "sunday", "start": "22:00", "end": "04:00", "days": ["sun"], "rate": 0.5},
]


def test_arrivals_follow_the_week() -> None:
    """Of a gap of one hour: two an hour in the day, none at night, one in two hours on Sunday."""
    arrivals = Arrivals.read({"every": "1 h", "rates": RATES})
    times = came_at(arrivals, np.arange(1.0, 2_000) * 3_600, "sun 21:00")
    assert times[:4].tolist() == [10_800.0, 18_000.0, 25_200.0, 34_200.0]
    hour = (times / 3_600 + 6 * 24 + 21) % 168
    near = 1e-6
    day = (hour % 24 > 6 - near) & (hour % 24 < 22 + near) & (hour < 5 * 24)
    assert (day | (hour > 166 - near) | (hour < 4 + near)).all()
    assert len(times[times <= 604_800]) == 5 * 32 + 3
    back = counted_at(arrivals.rates, "sun 21:00", times)
    assert back == pytest.approx(np.arange(1.0, 2_000) * 3_600)


@given(
    st.lists(st.floats(0, 1e7), min_size=1, max_size=20),
    st.sampled_from(["mon 00:00", "sat 13:37"]),
)
def test_the_clock_of_arrivals_runs_both_ways(counted: list[float], begins: str) -> None:
    arrivals = Arrivals.read({"every": "1 h", "rates": RATES})
    sums = np.sort(np.array(counted))
    times = came_at(arrivals, sums, begins)
    assert (np.diff(times) >= 0).all()
    assert counted_at(arrivals.rates, begins, times) == pytest.approx(sums, abs=1e-3)


@pytest.mark.parametrize(
    ("arrivals", "said"),
    [
        ({"at": ["1 s"], "rates": RATES}, "times in `at` are as they are"),
        ({"every": "1 s", "rates": [RATES[0] | {"rate": 0}]}, "no part would ever come"),
        ({"every": "1 s", "rates": [RATES[0] | {"rate": -1}]}, "-1"),
    ],
)
def test_rates_that_make_no_sense_are_refused(arrivals: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        Arrivals.read(arrivals)


def test_an_empirical_time_of_a_station_is_read() -> None:
    line = Line.read(
        {
            "stations": {
                "a": {"time": {"kind": "empirical", "values": ["1 s", "3 s"], "shares": [3, 1]}}
            }
        }
    )
    assert line.stations["a"].time.mean_s == 1.5
