"""Demand, and the law of what is wanted over some time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from math import gcd, sqrt
from typing import Annotated, Literal, Protocol, TypeAlias

import numpy as np
from pydantic import Field, model_validator

from gemel.core.frame import Values
from gemel.core.probability import (
    normal_cdf,
    normal_loss,
    normal_pdf,
    normal_quantile,
    poisson_pmf,
)
from gemel.core.settings import Settings

__all__ = [
    "ConstantDemand",
    "Counted",
    "Demand",
    "EmpiricalDemand",
    "KnownDemand",
    "Law",
    "NormalDemand",
    "Normally",
    "PoissonDemand",
]  # fmt: skip

_MOST_CELLS = 2_000_000


class Law(Protocol):
    """How much is wanted over some time."""

    @property
    def mean(self) -> float: ...

    @property
    def deviation(self) -> float: ...

    def at_most(self, y: float) -> float:
        """P(D ≤ y)."""
        ...

    def short(self, y: float) -> float:
        """E(D − y)⁺: what is missing on average where y is there."""
        ...

    def quantile(self, p: float) -> float:
        """The least y that is enough with probability p."""
        ...


@dataclass(frozen=True, slots=True)
class Normally:
    """A normal law; one without spread is a number."""

    mean: float
    deviation: float

    def at_most(self, y: float) -> float:
        if self.deviation == 0:
            return float(y >= self.mean)
        return float(normal_cdf((y - self.mean) / self.deviation))

    def short(self, y: float) -> float:
        if self.deviation == 0:
            return max(self.mean - y, 0.0)
        return self.deviation * float(normal_loss((y - self.mean) / self.deviation))

    def short_above(self, y: float) -> float:
        """The integral of `short` from y on: half of E((D − y)⁺)²."""
        if self.deviation == 0:
            return 0.5 * max(self.mean - y, 0.0) ** 2
        z = (y - self.mean) / self.deviation
        half = (z * z + 1) * float(normal_cdf(-z)) - z * float(normal_pdf(z))
        return 0.5 * self.deviation**2 * half

    def quantile(self, p: float) -> float:
        return self.mean + (normal_quantile(p) * self.deviation if self.deviation else 0.0)


@dataclass(frozen=True)
class Counted:
    """P(D = k · lot) for k = 0, 1, …: `pmf`, float64[n]."""

    pmf: Values
    lot: float = 1.0

    @cached_property
    def cdf(self) -> Values:
        """float64[n]: P(D ≤ k · lot)."""
        return np.minimum(np.cumsum(self.pmf), 1.0)

    @cached_property
    def mean(self) -> float:
        return float(self.pmf @ np.arange(len(self.pmf))) * self.lot

    @cached_property
    def deviation(self) -> float:
        k = np.arange(len(self.pmf)) * self.lot
        return sqrt(max(float(self.pmf @ (k - self.mean) ** 2), 0.0))

    def at_most(self, y: float) -> float:
        k = int(np.floor(y / self.lot + 1e-9))
        return 0.0 if k < 0 else float(self.cdf[min(k, len(self.cdf) - 1)])

    def short(self, y: float) -> float:
        k = np.arange(len(self.pmf)) * self.lot
        return float(self.pmf @ np.maximum(k - y, 0.0))

    def quantile(self, p: float) -> float:
        return min(int(np.searchsorted(self.cdf, p - 1e-12)), len(self.cdf) - 1) * self.lot

    def times(self, count: int) -> Counted:
        """The law of the sum of so many independent ones."""
        total, power = np.ones(1), self.pmf
        while count:
            if count & 1:
                total = np.convolve(total, power)
            count >>= 1
            if count:
                power = np.convolve(power, power)
        return Counted(total / total.sum(), self.lot)


class _Demand(Settings, ABC):
    """What is wanted in a period of the network."""

    @abstractmethod
    def over(self, periods: float, spread: float = 0.0) -> Law | None:
        """The law of what is wanted over some periods, whose number may itself be spread; None
        where this demand has none."""

    @property
    @abstractmethod
    def rate(self) -> float:
        """Mean of a period."""

    @property
    @abstractmethod
    def deviation(self) -> float:
        """Standard deviation of a period."""


class ConstantDemand(_Demand):
    """The same in every period."""

    kind: Literal["constant"] = Field("constant", description="The same in every period")
    mean: float = Field(gt=0, description="Units of a period")

    @property
    def rate(self) -> float:
        return self.mean

    @property
    def deviation(self) -> float:
        return 0.0

    def over(self, periods: float, spread: float = 0.0) -> Law:
        return Normally(self.mean * periods, self.mean * spread)


class NormalDemand(_Demand):
    """Normally distributed, independent from period to period."""

    kind: Literal["normal"] = Field("normal", description="Normally distributed")
    mean: float = Field(gt=0, description="Mean of a period")
    spread: float = Field(ge=0, description="Standard deviation of a period")

    @property
    def rate(self) -> float:
        return self.mean

    @property
    def deviation(self) -> float:
        return self.spread

    def over(self, periods: float, spread: float = 0.0) -> Law:
        return Normally(
            self.mean * periods, sqrt(self.spread**2 * periods + (self.mean * spread) ** 2)
        )


class PoissonDemand(_Demand):
    """One at a time, at any time: failures, orders of single pieces."""

    kind: Literal["poisson"] = Field("poisson", description="One at a time, at any time")
    mean: float = Field(gt=0, le=1e6, description="Mean of a period")

    @property
    def rate(self) -> float:
        return self.mean

    @property
    def deviation(self) -> float:
        return sqrt(self.mean)

    def over(self, periods: float, spread: float = 0.0) -> Law | None:
        return None if spread else Counted(poisson_pmf(self.mean * periods))


class EmpiricalDemand(_Demand):
    """As it was seen: each listed period as likely as any other."""

    kind: Literal["empirical"] = Field("empirical", description="As it was seen")
    seen: tuple[float, ...] = Field(
        min_length=1, description="Demand of periods that were seen, zeros included"
    )

    @model_validator(mode="after")
    def _usable(self) -> EmpiricalDemand:
        for number, value in enumerate(self.seen):
            if value < 0:
                raise ValueError(f"seen[{number}] is {value:g}; demand is at least 0")
        if not any(self.seen):
            raise ValueError("nothing was ever wanted; there is nothing to plan")
        if self._cells()[1] > _MOST_CELLS:
            raise ValueError(
                f"values such as {max(self.seen):g} have no common lot to count in; round them"
            )
        return self

    def _cells(self) -> tuple[float, int]:
        """The largest lot of which all values are multiples, and the largest value in lots."""
        scaled = [round(v * 1000) for v in self.seen]
        common = gcd(*scaled) or 1
        return common / 1000, max(scaled) // common

    @property
    def rate(self) -> float:
        return float(np.mean(self.seen))

    @property
    def deviation(self) -> float:
        return float(np.std(self.seen))

    def law(self) -> Counted:
        """Of one period."""
        lot, top = self._cells()
        counts = np.bincount(np.rint(np.array(self.seen) / lot).astype(np.int64), minlength=top + 1)
        return Counted(counts / len(self.seen), lot)

    def over(self, periods: float, spread: float = 0.0) -> Law | None:
        whole = round(periods)
        if spread or abs(periods - whole) > 1e-9:
            return None
        return self.law().times(whole)


class KnownDemand(_Demand):
    """Orders that are known, period by period."""

    kind: Literal["known"] = Field("known", description="Known in advance")
    orders: tuple[float, ...] = Field(
        min_length=1, max_length=10_000, description="Demand of each period to come"
    )

    @model_validator(mode="after")
    def _usable(self) -> KnownDemand:
        for number, value in enumerate(self.orders):
            if value < 0:
                raise ValueError(f"orders[{number}] is {value:g}; demand is at least 0")
        return self

    @property
    def rate(self) -> float:
        return float(np.mean(self.orders))

    @property
    def deviation(self) -> float:
        return 0.0

    def over(self, periods: float, spread: float = 0.0) -> None:
        return None


Demand: TypeAlias = Annotated[
    ConstantDemand | NormalDemand | PoissonDemand | EmpiricalDemand | KnownDemand,
    Field(discriminator="kind"),
]
"""What is wanted in a period, by its `kind`."""
