"""A command and the states it goes through: pure transitions, no clock and no I/O.

    proposed ─▶ checked ─▶ approved ─▶ sent ─▶ confirmed ─▶ watched ─▶ kept
       │           │           │         │         └────────────────▶ kept
       │           │           │         │                    └▶ reverting ─▶ reverted
       ▼           ▼           ▼         ▼                            └─────▶ unreverted
    refused     declined    refused   rejected
    expired     cancelled   expired   unconfirmed ─▶ confirmed | failed | overtaken
                refused     cancelled
                expired

A `Command` is what its entries in the journal say, and nothing else: `follow` is the only way to
change one, for a running twin and for one that starts again. So what was not written down has not
happened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias, cast, get_args

from gemel.core.envelope import Setting
from gemel.core.errors import DataError
from gemel.parts.reasoners.base import Proposal
from gemel.twin.decisions.journal import Draft, Entry

__all__ = ["ALLOWED", "FINAL", "OPEN", "SIDE", "Command", "State", "follow", "may_follow"]

State: TypeAlias = Literal[
    "proposed", "checked", "approved", "sent", "confirmed", "watched", "kept",
    "reverting", "reverted", "unreverted",
    "declined", "cancelled", "refused", "expired", "rejected",
    "unconfirmed", "failed", "overtaken",
]  # fmt: skip
"""
proposed     somebody wishes it
checked      the envelope has room for it; a person can approve it
approved     by all who must
sent         on its way: on disk before it is written, and what became of it is not known yet
confirmed    read-back showed the value, after it was sent
watched      confirmed, and its effect is watched
kept         done: it stays
reverting    the watch failed; a revert, which is a command of its own, is on its way
reverted     the value before it is back
unreverted   it should have been taken back and could not be: a person must act
declined     a person said no
cancelled    withdrawn before it was sent
refused      by the envelope, with the reason; nothing was written
expired      its time to live ended before it was sent
rejected     the peer said no
unconfirmed  it may have been written, or not; read-back decides, nothing is sent again
failed       it was sent, and read-back shows another value
overtaken    the value was changed by another command or person before its end was known
"""

ALLOWED: Final[Mapping[State, frozenset[State]]] = {
    "proposed": frozenset({"checked", "refused", "expired"}),
    "checked": frozenset({"approved", "declined", "cancelled", "refused", "expired"}),
    "approved": frozenset({"sent", "cancelled", "refused", "expired"}),
    "sent": frozenset({"confirmed", "unconfirmed", "rejected", "refused"}),
    "unconfirmed": frozenset({"confirmed", "failed", "overtaken"}),
    "confirmed": frozenset({"watched", "kept"}),
    "watched": frozenset({"kept", "reverting", "overtaken"}),
    "reverting": frozenset({"reverted", "unreverted"}),
    **dict.fromkeys(
        (
            "kept", "reverted", "unreverted", "declined", "cancelled", "refused", "expired",
            "rejected", "failed", "overtaken",
        ),
        frozenset(),
    ),
}  # fmt: skip
"""Which state may follow which."""

OPEN: Final = frozenset(state for state, following in ALLOWED.items() if following)
FINAL: Final = frozenset(ALLOWED) - OPEN
SIDE: Final = ("approval", "answered")
"""Entries about a command that do not change its state: the first of two approvals, and what the
peer answered."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command, as its journal entries tell it. Times are ns UTC.

    since      when it came into this state
    actor      who brought it there
    reason     why
    value      what is to be written, resolved from the proposal when it was checked
    previous   what the signal showed then: what a revert goes back to
    within     how much room the envelope left when it was checked
    approvals  who approved
    sent       when it was sent
    seen       source time of the signal's last sample at that moment
    deadline   when read-back must have confirmed it
    reverts    id of the command that this one takes back
    steps      entries so far
    """

    id: str
    path: str
    proposal: Proposal
    state: State
    proposed: int
    since: int
    expires: int
    actor: str
    reason: str = ""
    value: Setting | None = None
    previous: Setting | None = None
    label: str = ""
    unit: str = ""
    within: str = ""
    approvals: tuple[str, ...] = ()
    sent: int | None = None
    seen: int | None = None
    deadline: int | None = None
    reverts: str = ""
    steps: int = 1

    @property
    def open(self) -> bool:
        """Whether more may happen to it."""
        return self.state in OPEN

    def report(self) -> dict[str, Any]:
        """Everything, as a JSON value: for pages, and the payload of its Events."""
        proposal = self.proposal.model_dump(mode="json")
        return {
            "command_id": self.id,
            "command": self.path,
            "state": self.state,
            "since": self.since,
            "actor": self.actor,
            "reason": self.reason,
            "title": self.proposal.title,
            "why": self.proposal.reason,
            "source": self.proposal.source,
            "proposed_by": self.proposal.proposed_by,
            "proposed": self.proposed,
            "expires": self.expires,
            "value": self.value,
            "previous": self.previous,
            "label": self.label,
            "unit": self.unit,
            "within": self.within,
            "effects": proposal["effects"],
            "evidence": proposal["evidence"],
            "approvals": list(self.approvals),
            "sent": self.sent,
            "deadline": self.deadline,
            "reverts": self.reverts,
            "steps": self.steps,
        }


def may_follow(state: State | None, kind: str) -> bool:
    """Whether an entry of this kind may come in this state; None is before the first."""
    if state is None:
        return kind == "proposed"
    if kind == "approval":
        return state == "checked"
    # The answer may come after read-back has already settled it.
    return kind == "answered" or kind in ALLOWED[state]


def follow(command: Command | None, entry: Entry | Draft) -> Command:
    """The command after an entry. Raises `DataError` if the entry cannot follow."""
    draft = entry.draft if isinstance(entry, Entry) else entry
    kind, payload = draft.kind, draft.payload
    if not may_follow(command.state if command is not None else None, kind):
        before = f"'{command.state}'" if command is not None else "nothing"
        raise DataError(f"command {draft.command_id}: '{kind}' cannot follow {before}")
    if command is None:
        return _begin(draft)
    if kind == "answered":
        return replace(command, steps=command.steps + 1)
    reason = str(payload.get("reason", ""))
    changed = replace(command, actor=draft.actor, reason=reason, steps=command.steps + 1)
    if kind == "approval":
        return replace(changed, approvals=(*command.approvals, draft.actor))
    changed = replace(changed, state=cast(State, kind), since=draft.time)
    match kind:
        case "checked":
            names = ("value", "previous", "label", "unit", "within")
            return replace(changed, **{name: payload[name] for name in names})
        case "approved":
            return replace(changed, approvals=tuple(payload["by"]))
        case "sent":
            return replace(
                changed, sent=draft.time, seen=payload["seen"], deadline=payload["deadline"]
            )
    return changed


def _begin(draft: Draft) -> Command:
    payload = draft.payload
    return Command(
        id=draft.command_id,
        path=draft.subject,
        proposal=Proposal.read(payload["proposal"]),
        state="proposed",
        proposed=draft.time,
        since=draft.time,
        expires=payload["expires"],
        actor=draft.actor,
        reason=str(payload.get("reason", "")),
        reverts=str(payload.get("reverts", "")),
    )


assert frozenset(get_args(State)) == frozenset(ALLOWED), "every state has its row"  # noqa: S101 - at import, of the table
