"""Spectrum: how strong a fast signal is in bands of frequencies."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import numpy as np
from pydantic import Field, model_validator

from gemel.core.frame import Values
from gemel.core.signal.spectrum import Measure, bands, centroid, measured, strongest, welch
from gemel.parts.operators._windows import Piece, Sampled, Told, squared

__all__ = ["Spectrum"]

_ALWAYS: Final = ("peak", "centroid")


class Spectrum(Sampled):
    """Give, for each window of a signal, how strong it is in bands of frequencies, where its
    strongest line lies (`peak`) and where its spectrum has its middle (`centroid`), both in Hz.

    >>> t = np.arange(2001)
    >>> frame = Frame.of(0 * t, t * 1_000_000, 3 * np.sin(2 * np.pi * 50 * t / 1000))
    >>> operator = Spectrum(
    ...     window="2 s", rate=1000, bands={"mains": (45, 55)}, measure="amplitude",
    ...     outputs={0: {"mains": 7, "peak": 8}},
    ... )
    >>> operator.start()(frame).value.round(3).tolist()
    [3.0, 50.0]

    The spectrum is Welch's, under a Hann window and without the mean. A line belongs to the band in
    which it lies, and a tone is three lines wide. Windows are as in `statistics`; one in which
    samples are missing is uncertain, and bad where more than 5 % are missing or the rate is another
    one.
    """

    bands: dict[str, tuple[float, float]] = Field(
        {}, description="Bands by name: from, and to, in Hz; they may overlap"
    )
    measure: Measure = Field(
        "rms",
        description="What is told of a band: `rms`, `power` (its square), or the `amplitude` of a "
        "tone that is as strong",
    )
    resolution: float | None = Field(
        None,
        gt=0,
        description="Hz between two lines: the finer, the fewer spectra are averaged; four times "
        "the finest possible if not given",
    )

    @model_validator(mode="after")
    def _reached(self) -> Spectrum:
        for name, (low, high) in self.bands.items():
            if name in _ALWAYS:
                raise ValueError(f"bands: '{name}' is always told; take another name")
            if not 0 <= low < high <= self.rate / 2:
                raise ValueError(
                    f"bands: '{name}' is {low:g} to {high:g} Hz, must rise from 0 or more to at "
                    f"most half of the rate, {self.rate / 2:g} Hz"
                )
            if high - low < self.rate / self._length:
                raise ValueError(
                    f"bands: '{name}' is {high - low:g} Hz wide, narrower than two lines are "
                    f"apart, {self.rate / self._length:.3g} Hz; take longer windows or a finer "
                    "resolution"
                )
        if self._length > self.samples + 1:
            raise ValueError(
                f"resolution is {self.resolution:g} Hz, a window reaches "
                f"{self.rate / self.samples:.3g} Hz; take longer windows"
            )
        return self

    @property
    def _length(self) -> int:
        """Samples of a periodogram."""
        if self.resolution is None:
            return round(self.samples / 4)
        return max(round(self.rate / self.resolution), 2)

    def names(self) -> Collection[str]:
        """See `Windowed.names`."""
        return (*self.bands, *_ALWAYS)

    def unit(self, name: str, unit: str) -> str:
        """See `Feature.unit`."""
        if name in _ALWAYS:
            return "Hz"
        return squared(unit) if self.measure == "power" else unit

    def told(self, piece: Piece, names: tuple[str, ...]) -> Told:
        """See `Windowed.told`."""
        value, sure = self.even(piece)
        found = welch(value, self.rate, self._length)

        def one(name: str) -> float:
            if name in self.bands:
                return measured(float(bands(found, self.bands[name])[0]), self.measure)
            middle = centroid(found)
            return middle if name == "centroid" or np.isnan(middle) else strongest(found)[0]

        told: Values = np.array([one(name) for name in names])
        return told, sure
