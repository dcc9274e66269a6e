"""Google's CP-SAT for every rule, and for bounds."""

from gemel.parts.solvers.scheduling.cp_sat.part import CpSat

__all__ = ["CpSat"]
