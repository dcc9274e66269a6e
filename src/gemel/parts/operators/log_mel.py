"""Log-mel: how loud a sound is in bands as wide as they are heard."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from pydantic import Field, model_validator

from gemel.core.errors import DataError
from gemel.core.signal.mel import FLOOR, Mel, Scale, decibels, mel_frames
from gemel.core.time import SECOND, Duration, duration_text
from gemel.parts.operators._windows import Piece, Sampled, Told

__all__ = ["LogMel"]


class LogMel(Sampled):
    """Give, for each window of a signal, the energy in each mel band, in dB.

    >>> t = np.arange(8001)
    >>> frame = Frame.of(0 * t, t * 125_000, np.sin(2 * np.pi * 1000 * t / 8000))
    >>> operator = LogMel(
    ...     window="1 s", rate=8000, bands=1, high=3428.57, scale="htk",
    ...     outputs={0: {"1": 7}},
    ... )
    >>> operator.start()(frame).value.round(1).tolist()  # the middle of the band is at 1000 Hz
    [-3.0]

    The energies of frames that overlap by half are averaged over the window; 0 dB is an energy of
    one, in the unit of the signal squared (`htk`), or in that per Hz (`slaney`, whose triangles are
    of area one). Bands are named by their numbers from 1. Windows are as in `spectrum`.
    """

    bands: int = Field(40, ge=1, le=512, description="Bands")
    low: float = Field(0.0, ge=0, description="Where the lowest band begins, Hz")
    high: float | None = Field(
        None, gt=0, description="Where the highest band ends, Hz; half of the rate if not given"
    )
    scale: Scale = Field("slaney", description="Formula of mel: Auditory Toolbox, or HTK")
    frame: Duration = Field("64 ms", gt=0, validate_default=True, description="Length of a frame")
    floor: float = Field(FLOOR, gt=0, description="Energy that counts as none")

    @model_validator(mode="after")
    def _reached(self) -> LogMel:
        if self.frame > self.window:
            raise ValueError(
                f"frame is {duration_text(self.frame)}, must be at most the window of "
                f"{duration_text(self.window)}"
            )
        try:
            self._mel.weights(self.rate, self._length)
        except (DataError, ValueError) as error:
            raise ValueError(str(error)) from None
        return self

    @property
    def _mel(self) -> Mel:
        high = self.rate / 2 if self.high is None else self.high
        return Mel(bands=self.bands, low=self.low, high=high, scale=self.scale)

    @property
    def _length(self) -> int:
        """Samples of a frame."""
        return round(self.rate * self.frame / SECOND)

    def names(self) -> Collection[str]:
        """See `Windowed.names`."""
        return tuple(str(number) for number in range(1, self.bands + 1))

    def unit(self, name: str, unit: str) -> str:
        """See `Feature.unit`."""
        return "dB"

    def told(self, piece: Piece, names: tuple[str, ...]) -> Told:
        """See `Windowed.told`."""
        value, sure = self.even(piece)
        length = min(self._length, len(value))
        energy = mel_frames(value, self.rate, self._mel, length).mean(axis=0)
        chosen = np.array([int(name) - 1 for name in names])
        return decibels(energy, self.floor)[chosen], sure
