"""When an alarm is raised and cleared: limits, delays, quality, late samples, suppression."""

from __future__ import annotations

import json

import numpy as np
from tests.alarms.plants import HIGH, Plant, moves, plant

from gemel.core import quality as q
from gemel.core.time import SECOND
from gemel.twin.alarms import AlarmChange


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
