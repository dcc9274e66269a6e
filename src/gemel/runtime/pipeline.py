"""The way of a sample: from a connector over the live lane to the disk.

    event loop        compute thread                    durable thread
    submit ──queue──▶ admit → mirror → features → watchers ──queue──▶ group commit ──▶ acknowledge
                        never waits for the disk

Both queues are bounded in rows. A patient source (one that keeps what is not acknowledged) waits in
`submit` until there is room. For an impatient one the mirror is always fed; what cannot be stored
is counted, and a gap Event says which signals and times are missing, so that they can be fetched
again. Nothing is dropped in silence.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt

from gemel.core.errors import GemelError, StorageFull, Unavailable
from gemel.core.event import Event, Gap
from gemel.core.frame import Frame, concatenate
from gemel.core.time import MILLISECOND, SECOND, Clock
from gemel.parts.historians.base import Store
from gemel.runtime.shaping import Shapers
from gemel.runtime.watching import Watchers
from gemel.twin.mirror import Mirror

__all__ = ["COMMIT_ROWS", "Pipeline", "Stage"]

log = logging.getLogger("gemel.pipeline")

COMMIT_ROWS: Final = 200_000
"""A commit is made as soon as this many rows wait …"""
LINGER: Final = 40 * MILLISECOND
"""… or when the oldest row that somebody waits for has waited this long …"""
LONGEST_LINGER: Final = 100 * MILLISECOND
"""… and any other row, or Event. Every wait for the disk holds up all others, commands too."""
QUEUE_ROWS: Final = 1_000_000
"""Most rows that wait in front of a stage."""
TICK: Final = 100 * MILLISECOND
"""Watchers are called at least this often, so that silence can be noticed."""
_AWAKE: Final = int(np.iinfo(np.int64).min)


@dataclass(slots=True)
class Stage:
    """Counters of one stage; every row that enters leaves through exactly one of them."""

    received: int = 0
    accepted: int = 0
    late: int = 0
    repeated: int = 0
    rejected: int = 0
    """Unusable: unknown signal."""
    refused: int = 0
    """Not stored: no room on disk or in the queue. A gap Event names them."""


@dataclass(slots=True, eq=False)
class _Parcel:
    frame: Frame
    done: asyncio.Future[None] | None
    patient: bool
    due: int


@dataclass(slots=True, eq=False)
class _Errand:
    """Something to do in the compute thread, between two parcels."""

    work: Callable[[], Any]
    done: asyncio.Future[Any]


@dataclass(slots=True)
class _Missing:
    """What of one source could not be stored, until storing works again."""

    start: int
    end: int
    rows: int = 0
    reason: str = ""
    signals: set[int] = field(default_factory=set)


Handler = Callable[[Sequence[Event]], None]
T = TypeVar("T")


class Pipeline:
    """Two threads between the connectors and the disk. `start` and `stop` from the event loop."""

    def __init__(self, store: Store, mirror: Mirror, clock: Clock) -> None:
        self.live = Stage()
        self.history = Stage()
        self.shapers = Shapers(self.emit, clock)
        self.watchers = Watchers(self.emit, clock)
        self.on_events: Handler = _ignore
        """Called in the event loop with every Event, after it was handed to the disk."""
        self.on_committed: Callable[[dict[str, str]], None] = _ignore
        """Called in the event loop with the positions that are on disk."""
        self.storage_problem = ""
        self._store = store
        self._mirror = mirror
        self._clock = clock
        self._intake: deque[_Parcel | _Errand] = deque()
        self._intake_rows = 0
        self._outgoing: deque[_Parcel] = deque()
        self._outgoing_rows = 0
        self._events: deque[Event] = deque(maxlen=100_000)
        self._events_due = 0
        self._missing: dict[str, _Missing] = {}
        self._broken: set[str] = set()
        self._fed = threading.Condition()
        self._filled = threading.Condition()
        self._asleep_until = _AWAKE
        """When the durable thread looks again by itself; `_AWAKE` while it does not sleep."""
        self._stopping = False
        self._computing = True
        self._room: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_thread = 0
        self._threads: list[threading.Thread] = []

    # Event loop side

    def start(self) -> None:
        """Start both threads."""
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._room = asyncio.Event()
        self._room.set()
        for name, target in (("compute", self._compute), ("durable", self._durable)):
            thread = threading.Thread(target=target, name=f"gemel.{name}", daemon=True)
            thread.start()
            self._threads.append(thread)

    async def stop(self) -> None:
        """Finish what was submitted, then end both threads."""
        with self._fed:
            self._stopping = True
            self._fed.notify()
        for thread in self._threads:
            await asyncio.to_thread(thread.join)

    async def submit(
        self, frame: Frame, *, patient: bool = False, urgent: bool = False
    ) -> asyncio.Future[None]:
        """Hand over a Frame, waiting for room if the source is `patient`.

        The future is done when the rows are on disk; it fails with `StorageFull` or `Unavailable`
        when they are not going to be. `urgent` commits without lingering.
        """
        if self._loop is None or self._room is None:
            raise Unavailable("the pipeline is not started")
        if patient:
            while self._outgoing_rows + self._intake_rows >= QUEUE_ROWS:
                self._room.clear()
                await self._room.wait()
        else:
            while self._intake_rows >= QUEUE_ROWS:
                self._room.clear()
                await self._room.wait()
        done = self._loop.create_future()
        done.add_done_callback(_seen)
        with self._fed:
            linger = 0 if urgent else LINGER if patient else LONGEST_LINGER
            self._intake.append(_Parcel(frame, done, patient, self._clock() + linger))
            self._intake_rows += len(frame)
            self._fed.notify()
        return done

    async def between(self, work: Callable[[], T]) -> T:
        """Run `work` in the compute thread, after what was submitted before and before what comes
        after; gives its result, or raises its error.

        It is the only way to change what that thread uses: arrays may grow under nobody's hands.
        `work` must not wait for anything.
        """
        if self._loop is None or self._stopping:
            raise Unavailable("the pipeline does not run")
        done: asyncio.Future[T] = self._loop.create_future()
        with self._fed:
            self._intake.append(_Errand(work, done))
            self._fed.notify()
        return await done

    def broken(self, source: str) -> bool:
        """Whether rows of a patient source were refused. Nothing more of it is stored, since a
        later position would acknowledge what is missing, until it starts again (`mend`)."""
        return source in self._broken

    def mend(self, source: str) -> None:
        """The source starts again from its last committed position."""
        self._broken.discard(source)

    def emit(self, events: Iterable[Event]) -> None:
        """Hand over Events, from any thread: to the disk, and to whoever listens."""
        found = list(events)
        if not found:
            return
        with self._filled:
            if not self._events:
                self._events_due = self._clock() + LONGEST_LINGER
            self._events.extend(found)
            self._ring(self._events_due)
        self._call(self.on_events, found)

    def backlog(self) -> tuple[int, int]:
        """Rows that wait in front of the mirror, and in front of the disk."""
        return self._intake_rows, self._outgoing_rows

    def _call(self, function: Callable[..., None], *arguments: object) -> None:
        if self._loop is None or self._loop.is_closed():
            return
        if threading.get_ident() == self._loop_thread:
            self._loop.call_soon(function, *arguments)  # nobody has to be woken
        else:
            self._loop.call_soon_threadsafe(function, *arguments)

    def _ring(self, due: int) -> None:
        """Wake the durable thread if it would sleep longer; for who holds `_filled`. To wake a
        thread costs as much as to mirror a small Frame, so it is not done in vain."""
        if due < self._asleep_until or self._outgoing_rows >= COMMIT_ROWS:
            self._filled.notify()

    def _make_room(self) -> None:
        if self._room is not None and not self._room.is_set():
            self._call(self._room.set)

    # Compute thread

    def _compute(self) -> None:
        next_tick = self._clock() + TICK
        while True:
            with self._fed:
                if not self._intake and not self._stopping:
                    self._fed.wait(max(0.001, (next_tick - self._clock()) / 1e9))
                parcels = list(self._intake)
                self._intake.clear()
                stopping = self._stopping
            for parcel in parcels:
                if isinstance(parcel, _Errand):
                    self._run(parcel)
                else:
                    self._pass(parcel)
            now = self._clock()
            if now >= next_tick or (stopping and parcels):
                next_tick = now + TICK
                self.watchers.tick(now)
            if stopping and not parcels:
                break
        with self._filled:
            self._computing = False
            self._filled.notify()

    def _run(self, errand: _Errand) -> None:
        try:
            result = errand.work()
        except Exception as error:  # noqa: BLE001 - it belongs to whoever asked
            self._call(_settle, errand.done, None, error)
        else:
            self._call(_settle, errand.done, result, None)

    def _pass(self, parcel: _Parcel) -> None:
        frame = parcel.frame
        admitted = self._mirror.admit(frame)
        rows = len(frame)
        self.live.received += rows
        self.live.rejected += admitted.unknown
        self.live.late += admitted.behind
        self.live.accepted += len(admitted.frame) - admitted.behind
        parcel.frame = admitted.frame
        if len(made := self.shapers(admitted.frame)):
            # In one commit with what they were made of, which has the position.
            parcel.frame = replace(
                concatenate([admitted.frame, self._mirror.admit(made).frame]),
                source=frame.source, position=frame.position,
            )  # fmt: skip
        self.watchers.feed(parcel.frame)
        with self._filled:
            full = self._outgoing_rows >= QUEUE_ROWS and not parcel.patient
            if not full:
                self._outgoing.append(parcel)
                self._outgoing_rows += len(parcel.frame)
                self._ring(parcel.due)
        self._intake_rows -= rows
        if full:
            problem = Unavailable("the disk does not keep up; these samples were not stored")
            self._refuse([parcel], problem)
        self._make_room()

    # Durable thread

    def _durable(self) -> None:
        while True:
            parcels, events, ending = self._gather()
            if events:
                try:
                    self._store.record(events)
                except GemelError as error:
                    self.storage_problem = str(error)
                    with self._filled:
                        self._events.extendleft(reversed(events))
            if parcels:
                self._commit(parcels)
            if ending and not parcels:
                break

    def _gather(self) -> tuple[list[_Parcel], list[Event], bool]:
        """Wait for enough to commit, and take it."""
        with self._filled:
            while True:
                ending = not self._computing
                if ending or self._outgoing_rows >= COMMIT_ROWS:
                    break
                dues = [p.due for p in self._outgoing]
                if self._events:
                    dues.append(self._events_due)
                now = self._clock()
                self._asleep_until = min(dues, default=now + SECOND)
                if self._asleep_until <= now:
                    break
                self._filled.wait((self._asleep_until - now) / SECOND)
            self._asleep_until = _AWAKE
            parcels: list[_Parcel] = []
            rows = 0
            while self._outgoing and rows < COMMIT_ROWS:
                parcel = self._outgoing.popleft()
                parcels.append(parcel)
                rows += len(parcel.frame)
            self._outgoing_rows -= rows
            events = list(self._events)
            self._events.clear()
        self._make_room()
        return parcels, events, ending

    def _commit(self, parcels: list[_Parcel]) -> None:
        if self._broken:
            late = [p for p in parcels if p.patient and p.frame.source in self._broken]
            if late:
                self._refuse(late, Unavailable("what came before it was not stored"))
                parcels = [p for p in parcels if p not in late]
        try:
            receipt = self._store.commit([p.frame for p in parcels])
        except (StorageFull, Unavailable) as error:
            if not self.storage_problem:
                log.error("history is not written: %s", error)
            self.storage_problem = str(error)
            self._refuse(parcels, error)
            # A full disk is asked again once in a while, not thousands of times a second.
            with self._filled:
                if self._computing:
                    self._filled.wait(0.2)
            return
        if self.storage_problem:
            log.warning("history is written again")
            self.storage_problem = ""
        self._close_gaps()
        self.history.received += receipt.rows
        self.history.accepted += receipt.accepted
        self.history.late += receipt.late
        self.history.repeated += receipt.repeated
        self._call(self._acknowledge, parcels, receipt.positions)

    def _acknowledge(self, parcels: list[_Parcel], positions: dict[str, str]) -> None:
        for parcel in parcels:
            if parcel.done is not None and not parcel.done.done():
                parcel.done.set_result(None)
        if positions:
            self.on_committed(positions)

    def _refuse(self, parcels: list[_Parcel], error: Exception) -> None:
        for parcel in parcels:
            frame = parcel.frame
            self.history.received += len(frame)
            self.history.refused += len(frame)
            if parcel.patient and frame.position is not None:
                self._broken.add(frame.source)
            if len(frame) and not parcel.patient:
                low, high = int(frame.time.min()), int(frame.time.max())
                with self._filled:
                    missing = self._missing.setdefault(frame.source, _Missing(low, high))
                missing.start, missing.end = min(missing.start, low), max(missing.end, high)
                missing.rows += len(frame)
                missing.reason = str(error)
                missing.signals.update(_distinct(frame.signal))
        self._call(_fail, parcels, error)

    def _close_gaps(self) -> None:
        with self._filled:
            missing, self._missing = self._missing, {}
        now = self._clock()
        self.emit(
            Event(
                "gap", source, gap.start, "historian", now, gap.end,
                Gap(
                    reason=gap.reason, signals=tuple(sorted(gap.signals)), rows=gap.rows
                ).model_dump(),
            )
            for source, gap in missing.items()
        )  # fmt: skip


def _fail(parcels: list[_Parcel], error: Exception) -> None:
    for parcel in parcels:
        if parcel.done is not None and not parcel.done.done():
            parcel.done.set_exception(error)


def _settle(done: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
    if done.done():
        return  # whoever asked went away
    if error is None:
        done.set_result(result)
    else:
        done.set_exception(error)


def _seen(done: asyncio.Future[None]) -> None:
    """A failure that nobody waits for is counted elsewhere; it is not a lost exception."""
    if not done.cancelled():
        done.exception()


def _ignore(_: object) -> None:
    """Nobody listens yet."""


def _distinct(signals: npt.NDArray[np.int32]) -> list[int]:
    return [int(s) for s in np.unique(signals)]
