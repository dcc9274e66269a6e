"""Reasoners at work: fed with admitted samples, they report findings and hand over proposals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gemel.core.catalogue import Catalogue
from gemel.core.event import Event, Payload
from gemel.core.frame import Frame
from gemel.core.plant import PlantSignal
from gemel.parts.reasoners.base import Finding, Proposal, Reasoner, Severity
from gemel.twin.mirror import Snapshot
from gemel.twin.mirror.columns import ColumnFeed, Rows
from gemel.twin.mirror.names import Resolver

__all__ = ["Adviser", "ReasonerFinding"]


class ReasonerFinding(Payload):
    """What a reasoner noticed. Kind ``finding``; subject is the reasoner's asset."""

    title: str
    severity: Severity
    text: str
    because: tuple[str, ...]


class Adviser:
    """One reasoner of the plant file, as a watcher of the pipeline.

    All calls come from the compute thread, and none blocks. Findings are returned as Events;
    proposals go to `submit`, which must hand them to the event loop and return at once. Raises
    `ConfigurationError` when it is made, if the reasoner does not fit the plant.
    """

    def __init__(
        self,
        name: str,
        reasoner: Reasoner,
        *,
        signals: Iterable[PlantSignal],
        numbers: Mapping[str, int],
        catalogue: Catalogue,
        snapshot: Snapshot,
        submit: Callable[[Proposal], None],
        state: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = f"reasoner '{name}'"
        self._source = name
        self._asset = reasoner.asset
        self._submit = submit
        names = Resolver(signals, reasoner.asset)
        running = (state or {}).get("running")
        self._running = reasoner.start(name, names, running, known=names.known)
        inputs = {word: numbers[names.path(word)] for word in self._running.inputs}
        since = (state or {}).get("since")
        more = {} if since is None else {"since": int(since)}
        self._feed = ColumnFeed(inputs, catalogue, snapshot, **more)
        self.signals = frozenset(inputs.values())

    def feed(self, frame: Frame) -> list[Event]:
        """Look at admitted samples."""
        return self._step(self._feed.feed(frame), frame.received)

    def tick(self, now: int) -> list[Event]:
        """Time has passed."""
        return self._step(self._feed.now(now), now)

    def state(self) -> dict[str, Any]:
        """A JSON value from which another one of the same settings goes on."""
        return {"since": self._feed.last, "running": self._running.state()}

    def _step(self, rows: Rows | None, now: int) -> list[Event]:
        found: list[Event] = []
        for said in self._running(*rows) if rows is not None else ():
            if isinstance(said, Proposal):
                self._submit(said)
            else:
                found.append(self._event(said, now))
        return found

    def _event(self, finding: Finding, now: int) -> Event:
        payload = ReasonerFinding(
            title=finding.title,
            severity=finding.severity,
            text=finding.text,
            because=finding.because,
        )
        return Event(
            "finding", self._asset, finding.time, self._source, now,
            payload=payload.model_dump(mode="json"),
        )  # fmt: skip
