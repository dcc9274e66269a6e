"""Statistics: one number for each window of a fast signal."""

from __future__ import annotations

from collections.abc import Collection

from gemel.core.signal.statistics import SHAPE, STATISTICS, statistics
from gemel.parts.operators._windows import Piece, Told, Windowed

__all__ = ["Statistics"]


class Statistics(Windowed):
    """Give statistics of the good samples in each window of a signal, as signals of their own.

    >>> frame = Frame.of([0] * 5, [0, 1, 2, 3, 4], [3.0, -3.0, 3.0, -3.0, 0.0])
    >>> out = Statistics(window="4 ns", outputs={0: {"rms": 7, "kurtosis": 8}}).start()(frame)
    >>> out.signal.tolist(), out.time.tolist(), out.value.tolist()
    ([7, 8], [4, 4], [3.0, 1.0])

    Windows begin at multiples of their length and are given, with the time of their end, when a
    sample behind them shows that nothing more belongs to them. A window in which some samples are
    not good is uncertain; one without a good sample gives no number and is bad; one without samples
    gives nothing. Samples older than the newest one of their signal change nothing; `late` counts
    them. A sample whose source clock is suspect is left out; `suspect` counts it. Signals that are
    not named pass.
    """

    def names(self) -> Collection[str]:
        """See `Windowed.names`."""
        return STATISTICS

    def told(self, piece: Piece, names: tuple[str, ...]) -> Told:
        """See `Windowed.told`."""
        return statistics(piece.value, names), True

    def unit(self, name: str, unit: str) -> str:
        """See `Feature.unit`."""
        if name == "slope":
            return f"{unit}/sample" if unit else ""
        return "" if name in SHAPE else unit
