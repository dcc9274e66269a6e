"""What people do with alarms, restarts, and the list as it is shown."""

from __future__ import annotations

import json

import pytest
from tests.alarms.plants import HIGH, T0, Plant, moves, plant

from gemel.core.errors import ConfigurationError, Refused
from gemel.core.time import HOUR
from gemel.twin.alarms import AlarmSettings


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
