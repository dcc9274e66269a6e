"""Stops of a machine, and the job orders of a line: what lasts, from rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from gemel.core.event import Event, Payload
from gemel.twin.operations.times import TimeClass

__all__ = ["OrderRun", "OrderTracker", "Stop", "StopTracker", "Stopped"]

_REASONS: Final = {
    TimeClass.STARVED: "starved",
    TimeClass.BLOCKED: "blocked",
    TimeClass.FAULT: "fault",
    TimeClass.SETUP: "set-up",
    TimeClass.PLANNED: "planned",
    TimeClass.IDLE: "no order",
    TimeClass.STOPPED: "unknown",
}


class Stop(Payload):
    """Kind ``stop``: from the end of production to its next begin. The subject is the asset."""

    reason: str
    """starved, blocked, fault, set-up, planned, no order, or unknown: the first that was known."""
    minor: bool = False
    """Shorter than `minor_below`; told when it has ended."""
    uncertain: bool = False
    """For a part of it nothing was known; it may have been several."""


class OrderRun(Payload):
    """Kind ``order``: a job order on a line. The subject is the asset that works on it."""

    order: str
    product: str = ""
    produced: float | None = None
    """Pieces counted so far; None where nothing counts."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """A stop; `end` is None while it lasts."""

    start: int
    end: int | None
    reason: str
    uncertain: bool = False

    def event(self, asset: str, known: int, minor_below: int) -> Event:
        """The Event; that of the end supersedes that of the start."""
        minor = self.end is not None and self.end - self.start < minor_below
        payload = Stop(reason=self.reason, minor=minor, uncertain=self.uncertain).model_dump()
        first = Event("stop", asset, self.start, "operations", known, payload=payload, lasts=True)
        return first if self.end is None else first.ended(self.end)


class StopTracker:
    """Finds stops in the classes of rows, in order of time."""

    def __init__(self, state: dict[str, Any] | None = None) -> None:
        self.open: Stopped | None = None
        self._ran = False
        if state is not None:
            self._ran = state["ran"]
            if state["open"] is not None:
                start, reason, uncertain = state["open"]
                self.open = Stopped(start, None, reason, uncertain)

    def rows(self, time: Iterable[int], classes: Iterable[int], planned: Any) -> list[Stopped]:
        """Stops that began or ended. `planned(time)` says whether work was planned then."""
        found: list[Stopped] = []
        for at, state in zip(time, classes, strict=True):
            if state == TimeClass.UNKNOWN:
                if self.open is not None and not self.open.uncertain:
                    self.open = replace(self.open, uncertain=True)
            elif state == TimeClass.PRODUCTION:
                self._ran = True
                if self.open is not None:
                    found.append(replace(self.open, end=at))
                    self.open = None
            elif self.open is not None:
                if self.open.reason == "unknown":
                    self.open = replace(self.open, reason=_REASONS[TimeClass(state)])
            elif self._ran:
                reason = _REASONS[TimeClass(state)] if planned(at) else "planned"
                self.open = Stopped(at, None, reason)
                self._ran = False
                found.append(self.open)
        return found

    def state(self) -> dict[str, Any]:
        """JSON-able."""
        stop = self.open
        open_ = None if stop is None else [stop.start, stop.reason, stop.uncertain]
        return {"ran": self._ran, "open": open_}


class OrderTracker:
    """Follows the order signal of an asset."""

    def __init__(self, asset: str, state: dict[str, Any] | None = None) -> None:
        self._asset = asset
        self.order = ""
        self.product = ""
        self.since = 0
        self.produced = 0.0
        if state is not None:
            self.order, self.product = state["order"], state["product"]
            self.since, self.produced = state["since"], state["produced"]

    def rows(
        self,
        time: list[int],
        orders: list[str | None],
        products: list[str | None],
        added: list[float] | None,
        known: int,
    ) -> list[Event]:
        """Orders that began or ended. None is not known, and changes nothing."""
        found: list[Event] = []
        for row, (at, order, product) in enumerate(zip(time, orders, products, strict=True)):
            # The counter moves for what was made since the row before, so for the order before.
            self.produced += added[row] if added is not None else 0.0
            if order is not None and order != self.order:
                if self.order:
                    found.append(self._event(known, at, added is not None))
                self.order, self.product = order, product or ""
                self.since, self.produced = at, 0.0
                if order:
                    found.append(self._event(known, None, added is not None))
            elif product is not None:
                self.product = product
        return found

    def _event(self, known: int, end: int | None, counted: bool) -> Event:
        payload = OrderRun(
            order=self.order,
            product=self.product,
            produced=self.produced if counted else None,
        ).model_dump()
        first = Event(
            "order", self._asset, self.since, "operations", known, payload=payload, lasts=True
        )
        return first if end is None else first.ended(end)

    def state(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            "order": self.order, "product": self.product,
            "since": self.since, "produced": self.produced,
        }  # fmt: skip
