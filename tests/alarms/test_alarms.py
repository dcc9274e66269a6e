"""Alarms over samples: delays, quality, people, restarts, floods."""

from __future__ import annotations

import json
import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.alarms.plants import T0, Plant, moves, signal

from gemel.core import quality as q
from gemel.core.errors import ConfigurationError, Refused
from gemel.core.frame import Frame
from gemel.core.time import HOUR, MINUTE, SECOND
from gemel.twin.alarms import AlarmChange, AlarmFlood, AlarmSettings, Journal, ShelvingAdvice, check

HIGH = {"asset": "line/filler", "when": "level > 502.5"}


def plant(**more: Any) -> Plant:
    return Plant({"high": HIGH | more})


def test_a_limit_is_raised_acknowledged_and_cleared_as_events() -> None:
    p = plant(priority="high", title="Level too high", response="Check valve 14")
    p.feed(0, level=500)
    p.feed(10, level=503)
    p.now = p.at(20)
    p.alarms.acknowledge("high", "anna", "on my way")
    p.tick(20.1)
    p.feed(30, level=500)
    assert moves(p.events) == [("raise", 10), ("acknowledge", 20), ("clear", 30)]
    raised, taken, cleared = p.events
    assert raised.kind == "alarm"
    assert raised.subject == "line/filler"
    assert raised.payload["because"] == ("level = 503 > 502.5",)
    assert raised.payload["annunciated"]
    assert taken.payload["actor"] == "anna"
    assert taken.payload["reason"] == "on my way"
    assert taken.cause == cleared.cause == raised.id
    assert len({e.id for e in p.events}) == 3
    for event in p.events:
        AlarmChange.read(json.loads(json.dumps(event.payload)))


def test_delays_follow_source_time_and_the_clock_where_it_is_silent() -> None:
    p = plant(on_delay="30 s", off_delay="5 s")
    p.feed(0, level=503, lag=2.0)
    p.tick(31.9)
    assert p.word() == "normal"
    p.tick(32.1)  # 30 s of source time, which arrives 2 s late
    assert moves(p.events) == [("raise", 30)]
    p.feed(40, level=500, lag=2.0)
    p.feed(44, level=503, lag=2.0)
    p.feed(50, level=500, lag=2.0)
    p.feed(56, level=500, lag=2.0)
    assert moves(p.events)[1:] == [("clear", 55)]
    assert p.events[0].payload["because"] == ("level = 503 > 502.5 for 30 s",)


def test_a_delay_that_is_broken_off_raises_nothing() -> None:
    p = plant(on_delay="30 s")
    for second in range(0, 300, 20):
        p.feed(second, level=503)
        p.feed(second + 10, level=500)
    p.tick(400)
    assert p.events == []


def test_a_delay_in_words_is_the_same_as_an_on_delay() -> None:
    p = Plant(
        {
            "delayed": HIGH | {"on_delay": "30 s"},
            "worded": HIGH | {"when": "level > 502.5 for 30 s"},
        }
    )
    for second, level in enumerate([500, *[503] * 20, 502, *[504] * 40, 500]):
        p.feed(second, level=level)
    of = {name: moves([e for e in p.events if e.payload["alarm"] == name]) for name in p.settings}
    assert of["delayed"] == of["worded"] == [("raise", 52), ("clear", 62)]


def test_a_deadband_and_an_expression_say_when_it_ends() -> None:
    p = Plant(
        {
            "band": HIGH | {"deadband": 1.0},
            "own": HIGH | {"clear": "level < 500"},
            "low": HIGH | {"when": "level < 490", "deadband": 2.0},
        }
    )
    for second, level in enumerate([500, 503, 502, 501.4, 500.5, 499, 489, 491, 492.5]):
        p.feed(second, level=level)
    of = {name: moves([e for e in p.events if e.payload["alarm"] == name]) for name in p.settings}
    assert of["band"] == [("raise", 1), ("clear", 3)]
    assert of["own"] == [("raise", 1), ("clear", 5)]
    assert of["low"] == [("raise", 6), ("clear", 8)]


def test_bad_quality_neither_raises_nor_clears_and_is_shown_when_it_lasts() -> None:
    p = plant(unknown_after="10 s")
    p.feed(0, level=500)
    p.feed(1, level=510, quality=q.BAD)
    assert p.word() == "normal"
    p.feed(2, level=503)
    assert p.word() == "unacknowledged"
    p.feed(3, level=500, quality=q.BAD)
    assert p.word() == "unacknowledged"
    p.tick(12.9)
    assert p.alarms.view("high").evaluable
    p.tick(13.1)
    assert not p.alarms.view("high").evaluable
    p.feed(20, level=503)
    assert p.alarms.view("high").evaluable
    assert [t for t, _ in moves(p.events)] == [
        "raise",
        "cannot be evaluated",
        "can be evaluated",
    ]


def test_an_unknown_stretch_does_not_count_for_a_delay() -> None:
    p = plant(on_delay="10 s")
    p.feed(0, level=503)
    p.feed(5, level=503, quality=q.BAD)
    p.tick(100)
    assert p.word() == "normal"
    p.feed(100, level=503)
    p.tick(104.9)
    assert p.word() == "normal"
    p.tick(105.1)
    assert moves(p.events)[-1] == ("raise", 105)


def test_a_lost_or_stale_source_is_not_believed() -> None:
    p = plant(unknown_after="0 s")
    number = p.numbers["line/filler/level"]
    p.feed(0, level=500)
    p.mirror.cut(np.array([number], np.int32), True)
    p.tick(5)
    p.tick(7)
    assert not p.alarms.view("high").evaluable
    p.mirror.cut(np.array([number], np.int32), False)
    p.tick(9)
    assert p.alarms.view("high").evaluable
    p.mirror.watch_age(number, 10 * SECOND)
    p.tick(20)
    p.tick(22)
    assert not p.alarms.view("high").evaluable


def test_late_and_repeated_samples_change_nothing() -> None:
    p = plant()
    p.feed(10, level=500)
    p.feed(5, level=510)
    assert p.word() == "normal"
    p.feed(10, level=500)
    assert p.events == []


def test_two_signals_of_one_instant_are_one_row() -> None:
    p = Plant({"high": HIGH | {"when": "level > 502.5 and not running"}})
    p.feed(0, level=500, running=0)
    p.feed(1, level=510, running=1)
    p.feed(2, level=500, running=0)
    assert p.events == []
    p.feed(3, level=510)
    assert p.word() == "unacknowledged"


def test_suppression_by_design_follows_the_state() -> None:
    p = plant(suppress_when="state != 'Execute'")
    p.feed(0, level=500, state=6)
    p.feed(1, state=2)
    assert p.word() == "suppressed by design"
    p.feed(2, level=510)
    assert not p.alarms.active()
    assert [v.name for v in p.alarms.aside()] == ["high"]
    p.feed(3, state=6)
    assert p.word() == "unacknowledged"
    assert moves(p.events) == [("suppress", 1), ("raise", 2), ("unsuppress", 3)]
    assert [e.payload["annunciated"] for e in p.events] == [False, False, True]


def test_shelving_ends_by_itself_and_has_a_longest_time() -> None:
    p = plant(shelve_at_most="1 h")
    p.feed(0, level=503)
    with pytest.raises(Refused, match="at most 1 h"):
        p.alarms.shelve("high", "anna", p.at(0) + 2 * HOUR, "sensor wobbles")
    with pytest.raises(Refused, match="without a reason"):
        p.alarms.shelve("high", "anna", p.at(60), " ")
    with pytest.raises(Refused, match="who asks"):
        p.alarms.shelve("high", "", p.at(60), "sensor wobbles")
    view = p.alarms.shelve("high", "anna", p.at(60), "sensor wobbles")
    assert (view.state, view.shelved_until) == ("shelved", p.at(60))
    p.alarms.shelve("high", "anna", p.at(120), "still does")
    p.tick(61)
    assert p.word() == "shelved"
    p.tick(121)
    assert p.word() == "unacknowledged"
    assert [t for t, _ in moves(p.events)] == ["raise", "shelve", "renewed", "unshelve"]
    assert p.events[1].payload["reason"] == "sensor wobbles"


def test_out_of_service_by_plant_file_and_by_people() -> None:
    p = plant(out_of_service=True)
    p.feed(0, level=510)
    assert p.word() == "out of service"
    p.tick(1)
    assert p.events[0].payload["actor"] == "plant file"
    p.settings["high"] = AlarmSettings.read(HIGH)
    p.restart(json.loads(json.dumps(p.alarms.state())))
    assert p.word() == "unacknowledged"
    p.alarms.take_out("high", "ben", "valve is being changed")
    assert p.word() == "out of service"
    p.restart(json.loads(json.dumps(p.alarms.state())))
    assert p.word() == "out of service", "what a person took out, a restart does not return"
    p.alarms.put_back("high", "ben")
    assert p.word() == "unacknowledged"


def test_unknown_names_and_what_the_state_forbids() -> None:
    p = plant()
    with pytest.raises(ConfigurationError, match="did you mean 'high'"):
        p.alarms.acknowledge("hihg", "anna")
    with pytest.raises(Refused, match="'high': cannot acknowledge: the alarm is normal"):
        p.alarms.acknowledge("high", "anna")


def test_a_restart_neither_raises_again_nor_loses() -> None:
    p = Plant(
        {
            "high": HIGH,
            "delayed": HIGH | {"on_delay": "30 s"},
            "memory": HIGH | {"when": "avg(level, 10 s) > 502.5"},
        }
    )
    for second in range(20):
        p.feed(second, level=503)
    p.now = p.at(20)
    p.alarms.acknowledge("high", "anna")
    before = p.alarms.view("high"), p.alarms.view("memory")
    state = json.loads(json.dumps(p.alarms.state()))
    p.events.clear()
    p.restart(state)
    assert (p.alarms.view("high"), p.alarms.view("memory")) == before
    p.feed(30, level=503)
    p.tick(35)
    assert p.events == [], "11 s of the delay are left: the time without samples does not count"
    for second in range(36, 50):
        p.feed(second, level=503)
    assert [e.payload["alarm"] for e in p.events] == ["delayed"]
    p.feed(60, level=400)
    p.feed(80, level=400)
    assert p.word("high") == "normal"
    assert p.word("memory") == "returned unacknowledged"


def test_events_that_are_younger_than_the_state_are_followed() -> None:
    p = plant()
    p.feed(0, level=500)
    state = json.loads(json.dumps(p.alarms.state()))
    p.feed(1, level=503)
    p.now = p.at(2)
    p.alarms.acknowledge("high", "anna")
    p.tick(2)
    stored, raised = list(p.events), p.alarms.view("high").raised
    p.events.clear()
    p.restart(state, stored)
    assert p.word() == "acknowledged"
    assert p.alarms.view("high").raised == raised
    p.feed(3, level=503)
    assert p.events == []
    p.feed(4, level=500)
    assert p.word() == "normal"
    assert p.events[0].cause == stored[0].id
    assert p.events[0].sequence == 3


def test_a_changed_expression_starts_its_memory_anew() -> None:
    p = Plant({"memory": HIGH | {"when": "avg(level, 10 s) > 502.5"}})
    p.feed(0, level=503)
    state = p.alarms.state()
    p.settings["memory"] = AlarmSettings.read(HIGH | {"when": "avg(level, 20 s) > 600"})
    p.restart(state)
    p.feed(1, level=503)
    assert p.word("memory") == "returned unacknowledged"


def test_a_newer_state_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="version 9"):
        plant().alarms.restore({"version": 9})


def test_the_list_is_by_priority_then_the_newest() -> None:
    p = Plant(
        {
            "a": HIGH | {"priority": "low"},
            "b": HIGH | {"priority": "critical"},
            "c": HIGH | {"when": "level > 505", "priority": "critical"},
        }
    )
    p.feed(0, level=503)
    p.feed(1, level=506)
    assert [v.name for v in p.alarms.active()] == ["c", "b", "a"]


def test_first_out_is_the_first_of_its_group() -> None:
    p = Plant(
        {
            "level": HIGH,
            "pressure": {"asset": "line/filler", "when": "pressure > 3"},
            "torque": {"asset": "line/capper", "when": "torque > 3"},
        }
    )
    p.feed(0, level=500, pressure=1, torque=1)
    p.feed(1, pressure=4)
    p.feed(2, level=510, torque=4)
    views = {v.name: v.first_out for v in p.alarms.all()}
    assert views == {"level": False, "pressure": True, "torque": True}


def test_response_time_staleness_and_the_shown_record() -> None:
    p = plant(respond_within="10 min", consequence="Overfill", response="Check valve 14")
    p.feed(0, level=503)
    view = p.alarms.view("high")
    assert (view.respond_by, view.overdue, view.stale) == (p.at(600), False, False)
    p.now = p.at(601)
    assert p.alarms.view("high").overdue
    p.now = p.at(86_500)
    assert p.alarms.view("high").stale
    assert p.alarms.kpis(T0, p.now).stale == ("high",)


def test_an_eleventh_alarm_in_ten_minutes_is_a_flood() -> None:
    p = Plant({f"a{i}": HIGH | {"when": f"level > {500 + i}"} for i in range(11)})
    p.feed(0, level=0)
    for i in range(11):
        p.feed(30 * i + 1, level=500.5 + i)
    (flood,) = [e for e in p.events if e.kind == "alarm_flood"]
    assert flood.time == p.at(1)
    assert flood.payload == AlarmFlood(operator="", count=11, peak=11).model_dump()
    assert p.alarms.flooded() == ("",)
    p.events.clear()
    p.tick(700)
    assert p.alarms.flooded() == ("",)
    p.tick(900)
    (ended,) = [e for e in p.events if e.kind == "alarm_flood"]
    assert ended.supersedes == flood.id
    assert ended.end == p.at(900)


def test_chatter_is_seen_and_shelving_proposed_once() -> None:
    p = plant()
    for i in range(8):
        p.feed(4 * i, level=510)
        p.feed(4 * i + 2, level=500)
    (advice,) = [e for e in p.events if e.kind == "alarm_advice"]
    assert advice.payload["raised"] == 3
    assert advice.time == p.at(8)
    ShelvingAdvice.read(json.loads(json.dumps(advice.payload)))
    assert "shelve it until" in advice.payload["sentence"]
    assert p.alarms.view("high").chattering
    p.alarms.shelve("high", "anna", advice.payload["shelve_until"], "chatters")
    p.tick(200)
    assert not p.alarms.view("high").chattering


def test_kpis_of_a_day_by_hand_and_from_history() -> None:
    p = Plant(
        {
            "often": HIGH | {"priority": "low"},
            "seldom": HIGH | {"when": "pressure > 3", "priority": "high"},
        }
    )
    p.feed(0, level=500, pressure=1)
    for hour in range(8):
        p.feed(3600 * hour + 10, level=510)
        p.now = p.at(3600 * hour + 40)
        p.alarms.acknowledge("often", "anna")
        p.feed(3600 * hour + 50, level=500)
    p.feed(30_000, pressure=4)
    p.now = p.at(30_090)
    p.alarms.acknowledge("seldom", "anna")
    p.tick(30_100)
    day = p.alarms.kpis(T0, T0 + 24 * HOUR)
    assert day.annunciated == 9
    assert day.rate == pytest.approx(9 / 144)
    assert day.peak == 1
    assert day.flood_share == 0
    assert day.top == (("often", 8), ("seldom", 1))
    assert day.top_share == 1.0
    assert day.priorities == pytest.approx(
        {"critical": 0, "high": 1 / 9, "medium": 0, "low": 8 / 9}
    )
    assert day.acknowledge_seconds == pytest.approx((8 * 30 + 90) / 9)
    assert Journal(p.events).kpis(T0, T0 + 24 * HOUR) == day
    nothing = p.alarms.kpis(T0 - HOUR, T0)
    assert nothing.annunciated == 0
    assert nothing.top_share is None
    assert nothing.acknowledge_seconds is None


def test_check_names_every_mistake() -> None:
    p = plant()
    wrong = {
        "asset": HIGH | {"asset": "line/filer"},
        "name": HIGH | {"when": "levle > 1"},
        "type": HIGH | {"when": "level + 1"},
        "band": HIGH | {"when": "running", "deadband": 1.0},
        "nothing": HIGH | {"when": "1 > 2"},
        "suppress": HIGH | {"suppress_when": "state == 'Excute'"},
    }
    found = list(
        check(
            {name: AlarmSettings.read(s) for name, s in wrong.items()},
            p.signals,
            ["line/filler", "line/capper"],
        )
    )
    assert [(name, field) for name, field, _ in found] == [
        ("asset", "asset"),
        ("name", "when"),
        ("type", "when"),
        ("band", "when"),
        ("nothing", "when"),
        ("suppress", "suppress_when"),
    ]
    assert "did you mean 'line/filler'" in found[0][2]
    assert "write the end as `clear`" in found[3][2]
    assert "looks at no signal" in found[4][2]
    with pytest.raises(ConfigurationError, match=r"alarms\.name"):
        Plant({"name": wrong["name"]})
    with pytest.raises(ConfigurationError, match="both `clear` and `deadband`"):
        AlarmSettings.read(HIGH | {"clear": "level < 1", "deadband": 1.0})


WAYS = {
    "limit": "level > 502.5",
    "worded": "level > 502.5 for 3 s",
    "two": "level > 502.5 and not running",
    "memory": "avg(level, 4 s) > 502.5",
    "text": "state == 'Execute' or level > 505",
}


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_cutting_the_stream_into_other_frames_changes_nothing(data: st.DataObject) -> None:
    rows = data.draw(
        st.lists(
            st.tuples(
                st.integers(0, 3),
                st.sampled_from(["level", "running", "state"]),
                st.sampled_from([500.0, 503.0, 506.0]),
                st.sampled_from([0, 0, 0, q.BAD]),
            ),
            min_size=1,
            max_size=40,
        )
    )
    cuts = data.draw(st.sets(st.integers(1, len(rows))))
    alarms = {name: HIGH | {"when": when, "off_delay": "2 s"} for name, when in WAYS.items()}
    states = {500.0: 2, 503.0: 6, 506.0: 11}
    results = []
    for edges in (set(range(1, len(rows) + 1)), cuts):
        p = Plant(alarms)
        time, begin = T0, 0
        columns: tuple[list[int], list[int], list[float], list[int]] = ([], [], [], [])
        for gap, name, value, quality in rows:
            # No two samples of one instant in different frames: they would be two rows.
            time += (gap + 1) * SECOND
            for column, item in zip(
                columns,
                (
                    p.numbers[f"line/filler/{name}"],
                    time,
                    value if name == "level" else states[value] if name == "state" else value > 503,
                    quality,
                ),
                strict=True,
            ):
                column.append(item)  # type: ignore[arg-type]
        for edge in sorted({*edges, len(rows)}):
            p.frame(Frame.of(*(column[begin:edge] for column in columns)))
            begin = edge
        results.append(
            {
                name: [
                    (e.payload["transition"], e.time)
                    for e in p.events
                    if e.kind == "alarm" and e.payload["alarm"] == name
                ]
                for name in alarms
            }
        )
    assert results[0] == results[1]


def test_conditions_that_run_together_say_what_each_would_alone() -> None:
    rng = np.random.default_rng(5)
    many = [signal(f"m{i}/x") for i in range(30)]
    together = {f"a{i}": {"asset": f"m{i}", "when": f"x > {i / 10}"} for i in range(30)}
    # A window of one instant has memory, and so keeps each of these on its own.
    alone = {
        name: s | {"when": f"{s['when']} or count_true(x > 1e9, 1 s) > 0"}
        for name, s in together.items()
    }
    frames = [
        Frame.of(
            np.arange(30),
            np.full(30, T0 + k * SECOND),
            rng.normal(1.5, 1.0, 30),
            np.where(rng.random(30) < 0.1, q.BAD, 0),
        )
        for k in range(40)
    ]
    seen = []
    for alarms in (together, alone):
        p = Plant(alarms, many)
        for frame in frames:
            p.frame(frame)
        seen.append(
            sorted(
                (e.payload["alarm"], e.time, e.payload["transition"])
                for e in p.events
                if e.kind == "alarm"
            )
        )
    assert seen[0] == seen[1]
    assert len(seen[0]) > 100


def test_people_and_samples_at_the_same_time_lose_no_event() -> None:
    p = plant()
    stop = threading.Event()
    done = []

    def people() -> None:
        while not stop.is_set():
            try:
                p.alarms.acknowledge("high", "anna")
                done.append(1)
            except Refused:
                pass
            p.alarms.active()
            p.alarms.kpis(T0, p.now + MINUTE)

    thread = threading.Thread(target=people)
    thread.start()
    for second in range(400):
        p.feed(second, level=503 if second % 2 else 500)
    stop.set()
    thread.join()
    p.tick(500)
    transitions = [t for t, _ in moves(p.events)]
    assert transitions.count("acknowledge") == len(done)
    assert transitions.count("raise") == 200
    assert sorted(e.sequence for e in p.events if e.kind == "alarm") == list(
        range(1, len(transitions) + 1)
    )
