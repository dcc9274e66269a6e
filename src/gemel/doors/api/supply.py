"""Supply networks of the plant: what runs out when, what to order, which stage is the risk."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from gemel.core.time import isoformat
from gemel.doors.api.access import Running, Viewer
from gemel.doors.plain import plain

router = APIRouter(tags=["planning"])


@router.get("/supply")
async def supply(daemon: Running, _: Viewer) -> list[dict[str, Any]]:
    """All supply networks, by name."""
    return [
        {"name": name, "title": settings.title or name}
        for name, settings in daemon.supplying.settings.items()
    ]


@router.get("/supply/{name}")
async def supply_of(name: str, daemon: Running, _: Viewer, wait: bool = False) -> dict[str, Any]:
    """Stock to come, orders, risks and transport, as `gemel supply FILE --json` tells them. It is
    worked out when it is asked for; with `wait` the answer comes when that is done, without it what
    was found last."""
    kept = await daemon.supplying.ask(name, wait=wait)
    return {
        "name": name, "title": daemon.supplying.settings[name].title or name,
        "now": isoformat(daemon.clock()), "working": kept.working, "trouble": kept.trouble,
        "made": isoformat(kept.made) if kept.made else None,
        "found": None if kept.found is None else plain(kept.found),
    }  # fmt: skip
