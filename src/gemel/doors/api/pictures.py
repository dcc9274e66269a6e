"""Pictures: which were taken, what was said of them, and how they look."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal, TypeAlias

from fastapi import APIRouter, Path, Query, Request, Response

from gemel.core.errors import Unknown
from gemel.core.event import make_id
from gemel.core.time import DAY, isoformat, parse_time, zone
from gemel.doors.api.access import Operator, Running, Viewer
from gemel.doors.api.ingest import read_body
from gemel.runtime.daemon import Daemon
from gemel.runtime.pictures.folder import LARGEST
from gemel.runtime.pictures.ledger import Picture

router = APIRouter(tags=["pictures"])

Id: TypeAlias = Annotated[str, Path(pattern=r"^([0-9]{1,18}|[0-9a-f]{64})$")]

_BACK: Final = 7 * DAY
_KEEP = {
    # What a number means never changes; but it is for who is logged in, not for a proxy.
    "Cache-Control": "private, max-age=31536000, immutable",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}


@router.get("/pictures")
async def tasks(daemon: Running, _: Viewer) -> list[dict[str, Any]]:
    """Every task that looks at pictures, with what it has counted since it began."""
    return await daemon.pictures.reports()


@router.get("/pictures/{task}")
async def pictures(
    task: str,
    daemon: Running,
    _: Viewer,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 50,
    before: Annotated[
        int | None, Query(ge=1, le=2**63 - 1, description="Those before the picture `id`")
    ] = None,
    state: Literal["", "waiting", "good", "rejected", "failed"] = "",
    finding: Annotated[str, Query(max_length=64)] = "",
) -> list[dict[str, Any]]:
    """The pictures of a task that are kept, the newest first."""
    found = await daemon.pictures.listed(task, limit, before, state, finding)
    answers = await _answers(daemon, found)
    return [_plain(one, answers) for one in found]


@router.post("/pictures/{task}")
async def send(
    task: str,
    request: Request,
    daemon: Running,
    _: Operator,
    name: Annotated[str, Query(max_length=200, description="For people, e.g. of the part")] = "",
    time: Annotated[str | None, Query(description="When it was taken; now if not given")] = None,
) -> dict[str, Any]:
    """Have a picture looked at. The body is a file in PNG, JPEG, BMP or TIFF; the answer comes when
    it is on disk, and `GET` of its number says what came of it. The same file sent again for the
    same time, or both times without one, is recognised. 422 for what is no picture, 503 when too
    many wait: send it again later."""
    work = daemon.pictures.task(task)
    with daemon.pictures.receiving():
        body = bytes(await read_body(request, LARGEST))
        now, local = daemon.clock(), zone(daemon.plan.plant.plant.time_zone)
        moment = None if time is None else parse_time(time, local, now)
        picture, fresh = await work.take(body, name, moment)
    return {**_plain(picture, {}), "repeated": not fresh}


@router.get("/pictures/{task}/{id}")
async def picture(task: str, id: Id, daemon: Running, _: Viewer) -> dict[str, Any]:
    """What is known of one picture, by its number or the hash of its content."""
    one = await daemon.pictures.picture(task, id)
    return _plain(one, await _answers(daemon, [one]))


@router.get("/pictures/{task}/{id}/{what}")
async def content(
    task: str,
    id: Id,
    what: Literal["original", "view", "heat"],
    daemon: Running,
    _: Viewer,
    request: Request,
) -> Response:
    """The picture as it came; a small one in grey, as the model sees it (JPEG); or what is to be
    laid over it from edge to edge: red where it is unlike good parts (PNG, a pixel a cell)."""
    one = await daemon.pictures.picture(task, id)
    kinds = {"original": (one.hash, one.media), "view": (one.view, "image/jpeg"),
             "heat": (one.heat, "image/png")}  # fmt: skip
    hash, media = kinds[what]
    if not hash:
        raise Unknown(f"picture {one.id} of task '{task}' is {one.state} and has no {what}")
    headers = {**_KEEP, "ETag": f'"{hash}"'}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    ending = media.partition("/")[2]
    headers["Content-Disposition"] = f'inline; filename="{what}-{one.id}.{ending}"'
    body = await daemon.pictures.content(hash)
    return Response(body, media_type=media, headers=headers)


async def _answers(daemon: Daemon, pictures: Sequence[Picture]) -> dict[str, str]:
    """What people said of the findings of these pictures, by the id with which each began."""
    first = min((one.time for one in pictures if one.finding), default=None)
    if first is None:
        return {}
    labels = await asyncio.to_thread(
        # A finding may have begun long before the first of these.
        daemon.store.events,
        "label",
        start=first - _BACK,
        limit=10_000,
    )
    return {
        make_id(str(e.payload["detector"]), "finding", e.subject, e.time): str(e.payload["answer"])
        for e in labels
    }


def _plain(one: Picture, answers: dict[str, str]) -> dict[str, Any]:
    return {
        "id": one.id, "task": one.task, "name": one.name, "source": one.source,
        "time": isoformat(one.time), "received": isoformat(one.received), "state": one.state,
        "score": one.score, "limit": one.bound, "over": one.over, "note": one.note,
        "model": one.model, "finding": one.finding, "answer": answers.get(one.finding, ""),
        "hash": one.hash, "media": one.media,
        "width": one.width, "height": one.height, "bytes": one.bytes,
        "has": [what for what, hash in (("original", one.hash), ("view", one.view),
                                        ("heat", one.heat)) if hash],
    }  # fmt: skip
