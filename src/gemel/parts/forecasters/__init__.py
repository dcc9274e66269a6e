"""The forecasters: every file here is one, under its name in settings."""

from gemel.core.kind import Kind
from gemel.parts.forecasters.base import Forecaster

__all__ = ["FORECASTERS", "Forecaster"]

FORECASTERS = Kind(__name__, Forecaster)
