"""A schedule of a running plant: what runs stays, breakdowns are noticed, plans stay near."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gemel.core.errors import ConfigurationError, Refused, Unknown
from gemel.core.event import Event
from gemel.core.line import Line, Snapshot
from gemel.core.time import MINUTE, SECOND, isoformat, parse_time
from gemel.parts.solvers.scheduling import Description
from gemel.twin.planning.plans import Batch, Book, Pace, PlanSettings, Version, pace_of
from gemel.twin.planning.plans.making import Doing

BEGIN = parse_time("2026-03-02T06:00:00Z")
HOUR = 60 * MINUTE


class Plant:
    """Two machines and five orders, of which the twin sees the first machine."""

    def __init__(self, **settings: Any) -> None:
        self.now = BEGIN
        self.state, self.since, self.order, self.done = "production", BEGIN, "A", 50.0
        self.events: list[Event] = []
        self.ticks = 0
        self.orders: list[dict[str, Any]] = [
            {"order": "A", "product": "red", "quantity": 100, "due": "2026-03-02 09:00"},
            {"order": "B", "product": "red", "quantity": 60, "due": "2026-03-02 09:00"},
            {"order": "C", "product": "blue", "quantity": 60, "due": "2026-03-02 11:00"},
            {"order": "D", "product": "red", "quantity": 60, "due": "2026-03-02 10:00"},
            {"order": "E", "product": "blue", "quantity": 120, "due": "2026-03-02 12:00"},
        ]
        self.pace: Pace | None = None
        self.asked: list[tuple[str, list[Batch], str]] = []
        self.book = Book(
            "shop",
            PlanSettings.read({"file": "x", "machines": {"m1": {"asset": "m1", **settings}}}),
            lambda: self.now, described=self.described, doing=self.doing, paces=self.paces,
            emit=self.events.append, time=self.clock,
        )  # fmt: skip

    def clock(self) -> int:
        """Time of a search: every look takes a millisecond."""
        self.ticks += SECOND // 1_000
        return self.ticks

    def described(self, now: int) -> Description:
        return Description.read(
            {
                "start": isoformat(now)[:16].replace("T", " "), "tick": "1 min",
                "objective": {"tardiness": 10, "makespan": 1},
                "machines": {"m1": {}, "m2": {}},
                "setups": [
                    {"machine": ["m1", "m2"], "before": "red", "after": "blue", "time": "20 min"},
                    {"machine": ["m1", "m2"], "before": "blue", "after": "red", "time": "20 min"},
                ],
                "products": {
                    color: {
                        "steps": [
                            {"name": "make", "family": color,
                             "on": {"m1": {"each": "1 min"}, "m2": {"each": "2 min"}}},
                        ]
                    }
                    for color in ("red", "blue")
                },
                "orders": self.orders,
            }
        )  # fmt: skip

    def doing(self) -> dict[str, Doing]:
        return {"m1": Doing(self.state, self.since, self.order, self.done)}

    def paces(self, line: str, batches: Sequence[Batch], changes: str) -> Pace | None:
        self.asked.append((line, list(batches), changes))
        return self.pace

    def plan(self, **more: Any) -> Version:
        return self.book.plan("ann", "asked", seconds=0.5, **more)

    def hold(self) -> Version:
        self.book.tick()
        return self.book.release(self.plan().number, "ann")


def at(version: Version, order: str) -> tuple[str, float, float]:
    (row,) = [row for row in version.rows if row.order == order]
    return row.machine, (row.start - BEGIN) / MINUTE, (row.end - BEGIN) / MINUTE


def test_what_runs_stays_with_what_is_left_of_it() -> None:
    plant = Plant()
    plant.book.tick()
    version = plant.plan()
    machine, _, end = at(version, "A")
    assert (machine, end) == ("m1", 50)
    assert {row.order for row in version.rows} == set("ABCDE")
    assert version.stage == "planned"
    assert version.bound <= version.value + 1e-6
    assert plant.book.held is None, "a plan holds when somebody releases it"


def test_a_released_plan_is_told_and_an_old_one_cannot_be_released() -> None:
    plant = Plant()
    plant.book.tick()
    first = plant.plan()
    plant.now += MINUTE
    second = plant.plan()
    with pytest.raises(Refused, match="not proposed any more"):
        plant.book.release(first.number, "ann")
    held = plant.book.release(second.number, "bob")
    assert plant.book.proposed is None
    (event,) = plant.events
    assert (event.kind, event.subject) == ("schedule", "shop")
    assert event.payload["orders"] == 5
    assert event.payload["number"] == held.number == 2
    assert (held.by, held.released) == ("ann", "bob")
    plant.orders[2]["quantity"] = 70
    assert held.orders["C"] == (60, 1), "as it was planned, whatever the file says by now"
    kept = json.loads(json.dumps(held.record()))
    assert Version.of(kept) == held
    del kept["orders"], kept["released"]  # as older versions kept it
    assert Version.of(kept) == replace(held, orders={}, released="")


def test_an_order_that_is_over_is_planned_no_more() -> None:
    plant = Plant()
    plant.hold()
    plant.now += HOUR
    plant.done = 100.0
    plant.book.tick()
    plant.order, plant.done = "B", 0.0
    plant.book.tick()
    version = plant.plan()
    assert "A" not in {row.order for row in version.rows}
    assert plant.book.history["A"].end == plant.now
    assert at(version, "B")[0] == "m1", "what runs stays"


def test_an_order_that_was_left_is_planned_with_what_is_missing() -> None:
    plant = Plant()
    plant.hold()
    plant.now += 10 * MINUTE
    plant.done = 60.0
    plant.book.tick()
    plant.order, plant.done = "B", 0.0
    plant.book.tick()
    assert plant.book.history["A"].end is None, "40 of 100 are missing"
    assert "A" in {row.order for row in plant.plan().rows}


def test_a_breakdown_is_noticed_planned_around_and_forgotten() -> None:
    plant = Plant()
    held = plant.hold()
    plant.state, plant.since = "fault", plant.now
    plant.now += 30 * SECOND
    assert plant.book.tick() == "", "a short stop is none"
    plant.now += MINUTE
    assert "broken down" in plant.book.tick()
    assert plant.book.tick() == "", "once"
    version = plant.book.plan("planning", "m1 has broken down", near=True, seconds=0.5)
    (down,) = version.down
    assert down[0] == "m1"
    assert at(version, "A")[2] >= (down[2] - BEGIN) / MINUTE + 45, "what ran goes on afterwards"
    for row in version.rows:
        if row.machine == "m1" and not row.fixed:
            assert row.start >= down[2]
    moved = [row for row in version.rows if row.ghost is not None]
    assert version.moved == len(moved) > 0
    assert {row.operation for row in moved} <= {row.operation for row in held.rows}
    plant.state, plant.since = "production", plant.now
    assert "sooner" in plant.book.tick()
    assert not plant.book.down


def test_who_knows_how_long_it_takes_says_so() -> None:
    plant = Plant()
    plant.hold()
    plant.book.breakdown("m1", 5 * HOUR)
    version = plant.plan(near=True)
    assert version.down[0][2] == plant.now + 5 * HOUR
    on_m1 = [row for row in version.rows if row.machine == "m1" and not row.fixed]
    assert all(row.start >= plant.now + 5 * HOUR for row in on_m1)
    with pytest.raises(Unknown, match="m1"):
        plant.book.breakdown("m9", HOUR)
    plant.book.breakdown("m1", 0)
    assert not plant.book.down


def test_near_to_what_holds_less_moves_than_anew() -> None:
    plant = Plant()
    plant.hold()
    plant.now += 5 * MINUTE
    plant.done += 5
    plant.book.tick()
    near = plant.plan(near=True)
    assert near.moved == 0, "nothing has happened"


def test_on_a_machine_that_nobody_sees_it_goes_as_planned() -> None:
    plant = Plant()
    held = plant.hold()
    on_m2 = sorted((row.start, row.order) for row in held.rows if row.machine == "m2")
    first = on_m2[0][1]
    before = at(held, first)
    plant.now += 20 * MINUTE
    version = plant.plan(near=True)
    machine, start, end = at(version, first)
    assert machine == "m2"
    assert start == pytest.approx(before[1], abs=1)
    assert end == pytest.approx(before[2], abs=2)
    plant.now = BEGIN + round((before[2] + 5) * MINUTE)
    assert first not in {row.order for row in plant.plan(near=True).rows}


def test_an_operation_is_put_elsewhere() -> None:
    plant = Plant()
    held = plant.hold()
    operation = next(row.operation for row in held.rows if row.order == "D")
    wanted = plant.now + 2 * HOUR
    version = plant.plan(near=True, fixed=(operation, "m2", wanted))
    assert at(version, "D")[:2] == ("m2", 120)
    with pytest.raises(Refused, match="has begun"):
        plant.plan(fixed=("A/make", "m2", wanted))
    with pytest.raises(Refused, match="in the past"):
        plant.plan(fixed=(operation, "m2", plant.now - HOUR))


def test_dates_come_with_a_chance() -> None:
    plant = Plant(line="l")
    orders = tuple("ABCDE")
    times = np.random.default_rng(0).lognormal(0, 0.6, (40, 5))
    means = np.array([50, 60, 60, 60, 120.0])
    plant.pace = Pace(orders, times / times.mean(axis=0) * means * 60)
    plant.book.tick()
    version = plant.plan(assumed={"l": "filler.time*0.95"})
    assert version.assumed == {"l": "filler.time*0.95"}
    (line, batches, changes) = plant.asked[0]
    assert (line, changes) == ("l", "filler.time*0.95")
    assert batches[0] == Batch("A", "red", 50), "the running order first, with what is left"
    sure = version.on_time
    assert set(sure) == set("ABCDE")
    assert all(0 <= chance <= 1 for chance in sure.values())
    assert any(0 < chance < 1 for chance in sure.values())


def test_a_line_simulated_from_now_says_how_long_orders_take() -> None:
    line = Line.read({"stations": {"a": {"time": "1 s"}, "b": {"time": "2 s", "places": 5}}})
    start = Snapshot.read({"stations": {"b": {"waiting": [{"count": 5}]}}})
    pace = pace_of(line, start, [Batch("A", "x", 10), Batch("B", "x", 100)])
    assert pace is not None
    # What stands in the line belongs to the first order.
    assert pace.mean("A") == pytest.approx(20, abs=1)
    assert pace.mean("B") == pytest.approx(200, abs=1)
    faster = pace_of(line, start, [Batch("B", "x", 100)], "b.time*0.5")
    assert faster is not None
    assert faster.mean("B") == pytest.approx(100, abs=3)


def test_the_state_outlives_a_restart() -> None:
    plant = Plant()
    plant.hold()
    plant.book.breakdown("m1", HOUR)
    again = Plant()
    again.book.restore(plant.book.state())
    assert again.book.held == plant.book.held
    assert again.book.down == plant.book.down
    assert again.book.history == plant.book.history
    again.now = plant.now
    assert again.book.plan("ann", "asked", near=True, seconds=0.2).number == 2


def test_nothing_to_plan_is_told() -> None:
    plant = Plant()
    plant.orders = [dict(plant.orders[0])]
    plant.hold()
    plant.done = 100.0
    plant.book.tick()
    plant.order = ""
    plant.book.tick()
    with pytest.raises(ConfigurationError, match="no open order"):
        plant.plan()
    assert "no open order" in plant.book.trouble


def test_one_search_at_a_time() -> None:
    plant = Plant()
    plant.book.tick()
    found: list[str] = []
    paces = plant.paces

    def inside(line: str, batches: Sequence[Batch], changes: str) -> Pace | None:
        with pytest.raises(Refused, match="already"):
            plant.plan()
        found.append("refused")
        return paces(line, batches, changes)

    settings = plant.book.settings
    plant.book.settings = settings.model_copy(
        update={"machines": {"m1": replace_line(settings.machines["m1"])}}
    )
    plant.book._paces = inside
    plant.plan()
    assert found == ["refused"]


def replace_line(seat: Any) -> Any:
    return seat.model_copy(update={"line": "l"})
