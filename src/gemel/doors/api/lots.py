"""Lots: where they were, what is in them, who holds them back, and their release records."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from gemel.core.errors import ConfigurationError, Refused, Unknown, did_you_mean
from gemel.core.time import isoformat, parse_time, zone
from gemel.doors.api.access import Operator, Running, Viewer
from gemel.runtime.access import Access, Actor
from gemel.runtime.daemon import Daemon
from gemel.runtime.lots import Genealogy, genealogy, listed
from gemel.runtime.releases import content, file_of, open_points, sealed, told_hold
from gemel.runtime.signing import SigningKey
from gemel.twin.decisions.record import digest_of
from gemel.twin.operations.lots import LotAbout, Made, Reached
from gemel.twin.operations.lots.book import LotName, Part

router = APIRouter(tags=["lots"])

Words = Annotated[str, Field(min_length=1, max_length=1_000, pattern=r"\S")]
Lot = Annotated[str, Query(max_length=200)]


class MadeAsked(BaseModel):
    """A lot was made of others at an asset; of none: it was there."""

    made: LotName
    of: tuple[Part, ...] = Field((), max_length=1_000)
    asset: str = Field(max_length=512)
    start: str = Field(description="Local or absolute time")
    end: str = Field("", description="The same as `start` if empty")
    quantity: float | None = Field(None, gt=0)
    unit: str = Field("", max_length=40)
    note: str = Field("", max_length=1_000)


class MadeAll(BaseModel):
    """Statements that are taken together, or none of them."""

    statements: tuple[MadeAsked, ...] = Field(min_length=1, max_length=10_000)


class Withdrawn(BaseModel):
    """A statement that was wrong."""

    statement: str
    reason: Words


class HoldAsked(BaseModel):
    """Lots to hold back: those named, or all that a suspect window reaches."""

    lots: tuple[LotName, ...] = Field((), max_length=10_000)
    asset: str = Field("", max_length=512)
    start: str = ""
    end: str = ""
    finding: str = Field("", description="Its asset and time are the window, as far as not given")
    reason: Words


class Judged(BaseModel):
    """What becomes of lots."""

    lots: tuple[LotName, ...] = Field(min_length=1, max_length=10_000)
    reason: Words


class ReleaseAsked(BaseModel):
    """A signature: who, with the password, and what it means."""

    lot: LotName
    person: str = Field("", description="Who signs; whoever is logged in if empty")
    password: str = Field(min_length=1, max_length=1_000)
    meaning: str = Field("released for delivery", min_length=1, max_length=200)
    comment: str = Field("", max_length=2_000)
    content: str = Field("", description="Hash of what the signer saw, as /lots/about gives it")


@router.get("/lots")
async def lots(
    daemon: Running, _: Viewer, start: str = "-24h", as_of: str | None = None
) -> dict[str, Any]:
    """Every lot that was seen since `start` or of which something was said, the last first."""

    def told() -> dict[str, Any]:
        found = _genealogy(daemon, start, as_of)
        return {"start": isoformat(found.start), "end": isoformat(found.end),
                "items": listed(found)}  # fmt: skip

    return await asyncio.to_thread(told)


@router.get("/lots/about")
async def about(lot: Lot, daemon: Running, _: Viewer, start: str | None = None) -> dict[str, Any]:
    """All that is known of a lot: what a release record of it would say, what speaks against one,
    what was made of it, and what was stated."""
    return await asyncio.to_thread(_about, daemon, lot, start)


@router.get("/lots/trace")
async def trace(
    lot: Lot,
    daemon: Running,
    _: Viewer,
    direction: Literal["forward", "backward"] = "forward",
    start: str | None = None,
    as_of: str | None = None,
) -> dict[str, Any]:
    """What was made of a lot, or what it was made of, each with the way that leads there."""

    def told() -> dict[str, Any]:
        found = _genealogy(daemon, start, as_of)
        return {"lot": lot, "direction": direction,
                "items": [_reached(r, found) for r in found.traced(lot, direction)]}  # fmt: skip

    return await asyncio.to_thread(told)


@router.get("/lots/suspects")
async def suspects(
    daemon: Running,
    _: Viewer,
    asset: str = "",
    start: str = "",
    end: str = "",
    finding: str = "",
    as_of: str | None = None,
) -> dict[str, Any]:
    """Lots that were at an asset in a window, or while a finding lasted, and all that was made of
    them."""

    def told() -> dict[str, Any]:
        window = _window(daemon, asset, start, end, finding)
        found, reached, notes = _suspects(daemon, window, as_of)
        return {
            "asset": window[0], "start": isoformat(window[1]), "end": isoformat(window[2]),
            "finding": finding, "items": [_reached(r, found) for r in reached], "notes": notes,
        }  # fmt: skip

    return await asyncio.to_thread(told)


@router.post("/lots/made")
async def made(asked: MadeAll, daemon: Running, actor: Operator) -> dict[str, Any]:
    """State what was made of what. The same, said again, changes nothing; what is made of a lot on
    hold is held."""
    now, local = daemon.clock(), zone(daemon.plan.plant.plant.time_zone)
    statements = []
    for one in asked.statements:
        _must_know(daemon, one.asset)
        start = parse_time(one.start, local, now)
        statements.append(Made(
            made=one.made, of=one.of, asset=one.asset, start=start,
            end=parse_time(one.end, local, now) if one.end else start, quantity=one.quantity,
            unit=one.unit, note=one.note,
        ))  # fmt: skip
    ids = await daemon.rooms.lots.state(statements, actor)
    book = daemon.rooms.lots.book
    return {"statements": ids, "on_hold": [lot for lot in dict.fromkeys(s.made for s in statements)
                                           if book.about(lot).held]}  # fmt: skip


@router.post("/lots/withdraw")
async def withdraw(asked: Withdrawn, daemon: Running, actor: Operator) -> dict[str, Any]:
    """A statement was wrong; it stays in the journal, and holds no longer."""
    await daemon.rooms.lots.withdraw(asked.statement, actor, asked.reason)
    return {"statement": asked.statement}


@router.post("/lots/hold")
async def hold(asked: HoldAsked, daemon: Running, actor: Operator) -> list[dict[str, Any]]:
    """Hold lots back. Of a window all that it reaches, or those of them that are named."""
    reached, why = await asyncio.to_thread(_to_hold, daemon, asked)
    held = await daemon.rooms.lots.hold(reached, actor, asked.reason, why)
    return [_plain(lot) for lot in held]


@router.post("/lots/clear")
async def clear(asked: Judged, daemon: Running, actor: Operator) -> list[dict[str, Any]]:
    """End the holds of lots; takes an engineer."""
    return [_plain(x) for x in await daemon.rooms.lots.clear(asked.lots, actor, asked.reason)]


@router.post("/lots/scrap")
async def scrap(asked: Judged, daemon: Running, actor: Operator) -> list[dict[str, Any]]:
    """Scrap lots, for good; takes an engineer."""
    return [_plain(x) for x in await daemon.rooms.lots.scrap(asked.lots, actor, asked.reason)]


@router.post("/lots/release")
async def release(
    asked: ReleaseAsked, daemon: Running, actor: Operator, request: Request
) -> dict[str, Any]:
    """Sign that a lot may go, with name and password once more; takes an engineer."""
    signer = await asyncio.to_thread(
        _signer, request.app.state.access, asked.person or actor.name, asked.password
    )
    record = await daemon.rooms.lots.released(
        asked.lot, signer,
        lambda book: sealed(daemon, asked.lot, signer, asked.meaning, asked.comment,
                            asked.content, book),
    )  # fmt: skip
    return {"lot": asked.lot, "record": record, "signed_by": signer.name}


@router.get("/lots/records/{record}")
async def record(record: str, daemon: Running, _: Viewer) -> Response:
    """A release record, as it was signed."""
    body = await asyncio.to_thread(file_of, daemon.folder, daemon.rooms.lots.book, record)
    name = f'attachment; filename="release-{record[:12]}.json"'
    return Response(body, media_type="application/json", headers={"Content-Disposition": name})


@router.get("/lots/key")
async def key(daemon: Running, _: Viewer) -> dict[str, str]:
    """The plant's public key, to verify release records with."""
    pem = await asyncio.to_thread(lambda: SigningKey.of(daemon.folder).pem.decode())
    return {"algorithm": "Ed25519", "pem": pem}


def _signer(access: Access, name: str, password: str) -> Actor:
    """Who the password belongs to: a signature is of a person who is there, not of a session."""
    try:
        secret = access.log_in(name, password)
    except Refused as error:
        raise Refused(
            f"not signed, {error}; who signs is a person with a password, see `gemel people set`"
        ) from None
    actor = access.who(secret)
    access.end(secret)
    if actor is None:
        raise Refused(f"not signed: {name} was removed")
    return actor


# What reads history is not for the event loop.


def _about(daemon: Daemon, lot: str, start: str | None) -> dict[str, Any]:
    found = _genealogy(daemon, start, None)
    known = content(daemon, lot, found)
    said = found.book.about(lot)
    return {
        **known, "state": said.state, "speaks_against_it": open_points(known, said),
        "content": digest_of(known), "went_into": [_reached(r, found) for r in
                                                   found.traced(lot, "forward")],
        "came_from": [_reached(r, found) for r in found.traced(lot, "backward")],
        "statements": [_statement(found, made) for made in found.book.made.values()
                       if lot in (made.made, *(part.lot for part in made.of))],
        "records": [{**dict(said.payload), "time": isoformat(said.time), "by": said.actor}
                    for said in said.releases],
    }  # fmt: skip


def _to_hold(daemon: Daemon, asked: HoldAsked) -> tuple[dict[str, Reached | None], dict[str, Any]]:
    """The lots with how each was reached, and which window is behind it."""
    reached: dict[str, Reached | None] = dict.fromkeys(asked.lots)
    if not asked.asset and not asked.finding:
        return reached, {}
    asset, start, end = _window(daemon, asked.asset, asked.start, asked.end, asked.finding)
    _, found, _ = _suspects(daemon, (asset, start, end), None)
    ways = {r.lot: r for r in found}
    if strange := [lot for lot in asked.lots if lot not in ways]:
        raise ConfigurationError(f"the window does not reach '{strange[0]}'; it reaches "
                                 f"{', '.join(ways) or 'no lot'}")  # fmt: skip
    reached = {lot: ways[lot] for lot in asked.lots or ways}
    why = {"asset": asset, "start": isoformat(start), "end": isoformat(end)}
    return reached, why | ({"finding": asked.finding} if asked.finding else {})


def _genealogy(daemon: Daemon, start: str | None, as_of: str | None) -> Genealogy:
    now, local = daemon.clock(), zone(daemon.plan.plant.plant.time_zone)
    first = None if start is None else parse_time(start, local, now)
    known = None if as_of is None else parse_time(as_of, local, now)
    return genealogy(daemon, first, None, known)


def _window(daemon: Daemon, asset: str, start: str, end: str, finding: str) -> tuple[str, int, int]:
    """The suspect window: what is given, the rest from the finding."""
    now, local = daemon.clock(), zone(daemon.plan.plant.plant.time_zone)
    first = parse_time(start, local, now) if start else None
    last = parse_time(end, local, now) if end else None
    if finding:
        events = daemon.store.events("finding", limit=10_000)
        event = next((e for e in events if finding in (e.id, e.supersedes)), None)
        if event is None:
            raise Unknown(f"there is no finding '{finding}'")
        asset = asset or event.subject
        first = event.time if first is None else first
        last = (event.end or now) if last is None else last
    _must_know(daemon, asset)
    if first is None:
        raise ConfigurationError("since when is it suspect? Give start, e.g. '-2h' or '09:30'")
    last = now if last is None else last
    if first > last:
        raise ConfigurationError(
            f"the window begins at {isoformat(first)}, after its end {isoformat(last)}"
        )
    return asset, first, last


def _suspects(
    daemon: Daemon, window: tuple[str, int, int], as_of: str | None
) -> tuple[Genealogy, list[Reached], list[str]]:
    asset, start, end = window
    found = _genealogy(daemon, None, as_of)
    if start < found.start:
        found = genealogy(daemon, start, None, found.as_of)
    reached, notes = found.suspects(asset, start, end)
    return found, reached, notes


def _must_know(daemon: Daemon, asset: str) -> None:
    known = daemon.plan.plant.assets
    if asset not in known and not any(path.startswith(f"{asset}/") for path in known):
        raise Unknown(f"no asset '{asset}'; {did_you_mean(asset, known)}")


def _reached(reached: Reached, found: Genealogy) -> dict[str, Any]:
    return {
        "lot": reached.lot, "sure": reached.sure, "state": found.book.about(reached.lot).state,
        "way": [{**s.record(), "start": isoformat(s.start), "end": isoformat(s.end)}
                for s in reached.way],
    }  # fmt: skip


def _statement(found: Genealogy, made: Made) -> dict[str, Any]:
    by, known = found.book.said_by[made.id]
    return {
        **made.model_dump(mode="json"), "id": made.id, "start": isoformat(made.start),
        "end": isoformat(made.end), "by": by, "known": isoformat(known),
    }  # fmt: skip


def _plain(lot: LotAbout) -> dict[str, Any]:
    return {"lot": lot.lot, "state": lot.state, "holds": [told_hold(h) for h in lot.holds]}
