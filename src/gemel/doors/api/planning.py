"""Planning: lines of the plant file, and what would come out of them if."""

from __future__ import annotations

import asyncio
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Final

from fastapi import APIRouter
from pydantic import BaseModel, Field

from gemel.core.line.caps import held, stretch
from gemel.doors.api.access import Running, Viewer
from gemel.runtime.daemon import Daemon
from gemel.runtime.line_history import learned_of, limits_of
from gemel.runtime.live_lines import line_of, live_line

router = APIRouter(tags=["planning"])

_PATIENCE_S: Final = 60.0
"""A question is answered after so long, with the alternatives that are finished by then."""


class WhatIfAsked(BaseModel):
    """Alternatives to a line, and how long they are played."""

    tries: list[str] = Field([], max_length=20)
    changes: list[str] = Field([], max_length=20)
    hours: float = Field(8.0, gt=0, le=24 * 365)
    warm_up: float = Field(0.1, ge=0, lt=1)
    replications: int = Field(20, ge=1, le=1_000)
    seed: int = Field(0, ge=0)
    now: bool = Field(False, description="Begin with what stands in the line now")
    repairs: dict[str, str] = Field(
        {}, max_length=100, description="How long the repair of a station still takes, e.g. '2 h'"
    )


class FilmAsked(BaseModel):
    """A line with changes, and how long it is played."""

    changes: list[str] = Field([], max_length=20)
    hours: float = Field(2.0, gt=0, le=24 * 365)
    moments: int = Field(200, ge=2, le=1_000)
    seed: int = Field(0, ge=0)
    now: bool = Field(False, description="Begin with what stands in the line now")
    repairs: dict[str, str] = Field(
        {}, max_length=100, description="How long the repair of a station still takes, e.g. '2 h'"
    )


@router.get("/lines")
async def lines(daemon: Running, _: Viewer) -> list[dict[str, Any]]:
    """The lines of the plant file: stations in the order of the flow."""
    return [
        {
            "name": name,
            "title": line.title or name,
            "caps": {key: cap.most for key, cap in line.caps.items()},
            "stretches": {key: stretch(line, key) for key in line.caps},
            "stations": [
                {
                    "name": key,
                    "title": s.title or key,
                    "asset": s.asset,
                    "after": line.feeders(key),
                    "waiting": s.waiting,
                    "places": s.places,
                }
                for key, s in line.stations.items()
            ],
        }
        for name, line in daemon.plan.lines.items()
    ]


@router.get("/lines/{name}/now")
async def now(name: str, daemon: Running, _: Viewer) -> dict[str, Any]:
    """What stands where in a line now, as a simulation begins with it, and what is not known."""
    found = await asyncio.to_thread(live_line, daemon, name)
    line = line_of(daemon, name)
    return {
        "snapshot": found.written,
        "parts": found.snapshot.parts,
        "under_caps": {cap: held(line, cap, found.snapshot) for cap in line.caps},
        "remarks": list(found.remarks),
    }


@router.get("/lines/{name}/limits")
async def limits(name: str, daemon: Running, _: Viewer, start: str = "-8h") -> dict[str, Any]:
    """What limited a line from `start` until now: utilisation, active period, turning point and
    replay with how sure each is, and over time. An answer is kept for a minute."""
    found = await daemon.planning.seen.ask(
        ("limits", name, start, daemon.plan.hash), lambda: limits_of(daemon, name, start)
    )
    return dict(found)


@router.get("/lines/{name}/learn")
async def learn(name: str, daemon: Running, _: Viewer, start: str = "-8h") -> dict[str, Any]:
    """The line as it is learned from its states and counters since `start`, beside what the plant
    file says, with how well it tells the last third of that time. An answer is kept for a
    minute; nothing is changed."""
    found = await daemon.planning.seen.ask(
        ("learn", name, start, daemon.plan.hash), lambda: learned_of(daemon, name, start)
    )
    return dict(found)


@router.post("/lines/{name}/film")
async def film(name: str, asked: FilmAsked, daemon: Running, _: Viewer) -> dict[str, Any]:
    """One course that a line may take, with changes to it, moment by moment: what waits where, and
    what stations do. What would take much longer than a minute is refused."""
    return await asyncio.to_thread(_filmed, daemon, name, asked)


@router.post("/lines/{name}/what-if")
async def what_if(name: str, asked: WhatIfAsked, daemon: Running, _: Viewer) -> dict[str, Any]:
    """Play a line and alternatives to it on the same luck, from an empty line or from now on. What
    would take much longer than a minute is refused; what is not finished then is left out, and
    `finished` is false."""
    return await asyncio.to_thread(_played, daemon, name, asked)


def _played(daemon: Daemon, name: str, asked: WhatIfAsked) -> dict[str, Any]:
    from gemel.parts.simulators.base import Trial  # compiled; most plants never ask
    from gemel.twin import planning

    line = line_of(daemon, name)
    until = time.monotonic() + _PATIENCE_S
    trial = Trial(None, 3_600 * asked.hours, asked.warm_up, asked.replications, asked.seed)
    more: dict[str, Any] = {}
    if asked.now:
        begun = live_line(daemon, name, asked.repairs)
        line = begun.snapshot.line(line)
        trial = replace(trial, warm_up=0.0, start=begun.snapshot)
        more = {"remarks": list(begun.remarks), "parts_at_start": begun.snapshot.parts}
    planning.refuse_long(line, trial, len(asked.tries))
    with ThreadPoolExecutor(len(os.sched_getaffinity(0)), "what-if") as executor:
        found = planning.what_if(
            line, asked.tries, trial, changes=asked.changes, executor=executor,
            progress=lambda _done, _all: time.monotonic() < until,
        )  # fmt: skip
    told = found.record()
    if asked.tries and told["alternatives"]:
        best = max(told["alternatives"], key=lambda one: one["best"])
        daemon.planning.tried = f"{best['alternative']}, {100 * best['best']:.0f} % sure"
    return told | more


def _filmed(daemon: Daemon, name: str, asked: FilmAsked) -> dict[str, Any]:
    from gemel.parts.simulators.base import STATES, Trial  # compiled; most plants never ask
    from gemel.parts.simulators.events import filmed
    from gemel.twin import planning

    line = line_of(daemon, name)
    trial = Trial(None, 3_600 * asked.hours, 0.0, 1, asked.seed)
    remarks: list[str] = []
    if asked.now:
        begun = live_line(daemon, name, asked.repairs)
        line = begun.snapshot.line(line)
        trial = replace(trial, start=begun.snapshot)
        remarks = list(begun.remarks)
    planning.refuse_long_film(line, trial)
    changes = ", ".join(asked.changes)
    line = planning.with_open_caps(line, [changes])
    scenario = planning.alternatives(line, [changes])
    found = filmed(line, trial, scenario, asked.moments)
    return {
        "line": name,
        "changes": asked.changes,
        "stations": list(found.stations),
        "states": list(STATES),
        "times": found.times.round(3).tolist(),
        "waiting": found.waiting.tolist(),
        "shares": found.states.round(3).tolist(),
        "left": found.left.tolist(),
        "remarks": remarks,
    }
