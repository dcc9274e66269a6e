"""Laws of life: how long something works before it fails."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import exp, gamma, log
from typing import Annotated, Any, Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from gemel.core.frame import Values
from gemel.core.probability import gamma_cdf, normal_cdf, normal_quantile
from gemel.core.settings import Settings
from gemel.core.time import Duration

__all__ = [
    "EmpiricalLife",
    "ExponentialLife",
    "GammaLaw",
    "GammaLife",
    "Law",
    "Life",
    "LognormalLaw",
    "LognormalLife",
    "Seen",
    "WeibullLaw",
    "WeibullLife",
]  # fmt: skip


class Law(Protocol):
    """A life in periods. Functions take numbers or arrays and give the same shape."""

    @property
    def mean(self) -> float: ...

    @property
    def last(self) -> float:
        """The age beyond which nothing is known; infinite for most laws."""
        ...

    def survives(self, t: npt.ArrayLike) -> Any:
        """P(life > t)."""
        ...

    def lived(self, t: npt.ArrayLike) -> Any:
        """E min(life, t): the integral of `survives` up to t."""
        ...

    def quantile(self, p: float) -> float:
        """The age that is not reached with probability p."""
        ...


@dataclass(frozen=True)
class WeibullLaw:
    """shape < 1 early failures, 1 chance, > 1 wear; `scale` is the age that 37 % reach."""

    shape: float
    scale: float
    last: float = float("inf")

    @property
    def mean(self) -> float:
        return self.scale * gamma(1 + 1 / self.shape)

    def hazard_sum(self, t: npt.ArrayLike) -> Any:
        """The integral of the failure rate."""
        return np.power(np.asarray(t, np.float64) / self.scale, self.shape)

    def survives(self, t: npt.ArrayLike) -> Any:
        return np.exp(-self.hazard_sum(t))

    def lived(self, t: npt.ArrayLike) -> Any:
        return self.mean * gamma_cdf(1 / self.shape, self.hazard_sum(t))

    def quantile(self, p: float) -> float:
        return float(self.scale * (-np.log1p(-p)) ** (1 / self.shape))


@dataclass(frozen=True)
class GammaLaw:
    shape: float
    scale: float
    last: float = float("inf")

    @property
    def mean(self) -> float:
        return self.shape * self.scale

    def survives(self, t: npt.ArrayLike) -> Any:
        return 1 - gamma_cdf(self.shape, np.asarray(t, np.float64) / self.scale)

    def hazard_sum(self, t: npt.ArrayLike) -> Any:
        return -np.log(np.maximum(self.survives(t), 1e-300))

    def lived(self, t: npt.ArrayLike) -> Any:
        t = np.asarray(t, np.float64)
        young = self.mean * gamma_cdf(self.shape + 1, t / self.scale)
        return young + np.where(np.isfinite(t), t, 0.0) * self.survives(t)

    def quantile(self, p: float) -> float:
        return _inverse(self, p)


@dataclass(frozen=True)
class LognormalLaw:
    """log(life) is normal with mean log(`median`) and standard deviation `spread`."""

    median: float
    spread: float
    last: float = float("inf")

    @property
    def mean(self) -> float:
        return self.median * exp(0.5 * self.spread**2)

    def _z(self, t: npt.ArrayLike) -> Any:
        with np.errstate(divide="ignore"):
            return (np.log(np.asarray(t, np.float64)) - log(self.median)) / self.spread

    def survives(self, t: npt.ArrayLike) -> Any:
        return normal_cdf(-self._z(t))

    def hazard_sum(self, t: npt.ArrayLike) -> Any:
        return -np.log(np.maximum(self.survives(t), 1e-300))

    def lived(self, t: npt.ArrayLike) -> Any:
        t = np.asarray(t, np.float64)
        young = self.mean * normal_cdf(self._z(t) - self.spread)
        return young + np.where(np.isfinite(t), t, 0.0) * self.survives(t)

    def quantile(self, p: float) -> float:
        return self.median * exp(self.spread * normal_quantile(p))


@dataclass(frozen=True)
class Seen:
    """Lives that were seen, and ages that others reached without failing (censored), by the
    product limit of Kaplan and Meier (1958)."""

    failed: Values
    running: Values

    @cached_property
    def steps(self) -> tuple[Values, Values]:
        """Ages at which something failed, float64[k], and the share that survives each."""
        ages = np.unique(self.failed)
        whole = np.concatenate([self.failed, self.running])
        at_risk = np.array([(whole >= a).sum() for a in ages])
        died = np.array([(self.failed == a).sum() for a in ages])
        return ages, np.cumprod(1 - died / at_risk)

    @property
    def last(self) -> float:
        """Of the oldest, if it still runs: nobody knows what comes after."""
        oldest = float(self.running.max()) if len(self.running) else 0.0
        return oldest if oldest > float(self.failed.max()) else float("inf")

    @property
    def mean(self) -> float:
        """Up to `last`."""
        return float(self.lived(self.last))

    def survives(self, t: npt.ArrayLike) -> Any:
        ages, share = self.steps
        return np.append(1.0, share)[np.searchsorted(ages, t, side="right")]

    def lived(self, t: npt.ArrayLike) -> Any:
        ages, share = self.steps
        t = np.asarray(t, np.float64)
        place = np.searchsorted(ages, t, side="right")
        whole = np.concatenate([[0.0], ages])
        levels = np.append(1.0, share)
        before = np.append(0.0, np.cumsum(np.diff(whole) * levels[:-1]))
        rest = np.where(np.isfinite(t), t - whole[place], 0.0)
        return before[place] + rest * levels[place]

    def quantile(self, p: float) -> float:
        ages, share = self.steps
        place = int(np.searchsorted(-share, -(1 - p) - 1e-12))
        return float(ages[place]) if place < len(ages) else self.last


def _inverse(law: Law, p: float) -> float:
    low, high = 0.0, law.mean
    while law.survives(high) > 1 - p:
        low, high = high, 2 * high
    for _ in range(100):
        middle = 0.5 * (low + high)
        if law.survives(middle) > 1 - p:
            low = middle
        else:
            high = middle
    return high


# What a person writes down


class WeibullLife(Settings):
    """Most things that wear."""

    kind: Literal["weibull"] = Field("weibull", description="Most things that wear")
    shape: float = Field(
        gt=0.05, le=100, description="Below 1 early failures, 1 chance, above 1 wear"
    )
    scale: Duration = Field(gt=0, description="Age that 37 % reach")

    def law(self, period: int) -> WeibullLaw:
        return WeibullLaw(self.shape, self.scale / period)


class ExponentialLife(Settings):
    """Fails by chance, however old."""

    kind: Literal["exponential"] = Field("exponential", description="Chance, however old")
    mean: Duration = Field(gt=0, description="Mean time between failures")

    def law(self, period: int) -> WeibullLaw:
        return WeibullLaw(1.0, self.mean / period)


class GammaLife(Settings):
    """The sum of many small damages."""

    kind: Literal["gamma"] = Field("gamma", description="The sum of many damages")
    mean: Duration = Field(gt=0, description="Mean life")
    spread: Duration = Field(gt=0, description="Standard deviation of the life")

    def law(self, period: int) -> GammaLaw:
        mean, spread = self.mean / period, self.spread / period
        return GammaLaw((mean / spread) ** 2, spread**2 / mean)


class LognormalLife(Settings):
    """Cracks and corrosion."""

    kind: Literal["lognormal"] = Field("lognormal", description="Cracks, corrosion")
    median: Duration = Field(gt=0, description="Age that half of them reach")
    spread: float = Field(gt=0, le=5, description="Standard deviation of log(life)")

    def law(self, period: int) -> LognormalLaw:
        return LognormalLaw(self.median / period, self.spread)


class EmpiricalLife(Settings):
    """As they were seen."""

    kind: Literal["empirical"] = Field("empirical", description="As they were seen")
    failed: tuple[Duration, ...] = Field(min_length=1, description="Ages at which some failed")
    running: tuple[Duration, ...] = Field((), description="Ages of those that did not")

    @model_validator(mode="after")
    def _positive(self) -> EmpiricalLife:
        if min(*self.failed, *self.running, 1) <= 0:
            raise ValueError("ages must be greater than 0")
        return self

    def law(self, period: int) -> Seen:
        return Seen(np.array(self.failed) / period, np.array(self.running) / period)


Life: TypeAlias = Annotated[
    WeibullLife | ExponentialLife | GammaLife | LognormalLife | EmpiricalLife,
    Field(discriminator="kind"),
]
"""How long it works, by its `kind`."""
