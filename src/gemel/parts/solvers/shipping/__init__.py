"""Who plans shipments: every file here is one way, under its name."""

from gemel.core.kind import Kind
from gemel.parts.solvers.shipping.base import Freight, Shipments, Shipper

__all__ = ["SHIPPERS", "Freight", "Shipments", "Shipper"]

SHIPPERS = Kind(__name__, Shipper)
