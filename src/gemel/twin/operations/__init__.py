"""Operations: the calendar, what machines do, their stops and job orders, and the KPIs.

`Operations` watches live; `history` gives the same sums for any window of the past. What is said
are Events of the kinds ``stop``, ``order`` and ``slow``.
"""

from gemel.twin.operations import history
from gemel.twin.operations.calendar import Calendar, Window
from gemel.twin.operations.kpis import Kpi, measure
from gemel.twin.operations.machine import Machine, machines
from gemel.twin.operations.operations import MachineView, Operations, surroundings
from gemel.twin.operations.settings import (
    AssetOperations,
    Closed,
    OperationsSettings,
    SlowSettings,
)
from gemel.twin.operations.slow import Slow, SlowEvent, find_slow
from gemel.twin.operations.stops import OrderRun, Stop, Stopped
from gemel.twin.operations.times import TimeClass, Totals

__all__ = [
    "AssetOperations",
    "Calendar",
    "Closed",
    "Kpi",
    "Machine",
    "MachineView",
    "Operations",
    "OperationsSettings",
    "OrderRun",
    "Slow",
    "SlowEvent",
    "SlowSettings",
    "Stop",
    "Stopped",
    "TimeClass",
    "Totals",
    "Window",
    "find_slow",
    "history",
    "machines",
    "measure",
    "surroundings",
]
