"""What only events can play: people, rules, batches, ways back, routes, vehicles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gemel.core.errors import ConfigurationError, DataError
from gemel.core.line import Line
from gemel.parts.simulators import SIMULATORS
from gemel.parts.simulators.base import Run, Trial
from gemel.testing.simulators import left

EVENTS = SIMULATORS.build({"kind": "events"})


def play(parts: int = 10, keep: tuple[str, ...] = ("departures", "states"), **line: Any) -> Run:
    return EVENTS.run(Line.read(line), Trial(parts=parts, warm_up=0.0, keep=keep))


def leaves(run: Run) -> list[float]:
    return [float(t) for t in left(run)[0, 0]]


def test_parts_overtake_between_servers() -> None:
    run = play(
        4, stations={"m": {"time": "3 s", "servers": 2, "times": {"long": "8 s"}}},
        products={"long": {}, "short": {}}, sequence=["long", "short", "short", "short"],
    )  # fmt: skip
    assert leaves(run) == [3, 6, 8, 9]


def test_a_merge_takes_whoever_comes_first() -> None:
    run = play(
        6,
        stations={
            "slow": {"time": "5 s"},
            "fast": {"time": "2 s", "after": []},
            "pack": {"time": "1 s", "after": ["slow", "fast"], "places": 0},
        },
    )
    assert leaves(run) == [3, 5, 6, 7, 9, 11]


def test_one_person_for_two_stations() -> None:
    both: dict[str, Any] = {"time": "4 s", "needs": {"crew": "worker"}}
    stations = {"a": both, "b": {**both, "places": 1}}
    assert leaves(play(3, stations=stations, crews={"worker": {"number": 2}})) == [8, 12, 16]
    run = play(3, stations=stations, crews={"worker": {"number": 1}})
    assert leaves(run)[-1] == 24, "the stations take turns"
    assert run.states is not None
    assert run.states[0, 0, :, 0] == pytest.approx([0.5, 0.5]), "somebody always works"


def test_a_repair_waits_for_the_crew() -> None:
    failure = {"every": "10 s", "repair": "5 s", "crew": "fitters"}
    stations = {
        "a": {"time": "4 s", "failures": {"jam": failure}, "after": []},
        "b": {"time": "4 s", "failures": {"jam": failure}, "after": []},
    }
    two = play(8, stations=stations, crews={"fitters": {"number": 2}})
    assert leaves(two) == [4, 4, 8, 8, 17, 17, 21, 21]
    one = play(8, stations=stations, crews={"fitters": {"number": 1}})
    assert leaves(one) == [4, 4, 8, 8, 17, 21, 22, 26]


def test_a_crew_is_there_in_its_shift_only() -> None:
    run = play(
        3, stations={"m": {"time": "1 h", "needs": {"crew": "day"}}},
        crews={"day": {"number": 1, "calendar": "day"}}, begins="mon 07:00",
        calendars={"day": [{"name": "day", "start": "08:00", "end": "10:00"}]},
    )  # fmt: skip
    hours = [t / 3600 for t in leaves(run)]
    assert hours == [2, 3, 26], "from 8 to 10 on Monday, then on Tuesday from 8 on"


@pytest.mark.parametrize(
    ("rule", "order"), [("fifo", "acba"), ("spt", "abca"), ("edd", "acba"), ("setup", "aacb")]
)
def test_rules_choose_what_comes_next(rule: str, order: str) -> None:
    """All wait from 1 s on, while the first is worked on; a set-up takes 1 s."""
    run = play(
        4,
        stations={
            "gate": {"time": "0 s", "arrivals": {"at": ["0 s", "1 s", "1 s", "1 s"]}},
            "m": {
                "time": "4 s", "times": {"b": "2 s", "c": "3 s"}, "dispatch": rule,
                "setup": {"time": "1 s"},
            },
        },
        products={"a": {"due": "99 s"}, "c": {"due": "9 s"}, "b": {"due": "50 s"}},
        sequence=["a", "c", "b", "a"],
    )  # fmt: skip
    expected, now, length = [], 0.0, {"a": 4, "b": 2, "c": 3}
    for before, product in zip("a" + order, order, strict=False):
        now += (before != product) + length[product]
        expected.append(now)
    assert leaves(run) == expected


def test_a_batch_waits_for_its_parts() -> None:
    run = play(
        8,
        stations={
            "saw": {"time": "2 s"}, "oven": {"time": "10 s", "batch": {"least": 3, "most": 4}},
        },
    )  # fmt: skip
    assert leaves(run) == [16, 16, 16, 26, 26, 26, 26, 36]


def test_rework_goes_back_and_ends() -> None:
    line: dict[str, Any] = {
        "stations": {
            "a": {"time": "1 s"},
            "b": {"time": "1 s", "rework": {"share": 0.5, "to": "a", "most": 2}},
        }
    }
    run = play(4_000, **line)
    assert run.scrapped[0, 0] == pytest.approx(0.125, abs=0.02)
    assert run.throughput[0, 0] == pytest.approx(0.875 / 1.75, rel=0.03)


def test_routes_visit_stations_again() -> None:
    run = play(
        2,
        stations={
            "lathe": {"time": "3 s", "after": [], "arrivals": {"at": ["0 s", "0 s"]}},
            "mill": {"time": "5 s", "after": []},
        },
        products={
            "shaft": {"route": [
                {"station": "lathe"}, {"station": "mill"}, {"station": "lathe", "time": "1 s"},
            ]},
        },
    )  # fmt: skip
    assert leaves(run) == [9, 14]


def test_the_free_one_of_several_is_taken() -> None:
    run = play(
        3,
        stations={
            "gate": {"time": "0 s", "after": [], "arrivals": {"at": ["0 s", "0 s", "0 s"]}},
            "left": {"time": "5 s", "after": []},
            "right": {"time": "5 s", "after": []},
        },
        products={"p": {"route": [{"station": ["left", "right"]}]}},
    )
    assert leaves(run) == [5, 5, 10]


def test_the_shortest_queue_gets_the_part() -> None:
    run = play(
        4,
        stations={
            "in": {"time": "1 s", "split": "shortest"},
            "slow": {"time": "20 s", "after": ["in"]},
            "fast": {"time": "500 ms", "after": ["in"]},
        },
    )
    assert leaves(run) == [2.5, 3.5, 4.5, 5.5]


def test_a_vehicle_brings_one_part_at_a_time() -> None:
    line = {
        "a": {"time": "1 s"},
        "b": {"time": "1 s", "travel": "4 s"},
    }
    assert leaves(play(3, stations=line)) == [6, 7, 8]
    line["b"]["carriers"] = "agv"
    assert leaves(play(3, stations=line, crews={"agv": {"number": 1}})) == [6, 10, 14]


def test_arrivals_end() -> None:
    run = play(5, stations={"m": {"time": "2 s", "arrivals": {"at": ["1 s", "5 s"]}}})
    assert leaves(run)[:2] == [3, 7]
    assert np.isnan(leaves(run)[2:]).all()


def test_a_line_that_stands_still_is_told() -> None:
    """One of the parts of an assembly does not come any more."""
    with pytest.raises(DataError, match=r"stands still .* 'body' waits for a place at 'marry'"):
        play(
            5,
            stations={
                "body": {"time": "1 s"},
                "engine": {"time": "1 s", "after": [], "arrivals": {"at": ["0 s", "9 s"]}},
                "marry": {
                    "time": "1 s", "after": ["body", "engine"], "join": "assembly", "places": 1,
                },
            },
        )  # fmt: skip


def test_a_batch_leaves_one_by_one() -> None:
    run = play(
        6,
        stations={
            "oven": {"time": "10 s", "batch": {"least": 3, "most": 3}},
            "pack": {"time": "2 s", "places": 0},
        },
    )
    assert leaves(run) == [12, 14, 16, 26, 28, 30], "the oven is free when the third has left"


def test_people_go_to_whoever_waits_longest() -> None:
    """Two need one person; a third needs two, and is not passed for ever."""
    one: dict[str, Any] = {"time": "4 s", "needs": {"crew": "x"}, "after": []}
    run = play(
        9,
        stations={
            "a": one, "b": one,
            "heavy": {"time": "1 s", "needs": {"crew": "x", "number": 2}, "after": []},
        },
        crews={"x": {"number": 2}},
    )  # fmt: skip
    assert leaves(run) == [4, 4, 5, 9, 9, 10, 14, 14, 15]


def test_each_cause_has_its_own_crew() -> None:
    failures = {
        "jam": {"every": "10 s", "repair": "5 s"},
        "tool": {"every": "15 s", "repair": "2 s", "crew": "fitters"},
    }
    run = play(
        6, stations={"m": {"time": "4 s", "failures": failures}},
        crews={"fitters": {"number": 1, "calendar": "late"}}, begins="mon 00:00",
        calendars={"late": [{"name": "late", "start": "01:00", "end": "02:00"}]},
    )  # fmt: skip
    assert leaves(run) == [4, 8, 17, 3603, 3612, 3616], "the tool waits at 20 s until one o'clock"


def test_repairs_by_the_calendar_have_no_crew() -> None:
    failure = {"every": "9 s", "repair": "1 s", "crew": "x", "counted_in": "calendar"}
    line = Line.read(
        {
            "stations": {"m": {"time": "1 s", "failures": {"f": failure}}},
            "crews": {"x": {"number": 1}},
        }
    )
    assert "takes people" in EVENTS.uncovered(line)[0]
    with pytest.raises(ConfigurationError, match="takes people"):
        EVENTS.run(line, Trial(parts=3))
