"""Frame: numeric samples in columns, the one datum that flows through the platform.

A Frame is immutable; a step that needs other data makes another Frame. Discrete states are coded
by the signal's enumeration and text by its dictionary (see `catalogue`), so that everything cyclic
is a number. Frames exist because a Python object per sample would cost a hundred times the work.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gemel.core.errors import DataError

__all__ = ["EMPTY", "Frame", "Times", "Values", "concatenate"]

Signals = npt.NDArray[np.int32]
Times = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]
Qualities = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """n samples in the order in which they arrived.

    signal    int32[n]    number of the signal in the catalogue
    time      int64[n]    source time, ns since 1970-01-01 UTC
    value     float64[n]  in the signal's unit, or a code of its enumeration or dictionary
    quality   int16[n]    see `gemel.core.quality`
    received  ns UTC      when the connector had the samples in hand; 0 for recorded data
    source    name of the connector
    position  the connector's resume token: everything up to here is in this Frame or before it
    """

    signal: Signals
    time: Times
    value: Values
    quality: Qualities
    received: int = 0
    source: str = ""
    position: str | None = field(default=None)

    def __post_init__(self) -> None:
        n = len(self.signal)
        if not (len(self.time) == len(self.value) == len(self.quality) == n):
            raise DataError(
                f"a frame's columns have {n}, {len(self.time)}, {len(self.value)} and "
                f"{len(self.quality)} rows, must be equally long"
            )
        for column in (self.signal, self.time, self.value, self.quality):
            column.flags.writeable = False

    @classmethod
    def of(
        cls,
        signal: Any,
        time: Any,
        value: Any,
        quality: Any = None,
        *,
        received: int = 0,
        source: str = "",
        position: str | None = None,
    ) -> Frame:
        """A Frame from anything array-like; `quality` is good where it is not given.

        Raises `DataError` if a column cannot be read as its type.
        """
        try:
            numbers = np.array(signal, dtype=np.int32, ndmin=1)
            times = np.array(time, dtype=np.int64, ndmin=1)
            values = np.array(value, dtype=np.float64, ndmin=1)
            if quality is None:
                qualities = np.zeros(len(numbers), np.int16)
            else:
                qualities = np.array(quality, dtype=np.int16, ndmin=1)
        except (TypeError, ValueError, OverflowError) as error:
            raise DataError(f"not a frame: {error}") from None
        return cls(numbers, times, values, qualities, received, source, position)

    def __len__(self) -> int:
        return len(self.signal)

    def __eq__(self, other: object) -> bool:
        """Same samples, in the same order, of the same origin; NaN equals NaN."""
        if not isinstance(other, Frame):
            return NotImplemented
        return (
            (self.received, self.source, self.position)
            == (other.received, other.source, other.position)
            and np.array_equal(self.signal, other.signal)
            and np.array_equal(self.time, other.time)
            and np.array_equal(self.value, other.value, equal_nan=True)
            and np.array_equal(self.quality, other.quality)
        )

    __hash__ = None  # type: ignore[assignment]  # arrays have none

    def __getitem__(self, rows: Any) -> Frame:
        """The chosen rows (slice, mask or positions) as a Frame of the same origin."""
        return replace(
            self,
            signal=self.signal[rows],
            time=self.time[rows],
            value=self.value[rows],
            quality=self.quality[rows],
        )

    def with_quality(self, quality: Qualities) -> Frame:
        """The same samples with another quality column."""
        return replace(self, quality=quality)

    def pieces(self, rows: int) -> Iterator[Frame]:
        """This Frame in Frames of at most `rows`; only the last one carries the position."""
        for start in range(0, len(self), rows):
            piece = self[start : start + rows]
            yield piece if start + rows >= len(self) else replace(piece, position=None)


EMPTY: Final = Frame.of([], [], [])


def concatenate(frames: Sequence[Frame]) -> Frame:
    """Frames one after the other, with the origin and position of the last."""
    if not frames:
        return EMPTY
    if len(frames) == 1:
        return frames[0]
    return replace(
        frames[-1],
        signal=np.concatenate([f.signal for f in frames]),
        time=np.concatenate([f.time for f in frames]),
        value=np.concatenate([f.value for f in frames]),
        quality=np.concatenate([f.quality for f in frames]),
    )
