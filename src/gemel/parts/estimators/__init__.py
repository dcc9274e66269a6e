"""The estimators: every file here is one, under its name in the plant file."""

from gemel.core.kind import Kind
from gemel.parts.estimators.base import Estimator

__all__ = ["ESTIMATORS", "Estimator"]

ESTIMATORS = Kind(__name__, Estimator)
