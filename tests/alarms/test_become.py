"""Another plant file while alarms run: each goes on from its state, and sees at once what is."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from plants import Plant, moves

from gemel.core.time import SECOND
from gemel.twin.alarms import AlarmSettings

HIGH = {"asset": "line/filler", "when": "level > 10", "on_delay": "10 s"}
SLOW = {"asset": "line/filler", "when": "avg(pressure, 20 s) > 5"}


def become(plant: Plant, **alarms: dict[str, Any]) -> None:
    plant.settings = {name: AlarmSettings.read(s) for name, s in alarms.items()}
    told = [e for e in plant.events if e.kind == "alarm"]
    plant.alarms.become(plant.start(), plant.mirror.snapshot(plant.now).frame(), told)


def test_a_delay_that_runs_goes_on() -> None:
    plant = Plant({"high": HIGH})
    plant.feed(0, level=12)
    plant.tick(4)
    become(plant, other={**HIGH, "when": "torque > 1", "asset": "line/capper"}, high=HIGH)
    plant.tick(9)
    assert moves(plant.events) == []
    plant.tick(11)
    assert moves(plant.events) == [("raise", 10)]


def test_a_standing_alarm_is_not_told_again_and_people_see_it() -> None:
    plant = Plant({"high": HIGH, "slow": SLOW})
    plant.feed(0, level=12, pressure=1)
    plant.tick(12)
    plant.alarms.acknowledge("high", "anna")
    plant.alarms.shelve("slow", "anna", plant.now + 60 * SECOND, "a new sensor")
    become(plant, slow=SLOW, new={**HIGH, "when": "level > 11"}, high=HIGH)
    view = plant.alarms.view("high")
    assert (view.state, view.acknowledged_by, view.evaluable) == ("acknowledged", "anna", True)
    assert plant.word("slow") == "shelved"
    plant.tick(13)
    plant.tick(80)
    told = [(e.payload["alarm"], e.payload["transition"]) for e in plant.events]
    assert told == [
        ("high", "raise"), ("high", "acknowledge"), ("slow", "shelve"),
        ("new", "raise"), ("slow", "unshelve"),
    ]  # fmt: skip


def test_a_memory_goes_on() -> None:
    whole, changed = Plant({"slow": SLOW}), Plant({"slow": SLOW})
    for second in range(30):
        for plant in (whole, changed):
            plant.feed(second, pressure=second / 2)
            plant.tick(second)
        if second == 17:
            become(changed, slow=SLOW, high=HIGH)
    assert moves(whole.events) == moves(changed.events) != []


def test_one_that_is_gone_is_cleared_and_may_come_back() -> None:
    plant = Plant({"high": HIGH})
    plant.feed(0, level=12)
    plant.tick(12)
    become(plant)
    plant.tick(13)
    assert moves(plant.events)[1:] == [("removed", 12)]
    assert plant.events[-1].payload["state"] == "normal"
    assert plant.alarms.active() == []
    plant.tick(20)
    become(plant, high=HIGH)
    assert plant.word() == "normal"
    plant.tick(21)
    plant.tick(32)
    assert plant.word() == "unacknowledged"
    numbers = [e.sequence for e in plant.events]
    assert numbers == sorted(set(numbers))
    restarted = Plant({"high": HIGH})
    restarted.restart(plant.alarms.state(), plant.events)
    assert restarted.word() == "unacknowledged"
