"""The supervisor of one connector: opens it, feeds the pipeline, and comes again when it is lost.

States are what is true, not what is hoped:

    starting   not connected; the reason says since when and when the next try is
    active     connected, and every wanted signal can be had
    degraded   connected, but some signals cannot be had
    stopped    at its end, or mended only by a person; the reason says which
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from gemel.core.catalogue import Catalogue
from gemel.core.errors import ConfigurationError, DataError, GemelError, Unavailable
from gemel.core.event import BEFORE_START, CONNECTION_LOST, Event, Gap
from gemel.core.frame import EMPTY
from gemel.core.time import SECOND, Clock
from gemel.parts.connectors.base import Connector, Counters, Door, Outcome, Session, Wanted, Write
from gemel.parts.historians.base import Store
from gemel.runtime.pipeline import Pipeline
from gemel.twin.mirror import Mirror

__all__ = ["AT_ITS_END", "Link", "State", "Totals"]

log = logging.getLogger("gemel.connector")

State = Literal["starting", "active", "degraded", "stopped"]

AT_ITS_END: Final = "at its end"
SHORTEST_PAUSE: Final = 0.2
LONGEST_PAUSE: Final = 2.0
OVERLAP: Final = 2 * SECOND
"""History is asked for from a little before the gap; what comes twice is recognised."""
SEAM_S: Final = 5.0
"""If nothing new has come after so long, the source is silent: the gap ends."""
REFILL_FIRST_S: Final = 2.0
BACKFILL_FIRST_S: Final = 20.0
REFILL_TRIES: Final = 5
FIRST_SLICE: Final = 4 * SECOND
SHORTEST_SLICE: Final = SECOND
SLICE_TAKES: Final = SECOND // 4


@dataclass(slots=True)
class Totals:
    """Counters of a connector over all its sessions."""

    sessions: int = 0
    received: int = 0
    rejected: int = 0
    lost: int = 0
    refilled: int = 0
    reasons: dict[str, int] = field(default_factory=dict)

    def add(self, counters: Counters) -> None:
        """Add what a session has counted."""
        self.received += counters.received
        self.rejected += counters.rejected
        self.lost += counters.lost
        for reason, rows in counters.reasons.items():
            self.reasons[reason] = self.reasons.get(reason, 0) + rows


class _Seam:
    """Where history ends and what is new begins."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.reached: asyncio.Future[None] = loop.create_future()
        """All until the session opened was fetched."""
        self.begun: asyncio.Future[None] = loop.create_future()
        """The first new samples have come."""


class Link:
    """One connector under supervision."""

    def __init__(
        self,
        name: str,
        connector: Connector,
        wanted: Sequence[Wanted],
        *,
        store: Store,
        mirror: Mirror,
        pipeline: Pipeline,
        clock: Clock,
        folder: Path,
        resolve: Callable[[str], int] | None = None,
        naive: tzinfo = UTC,
    ) -> None:
        self.name = name
        self.connector = connector
        self.wanted = tuple(wanted)
        self.state: State = "starting"
        self.reason = "not connected yet"
        self.since = clock()
        self.last_received: int | None = None
        self.lag: int | None = None
        """Arrival less source time of the newest sample, ns: includes clock differences."""
        self.failures = 0
        """Sessions in a row that did not last, or could not be opened."""
        self.opening: int | None = None
        """When the present session was asked for; None while there is none."""
        self.session: Session | None = None
        self._totals = Totals()
        self._store = store
        self._catalogue: Catalogue = store.catalogue
        self._mirror = mirror
        self._pipeline = pipeline
        self._clock = clock
        self._folder = folder
        self._resolve = resolve
        self._naive = naive
        self._numbers = np.array([w.number for w in self.wanted], np.int32)
        self.refilling = False
        """Whether history is being fetched for a gap."""
        self._lost_at: int | None = None
        self._why_lost = CONNECTION_LOST
        self._handed: asyncio.Future[None] | None = None
        """Done when the last Frame that was handed over is stored or refused."""
        self._position: str | None = None
        self._from_start = False
        self.last_bad_items: dict[str, str] = {}
        """`bad_items` of the last session that ended."""

    # What others ask

    def totals(self) -> Totals:
        """Counters over all sessions, the present one included."""
        whole = Totals(self._totals.sessions, refilled=self._totals.refilled)
        for part in (self._totals, self.session.counters if self.session else None):
            if part is not None:
                whole.received += part.received
                whole.rejected += part.rejected
                whole.lost += part.lost
                for reason, rows in part.reasons.items():
                    whole.reasons[reason] = whole.reasons.get(reason, 0) + rows
        return whole

    def bad_items(self) -> dict[str, str]:
        """Signals that cannot be had, with the peer's reason."""
        return dict(self.session.counters.bad_items) if self.session else {}

    def report(self) -> dict[str, Any]:
        """For health, status and the page Connections."""
        totals = self.totals()
        bad = self.bad_items()
        # A session may find a bad item at any time: what is true now is asked now.
        state = "degraded" if self.state == "active" and bad else self.state
        return {
            "name": self.name,
            "state": state,
            "since": self.since,
            "reason": self.reason or (f"{len(bad)} signals cannot be had" if bad else ""),
            "delivery": self.connector.delivery,
            "signals": len(self.wanted),
            "sessions": totals.sessions,
            "received": totals.received,
            "rejected": totals.rejected,
            "lost": totals.lost,
            "refilled": totals.refilled,
            "reasons": totals.reasons,
            "notes": dict(self.session.counters.notes) if self.session else {},
            "bad_items": bad,
            "last_received": self.last_received,
            "lag": self.lag,
        }

    def start_over(self) -> None:
        """Read from the beginning at the next start, whatever was committed before."""
        self._from_start = True

    async def settled(self) -> None:
        """Return when all that the last session handed over is stored or refused. For after `run`:
        another session must neither be told what this one sent, nor start before it."""
        if self._handed is not None:
            await asyncio.wait({self._handed})
        self._mirror.cut(self._numbers, True)

    def change(self, connector: Connector, wanted: Sequence[Wanted]) -> None:
        """Take other settings, between `settled` and the next `run`. Counters go on; what a source
        with history has missed meanwhile is refilled as after a lost connection."""
        if type(connector) is not type(self.connector):
            # A position is a word between one kind of source and itself.
            self._from_start, self._lost_at = True, None
        elif connector.delivery != "confirmed" and self.last_received is not None:
            # Not by our clock alone: what was read last may have been under way for a while.
            last = self.last_received - max(self.lag or 0, 0)
            self._lost_at = last if self._lost_at is None else min(last, self._lost_at)
            self._why_lost = "plant file changed"
        self.connector = connector
        self.wanted = tuple(wanted)
        self._numbers = np.array([w.number for w in self.wanted], np.int32)
        self._set("starting", "the plant file changed")

    async def send(self, write: Write) -> Outcome:
        """Pass a write to the open session; only the guard calls this."""
        if self.session is None:
            raise Unavailable(f"connector '{self.name}' is not connected: {self.reason}")
        return await self.session.send(write)

    def committed(self, position: str) -> None:
        """Remember, and tell the session, what is on disk."""
        self._position = position
        if self.session is not None:
            task = asyncio.ensure_future(self.session.committed(position))
            task.add_done_callback(_log_failure)

    # Life

    async def run(self) -> None:
        """Until cancelled, or until the source is at its end."""
        self._position = None if self._from_start else self._store.position(self.name)
        self._from_start = False
        pause = SHORTEST_PAUSE
        if self.connector.delivery == "resumable" and self._lost_at is None:
            self._lost_at = self._last_stored()
        while True:
            opened = self.opening = self._clock()
            try:
                await self._one_session()
            except asyncio.CancelledError:
                self._end_session()
                self._set("stopped", "stopped")
                raise
            except (ConfigurationError, DataError) as error:
                self._end_session()
                self._mirror.cut(self._numbers, True)
                self._set("stopped", str(error))
                log.error("%s: stopped: %s", self.name, error)
                return
            except (Unavailable, OSError, TimeoutError) as error:
                self._end_session()
                self._lose(error)
            except Exception as error:
                # A fault of the connector must not take the others with it.
                log.exception("%s: failed", self.name)
                self._end_session()
                self._lose(Unavailable(f"internal error: {type(error).__name__}: {error}"))
            else:
                self._end_session()
                self._set("stopped", AT_ITS_END)
                return
            self.failures += 1
            if self._clock() - opened > 10 * SECOND:
                pause, self.failures = SHORTEST_PAUSE, 1
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _one_session(self) -> None:
        door = Door(
            name=self.name,
            clock=self._clock,
            wanted=self.wanted,
            encode=self._catalogue.encode,
            folder=self._folder,
            position=self._position,
            resolve=self._resolve,
            naive=self._naive,
        )
        async with self.connector.open(door) as session:
            # Before the session is seen: whoever asks whether history is whole looks at both.
            self.refilling = self._lost_at is not None and self.connector.delivery == "resumable"
            self.session = session
            self._totals.sessions += 1
            self._mirror.cut(self._numbers, False)
            if self._totals.sessions > 1:
                log.warning("%s: connected again", self.name)
            self._set("active", "")
            refill: asyncio.Task[None] | None = None
            seam = _Seam()
            if self._lost_at is not None:
                start, self._lost_at = self._lost_at, None
                name = f"{self.name}.refill"
                refill = asyncio.create_task(self._refill(session, start, seam), name=name)
                # A short gap is refilled before what is new is read, so that all is in order; at
                # the first start nobody waits for what is new yet.
                first = self._totals.sessions == 1
                await asyncio.wait(
                    {refill, seam.reached},
                    timeout=BACKFILL_FIRST_S if first else REFILL_FIRST_S,
                    return_when=asyncio.FIRST_COMPLETED,
                )
            self._pipeline.mend(self.name)
            # A refusal ends the session at once, even if the source waits for it before it sends
            # more: whoever pushed is told, and sends again.
            refused: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            reading = asyncio.create_task(
                self._read(session, refused, seam), name=f"{self.name}.read"
            )
            try:
                await asyncio.wait({reading, refused}, return_when=asyncio.FIRST_COMPLETED)
                if refused.done():
                    raise Unavailable(self._pipeline.storage_problem or "not stored")
                await reading
            finally:
                running = [t for t in (reading, refill) if t is not None]
                for task in running:
                    task.cancel()
                await asyncio.gather(*running, return_exceptions=True)

    async def _read(self, session: Session, refused: asyncio.Future[None], seam: _Seam) -> None:
        """Hand over what the session gives, until it ends. `refused` is set when rows of a source
        that keeps them were not stored, `seam.begun` when the first ones have come."""
        patient = self.connector.delivery == "confirmed"

        def stored(done: asyncio.Future[None]) -> None:
            if not done.cancelled() and done.exception() is not None and not refused.done():
                refused.set_result(None)

        pending: asyncio.Future[None] | None = None
        async for frame in session.frames():
            self.last_received = self._clock()
            if not seam.begun.done():
                seam.begun.set_result(None)
            if len(frame):
                self.lag = self.last_received - int(frame.time[-1])
            pending = self._handed = await self._pipeline.submit(frame, patient=patient)
            if patient:
                pending.add_done_callback(stored)
        if patient and pending is not None:
            await asyncio.wait({pending})

    async def _refill(self, session: Session, start: int, seam: _Seam) -> None:
        """Mark the gap, fetch what was missed, and say what came back.

        The gap ends when the first new samples have come: what changed between the question for
        history and the beginning of the subscription is in neither. So the end is asked twice.
        """
        end = self._clock()
        first = self._totals.sessions == 1
        reason = BEFORE_START if first else self._why_lost
        self._why_lost = CONNECTION_LOST
        gap = Event(
            "gap", self.name, start, self.name, self._clock(), end,
            Gap(reason=reason).model_dump(),
        )  # fmt: skip
        self._pipeline.emit([gap])
        if self.connector.delivery != "resumable":
            return
        rows, reached = 0, start
        try:
            async for upto, fetched in self._slices(session, reached, end):
                reached = upto
                rows += fetched
            seam.reached.set_result(None)
            await asyncio.wait({seam.begun}, timeout=SEAM_S)
            reached, end = end, self._clock()
            async for _, fetched in self._slices(session, reached, end + OVERLAP, bound=False):
                rows += fetched
            reached = end
            self._totals.refilled += rows
            filled = Gap(reason=reason, refilled=rows > 0, rows=rows)
            self._pipeline.emit(
                [
                    Event(
                        "gap", self.name, start, self.name, self._clock(), end,
                        filled.model_dump(), cause=gap.id, supersedes=gap.id, sequence=1,
                    )
                ]
            )  # fmt: skip
            # Who waits for history reads it from disk: all of this must have arrived there.
            await asyncio.wait({await self._pipeline.submit(EMPTY, urgent=True)})
        finally:
            self.refilling = False
            if reached < end:
                self._lost_at = reached  # the next session goes on from there

    async def _slices(
        self, session: Session, since: int, end: int, *, bound: bool = True
    ) -> AsyncIterator[tuple[int, int]]:
        """Fetch history slice by slice, from a little before `since`: (time reached, rows since
        then). Slices grow and shrink so that each takes the peer about `SLICE_TAKES`: its other
        work must not wait for our past. `bound` asks for the values at the beginning, too."""
        length, failures, start = FIRST_SLICE, 0, since - OVERLAP
        while start < end:
            upto = min(end, start + length)
            begun, rows = self._clock(), 0
            try:
                async for frame in session.history(start, upto, bound=bound):
                    rows += int(np.count_nonzero(frame.time >= since))
                    await self._pipeline.submit(frame, patient=True)
            except Unavailable as error:
                failures += 1
                if failures > REFILL_TRIES:
                    log.warning("%s: gap is not refilled: %s", self.name, error)
                    raise
                length = max(SHORTEST_SLICE, length // 8)
                await asyncio.sleep(failures)
                continue
            start, failures, bound = upto, 0, False
            took = self._clock() - begun
            length = length * 2 if took < SLICE_TAKES // 2 else length
            length = max(SHORTEST_SLICE, length // 2) if took > 2 * SLICE_TAKES else length
            yield start, rows
            await asyncio.sleep(took / 2e9)

    def _last_stored(self) -> int | None:
        marks = self._store.marks()[self._numbers]
        known = marks[marks != np.iinfo(np.int64).min]
        if len(known):
            return int(known.max())
        backfill = int(getattr(self.connector, "backfill", 0) or 0)
        return self._clock() - backfill if backfill else None

    def _lose(self, error: Exception) -> None:
        now = self._clock()
        if self.state in ("active", "degraded"):
            log.warning("%s: lost: %s", self.name, error)
            if self._lost_at is None:
                self._lost_at = self.last_received or now
            self._mirror.cut(self._numbers, True)
            self._set("starting", str(error))
        else:
            # Tried in vain: keep `since`, so that it says how long it has been so.
            self.reason = str(error)

    def _end_session(self) -> None:
        if self.session is not None:
            self._totals.add(self.session.counters)
            self.opening = None
            self.last_bad_items = dict(self.session.counters.bad_items)
            self.session = None

    def _set(self, state: State, reason: str) -> None:
        if state != self.state:
            self.since = self._clock()
        self.state, self.reason = state, reason


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and isinstance(error := task.exception(), GemelError):
        log.warning("a source could not be told what is on disk: %s", error)
