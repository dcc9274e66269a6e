"""How things wear and fail: lives, degradation, their fit, and what upkeep costs."""

from gemel.core.wear.upkeep import Asset, Upkeep

__all__ = ["Asset", "Upkeep"]
