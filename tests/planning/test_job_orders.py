"""What each peer shall have, what it has, and what it is told next: computation on values."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gemel.core.envelope import is_intact
from gemel.core.envelope.job import JobRequest, JobSituation, permit_job
from gemel.core.errors import DataError, Refused
from gemel.core.job import JobCall, JobCommand, JobOrder, JobResponse, JobState
from gemel.core.time import DAY, HOUR
from gemel.twin.planning.plans.jobs import (
    Posted,
    Sending,
    call_of,
    outdated,
    posted,
    read_back,
    shown,
    turn,
)
from gemel.twin.planning.plans.version import Row, Version

NOW = 1_000 * HOUR
SENDING = Sending(connector="press")


def version(number: int, *rows: tuple[str, int], machine: str = "press") -> Version:
    made = tuple(
        Row(f"{o}/make", o, "box", machine, NOW + at * HOUR, NOW + (at + 1) * HOUR)
        for o, at in rows
    )
    return Version(number, NOW, "planner", "asked", made, orders={"P-1": (5.0, 2.0)},
                   released="anna")  # fmt: skip


def post(
    held: Version, known: dict[str, Posted], responses: dict[str, JobResponse] | None = None,
    over: tuple[str, ...] = (), machine: bool = True, sending: Sending = SENDING,
) -> tuple[list[Posted], list[Posted]]:  # fmt: skip
    return posted("day", "way", sending, held, NOW, known, responses or {}, over, machine)


def by_job(entries: list[Posted]) -> dict[str, Posted]:
    return {one.order.id: one for one in entries}


def taken(entry: Posted) -> Posted:
    return entry.now("accepted", NOW, has=entry.order)


def told(job: str, state: JobState, order: JobOrder | None = None) -> JobResponse:
    return JobResponse(job, state, planned=None if order is None else (order.start, order.end))


def commands(entries: list[Posted], sending: Sending = SENDING) -> list[str]:
    """What is to be said of each."""
    return [call.command for one in entries if (call := call_of(one, sending))]


def test_a_plan_put_twice_changes_nothing() -> None:
    held = version(1, ("P-1", 1), ("P-2", 2))
    changed, dropped = post(held, {})
    assert commands(changed) == ["Store", "Store"]
    assert not dropped
    assert changed[0].order.quantity == 5
    assert changed[0].order.priority == 2
    assert changed[0].by == "anna"
    assert post(held, by_job(changed)) == ([], [])
    assert post(held, by_job([taken(one) for one in changed])) == ([], [])


def test_a_plan_from_before_plans_kept_their_orders_changes_nothing() -> None:
    held = version(1, ("P-1", 1))
    known = by_job([taken(one) for one in post(held, {})[0]])
    old = replace(held, orders={}, released="")
    assert post(old, known) == ([], [])
    [fresh], _ = post(old, {})
    assert (fresh.order.quantity, fresh.order.priority, fresh.by) == (None, None, "gemel")


def test_only_what_changed_is_said_and_what_runs_is_left() -> None:
    known = by_job([taken(e) for e in post(version(1, ("P-1", 1), ("P-2", 2), ("P-3", 3)), {})[0]])
    responses = {"P-1/make": told("P-1/make", "Running")}
    changed, dropped = post(version(2, ("P-1", 4), ("P-2", 2), ("P-4", 3)), known, responses)
    calls = {one.order.id: call_of(one, SENDING) for one in changed}
    assert {job: call.command for job, call in calls.items() if call} == {
        "P-3/make": "Cancel", "P-4/make": "Store",
    }  # fmt: skip
    assert not dropped
    changed, _ = post(version(2, ("P-1", 1), ("P-2", 5), ("P-3", 3)), known)
    [call] = [call_of(one, SENDING) for one in changed]
    assert call is not None
    assert (call.command, call.order.id, call.key) == ("Update", "P-2/make", "day/P-2/make/2")
    # Back to what the peer has, before the change was sent: nothing is to be said.
    [back], _ = post(version(3, ("P-1", 1), ("P-2", 2), ("P-3", 3)), known | by_job(changed))
    assert call_of(back, SENDING) is None


def test_what_was_never_sent_is_forgotten_and_what_went_elsewhere_cancelled() -> None:
    first, _ = post(version(1, ("P-1", 1)), {})
    assert post(version(2, ("P-2", 1)), by_job(first))[1] == first
    press = Sending(connector="press", machines=("press",))
    moved, _ = post(
        version(2, ("P-1", 1), machine="hand"), by_job([taken(first[0])]), sending=press
    )
    assert commands(moved, press) == ["Cancel"]
    # What was refused is not told to be cancelled, and when planned again has another key.
    refused = first[0].now("refused", NOW, "full")
    changed, dropped = post(version(2, ("P-2", 1)), by_job([refused]))
    away = by_job(changed)["P-1/make"]
    assert (away.order.id, away.state, away.wanted) == ("P-1/make", "cancelled", False)
    assert commands([away]) == []
    assert not dropped
    [back], _ = post(version(3, ("P-1", 1)), by_job([away]))
    call = call_of(back, SENDING)
    assert call is not None
    assert (call.command, call.version, call.key) == ("Store", 2, "day/P-1/make/2")


def test_a_doubt_whether_it_arrived_stays_until_it_is_settled() -> None:
    [entry], _ = post(version(1, ("P-1", 1)), {}, machine=False)
    for state in ("sent", "unconfirmed"):
        known = by_job([entry.now(state, NOW)])
        for number in (2, 3, 4):
            held = version(number, ("P-1" if number % 2 else "P-2", 1))
            known = {"P-1/make": by_job(post(held, known, machine=False)[0])["P-1/make"]}
        assert commands([*known.values()]) == ["Cancel"], "it may be there"


def test_a_business_system_is_not_told_to_cancel_what_is_done() -> None:
    known = by_job([taken(one) for one in post(version(1, ("P-1", 1), ("P-2", 2)), {})[0]])
    changed, _ = post(version(2, ("P-2", 2)), known, over=("P-1",), machine=False)
    assert not changed
    changed, _ = post(version(2, ("P-1", 1)), known, machine=False)
    assert commands(changed) == ["Cancel"]


def test_what_is_over_is_forgotten_after_a_month() -> None:
    rows = [(f"P-{number}", number) for number in range(1, 6)]
    open_, done, fresh, runs, held = post(version(1, *rows), {})[0]
    entries = [open_, taken(done), replace(taken(fresh), since=NOW + DAY), taken(runs), taken(held)]
    responses = {
        "P-2/make": replace(told("P-2/make", "Ended"), start=NOW, end=NOW + HOUR),
        "P-4/make": replace(told("P-4/make", "Running"), start=NOW),
        "P-8/make": replace(told("P-8/make", "Ended"), end=NOW + DAY),
        "P-9/make": told("P-9/make", "NotAllowedToStart"),
    }
    plan = version(2, ("P-5", 9))
    assert outdated(plan, entries, responses, NOW + 30 * DAY) == ([], ["P-9/make"])
    old, untold = outdated(plan, entries, responses, NOW + 30 * DAY + 2 * HOUR)
    assert (old, sorted(untold)) == ([taken(done)], ["P-2/make", "P-9/make"])


def test_what_fails_for_good_comes_after_what_was_not_tried() -> None:
    first, second, third, fourth = post(version(1, *((f"P-{n}", n) for n in (1, 2, 3, 4))), {})[0]
    gone = taken(fourth).now("waiting", NOW, wanted=False)
    tried = [first.now("unconfirmed", NOW + 2), second.now("unconfirmed", NOW + 1)]
    assert sorted([*tried, third, gone], key=turn) == [gone, third, tried[1], tried[0]]


def test_reading_back_settles_what_nobody_answered() -> None:
    [entry], _ = post(version(1, ("P-1", 1)), {})
    lost = entry.now("unconfirmed", NOW, "the line was cut")
    assert read_back(lost, told("P-1/make", "NotAllowedToStart", entry.order), NOW).state == (
        "accepted"
    )
    assert read_back(lost, None, NOW) == lost, "it did not arrive: it is sent again"
    cut = read_back(entry.now("sent", NOW), None, NOW)
    assert call_of(cut, SENDING) == call_of(entry, SENDING), "so is one that was cut short"
    other = replace(entry.order, start=NOW)
    there = read_back(entry, told("P-1/make", "NotAllowedToStart", other), NOW)
    call = call_of(there, SENDING)
    assert call is not None
    assert call.command == "Update", "the machine knew the id"
    running = read_back(taken(entry).now("waiting", NOW, wanted=False), told("P-1/make", "Running"),
                        NOW)  # fmt: skip
    assert running.wanted
    assert call_of(running, SENDING) is None
    gone = read_back(taken(entry).now("unconfirmed", NOW, wanted=False), None, NOW)
    assert gone.state == "cancelled"
    missing = read_back(taken(entry), None, NOW)
    assert shown(missing, None)[0] == "refused"
    assert call_of(missing, SENDING) is None, "nobody puts there again what was taken away"


def test_entries_and_calls_survive_the_way_to_disk() -> None:
    [entry], _ = post(version(1, ("P-1", 1)), {})
    assert Posted.of(taken(entry).record()) == taken(entry)
    call = JobCall("k", "Store", entry.order, 3, "ä")
    assert JobCall.parse(call.text()) == call
    with pytest.raises(DataError, match="no command"):
        JobCall.parse(call.text().replace('"Store"', '"Explode"'))
    with pytest.raises(DataError, match="not a job order"):
        JobCall.parse("7")


def request(command: JobCommand = "Store", *, by: str = "anna", person: bool = False) -> JobRequest:
    order = JobOrder("P-1/make", "box", NOW, NOW + HOUR, "press")
    call = JobCall("k", command, order)
    return JobRequest("1", "line", "press", "/Press;jobs", call, by, person)


GOOD = JobSituation(NOW, armed=True, stopped=(), known=True)


def test_the_envelope_denies_by_default() -> None:
    permit = permit_job(request(), GOOD)
    assert is_intact(permit)
    assert permit.address == "/Press;jobs"
    assert JobCall.parse(str(permit.value)) == request().call
    with pytest.raises(Refused, match=r"disarmed.*kill switch.*blindly"):
        permit_job(request(), JobSituation(NOW))
    for wrong, situation, what in (
        (request(by=""), GOOD, "nobody has released it"),
        (request(), replace(GOOD, stopped=("line",)), "kill switch of line"),
        (request(), replace(GOOD, stopped=("",)), "kill switch of the plant"),
        (request(), replace(GOOD, stopped=None), "not known whether a kill switch"),
        (request(), replace(GOOD, now=NOW + HOUR), "planned end has passed"),
        (request("Update"), replace(GOOD, state="Running"), "not touched by a plan"),
        (request("Cancel"), replace(GOOD, state="Interrupted"), "not touched by a plan"),
        (request("Clear"), replace(GOOD, state="Running"), "only what has ended"),
    ):
        with pytest.raises(Refused, match=what):
            permit_job(wrong, situation)
    assert permit_job(request("Cancel", person=True), replace(GOOD, state="AllowedToStart"))
    # A business system starts nothing: no kill switch holds its paper back.
    assert permit_job(request(), JobSituation(NOW, machine=False))
