"""Schedules of the running plant: what holds, what is proposed, and what really happens.

A `Book` is one schedule. It plans the open orders from now on, with what runs already fixed where
it is and with the pace that the simulated line has; it notices breakdowns, says at once what a plan
that is only put off would be, and then looks for a better one near to it. People release what
holds.
"""

from gemel.twin.planning.plans.book import Book
from gemel.twin.planning.plans.pace import Batch, Pace, pace_of
from gemel.twin.planning.plans.settings import PlanSettings, Seat
from gemel.twin.planning.plans.version import Row, Version

__all__ = ["Batch", "Book", "Pace", "PlanSettings", "Row", "Seat", "Version", "pace_of"]
