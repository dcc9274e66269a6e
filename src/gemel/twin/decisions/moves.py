"""The moves of commands: what the next entries are, given what there is to see. No I/O, no waiting.

Nothing here has happened yet: moves are put into `Steps`, and the ledger writes them down.
"""

from __future__ import annotations

from typing import Any

from gemel.core.envelope import Permit
from gemel.core.errors import Refused
from gemel.parts.reasoners.base import Proposal
from gemel.twin.decisions.checking import Checker
from gemel.twin.decisions.command import FINAL, Command, follow
from gemel.twin.decisions.eyes import Eyes, Probe, View
from gemel.twin.decisions.journal import Draft
from gemel.twin.decisions.ledger import Steps, revert_id
from gemel.twin.decisions.people import SYSTEM
from gemel.twin.decisions.settling import Watch, read_back, resolve
from gemel.twin.decisions.targets import Target
from gemel.twin.mirror.mirror import NEVER

__all__ = ["Moves"]


class Moves:
    """Used by `Decisions`, which takes care that there is one change at a time."""

    def __init__(self, eyes: Eyes, checker: Checker) -> None:
        self.waiting: dict[str, str] = {}
        """Why a revert cannot go yet, by its id."""
        self._eyes = eyes
        self._checker = checker
        self._watches: dict[str, tuple[Probe, Watch]] = {}

    def forget(self, command_id: str) -> None:
        """What was watched for a command is watched anew: its plant file says otherwise now."""
        self._watches.pop(command_id, None)

    def orphaned(self, steps: Steps, command: Command) -> None:
        """What becomes of an open command that the plant file no longer has."""
        gone = "its command is no longer in the plant file"
        match command.state:
            case "proposed" | "checked" | "approved" if steps.now >= command.expires:
                self.waiting.pop(command.id, None)
                steps.add(command, "expired", reason=gone)
            case "confirmed" | "watched":
                steps.add(command, "kept", reason=gone)
            case "reverting":
                self._reverting(steps, command)

    def begin(
        self, steps: Steps, proposal: Proposal, expires: int, reason: str = "", reverts: str = ""
    ) -> Command:
        """A new command, proposed."""
        payload = {
            "proposal": proposal.model_dump(mode="json"),
            "expires": expires,
            "reason": reason or proposal.reason,
            "reverts": reverts,
        }
        actor, path = proposal.proposed_by, proposal.command
        return steps.begin(Draft(steps.now, actor, "proposed", path, proposal.id, payload))

    def check(self, steps: Steps, command: Command, target: Target, view: View) -> Permit | None:
        """Proposed → checked or refused, and on to sent if its class may act alone."""
        reading = view.reading(target.number)
        try:
            value, label = resolve(command.proposal, target, reading)
            found: dict[str, Any] = {
                "value": value,
                "previous": reading.value if reading.good else None,
                "label": label,
                "unit": target.unit,
                "within": "",
            }
            asked = follow(command, Draft(view.now, SYSTEM, "checked", "", command.id, found))
            request = self._checker.request(asked, target)
            situation = self._checker.situation(steps, command, target, view)
            found["within"] = str(target.envelope.judge(request, situation))
        except Refused as refused:
            steps.add(command, "refused", reason=str(refused))
            return None
        command = steps.add(command, "checked", **found)
        if target.envelope.approval != "rule" or command.proposal.source != "reasoner":
            return None
        by = command.proposal.proposed_by
        command = steps.add(command, "approved", by, "this class may act alone", by=[by])
        return self.release(steps, command, target, view)

    def release(self, steps: Steps, command: Command, target: Target, view: View) -> Permit | None:
        """Approved → sent, if the envelope permits it at this very moment; else refused.

        Only a revert that is not permitted waits, until its time to live ends.
        """
        try:
            permit = target.envelope.permit(
                self._checker.request(command, target),
                self._checker.situation(steps, command, target, view),
            )
        except Refused as refused:
            if command.reverts and view.now < command.expires:
                self.waiting[command.id] = str(refused)
            else:
                steps.add(command, "refused", reason=str(refused))
            return None
        for other in self._checker.others(steps, command, target, "unconfirmed", "watched"):
            steps.add(other, "overtaken", reason=f"command {command.id} writes the same signal")
            self._watches.pop(other.id, None)
        seen = view.reading(target.number).time
        steps.add(
            command, "sent", value=permit.value, connector=permit.connector, address=permit.address,
            seen=None if seen == NEVER else seen,
            deadline=view.now + target.settings.confirm_within,
        )  # fmt: skip
        self.waiting.pop(command.id, None)
        return permit

    def look(self, steps: Steps, command: Command, target: Target, view: View) -> Permit | None:
        """What becomes of an open command at this moment."""
        match command.state:
            case "proposed" | "checked" | "approved" if view.now >= command.expires:
                waited = self.waiting.pop(command.id, "")
                steps.add(command, "expired", reason=waited or "its time to live ended")
            case "approved":
                return self.release(steps, command, target, view)
            case "sent" | "unconfirmed":
                found = read_back(command, target, view.reading(target.number), view.now)
                if found is not None:
                    command = steps.add(command, found[0], reason=found[1])
                if command.state == "confirmed":
                    self._confirmed(steps, command, target)
            case "confirmed":
                self._confirmed(steps, command, target)
            case "watched":
                return self._watched(steps, command, target, view)
            case "reverting":
                self._reverting(steps, command)
        return None

    def _confirmed(self, steps: Steps, command: Command, target: Target) -> None:
        if target.watch is None or command.reverts:
            steps.add(command, "kept", reason="there is nothing to watch")
        else:
            steps.add(command, "watched", reason=f"`{target.watch.text}` must stay true")

    def _watched(self, steps: Steps, command: Command, target: Target, view: View) -> Permit | None:
        if target.watch is None:
            steps.add(command, "kept", reason="the plant file no longer says what to watch")
            return None
        if command.id not in self._watches:
            watch = Watch(view.now, target.settings.watch_for, target.envelope.fresh_within)
            self._watches[command.id] = (self._eyes.probe(target.watch, view), watch)
        probe, watch = self._watches[command.id]
        found = watch.look(probe.ask(view), view.now)
        if found is None:
            return None
        del self._watches[command.id]
        if found[0] == "reverting":
            return self._revert(steps, command, target, view, found[1])
        steps.add(command, found[0], reason=found[1])
        return None

    def _revert(
        self, steps: Steps, command: Command, target: Target, view: View, cause: str
    ) -> Permit | None:
        """Take a command back: by another command, through the same envelope."""
        reading = view.reading(target.number)
        assert command.value is not None, "it was sent"  # noqa: S101 - narrows the type
        theirs = (
            reading.good
            and reading.value is not None
            and not target.matches(reading.value, command.value, command.previous)
        )
        if theirs:
            reason = f"{cause}; but the value was changed by somebody else in the meantime"
            steps.add(command, "overtaken", reason=reason)
            return None
        command = steps.add(command, "reverting", reason=cause)
        if command.previous is None:
            steps.add(command, "unreverted", reason="it is not known what was there before")
            return None
        proposal = Proposal(
            id=revert_id(command.id),
            command=command.path,
            value=command.previous,
            title=f"Take back: {command.proposal.title or target.title}",
            reason=cause,
            source="reasoner",
            proposed_by=SYSTEM,
        )
        expires = view.now + target.envelope.time_to_live
        back = self.begin(steps, proposal, expires, reverts=command.id)
        back = steps.add(
            back, "checked", value=command.previous, previous=command.value,
            label=target.label(command.previous), unit=target.unit, within="",
        )  # fmt: skip
        reason = f"who approved {command.id} approved that it is taken back"
        back = steps.add(back, "approved", reason=reason, by=[SYSTEM])
        return self.release(steps, back, target, view)

    def _reverting(self, steps: Steps, command: Command) -> None:
        back = steps.get(revert_id(command.id))
        if back is None or back.state in FINAL - {"kept"}:
            end = f"the revert is {back.state}: {back.reason}" if back else "there is no revert"
            steps.add(command, "unreverted", reason=end)
        elif back.state == "kept":
            steps.add(command, "reverted", reason="the value before it is back")
