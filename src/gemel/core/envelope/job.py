"""The envelope of job orders: what may be sent to a machine because people released a plan.

A job order writes no value, so that limits, steps and freshness have nothing to say of it. What
stays is everything else: armed, no kill switch, released by somebody, in time, and what runs is
not touched by a plan. It denies by default, as the other one does, and seals the same `Permit`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from gemel.core.envelope.permits import Permit, seal
from gemel.core.errors import Refused
from gemel.core.job import BEGUN, JobCall, JobState
from gemel.core.time import SECOND

__all__ = ["JobRequest", "JobSituation", "permit_job"]

_LASTS: Final = 30 * SECOND
_BY_PLANS: Final = ("Store", "StoreAndStart", "Update", "Cancel", "Clear")


@dataclass(frozen=True, slots=True)
class JobRequest:
    """A call that somebody wants to make.

    id         of this attempt; a permit is for it alone
    place      path of the asset that stands for the machine; kill switches above it hold
    connector  who would send it, and the `address` of the peer's receiver
    by         the person who released the plan, or asks for this one command
    person     this one command was asked for by a person, who saw the job order's state
    """

    id: str
    place: str
    connector: str
    address: str
    call: JobCall
    by: str
    person: bool = False


@dataclass(frozen=True, slots=True)
class JobSituation:
    """All that is judged by. Left at its defaults, it permits nothing.

    machine  the peer is a machine; a business system starts nothing, and no kill switch holds it
    stopped  where a kill switch is set; None if that is not known
    state    of the job order at its peer; None if it is not there
    known    whether `state` was asked for; a machine is never told anything blindly
    """

    now: int
    armed: bool = False
    machine: bool = True
    stopped: tuple[str, ...] | None = None
    state: JobState | None = None
    known: bool = False


def permit_job(request: JobRequest, situation: JobSituation) -> Permit:
    """Leave to make one call once. Raises `Refused` with everything that stands in the way."""
    if objections := list(_objections(request, situation)):
        raise Refused("; ".join(objections))
    return seal(
        request.id, f"{request.place}/{request.call.order.id}", request.connector, request.address,
        request.call.text(), situation.now + _LASTS,
    )  # fmt: skip


def _objections(request: JobRequest, situation: JobSituation) -> Iterator[str]:
    call, order = request.call, request.call.order
    if not request.by:
        yield "nobody has released it"
    if not order.id:
        yield "it has no id"
    if not situation.machine:
        return
    if not situation.armed:
        yield "sending is disarmed; 'armed: true' under `send` in the plant file arms it"
    if situation.stopped is None:
        yield "it is not known whether a kill switch is set"
    for place in situation.stopped or ():
        yield f"the kill switch of {place or 'the plant'} is set; release it, then send again"
    if not situation.known:
        yield "it is not known what the machine has; nothing is sent blindly"
    if call.command in ("Store", "StoreAndStart", "Update") and order.end <= situation.now:
        yield "its planned end has passed; plan again"
    begun = situation.state in BEGUN
    if begun and not request.person and call.command in _BY_PLANS and call.command != "Clear":
        yield f"it is {situation.state} at the machine; what has begun is not touched by a plan"
    if call.command == "Clear" and situation.state not in ("Ended", "Aborted"):
        yield "only what has ended can be cleared"
