"""What the plant is, and how the twin is doing."""

from __future__ import annotations

from bisect import bisect_right
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from starlette.exceptions import HTTPException

from gemel.core.catalogue import glob_pattern
from gemel.core.errors import Unknown, did_you_mean
from gemel.core.plant import Role, Signal
from gemel.doors.api.access import Running, Viewer
from gemel.runtime.daemon import Daemon

router = APIRouter(tags=["plant"])
metrics = APIRouter()

STAGE = {"received", "accepted", "late", "repeated", "rejected", "refused", "waiting"}

Limit = Annotated[int, Query(ge=1, le=1_000)]


@router.get("/health")
async def health(daemon: Running) -> dict[str, Any]:
    """Whether the daemon works; open to all, and says nothing else."""
    return {"state": daemon.status()["state"]}


@router.get("/status")
async def status(daemon: Running, _: Viewer) -> dict[str, Any]:
    """The truth about health: counters of every stage, and what is wrong now."""
    return daemon.status()


@router.get("/story")
async def story(request: Request, _: Viewer) -> dict[str, Any]:
    """The steps of the demo, where this is one."""
    told = getattr(request.app.state, "story", None)
    if told is None:
        raise HTTPException(404, "this is not the demo")
    answer: dict[str, Any] = await told.report()
    return answer


@router.get("/plant")
async def plant(daemon: Running, _: Viewer) -> dict[str, Any]:
    """The site, and how its clocks read."""
    site = daemon.plan.plant.plant
    return {
        **site.model_dump(),
        "plan": daemon.plan.hash,
        "assets": len(daemon.plan.plant.assets),
        "signals": len(daemon.plan.signals),
        "shifts": [s.model_dump() for s in daemon.plan.plant.shifts],
    }


@router.get("/assets")
async def assets(
    daemon: Running, _: Viewer, after: str = "", under: str = "", limit: Limit = 100
) -> dict[str, Any]:
    """Assets in order of path, a page at a time; `next` is the `after` of the next page."""
    paths = daemon.asset_paths
    if under:
        paths = [p for p in paths if p == under or p.startswith(under + "/")]
    first = bisect_right(paths, after) if after else 0
    page = paths[first : first + limit]
    found = daemon.plan.plant.assets
    return {
        "items": [
            {
                "path": path,
                "title": found[path].title or path.rpartition("/")[2],
                "level": found[path].level,
                "type": found[path].type,
                "after": found[path].after,
                "connector": found[path].connector,
            }
            for path in page
        ],
        "total": len(paths),
        "next": page[-1] if first + limit < len(paths) else None,
    }


@router.get("/asset")
async def asset(daemon: Running, _: Viewer, path: str) -> dict[str, Any]:
    """One asset: its signals with their state, and its commands."""
    return _described(daemon, path)


@router.get("/descriptions")
async def descriptions(
    daemon: Running, _: Viewer, path: Annotated[list[str], Query(max_length=100)]
) -> list[dict[str, Any]]:
    """Up to 100 assets with their signals and commands, in the order of `path`."""
    return [_described(daemon, one) for one in path]


def _described(daemon: Daemon, path: str) -> dict[str, Any]:
    plant_assets = daemon.plan.plant.assets
    if path not in plant_assets:
        raise Unknown(f"no asset '{path}'; {did_you_mean(path, plant_assets)}")
    found = plant_assets[path]
    signals = daemon.signals_of.get(path, ())
    return {
        "path": path,
        "title": found.title or path.rpartition("/")[2],
        "level": found.level,
        "type": found.type,
        "connector": found.connector,
        "after": found.after,
        "ideal_rate": found.ideal_rate,
        "signals": [
            {"path": s.path, "key": s.path[len(path) + 1 :], **describe(daemon, s.path, s.signal)}
            for s in signals
        ],
        "commands": {
            key: command.model_dump()
            for key, command in daemon.plan.plant.commands_of(path).items()
        },
    }


@router.get("/signals")
async def signals(
    daemon: Running,
    _: Viewer,
    match: str = "**",
    role: Role | None = None,
    after: str = "",
    limit: Limit = 100,
) -> dict[str, Any]:
    """Signals of the plan in order of path, a page at a time; of one role, if it is given."""
    paths = daemon.signal_paths if role is None else daemon.paths_of_role.get(role, [])
    if match != "**":
        matches = glob_pattern(match).fullmatch
        paths = [p for p in paths if matches(p)]
        if not paths:
            daemon.catalogue.find(match)  # tells what is near, if history knows none either
    first = bisect_right(paths, after) if after else 0
    page = paths[first : first + limit]
    return {
        "items": [
            {"path": path, **describe(daemon, path, daemon.planned[path].signal)} for path in page
        ],
        "total": len(paths),
        "next": page[-1] if first + limit < len(paths) else None,
    }


@router.get("/detectors")
async def detectors(daemon: Running, _: Viewer) -> list[dict[str, Any]]:
    """What watches: whether it has learned, from what, and what it says now."""
    return [watch.report() for watch in daemon.rooms.watches.values()]


def describe(daemon: Daemon, path: str, signal: Signal) -> dict[str, Any]:
    """A signal's description for pages and programs."""
    return {
        "number": daemon.numbers[path],
        "title": signal.title or path.rpartition("/")[2],
        "unit": signal.unit,
        "type": signal.type,
        "role": signal.role,
        "range": signal.range,
        "labels": signal.labels,
    }


@metrics.get("/metrics", include_in_schema=False)
async def prometheus(daemon: Running, _: Viewer) -> Response:
    """Counters in the text format of Prometheus."""
    status = daemon.status()
    lines = []
    for stage in ("live", "history"):
        lines += [
            f'gemel_samples_{name}{{stage="{stage}"}} {rows}'
            for name, rows in status[stage].items()
            if name in STAGE
        ]
    for link in status["connectors"]:
        label = f'connector="{link["name"]}"'
        active = int(link["state"] == "active")
        lines.append(f"gemel_connector_active{{{label}}} {active}")
        lines += [
            f"gemel_connector_{name}{{{label}}} {link[name]}"
            for name in ("received", "rejected", "lost", "refilled", "sessions")
        ]
    lines.append(f"gemel_features_made {status['features']['made']}")
    lines.append(f"gemel_history_bytes {status['history']['bytes']}")
    lines.append(f"gemel_problems {len(status['problems'])}")
    return Response("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")
