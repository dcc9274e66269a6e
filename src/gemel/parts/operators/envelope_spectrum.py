"""Envelope spectrum: how strongly impacts repeat, at the frequencies at which a bearing would."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

import numpy as np
from pydantic import Field, field_validator, model_validator

from gemel.core.errors import did_you_mean
from gemel.core.signal.envelope import choose_band, envelope_spectrum
from gemel.core.signal.machine import BEARINGS, Bearing
from gemel.core.signal.spectrum import strongest
from gemel.parts.operators._shaft import OnShaft
from gemel.parts.operators._windows import Piece, Told

__all__ = ["EnvelopeSpectrum"]

_OF_BEARING: Final = ("outer", "inner", "ball", "cage")
_LINES: Final = 10
"""Further lines behind the highest frequency that is looked for: its place is refined by them."""


class EnvelopeSpectrum(OnShaft):
    """Give, for each window of a signal, lines of the spectrum of its squared envelope at wanted
    frequencies: how strongly it is modulated there, about 1 where it comes and goes wholly.

    >>> t = np.arange(10_001) / 10_000
    >>> value = (1 + 0.5 * np.cos(2 * np.pi * 90 * t)) * np.cos(2 * np.pi * 3000 * t)
    >>> frame = Frame.of(0 * t, t * 1_000_000_000, value)
    >>> operator = EnvelopeSpectrum(
    ...     window="1 s", rate=10_000, band=(2500, 3500), frequencies={"knock": 90},
    ...     outputs={0: {"knock": 7}},
    ... )
    >>> operator.start()(frame).value.round(3).tolist()  # 2 m over 1 + m² / 2
    [0.889]

    Frequencies are given in Hz, in multiples of a shaft's speed, or by a bearing on that shaft,
    whose `outer`, `inner`, `ball` and `cage` are then told. The strongest line within `tolerance`
    counts: rolling elements slip. With a measured speed its mean over the window is taken; in
    windows in which the speed leaves the tolerance lines are blurred, and uncertain.
    Windows are as in `spectrum`. A frequency above half of the rate is bad.
    """

    band: tuple[float, float] | None = Field(
        None, description="Hz between which it rings; where it is most peaked if not given, which "
        "may be elsewhere in each window",
    )  # fmt: skip
    frequencies: dict[str, float] = Field({}, description="Frequencies by name, in Hz")
    orders: dict[str, float] = Field(
        {}, description="Frequencies by name, in multiples of the speed of the shaft"
    )
    bearing: Bearing | str | None = Field(
        None, description="Bearing on the shaft: its geometry, or a name such as 6205"
    )
    tolerance: float = Field(
        0.02, ge=0, lt=0.2, description="Share by which a frequency may be missed"
    )

    @field_validator("bearing")
    @classmethod
    def _named(cls, value: Bearing | str | None) -> Bearing | str | None:
        if isinstance(value, str) and value not in BEARINGS:
            raise ValueError(f"no bearing '{value}' is known; {did_you_mean(value, BEARINGS)}")
        return value

    @model_validator(mode="after")
    def _reached(self) -> EnvelopeSpectrum:
        half = self.rate / 2
        if self.band is not None and not 0 <= self.band[0] < self.band[1] <= half:
            raise ValueError(
                f"band is {self.band[0]:g} to {self.band[1]:g} Hz, must rise from 0 or more to at "
                f"most half of the rate, {half:g} Hz"
            )
        for name, value in (*self.frequencies.items(), *self._orders.items()):
            if value <= 0:
                raise ValueError(f"'{name}' is {value:g}, must be above 0")
        for name, value in self.frequencies.items():
            if name in self._orders:
                raise ValueError(f"'{name}' is given twice, in Hz and as an order")
            if value * (1 + self.tolerance) > half:
                raise ValueError(f"'{name}' is {value:g} Hz, above half of the rate, {half:g} Hz")
        if self._orders and (self.speed is None) == (self.fixed_speed is None):
            raise ValueError("orders need either `speed` or `fixed_speed`")
        return self

    @property
    def _orders(self) -> Mapping[str, float]:
        found = self.bearing
        if isinstance(found, str):
            found = BEARINGS.get(found)
        if found is None:
            return self.orders
        of = (found.bpfo, found.bpfi, 2 * found.bsf, found.ftf)
        return {**dict(zip(_OF_BEARING, of, strict=True)), **self.orders}

    def names(self) -> Collection[str]:
        """See `Windowed.names`."""
        return (*self.frequencies, *self._orders)

    def unit(self, name: str, unit: str) -> str:
        """See `Feature.unit`."""
        return ""

    def told(self, piece: Piece, names: tuple[str, ...]) -> Told:
        """See `Windowed.told`."""
        value, sure = self.even(piece)
        wanted, orders = dict(self.frequencies), self._orders
        if any(name in orders for name in names):
            speed = self.speeds(piece, len(value))
            mean = float(speed.mean())
            sure = sure and float(np.ptp(speed)) <= 2 * self.tolerance * abs(mean)
            wanted |= {name: order * mean for name, order in orders.items()}
        highest = self.rate / 2
        seen = [wanted[n] for n in names if 0 < wanted[n] * (1 + self.tolerance) <= highest]
        if not seen:
            return np.full(len(names), np.nan), False
        band = self.band or choose_band(value, self.rate, max(seen))
        up_to = max(seen) * (1 + self.tolerance) + _LINES * self.rate / len(value)
        found = envelope_spectrum(value, self.rate, band, up_to=up_to)

        def one(frequency: float) -> float:
            if frequency not in seen:
                return float("nan")
            reach = self.tolerance * frequency
            return strongest(found, frequency - reach, frequency + reach)[1]

        return np.array([one(wanted[name]) for name in names]), sure
