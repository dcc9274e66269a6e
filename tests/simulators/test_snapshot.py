"""A simulation that begins with what stands in the line: exact examples, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gemel.core.errors import ConfigurationError
from gemel.core.line import Distribution, Draws, Line, Snapshot
from gemel.core.line.underway import left
from gemel.parts.simulators import SIMULATORS
from gemel.parts.simulators.base import Run, Scenarios, Simulator, Trial

BOTH = ("flow_line", "events")
SERIAL: dict[str, Any] = {
    "stations": {"a": {"time": "4 s"}, "b": {"time": "10 s", "places": 2}, "c": {"time": "6 s"}}
}


@pytest.fixture(params=BOTH)
def simulator(request: pytest.FixtureRequest) -> Simulator:
    return SIMULATORS.build({"kind": request.param})


def play(simulator: Simulator, line: dict[str, Any], now: dict[str, Any], parts: int = 5) -> Run:
    trial = Trial(
        parts=parts, warm_up=0.0, keep=("departures", "states"), start=Snapshot.read(now)
    )  # fmt: skip
    return simulator.run(Line.read(line), trial)


def leaves(run: Run) -> list[float]:
    assert run.departures is not None
    return [round(float(t), 6) for t in run.departures[0, 0]]


def test_parts_go_on_from_where_they_stand(simulator: Simulator) -> None:
    now = {
        "c": {"busy": [{"worked": "2 s"}], "waiting": [{"count": 2}]},
        "b": {"busy": [{"worked": "9 s"}]},
    }
    # c works on for 4 s, then on two that wait; b's part comes after 1 s and is the fourth.
    run = play(simulator, SERIAL, {"stations": now})
    assert leaves(run) == [4, 10, 16, 22, 28]


def test_a_repair_goes_on(simulator: Simulator) -> None:
    now = {"b": {"busy": [{"worked": "9 s", "repair_left": "100 s"}]}}
    run = play(simulator, SERIAL, {"stations": now}, parts=2)
    assert leaves(run) == [107, 117]
    assert run.states is not None
    down = run.states[0, 0, 1, 4] * 117
    assert down == pytest.approx(100, rel=0.1), "until b's last part left, or the end of the run"


def test_a_faster_repair_is_faster_for_one_that_goes_on(simulator: Simulator) -> None:
    start = Snapshot.read({"stations": {"b": {"busy": [{"count": 0, "repair_left": "60 s"}]}}})
    line = Line.read(SERIAL)
    scenarios = Scenarios.same(line, 2)
    scenarios.repair[1] = 0.5
    trial = Trial(parts=1, warm_up=0.0, keep=("departures",), start=start)
    run = simulator.run(line, trial, scenarios)
    assert run.end[:, 0].tolist() == [76, 46]
    assert simulator.run(line, trial).end[0, 0] == 76, "also where it is played alone"


def test_what_is_done_leaves_as_soon_as_there_is_a_place(simulator: Simulator) -> None:
    now = {
        "a": {"busy": [{"done": True}]},
        "b": {"busy": [{"work_left": "5 s"}], "waiting": [{"count": 2}]},
    }
    # b has two places: the part that is done at a finds one after 5 s; a works on its next from
    # then on, which is there long before b is free.
    run = play(simulator, SERIAL, {"stations": now})
    assert leaves(run) == [11, 21, 31, 41, 51]


def test_orders_come_first(simulator: Simulator) -> None:
    line = {
        "stations": {"a": {"time": "1 s", "times": {"slow": "10 s"}}},
        "products": {"quick": {}, "slow": {}},
        "sequence": ["quick"],
    }
    now = {
        "stations": {"a": {"waiting": [{"product": "slow"}]}},
        "orders": [{"product": "quick", "count": 2}, {"product": "slow", "count": 1}],
    }
    assert leaves(play(simulator, line, now, parts=6)) == [10, 11, 12, 22, 23, 24]


def test_the_first_part_may_need_a_set_up(simulator: Simulator) -> None:
    line = {
        "stations": {"a": {"time": "1 s", "setup": {"time": "30 s"}}},
        "products": {"red": {}, "blue": {}},
        "sequence": ["red"],
    }
    assert leaves(play(simulator, line, {"stations": {"a": {"family": "blue"}}}, 2)) == [31, 32]
    now = {"stations": {"a": {"busy": [{"product": "blue", "work_left": "2 s"}]}}}
    assert leaves(play(simulator, line, now, 3)) == [2, 33, 34]


def test_lead_time_counts_how_long_a_part_has_been_there(simulator: Simulator) -> None:
    now = {"stations": {"c": {"busy": [{"work_left": "1 s", "age": "99 s"}]}}}
    assert play(simulator, SERIAL, now, parts=1).lead[0, 0] == pytest.approx(100)


def test_a_shift_goes_on_at_its_time_of_the_week(simulator: Simulator) -> None:
    shift = {"name": "early", "start": "06:00", "end": "14:00"}
    line = {"stations": {"a": {"time": "1 h", "calendar": "x"}}, "calendars": {"x": [shift]}}
    start = Snapshot.read({"begins": "tue 13:59:30"})
    trial = Trial(parts=1, warm_up=0.0, keep=("departures",), start=start)
    run = simulator.run(start.line(Line.read(line)), trial)
    # 30 s today, and the rest from 6 on tomorrow.
    assert run.end[0, 0] == pytest.approx(30 + 16 * 3600 + 3570)


def test_going_on_is_the_same_as_not_having_stopped() -> None:
    """Played to a moment, looked at, and gone on with: the departures of the whole run."""
    line = {
        "stations": {
            "a": {"time": "3 s"}, "b": {"time": "5 s", "places": 3}, "c": {"time": "4 s"},
        }
    }  # fmt: skip
    whole = SIMULATORS.build({"kind": "flow_line"}).run(
        Line.read(line), Trial(parts=40, warm_up=0.0, keep=("departures",))
    )
    # Parts leave b at 8, 13, 18, …: at 20 s c has worked for 2 s, b for 2 s, three wait in front of
    # b and a is blocked by them.
    now = {
        "a": {"busy": [{"done": True}]},
        "b": {"busy": [{"worked": "2 s"}], "waiting": [{"count": 1}]},
        "c": {"busy": [{"worked": "2 s"}]},
    }
    assert whole.departures is not None
    after = [t for t in whole.departures[0, 0].tolist() if t > 20][:8]
    for kind in BOTH:
        run = play(SIMULATORS.build({"kind": kind}), line, {"stations": now}, parts=8)
        assert [20 + t for t in leaves(run)] == pytest.approx(after)


def test_what_is_left_of_a_time() -> None:
    exponential = Distribution.read({"kind": "exponential", "mean": "10 s"})
    usual = left(exponential, 0.0, 0.3)
    assert left(exponential, 25.0, 0.3) == pytest.approx(usual), "it has no memory"
    constant = Distribution.read({"mean": "10 s"})
    assert left(constant, 4.0, 0.9) == pytest.approx(6)
    assert left(constant, 11.0, 0.9) == 0, "it should have been over"
    wide = Distribution.read({"mean": "10 s", "cv": 1.5})
    chances = Draws(3).uniforms(0, ("x",), 4_000)
    times = wide.quantiles(chances)
    rest = np.array([left(wide, 12.0, c) for c in chances[:400].tolist()])
    expected = times[times > 12] - 12
    assert np.median(rest) == pytest.approx(np.median(expected), rel=0.15)


@pytest.mark.parametrize(
    ("now", "told"),
    [
        ({"x": {}}, "nothing called 'x'"),
        ({"b": {"busy": [{}, {}]}}, "2 are busy, the station has 1"),
        ({"c": {"busy": [{"done": True}]}}, "it cannot wait"),
        ({"b": {"busy": [{"repaired_for": "3 s"}]}}, "say `repair_left`"),
        ({"b": {"waiting": [{"product": "red"}]}}, "there is none"),
        ({"b": {"waiting_of": {"a": [{}]}}}, "waiting_of"),
        ({"b": {"busy": [{"count": 4}]}}, "at most 1 at once"),
    ],
)
def test_what_cannot_be_of_this_line_is_told(now: dict[str, Any], told: str) -> None:
    line, start = Line.read(SERIAL), Snapshot.read({"stations": now})
    with pytest.raises(ConfigurationError, match=told):
        SIMULATORS.build({"kind": "events"}).run(line, Trial(parts=1, start=start))


def test_an_assembly_is_for_events() -> None:
    line = {
        "stations": {
            "a": {"time": "4 s"},
            "b": {"time": "4 s", "after": []},
            "c": {"time": "2 s", "after": ["a", "b"], "join": "assembly"},
        }
    }
    now = {"stations": {"c": {"waiting_of": {"a": [{"count": 2}]}}}}
    flow = SIMULATORS.build({"kind": "flow_line"})
    assert flow.uncovered(Line.read(line)) == ()
    assert "assembly" in flow.uncovered(Line.read(line), Snapshot.read(now))[0]
    run = play(SIMULATORS.build({"kind": "events"}), line, now, parts=3)
    assert leaves(run) == [6, 10, 14], "b is late; of a there is always one"
