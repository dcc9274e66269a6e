"""Spans in which samples are missing, as the Events of the kind ``gap`` tell them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from gemel.core.event import Event
from gemel.parts.historians.base import Store
from gemel.twin.operations.calendar import Span

__all__ = ["gaps", "missing"]

_MOST: Final = 100_000


def gaps(store: Store, start: int, end: int) -> list[Event]:
    """What was told of gaps that touch [start, end), ns UTC. Reads the store."""
    return store.events("gap", start=start, end=end, limit=_MOST, order="oldest")


def missing(
    events: Iterable[Event],
    number: int,
    connector: str,
    start: int,
    end: int,
    as_of: int | None = None,
) -> list[Span]:
    """Spans of [start, end), ns UTC, in which samples of signal `number` of a connector are missing
    and were not fetched again; with `as_of`, those that were missing by what was known then."""
    found = []
    for event in events:
        signals = event.payload.get("signals", ())
        mine = number in signals or (not signals and event.subject == connector)
        if not mine or event.end is None or not _is_missing(event, as_of):
            continue
        found.append((max(event.time, start), min(event.end, end)))
    return [(a, b) for a, b in found if a < b]


def _is_missing(gap: Event, as_of: int | None) -> bool:
    refilled = bool(gap.payload.get("refilled"))
    if as_of is None:
        return not refilled
    # What came of fetching takes the place of what told the gap first, when its end had come; until
    # that was known, what was fetched was not there either.
    told = gap.known if gap.supersedes is None else gap.end
    return told is not None and told <= as_of and not (refilled and gap.known <= as_of)
