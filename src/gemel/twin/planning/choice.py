"""Which simulator plays a line."""

from __future__ import annotations

from gemel.core.line import Line, Snapshot
from gemel.parts.simulators import SIMULATORS
from gemel.parts.simulators.base import Simulator

__all__ = ["simulator_for"]

_IN_ORDER = ("flow_line", "events")
"""The fastest first; those that other packages bring are asked for by name."""


def simulator_for(
    line: Line, name: str | None = None, start: Snapshot | None = None
) -> tuple[str, Simulator]:
    """The simulator of that name, or the fastest that covers the line from `start` on, with its
    name. Raises
    `ConfigurationError` with the reasons why the one that was asked for cannot."""
    if name is not None:
        asked = SIMULATORS.build({"kind": name})
        asked.refuse_uncovered(line, start)
        return name, asked
    for known in _IN_ORDER[:-1]:
        simulator = SIMULATORS.build({"kind": known})
        if not simulator.uncovered(line, start):
            return known, simulator
    return _IN_ORDER[-1], SIMULATORS.build({"kind": _IN_ORDER[-1]})
