"""A burst of vibration as a row of features, for models that learn from bursts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gemel.core.frame import Values
from gemel.core.signal.envelope import choose_band, envelope_spectrum, whitened
from gemel.core.signal.harmonics import excess, lines
from gemel.core.signal.machine import Bearing
from gemel.core.signal.spectrum import bands, welch
from gemel.core.signal.statistics import SHAPE, statistics

__all__ = ["BurstFeatures"]

_HARMONICS = 3
_TOLERANCE = 0.02


@dataclass(frozen=True, slots=True)
class BurstFeatures:
    """What is told of each burst.

    highest  Hz, up to which the spectrum is looked at: half of the lowest rate among all bursts
    count    even bands up to there; 0 leaves them out

    All features are relative: the same waveform at another amplification has the same ones, since
    level tells the sensor, its mounting and the machine as much as the fault. Lines of the shaft
    itself and the envelope of the whole spectrum, which its tones rule, are left out: they tell one
    machine from another, and with it the records of a fault from those of normal operation.
    """

    highest: float
    count: int = 24

    @property
    def names(self) -> tuple[str, ...]:
        """In the order of the values."""
        of = [
            f"{way} {part}"
            for way in ("whitened", "band")
            for part in (
                *(f"{cause}{rank}" for cause in ("outer", "inner", "ball", "cage")
                  for rank in ("", " first")),
                *(f"{cause} sides" for cause in ("outer", "inner", "ball")),
            )
        ]  # fmt: skip
        width = self.highest / max(self.count, 1)
        share = [f"share {i * width:.0f}-{(i + 1) * width:.0f} Hz" for i in range(self.count)]
        return (*SHAPE, *of, *share)

    def of(
        self,
        value: Values,
        rate: float | None,
        speed: float | None,
        bearing: Bearing | None,
        *,
        assumed_rate: float | None = None,
    ) -> Values:
        """Of one burst, float64[n] at `rate` per second; NaN where something is not known.

        speed         revolutions per second of the shaft
        assumed_rate  for what repeats with the shaft, where `rate` was not recorded: impacts that
                      are there at a wrong rate are not found, and those that are not there neither.
                      The spectrum in Hz stays unknown, since it would only tell the rate.
        """
        shape = statistics(value, SHAPE)
        # Logarithms: their spread does not grow with their size.
        shape = np.where(np.array(SHAPE) == "skewness", shape, np.log(np.maximum(shape, 1e-3)))
        found = np.full(2 * 11, np.nan)
        sampled = rate or assumed_rate
        if speed and bearing is not None and sampled:
            found = _impacts(value, sampled, speed, bearing)
        shares = np.full(self.count, np.nan)
        if rate and self.count:
            length = max(64, 1 << round(np.log2(20 * self.count * rate / (2 * self.highest))))
            edges = np.linspace(0, self.highest, self.count + 1).tolist()
            spectrum = welch(value, rate, length)
            energy = np.maximum(bands(spectrum, edges), 1e-300)
            shares = np.log(energy / energy.sum())
        return np.concatenate([shape, found, shares])


def _impacts(value: Values, rate: float, speed: float, bearing: Bearing) -> Values:
    orders = {
        "outer": (bearing.bpfo, 1.0), "inner": (bearing.bpfi, 1.0),
        "ball": (2 * bearing.bsf, bearing.ftf),
    }  # fmt: skip
    alone = (*(o for o, _ in orders.values()), bearing.ftf)
    up_to = min((_HARMONICS + 1.5) * max(alone) * speed, rate / 2)
    found = []
    for spectrum in (
        envelope_spectrum(whitened(value), rate, up_to=up_to),
        envelope_spectrum(value, rate, choose_band(value, rate, bearing.bpfi * speed), up_to=up_to),
    ):
        over, step = excess(spectrum), spectrum.step
        for order in alone:
            seen = np.log1p(lines(over, step, order * speed, _HARMONICS, _TOLERANCE))
            found += [float(seen.mean()), float(seen[0])] if len(seen) else [np.nan, np.nan]
        for order, side in orders.values():
            seen = np.log1p(lines(over, step, order * speed, 1, _TOLERANCE, [side * speed]))
            found.append(float(seen.mean()) if len(seen) else np.nan)
    return np.array(found)
