"""Bearing: which part of a rolling bearing, or which gear, strikes at its characteristic rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import e, log
from typing import Any, Final

import numpy as np
from pydantic import Field, field_validator

from gemel.core.errors import ConfigurationError, DataError, did_you_mean
from gemel.core.frame import Values
from gemel.core.signal.envelope import choose_band, envelope_spectrum, whitened
from gemel.core.signal.harmonics import Comb, comb, excess, without
from gemel.core.signal.machine import BEARINGS, Gear
from gemel.core.signal.machine import Bearing as Geometry
from gemel.core.signal.spectrum import Spectrum, bursts
from gemel.parts.diagnosers._cases import NORMAL, restored
from gemel.parts.diagnosers.base import Case, Cause, Diagnoser, Diagnosis, Example, Reason

__all__ = ["Bearing"]

_VERSION: Final = 1
_TURNS: Final = 20
_MARGIN: Final = 3.0
"""dB that the multiples must be above those of normal operation, on average."""


class Bearing(Diagnoser):
    """Which part of a bearing or which gear is damaged, from a waveform of its vibration.

    The window holds one column, evenly spaced; `about` holds the `speed` of the shaft, turns per
    second. Impacts repeat at frequencies that follow from geometry: they are looked for in the
    envelope spectrum of the whitened waveform, and of the band that is most peaked, with their
    multiples; and, of gears, sidebands of the meshing frequency in the spectrum itself. Slip moves
    all multiples alike. A cause has the probability that follows from how unlikely noise alone
    would have shown its lines (the bound of Sellke, Bayarri and Berger 2001, all causes and none of
    them equally likely beforehand); `low` is what is left of it without its strongest line.

    It learns nothing. With examples of normal operation, what these show already is no evidence.
    """

    bearing: Geometry | str | None = Field(
        None, description="Geometry, or the name of a known bearing such as 6205"
    )
    gears: dict[str, Gear] = Field({}, description="Gears on the shaft, by name")
    harmonics: int = Field(4, ge=1, le=20, description="Multiples that are looked at")
    turns: int = Field(
        60,
        ge=20,
        description="Turns that are looked at together; of longer waveforms, the median "
        "piece counts",
    )
    tolerance: float = Field(
        0.015, ge=0, le=0.05, description="Share by which a frequency may be off, by slip"
    )

    @field_validator("bearing")
    @classmethod
    def _known(cls, value: Geometry | str | None) -> Geometry | str | None:
        if isinstance(value, str) and value not in BEARINGS:
            raise ValueError(f"no bearing '{value}' is known; {did_you_mean(value, BEARINGS)}")
        return value

    @property
    def geometry(self) -> Geometry | None:
        """Of the bearing; None where only gears are looked at."""
        return BEARINGS[self.bearing] if isinstance(self.bearing, str) else self.bearing

    def fit(self, examples: Sequence[Example]) -> _Model:
        if self.geometry is None and not self.gears:
            raise ConfigurationError("nothing is to be looked for: give `bearing`, `gears` or both")
        blank = _Model(self, {}, {"examples": 0})
        normal = [example.case for example in examples if example.cause == NORMAL]
        usual: dict[str, float] = {}
        for case in normal:
            for name, found in blank.lines(case).items():
                usual[name] = max(usual.get(name, 0.0), found.strength)
        return _Model(self, usual, {"examples": len(normal), "usual strength": usual})

    def load(self, saved: dict[str, Any]) -> _Model:
        def make() -> _Model:
            usual = {str(name): float(value) for name, value in saved["usual"].items()}
            return _Model(self, usual, dict(saved["made"]))

        return restored(saved, "bearing", _VERSION, make)


@dataclass(frozen=True, slots=True)
class _Model:
    """usual  strength that normal operation shows, by cause"""

    settings: Bearing
    usual: dict[str, float]
    made: dict[str, Any]

    @property
    def names(self) -> tuple[str, ...]:
        return ()

    def diagnose(self, case: Case) -> Diagnosis:
        found = self.lines(case)
        odds = {
            name: _odds(c.chance, c.strength, self.usual.get(name)) for name, c in found.items()
        }
        less = {
            name: _odds(c.spared, c.strength, self.usual.get(name)) for name, c in found.items()
        }
        total = 1 + sum(odds.values())
        causes = []
        for name, lines in found.items():
            rest = total - odds[name]
            share = odds[name] / total
            low = min(less[name] / (rest + less[name]), share)
            reasons = self._reasons(name, lines, case.about["speed"])
            said = f"{lines.at:.2f} Hz; by chance in 1 of {min(1 / lines.chance, 1e9):,.0f}"
            causes.append(Cause(name, share, low, share, reasons, said))
        causes.sort(key=lambda cause: -cause.probability)
        return Diagnosis(tuple(causes))

    def lines(self, case: Case) -> dict[str, Comb]:
        """What is found of each cause, by its name, in the median piece of the waveform."""
        value, rate, speed = _waveform(case)
        length = min(len(value), round(self.settings.turns * rate / speed))
        pieces = [self._piece(piece, rate, speed) for piece in bursts(value, length)]
        found = {}
        for name in pieces[0]:
            each = sorted((piece[name] for piece in pieces), key=lambda c: (c.chance, -c.strength))
            found[name] = each[len(each) // 2]
        return found

    def _piece(self, value: Values, rate: float, speed: float) -> dict[str, Comb]:
        settings, found = self.settings, {}
        if (bearing := settings.geometry) is not None:
            orders = {
                "outer race": bearing.bpfo, "inner race": bearing.bpfi,
                "ball": 2 * bearing.bsf, "cage": bearing.ftf,
            }  # fmt: skip
            wanted = {name: order * speed for name, order in orders.items()}
            # Decoys of the highest reach further than itself.
            up_to = min(2 * settings.harmonics * max(wanted.values()), rate / 2)
            band = choose_band(value, rate, wanted["inner race"])
            spectra = (
                envelope_spectrum(whitened(value), rate, up_to=up_to),
                envelope_spectrum(value, rate, band, up_to=up_to),
            )
            for name, at in wanted.items():
                others = [other for key, other in wanted.items() if key != name]
                combs = [
                    comb(
                        without(excess(spectrum), spectrum.step, speed), spectrum.step, at,
                        settings.harmonics, settings.tolerance, expected=(*others, speed),
                    )
                    for spectrum in spectra
                ]  # fmt: skip
                if there := [c for c in combs if c is not None]:
                    best = min(there, key=lambda c: c.chance)
                    # Two spectra were looked at.
                    chance, spared = min(2 * best.chance, 1.0), min(2 * best.spared, 1.0)
                    found[name] = Comb(best.at, best.excess, chance, spared)
        if settings.gears:
            plain = _spectrum(value, rate)
            whole = excess(plain)
            for name, gear in settings.gears.items():
                sides = [i * gear.ratio * speed for i in (1, 2, 3)]
                lines = comb(whole, plain.step, gear.mesh * speed, 2, 0.002, sides=sides)
                if lines is not None:
                    found[f"gear {name}"] = lines
        if not found:
            raise DataError(f"at {rate:g} samples per second none of the frequencies is in reach")
        return found

    def save(self) -> dict[str, Any]:
        return {
            "diagnoser": "bearing", "version": _VERSION, "usual": self.usual, "made": self.made,
        }  # fmt: skip

    def evidence(self) -> dict[str, Any]:
        return dict(self.made)

    def _reasons(self, name: str, lines: Comb, speed: float) -> tuple[Reason, ...]:
        found = []
        for i, value in enumerate(lines.excess, 1):
            title = f"{i} × {lines.at / speed:.3f} of the speed"
            if name.startswith("gear "):
                title = f"sideband {i} of {lines.at:.1f} Hz"
            over = 10 * float(np.log10(max(value / log(2), 1e-12)))
            found.append(Reason(title, float(value), f"{over:+.1f} dB above the lines around it"))
        return tuple(sorted(found, key=lambda reason: -reason.weight))


def _odds(chance: float, strength: float, usual: float | None) -> float:
    """Of a cause against none: at most 1 / (−e p ln p), for a chance p below 1/e. One if it is no
    stronger, by `_MARGIN`, than normal operation shows it."""
    if usual is not None and strength < usual + _MARGIN:
        return 1.0
    p = min(chance, 1.0)
    return 1 / (-e * p * log(p)) if 0 < p < 1 / e else 1.0


def _waveform(case: Case) -> tuple[Values, float, float]:
    window = case.window
    if len(window.names) != 1:
        raise DataError(f"a waveform has one column, found {len(window.names)}")
    value = window.value[:, 0]
    if len(value) < 256 or not np.isfinite(value).all():
        raise DataError(f"a waveform needs 256 values or more, all known; found {len(value)}")
    speed = case.about.get("speed", float("nan"))
    if not speed > 0:
        raise DataError("`about` needs the `speed` of the shaft, revolutions per second, above 0")
    rate = (len(value) - 1) * 1e9 / float(window.time[-1] - window.time[0])
    if len(value) / rate * speed < _TURNS:
        raise DataError(
            f"the waveform holds {len(value) / rate * speed:.1f} turns of the shaft, at least "
            f"{_TURNS} are needed"
        )
    return value, rate, speed


def _spectrum(value: Values, rate: float) -> Spectrum:
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(len(value)) / len(value))
    lines = np.fft.rfft((value - value.mean()) * hann)
    return Spectrum(
        np.asarray(np.fft.rfftfreq(len(value), 1 / rate), np.float64),
        np.abs(lines).astype(np.float64),
    )
