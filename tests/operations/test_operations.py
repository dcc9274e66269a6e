"""Machine states, stops, orders and KPIs: live, and the same from history."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from tests.operations.lines import EARLY, Line, signal

from gemel.core import quality as q
from gemel.core.errors import ConfigurationError
from gemel.core.event import Event
from gemel.core.frame import Frame
from gemel.core.plant import Asset
from gemel.core.time import HOUR, MINUTE, SECOND
from gemel.parts.historians import HISTORIANS
from gemel.twin.operations import (
    OperationsSettings,
    OrderRun,
    Stop,
    TimeClass,
    Totals,
    history,
    machines,
)

ASSET = "line/filler"


def minutes(totals: Totals) -> dict[str, float]:
    return {c.name.lower(): totals.times[c] / MINUTE for c in TimeClass if totals.times[c]}


def stops(line: Line) -> list[tuple[str, float, float | None, bool]]:
    """The last word on each stop: reason, start and end in seconds, minor."""
    latest = {e.time: e for e in line.events if e.kind == "stop"}
    return [(e.payload["reason"], *line.seconds(e), e.payload["minor"]) for e in latest.values()]


def test_classes_of_a_shift_by_hand() -> None:
    line = Line()
    line.feed(0, state="Execute", starved=0, blocked=0, reason="None", count=0, rejects=0)
    line.feed(60, state="Suspended", starved=1)
    line.feed(70, state="Execute", starved=0)
    line.feed(100, state="Suspended", blocked=1)
    line.feed(105, state="Execute", blocked=0)
    line.feed(120, state="Held", reason="DriveTrip")
    line.feed(132, state="Execute", reason="None")
    line.feed(150, state="Stopped", reason="Changeover")
    line.feed(180, state="Execute", reason="None", count=3000, rejects=60)
    line.feed(200, state="Aborted")
    line.feed(203, state="Stopped")
    line.feed(206, state="Execute")
    line.feed(240, state="Complete", count=6000, rejects=100)
    line.tick(300)
    window, end, totals = line.operations.totals(ASSET)
    assert (window.name, end) == ("Early", line.at(300))
    assert minutes(totals) == {
        "production": 60 + 30 + 15 + 18 + 20 + 34,
        "starved": 10,
        "blocked": 5,
        "fault": 12 + 3,
        "setup": 30,
        "stopped": 3,
        "idle": 60,
    }
    assert (totals.produced, totals.rejected, totals.failures) == (6000, 100, 2)
    found = line.operations.kpis(ASSET)
    assert found["availability"].value == pytest.approx(177 / 300)
    assert found["effectiveness"].value == pytest.approx(6000 / 3600 / (177 / 60))
    assert found["quality_ratio"].value == pytest.approx(5900 / 6000)
    assert found["oee"].value == pytest.approx(5900 / 3600 / 5)
    assert stops(line) == [
        ("starved", 3600, 4200, False),
        ("blocked", 6000, 6300, False),
        ("fault", 7200, 7920, False),
        ("set-up", 9000, 10800, False),
        ("fault", 12000, 12360, False),
        ("no order", 14400, None, False),
    ]
    view = line.operations.machine(ASSET)
    assert (view.state, view.since) == ("idle", line.at(240))
    assert view.stop is not None


def test_a_stop_is_told_when_it_begins_and_corrected_when_it_ends() -> None:
    line = Line()
    line.feed(0, state="Execute")
    began = line.feed(10, state="Held")
    ended = line.feed(12, state="Execute")
    assert [e.end for e in (*began, *ended)] == [None, line.at(12)]
    assert ended[0].supersedes == began[0].id
    assert ended[0].payload == Stop(reason="unknown", minor=True).model_dump()
    assert len({began[0].id, ended[0].id}) == 2


def test_unknown_time_is_neither_running_nor_a_stop() -> None:
    line = Line()
    line.feed(0, state="Execute")
    line.feed(30, state="Execute", quality=q.BAD)
    line.feed(45, state="Execute")
    line.feed(50, state="Held")
    line.feed(55, state="Held", quality=q.BAD)
    line.feed(60, state="Execute")
    assert minutes(line.operations.totals(ASSET)[2]) == {
        "production": 35,
        "unknown": 20,
        "stopped": 5,
    }
    (_, end) = [e for e in line.events if e.kind == "stop"]
    assert line.seconds(end) == (3000, 3600)
    assert end.payload["uncertain"]


def test_a_failure_counts_when_it_was_seen_to_begin() -> None:
    line = Line()
    line.feed(0, state="Aborted")
    line.feed(10, state="Execute")
    line.feed(20, state="Aborted")
    line.feed(25, state="Aborted", quality=q.BAD)
    line.feed(30, state="Aborted")
    line.feed(40, state="Execute")
    assert line.operations.totals(ASSET)[2].failures == 1


def test_before_the_first_sample_and_after_a_lost_source_nothing_is_known() -> None:
    line = Line()
    line.feed(60, state="Execute")
    line.mirror.cut(np.array(list(line.numbers.values()), np.int32), True)
    line.tick(120)
    line.tick(150)
    totals = line.operations.totals(ASSET)[2]
    assert minutes(totals) == {"production": 60, "unknown": 60 + 30}
    assert line.operations.kpis(ASSET)["availability"].value is None
    line.mirror.cut(np.array(list(line.numbers.values()), np.int32), False)
    line.feed(180, state="Execute")
    line.tick(210)
    assert minutes(line.operations.totals(ASSET)[2])["production"] == 90


def test_shifts_close_exactly_and_overtime_is_apart() -> None:
    line = Line(shifts=(EARLY,))
    line.feed(0, state="Execute", count=0, rejects=0)
    line.feed(479, count=4000, rejects=40)
    line.feed(500, count=4200, rejects=41)
    line.feed(540, state="Stopped", count=4500)
    line.tick(600)
    window, end, shift = line.operations.totals(ASSET, back=1)
    assert (window.name, end) == ("Early", line.at(480))
    assert (shift.planned, shift.produced, shift.extra) == (8 * HOUR, 4000, 0)
    assert minutes(shift) == {"production": 480}
    now = line.operations.totals(ASSET)[2]
    assert (now.planned, now.overtime, now.produced, now.extra) == (0, 60 * MINUTE, 0, 500)
    assert line.operations.kpis(ASSET)["availability"].why_unknown == "nothing was planned"
    assert stops(line) == [("planned", 540 * 60, None, False)]
    with pytest.raises(ConfigurationError, match="ask history"):
        line.operations.totals(ASSET, back=2)


def test_a_silent_machine_has_shifts_too() -> None:
    line = Line()
    line.feed(0, state="Execute")
    line.tick(30 * 60)
    assert [w.name for w, _ in line.operations._units[ASSET].account.closed] == [
        "Early",
        "Late",
        "Night",
    ]
    assert minutes(line.operations.totals(ASSET, back=2)[2]) == {"production": 480}


def test_orders_are_told_with_what_they_made() -> None:
    line = Line()
    line.feed(0, state="Execute", order="PO-1", product="Still", done=100)
    line.feed(30, done=1600)
    line.feed(60, order="PO-2", product="Lemon", done=2100)
    line.feed(90, done=2500, order="")
    told = [e for e in line.events if e.kind == "order"]
    assert [(e.payload["order"], *line.seconds(e), e.payload["produced"]) for e in told] == [
        ("PO-1", 0, None, 0),
        ("PO-1", 0, 3600, 2000),
        ("PO-2", 3600, None, 0),
        ("PO-2", 3600, 5400, 400),
    ]
    assert told[1].supersedes == told[0].id
    assert {e.subject for e in told} == {"line/order"}
    OrderRun.read(json.loads(json.dumps(told[3].payload)))
    line.tick(120)
    totals = line.operations.totals(ASSET)[2]
    assert totals.ordered == 90 * MINUTE, "the line's order is that of its machines"
    assert line.operations.machine(ASSET).product == "Lemon"


def test_run_and_speed_stand_in_for_a_state() -> None:
    for name, type, values in (("run", "boolean", (1, 0)), ("speed", "number", (900.0, 0.0))):
        own = [signal(f"line/filler/{name}", type, role=name)]
        line = Line(signals=own)
        line.feed(0, **{name: values[0]})
        line.feed(45, **{name: values[1]})
        line.tick(60)
        assert minutes(line.operations.totals(ASSET)[2]) == {"production": 45, "stopped": 15}


def test_words_of_other_makers_and_own_meanings() -> None:
    labels = {1: "Running", 2: "Rüsten", 3: "Weird", 4: "CLEANING"}
    own = [signal("m/state", "enumeration", labels=labels, role="state")]
    settings = OperationsSettings.read({"assets": {"m": {"states": {"rüsten": "set-up"}}}})
    found = machines({"m": Asset()}, own, settings)["m"]
    assert [TimeClass(found.states[c]).name for c in labels] == [
        "PRODUCTION",
        "SETUP",
        "UNKNOWN",
        "PLANNED",
    ]


def test_a_planned_stop_is_not_planned_busy_time() -> None:
    own = [
        signal("line/filler/state", "enumeration", labels={1: "Run", 2: "Cleaning"}, role="state")
    ]
    line = Line(signals=own)
    line.feed(0, state="Run")
    line.feed(60, state="Cleaning")
    line.feed(80, state="Run")
    line.tick(100)
    assert line.operations.kpis(ASSET)["availability"].value == 1.0


def test_pieces_per_count() -> None:
    settings = {"assets": {"line/filler": {"pieces": 24.0, "count_includes_rejects": False}}}
    line = Line(settings=settings)
    line.feed(0, state="Execute", count=10, rejects=0)
    line.feed(60, count=20, rejects=1)
    totals = line.operations.totals(ASSET)[2]
    assert (totals.produced, totals.rejected) == (264, 24)


def test_a_restart_goes_on_and_its_downtime_is_unknown() -> None:
    line = Line()
    line.feed(0, state="Execute", count=0, rejects=0, order="PO-1")
    line.feed(60, count=1000)
    line.feed(70, state="Held")
    state = json.loads(json.dumps(line.operations.state()))
    line.operations = line.make()
    line.operations.restore(state)
    line.events.clear()
    line.feed(100, state="Execute", count=1100, rejects=1, order="PO-1")
    line.tick(120)
    totals = line.operations.totals(ASSET)[2]
    assert minutes(totals) == {"production": 90, "unknown": 30}
    assert totals.produced == 1100
    assert [(e.kind, e.payload.get("reason")) for e in line.events] == [("stop", "unknown")]
    assert line.seconds(line.events[0]) == (4200, 6000)
    assert line.operations.machine(ASSET).window.name == "Early"
    with pytest.raises(ConfigurationError, match="version 7"):
        line.operations.restore({"version": 7})


STATES = ("Execute", "Execute", "Execute", "Suspended", "Held", "Aborted", "Stopped", "Complete")


def random_day(line: Line, seed: int, rows: int = 600) -> list[Frame]:
    """A day of a machine: Frames of random size, in order of time, with bad samples and resets."""
    rng = np.random.default_rng(seed)
    gaps = rng.integers(1, 280, rows)
    time = line.start + np.cumsum(gaps) * SECOND
    names = rng.choice(
        ["state", "state", "starved", "blocked", "reason", "count", "rejects", "order", "product"],
        rows,
    )
    count = rejects = 0
    columns: tuple[list[int], list[int], list[float], list[int]] = ([], [], [], [])
    for at, name in zip(time.tolist(), names.tolist(), strict=True):
        count += int(rng.integers(0, 100))
        rejects += int(rng.integers(0, 3))
        if rng.random() < 0.01:
            count = rejects = 0
        value: float | str = {
            "state": str(rng.choice(STATES)),
            "reason": str(rng.choice(["None", "Operator", "DriveTrip", "Changeover"])),
            "count": count,
            "rejects": rejects,
            "order": f"PO-{rng.integers(3)}" if rng.random() < 0.8 else "",
            "product": f"P{rng.integers(3)}",
        }.get(name, float(rng.random() < 0.3))
        path = line.path(name)
        columns[0].append(line.numbers[path])
        columns[1].append(at)
        columns[2].append(line.code(path, value))
        columns[3].append(q.BAD if rng.random() < 0.05 else 0)
    edges = [0, *sorted(rng.choice(rows, 40, replace=False).tolist()), rows]
    return [
        Frame.of(*(column[a:b] for column in columns), source="plc")
        for a, b in itertools.pairwise(edges)
        if b > a
    ]


@pytest.mark.parametrize("seed", range(6))
def test_live_and_history_agree_to_the_last_nanosecond(tmp_path: Path, seed: int) -> None:
    historian = HISTORIANS.build({"kind": "duckdb"})
    with historian.open(tmp_path, lambda: 0) as store:
        line = Line(store=store)
        first = Frame.of(
            [line.numbers[line.path(n)] for n in ("state", "count", "rejects")],
            np.full(3, line.start),
            [6.0, 0.0, 0.0],
        )
        for i, frame in enumerate([first, *random_day(line, seed)]):
            line.frame(frame)
            if seed % 2 and i == 20:
                line.tick((line.now - line.start) / MINUTE)
        line.now += SECOND  # a window of history ends before its end, the last sample is now
        machine = line.operations.machines[ASSET]
        back = len(line.operations._units[ASSET].account.closed)
        assert back >= 2
        whole = Totals()
        for i in range(back, -1, -1):
            window, end, live = line.operations.totals(ASSET, i)
            stored = history.totals(store, machine, line.calendar, window.start, end)
            assert live == stored
            assert live.planned == sum(live.times)
            assert live.planned == line.calendar.planned_busy(window.start, end)
            whole = whole + live
            again = history.kpis(store, machine, line.calendar, window.start, end, line.settings)
            assert again == line.operations.kpis(ASSET, i)
        first_window = line.operations.totals(ASSET, back)[0]
        assert whole == history.totals(
            store, machine, line.calendar, first_window.start, line.now
        ), "windows add up to the whole"
        told = {
            e.time: (e.time, e.end, e.payload["reason"]) for e in line.events if e.kind == "stop"
        }
        found = history.stops(store, machine, line.calendar, line.start, line.now + 1)
        if line.operations.machine(ASSET).stop is not None:
            told.pop(max(told))
            found = found[:-1]
        assert [(s.start, s.end, s.reason) for s in found] == list(told.values())


def test_a_gap_in_history_is_unknown_until_the_next_sample(tmp_path: Path) -> None:
    with HISTORIANS.build({"kind": "duckdb"}).open(tmp_path, lambda: 0) as store:
        line = Line(store=store)
        line.feed(0, state="Execute", count=0, rejects=0)
        line.feed(60, state="Execute", count=1000)
        line.feed(95, state="Execute", count=1500, rejects=5)
        gap = {"reason": "connection lost", "signals": [], "refilled": False, "rows": 0}
        store.record([Event("gap", "plc", line.at(70), "plc", 0, line.at(90), gap)])
        machine = line.operations.machines[ASSET]
        totals = history.totals(store, machine, line.calendar, line.at(0), line.at(120))
        assert minutes(totals) == {"production": 95, "unknown": 25}
        assert totals.produced == 1500

        def unknown(as_of: float | None) -> float:
            known = None if as_of is None else line.at(as_of)
            found = history.totals(store, machine, line.calendar, line.start, line.at(120), known)
            return minutes(found).get("unknown", 0)

        told = store.events("gap")[0]
        store.record([Event(
            "gap", "plc", line.at(70), "plc", line.at(100), line.at(90), {**gap, "refilled": True},
            cause=told.id, supersedes=told.id, sequence=1,
        )])  # fmt: skip
        assert (unknown(None), unknown(101), unknown(99), unknown(89)) == (0, 0, 25, 0)


def test_costs_nothing_for_samples_of_others() -> None:
    line = Line()
    other = line.catalogue.declare("elsewhere/x")
    line.mirror.grow(len(line.catalogue))
    assert line.frame(Frame.of([other] * 3, [line.start] * 3, [1.0, 2.0, 3.0])) == []
