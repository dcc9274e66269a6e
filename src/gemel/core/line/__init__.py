"""A line: what it is made of, and the luck that it meets when it is played out."""

from gemel.core.line.distribution import Distribution, Time
from gemel.core.line.draws import Draws
from gemel.core.line.settings import (
    Arrivals,
    Batch,
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

__all__ = [
    "Arrivals",
    "Batch",
    "Crew",
    "Distribution",
    "Draws",
    "Failure",
    "Line",
    "Need",
    "Power",
    "Product",
    "Rate",
    "Rework",
    "Setup",
    "Station",
    "Step",
    "Time",
]
