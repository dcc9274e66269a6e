"""The detectors: every file here is one, under its name in the plant file."""

from gemel.core.kind import Kind
from gemel.parts.detectors.base import Detector

__all__ = ["DETECTORS", "Detector"]

DETECTORS = Kind(__name__, Detector)
