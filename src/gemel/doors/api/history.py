"""History: rows, aggregates, charts and events."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Annotated, Any, Final, Literal, TypeAlias

import numpy as np
import pyarrow as pa
from fastapi import APIRouter, Depends, Query, Response

from gemel.core.errors import ConfigurationError, DataError
from gemel.core.event import BEFORE_START, Event
from gemel.core.time import isoformat, parse_time, zone
from gemel.doors.api.access import Running, Viewer
from gemel.runtime.answers import Question, answer
from gemel.runtime.daemon import Daemon

router = APIRouter(tags=["history"])

MOST_JSON: Final = 100_000
MOST_ARROW: Final = 10_000_000

Patterns = Annotated[list[str], Query(alias="signal", max_length=1_000)]


def _question(
    signal: Patterns,
    start: str | None = None,
    end: str | None = None,
    every: str | None = None,
    at: str | None = None,
    as_of: str | None = None,
    limit: Annotated[int | None, Query(ge=1)] = None,
) -> Question:
    return Question(tuple(signal), start, end, every, at, as_of, limit)


Asked: TypeAlias = Annotated[Question, Depends(_question)]


async def _answer(daemon: Daemon, question: Question, most: int) -> pa.Table:
    wanted = question.limit or most
    if wanted > most:
        raise ConfigurationError(f"limit {wanted} is more than {most} rows; ask for less at a time")
    raw = question.at is None and question.every is None
    asked = replace(question, limit=min(wanted, most) + 1 if raw else None)
    local = zone(daemon.plan.plant.plant.time_zone)
    table = await asyncio.to_thread(answer, daemon.store, asked, daemon.clock(), local)
    if question.limit is not None:
        return table.slice(0, question.limit)
    if table.num_rows > most:
        raise DataError(
            f"the answer has more than {most} rows; shorten the time, or ask for steps with `every`"
        )
    return table


@router.get("/history")
async def rows(daemon: Running, _: Viewer, question: Asked) -> dict[str, Any]:
    """History as columns of plain data; times are ISO 8601 text, NaN is null."""
    table = await _answer(daemon, question, MOST_JSON)
    columns: dict[str, list[Any]] = {}
    for name in table.schema.names:
        values = table.column(name).to_pylist()
        if name == "time":
            values = [isoformat(v) for v in values]
        elif values and any(isinstance(v, float) for v in values):
            values = [None if v is None or v != v else v for v in values]
        columns[name] = values
    return columns


@router.get("/history.arrow")
async def arrow(daemon: Running, _: Viewer, question: Asked) -> Response:
    """The same as an Arrow IPC stream; times are ns."""
    table = await _answer(daemon, question, MOST_ARROW)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return Response(sink.getvalue().to_pybytes(), media_type="application/vnd.apache.arrow.stream")


@router.get("/sketch")
async def sketch(
    daemon: Running,
    _: Viewer,
    signal: str,
    start: str = "-1h",
    end: str = "now",
    points: Annotated[int, Query(ge=8, le=20_000)] = 1_500,
) -> dict[str, Any]:
    """A signal for a chart: every extreme is kept, times are ms, gaps are listed."""
    now = daemon.clock()
    local = zone(daemon.plan.plant.plant.time_zone)
    first, last = parse_time(start, local, now), parse_time(end, local, now)
    number = daemon.catalogue.number(signal)
    table = await asyncio.to_thread(daemon.store.sketch, number, first, last, points)
    time, value, quality = (table.column(n).to_numpy() for n in ("time", "value", "quality"))
    usable = (quality >= 0) & ~np.isnan(value)
    connector = daemon.planned[signal].connector if signal in daemon.planned else None
    gaps = await asyncio.to_thread(daemon.store.events, "gap", None, first, last)
    return {
        "signal": signal,
        "unit": daemon.catalogue[number].unit,
        "start": first // 1_000_000,
        "end": last // 1_000_000,
        "time": (time / 1e6).tolist(),
        "value": [float(v) if ok else None for v, ok in zip(value.tolist(), usable, strict=True)],
        "gaps": [
            {
                "start": g.time / 1e6,
                "end": (g.end or now) / 1e6,
                "refilled": bool(g.payload.get("refilled")),
                "reason": g.payload.get("reason", ""),
            }
            for g in gaps
            if g.subject == connector
            and not (g.payload.get("refilled") and g.payload.get("reason") == BEFORE_START)
            and (not g.payload.get("signals") or number in g.payload["signals"])
        ],
    }


@router.get("/events")
async def events(
    daemon: Running,
    _: Viewer,
    kind: str | None = None,
    subject: str | None = None,
    start: str | None = None,
    end: str | None = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 200,
    order: Literal["newest", "oldest"] = "newest",
) -> list[dict[str, Any]]:
    """What happened: gaps, findings, alarms, orders, stops, commands."""
    now = daemon.clock()
    local = zone(daemon.plan.plant.plant.time_zone)
    first = None if start is None else parse_time(start, local, now)
    last = None if end is None else parse_time(end, local, now)
    found = await asyncio.to_thread(daemon.store.events, kind, subject, first, last, limit, order)
    return [plain_event(e) for e in found]


def plain_event(event: Event) -> dict[str, Any]:
    """An Event as plain data."""
    return {
        "id": event.id,
        "kind": event.kind,
        "subject": event.subject,
        "time": isoformat(event.time),
        "end": None if event.end is None else isoformat(event.end),
        "lasts": event.lasts,
        "known": isoformat(event.known),
        "source": event.source,
        "cause": event.cause,
        "payload": dict(event.payload),
    }
