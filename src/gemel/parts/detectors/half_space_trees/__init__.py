"""Half-space trees: where normal rows seldom are, counted in random cells."""

from gemel.parts.detectors.half_space_trees.detector import HalfSpaceTrees

__all__ = ["HalfSpaceTrees"]
