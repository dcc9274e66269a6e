"""Samples that are pushed in."""

from __future__ import annotations

from typing import Any

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
    told = request.headers.get("content-length", "")
    if told.isdigit() and int(told) > LARGEST:
        raise HTTPException(413, f"the body has {told} bytes, at most {LARGEST}; send it in parts")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            raise HTTPException(413, f"the body has more than {LARGEST} bytes; send it in parts")
    answer = await daemon.receive(name, bytes(body), request.headers.get("content-type", ""))
    if not answer.stored and answer.rejected:
        first = next(iter(answer.rejected))
        raise DataError(f"nothing could be stored: {first}")
    return {"stored": answer.stored, "rejected": answer.rejected}
