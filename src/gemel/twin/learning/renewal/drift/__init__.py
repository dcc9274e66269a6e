"""Drift detectors: every file here is one, under its name in settings (`{"kind": "cusum"}`)."""

from gemel.core.kind import Kind
from gemel.twin.learning.renewal.drift.base import Drift, DriftModel, DriftWatch

__all__ = ["DRIFTS", "Drift", "DriftModel", "DriftWatch"]

DRIFTS = Kind(__name__, Drift)
