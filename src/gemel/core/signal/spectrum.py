"""Spectra: Welch's power density, energies of bands, orders of a shaft."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gemel.core.errors import DataError
from gemel.core.frame import Values

__all__ = ["Spectrum", "bands", "bursts", "orders", "welch"]


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
    if length < 2 or rate <= 0:
        raise DataError(f"{len(value)} samples at {rate:g} Hz have no spectrum")
    window = _hann(length)
    cut = bursts(value, length, overlap)
    power = np.abs(np.fft.rfft((cut - cut.mean(axis=1, keepdims=True)) * window)) ** 2
    power = power.mean(axis=0) / (rate * (window**2).sum())
    power[1 : (length + 1) // 2] *= 2  # the negative half; zero and the highest have none
    return Spectrum(np.asarray(np.fft.rfftfreq(length, 1 / rate), np.float64), power)


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


def orders(
    value: Values, rate: float, speed: Values, per_turn: int = 64, turns: int = 16
) -> Spectrum:
    """Power over the multiples of a shaft's speed: sampled again at even angles, then by Welch.

    value     float64[n] at `rate` samples per second
    speed     float64[n] or float64[1]: revolutions per second at each sample, above 0
    per_turn  samples per revolution; orders up to half of it are seen, if `rate` has them
    turns     revolutions per periodogram: lines are 1 / turns apart

    Raises `DataError` where the shaft stands, or does not turn often enough. Speeds so high that
    `rate` gives less than `per_turn` samples in a revolution leave the highest orders empty.
    """
    speed = np.broadcast_to(np.asarray(speed, np.float64), value.shape)
    if not (np.isfinite(speed).all() and (speed > 0).all()):
        raise DataError("an order spectrum needs a speed above 0 at every sample")
    angle = np.concatenate([[0.0], np.cumsum((speed[1:] + speed[:-1]) / 2)]) / rate
    if angle[-1] < turns:
        raise DataError(f"the shaft turns {angle[-1]:.1f} times, {turns} are needed")
    # What lies above half of `per_turn` would fold back: it is taken out first.
    spectrum = np.fft.rfft(value)
    spectrum[np.fft.rfftfreq(len(value), 1 / rate) > per_turn / 2 * speed.min()] = 0
    smooth = np.fft.irfft(spectrum, len(value))
    even = np.arange(0, angle[-1], 1 / per_turn)
    return welch(np.interp(even, angle, smooth), per_turn, turns * per_turn)


def _hann(length: int) -> Values:
    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length))
