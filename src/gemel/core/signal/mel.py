"""Mel bands: sound in steps that are heard as equal, narrow where it is low and wide where it is
high.

There are two formulas. That of the Hidden Markov Toolkit (Young et al., The HTK Book, 2006, section
5.4) is one logarithm, 2595 log10(1 + f / 700), and its triangles are all of height one. That of the
Auditory Toolbox (Slaney, technical report 1998-010, 1998) is straight up to 1000 Hz (15 mel) and a
logarithm above, 27 mel for a factor of 6.4, and its triangles are all of area one.
"""

from __future__ import annotations

from functools import lru_cache
from math import log
from typing import Final, Literal, TypeAlias

import numpy as np
from pydantic import Field, model_validator

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.core.settings import Settings
from gemel.core.signal.spectrum import periodograms

__all__ = ["FLOOR", "Mel", "Scale", "decibels", "from_mel", "mel_frames", "to_mel"]

Scale: TypeAlias = Literal["htk", "slaney"]

FLOOR: Final = 1e-12
"""Energy that counts as none, −120 dB: nothing has no logarithm."""

_STRAIGHT: Final = 1000.0
_MEL_PER_HZ: Final = 3 / 200
_STEP: Final = log(6.4) / 27


def to_mel(frequency: Values | float, scale: Scale = "slaney") -> Values:
    """Mel of frequencies in Hz, at least 0.

    >>> to_mel(1000.0).item(), round(to_mel(1000.0, "htk").item(), 4)
    (15.0, 999.9855)
    """
    f = np.asarray(frequency, np.float64)
    if scale == "htk":
        return np.asarray(2595 * np.log10(1 + f / 700))
    above = np.log(np.maximum(f, _STRAIGHT) / _STRAIGHT) / _STEP
    return np.asarray(np.where(f < _STRAIGHT, f * _MEL_PER_HZ, _STRAIGHT * _MEL_PER_HZ + above))


def from_mel(mel: Values | float, scale: Scale = "slaney") -> Values:
    """Frequencies in Hz of mel."""
    m = np.asarray(mel, np.float64)
    if scale == "htk":
        return np.asarray(700 * (10 ** (m / 2595) - 1))
    knee = _STRAIGHT * _MEL_PER_HZ
    above = _STRAIGHT * np.exp(_STEP * np.maximum(m - knee, 0))
    return np.asarray(np.where(m < knee, m / _MEL_PER_HZ, above))


class Mel(Settings):
    """A bank of triangles, evenly spaced in mel between `low` and `high`."""

    bands: int = Field(40, ge=1, le=512, description="Bands")
    low: float = Field(0.0, ge=0, description="Where the lowest band begins, Hz")
    high: float = Field(8000.0, gt=0, description="Where the highest band ends, Hz")
    scale: Scale = Field("slaney", description="Formula of mel: Auditory Toolbox, or HTK")

    @model_validator(mode="after")
    def _rising(self) -> Mel:
        if not self.low < self.high:
            raise ValueError(f"low is {self.low:g} Hz, must be below high, {self.high:g} Hz")
        return self

    @property
    def edges(self) -> Values:
        """float64[bands + 2], Hz: band i rises from the i-th to the next, and falls to the one
        after that."""
        ends = to_mel(np.array([self.low, self.high]), self.scale)
        return from_mel(np.linspace(ends[0], ends[1], self.bands + 2), self.scale)

    def weights(self, rate: float, length: int) -> Values:
        """What each line of a spectrum of `length` samples counts in each band, float64[bands,
        length // 2 + 1]. Raises `DataError` where the rate does not reach so high, or a band lies
        between two lines."""
        return _weights(self, rate, length)


@lru_cache(maxsize=32)
def _weights(mel: Mel, rate: float, length: int) -> Values:
    if mel.high > rate / 2:
        raise DataError(f"{rate:g} samples per second reach to {rate / 2:g} Hz, not {mel.high:g}")
    at, edges = np.fft.rfftfreq(length, 1 / rate), mel.edges
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    weight = np.maximum(np.minimum((at - low) / (middle - low), (high - at) / (high - middle)), 0)
    empty = np.flatnonzero(~(weight > 0).any(axis=1))
    if len(empty):
        i = int(empty[0])
        raise DataError(
            f"band {i + 1} of {mel.bands}, {edges[i]:.0f} to {edges[i + 2]:.0f} Hz, lies between "
            f"two lines of a spectrum of {length} samples, {rate / length:.3g} Hz apart; take "
            "fewer bands, or longer frames"
        )
    if mel.scale == "slaney":
        weight = weight * (2 / (high - low))
    weight.flags.writeable = False  # kept, and given to all who ask
    return np.asarray(weight, np.float64)


def mel_frames(value: Values, rate: float, mel: Mel, length: int, overlap: float = 0.5) -> Values:
    """Energy in each band, float64[frames, bands], of frames of `length` samples under a Hann
    window, each without its mean: unit², or unit² per Hz with the triangles of `slaney`.

    value  float64[n] at `rate` samples per second; what is left over at the end is dropped
    """
    power = periodograms(value, rate, length, overlap)
    return np.asarray(power @ mel.weights(rate, length).T * (rate / length))


def decibels(energy: Values, floor: float = FLOOR) -> Values:
    """Ten times the logarithm, of no less than `floor`."""
    return np.asarray(10 * np.log10(np.maximum(energy, floor)))
