"""Simulated annealing over the order of all operations: for many rules, and for large plans."""

from gemel.parts.solvers.scheduling.annealing.part import Annealing

__all__ = ["Annealing"]
