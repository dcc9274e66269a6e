"""Job orders and job responses, in the words of ISA-95 (Part 4) and OPC 10031-4.

A job order says what is to be made where and when; a job response says what became of it. Both are
values: a connector turns them into what its peer speaks, and back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal, TypeAlias, get_args

from gemel.core.errors import DataError

__all__ = [
    "BEGUN",
    "OVER",
    "STATES",
    "JobCall",
    "JobCommand",
    "JobOrder",
    "JobResponse",
    "JobState",
]

JobCommand: TypeAlias = Literal[
    "Store", "StoreAndStart", "Update", "Cancel", "Clear",
    "Start", "RevokeStart", "Stop", "Abort", "Pause", "Resume",
]  # fmt: skip
"""What a receiver of job orders can be told; the names are those of its methods."""
JobState: TypeAlias = Literal[
    "NotAllowedToStart", "AllowedToStart", "Running", "Interrupted", "Ended", "Aborted"
]
STATES: Final[tuple[JobState, ...]] = get_args(JobState)
"""The state machine of a job order; number 1 is the first (OPC 10031-4, 7.2.1)."""
BEGUN: Final[tuple[JobState, ...]] = ("Running", "Interrupted", "Ended", "Aborted")
"""Nobody changes a job order from here on because of another plan."""
OVER: Final[tuple[JobState, ...]] = ("Ended", "Aborted")
_COMMANDS: Final[tuple[JobCommand, ...]] = get_args(JobCommand)


@dataclass(frozen=True, slots=True)
class JobOrder:
    """One operation to be done.

    id           JobOrderID: the operation in the schedule, e.g. ``PO-104712/fill``
    work_master  WorkMasterID: the product whose way of making is followed
    start, end   ns UTC, whole milliseconds
    equipment    EquipmentID: the machine, as the peer calls it
    quantity     of `work_master` that is wanted; None if it was not said
    priority     greater is sooner; None if it was not said
    work_order   the order that it is a step of
    """

    id: str
    work_master: str
    start: int
    end: int
    equipment: str
    quantity: float | None = None
    priority: int | None = None
    work_order: str = ""
    description: str = ""

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> JobOrder:
        """What `dataclasses.asdict` told."""
        return cls(**record)


@dataclass(frozen=True, slots=True)
class JobResponse:
    """What became of a job order, as its peer tells it.

    state     one of `STATES`; empty if the peer told one that is not known here
    detail    the state as the peer spells it, where that says more
    start     when it really began, ns UTC; None while it has not, or nobody says
    quantity  good parts so far; None if nobody counts
    planned   (start, end) of the job order that the peer holds, ns UTC; None where it holds none
    """

    job: str
    state: JobState | Literal[""]
    detail: str = ""
    start: int | None = None
    end: int | None = None
    quantity: float | None = None
    planned: tuple[int | None, int | None] | None = None

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> JobResponse:
        """What `dataclasses.asdict` told, also through JSON."""
        planned = record["planned"]
        return cls(**{**record, "planned": None if planned is None else tuple(planned)})

    def after(self, earlier: JobResponse | None) -> JobResponse:
        """With what was told earlier and is not told any more; a peer that has cleared an ended
        job order knows less than we do."""
        if earlier is None:
            return self
        return replace(
            self,
            start=earlier.start if self.start is None else self.start,
            end=earlier.end if self.end is None and self.state in OVER else self.end,
            quantity=earlier.quantity if self.quantity is None else self.quantity,
        )


@dataclass(frozen=True, slots=True)
class JobCall:
    """A command about a job order on its way to a peer.

    key      the same call has the same key, however often it is sent: `Idempotency-Key`
    version  counts what was ever wanted of this job order
    """

    key: str
    command: JobCommand
    order: JobOrder
    version: int = 1
    comment: str = ""

    def text(self) -> str:
        """As JSON in one order: what a permit is for, and the journal holds."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def parse(cls, text: str) -> JobCall:
        """What `text` wrote. Raises `DataError`."""
        try:
            told = json.loads(text)
            call = cls(**{**told, "order": JobOrder.of(told["order"])})
        except (ValueError, TypeError, KeyError) as error:
            raise DataError(f"not a job order: {error}") from None
        if call.command not in _COMMANDS:
            raise DataError(f"'{call.command}' is no command; known are {', '.join(_COMMANDS)}")
        return call
