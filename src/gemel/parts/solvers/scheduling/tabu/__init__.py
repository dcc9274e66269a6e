"""Tabu search for job shops and flexible job shops."""

from gemel.parts.solvers.scheduling.tabu.part import Tabu

__all__ = ["Tabu"]
