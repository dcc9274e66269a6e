"""Schedules of the plant: what holds, what is proposed, breakdowns, job orders and what became of
them."""

from __future__ import annotations

from typing import Any, Final, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from gemel.core.errors import DataError, Unknown
from gemel.core.time import MINUTE, isoformat, parse_duration, parse_time, zone
from gemel.doors.api.access import Operator, Running, Viewer
from gemel.doors.api.job_responses import read_responses, response_of
from gemel.runtime.daemon import Daemon

router = APIRouter(tags=["planning"])

_LONGEST_S: Final = 600.0
_LARGEST: Final = 4 * 1024 * 1024


class PlanAsked(BaseModel):
    """A new plan."""

    why: str = Field("asked for", max_length=500)
    seconds: float | None = Field(None, gt=0, le=_LONGEST_S, description="How long is looked")
    near: bool = Field(False, description="Near to what holds")
    assumed: dict[str, str] | None = Field(
        None, max_length=50, description="Changes of lines that it counts on, by line"
    )


class Broken(BaseModel):
    """A machine is down."""

    machine: str
    takes: str = Field("", max_length=40, description="e.g. '40 min'; '0 s': it runs; empty: usual")


class Moved(BaseModel):
    """An operation is to stand elsewhere."""

    operation: str
    machine: str
    start: str = Field(description="Local or absolute time")


class Chosen(BaseModel):
    """The plan that is meant."""

    number: int


class JobCommanded(BaseModel):
    """A command about one job order."""

    job: str = Field(max_length=200)
    command: Literal["Start", "RevokeStart", "Stop", "Abort", "Pause", "Resume", "Cancel", "Clear"]
    reason: str = Field(max_length=500)


@router.get("/schedules")
async def schedules(daemon: Running, _: Viewer) -> list[dict[str, Any]]:
    """All schedules: which plan holds, and whether another is proposed."""
    return [
        {
            "name": name, "title": book.settings.title or name, "searching": book.searching,
            "held": None if book.held is None else book.held.number,
            "proposed": None if book.proposed is None else book.proposed.number,
            "down": sorted(book.down),
        }
        for name, book in daemon.planning.books.items()
    ]  # fmt: skip


@router.get("/schedules/{name}")
async def schedule(name: str, daemon: Running, _: Viewer) -> dict[str, Any]:
    """What holds, what is proposed, what runs and what is down."""
    book = daemon.planning.book(name)
    return {
        "name": name, "title": book.settings.title or name,
        "now": isoformat(daemon.clock()), "searching": book.searching, "trouble": book.trouble,
        "held": _plain(book.held), "proposed": _plain(book.proposed),
        "machines": {
            machine: {"asset": seat.asset, "line": seat.line}
            for machine, seat in book.settings.machines.items()
        },
        "down": {
            machine: {"since": isoformat(d.since), "until": isoformat(d.until), "said": d.said}
            for machine, d in list(book.down.items())
        },
        "jobs": await _jobs(daemon, name),
        "orders": {
            order: {
                "machine": o.machine, "start": isoformat(o.start), "done": o.done,
                "end": None if o.end is None else isoformat(o.end),
            }
            for order, o in list(book.history.items())
        },
    }  # fmt: skip


@router.post("/schedules/{name}/plan")
async def plan(name: str, asked: PlanAsked, daemon: Running, actor: Operator) -> dict[str, Any]:
    """Look for a plan from now on, and propose it."""
    await daemon.planning.plan(
        name, actor.name, asked.why, near=asked.near, seconds=asked.seconds, assumed=asked.assumed
    )
    return await schedule(name, daemon, actor)


@router.post("/schedules/{name}/stop")
async def stop(name: str, daemon: Running, _: Operator) -> dict[str, Any]:
    """End the search with the best so far."""
    daemon.planning.book(name).stop()
    return {}


@router.post("/schedules/{name}/down")
async def down(name: str, broken: Broken, daemon: Running, actor: Operator) -> dict[str, Any]:
    """A machine is down, or up again: plan around it, near to what holds."""
    book = daemon.planning.book(name)
    takes = parse_duration(broken.takes) if broken.takes.strip() else book.settings.usual_repair
    book.breakdown(broken.machine, takes)
    minutes = round(takes / MINUTE)
    why = f"{broken.machine} is down for {minutes} min" if takes else f"{broken.machine} runs"
    if book.held is not None:
        await daemon.planning.plan(name, actor.name, why, near=True)
    return await schedule(name, daemon, actor)


@router.post("/schedules/{name}/move")
async def move(name: str, moved: Moved, daemon: Running, actor: Operator) -> dict[str, Any]:
    """Put an operation elsewhere; the rest is planned around it, near to what holds."""
    local = zone(daemon.plan.plant.plant.time_zone)
    at = parse_time(moved.start, local, daemon.clock())
    await daemon.planning.plan(
        name, actor.name, f"{moved.operation} was put on {moved.machine}", near=True,
        fixed=(moved.operation, moved.machine, at),
    )  # fmt: skip
    return await schedule(name, daemon, actor)


@router.post("/schedules/{name}/release")
async def release(name: str, chosen: Chosen, daemon: Running, actor: Operator) -> dict[str, Any]:
    """The proposed plan holds; its job orders go out."""
    await daemon.planning.release(name, chosen.number, actor.name)
    return await schedule(name, daemon, actor)


@router.post("/schedules/{name}/discard")
async def discard(name: str, chosen: Chosen, daemon: Running, actor: Operator) -> dict[str, Any]:
    """The proposed plan is thrown away."""
    daemon.planning.book(name).discard(chosen.number)
    await daemon.planning.keep(name)
    return await schedule(name, daemon, actor)


@router.get("/schedules/{name}/job-orders")
async def job_orders(name: str, daemon: Running, _: Viewer) -> list[dict[str, Any]]:
    """The job orders of the plan that holds, how they were sent, and the responses to them, in
    words of ISA-95."""
    book = daemon.planning.book(name)
    if book.held is None:
        raise Unknown(f"no plan of '{name}' holds yet")
    jobs = await _jobs(daemon, name)
    return [_job_order(daemon, name, row, jobs.get(row.operation)) for row in book.held.rows]


@router.post("/schedules/{name}/job-responses")
async def job_responses(
    name: str, request: Request, daemon: Running, actor: Operator
) -> dict[str, int]:
    """Job responses from a business system or a machine: `{"JobResponse": [...]}`, or one alone."""
    daemon.planning.book(name)
    body = await request.body()
    if len(body) > _LARGEST:
        raise DataError(f"the body has {len(body)} bytes, at most {_LARGEST}; send it in parts")
    told = read_responses(body, zone(daemon.plan.plant.plant.time_zone))
    await daemon.planning.respond(name, told, actor.name)
    return {"accepted": len(told)}


@router.post("/schedules/{name}/job-orders/command")
async def command_job_order(
    name: str, told: JobCommanded, daemon: Running, actor: Operator
) -> dict[str, Any]:
    """A person's own command about one job order at its machine, with a reason."""
    daemon.planning.book(name)
    found = await daemon.planning.jobs.command(
        name, told.job, told.command, actor.name, told.reason
    )
    return {"job": told.job, "state": "" if found is None else found.state}


@router.post("/schedules/{name}/job-orders/send-again")
async def send_again(name: str, daemon: Running, actor: Operator) -> dict[str, int]:
    """What was refused goes out once more."""
    daemon.planning.book(name)
    return {"again": await daemon.planning.jobs.send_again(name, actor.name)}


async def _jobs(daemon: Daemon, name: str) -> dict[str, dict[str, Any]]:
    found = await daemon.planning.jobs.report(name)
    for told in found.values():
        told["response"] = None if told["response"] is None else response_of(told["response"])
        for one in told["sent"]:
            one["since"] = isoformat(one["since"])
    return found


def _job_order(daemon: Daemon, name: str, row: Any, job: dict[str, Any] | None) -> dict[str, Any]:
    told = daemon.planning.book(name).history.get(row.order)
    response = None
    if told is not None and told.machine == row.machine:
        response = {
            "jobState": "Running" if told.end is None else "Completed",
            "startTime": isoformat(told.start),
            "endTime": None if told.end is None else isoformat(told.end),
            "quantity": told.done,
        }
    return {
        "jobOrderID": row.operation, "workOrder": row.order, "workMaster": row.product,
        "equipment": row.machine, "startTime": isoformat(row.start), "endTime": isoformat(row.end),
        "jobResponse": response, "sent": [] if job is None else job["sent"],
        "told": None if job is None else job["response"],
    }  # fmt: skip


def _plain(version: Any) -> dict[str, Any] | None:
    if version is None:
        return None
    told: dict[str, Any] = version.record()
    told["made"] = isoformat(version.made)
    told["due"] = {order: isoformat(at) for order, at in version.due.items()}
    told["late"] = [
        {"order": order, "late_ns": late, "why": why} for order, late, why in version.late
    ]
    told["down"] = [
        {"machine": machine, "start": isoformat(a), "end": isoformat(b)}
        for machine, a, b in version.down
    ]
    told["orders"] = {
        order: {"quantity": quantity, "weight": weight}
        for order, (quantity, weight) in version.orders.items()
    }
    for row in told["rows"]:
        row["start"], row["end"] = isoformat(row["start"]), isoformat(row["end"])
        if row["ghost"] is not None:
            row["ghost"] = {"machine": row["ghost"][0], "start": isoformat(row["ghost"][1])}
    return told
