"""What dispatching costs: the time that parts spend in the line, and behind their due dates."""

from __future__ import annotations

import heapq

from gemel.parts.simulators.events.place import Item

__all__ = ["Account"]


class Account:
    """Part-seconds until now, of parts that left and of parts that are still there.

    A part counts as late from its due date until it leaves, so that what a rule lets lie counts as
    long as it lies, whenever one stops looking.
    """

    def __init__(self) -> None:
        self.inside_s = self.late_s = 0.0
        self.came_in = self.left_late = self.left_all = 0
        self._inside = self._late = 0
        self._last = 0.0
        self._due: list[tuple[float, int]] = []
        self._gone: set[int] = set()

    def came(self, item: Item, now: float) -> None:
        """A part comes into the line."""
        self.until(now)
        self.came_in += 1
        self._inside += 1
        if item.due < float("inf"):
            heapq.heappush(self._due, (item.due, item.number))

    def left(self, item: Item, now: float) -> None:
        """A part leaves it, or becomes one with another."""
        self.until(now)
        self._inside -= 1
        self.left_all += 1
        if item.due < now:
            self._late -= 1
            self.left_late += 1
        elif item.due < float("inf"):
            self._gone.add(item.number)

    def until(self, now: float) -> None:
        """Count up to a time."""
        passed = now - self._last
        self.inside_s += self._inside * passed
        self.late_s += self._late * passed
        self._last = now
        while self._due and self._due[0][0] < now:
            due, number = heapq.heappop(self._due)
            if number in self._gone:
                self._gone.remove(number)
            else:
                self._late += 1
                self.late_s += now - due

    def from_now(self) -> None:
        """What came before does not count."""
        self.inside_s = self.late_s = 0.0
        self.came_in = self.left_late = self.left_all = 0
