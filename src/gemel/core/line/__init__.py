"""A line: what it is made of, and the luck that it meets when it is played out."""

from gemel.core.line.distribution import Distribution, Time
from gemel.core.line.draws import Draws
from gemel.core.line.settings import (
    Arrivals,
    Batch,
    Cap,
    Crew,
    Failure,
    Line,
    Need,
    Power,
    Product,
    Rate,
    Rework,
    Setup,
    Station,
    Step,
)
from gemel.core.line.snapshot import Busy, JobOrder, Lot, Now, Snapshot

__all__ = [
    "Arrivals",
    "Batch",
    "Busy",
    "Cap",
    "Crew",
    "Distribution",
    "Draws",
    "Failure",
    "JobOrder",
    "Line",
    "Lot",
    "Need",
    "Now",
    "Power",
    "Product",
    "Rate",
    "Rework",
    "Setup",
    "Snapshot",
    "Station",
    "Step",
    "Time",
]
