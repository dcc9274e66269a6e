"""Job orders of what holds: what each peer shall have, what it has, and what it is told next.

All of it is computation on values. The runtime keeps `Posted` on disk before anything leaves,
sends, and tells what was answered; so a plan that was released is sent, whatever ends in between.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal, TypeAlias

from pydantic import Field

from gemel.core.job import BEGUN, OVER, JobCall, JobCommand, JobOrder, JobResponse
from gemel.core.settings import Settings
from gemel.core.time import DAY, MILLISECOND
from gemel.twin.planning.plans.version import Version

__all__ = [
    "PostState",
    "Posted",
    "Sending",
    "call_of",
    "orders_of",
    "outdated",
    "posted",
    "read_back",
    "shown",
    "to_clear",
    "turn",
]

PostState: TypeAlias = Literal[
    "waiting", "sent", "unconfirmed", "accepted", "refused", "cancelled", "passed"
]
_KEPT: Final = 30 * DAY
_OPEN: Final = ("waiting", "sent", "unconfirmed")
_UNNAMED: Final = "gemel"
"""Stands for who released a plan that was kept before plans said who had."""
_LEFT: Final = "it has begun, and what runs is not touched by a plan"
_GONE: Final = (
    "the machine has it no more: it was cancelled there, or its list was lost; send it again"
)


class Sending(Settings):
    """Where the job orders of a schedule go."""

    connector: str = Field(description="Connector that takes job orders: kind 'opcua' or 'erp'")
    receiver: str = Field(
        "", description="OPC UA: address of the ISA95JobOrderReceiverObjectType, e.g. "
        "'/Line2/JobOrderControl'"
    )  # fmt: skip
    machines: tuple[str, ...] = Field(
        (), description="Machines of the schedule whose job orders go there; empty for all"
    )
    armed: bool = Field(
        False, description="OPC UA: whether anything is sent to the machine; disarmed, it is shown"
    )
    start: bool = Field(
        False, description="OPC UA: allow the machine to start (StoreAndStart, not Store)"
    )
    clear: bool = Field(
        False, description="OPC UA: clear ended job orders there, once their response is known"
    )


@dataclass(frozen=True, slots=True)
class Posted:
    """One job order and one way. The outbox holds these.

    order    as it was wanted last
    wanted   False: the peer shall not have it any more
    version  counts what was wanted
    state    waiting: to be sent; sent: on its way; unconfirmed: it may have arrived; accepted,
             refused, cancelled; passed: it had begun before it was sent
    since    when that state began, ns UTC
    has      what the peer took last; None if it has nothing, as far as is known
    plan     number of the plan that it comes from, which `by` has released
    """

    schedule: str
    way: str
    order: JobOrder
    plan: int
    by: str
    since: int
    state: PostState = "waiting"
    wanted: bool = True
    version: int = 1
    reason: str = ""
    has: JobOrder | None = None
    cleared: bool = False

    @property
    def key(self) -> tuple[str, str, str]:
        return self.schedule, self.way, self.order.id

    @property
    def open(self) -> bool:
        """Whether something is still to be sent or found out."""
        return self.state in _OPEN

    def now(self, state: PostState, time: int, reason: str = "", **more: Any) -> Posted:
        """The same in another state."""
        return replace(self, state=state, since=time, reason=reason, **more)

    def record(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Posted:
        """What `record` told."""
        has = record["has"]
        has = None if has is None else JobOrder.of(has)
        return cls(**{**record, "order": JobOrder.of(record["order"]), "has": has})


def orders_of(held: Version) -> dict[str, tuple[JobOrder, bool]]:
    """The job orders of a plan by id, each with whether it had begun when the plan was made."""
    found = {}
    for row in held.rows:
        if not row.machine:
            continue
        quantity, weight = held.orders.get(row.order, (None, None))
        order = JobOrder(
            row.operation, row.product, _whole(row.start), _whole(row.end), row.machine,
            quantity, None if weight is None else round(weight), row.order,
            f"{row.product}, order {row.order}",
        )  # fmt: skip
        found[row.operation] = order, row.fixed and row.start <= held.made
    return found


def posted(
    name: str, way: str, sending: Sending, held: Version, now: int, known: Mapping[str, Posted],
    responses: Mapping[str, JobResponse], over: Iterable[str], machine: bool,
) -> tuple[list[Posted], list[Posted]]:  # fmt: skip
    """What another plan changes: entries as they shall be from now on, and entries to be dropped.

    `known` has the entries of this way by job order, `over` the work orders that have ended or
    begun. Called again with the same plan it changes nothing. A business system is told of all; a
    machine is not told of what has begun.
    """
    changed: list[Posted] = []
    dropped: list[Posted] = []
    wanted, by = orders_of(held), held.released or _UNNAMED
    there = {
        job: one for job, one in wanted.items()
        if not sending.machines or one[0].equipment in sending.machines
    }  # fmt: skip
    for job, (order, begun) in there.items():
        entry, response = known.get(job), responses.get(job)
        begun = begun or (response is not None and response.state in BEGUN)
        if entry is not None and not held.orders:
            had = entry.order
            order = replace(order, quantity=had.quantity, priority=had.priority)
        if entry is None:
            fresh = Posted(name, way, order, held.number, by, now)
            changed.append(fresh.now("passed", now, _LEFT) if machine and begun else fresh)
        elif machine and begun:
            continue
        elif not entry.wanted or entry.order != order:
            changed.append(_again(entry, order, held.number, by, now))
    ended = set(over)
    for job, entry in known.items():
        if job in there or not entry.wanted:
            continue
        response = responses.get(job)
        begun = response is not None and response.state in BEGUN
        done = not machine and job not in wanted and entry.order.work_order in ended
        if begun or done:
            continue
        if entry.version == 1 and entry.has is None and entry.state in ("waiting", "passed"):
            dropped.append(entry)  # nobody has heard of it
            continue
        changed.append(_away(entry, held.number, by, now))
    return changed, dropped


def _again(entry: Posted, order: JobOrder, plan: int, by: str, now: int) -> Posted:
    more: dict[str, Any] = {
        "order": order,
        "wanted": True,
        "plan": plan,
        "by": by,
        "version": entry.version + 1,
    }
    if entry.has == order and entry.state in ("waiting", "accepted", "refused"):
        return entry.now("accepted", now, **{**more, "version": entry.version})
    return entry.now(_next(entry), now, **more)


def _away(entry: Posted, plan: int, by: str, now: int) -> Posted:
    more: dict[str, Any] = {"wanted": False, "plan": plan, "by": by}
    if entry.has is None and entry.state in ("waiting", "refused", "passed"):
        # Nothing to cancel; kept, so that no other call has a version and a key that were used.
        return entry.now("cancelled", now, **more)
    return entry.now(_next(entry), now, version=entry.version + 1, **more)


def _next(entry: Posted) -> PostState:
    """What is to be sent next; a doubt whether the last call arrived stays."""
    return "unconfirmed" if entry.state in ("sent", "unconfirmed") else "waiting"


def outdated(
    held: Version, entries: Collection[Posted], responses: Mapping[str, JobResponse], now: int
) -> tuple[list[Posted], list[str]]:
    """What can be forgotten of a schedule: entries, and the job orders whose response can be.

    It is not in the plan that holds, nothing of it is to be sent, it does not run, and all that is
    known of it is older than 30 days: when its entries changed, and the times of its response.
    """
    kept = {row.operation for row in held.rows}
    kept |= {one.order.id for one in entries if one.open or one.since >= now - _KEPT}
    for job, one in responses.items():
        last = max(0, *(time or 0 for time in (one.start, one.end, *(one.planned or ()))))
        if last >= now - _KEPT or (one.state in BEGUN and one.state not in OVER):
            kept.add(job)
    return [one for one in entries if one.order.id not in kept], [*(responses.keys() - kept)]


def turn(entry: Posted) -> tuple[int, bool, int]:
    """The order of calls: what was not tried yet, cancels before others and by start; then what
    nobody has answered, the longest ago first. So one that fails for good holds up no other."""
    tried = entry.since if entry.open and entry.state != "waiting" else 0
    return tried, entry.wanted, entry.order.start


def call_of(entry: Posted, sending: Sending) -> JobCall | None:
    """What the peer is told next; None if nothing is to be said. Not to be asked of an entry whose
    call is on its way: one that is `sent` then was cut short, and goes out again."""
    if not entry.open:
        return None
    command: JobCommand
    if not entry.wanted:
        command = "Cancel"
    elif entry.has is None:
        command = "StoreAndStart" if sending.start else "Store"
    else:
        command = "Update"
    key = f"{entry.schedule}/{entry.order.id}/{entry.version}"
    comment = f"plan {entry.plan} of {entry.schedule}, released by {entry.by}"
    return JobCall(key, command, entry.order, entry.version, comment)


def read_back(entry: Posted, response: JobResponse | None, now: int) -> Posted:
    """The entry after a look at what the machine really has; the same one if that changes nothing.

    So a call whose answer was lost is settled, a job order that the machine knew already is updated
    and not stored twice, and what was taken away there is seen.
    """
    there = response is not None and (response.planned is not None or response.state in BEGUN)
    begun = response is not None and response.state in BEGUN
    if entry.open and begun:
        state: PostState = "passed" if entry.has is None else "accepted"
        return entry.now(state, now, _LEFT, wanted=True)
    if entry.open and not entry.wanted and not there:
        return entry.now("cancelled", now, has=None)
    if entry.open and entry.wanted:
        if not there:
            return entry if entry.has is None else replace(entry, has=None)
        assert response is not None  # noqa: S101 - it is there
        same = response.planned == (entry.order.start, entry.order.end)
        if entry.state in ("sent", "unconfirmed") and same:
            return entry.now("accepted", now, has=entry.order)
        if entry.has is None:
            return replace(entry, has=_as_held(entry.order, response))
    if entry.state == "accepted" and entry.wanted and not there and response is None:
        return entry.now("refused", now, _GONE, has=None)
    return entry


def _as_held(order: JobOrder, response: JobResponse) -> JobOrder:
    """What the machine has under this id, which is not what is wanted."""
    start, end = response.planned or (None, None)
    return replace(order, start=start or 0, end=end or 0)


def shown(entry: Posted, response: JobResponse | None) -> tuple[str, str]:
    """A word for people, and why."""
    if entry.state == "passed":
        return "not sent", entry.reason
    if response is not None and response.state in BEGUN:
        return response.state.lower(), ""
    return "not confirmed" if entry.state == "unconfirmed" else entry.state, entry.reason


def to_clear(entry: Posted, sending: Sending, response: JobResponse | None) -> JobCall | None:
    """The call that takes an ended job order out of the machine's list, where that is wanted."""
    listed = response is not None and response.planned is not None and response.state in OVER
    if not sending.clear or entry.cleared or not listed:
        return None
    key = f"{entry.schedule}/{entry.order.id}/{entry.version}/clear"
    return JobCall(key, "Clear", entry.order, entry.version, "its response is known")


def _whole(time: int) -> int:
    return time // MILLISECOND * MILLISECOND
