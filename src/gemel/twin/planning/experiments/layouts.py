"""What sets another layout apart from the line that it is compared with."""

from __future__ import annotations

from gemel.core.line import Line, Snapshot
from gemel.core.line.carried import carried

__all__ = ["apart"]


def apart(line: Line, other: Line, start: Snapshot | None) -> tuple[str, ...]:
    """What who compares them should know, as sentences about `other`: nothing where it is `line`
    with other numbers. Raises `ConfigurationError` where both cannot begin with the same parts."""
    if other is line:
        return ()
    found: list[str] = []
    mine, others = set(line.products), set(other.products)
    if mine != others:
        found.append(
            f"makes {_listed(others, 'parts that are all alike')}, the line "
            f"{_listed(mine, 'parts that are all alike')}: a part of one is not one of the other"
        )
    if _shifts(line) and not _shifts(other):
        found.append("works around the clock, the line in shifts")
    if _shifts(other) and not _shifts(line):
        found.append("works in shifts, the line around the clock")
    if start is not None:
        found += carried(start, other)[1]
    return tuple(found)


def _shifts(line: Line) -> bool:
    """Whether any station keeps to a calendar."""
    return any(station.calendar for station in line.stations.values())


def _listed(names: set[str], nothing: str) -> str:
    return ", ".join(sorted(names)) or nothing
