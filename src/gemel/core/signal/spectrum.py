"""Spectra: Welch's power density, energies of bands, orders of a shaft."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final, Literal, TypeAlias

import numpy as np

from gemel.core.errors import DataError
from gemel.core.frame import Values

__all__ = [
    "Measure",
    "Spectrum",
    "bands",
    "bursts",
    "centroid",
    "measured",
    "orders",
    "periodograms",
    "strongest",
    "welch",
]

Measure: TypeAlias = Literal["rms", "power", "amplitude"]

_FINER: Final = 8
"""Between samples a waveform is known from its spectrum at so many places, and straight between
these: at an eighth of the rate a straight line between samples would lose 5 % of an amplitude."""
_WIDEST: Final = 50.0
"""Times by which the speed of a shaft may vary in one order spectrum: at the slowest speed it is
sampled as finely as at the fastest, and a shaft that nearly stands would fill the memory."""


@dataclass(frozen=True, slots=True)
class Spectrum:
    """One-sided.

    at     float64[m]  frequencies in Hz, or multiples of a shaft's speed; evenly spaced from 0
    value  float64[m]  what is there, e.g. power density in unit² per Hz
    """

    at: Values
    value: Values

    @property
    def step(self) -> float:
        """Distance of two lines."""
        return float(self.at[1] - self.at[0])


def bursts(value: Values, length: int, overlap: float = 0.0) -> Values:
    """Windows of `length` samples, float64[k, length], cut from `value`, float64[n]; what is left
    over at the end is dropped. Raises `DataError` where there is not one."""
    if len(value) < length:
        raise DataError(f"a waveform of {len(value)} samples is shorter than a window of {length}")
    if not 0 <= overlap < 1:
        raise DataError(f"overlap is {overlap:g}, must be at least 0 and below 1")
    step = max(round(length * (1 - overlap)), 1)
    return np.lib.stride_tricks.sliding_window_view(value, length)[::step]


def welch(value: Values, rate: float, length: int = 1024, overlap: float = 0.5) -> Spectrum:
    """Power density, unit²/Hz, by Welch's method: mean of periodograms of `length` samples under a
    Hann window, each without its mean. Its integral is the variance.

    value  float64[n] at `rate` samples per second; `length` is cut to n
    """
    length = min(length, len(value))
    power = periodograms(value, rate, length, overlap).mean(axis=0)
    return Spectrum(np.asarray(np.fft.rfftfreq(length, 1 / rate), np.float64), power)


def periodograms(value: Values, rate: float, length: int, overlap: float = 0.5) -> Values:
    """Power densities, unit²/Hz, of `length` samples each, float64[k, length // 2 + 1], as `welch`
    takes the mean of."""
    if length < 2 or rate <= 0:
        raise DataError(f"{len(value)} samples at {rate:g} Hz have no spectrum")
    window = _hann(length)
    cut = bursts(value, length, overlap)
    power = np.abs(np.fft.rfft((cut - cut.mean(axis=1, keepdims=True)) * window)) ** 2
    power /= rate * (window**2).sum()
    power[:, 1 : (length + 1) // 2] *= 2  # the negative half; zero and the highest have none
    return np.asarray(power, np.float64)


def bands(spectrum: Spectrum, edges: Sequence[float]) -> Values:
    """Energy between neighbouring `edges`, rising, float64[len(edges) - 1]: the integral of a power
    density, unit². A line belongs to the band in which it lies."""
    found = np.asarray(edges, np.float64)
    if len(found) < 2 or not (np.diff(found) > 0).all():
        raise DataError(f"edges of bands must be two or more and rise, found {list(edges)}")
    place = np.searchsorted(found, spectrum.at, side="right") - 1
    inside = (place >= 0) & (place < len(found) - 1)
    energy = np.bincount(place[inside], spectrum.value[inside], len(found) - 1)
    return np.asarray(energy * spectrum.step)


def measured(energy: float, measure: Measure) -> float:
    """An energy, unit², as `power`; in the unit as `rms`, or as the `amplitude` of a tone that is
    as strong."""
    if measure == "power":
        return energy
    return float(np.sqrt(energy if measure == "rms" else 2 * energy))


def strongest(
    spectrum: Spectrum, low: float = 0.0, high: float = float("inf")
) -> tuple[float, float]:
    """Where the strongest line between `low` and `high` is, and how high, refined by a parabola
    through the logarithms of three lines: exact for a Gaussian window, and within a hundredth of
    their distance for a Hann window. The nearest line where none lies between."""
    inside = np.flatnonzero((spectrum.at >= low) & (spectrum.at <= high))
    value = spectrum.value
    if not len(inside):
        inside = np.array([min(round((low + high) / 2 / spectrum.step), len(value) - 1)])
    i = int(inside[value[inside].argmax()])
    at, height = float(spectrum.at[i]), float(value[i])
    if not 0 < i < len(value) - 1 or not value[i - 1 : i + 2].min() > 0:
        return at, height
    left, middle, right = np.log(value[i - 1 : i + 2])
    bend = left - 2 * middle + right
    if middle < max(left, right) or not bend < 0:
        return at, height  # the slope of a line outside
    shift = (left - right) / (2 * bend)
    return at + shift * spectrum.step, float(np.exp(middle - (left - right) * shift / 4))


def centroid(spectrum: Spectrum) -> float:
    """The mean frequency, weighted by what is there; NaN where nothing is."""
    total = float(spectrum.value.sum())
    return float((spectrum.at * spectrum.value).sum()) / total if total > 0 else float("nan")


def orders(
    value: Values, rate: float, speed: Values, per_turn: int = 64, turns: int = 16
) -> Spectrum:
    """Power over the multiples of a shaft's speed: sampled again at even angles, then by Welch.

    value     float64[n] at `rate` samples per second
    speed     float64[n] or float64[1]: revolutions per second at each sample, above 0
    per_turn  twice the highest order that is told
    turns     revolutions per periodogram: lines are 1 / turns apart

    Raises `DataError` where the shaft stands, does not turn often enough, or is more than 50 times
    as fast at one time as at another. Orders that lie above half of `rate` at the lowest speed are
    seen in a part of the turns only, those that do so at the highest speed not at all.
    """
    speed = np.broadcast_to(np.asarray(speed, np.float64), value.shape)
    if not (np.isfinite(speed).all() and (speed > 0).all()):
        raise DataError("an order spectrum needs a speed above 0 at every sample")
    slowest, fastest = float(speed.min()), float(speed.max())
    if fastest > _WIDEST * slowest:
        raise DataError(
            f"the speed varies from {slowest:.3g} to {fastest:.3g} Hz, by more than {_WIDEST:g} "
            "times; take a shorter stretch"
        )
    turned = np.concatenate([[0.0], np.cumsum((speed[1:] + speed[:-1]) / 2)]) / rate
    if turned[-1] < turns:
        raise DataError(f"the shaft turns {turned[-1]:.1f} times, {turns} are needed")
    # So finely that nothing folds back, even where it turns slowest: no filter is needed.
    finer = per_turn * ceil(rate / (per_turn * slowest))
    place = np.interp(np.arange(int(turned[-1] * finer)) / finer, turned, np.arange(len(value)))
    smooth = np.fft.irfft(np.fft.rfft(value), _FINER * len(value)) * _FINER
    even = np.interp(place * _FINER, np.arange(len(smooth)), smooth)
    found = welch(even, finer, turns * finer)
    seen = found.at <= per_turn / 2
    return Spectrum(found.at[seen], found.value[seen])


def _hann(length: int) -> Values:
    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length))
