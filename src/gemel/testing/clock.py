"""A clock one can turn, so that an hour passes in no time and a test does not depend on the day."""

from __future__ import annotations

from gemel.core.time import SECOND, parse_duration, parse_time

__all__ = ["TurnableClock"]


class TurnableClock:
    """A `gemel.core.time.Clock` that stands still until it is turned.

    >>> clock = TurnableClock("2026-03-01T06:00:00Z")
    >>> before = clock()
    >>> clock.turn("90 s")
    >>> (clock() - before) // SECOND
    90
    """

    def __init__(self, start: str | int = "2026-01-01T00:00:00Z") -> None:
        self._now = start if isinstance(start, int) else parse_time(start)

    def __call__(self) -> int:
        """The time now, ns UTC."""
        return self._now

    def turn(self, by: str | int) -> None:
        """Move the hands by a duration (``"5 min"``) or ns; backwards too, as real clocks do."""
        if isinstance(by, int):
            self._now += by
        elif by.startswith("-"):
            self._now -= parse_duration(by[1:])
        else:
            self._now += parse_duration(by)

    def tick(self) -> int:
        """Move by one second; gives the new time."""
        self._now += SECOND
        return self._now
