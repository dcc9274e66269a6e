"""The virtual plant: a bottling line with seeded faults and ground truth, served by OPC UA.

`python -m gemel.virtual --help` starts it. The model itself (`Line`) needs no network.
"""

from gemel.virtual.faults import Fault, Truth
from gemel.virtual.line import Line
from gemel.virtual.scenario import SCENARIOS, Scenario

__all__ = ["SCENARIOS", "Fault", "Line", "Scenario", "Truth"]
