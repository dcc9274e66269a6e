"""Lines that should not be there: how surely a spectrum holds a frequency and its multiples.

Where a spectrum holds nothing but noise, the power of a line over the median power around it, times
ln 2, is exponentially distributed with mean one: real and imaginary part are normal, and an
exponential distribution has its median at ln 2. What a line has above that is evidence.

A machine is more than noise: one that strikes at one frequency has lines at many others too. So the
same is asked at frequencies at which nothing is to be expected, in the same spectrum, and a comb is
evidence only as far as it stands out from those.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import erfc, exp, log, sqrt

import numpy as np

from gemel.core.frame import Values
from gemel.core.signal.spectrum import Spectrum

__all__ = ["Comb", "comb", "excess", "lines", "without"]

_AROUND = 20
"""Lines on each side whose median is the noise."""
_DECOYS = 120
_FAIR = 1.4826
"""Standard deviation of a normal distribution, in its median distances from the median."""


@dataclass(frozen=True, slots=True)
class Comb:
    """A frequency that was looked for, with its multiples.

    at       where it was found, in the spectrum's unit; slip moves all multiples alike
    excess   float64[h]  of each multiple: power over the noise around it, times ln 2
    chance   probability that as much is found where there is nothing to be found
    spared   the same without its strongest multiple
    """

    at: float
    excess: Values
    chance: float
    spared: float

    @property
    def strength(self) -> float:
        """Mean of the multiples over the noise, dB."""
        return float(np.mean(10 * np.log10(np.maximum(self.excess / log(2), 1e-12))))


def excess(spectrum: Spectrum, around: int = _AROUND) -> Values:
    """Power of each line over the median power of `around` lines on each side, times ln 2."""
    power = spectrum.value**2
    padded = np.pad(power, around, mode="reflect" if len(power) > around else "edge")
    noise = np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * around + 1), axis=1)
    floor = float(power.max(initial=0.0)) * 1e-12 or 1.0
    return np.asarray(power / np.maximum(noise, floor) * log(2))


def without(value: Values, step: float, frequency: float, lines: float = 2.0) -> Values:
    """The excess with multiples of `frequency`, as of the shaft itself, set to that of noise."""
    at = np.arange(len(value)) * step
    away = np.abs(at - np.round(at / frequency) * frequency)
    known = (away <= lines * step) & (at > frequency / 2)
    return np.asarray(np.where(known, np.minimum(value, log(2)), value))


def comb(
    value: Values,
    step: float,
    frequency: float,
    multiples: int,
    tolerance: float,
    *,
    sides: Sequence[float] = (),
    expected: Sequence[float] = (),
) -> Comb | None:
    """The multiples of a frequency in an `excess` with lines `step` apart.

    tolerance  share by which the frequency may be off: slip, and a speed not known better
    sides      distances of sidebands, which are looked at in place of the multiples themselves
    expected   frequencies with multiples that something else may show: no measure of nothing
    None where the spectrum does not reach the first multiple.
    """
    found = _best(value, step, frequency, multiples, tolerance, sides)
    if found is None:
        return None
    at, lines, ways = found
    kept = np.delete(lines, int(lines.argmax())) if len(lines) > 1 else np.zeros(1)
    decoys = []
    for decoy in np.geomspace(0.55, 1.8, _DECOYS) * frequency:
        if any(_alike(decoy, other, tolerance) for other in (frequency, *expected)):
            continue
        other = _best(value, step, decoy, multiples, tolerance, sides)
        if other is not None and len(other[1]) == len(lines):
            decoys.append(other[1])
    chance = _chance(float(lines.sum()), len(lines), ways)
    spared = _chance(float(kept.sum()), len(kept), ways * len(lines))
    if len(decoys) >= _DECOYS // 6:
        height = np.log1p(np.array(decoys))
        chance = max(chance, _beyond(float(np.log1p(lines).sum()), height.sum(axis=1)))
        # Decoys lose their strongest line as well, or the comparison would be unfair.
        rest = height.sum(axis=1) - (height.max(axis=1) if len(lines) > 1 else 0)
        spared = max(spared, _beyond(float(np.log1p(kept).sum()), rest))
    return Comb(at, lines, chance, spared)


def lines(
    value: Values, step: float, frequency: float, multiples: int, tolerance: float,
    sides: Sequence[float] = (),
) -> Values:  # fmt: skip
    """The excess of each multiple, where they are best together; empty if out of reach."""
    found = _best(value, step, frequency, multiples, tolerance, sides)
    return np.zeros(0) if found is None else found[1]


def _best(
    value: Values, step: float, frequency: float, multiples: int, tolerance: float,
    sides: Sequence[float],
) -> tuple[float, Values, float] | None:  # fmt: skip
    """Where it is found, the lines there, and in how many ways it was looked for."""
    number = np.arange(1, multiples + 1)[:, None]
    shifts = np.array([sign * side for side in sides for sign in (-1.0, 1.0)] or [0.0])
    # Slip moves the multiples, but not the distance of their sidebands.
    base, shift = (a.ravel() for a in np.broadcast_arrays(number * frequency, shifts))
    places = base + shift
    inside = (places > 2 * step) & (places + base * tolerance < (len(value) - 2) * step)
    if not inside[: max(len(shifts), 1)].any():
        return None
    base, shift = base[inside], shift[inside]
    tried = np.linspace(
        1 - tolerance, 1 + tolerance, 2 * int(np.ceil(2 * tolerance * base.max() / step)) + 1
    )
    near = np.rint((base[:, None] * tried + shift[:, None]) / step).astype(np.int64)
    # A line between two of the spectrum is seen by both; a window makes it two or three wide.
    best = np.maximum(np.maximum(value[near - 1], value[near]), value[near + 1])
    sums = np.log1p(best).sum(axis=0)
    # Neighbouring places see the same lines: the middle one of those that are as good.
    equal = np.flatnonzero(sums >= sums.max() - 1e-9)
    found = int(equal[len(equal) // 2])
    # The largest of three lines, of which two are independent, at each place that was tried.
    ways = min(2.0 ** len(base) * max(len(tried) / 2, 1), 1e9)
    return float(frequency * tried[found]), best[:, found], ways


def _alike(one: float, other: float, tolerance: float) -> bool:
    """Whether low multiples of the two fall together."""
    for a in range(1, 4):
        for b in range(1, 4):
            if abs(one * a / (other * b) - 1) <= max(3 * tolerance, 0.02):
                return True
    return False


def _beyond(value: float, others: Values) -> float:
    """That one of the distribution of `others` is as large: normal, by median and spread."""
    middle = float(np.median(others))
    spread = max(_FAIR * float(np.median(np.abs(others - middle))), 0.05 * max(middle, 1.0))
    return max(0.5 * erfc((value - middle) / spread / sqrt(2)), 1e-300)


def _chance(total: float, count: int, ways: float) -> float:
    """That the sum of `count` exponentials exceeds `total`, in at least one of so many ways."""
    term, below = 1.0, 1.0
    for i in range(1, count):
        term *= total / i
        below += term
    return float(min(max(exp(-min(total, 700.0)) * below * ways, 1e-300), 1.0))
