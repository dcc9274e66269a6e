"""The interface of connectors: they talk to machines and systems.

A connector is settings; `open` gives a `Session`, which is one connection and nothing more. It
does not reconnect: when the peer is lost, the session raises `Unavailable` and the supervisor opens
another one, after a pause that grows, marks the gap, and asks the new session for what was missed.
So a new connector is one file with a short life cycle:

    open → frames … frames → committed … → close
             │                   (Unavailable at any point: the supervisor comes again)
             └── history(gap) once after opening, if delivery is 'resumable'

Protocol objects stop inside the connector. Every implementation passes the suite in
`gemel.testing.connectors`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from pathlib import Path
from typing import ClassVar, Final, Literal, Protocol, TypeAlias, runtime_checkable

from gemel.core.catalogue import SignalType
from gemel.core.errors import ConfigurationError
from gemel.core.frame import Frame
from gemel.core.job import JobResponse
from gemel.core.kind import Part
from gemel.core.time import Clock

__all__ = [
    "JOBS",
    "Accepted",
    "Connector",
    "Counters",
    "Delivery",
    "Door",
    "Found",
    "FoundAsset",
    "FoundCommand",
    "FoundSignal",
    "JobReader",
    "Outcome",
    "Receiver",
    "Session",
    "Taker",
    "Wanted",
    "Write",
]

Delivery: TypeAlias = Literal["confirmed", "resumable", "live-only"]
"""What is promised over a break. *confirmed*: the source keeps everything until it is told that it
is on disk. *resumable*: the source has history, gaps are refilled from it. *live-only*: what was
missed is missed, and shown as a gap."""


Taker: TypeAlias = Literal["", "machine", "system"]
"""Who takes job orders: nobody; a machine, which starts by them; a business system."""
JOBS: Final = ";jobs"
"""End of the address of a `Write` whose value is the text of a `JobCall`."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One signal that the twin wants from a connector."""

    number: int
    path: str
    address: str
    type: SignalType = "number"
    sample: int | None = None
    """Wanted sampling interval, ns."""
    labels: tuple[tuple[int, str], ...] = ()


@dataclass(slots=True)
class Counters:
    """What a session has seen; the supervisor adds them up over sessions. Nothing is dropped
    without one of these."""

    received: int = 0
    """Samples that came from the peer."""
    rejected: int = 0
    """Samples that could not be used, e.g. of an unknown signal or the wrong type."""
    lost: int = 0
    """Samples that the peer or the connector says were dropped, e.g. a queue that ran over."""
    reasons: dict[str, int] = field(default_factory=dict)
    """Why, for what was rejected or lost."""
    bad_items: dict[str, str] = field(default_factory=dict)
    """Paths that cannot be had, with the peer's reason; all others work."""
    notes: dict[str, int] = field(default_factory=dict)
    """How often something was odd that cost no sample, e.g. a missing source time."""

    def note(self, what: str, times: int = 1) -> None:
        """Count something odd that cost no sample."""
        self.notes[what] = self.notes.get(what, 0) + times

    def reject(self, reason: str, rows: int = 1) -> None:
        """Count samples that cannot be used."""
        self.rejected += rows
        self.reasons[reason] = self.reasons.get(reason, 0) + rows

    def lose(self, reason: str, rows: int = 1) -> None:
        """Count samples that are gone."""
        self.lost += rows
        self.reasons[reason] = self.reasons.get(reason, 0) + rows


@dataclass(frozen=True, slots=True)
class Door:
    """What comes in from outside: the only things that a connector may use of the twin."""

    name: str
    """Name of the connector in the plant file; the `source` of its Frames."""
    clock: Clock
    wanted: tuple[Wanted, ...]
    encode: Callable[[int, str], int | None]
    """Code of a text in the signal's dictionary; None when the dictionary is full."""
    folder: Path
    """Where the connector may keep what it needs, e.g. certificates; exists."""
    position: str | None = None
    """Last position that was committed: resume after it. None at the very first start."""
    resolve: Callable[[str], int] | None = None
    """Number of a signal path that is not in `wanted`; raises `ConfigurationError`. For sources
    that name their signals, such as `http`."""
    naive: tzinfo = UTC
    """The plant's time zone: times without offset are read in it."""


@dataclass(frozen=True, slots=True)
class Write:
    """One value on its way to a machine. Only the guard makes it, out of a `Permit`."""

    command_id: str
    address: str
    value: float | str | bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the peer said to a `Write`. Accepted is not yet confirmed: read-back decides."""

    accepted: bool
    reason: str = ""


class Session(Protocol):
    """One open connection. All calls come from the event loop; none may block it."""

    counters: Counters

    def frames(self) -> AsyncIterator[Frame]:
        """Samples as they arrive, in order of arrival, each Frame at most 65,536 rows.

        Called once. Ends when a finite source is at its end; raises `Unavailable` when the peer is
        lost. When the caller does not keep up, the session stops reading (or, if the peer does not
        wait, counts what is lost); its memory is bounded.
        """
        ...

    async def committed(self, position: str) -> None:
        """Everything up to `position` is on disk: the peer may forget it. May be called late, from
        old to new, and not for every position."""
        ...

    def history(
        self, start: int, end: int, signals: Sequence[int] | None = None, *, bound: bool = False
    ) -> AsyncIterator[Frame]:
        """Samples with source time in (start, end] from the peer's own history, for a gap.

        With `bound`, first the last sample at or before `start` of each signal, if the peer can
        tell: a state that changed long ago is in force, though nothing in the span says so.

        Only called if `delivery` is 'resumable'. Raises `Unavailable` when the peer is lost; ends
        without a Frame when it has none.
        """
        ...

    async def send(self, write: Write) -> Outcome:
        """Write one value. Raises `Unavailable` if it is not known whether the peer got it."""
        ...


@dataclass(frozen=True, slots=True)
class Accepted:
    """The answer to a push: every row is in exactly one of the two."""

    stored: int
    rejected: dict[str, int] = field(default_factory=dict)
    """Rows that cannot be used, by reason."""


@runtime_checkable
class Receiver(Protocol):
    """A session that is pushed to, through the daemon's web server."""

    async def accept(self, body: bytes | memoryview, content_type: str) -> Accepted:
        """Take a body; return when its rows are on disk. Raises `DataError` if nothing of it can
        be used, `Unavailable` if it was not stored and should be sent again."""
        ...


@runtime_checkable
class JobReader(Protocol):
    """A session that can be asked which job orders its peer has."""

    async def jobs(
        self, address: str, wanted: Collection[str], over: Collection[str] = ()
    ) -> Mapping[str, JobResponse]:
        """All job orders of the receiver at `address`, by id, with the response to those that have
        begun and are not known to be `over`; and what became of those `wanted` that it does not
        list any more, if it still knows. Raises `Unavailable`, and `ConfigurationError` if there
        is no receiver of job orders."""
        ...


@dataclass(frozen=True, slots=True)
class FoundSignal:
    """A signal that discovery proposes, with the reason why."""

    key: str
    address: str
    type: SignalType
    title: str = ""
    unit: str = ""
    range: tuple[float, float] | None = None
    labels: tuple[tuple[int, str], ...] = ()
    role: str | None = None
    sample: int | None = None
    confidence: float = 0.5
    """Of the role, 0 to 1."""
    why: str = ""


@dataclass(frozen=True, slots=True)
class FoundCommand:
    """Something writable; it is always written down disarmed."""

    key: str
    signal: str
    address: str = ""
    low: float | None = None
    high: float | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class FoundAsset:
    """A machine or other asset that discovery proposes."""

    path: str
    title: str = ""
    level: str | None = None
    type: str = ""
    signals: tuple[FoundSignal, ...] = ()
    commands: tuple[FoundCommand, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What discovery found at an address."""

    settings: dict[str, object]
    """Settings of the connector, `kind` included."""
    assets: tuple[FoundAsset, ...]
    site: dict[str, str] = field(default_factory=dict)
    """Fields of the section `plant`."""
    notes: tuple[str, ...] = ()
    """What a person should know: what was left out and why, and the load that was caused."""
    truncated: bool = False


Progress: TypeAlias = Callable[[str], Awaitable[None] | None]


class Connector(Part):
    """Settings of a connection."""

    api: ClassVar[int] = 1
    delivery: ClassVar[Delivery]
    schemes: ClassVar[tuple[str, ...]] = ()
    """Beginnings of the URLs that it can discover, e.g. ``opc.tcp``. Written out as a literal: they
    are read from the source, see `Kind.declared`."""
    takes_jobs: ClassVar[Taker] = ""
    """Whether, and as what, it can be named under `send` of a schedule. Its sessions then take a
    `Write` whose address ends in `JOBS`; those of a machine are a `JobReader`, too."""
    suffixes: ClassVar[tuple[str, ...]] = ()
    """Ends of the names of files that it can discover, e.g. ``.csv``; a literal too. The longest
    that fits wins; the empty one takes every file that nobody else knows."""

    @abstractmethod
    def open(self, door: Door) -> AbstractAsyncContextManager[Session]:
        """Connect. Entering raises `Unavailable` when the peer does not answer, and
        `ConfigurationError` when trying again is pointless; leaving closes everything."""

    def located(self, folder: Path) -> Connector:
        """The same settings with relative paths resolved from `folder`, that of the plant file."""
        return self

    @classmethod
    async def discover(cls, target: str, clock: Clock, progress: Progress) -> Found:
        """Look at `target` (a URL or file) and propose a plant file's content.

        Needs no more than a read-only account, and bounds the load that it causes. Raises
        `ConfigurationError` if this connector cannot discover.
        """
        raise ConfigurationError(f"{cls.__name__} cannot discover {target}")
