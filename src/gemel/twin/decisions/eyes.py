"""What decisions see of the plant: present values, how far they can be believed, and conditions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from gemel.core.catalogue import Catalogue
from gemel.core.envelope import Interlock, Setting
from gemel.core.expression import Evaluation
from gemel.core.quality import BAD, is_good, word
from gemel.core.time import Clock
from gemel.twin.decisions.targets import Condition
from gemel.twin.mirror import Snapshot
from gemel.twin.mirror.columns import ColumnFeed
from gemel.twin.mirror.mirror import NEVER

__all__ = ["Connection", "Eyes", "Probe", "Reading", "View"]


@dataclass(frozen=True, slots=True)
class Connection:
    """How a connector is.

    open    it has an open session
    since   when its present session began to open, ns UTC: what came before belongs to another
            session, and may have changed unseen in between
    heard   when anything last came from it, keep-alives included; None if never
    reason  why it is not open
    """

    open: bool
    since: int
    heard: int | None
    reason: str = ""


_NO_CONNECTOR: Final = Connection(True, NEVER, None)
"""A signal without connector is pushed or computed: its own samples are all there is to hear."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a signal shows: `value` is None if it never had one; `age` is how long ago it was last
    heard of, None if never since the start."""

    value: Setting | None
    quality: int
    time: int
    received: int
    age: int | None

    @property
    def good(self) -> bool:
        """Whether there is a value to believe."""
        return self.value is not None and word(self.quality) == "good"


class View:
    """One look: everything in it is of the same moment."""

    def __init__(self, eyes: Eyes, snapshot: Snapshot) -> None:
        self.now = snapshot.taken
        self.snapshot = snapshot
        self._eyes = eyes

    def reading(self, number: int) -> Reading:
        """What a signal shows."""
        shown, eyes = self.snapshot, self._eyes
        if number >= len(shown.time) or shown.time[number] == NEVER:
            return Reading(None, BAD, NEVER, NEVER, None)
        raw = float(shown.value[number])
        value: Setting | None = raw if raw == raw else None
        entry = eyes.catalogue[number]
        if entry.type == "text":
            value = eyes.catalogue.decode(number, raw)
        elif entry.type == "boolean" and value is not None:
            value = bool(value)
        quality, received = int(shown.quality[number]), int(shown.received[number])
        return Reading(value, quality, int(shown.time[number]), received, self.age(number))

    def age(self, number: int) -> int | None:
        """How long ago a signal was last heard of; None if never since the start.

        A source that reports changes is silent about what does not change. So a value that came
        within the present session is as fresh as the last sign of life of its connector.
        """
        received = int(self.snapshot.received[number])
        if received == NEVER:
            return None
        connection = self._eyes.connection_of(number)
        heard = connection.heard
        if connection.open and heard is not None and received >= connection.since:
            received = max(received, heard)
        return max(0, self.now - received)


class Eyes:
    """Looks at the mirror. Used in the event loop; takes no longer than a copy of the mirror.

    look         gives a snapshot of the mirror at a time
    connection   how a connector is
    connectors   name of the connector of each signal number that has one
    """

    def __init__(
        self,
        *,
        clock: Clock,
        look: Callable[[int], Snapshot],
        connection: Callable[[str], Connection],
        connectors: Mapping[int, str],
        catalogue: Catalogue,
    ) -> None:
        self.catalogue = catalogue
        self.connection = connection
        self._clock = clock
        self._look = look
        self._connectors = dict(connectors)

    def follow(self, connectors: Mapping[int, str]) -> None:
        """From now on signals come over these connectors."""
        self._connectors = dict(connectors)

    def look(self) -> View:
        """What there is to see now."""
        return View(self, self._look(self._clock()))

    def connection_of(self, number: int) -> Connection:
        """The connection that a signal comes over."""
        name = self._connectors.get(number, "")
        return self.connection(name) if name else _NO_CONNECTOR

    def probe(self, condition: Condition, view: View) -> Probe:
        """A condition that can be asked from now on."""
        feed = ColumnFeed(condition.inputs, self.catalogue, view.snapshot)
        return Probe(condition, feed, condition.program.start())


class Probe:
    """A condition with its memory. It sees the plant at the moments at which it is asked."""

    def __init__(self, condition: Condition, feed: ColumnFeed, running: Evaluation) -> None:
        self.condition = condition
        self.has_memory = bool(running.state()["memory"])
        self._feed = feed
        self._running = running

    def ask(self, view: View) -> Interlock:
        """What it says now. It is known only if what decides it is good."""
        result = self._running.step(*self._feed.show(view.snapshot))
        known = bool(is_good(result.quality)[0])
        ages = [view.age(number) for number in self.condition.inputs.values()]
        heard = [age for age in ages if age is not None]
        oldest = max(heard, default=0) if len(heard) == len(ages) else None
        holds = bool(result.value[0]) if known else None
        because = "; ".join(self._running.explain())
        return Interlock(self.condition.text, holds, oldest, because)
