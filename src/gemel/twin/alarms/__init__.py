"""Alarms after ISA-18.2 and IEC 62682: what an operator must act on, in time.

`Alarms` watches every admitted sample and keeps the state of each alarm; what it says are Events of
the kinds ``alarm`` (a transition), ``alarm_flood`` and ``alarm_advice``.
"""

from gemel.twin.alarms.alarms import Alarms
from gemel.twin.alarms.compiling import check, looks_at
from gemel.twin.alarms.payloads import AlarmChange, AlarmFlood, ShelvingAdvice
from gemel.twin.alarms.record import AlarmView
from gemel.twin.alarms.settings import PRIORITIES, AlarmRules, AlarmSettings, Priority
from gemel.twin.alarms.state import AlarmState, Cause, Word, after
from gemel.twin.alarms.statistics import AlarmKpis, Journal
from gemel.twin.alarms.together import warm_up

__all__ = [
    "PRIORITIES",
    "AlarmChange",
    "AlarmFlood",
    "AlarmKpis",
    "AlarmRules",
    "AlarmSettings",
    "AlarmState",
    "AlarmView",
    "Alarms",
    "Cause",
    "Journal",
    "Priority",
    "ShelvingAdvice",
    "Word",
    "after",
    "check",
    "looks_at",
    "warm_up",
]
