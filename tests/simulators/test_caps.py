"""Lines that hold so many parts at once: exact values, examples by hand, and what must not happen.

That both simulators give the same departures is tested in `test_identity`, with caps among others.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from gemel.core.errors import ConfigurationError, DataError
from gemel.core.line import Line, Snapshot
from gemel.core.line.caps import stretch
from gemel.core.line.changes import written
from gemel.core.line.screening import screen
from gemel.parts.simulators import SIMULATORS
from gemel.parts.simulators.base import Run, Scenarios, Simulator, Trial
from gemel.parts.simulators.flow_line import timeline
from gemel.testing.simulators import exponential_line, left, three_stations

FLOW = SIMULATORS.build({"kind": "flow_line"})
EVENTS = SIMULATORS.build({"kind": "events"})
KEPT = ("departures", "states")


@pytest.fixture(params=["flow_line", "events"])
def simulator(request: pytest.FixtureRequest) -> Simulator:
    return SIMULATORS.build({"kind": request.param})


def capped(line: Line, most: int | None, first: str = "", last: str = "") -> Line:
    cap = {"most": most, "first": first, "last": last}
    return Line.read({**written(line), "caps": {"c": cap}})


def leaves(run: Run) -> list[float]:
    return [round(float(t), 6) for t in left(run)[0, 0]]


def play(simulator: Simulator, parts: int, start: dict[str, Any] | None = None, **line: Any) -> Run:
    now = None if start is None else Snapshot.read(start)
    trial = Trial(parts=parts, warm_up=0.0, keep=KEPT, start=now)
    return simulator.run(Line.read(line), trial)


# Exact values


@pytest.mark.parametrize(("machines", "parts"), [(3, 1), (3, 4), (5, 8)])
def test_a_closed_line_of_exponential_machines(machines: int, parts: int) -> None:
    """Product form (Gordon and Newell 1967): N / (N + M − 1) of the rate of a machine. What is
    counted in the line begins at the first machine: N less what would wait in front of that, its
    share of N less its utilisation. Five standard errors, the throughput's below 0.2 %."""
    line = capped(exponential_line((1.0,) * machines, parts), parts)
    run = FLOW.run(line, Trial(parts=40_000, replications=20, keep=()))
    rate = parts / (parts + machines - 1)
    inside = parts - parts / machines + rate
    for found, exact in ((run.throughput[0], rate), (run.wip[0], inside)):
        error = found.std(ddof=1) / np.sqrt(len(found))
        assert error < 0.004 * exact
        assert abs(found.mean() - exact) < 5 * error


def test_a_cap_of_all_places_changes_nothing(simulator: Simulator) -> None:
    """Three machines and places for five, to the last bit; with one less it does."""
    line = three_stations()
    trial = Trial(parts=500, replications=2, seed=3, keep=KEPT)
    free = simulator.run(line, trial)
    same = simulator.run(capped(line, 8), trial)
    for f in fields(Run):
        one, other = getattr(free, f.name), getattr(same, f.name)
        assert np.array_equal(one, other) if isinstance(one, np.ndarray) else one == other, f.name
    less = simulator.run(capped(line, 7), trial)
    assert not np.array_equal(left(free), left(less))
    assert (less.end >= free.end).all()


def test_an_open_cap_is_none(simulator: Simulator) -> None:
    trial = Trial(parts=300, keep=KEPT)
    free = simulator.run(three_stations(), trial)
    same = simulator.run(capped(three_stations(), None), trial)
    assert np.array_equal(left(free), left(same))


# By hand


def test_a_part_enters_when_one_has_left(simulator: Simulator) -> None:
    stations = {"a": {"time": "1 s"}, "b": {"time": "5 s"}, "c": {"time": "2 s"}}
    run = play(simulator, 40, stations=stations, caps={"line": {"most": 1}})
    assert leaves(run)[:4] == [8, 16, 24, 32]
    assert run.lead[0, 0] == pytest.approx(8)
    assert run.wip[0, 0] == pytest.approx(1)
    assert run.states is not None
    assert run.states[0, 0, 0] == pytest.approx([1 / 8, 7 / 8, 0, 0, 0, 0], abs=0.02), "starved"


def test_a_stretch_holds_what_it_says(simulator: Simulator) -> None:
    """One part at a time on b and c; a works on, and keeps what b does not take."""
    stations = {"a": {"time": "1 s"}, "b": {"time": "3 s", "places": 0}, "c": {"time": "4 s"}}
    caps = {"two": {"first": "b", "most": 1}}
    assert leaves(play(simulator, 3, stations=stations, caps=caps)) == [8, 15, 22]
    assert leaves(play(simulator, 3, stations=stations)) == [8, 12, 16]


def test_a_scenario_has_its_own_cap(simulator: Simulator) -> None:
    line = capped(three_stations(), 4)
    scenarios = Scenarios.same(line, 70)
    scenarios.caps[:, 0] = np.random.default_rng(0).integers(1, 9, 70)
    scenarios.caps[5, 0] = -1
    trial = Trial(parts=200, keep=("departures",))
    many = simulator.run(line, trial, scenarios)
    for row in (0, 5, 69):
        alone = simulator.run(line, trial, scenarios.part(row, row + 1))
        assert np.array_equal(left(many)[row], left(alone)[0])
    free = simulator.run(three_stations(), trial)
    assert np.array_equal(left(many)[5], left(free)[0])
    order = np.argsort(scenarios.caps[:, 0][scenarios.caps[:, 0] > 0])
    ends = np.delete(many.end[:, 0], 5)[order]
    assert (np.diff(ends) <= 0).all(), "more parts at once are never slower"
    scenarios.caps[0, 0] = 0
    with pytest.raises(DataError, match="a cap of 0 lets nothing in"):
        simulator.run(line, trial, scenarios)


def test_a_line_that_holds_too_many_lets_none_in(simulator: Simulator) -> None:
    """Three stand behind a, two are allowed: a's next part waits for two of them."""
    stations = {"a": {"time": "1 s"}, "b": {"time": "10 s"}}
    now = {"stations": {"b": {"busy": [{"work_left": "4 s"}], "waiting": [{"count": 2}]}}}
    run = play(simulator, 5, now, stations=stations, caps={"line": {"most": 2}})
    assert leaves(run) == [4, 14, 24, 34, 44]
    assert run.states is not None
    run = play(simulator, 4, now, stations=stations, caps={"line": {"most": 1}})
    assert leaves(run) == [4, 14, 24, 35], "the fourth begins at a when the third has left"


def test_the_timeline_of_a_capped_line_is_the_same() -> None:
    line = capped(three_stations(), 3, "cut", "mill")
    told = timeline(line, 300)
    run = FLOW.run(line, Trial(parts=300, keep=("departures",)))
    assert np.array_equal(told.left[-1], left(run)[0, 0])


def test_with_arrivals_what_waits_outside_is_not_in_it(simulator: Simulator) -> None:
    """Parts come each second; one at a time is let in, and the others wait in front of a."""
    stations = {
        "a": {"time": "1 s", "arrivals": {"at": ["1 s", "2 s", "3 s"]}}, "b": {"time": "4 s"},
    }  # fmt: skip
    run = play(simulator, 3, stations=stations, caps={"line": {"most": 1}})
    assert leaves(run) == [6, 11, 16]
    assert run.lead[0, 0] == pytest.approx((5 + 9 + 13) / 3), "from their arrival"


# What only events plays


def test_several_beginnings_take_turns() -> None:
    stations = {
        "left": {"time": "1 s"},
        "right": {"time": "1 s", "after": []},
        "pack": {"time": "2 s", "after": ["left", "right"]},
    }
    line = Line.read({"stations": stations, "caps": {"line": {"most": 1}}})
    assert "several stations ('left', 'right')" in FLOW.uncovered(line)[-1]
    run = EVENTS.run(line, Trial(parts=40, warm_up=0.0, keep=KEPT))
    assert leaves(run) == [3.0 * k for k in range(1, 41)]
    assert run.states is not None
    assert run.states[0, 0, 0, 0] == pytest.approx(run.states[0, 0, 1, 0]), "neither is forgotten"


def test_a_batch_takes_as_many_as_are_let_in() -> None:
    oven = {"time": "10 s", "batch": {"least": 2, "most": 8}, "places": 8}
    stations = {"a": {"time": "1 s"}, "oven": oven, "c": {"time": "1 s"}}
    run = play(EVENTS, 6, stations=stations, caps={"line": {"most": 3}})
    # Two go in, the third waits for the oven until the others have left and a fourth has come.
    assert leaves(run)[:2] == [13, 14]
    inside = play(EVENTS, 6, stations={"oven": oven}, caps={"line": {"most": 3}})
    assert leaves(inside) == [10, 10, 10, 20, 20, 20]


def test_parts_that_go_back_keep_their_place() -> None:
    """With one part at a time it must be the one that goes back that begins again."""
    stations = {"a": {"time": "1 s"}, "b": {"time": "1 s", "rework": {"share": 0.5, "to": "a"}}}
    run = play(EVENTS, 200, stations=stations, caps={"line": {"most": 1}})
    gaps = np.diff(left(run)[0, 0])
    assert set(np.round(gaps).tolist()) > {2, 4}, "good at once, or after going back"
    assert run.wip[0, 0] == pytest.approx(1, abs=0.01)


def test_ways_to_an_assembly_have_caps_of_their_own() -> None:
    stations = {
        "body": {"time": "1 s"},
        "engine": {"time": "3 s", "after": []},
        "marry": {"time": "1 s", "after": ["body", "engine"], "join": "assembly"},
    }
    caps = {"bodies": {"first": "body", "most": 2}, "engines": {"first": "engine", "most": 2}}
    line = Line.read({"stations": stations, "caps": caps})
    assert FLOW.uncovered(line) == ()
    runs = [s.run(line, Trial(parts=50, warm_up=0.0, keep=KEPT)) for s in (FLOW, EVENTS)]
    assert np.array_equal(left(runs[0]), left(runs[1]))
    assert leaves(runs[0])[:3] == [4, 7, 10]
    assert runs[0].wip[0, 0] < 4.01


def test_job_shops_have_caps() -> None:
    """Parts on ways of their own; one at a time in the whole shop."""
    every = {"kind": "exponential", "mean": "1 s"}
    stations = {
        "saw": {"time": "2 s", "after": [], "arrivals": {"every": every}},
        "mill": {"time": "3 s", "after": []},
    }
    products = {
        "x": {"route": [{"station": "saw"}, {"station": "mill"}]},
        "y": {"route": [{"station": "mill"}, {"station": "saw"}]},
    }
    run = play(EVENTS, 30, stations=stations, products=products, caps={"shop": {"most": 1}})
    assert np.diff(leaves(run)) == pytest.approx(5)


# What could never move


def ovens(**more: Any) -> dict[str, Any]:
    oven = {"time": "5 s", "after": ["a"], "batch": {"least": 3, "most": 4}}
    return {"a": {"time": "1 s", **more}, "left": oven, "right": oven}


@pytest.mark.parametrize(
    "more", [{}, {"arrivals": {"every": {"kind": "exponential", "mean": "1 s"}}}]
)
def test_who_stands_still_is_told_why(more: dict[str, Any]) -> None:
    """Two wait at each of two ovens, which want three."""
    with pytest.raises(DataError, match=r"'a' begins with no part, since cap 'line' of 4 is taken"):
        play(EVENTS, 100, stations=ovens(**more), caps={"line": {"most": 4}})
    run = play(EVENTS, 100, stations=ovens(**more), caps={"line": {"most": 5}})
    assert run.end[0, 0] > 0


@pytest.mark.parametrize("more", [{}, {"arrivals": {"at": ["0 s"]}}])
def test_a_long_job_is_no_standstill(more: dict[str, Any]) -> None:
    """20,000 parts come in vain while one is worked on elsewhere that has taken the cap, at a
    station that is always supplied, or to which no more parts come."""
    stations = {
        "slow": {"time": "20000.5 s", **more},
        "fast": {"time": "1 s", "after": [], "arrivals": {"every": "1 s"}},
    }
    run = play(EVENTS, 2, stations=stations, caps={"line": {"most": 1}})
    assert leaves(run) == [20_000.5, 20_001.5]


ASSEMBLY: dict[str, Any] = {
    "body": {"time": "1 s"},
    "paint": {"time": "1 s", "places": 2},
    "engine": {"time": "1 s", "after": []},
    "marry": {"time": "1 s", "after": ["paint", "engine"], "join": "assembly", "places": 1},
}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            {"stations": {"a": {"time": "1 s"}}, "caps": {"c": {"most": 0}}},
            r"caps\.c\.most: is 0, must be at least 1",
        ),
        (
            {"stations": {"mill": {"time": "1 s"}}, "caps": {"c": {"most": 2, "first": "mil"}}},
            r"caps\.c\.first: no station 'mil'; .*'mill'",
        ),
        (
            {"stations": {"a": {"time": "1 s"}, "b": {"time": "1 s"}},
             "caps": {"c": {"most": 2, "first": "b", "last": "a"}}},
            r"caps\.c\.last: no way leads from 'b' to 'a'; `first` is the one",
        ),
        (
            {"stations": ovens(), "caps": {"c": {"most": 2}}},
            r"caps\.c\.most: is 2, and 'left' begins with 3 parts.*at least 3",
        ),
        (
            {"stations": ASSEMBLY, "caps": {"c": {"most": 6}}},
            r"caps\.c\.most: is 6, which parts from 'paint' can take up while they wait at 'marry' "
            r"for one from 'engine' that is not let in; give more than 6",
        ),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(line: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        Line.read(line)


def test_an_assembly_with_enough_for_each_way_runs() -> None:
    """Six can stand on the longer way: with seven there is one for the other, whatever happens."""
    line = Line.read({"stations": ASSEMBLY, "caps": {"c": {"most": 7}}})
    assert stretch(line, "c") == ("body", "paint", "engine", "marry")
    slow = Scenarios.same(line)
    slow.time[0, 2] = 50.0
    run = EVENTS.run(line, Trial(parts=20, warm_up=0.0), slow)
    assert run.end[0, 0] == pytest.approx(20 * 50 + 1)


def test_what_the_others_say_of_caps() -> None:
    line = capped(three_stations(scrap=0.1), 4)
    assert FLOW.uncovered(line) == ("under cap 'c' 'mill' throws parts away before the last",)
    with pytest.raises(ConfigurationError, match="does not cover this line: under cap 'c'"):
        FLOW.run(line, Trial(parts=10))
    said = screen(line)
    assert isinstance(said, tuple)
    assert "it has caps" in said
