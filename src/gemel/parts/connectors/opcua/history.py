"""HistoryRead of raw values, with continuation points, straight into columns."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from asyncua import ua

from gemel.core.errors import DataError, Unavailable
from gemel.parts.connectors.base import Counters
from gemel.parts.connectors.opcua.convert import ticks_of
from gemel.parts.connectors.opcua.decode import Columns, read_history
from gemel.parts.connectors.opcua.link import Link, status_text

__all__ = ["read_before", "read_raw"]

_VALUES_PER_NODE: Final = 10_000
_MOST_ROUNDS: Final = 100_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NO_DATA: Final = frozenset({"GoodNoData", "BadNoData"})


async def read_raw(
    link: Link,
    nodes: Mapping[int, Any],
    handles: Sequence[int],
    start: int,
    end: int,
    counters: Counters,
) -> AsyncIterator[Columns]:
    """Values with source time in (start, end], as columns that carry the items' handles.

    A node without history is counted in `counters.notes`; the others are read. Raises
    `Unavailable` when the peer is lost.
    """
    for first in range(0, len(handles), link.limits.history):
        pending: list[tuple[int, bytes | None]] = [
            (handle, None) for handle in handles[first : first + link.limits.history]
        ]
        for _ in range(_MOST_ROUNDS):
            if not pending:
                break
            request = _request([(nodes[handle], point) for handle, point in pending], start, end)
            try:
                parts = read_history(await link.ask(request))
            except DataError as error:
                raise Unavailable(f"history cannot be read: {error}") from None
            following: list[tuple[int, bytes | None]] = []
            for (handle, _point), part in zip(pending, parts, strict=True):
                name, text = status_text(part.status)
                if part.status & 0x8000_0000 and name not in _NO_DATA:
                    counters.note(f"no history: {name} ({text})")
                    continue
                columns = _within(part.columns, start, end)
                if len(columns):
                    columns.handle[:] = handle
                    yield columns
                if part.continuation:
                    following.append((handle, part.continuation))
            pending = following


async def read_before(
    link: Link, nodes: Mapping[int, Any], handles: Sequence[int], time: int
) -> AsyncIterator[Columns]:
    """The last value with source time at or before `time` of each node that has one.

    Without a start a server reads backwards from the end (OPC 10000-11 §6.5.3). A server that
    cannot do this leaves them out, and so does this.
    """
    for first in range(0, len(handles), link.limits.history):
        chosen = handles[first : first + link.limits.history]
        request = _request([(nodes[handle], None) for handle in chosen], None, time, most=1)
        try:
            parts = read_history(await link.ask(request))
        except DataError:
            return
        for handle, part in zip(chosen, parts, strict=True):
            if part.status & 0x8000_0000:
                continue
            columns = _within(part.columns, 0, time)
            if len(columns):
                columns.handle[:] = handle
                yield columns


def _request(
    nodes: Sequence[tuple[Any, bytes | None]],
    start: int | None,
    end: int,
    most: int = _VALUES_PER_NODE,
) -> Any:
    details = ua.ReadRawModifiedDetails()
    details.IsReadModified = False
    # The library knows microseconds; one more on either side, `_within` cuts exactly.
    if start is None:
        details.StartTime = ua.get_win_epoch()
    else:
        details.StartTime = _EPOCH + timedelta(microseconds=start // 1000)
    details.EndTime = _EPOCH + timedelta(microseconds=end // 1000 + 1)
    details.NumValuesPerNode = most
    details.ReturnBounds = False
    request = ua.HistoryReadRequest()
    request.Parameters.HistoryReadDetails = details
    request.Parameters.TimestampsToReturn = ua.TimestampsToReturn.Both
    request.Parameters.ReleaseContinuationPoints = False
    for node, point in nodes:
        value = ua.HistoryReadValueId()
        value.NodeId = node
        value.ContinuationPoint = point
        request.Parameters.NodesToRead.append(value)
    return request


def _within(columns: Columns, start: int, end: int) -> Columns:
    """Rows with time in (start, end]. Rows without a source time are kept by the server's."""
    time = columns.source.copy()
    time[time <= 0] = columns.server[time <= 0]
    keep = (time > ticks_of(start)) & (time <= ticks_of(end))
    if keep.all():
        return columns
    rows = keep.nonzero()[0]
    odd = {new: columns.odd[old] for new, old in enumerate(rows.tolist()) if old in columns.odd}
    return Columns(
        columns.handle[rows], columns.value[rows], columns.status[rows], columns.source[rows],
        columns.server[rows], odd,
    )  # fmt: skip
