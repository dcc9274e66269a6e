"""Wear that can be measured: it grows, by chance, until a limit at which the asset fails.

`Stretch` says what may happen until the next inspection, for many levels at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, Protocol, TypeAlias

import numpy as np
from pydantic import Field

from gemel.core.frame import Values
from gemel.core.probability import gamma_cdf, normal_cdf, normal_tail_scaled, panels
from gemel.core.settings import Settings

__all__ = ["Degradation", "GammaProcess", "GammaWear", "Process", "Stretch", "WienerProcess",
           "WienerWear"]  # fmt: skip

_NODES = 24


@dataclass(frozen=True, slots=True)
class Stretch:
    """From each level, float64[n], over one interval.

    fails   probability that the limit is reached
    works   mean time until then, at most the interval
    """

    fails: Values
    works: Values


class Process(Protocol):
    """A degradation in periods, from 0 to `limit`."""

    @property
    def limit(self) -> float: ...

    @property
    def wander(self) -> float:
        """Standard deviation of the growth in a period."""
        ...

    @property
    def monotone(self) -> bool:
        """Whether it never falls."""
        ...

    @property
    def mean_life(self) -> float: ...

    @property
    def floor(self) -> float:
        """The lowest level worth looking at."""
        ...

    def stretch(self, level: Values, time: float) -> Stretch:
        """What may happen from these levels."""
        ...

    def cells(self, level: Values, edges: Values, time: float) -> Values:
        """float64[n, k]: probability to be in each cell after `time` without having failed."""
        ...

    def play(self, random: np.random.Generator, level: Values, time: float) -> Values:
        """Levels after `time`, of assets that are not watched in between."""
        ...


@dataclass(frozen=True)
class GammaProcess:
    """Independent gamma distributed growth: it never falls."""

    rate: float
    spread: float
    limit: float
    monotone: bool = True
    floor: float = 0.0

    @property
    def wander(self) -> float:
        return self.spread

    @property
    def shape(self) -> float:
        """Of the growth in one period."""
        return (self.rate / self.spread) ** 2

    @property
    def scale(self) -> float:
        return self.spread**2 / self.rate

    @property
    def mean_life(self) -> float:
        # Life is longer than t as long as the growth until t is below the limit.
        t, weight = panels(0, 3 * self.limit / self.rate + 20 * self.spread**2 / self.rate**2, 200)
        return float(weight @ gamma_cdf(self.shape * t, self.limit / self.scale))

    def stretch(self, level: Values, time: float) -> Stretch:
        left = (self.limit - level) / self.scale
        t, weight = panels(0, time, 1, _NODES)
        works = gamma_cdf(self.shape * t[None, :], left[:, None]) @ weight
        return Stretch(1 - gamma_cdf(self.shape * time, left), works)

    def cells(self, level: Values, edges: Values, time: float) -> Values:
        grown = (edges[None, :] - level[:, None]) / self.scale
        cdf = gamma_cdf(self.shape * time, np.maximum(grown, 0.0))
        return np.asarray(np.diff(cdf, axis=1))

    def play(self, random: np.random.Generator, level: Values, time: float) -> Values:
        return level + random.gamma(self.shape * time, self.scale, len(level))


@dataclass(frozen=True)
class WienerProcess:
    """Drift and noise: it may recover a little. It fails when it first reaches the limit."""

    rate: float
    spread: float
    limit: float
    monotone: bool = False

    @property
    def wander(self) -> float:
        return self.spread

    @property
    def floor(self) -> float:
        return -10 * self.spread**2 / self.rate  # below it, exp(−20) of all paths come

    @property
    def mean_life(self) -> float:
        return self.limit / self.rate

    def _passage(self, left: Values, time: float) -> tuple[Values, Values]:
        """P(limit reached by `time`), and the mean of the time of those that did, counted 0 for
        others: an inverse Gaussian."""
        root = self.spread * np.sqrt(time)
        a = (self.rate * time - left) / root
        z = (self.rate * time + left) / root
        reflected = np.exp(-0.5 * a * a) * normal_tail_scaled(z)
        direct = normal_cdf(a)
        return direct + reflected, left / self.rate * (direct - reflected)

    def stretch(self, level: Values, time: float) -> Stretch:
        fails, passed = self._passage(np.maximum(self.limit - level, 0.0), time)
        return Stretch(fails, passed + time * (1 - fails))

    def cells(self, level: Values, edges: Values, time: float) -> Values:
        """By the density at the middle of each cell: that of the end, times the chance that the
        bridge to it stays below the limit."""
        middle, width = 0.5 * (edges[1:] + edges[:-1]), np.diff(edges)
        return self.density(level, middle, time) * width

    def density(self, level: Values, end: Values, time: float) -> Values:
        """float64[n, k]: of the level after `time`, without having failed."""
        variance = self.spread**2 * time
        gone = end[None, :] - level[:, None] - self.rate * time
        free = np.exp(-0.5 * gone**2 / variance) / np.sqrt(2 * np.pi * variance)
        both = np.maximum(self.limit - level, 0)[:, None] * np.maximum(self.limit - end, 0)[None, :]
        return np.asarray(free * -np.expm1(-2 * both / variance))

    def play(self, random: np.random.Generator, level: Values, time: float) -> Values:
        noise = self.spread * np.sqrt(time) * random.standard_normal(len(level))
        return np.asarray(level + self.rate * time + noise)


class GammaWear(Settings):
    """Wear that only grows: abrasion, corrosion, cracks."""

    kind: Literal["gamma"] = Field("gamma", description="It only grows: abrasion, corrosion")
    rate: float = Field(gt=0, description="Mean growth in a period")
    spread: float = Field(gt=0, description="Standard deviation of the growth in a period")
    limit: float = Field(gt=0, description="Level at which it fails; new is 0")

    def process(self) -> GammaProcess:
        return GammaProcess(self.rate, self.spread, self.limit)


class WienerWear(Settings):
    """Wear with noise: temperatures, vibration, losses of capacity."""

    kind: Literal["wiener"] = Field("wiener", description="With noise: vibration, temperature")
    rate: float = Field(gt=0, description="Mean growth in a period")
    spread: float = Field(gt=0, description="Standard deviation of the growth in a period")
    limit: float = Field(gt=0, description="Level at which it fails; new is 0")

    def process(self) -> WienerProcess:
        return WienerProcess(self.rate, self.spread, self.limit)


Degradation: TypeAlias = Annotated[GammaWear | WienerWear, Field(discriminator="kind")]
"""How it wears, by its `kind`."""
