"""What limits, by several methods, where it is known: planted, shifting, by hand, from a log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from gemel.core.errors import ConfigurationError, DataError
from gemel.core.line import Line
from gemel.doors.cli.main import app
from gemel.parts.simulators import SIMULATORS
from gemel.parts.simulators.base import Trial
from gemel.parts.simulators.flow_line import timeline, untold
from gemel.runtime.logs_of_parts import read_part_log
from gemel.testing.simulators import three_stations
from gemel.twin.planning.active_period import momentary, periods
from gemel.twin.planning.bottleneck import bottleneck, from_log
from gemel.twin.planning.side_by_side import Watched, side_by_side

FLOW = SIMULATORS.build({"kind": "flow_line"})


def planted(slow: int, machines: int = 5) -> Line:
    stations = {
        f"m{i}": {"time": {"mean": "1200 ms" if i == slow else "1 s", "cv": 0.5}, "places": 4}
        for i in range(machines)
    }
    return Line.read({"stations": stations})


# The timeline


@pytest.mark.parametrize(
    "more",
    [{}, {"blocking": "before"}, {"scrap": 0.2}, {"places": 0}, {"places": None}],
    ids=["plain", "before", "scrap", "none", "many"],
)
def test_the_timeline_is_that_of_the_simulator(more: dict[str, Any]) -> None:
    line = three_stations(**more)
    for replication in range(2):
        trial = Trial(parts=400, first=replication, keep=("departures",))
        run = FLOW.run(line, trial)
        told = timeline(line, 400, replication=replication)
        left = np.nanmax(told.left, axis=0)
        assert run.departures is not None
        assert np.sort(left).tolist() == run.departures[0, 0].tolist()
        assert (told.done[~np.isnan(told.done)] >= told.begin[~np.isnan(told.begin)]).all()


def test_arrivals_are_in_the_timeline() -> None:
    every = {"kind": "exponential", "mean": "2 s"}
    line = Line.read(
        {"stations": {"a": {"time": "1 s", "arrivals": {"every": every}},
                      "b": {"time": "1 s", "places": 3}}}
    )  # fmt: skip
    run = FLOW.run(line, Trial(parts=300, keep=("departures",)))
    assert run.departures is not None
    assert timeline(line, 300).left[-1].tolist() == run.departures[0, 0].tolist()


def test_lines_without_a_timeline_are_told_why() -> None:
    line = Line.read({"stations": {"a": {"time": "1 s", "servers": 2}, "b": {"time": "1 s"}}})
    assert untold(line) == ("'a' is more than one machine",)
    with pytest.raises(ConfigurationError, match="'a' is more than one machine"):
        timeline(line, 10)


# Active periods


def test_active_periods_by_hand() -> None:
    begin, end = periods(np.array([6.0, 0.0, 2.0, np.nan]), np.array([7.0, 2.0, 5.0, 1.0]))
    assert begin.tolist() == [0, 6]
    assert end.tolist() == [5, 7]
    with pytest.raises(DataError, match="before it begins"):
        periods(np.array([1.0]), np.array([0.0]))


def test_the_bottleneck_of_the_moment_by_hand() -> None:
    """By the definition of Roser, Nakano and Tanaka (2002): the longest period counts at each time,
    and where it overlaps the next longest the bottleneck shifts. A from 0 to 10, B from 8 to 20, C
    in between only for short times."""
    found = momentary(
        [
            (np.array([0.0]), np.array([10.0])),
            (np.array([1.0, 8.0]), np.array([3.0, 20.0])),
            (np.array([4.0, 12.0]), np.array([6.0, 13.0])),
        ]
    )
    sole, shifting = found.shares()
    assert sole.tolist() == pytest.approx([0.4, 0.5, 0.0])
    assert shifting.tolist() == pytest.approx([0.1, 0.1, 0.0])
    assert found.shares(0, 8)[0].tolist() == [1, 0, 0]
    assert found.shares(9, 11)[0].tolist() == pytest.approx([0, 0.5, 0])
    assert found.shares(30, 40)[0].tolist() == [0, 0, 0]
    at_9 = int(np.searchsorted(found.edges, 9.0)) - 1
    assert found.which[at_9] == 1, "the longer of the two"


# Side by side


@pytest.mark.parametrize("slow", range(5))
def test_a_planted_bottleneck_is_named_by_all(slow: int) -> None:
    line = planted(slow)
    told = timeline(line, 6_000)
    replay = bottleneck(line, FLOW, Trial(parts=3_000, replications=8, keep=()))
    found = side_by_side(Watched(told.stations, told.begin, told.done, told.left), replay)
    assert found.replay.found == (f"m{slow}",)
    assert [m.found for m in found.methods] == [(f"m{slow}",)] * 3
    assert found.sentence == f"'m{slow}' limits; all methods say so"
    assert int(np.argmax(found.sole)) == slow
    assert all(v.argmax() == slow for _, _, v in found.windows)
    active = found.methods[0].score
    run = FLOW.run(line, Trial(parts=6_000))
    assert run.states is not None
    assert active == pytest.approx(run.states[0, 0, :, 0], abs=0.02)


def test_a_balanced_line_is_not_known() -> None:
    line = planted(-1)
    told = timeline(line, 1_000)
    replay = bottleneck(line, FLOW, Trial(parts=500, replications=4, keep=()))
    found = side_by_side(Watched(told.stations, told.begin, told.done, told.left), replay)
    assert found.sentence.startswith("do not know: ")
    assert len(found.methods[0].found) > 1


def shifting_log(path: Path, parts: int = 1_200) -> None:
    """Three processes; the first limits in the first half, the third in the second."""
    random = np.random.default_rng(4)
    work = random.gamma(9, 1 / 9, (3, parts))
    work[0, : parts // 2] *= 1.5
    work[2, parts // 2 :] *= 1.5
    left = np.zeros((4, parts))
    rows = ["part,station,start,end"]
    for k in range(parts):
        came = 0.0
        for i in range(3):
            begin = max(came, left[i, k - 1] if k else 0.0)
            done = begin + work[i, k]
            room = left[i + 1, k - 3] if i < 2 and k >= 3 else 0.0
            came = left[i, k] = max(done, room)
            rows.append(f"{k},P{i + 1},{begin:.6f},{done:.6f}")
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")


def test_a_shifting_bottleneck_is_seen_over_time(tmp_path: Path) -> None:
    shifting_log(tmp_path / "log.csv")
    log = read_part_log(tmp_path / "log.csv")
    assert log.watched.stations == ("P1", "P2", "P3")
    assert log.places.tolist() == [-1, 2, 2]
    work = log.watched.done - log.watched.begin
    replay = from_log(log.watched.stations, work, 0 * work, log.places)
    found = side_by_side(log.watched, replay, windows=4)
    most = [int(v.argmax()) for _, _, v in found.windows]
    assert most == [0, 0, 2, 2]
    assert found.sole[1] < 0.05
    assert not found.replay.known, "of the whole time, it is not one of them"


def test_the_command_on_a_log_and_on_a_line(tmp_path: Path) -> None:
    shifting_log(tmp_path / "log.csv", 600)
    done = CliRunner().invoke(app, ["bottleneck", str(tmp_path / "log.csv"), "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert [m["method"] for m in told["methods"]] == [
        "utilisation", "active period", "turning point",
    ]  # fmt: skip
    assert told["windows"][0]["most"] == "P1"
    assert told["windows"][-1]["most"] == "P3"
    path = tmp_path / "line.yaml"
    path.write_text(
        "stations:\n  saw: {time: 10 s}\n  mill: {time: {mean: 30 s, cv: 0.3}, servers: 2}\n",
        encoding="utf-8",
    )
    shown = CliRunner().invoke(app, ["bottleneck", str(path), "--parts", "300"])
    assert shown.exit_code == 0, shown.output
    assert "'mill' limits" in shown.output
    assert "no active period: 'mill' is more than one machine" in shown.output


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("part,machine,begin\n1,a,0\n", "no column for the end; name it 'end'"),
        ("part,station,start,end\n1,a,3,2\n", "ends at 'a' before it begins"),
        ("part,station,start,end\n1,a,0,1\n1,b,2,3\n2,b,3,4\n2,a,5,6\n3,b,7,8\n", "0 of 3|1 of 3"),
        ("part,station,start,end\n,a,0,1\n", "no row has a part"),
    ],
)
def test_logs_that_cannot_be_used(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "log.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=said):
        read_part_log(path)


def test_times_may_be_written_as_times(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(
        "case;activity;start;complete timestamp\n"
        "A;cut;2026-03-01T06:00:00Z;2026-03-01T06:00:30Z\n"
        "A;weld;2026-03-01T06:01:00Z;2026-03-01T06:02:00Z\n"
        "B;cut;2026-03-01T06:00:30Z;2026-03-01T06:00:50Z\n"
        "B;weld;2026-03-01T06:02:00Z;2026-03-01T06:02:30Z\n",
        encoding="utf-8",
    )
    log = read_part_log(path)
    assert log.watched.stations == ("cut", "weld")
    assert log.watched.begin.tolist() == [[0, 30], [60, 120]]
    assert log.watched.done.tolist() == [[30, 50], [120, 150]]
