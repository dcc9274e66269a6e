"""When the line has time: a piece of work put between the orders of a schedule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gemel.twin.planning.plans.version import Row

__all__ = ["Window", "windows"]


@dataclass(frozen=True, slots=True)
class Window:
    """Work from `start` to `end`, ns UTC.

    after, before  orders that run before and after it; empty where none does
    pushed   by how much the next order begins later
    late     lateness that it adds, of all orders of the machine together
    """

    start: int
    end: int
    after: str
    before: str
    pushed: int
    late: int


def windows(
    rows: Sequence[Row], due: Mapping[str, int], machine: str, now: int, takes: int
) -> list[Window]:
    """Every place for work on a machine: now if nothing runs, and after each of its operations; the
    one that makes orders least late first, then the one that pushes least, then the earliest.

    What comes after it is pushed on, as far as gaps do not take that up; set-ups and other machines
    are left as they are. An operation that runs is not interrupted.
    """
    mine = sorted((r for r in rows if r.machine == machine and r.end > now), key=lambda r: r.start)
    ends = [r.end for r in mine]
    starts = [max(now, end) for end in ends]
    if not mine or mine[0].start > now:
        starts.insert(0, now)
    found = []
    for start in starts:
        before = [r for r in mine if r.end <= start]
        after = [r for r in mine if r.end > start]
        if any(r.start < start for r in after):
            continue  # one that runs beside it
        free, late, pushed = start + takes, 0, 0
        for k, row in enumerate(after):
            push = max(0, free - row.start)
            if k == 0:
                pushed = push
            if push == 0:
                break
            free = row.end + push
            if row.order in due:
                late += max(0, row.end + push - max(due[row.order], row.end))
        found.append(
            Window(start, start + takes, before[-1].order if before else "",
                   after[0].order if after else "", pushed, late)
        )  # fmt: skip
    return sorted(found, key=lambda w: (w.late, w.pushed, w.start))
