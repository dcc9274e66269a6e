"""Thousands of lots on parallel lines: sequence and batches together."""

from gemel.parts.solvers.scheduling.campaigns.part import Campaigns

__all__ = ["Campaigns"]
