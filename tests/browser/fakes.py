"""Routes of rooms that a test plays: alarms, decisions, key figures, story, plant file.

They stand in front of the application's own, in the shapes that the pages expect.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, HTTPException
from pydantic import BaseModel

from gemel.core.time import SECOND, isoformat


class Room:
    """What the played rooms remember."""

    def __init__(self, asset: str, signal: str) -> None:
        now = time.time_ns()
        self.present = True
        """Whether the twin has these rooms; without them their routes are not found."""
        self.said: list[tuple[str, dict[str, Any]]] = []
        self.alarms: list[dict[str, Any]] = [
            {
                "id": "level", "name": "filler_level", "asset": asset,
                "title": "Filler level deviation", "priority": "high",
                "state": "unacknowledged",
                "since": isoformat(now - 180 * SECOND),
                "acknowledged_by": None, "shelved_until": None,
                "consequence": "bottles are rejected", "response": "look at valve 14",
                "respond_by": isoformat(now + 420 * SECOND),
                "why": ["fill level 503.6 ml > 502.5 ml for 30 s"],
                "chattering": False, "first_out": True,
                "limits": [{"signal": signal, "value": 502.5}],
            },
            {
                "id": "glue", "name": "glue", "asset": asset, "title": "Glue is cold",
                "priority": "low", "state": "acknowledged", "since": isoformat(now - 900 * SECOND),
                "acknowledged_by": "eva", "shelved_until": None, "consequence": "",
                "response": "wait for it to heat up", "respond_by": None, "why": [],
                "chattering": True, "first_out": False,
            },
        ]  # fmt: skip
        self.proposals: list[dict[str, Any]] = [
            {
                "id": "p1", "asset": asset, "command": f"{asset}/set_speed",
                "title": "until valve 14 is serviced", "action": "Slow the filler by 4 %",
                "value": 21_500.0, "unit": "1/h",
                "present": 22_400.0, "waiting": True,
                "effects": [
                    {"text": "Level deviation", "from": 3.6, "to": 0.9, "low": 0.4, "high": 1.5,
                     "unit": "ml"},
                    {"text": "Bottles this order", "from": None, "to": -310, "low": -420,
                     "high": -190, "unit": ""},
                ],
                "reason": "valve 14 opens 9 % longer since the changeover",
                "evidence": {"similar_cases": 6, "solved": 5},
                "envelope": {"ok": True, "sentence": "within, 8 % left", "low": 6000,
                             "high": 26000},
                "state": "checked", "needs": "1 approval",
                "expires": isoformat(now + 600 * SECOND), "said": "",
                "proposed_by": "rule slow_filler", "time": isoformat(now - 60 * SECOND),
            }
        ]  # fmt: skip
        self.stopped: dict[str, str] = {}
        self.former: list[dict[str, str]] = []
        self.text = "format: 1\nplant:\n  site: Northfield\n"


class Note(BaseModel):
    note: str = ""


class Shelving(BaseModel):
    minutes: float
    reason: str


class Place(BaseModel):
    place: str
    reason: str


class Reason(BaseModel):
    reason: str


class Value(BaseModel):
    value: float


class Wish(BaseModel):
    command: str
    value: float
    reason: str


class File(BaseModel):
    text: str
    hash: str = ""


def add_fakes(app: FastAPI, room: Room) -> None:
    """Put the played routes in front of the application's own."""
    before = len(app.router.routes)
    app.include_router(_router(room), prefix="/api", dependencies=[Depends(_present(room))])
    routes = app.router.routes
    routes[:] = routes[before:] + routes[:before]


def _present(room: Room) -> Callable[[], None]:
    def check() -> None:
        if not room.present:
            raise HTTPException(404, "no such path")

    return check


def _router(room: Room) -> APIRouter:
    router = APIRouter()

    def alarm(name: str) -> dict[str, Any]:
        return next(a for a in room.alarms if a["id"] == name)

    def proposal(name: str) -> dict[str, Any]:
        return next(p for p in room.proposals if p["id"] == name)

    @router.get("/alarms")
    async def alarms() -> dict[str, Any]:
        kpis = {"annunciated": len(room.alarms), "rate": 0.4, "flood_share": None}
        shelved = [a for a in room.alarms if a["state"] == "shelved"]
        return {
            "items": [a for a in room.alarms if a not in shelved],
            "aside": shelved,
            "kpis": kpis,
        }

    @router.post("/alarms/{name}/acknowledge")
    async def acknowledge(name: str, body: Note) -> dict[str, Any]:
        alarm(name).update(state="acknowledged", acknowledged_by="anna")
        room.said.append(("acknowledge", body.model_dump()))
        return {}

    @router.post("/alarms/{name}/shelve")
    async def shelve(name: str, body: Shelving) -> dict[str, Any]:
        until = isoformat(time.time_ns() + int(body.minutes * 60 * SECOND))
        alarm(name).update(state="shelved", shelved_until=until)
        room.said.append(("shelve", body.model_dump()))
        return {}

    @router.post("/alarms/{name}/unshelve")
    async def unshelve(name: str) -> dict[str, Any]:
        alarm(name).update(state="unacknowledged", shelved_until=None)
        return {}

    @router.get("/proposals")
    async def proposals() -> dict[str, Any]:
        commands = [
            {"path": p["command"], "title": "", "asset": p["asset"], "unit": "1/h", "armed": True,
             "low": 6000, "high": 26000}
            for p in room.proposals
        ]  # fmt: skip
        return {"items": room.proposals, "stopped": room.stopped, "problem": "",
                "commands": commands}  # fmt: skip

    @router.post("/kill")
    async def kill(body: Place) -> dict[str, Any]:
        room.stopped[body.place] = body.reason
        return {"stopped": room.stopped}

    @router.post("/release")
    async def release(body: Place) -> dict[str, Any]:
        room.stopped.pop(body.place)
        return {"stopped": room.stopped}

    @router.post("/proposals/{name}/approve")
    async def approve(name: str, body: Note) -> dict[str, Any]:
        proposal(name).update(state="approved", waiting=False, needs="")
        room.said.append(("approve", body.model_dump()))
        return proposal(name)

    @router.post("/proposals/{name}/decline")
    async def decline(name: str, body: Reason) -> dict[str, Any]:
        proposal(name).update(state="declined", waiting=False)
        room.said.append(("decline", body.model_dump()))
        return {}

    @router.post("/proposals/{name}/try")
    async def try_value(name: str, body: Value) -> dict[str, Any]:
        ok = body.value <= 26_000
        sentence = "within, 12 % left" if ok else f"{body.value:g} is above 26000"
        return {"state": "checked", "envelope": {"ok": ok, "sentence": sentence}}

    @router.post("/commands")
    async def command(body: Wish) -> dict[str, Any]:
        room.said.append(("command", body.model_dump()))
        return {"state": "checked", "needs": "1 approval"}

    @router.get("/journal")
    async def journal(limit: int = 200) -> dict[str, Any]:
        entry = {
            "sequence": 1, "time": isoformat(time.time_ns() - 90 * SECOND), "kind": "proposed",
            "actor": "rule slow_filler", "subject": "line2/filler/set_speed", "command_id": "p1",
            "payload": {"title": "Slow the filler by 4 %", "value": 21_500.0, "unit": "1/h"},
            "hash": "9f2c41aa07be",
        }  # fmt: skip
        return {"items": [entry][:limit], "verified": True, "faults": []}

    @router.get("/kpis")
    async def kpis() -> dict[str, Any]:
        def kpi(name: str, title: str, value: float | None, unit: str, **more: Any) -> Any:
            empty = {"target": None, "last": None, "why_unknown": None, "share": None}
            return {"name": name, "title": title, "value": value, "unit": unit, **empty, **more}

        return {
            "items": [
                kpi("oee", "OEE, this shift", 71.4, "%", target=82.0, last=79.8, share=0.714),
                kpi("availability", "Availability", 88.1, "%", target=90.0, share=0.881),
                kpi("effectiveness", "Effectiveness", 82.7, "%", target=91.0, share=0.827),
                kpi("quality", "Quality", 98.0, "%", target=99.0, share=0.98),
                kpi("energy", "Energy", 6.8, "Wh/bottle", target=6.5, share=0.6, better="lower"),
                kpi("ready", "Order ready", None, "", why_unknown="no order runs"),
            ]
        }

    @router.get("/story")
    async def story() -> dict[str, Any]:
        last = "gemel discover opc.tcp://… -o plant.yaml && gemel run plant.yaml"
        steps = [
            {"key": "line", "title": "A line", "text": "It runs.", "done": True, "link": "/"},
            {"key": "valve", "title": "A valve wears",
             "text": "Valve 14 opens longer; the level drifts.",
             "done": False, "link": "/health"},
            {"key": "yours", "title": "Now yours", "text": last, "done": False, "link": None},
        ]  # fmt: skip
        return {"steps": steps, "now": "valve"}

    @router.get("/plant-file")
    async def plant_file() -> dict[str, Any]:
        return {"text": room.text, "hash": f"{hash(room.text):x}", "problems": [],
                "former": room.former}  # fmt: skip

    @router.post("/plant-file/check")
    async def check(body: File) -> dict[str, Any]:
        if "colour" not in body.text:
            return {"problems": []}
        line = body.text[: body.text.index("colour")].count("\n") + 1
        return {
            "problems": [
                {
                    "where": f"plant.yaml:{line}",
                    "line": line,
                    "severity": "error",
                    "message": "no field 'colour'",
                }
            ]
        }

    @router.put("/plant-file")
    async def save(body: File) -> dict[str, Any]:
        room.former.insert(0, {"name": f"{time.time_ns()}-anna.yaml", "text": room.text})
        room.text = body.text
        return {"hash": f"{hash(body.text):x}", "problems": [], "restart": False,
                "sentence": "changed signal 'line2/filler/level'; kept all else"}  # fmt: skip

    return router
