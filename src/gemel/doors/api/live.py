"""State now: on request, and as it changes over a WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Annotated, Any, Final

import numpy as np
from fastapi import APIRouter, Query, WebSocket, WebSocketDisconnect

from gemel.core import quality as q
from gemel.core.errors import GemelError
from gemel.core.event import Event
from gemel.core.time import isoformat
from gemel.doors.api.access import Running, Viewer, caller
from gemel.doors.api.history import plain_event
from gemel.runtime.daemon import Daemon
from gemel.twin.mirror.mirror import NEVER, Snapshot

router = APIRouter(tags=["state"])

MOST_SIGNALS: Final = 20_000
_LOOK_AGAIN_S: Final = 0.5
"""How often an open socket is held against who may still have it."""


@router.get("/state")
async def state(
    daemon: Running,
    _: Viewer,
    signal: Annotated[list[str], Query(max_length=1_000)],
) -> dict[str, Any]:
    """The last value of each signal, with time, age and quality."""
    numbers = _numbers(daemon, signal)
    now = daemon.clock()
    snapshot = daemon.mirror.snapshot(now)
    return {"now": isoformat(now), "signals": [entry(daemon, snapshot, int(n)) for n in numbers]}


def _numbers(daemon: Daemon, patterns: Sequence[str]) -> Any:
    """Signals of the plan. One of a former plan has to be named in full: it is no longer mirrored,
    and its history stays."""
    planned = np.fromiter(daemon.numbers.values(), np.int32)
    found = []
    for pattern in patterns:
        numbers = daemon.catalogue.find(pattern)
        one = len(numbers) == 1 and daemon.catalogue[int(numbers[0])].path == pattern
        found.append(numbers if one else numbers[np.isin(numbers, planned)])
    return np.unique(np.concatenate(found))[:MOST_SIGNALS] if found else np.empty(0, np.int32)


def entry(daemon: Daemon, snapshot: Snapshot, number: int) -> dict[str, Any]:
    """One signal's state as plain data."""
    known = daemon.catalogue[number]
    time = int(snapshot.time[number])
    value = float(snapshot.value[number])
    quality = int(snapshot.quality[number])
    count = int(snapshot.count[number])
    return {
        "path": known.path,
        "unit": known.unit,
        "value": None if time == NEVER else daemon.catalogue.show(number, value),
        "number": None if time == NEVER or value != value else value,
        "time": None if time == NEVER else isoformat(time),
        "age": None if time == NEVER else round((snapshot.taken - time) / 1e9, 3),
        "quality": q.reason(quality) if time != NEVER else "no sample yet",
        "good": time != NEVER and 0 <= quality < q.UNCERTAIN,
        "score": round(float(snapshot.good[number]) / count, 4) if count else None,
    }


@router.websocket("/live")
async def live(socket: WebSocket) -> None:
    """Changes as they happen.

    The first message says what is wanted: ``{"signals": [glob…], "events": true, "every": 0.2}``
    (seconds, at least 0.05). Then come ``{"now", "signals": [state…], "events": [event…]}``, the
    first with all signals, the others with those that changed.
    """
    daemon: Daemon = socket.app.state.daemon
    if caller(socket) is None:
        await socket.close(4401, "log in first")
        return
    await socket.accept()
    queue: asyncio.Queue[Event] = asyncio.Queue(1_000)

    def on_events(events: Sequence[Event]) -> None:
        for event in events:
            if not queue.full():
                queue.put_nowait(event)

    stop = daemon.listen(on_events)
    try:
        wanted = await socket.receive_json()
        patterns = [str(p) for p in wanted.get("signals", [])][:1_000]
        _numbers(daemon, patterns)  # a wrong one is told now
        every = max(0.05, min(60.0, float(wanted.get("every", 0.2))))
        events = queue if wanted.get("events") else None
        following = asyncio.ensure_future(_follow(socket, daemon, patterns, every, events))
        leaving = asyncio.ensure_future(_left(socket))
        ending = asyncio.ensure_future(_ended(socket))
        tasks = (following, leaving, ending)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if not ending.cancelled():
            await socket.close(4401, "the session or token has ended")
    except (WebSocketDisconnect, RuntimeError):
        return
    except (GemelError, ValueError, TypeError, AttributeError) as error:
        await socket.close(4400, str(error)[:120])
    finally:
        stop()


async def _left(socket: WebSocket) -> None:
    """Until the other side is gone; what it says meanwhile is not asked for."""
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        while True:
            await socket.receive_text()


async def _ended(socket: WebSocket) -> None:
    """Until the session or token that opened the socket is no longer valid."""
    while caller(socket) is not None:  # noqa: ASYNC110 - another process may revoke it
        await asyncio.sleep(_LOOK_AGAIN_S)


async def _follow(
    socket: WebSocket,
    daemon: Daemon,
    patterns: Sequence[str],
    every: float,
    queue: asyncio.Queue[Event] | None,
) -> None:
    plan = None
    while True:
        if plan is not daemon.plan:
            # Of another plant file all is sent, as at the beginning.
            plan, numbers, first = daemon.plan, _numbers(daemon, patterns), True
            seen_time = np.full(len(numbers), NEVER)
            seen_quality = np.full(len(numbers), -1, np.int16)
        now = daemon.clock()
        snapshot = daemon.mirror.snapshot(now)
        time, quality = snapshot.time[numbers], snapshot.quality[numbers]
        changed = (time != seen_time) | (quality != seen_quality) | first
        events = []
        while queue is not None and not queue.empty():
            events.append(plain_event(queue.get_nowait()))
        if changed.any() or events or first:
            await socket.send_json(
                {
                    "now": isoformat(now),
                    "signals": [entry(daemon, snapshot, int(n)) for n in numbers[changed]],
                    "events": events,
                }
            )
        seen_time, seen_quality, first = time, quality, False
        await asyncio.sleep(every)
