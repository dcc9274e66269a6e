"""Proposals, commands and the journal."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from gemel.core.errors import Unknown, did_you_mean
from gemel.core.time import isoformat
from gemel.doors.api.access import Operator, Running, Viewer
from gemel.doors.api.alarms import Reason
from gemel.parts.reasoners.base import Proposal
from gemel.runtime.daemon import Daemon
from gemel.twin.decisions import Command

router = APIRouter(tags=["decisions"])


class Approval(BaseModel):
    """Why it is approved."""

    note: str = Field("", max_length=1_000)


class Trial(BaseModel):
    """Another value."""

    value: float


class Wish(BaseModel):
    """A command of one's own: an absolute value, or a change of the present one."""

    command: str
    value: float | bool | str | None = None
    change: float | None = None
    change_percent: float | None = None
    reason: str = Field(min_length=1, max_length=1_000)
    id: str = Field("", max_length=64, pattern=r"^[\w.:-]*$")


class Place(BaseModel):
    """An asset, or the plant where it is empty."""

    place: str = ""
    reason: str = Field("", max_length=1_000)


@router.get("/proposals")
async def proposals(daemon: Running, _: Viewer) -> dict[str, Any]:
    """Commands that are open, and the last that ended, newest first."""
    decisions = daemon.rooms.decisions
    return {
        "items": [plain_command(daemon, c) for c in decisions.commands()],
        "stopped": dict(decisions.ledger.stopped or {}),
        "problem": decisions.ledger.problem,
        "commands": [
            {
                "path": path,
                "title": target.title,
                "asset": target.asset,
                "unit": target.unit,
                "armed": target.settings.armed,
                "low": target.envelope.low,
                "high": target.envelope.high,
            }
            for path, target in decisions.targets.items()
        ],
    }


@router.post("/proposals/{id}/approve")
async def approve(id: str, said: Approval, daemon: Running, actor: Operator) -> dict[str, Any]:
    """Approve; with the last approval that is needed it is checked again and sent."""
    command = await daemon.rooms.decisions.approve(id, actor, said.note)
    return plain_command(daemon, command)


@router.post("/proposals/{id}/decline")
async def decline(id: str, why: Reason, daemon: Running, actor: Operator) -> dict[str, Any]:
    """Say no."""
    return plain_command(daemon, await daemon.rooms.decisions.decline(id, actor, why.reason))


@router.post("/proposals/{id}/try")
async def try_value(id: str, wanted: Trial, daemon: Running, actor: Operator) -> dict[str, Any]:
    """What the envelope says to another value. It is put down as proposed, and withdrawn."""
    decisions = daemon.rooms.decisions
    first = await decisions.command(id)
    proposal = Proposal(
        command=first.path,
        value=wanted.value,
        title=f"{first.proposal.title}: {wanted.value:g} instead",
        reason=f"tried in the place of {id}",
    )
    tried = await decisions.propose(proposal, actor)
    if tried.state == "checked":
        tried = await decisions.cancel(tried.id, actor, "only tried")
    return plain_command(daemon, tried)


@router.post("/commands")
async def command(wish: Wish, daemon: Running, actor: Operator) -> dict[str, Any]:
    """Propose a command of one's own; it goes the way of every proposal."""
    if wish.command not in daemon.rooms.decisions.targets:
        hint = did_you_mean(wish.command, daemon.rooms.decisions.targets)
        raise Unknown(f"no command '{wish.command}'; {hint}")
    proposal = Proposal(
        command=wish.command,
        value=wish.value,
        change=wish.change,
        change_percent=wish.change_percent,
        title=daemon.rooms.decisions.targets[wish.command].title,
        reason=wish.reason,
        id=wish.id,
    )
    return plain_command(daemon, await daemon.rooms.decisions.propose(proposal, actor))


@router.post("/kill")
async def kill(where: Place, daemon: Running, actor: Operator) -> dict[str, Any]:
    """Stop all commands of an asset and what is below it, or of the plant."""
    await daemon.rooms.decisions.kill(where.place, actor, where.reason)
    return {"stopped": dict(daemon.rooms.decisions.ledger.stopped or {})}


@router.post("/release")
async def release(where: Place, daemon: Running, actor: Operator) -> dict[str, Any]:
    """Release a kill switch; takes an engineer and a reason."""
    await daemon.rooms.decisions.release(where.place, actor, where.reason)
    return {"stopped": dict(daemon.rooms.decisions.ledger.stopped or {})}


@router.get("/journal")
async def journal(
    daemon: Running,
    _: Viewer,
    before: int | None = None,
    subject: str = "",
    command_id: str = "",
    limit: Annotated[int, Query(ge=1, le=1_000)] = 200,
) -> dict[str, Any]:
    """Who did what and why, newest first, with the state of the hash chain."""

    def read() -> dict[str, Any]:
        chain = daemon.rooms.journal
        entries = chain.entries(
            before=before, subject=subject, command_id=command_id, newest_first=True, limit=limit
        )
        faults = chain.verify()
        return {
            "items": [
                {
                    "sequence": e.sequence,
                    "time": isoformat(e.draft.time),
                    "kind": e.draft.kind,
                    "actor": e.draft.actor,
                    "subject": e.draft.subject,
                    "command_id": e.draft.command_id,
                    "payload": dict(e.draft.payload),
                    "hash": e.hash.hex(),
                }
                for e in entries
            ],
            "verified": not faults,
            "faults": [str(f) for f in faults[:20]],
            "head": {"sequence": chain.head().sequence, "hash": chain.head().hash},
        }

    return await asyncio.to_thread(read)


def plain_command(daemon: Daemon, command: Command) -> dict[str, Any]:
    """A command as plain data; times are ISO 8601 text."""
    target = daemon.rooms.decisions.targets.get(command.path)
    plain = command.report()
    for name in ("since", "proposed", "expires", "sent", "deadline"):
        plain[name] = None if plain[name] is None else isoformat(plain[name])
    needed = {"person": 1, "two persons": 2}.get(target.envelope.approval, 0) if target else 0
    waiting = command.state == "checked"
    left = needed - len(command.approvals)
    refused = command.state == "refused"
    return plain | {
        "id": command.id,
        "asset": target.asset if target else "",
        "action": command.proposal.title or (target.title if target else command.path),
        "why": command.proposal.reason,
        "reason": command.proposal.reason,
        "said": command.reason,
        "sentence": command.reason if refused else "",
        "present": command.previous,
        "waiting": waiting,
        "needs": f"{left} approval{'s' * (left > 1)}" if waiting and left > 0 else "",
        "time": plain["proposed"],
        "envelope": {
            "ok": not refused,
            "sentence": command.reason if refused else command.within,
            "low": target.envelope.low if target else None,
            "high": target.envelope.high if target else None,
        },
    }
