"""At which frequencies a bearing or a gear shows that it is damaged."""

from __future__ import annotations

from math import cos, radians
from typing import Final

from pydantic import Field, model_validator

from gemel.core.settings import Settings

__all__ = ["BEARINGS", "Bearing", "Gear"]


class Bearing(Settings):
    """A rolling bearing whose outer ring stands still, by its geometry.

    >>> round(Bearing(balls=9, ball=0.3126, pitch=1.537).bpfo, 4)
    3.5848
    """

    balls: int = Field(ge=3, description="Rolling elements in a row")
    ball: float = Field(gt=0, description="Diameter of a rolling element")
    pitch: float = Field(gt=0, description="Pitch diameter, in the same unit")
    angle: float = Field(0.0, ge=0, lt=90, description="Contact angle in degrees")

    @model_validator(mode="after")
    def _consistent(self) -> Bearing:
        if self.ball >= self.pitch:
            raise ValueError(f"ball is {self.ball:g}, must be less than pitch, {self.pitch:g}")
        return self

    @property
    def _share(self) -> float:
        return self.ball / self.pitch * cos(radians(self.angle))

    @property
    def bpfo(self) -> float:
        """Rolling elements that pass a point of the outer ring, per revolution of the shaft."""
        return self.balls / 2 * (1 - self._share)

    @property
    def bpfi(self) -> float:
        """Rolling elements that pass a point of the inner ring, per revolution of the shaft."""
        return self.balls / 2 * (1 + self._share)

    @property
    def bsf(self) -> float:
        """Turns of a rolling element about itself; a defect on it strikes twice in a turn."""
        return self.pitch / (2 * self.ball) * (1 - self._share**2)

    @property
    def ftf(self) -> float:
        """Turns of the cage."""
        return (1 - self._share) / 2


class Gear(Settings):
    """A gear on the shaft: its teeth mesh, and a damaged one does so once in a turn."""

    teeth: int = Field(ge=2, description="Teeth")
    ratio: float = Field(1.0, gt=0, description="Turns of the gear per turn of the measured shaft")

    @property
    def mesh(self) -> float:
        """Meshing teeth per revolution of the measured shaft."""
        return self.teeth * self.ratio


BEARINGS: Final = {
    "6203": Bearing(balls=8, ball=0.2656, pitch=1.122),
    "6205": Bearing(balls=9, ball=0.3126, pitch=1.537),
}
"""Bearings by name, in inches, as the Case Western Reserve University bearing data centre gives
them. Others are given by their geometry: makers differ."""
