"""Maintenance of the plant: what to replace when, what that costs, when the line has time."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from gemel.core.time import isoformat
from gemel.doors.api.access import Running, Viewer
from gemel.doors.plain import plain
from gemel.runtime.daemon import Daemon

router = APIRouter(tags=["planning"])


@router.get("/maintenance")
async def maintenance(daemon: Running, _: Viewer) -> list[dict[str, Any]]:
    """All that is kept up, by name."""
    return [
        {"name": name, "title": settings.title or name}
        for name, settings in daemon.upkeeping.settings.items()
    ]


@router.get("/maintenance/{name}")
async def maintenance_of(
    name: str, daemon: Running, _: Viewer, wait: bool = False
) -> dict[str, Any]:
    """When to replace what, visits, and room in the schedule. It is worked out when it is asked
    for; with `wait` the answer comes when that is done, without it what was found last."""
    kept = await daemon.upkeeping.ask(name, wait=wait)
    settings = daemon.upkeeping.settings[name]
    told: dict[str, Any] = {
        "name": name, "title": settings.title or name, "now": isoformat(daemon.clock()),
        "working": kept.working, "trouble": kept.trouble, "schedule": settings.schedule,
        "made": isoformat(kept.made) if kept.made else None, "found": None,
    }  # fmt: skip
    if kept.found is not None:
        told["found"] = _timed(daemon, name, plain(kept.found))
    return told


def _timed(daemon: Daemon, name: str, found: dict[str, Any]) -> dict[str, Any]:
    """Moments as text; where each asset stands in the plant."""
    seats = daemon.upkeeping.settings[name].assets
    for key, one in found["assets"].items():
        one["asset"] = seats[key].asset if key in seats else None
        if one.get("due") is not None:
            one["due"] = isoformat(one["due"])
        if "until" in one:
            one["until"] = isoformat(one["until"])
        for window in one.get("windows", ()):
            window["start"], window["end"] = (isoformat(window[k]) for k in ("start", "end"))
    if found["visits"] is not None:
        for visit in found["visits"]["visits"]:
            visit["start"] = isoformat(visit["start"])
    return found
