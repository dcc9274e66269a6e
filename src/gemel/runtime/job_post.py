"""The outbox of job orders at work: opened by who comes first, changed by one at a time.

Each change is told as an Event of the kind ``job_order``, and each response to the book of its
schedule, once it is on disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gemel.core.event import Event
from gemel.core.job import JobResponse

if TYPE_CHECKING:
    from gemel.runtime.daemon import Daemon
    from gemel.runtime.outbox import Outbox
    from gemel.twin.planning.plans import Book
    from gemel.twin.planning.plans.jobs import Posted

__all__ = ["JobPost"]


class JobPost:
    """What is to be sent and what was told, of all schedules. Used in the event loop."""

    def __init__(self, daemon: Daemon, books: Mapping[str, Book]) -> None:
        self._daemon, self._books = daemon, books
        self._outbox: Outbox | None = None
        self._changing = asyncio.Lock()
        """Held while entries or responses are looked at and changed; never over a call to a peer.
        What opens the outbox takes it, too, so that is done first."""
        self._sequence = 0

    async def _open(self) -> Outbox:
        async with self._changing:
            if self._outbox is None:
                from gemel.runtime.outbox import Outbox

                folder = self._daemon.folder / "job-orders"
                outbox = await asyncio.to_thread(Outbox, folder / "outbox.sqlite")
                self._outbox = outbox
                for name, book in self._books.items():
                    self.tell(name, book)
                # What was on its way when the twin stopped may have arrived, or not.
                reason = "the twin stopped before its end was known"
                lost = [
                    one.now("unconfirmed", self._daemon.clock(), reason)
                    for one in outbox.posted.values()
                    if one.state == "sent"
                ]
                await self._keep(outbox, lost)
            return self._outbox

    def tell(self, name: str, book: Book) -> None:
        """Tell a book that was made anew what peers have said; the outbox does it when it opens."""
        if self._outbox is not None:
            for response in self._outbox.responses_of(name).values():
                book.hear(response)

    def close(self) -> None:
        """Close the outbox; after `run` has ended."""
        if self._outbox is not None:
            self._outbox.close()
            self._outbox = None

    # To be called with `_changing` held

    async def _keep(
        self, outbox: Outbox, entries: Sequence[Posted], dropped: Sequence[Posted] = (),
        untold: Sequence[tuple[str, str]] = (),
    ) -> None:  # fmt: skip
        if not entries and not dropped and not untold:
            return
        await asyncio.to_thread(outbox.put, entries, dropped, (), untold)
        for entry in entries:
            self._emit(
                f"{entry.schedule}/{entry.order.id}",
                {"way": entry.way, "state": entry.state, "reason": entry.reason,
                 "version": entry.version, "plan": entry.plan},
            )  # fmt: skip

    async def _hear(
        self, outbox: Outbox, name: str, source: str, told: Sequence[JobResponse]
    ) -> None:
        if not told:
            return
        await asyncio.to_thread(outbox.put, (), (), [(name, one) for one in told])
        for one in told:
            if (book := self._books.get(name)) is not None:
                book.hear(one)
            self._emit(
                f"{name}/{one.job}",
                {"way": source, "state": one.state, "start": one.start, "end": one.end,
                 "quantity": one.quantity},
            )  # fmt: skip

    def _emit(self, subject: str, payload: dict[str, Any]) -> None:
        self._sequence += 1
        now = self._daemon.clock()
        self._daemon.pipeline.emit(
            [Event("job_order", subject, now, "planning", payload=payload, sequence=self._sequence)]
        )
