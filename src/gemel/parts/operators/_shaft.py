"""What operators share that look at what repeats with a shaft."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.core.signal.even import held
from gemel.core.time import DAY, SECOND, Duration
from gemel.parts.operators._windows import Piece, Sampled

__all__ = ["OnShaft"]


class OnShaft(Sampled):
    """Windows of a signal beside which the speed of a shaft is measured."""

    named: ClassVar[tuple[str, ...]] = ("speed",)

    speed: int | None = Field(
        None, ge=0, description="Number of the signal that measures the speed of the shaft"
    )
    fixed_speed: float | None = Field(
        None, gt=0, description="Speed of the shaft, where none is measured"
    )
    speed_unit: Literal["rpm", "Hz"] = Field("rpm", description="Unit of the speed")
    hold: Duration = Field(
        10 * SECOND,
        gt=0,
        le=DAY,
        description="How long a measured speed holds, and a window waits for it",
    )

    @model_validator(mode="after")
    def _another(self) -> Self:
        if self.speed in self.outputs:
            raise ValueError(f"speed: signal {self.speed} is one of those that are looked at")
        return self

    def slower(self) -> tuple[int, int] | None:
        """See `Windowed.slower`."""
        return None if self.speed is None else (self.speed, self.hold)

    def speeds(self, piece: Piece, count: int) -> Values:
        """Revolutions per second at each of `count` samples that fill the window evenly."""
        unit = 60 if self.speed_unit == "rpm" else 1
        if self.speed is None:
            return np.full(count, (self.fixed_speed or np.nan) / unit)
        at = np.linspace(piece.time[0], piece.time[-1], count).astype(np.int64)
        found = held(piece.slow_time, piece.slow, at, self.hold) / unit
        if not np.isfinite(found).all():
            raise DataError("the speed is not known in the whole window")
        return found
