"""Alarms (ISA-18.2), machine states and key figures (ISO 22400)."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from gemel.core.errors import ConfigurationError
from gemel.core.time import DAY, MINUTE, isoformat
from gemel.doors.api.access import Engineer, Operator, Running, Viewer
from gemel.runtime.daemon import Daemon
from gemel.twin.alarms import AlarmView
from gemel.twin.operations import Kpi

router = APIRouter(tags=["alarms and operations"])


class Note(BaseModel):
    """What a person says to it."""

    note: str = Field("", max_length=1_000)


class Shelving(BaseModel):
    """For how long, and why."""

    minutes: float = Field(gt=0, le=100_000)
    reason: str = Field(min_length=1, max_length=1_000)


class Reason(BaseModel):
    """Why."""

    reason: str = Field(min_length=1, max_length=1_000)


@router.get("/alarms")
async def alarms(daemon: Running, _: Viewer) -> dict[str, Any]:
    """Active alarms by priority, those put aside, and how the alarm system performs."""
    board = daemon.rooms.alarms
    now = daemon.clock()
    kpis = asdict(board.kpis(now - DAY, now))
    return {
        "items": [plain_alarm(a) for a in board.active()],
        "aside": [plain_alarm(a) for a in board.aside()],
        "total": len(board.all()),
        "flooded": list(board.flooded()),
        "kpis": {k: v for k, v in kpis.items() if not isinstance(v, dict | list | tuple)},
    }


@router.post("/alarms/{name}/acknowledge")
async def acknowledge(name: str, note: Note, daemon: Running, actor: Operator) -> dict[str, Any]:
    """Take an alarm on."""
    return plain_alarm(daemon.rooms.alarms.acknowledge(name, actor.name, note.note))


@router.post("/alarms/{name}/reset")
async def reset(name: str, note: Note, daemon: Running, actor: Operator) -> dict[str, Any]:
    """Let go of a latched alarm that has ended."""
    return plain_alarm(daemon.rooms.alarms.reset(name, actor.name, note.note))


@router.post("/alarms/{name}/shelve")
async def shelve(name: str, wanted: Shelving, daemon: Running, actor: Operator) -> dict[str, Any]:
    """Put an alarm aside for a time."""
    until = daemon.clock() + round(wanted.minutes * MINUTE)
    return plain_alarm(daemon.rooms.alarms.shelve(name, actor.name, until, wanted.reason))


@router.post("/alarms/{name}/unshelve")
async def unshelve(name: str, note: Note, daemon: Running, actor: Operator) -> dict[str, Any]:
    """Bring a shelved alarm back."""
    return plain_alarm(daemon.rooms.alarms.unshelve(name, actor.name, note.note))


@router.post("/alarms/{name}/take-out")
async def take_out(name: str, why: Reason, daemon: Running, actor: Engineer) -> dict[str, Any]:
    """Take an alarm out of service."""
    return plain_alarm(daemon.rooms.alarms.take_out(name, actor.name, why.reason))


@router.post("/alarms/{name}/put-back")
async def put_back(name: str, note: Note, daemon: Running, actor: Engineer) -> dict[str, Any]:
    """Put an alarm back into service."""
    return plain_alarm(daemon.rooms.alarms.put_back(name, actor.name, note.note))


def plain_alarm(view: AlarmView) -> dict[str, Any]:
    """An alarm as plain data; times are ISO 8601 text."""
    plain = asdict(view)
    for name in ("since", "raised", "acknowledged", "respond_by", "shelved_until"):
        plain[name] = None if plain[name] is None else isoformat(plain[name])
    return plain | {
        "id": view.name,
        "why": list(view.because),
        "respond_within": plain["respond_by"],
    }


@router.get("/machines")
async def machines(daemon: Running, _: Viewer) -> list[dict[str, Any]]:
    """What every machine does now: its state, its stop, whether it is slow."""
    return [
        {
            "asset": m.asset,
            "state": m.state,
            "since": isoformat(m.since),
            "stop": None if m.stop is None else {"reason": m.stop.reason,
                                                 "since": isoformat(m.stop.start)},
            "slow": None if m.slow is None else {
                "since": isoformat(m.slow.since), "share": m.slow.share, "lost": m.slow.lost,
                "why": [asdict(w) for w in m.slow.why],
            },
            "order": m.order,
            "product": m.product,
            "shift": m.window.name,
        }
        for m in daemon.rooms.operations.all()
    ]  # fmt: skip


_TILES = (
    ("oee", "OEE"),
    ("availability", "Availability"),
    ("effectiveness", "Effectiveness"),
    ("quality_ratio", "Quality"),
    ("throughput_rate", "Throughput"),
    ("scrap_ratio", "Scrap"),
)


@router.get("/kpis")
async def kpis(daemon: Running, _: Viewer, asset: str | None = None) -> dict[str, Any]:
    """Key figures of the present shift, beside those of the one before.

    Without `asset` those of the machine that limits the line: the one with the lowest OEE.
    """
    return await asyncio.to_thread(_kpis, daemon, asset)


def _kpis(daemon: Daemon, asset: str | None) -> dict[str, Any]:
    operations = daemon.rooms.operations
    if asset is None:
        every = {path: operations.kpis(path) for path in operations.machines}
        known = [
            (kpi.value, path)
            for path, found in every.items()
            if (kpi := _find(found, "oee")) is not None and kpi.value is not None
        ]
        rated = [path for path in every if daemon.plan.plant.assets[path].ideal_rate]
        asset = min(known)[1] if known else next(iter(rated or every), None)
    if asset is None:
        return {"items": [], "asset": None}
    now = operations.kpis(asset)
    try:
        before = operations.kpis(asset, 1)
    except ConfigurationError:
        before = {}  # this is the first shift that the twin has seen
    items = []
    for name, title in _TILES:
        kpi, last = _find(now, name), _find(before, name)
        if kpi is not None:
            items.append(_tile(kpi, last, name, title))
    return {"items": items, "asset": asset, "all": {n: _plain(k) for n, k in now.items()}}


def _find(kpis: dict[str, Kpi], name: str) -> Kpi | None:
    return next((k for key, k in kpis.items() if key.lower().replace(" ", "_") == name), None)


def _tile(kpi: Kpi, last: Kpi | None, name: str, title: str) -> dict[str, Any]:
    share = kpi.unit in ("", "1", "%")
    factor = 100.0 if share and kpi.unit != "%" else 1.0
    return {
        "name": name,
        "title": title,
        "value": None if kpi.value is None else round(kpi.value * factor, 1),
        "unit": "%" if share else kpi.unit,
        "target": None,
        "last": None if last is None or last.value is None else round(last.value * factor, 1),
        "why_unknown": kpi.why_unknown,
        "share": None,
        "formula": kpi.formula,
        "variant": kpi.variant,
        "better": "lower" if name == "scrap_ratio" else "higher",
    }


def _plain(kpi: Kpi) -> dict[str, Any]:
    plain = asdict(kpi)
    return plain | {"start": isoformat(kpi.start), "end": isoformat(kpi.end)}
