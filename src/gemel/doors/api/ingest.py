"""Samples that are pushed in."""

from __future__ import annotations

from typing import Any

import numpy as np
from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException

from gemel.core.errors import DataError
from gemel.doors.api.access import Operator, Running

router = APIRouter(tags=["ingest"])

LARGEST = 64 * 1024 * 1024


@router.post("/connectors/{name}/samples")
async def push(name: str, request: Request, daemon: Running, _: Operator) -> dict[str, Any]:
    """Store samples; the answer comes when they are on disk.

    The body is an Arrow IPC stream (application/vnd.apache.arrow.stream) with the columns signal
    (path or number), time (ns or timestamp), value and perhaps quality; or JSON lines
    (application/x-ndjson), ``{"signal": path, "time": ISO or ns, "value": …}`` each. 503 means not
    stored: send it again; what was stored before is recognised.
    """
    body = await read_body(request, LARGEST)
    answer = await daemon.receive(name, body, request.headers.get("content-type", ""))
    if not answer.stored and answer.rejected:
        first = next(iter(answer.rejected))
        raise DataError(f"nothing could be stored: {first}")
    return {"stored": answer.stored, "rejected": answer.rejected}


async def read_body(request: Request, most: int) -> bytes | memoryview:
    """The body, each part of it copied once, while it is warm; 413 beyond `most` bytes."""
    told = request.headers.get("content-length", "")
    announced = int(told) if told.isdigit() else None
    if announced is not None and announced > most:
        raise HTTPException(413, f"the body has {told} bytes, at most {most:,} are taken")
    whole = np.empty(announced or 0, np.uint8).data
    parts: list[bytes] = []
    length = 0
    async for part in request.stream():
        if length + len(part) > (most if announced is None else announced):
            raise HTTPException(413, f"the body has more than {most:,} bytes")
        if announced is None:
            parts.append(part)
        else:
            whole[length : length + len(part)] = part
        length += len(part)
    return b"".join(parts) if announced is None else whole[:length]
