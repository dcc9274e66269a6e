"""Decisions: proposal → approval → command → read-back → watch → keep or revert; the journal."""

from gemel.twin.decisions.advisers import Adviser
from gemel.twin.decisions.command import ALLOWED, FINAL, OPEN, Command, State
from gemel.twin.decisions.decisions import Decisions
from gemel.twin.decisions.eyes import Connection, Eyes
from gemel.twin.decisions.job_orders import JobOrders
from gemel.twin.decisions.journal import Entry, Fault, Head, Journal
from gemel.twin.decisions.lots import Lots
from gemel.twin.decisions.people import Actor
from gemel.twin.decisions.promotions import Promotion, Promotions
from gemel.twin.decisions.targets import Target, targets

__all__ = [
    "ALLOWED",
    "FINAL",
    "OPEN",
    "Actor",
    "Adviser",
    "Command",
    "Connection",
    "Decisions",
    "Entry",
    "Eyes",
    "Fault",
    "Head",
    "JobOrders",
    "Journal",
    "Lots",
    "Promotion",
    "Promotions",
    "State",
    "Target",
    "targets",
]
