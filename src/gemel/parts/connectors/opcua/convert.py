"""From columns as they came to Frames as the twin takes them, counting what cannot be used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from gemel.core.frame import Frame
from gemel.core.quality import NOT_A_NUMBER, TEXT_OVERFLOW
from gemel.core.time import isoformat
from gemel.parts.connectors.base import Counters, Wanted
from gemel.parts.connectors.opcua.decode import Columns, Moment, Odd, Unusable

__all__ = ["NO_SOURCE_TIME", "Converter", "ticks_of"]

NO_SOURCE_TIME: Final = "no source time; the server's was taken"
QUEUE_OVERFLOW: Final = "the server's queue ran over"
UNKNOWN_ITEM: Final = "a value of an item that nobody asked for"

_EPOCH_TICKS: Final = 116_444_736_000_000_000
_LATEST_TICKS: Final = _EPOCH_TICKS + (2**63 - 1) // 100
_OVERFLOW_BITS: Final = 0x0480
"""InfoType DataValue with the bit Overflow (OPC 10000-4 §7.39)."""
_EXACT: Final = 2**53


def ticks_of(time: int) -> int:
    """Ticks of 100 ns since 1601 of a time in ns UTC."""
    return time // 100 + _EPOCH_TICKS


class Converter:
    """Makes Frames; an item's client handle is its position in `wanted`."""

    def __init__(
        self,
        wanted: Sequence[Wanted],
        counters: Counters,
        encode: Callable[[int, str], int | None],
        source: str,
    ) -> None:
        self._wanted = wanted
        self._counters = counters
        self._encode = encode
        self._source = source
        self._numbers = np.array([w.number for w in wanted], np.int32)
        self._is_boolean = np.array([w.type == "boolean" for w in wanted], np.bool_)
        self._is_text = np.array([w.type == "text" for w in wanted], np.bool_)
        self._codes = [{label: code for code, label in w.labels} for w in wanted]

    def frame(self, columns: Columns, received: int, live: bool = True) -> Frame:
        """The samples that can be used. A live Frame carries a position, history does not."""
        counters = self._counters
        counters.received += len(columns)
        handle, value = columns.handle, columns.value
        known = (handle >= 0) & (handle < len(self._wanted))
        keep = known.copy()
        if not known.all():
            counters.reject(UNKNOWN_ITEM, int((~known).sum()))
            handle = np.where(known, handle, 0)
        quality = (columns.status >> 16).astype(np.uint16).view(np.int16)
        overflown = int(((columns.status & _OVERFLOW_BITS) == _OVERFLOW_BITS).sum())
        if overflown:
            counters.lose(QUEUE_OVERFLOW, overflown)
        if len(self._wanted):
            is_text = self._is_text[handle] & known
            booleans = self._is_boolean[handle] & known & (value == value)
            value[booleans] = value[booleans] != 0
            for row in np.flatnonzero(is_text & (value == value)).tolist():
                if row not in columns.odd:
                    number = float(value[row])
                    columns.odd[row] = repr(int(number) if number.is_integer() else number)
            for row, odd in columns.odd.items():
                if known[row]:
                    self._settle(row, odd, handle, value, quality, keep)
        bad_number = ~np.isfinite(value) & (quality >= 0)
        quality[bad_number] = NOT_A_NUMBER
        time = self._times(columns, received)
        position = str(received) if live else None
        signal = self._numbers[handle] if len(self._wanted) else handle.astype(np.int32)
        if keep.all():
            return Frame(signal, time, value, quality, received, self._source, position)
        return Frame(
            signal[keep], time[keep], value[keep], quality[keep], received, self._source, position
        )

    def _settle(
        self,
        row: int,
        odd: Odd,
        handle: npt.NDArray[np.int64],
        value: npt.NDArray[np.float64],
        quality: npt.NDArray[np.int16],
        keep: npt.NDArray[np.bool_],
    ) -> None:
        """Put one value that is not simply a number into its row, or reject the row."""
        item = int(handle[row])
        wanted = self._wanted[item]
        if odd is None:
            value[row] = np.nan
            return
        if isinstance(odd, Unusable):
            self._counters.bad_items[wanted.path] = odd.reason
            self._counters.reject(odd.reason)
            keep[row] = False
            return
        if wanted.type == "text":
            text = isoformat(odd.time) if isinstance(odd, Moment) else str(odd)
            code = self._encode(wanted.number, text)
            if code is None:
                value[row], quality[row] = np.nan, TEXT_OVERFLOW
            else:
                value[row] = code
            return
        if isinstance(odd, str) and odd in self._codes[item]:
            value[row] = self._codes[item][odd]
            return
        if isinstance(odd, int) and abs(odd) <= _EXACT:
            value[row] = odd
            return
        if isinstance(odd, int):
            reason = "an integer beyond 2^53; declare the signal as text"
        else:
            kind = "a time" if isinstance(odd, Moment) else "text"
            reason = f"{kind} where a {wanted.type} is wanted; declare the signal as text"
        self._counters.reject(reason)
        keep[row] = False

    def _times(self, columns: Columns, received: int) -> npt.NDArray[np.int64]:
        ticks = columns.source
        absent = (ticks <= _EPOCH_TICKS) | (ticks > _LATEST_TICKS)
        if absent.any():
            self._counters.note(NO_SOURCE_TIME, int(absent.sum()))
            ticks = np.where(absent, columns.server, ticks)
            absent = (ticks <= _EPOCH_TICKS) | (ticks > _LATEST_TICKS)
            ticks = np.where(absent, ticks_of(received), ticks)
        return (ticks - _EPOCH_TICKS) * 100
