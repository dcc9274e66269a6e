"""Floods, chatter, key figures, and what `check` says of a plant file."""

from __future__ import annotations

import json

import pytest
from tests.alarms.plants import HIGH, T0, Plant, plant

from gemel.core.errors import ConfigurationError
from gemel.core.time import HOUR
from gemel.twin.alarms import AlarmFlood, AlarmSettings, Journal, ShelvingAdvice, check


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
