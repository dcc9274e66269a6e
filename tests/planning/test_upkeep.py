"""Maintenance told from what the twin knows: by hand where a schedule has gaps."""

from dataclasses import replace
from math import inf
from typing import Any

import numpy as np
import pytest

from gemel.core.time import DAY, HOUR, MINUTE
from gemel.core.wear import Upkeep
from gemel.parts.solvers.maintenance import MAINTENANCE, Action
from gemel.twin.planning.plans.version import Row
from gemel.twin.planning.upkeep.choosing import answered
from gemel.twin.planning.upkeep.together import together
from gemel.twin.planning.upkeep.told import Busy, Seen, predicted, record_of
from gemel.twin.planning.upkeep.windows import windows

UPKEEP: dict[str, Any] = {
    "currency": "EUR", "visit_cost": 300, "horizon": "60 d",
    "assets": {
        "bearing": {"life": {"kind": "weibull", "shape": 2.5, "scale": "120 d"}, "age": "50 d",
                    "planned_cost": 800, "failure_cost": 6000, "planned_time": "2 h"},
        "belt": {"life": {"kind": "weibull", "shape": 3.0, "scale": "60 d"}, "age": "10 d",
                 "planned_cost": 100, "failure_cost": 900, "planned_time": "30 min"},
    },
}  # fmt: skip


def row(order: str, start: int, end: int, machine: str = "m") -> Row:
    return Row(f"{order} fill", order, "", machine, start, end)


ROWS = (row("a", -1, 4), row("b", 6, 10), row("c", 10, 12), row("x", 0, 20, "n"))


def test_places_between_orders() -> None:
    """In hours: a runs until 4, b from 6 to 10, c until 12. Work of 3 after a pushes b by 1; b is
    due at 10 and late by 1, c at 12 as well. After b it pushes c by 3. After c it pushes
    nothing."""
    found = windows(ROWS, {"b": 10, "c": 12}, "m", 0, 3)
    assert [(w.start, w.after, w.before, w.pushed, w.late) for w in found] == [
        (12, "c", "", 0, 0), (4, "a", "b", 1, 2), (10, "b", "c", 3, 3),
    ]  # fmt: skip


def test_what_fits_pushes_nothing() -> None:
    found = windows(ROWS, {"b": 10, "c": 12}, "m", 0, 2)
    assert (found[0].start, found[0].pushed, found[0].late) == (4, 0, 0)


def test_a_gap_takes_up_what_is_pushed() -> None:
    rows = (row("a", 0, 4), row("b", 4, 6), row("c", 9, 12))
    found = {w.start: w for w in windows(rows, {"b": 8, "c": 12}, "m", 1, 2)}
    # b is pushed to 6 … 8, in time; c begins at 9 anyway.
    assert (found[4].pushed, found[4].late) == (2, 0)


def test_now_if_nothing_runs() -> None:
    rows = (row("b", 6, 10),)
    assert windows(rows, {}, "m", 1, 5)[0].start == 1
    assert [w.start for w in windows(rows, {}, "m", 7, 5)] == [10]
    assert [w.start for w in windows((), {}, "m", 7, 5)] == [7]


def test_a_prognostic_at_its_cap_has_seen_nothing() -> None:
    found = predicted(5.0, 4.9, 5.0, MINUTE, 5.0)
    assert found.prediction is None
    assert found.note == "its prognostic sees no end within 5 min"
    told = predicted(3.0, 2.0, 4.5, MINUTE, 5.0).prediction
    assert told is not None
    assert (told.low, told.high) == (2 * MINUTE, round(4.5 * MINUTE) + 2)


@pytest.mark.parametrize("value", [(0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (2.0, 3.0, 1.0)])
def test_an_odd_band_is_still_one(value: tuple[float, float, float]) -> None:
    told = predicted(*value, HOUR, None).prediction
    assert told is not None
    assert 0 < told.low < told.life < told.high


def record(seen: dict[str, Seen] | None = None, busy: Busy | None = None) -> dict[str, Any]:
    return record_of(Upkeep.read(UPKEEP), {}, seen or {}, busy or Busy(), 0)


def test_each_asset_is_told_with_its_curve() -> None:
    found = record()["assets"]["bearing"]
    plan = MAINTENANCE.build({"kind": "age"}).plan(Upkeep.read(UPKEEP), "bearing")
    assert plan.action.age is not None
    assert found["in_due"] == round((plan.action.age - 50) * DAY)
    assert found["cost"] == plan.cost
    curve = found["curve"]
    assert curve["time"] == sorted(curve["time"])
    assert min(curve["cost"]) == pytest.approx(plan.cost)
    assert curve["time"][int(np.argmin(curve["cost"]))] == curve["best"] == found["in_due"]


def test_remaining_life_of_its_kind_is_conditional_on_its_age() -> None:
    """Of Weibull lives: S(a + t) / S(a) = q has a closed form."""
    prognosis = record()["assets"]["bearing"]["prognosis"]
    assert prognosis["told_by"] == "its kind"
    for name, share in (("low", 0.95), ("life", 0.5), ("high", 0.05)):
        exact = ((50 / 120) ** 2.5 - np.log(share)) ** (1 / 2.5) * 120 - 50
        assert prognosis[name] / DAY == pytest.approx(exact, rel=1e-6)


def test_a_prognosis_changes_what_to_do() -> None:
    told = predicted(40.0, 25.0, 70.0, HOUR, None)
    busy = Busy(
        tuple(replace(r, start=r.start * HOUR, end=r.end * HOUR) for r in ROWS),
        {"b": 10 * HOUR, "c": 12 * HOUR}, {"bearing": "m"},
    )  # fmt: skip
    found = record({"bearing": told}, busy)["assets"]["bearing"]
    assert found["policy"] == "remaining_life"
    assert found["prognosis"]["told_by"] == "prognostic"
    assert found["in_due"] < 40 * HOUR
    assert found["until"] == min(25 * HOUR, 20 * HOUR)
    # Two hours fit between a and b.
    assert (found["windows"][0]["start"], found["windows"][0]["late"]) == (4 * HOUR, 0)
    assert found["in_time"]


def test_what_fails_before_the_line_has_time_is_told() -> None:
    busy = Busy(
        tuple(replace(r, start=r.start * HOUR, end=r.end * HOUR) for r in ROWS), {},
        {"bearing": "m"},
    )  # fmt: skip
    found = record({"bearing": predicted(2.0, 1.0, 3.0, HOUR, None)}, busy)["assets"]["bearing"]
    assert not found["in_time"]
    assert found["windows"][0]["start"] == 4 * HOUR


def test_what_is_due_in_weeks_needs_no_room_today() -> None:
    busy = Busy(tuple(replace(r, start=r.start * HOUR, end=r.end * HOUR) for r in ROWS), {},
                {"bearing": "m"})  # fmt: skip
    assert record(busy=busy)["assets"]["bearing"]["windows"] == []


def test_age_that_the_twin_knows_counts() -> None:
    young = record({"bearing": Seen(age=0)})["assets"]["bearing"]
    assert young["in_due"] == record()["assets"]["bearing"]["in_due"] + 50 * DAY


def test_what_is_new_and_what_no_policy_covers() -> None:
    data = {**UPKEEP, "assets": {**UPKEEP["assets"], "odd": {
        "prediction": {"life": "30 d", "low": "18 d", "high": "55 d"}, "planned_cost": 1,
        "failure_cost": 2, "announced": False, "inspection_cost": 1,
        "wear": {"kind": "gamma", "rate": 0.01, "spread": 0.1, "limit": 10},
    }}}  # fmt: skip
    found = record_of(Upkeep.read(data), {}, {}, Busy(), 0)["assets"]
    assert set(found) == {"bearing", "belt", "odd"}
    assert found["odd"]["policy"] == "remaining_life"
    bare = {**UPKEEP["assets"]["belt"], "announced": False}
    found = record_of(Upkeep.read({**UPKEEP, "assets": {"belt": bare}}), {}, {}, Busy(), 0)
    assert "no policy covers it. age: a failure of 'belt'" in found["assets"]["belt"]["trouble"]


def test_work_that_a_prognostic_wants_joins_a_visit() -> None:
    told = predicted(12.0, 7.0, 20.0, DAY, None).prediction
    upkeep = Upkeep.read(UPKEEP)
    bearing = upkeep.assets["bearing"].model_copy(update={"prediction": told})
    upkeep = upkeep.model_copy(update={"assets": {**upkeep.assets, "bearing": bearing}})
    answers = {name: answered(upkeep, name, swings=False) for name in upkeep.assets}
    assert answers["bearing"].options[0][0] == "remaining_life"
    shared = together(upkeep, answers)
    assert shared is not None
    assert set(shared.jobs.names) == {"bearing", "belt"}
    assert shared.visits.cost <= shared.alone + 1e-9


def test_moving_costs_what_judging_says() -> None:
    """All in all against the rate of the long run: the difference of two moments is that of their
    costs over the same span."""
    told = predicted(12.0, 7.0, 20.0, DAY, None).prediction
    upkeep = Upkeep.read(UPKEEP)
    bearing = upkeep.assets["bearing"].model_copy(update={"prediction": told})
    upkeep = upkeep.model_copy(update={"assets": {"bearing": bearing}})
    solver: Any = MAINTENANCE.build({"kind": "remaining_life", "rate": 20.0})
    moved = solver.moved(upkeep, "bearing", np.array([2.0, 6.0, 30.0]))
    costs = [solver.judge(upkeep, "bearing", Action("moment", moment=t)).cost for t in (2, 6, 30)]
    assert moved.min() == 0
    ratio = (moved[2] - moved[0]) / (moved[1] - moved[0])
    assert ratio == pytest.approx((costs[2] - costs[0]) / (costs[1] - costs[0]))
    assert solver.judge(upkeep, "bearing", Action("moment", moment=inf)).cost > min(costs)
