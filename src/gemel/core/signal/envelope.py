"""Envelope spectrum: impacts repeat, and ring at frequencies of the machine.

A damaged bearing knocks at a low frequency that is hidden, and rings at a high one that is not. The
envelope of the ringing shows how often it knocks (high-frequency resonance technique).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.core.signal.spectrum import Spectrum

__all__ = ["analytic", "choose_band", "envelope_spectrum", "whitened"]

_PARTS = (2, 3, 4, 6, 8, 12, 16)
"""In how many even bands the spectrum is cut in turn, as in the fast kurtogram (Antoni 2007)."""


def analytic(
    value: Values, rate: float, band: tuple[float, float] | None = None
) -> npt.NDArray[np.complex128]:
    """The analytic signal, complex128[n], by FFT; only what lies in `band`, Hz, if it is given.
    Its size is the envelope (Hilbert transform)."""
    spectrum = np.fft.fft(value - value.mean())
    frequency = np.fft.fftfreq(len(value), 1 / rate)
    if band is None:
        gain = np.where(frequency > 0, 2.0, 0.0)
    else:
        gain = np.where((frequency >= band[0]) & (frequency < band[1]), 2.0, 0.0)
    return np.fft.ifft(spectrum * gain)


def whitened(value: Values) -> Values:
    """All frequencies equally strong, only their phases kept (cepstrum prewhitening, Sawalhi and
    Randall 2011). Steady tones lose their weight, impacts keep theirs, and the level is forgotten:
    the variance is one."""
    spectrum = np.fft.rfft(value - value.mean())
    size = np.abs(spectrum)
    floor = 1e-9 * float(size.max(initial=0.0))
    flat = np.fft.irfft(
        np.where(size > floor, spectrum / np.maximum(size, floor or 1), 0), len(value)
    )
    spread = float(flat.std())
    return np.asarray(flat / spread if spread > 0 else flat)


def choose_band(value: Values, rate: float, slowest: float) -> tuple[float, float]:
    """The band, Hz, whose squared envelope is most peaked: where impacts stand out.

    slowest  Hz: bands must be wider than some multiples of it, or the impacts run together
    """
    best, found = -np.inf, (0.0, rate / 2)
    for low, high in _candidates(rate, 6 * slowest):
        power = np.abs(analytic(value, rate, (low, high))) ** 2
        mean = float(power.mean())
        if mean > 0 and (peaked := float((power**2).mean()) / mean**2) > best:
            best, found = peaked, (low, high)
    return found


def envelope_spectrum(
    value: Values, rate: float, band: tuple[float, float] | None = None, *, up_to: float
) -> Spectrum:
    """Spectrum of the squared envelope up to `up_to` Hz, relative to the mean of the squared
    envelope, so that it knows no level: a modulation that goes to zero gives about 1.

    value  float64[n] at `rate` samples per second; at least 64
    """
    if len(value) < 64:
        raise DataError(f"{len(value)} samples have no envelope spectrum, at least 64 are needed")
    power = np.abs(analytic(value, rate, band)) ** 2
    mean = float(power.mean())
    if not mean > 0:
        raise DataError("the waveform does not vary")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(len(value)) / len(value))
    lines = 2 * np.abs(np.fft.rfft((power / mean - 1) * window)) / window.sum()
    at = np.asarray(np.fft.rfftfreq(len(value), 1 / rate), np.float64)
    return Spectrum(at[at <= up_to], lines[at <= up_to])


def _candidates(rate: float, width: float) -> Iterator[tuple[float, float]]:
    for parts in _PARTS:
        step = rate / 2 / parts
        if step < width:
            return
        for number in range(parts):
            yield number * step, (number + 1) * step
