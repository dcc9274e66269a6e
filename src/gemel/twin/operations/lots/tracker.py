"""Follows the lot signal of an asset, as samples come."""

from __future__ import annotations

from typing import Any

from gemel.core.event import Event, Payload

__all__ = ["LotRun", "LotTracker"]


class LotRun(Payload):
    """A lot is at an asset. Kind ``lot``; lasts until another one is there, or none."""

    lot: str


class LotTracker:
    """Tells of lots that come to an asset and go. Runs in one thread at a time."""

    def __init__(self, asset: str, state: dict[str, Any] | None = None) -> None:
        self._asset = asset
        self.lot = ""
        self.since = 0
        if state is not None:
            self.lot, self.since = state["lot"], state["since"]

    def rows(self, time: list[int], lots: list[str | None], known: int) -> list[Event]:
        """Lots that came or went. None is not known, and changes nothing; empty text is no lot."""
        found: list[Event] = []
        for at, lot in zip(time, lots, strict=True):
            if lot is None or lot == self.lot:
                continue
            if self.lot:
                found.append(self._event(known).ended(at))
            self.lot, self.since = lot, at
            if lot:
                found.append(self._event(known))
        return found

    def _event(self, known: int) -> Event:
        payload = LotRun(lot=self.lot).model_dump()
        return Event(
            "lot", self._asset, self.since, "operations", known, payload=payload, lasts=True
        )

    def state(self) -> dict[str, Any]:
        """JSON-able."""
        return {"lot": self.lot, "since": self.since}
