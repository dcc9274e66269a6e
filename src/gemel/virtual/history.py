"""History of the served variables in memory, for HistoryRead.

asyncua's own store keeps Python objects per sample and trims by the wall clock; this one keeps two
arrays per variable and trims by simulated time, so an hour of the line fits in some tens of MB and
a sped-up simulation keeps what it should.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import MutableSequence
from datetime import UTC, datetime, timedelta
from typing import Any

from asyncua import ua
from asyncua.server.history import HistoryStorageInterface

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MOST_PER_ANSWER = 10_000
_TRIM_EVERY = 1_000


def to_datetime(time_ns: int) -> datetime:
    """OPC UA times are datetimes; whole microseconds survive the way there and back."""
    return _EPOCH + timedelta(microseconds=time_ns // 1_000)


def to_ns(time: datetime) -> int:
    if time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    return (time - _EPOCH) // _MICROSECOND * 1_000


class Series:
    """Samples of one variable in time order, the last `retention_ns` of them."""

    def __init__(self, variant_type: ua.VariantType, retention_ns: int) -> None:
        self.variant_type = variant_type
        self.times = array("q")
        text = variant_type == ua.VariantType.String
        self.values: MutableSequence[Any] = [] if text else array("d")
        self._retention_ns = retention_ns
        self._until_trim = _TRIM_EVERY

    def append(self, time_ns: int, value: float | bool | str) -> None:
        self.times.append(time_ns)
        self.values.append(value)
        self._until_trim -= 1
        if self._until_trim == 0:
            self._until_trim = _TRIM_EVERY
            old = bisect_left(self.times, time_ns - self._retention_ns)
            if old:
                del self.times[:old]
                del self.values[:old]

    def data_value(self, index: int) -> ua.DataValue:
        value = self.values[index]
        if self.variant_type == ua.VariantType.Boolean:
            value = bool(value)
        elif self.variant_type in (ua.VariantType.UInt32, ua.VariantType.Int32):
            value = int(value)
        time = to_datetime(self.times[index])
        return ua.DataValue(
            ua.Variant(value, self.variant_type), SourceTimestamp=time, ServerTimestamp=time
        )


class MemoryHistory(HistoryStorageInterface):  # type: ignore[misc]  # asyncua has no types
    """The storage behind HistoryRead; the publisher appends to its series directly."""

    def __init__(self) -> None:
        super().__init__(_MOST_PER_ANSWER)
        self._series: dict[ua.NodeId, Series] = {}

    def series(self, node_id: ua.NodeId, variant_type: ua.VariantType, retention_ns: int) -> Series:
        """Start the history of a variable."""
        series = Series(variant_type, retention_ns)
        self._series[node_id] = series
        return series

    async def init(self) -> None:
        """Nothing to open."""

    async def stop(self) -> None:
        """Nothing to close."""

    async def read_node_history(
        self, node_id: ua.NodeId, start: datetime | None, end: datetime | None, nb_values: int
    ) -> tuple[list[ua.DataValue], datetime | None]:
        """Raw values from start to end, both included (Part 11, 6.5.3).

        With start after end, or without start, newest first. When more than fits in one answer
        is left, the second value is the time to continue from.
        """
        series = self._series.get(node_id)
        if series is None:
            return [], None
        first = None if start is None or start == ua.get_win_epoch() else to_ns(start)
        last = None if end is None or end == ua.get_win_epoch() else to_ns(end)
        newest_first = first is None or (last is not None and first > last)
        if newest_first and first is not None:
            first, last = last, first
        low = 0 if first is None else bisect_left(series.times, first)
        high = len(series.times) if last is None else bisect_right(series.times, last)
        indices = range(low, high)
        if newest_first:
            indices = indices[::-1]
        most = min(nb_values, _MOST_PER_ANSWER) if nb_values else _MOST_PER_ANSWER
        rest = None
        if len(indices) > most and not (newest_first and first is None):
            rest = to_datetime(series.times[indices[most]])
        return [series.data_value(index) for index in indices[:most]], rest
