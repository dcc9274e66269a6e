"""How long something takes: a distribution, written by its mean and spread or its usual numbers."""

from __future__ import annotations

from functools import cached_property
from math import exp, inf, log, pi, sqrt
from typing import Annotated, Any, Final, Literal, TypeAlias

import numpy as np
from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from gemel.core.frame import Values
from gemel.core.line import transforms
from gemel.core.settings import Settings
from gemel.core.time import SECOND, Duration, duration_text

__all__ = ["Distribution", "Time"]

Kinds: TypeAlias = Literal[
    "constant", "exponential", "normal", "lognormal", "gamma", "erlang", "weibull",
    "triangular", "uniform", "empirical",
]  # fmt: skip

_NEEDS: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "constant": (("mean",),),
    "exponential": (("mean",),),
    "normal": (("mean", "cv"),),
    "lognormal": (("mean", "cv"),),
    "gamma": (("mean", "cv"),),
    "erlang": (("mean", "phases"),),
    "weibull": (("mean", "cv"), ("scale", "shape")),
    "triangular": (("low", "mode", "high"),),
    "uniform": (("low", "high"),),
    "empirical": (("values",), ("values", "shares")),
}
_LIMITED: Final = ("normal", "triangular", "uniform")


class Distribution(Settings):
    """A time that is not always the same.

    ``30 s`` alone is constant; ``{mean: 30 s, cv: 0.4}`` is log-normal, the usual shape of times
    that people and machines take. `mean_s` and `cv_exact` are exact, for a truncated normal
    distribution too.
    """

    model_config = ConfigDict(ignored_types=(cached_property,))

    kind: Kinds | None = Field(
        None, description="Shape; log-normal if a `cv` is given, else constant"
    )
    mean: Duration | None = Field(
        None, ge=0, description="Mean; of a normal distribution, that before it is cut at `low`"
    )
    cv: float | None = Field(None, ge=0, le=20, description="Standard deviation as share of mean")
    phases: int | None = Field(None, ge=1, le=1000, description="erlang: exponential phases")
    shape: float | None = Field(None, ge=0.05, le=1000, description="weibull: shape")
    scale: Duration | None = Field(None, gt=0, description="weibull: scale, the 63 % quantile")
    low: Duration | None = Field(None, ge=0, description="Least value: uniform, triangular, normal")
    mode: Duration | None = Field(None, ge=0, description="triangular: most frequent value")
    high: Duration | None = Field(None, ge=0, description="Greatest: uniform, triangular, normal")
    values: tuple[Duration, ...] = Field((), description="empirical: what was measured")
    shares: tuple[float, ...] = Field((), description="empirical: how often each; all alike if not")

    @property
    def shape_name(self) -> str:
        """The kind, also where it was not written."""
        return self.kind or ("lognormal" if self.cv else "constant")

    @model_validator(mode="after")
    def _consistent(self) -> Distribution:
        name = self.shape_name
        optional = {"low", "high"} if name == "normal" else set()
        given = {
            f for f in ("mean", "cv", "phases", "shape", "scale", "low", "mode", "high")
            if getattr(self, f) is not None
        } | {f for f in ("values", "shares") if getattr(self, f)}  # fmt: skip
        fitting = [set(way) for way in _NEEDS[name]]
        if name == "constant" and given == {"mean", "cv"} and self.cv == 0:
            return self
        if not any(way <= given <= way | optional for way in fitting):
            ways = " or ".join("{" + ", ".join(way) + "}" for way in _NEEDS[name])
            found = ", ".join(sorted(given)) or "nothing"
            raise ValueError(f"a {name} time takes {ways}, found: {found}")
        if name in _LIMITED and self.high is not None:
            rising = [v for v in (self.low or 0, self.mode, self.high) if v is not None]
            if rising != sorted(rising) or rising[0] == rising[-1]:
                raise ValueError(
                    f"low, mode and high must rise, are {[duration_text(v) for v in rising]}"
                )
        if any(v < 0 for v in self.values) or any(s < 0 for s in self.shares):
            raise ValueError("values and shares of an empirical time may not be negative")
        if self.shares and (len(self.shares) != len(self.values) or sum(self.shares) <= 0):
            raise ValueError(f"{len(self.values)} values with {len(self.shares)} shares")
        if name == "normal" and self.mean == 0:
            raise ValueError("mean is 0; a normal time needs a positive one")
        if name == "normal" and self._inside < 1e-6:
            raise ValueError("low and high leave less than a millionth of the normal distribution")
        return self

    # Numbers of the compiled form: p[0], p[1] parameters; p[3], p[4] limits; p[5], p[6] the
    # probabilities below the limits before truncation.

    @cached_property
    def compiled(self) -> tuple[int, Values]:
        """Number of the kind and its parameters in seconds, as `transforms.times` takes them; an
        empirical one has the number −1."""
        name, mean = self.shape_name, (self.mean or 0) / SECOND
        cv = self.cv or 0.0
        p = np.zeros(7)
        p[4] = inf
        if name in ("lognormal", "gamma", "weibull", "normal") and cv == 0 and self.shape is None:
            name = "constant"
        if mean == 0 and name in ("lognormal", "gamma", "erlang", "weibull") and not self.scale:
            name = "constant"
        if name in ("constant", "exponential"):
            p[0] = mean
        elif name == "normal":
            p[0], p[1] = mean, mean * cv
            p[3], p[4] = self._limits
            p[5], p[6] = (transforms.normal_below((v - mean) / p[1]) for v in p[3:5])
        elif name == "lognormal":
            p[1] = sqrt(np.log1p(cv * cv))
            p[0] = log(mean) - p[1] * p[1] / 2
        elif name in ("gamma", "erlang"):
            p[0] = float(self.phases or 0) or 1 / (cv * cv)
            p[1], name = mean / p[0], "gamma"
        elif name == "weibull":
            p[0] = self.shape or transforms.weibull_shape(cv)
            p[1] = self.scale / SECOND if self.scale else mean / transforms.weibull_moments(p[0])[0]
        elif name in ("triangular", "uniform"):
            p[3], p[4] = (self.low or 0) / SECOND, (self.high or 0) / SECOND
            p[0] = (self.mode or 0) / SECOND
            p[1] = (p[0] - p[3]) / (p[4] - p[3])
        else:
            return -1, p
        return transforms.KINDS.index(name), p

    def quantiles(self, u: Values) -> Values:
        """Times in seconds for uniform numbers, float64[n] in (0, 1)."""
        kind, p = self.compiled
        if kind < 0:
            values, shares = self._table
            return np.asarray(transforms.table_quantiles(u, values, np.cumsum(shares)[:-1]))
        out = np.empty(len(u))
        if kind == transforms.KINDS.index("lognormal"):
            transforms.normal_quantiles(np.ascontiguousarray(u, np.float64), out)
            out *= p[1]
            out += p[0]
            return np.asarray(np.exp(out, out=out))
        transforms.times(kind, p, np.ascontiguousarray(u, np.float64), out)
        return out

    def share_below(self, time: float) -> float:
        """Share of the times that are below `time` in seconds, to about 1e-15."""
        low, high = 0.0, 1.0
        while high - low > 2.0**-52:
            middle = (low + high) / 2
            if middle in (low, high):
                break
            if float(self.quantiles(np.array([middle]))[0]) < time:
                low = middle
            else:
                high = middle
        return low

    @property
    def mean_s(self) -> float:
        """The mean in seconds, exactly."""
        return self._moments[0]

    @property
    def cv_exact(self) -> float:
        """Standard deviation as share of the mean, exactly; 0 where the mean is."""
        mean, variance = self._moments
        return sqrt(max(variance, 0.0)) / mean if mean else 0.0

    @cached_property
    def _moments(self) -> tuple[float, float]:
        kind, p = self.compiled
        if kind < 0:
            values, shares = self._table
            mean = float(values @ shares)
            return mean, float(((values - mean) ** 2) @ shares)
        match transforms.KINDS[kind]:
            case "constant":
                return float(p[0]), 0.0
            case "exponential":
                return float(p[0]), float(p[0] ** 2)
            case "normal":
                return _truncated(*(float(v) for v in p[[0, 1, 3, 4]]))
            case "lognormal":
                mean = exp(p[0] + p[1] ** 2 / 2)
                return mean, mean * mean * float(np.expm1(p[1] ** 2))
            case "gamma":
                return float(p[0] * p[1]), float(p[0] * p[1] ** 2)
            case "weibull":
                mean, cv = transforms.weibull_moments(float(p[0]))
                return mean * float(p[1]), (mean * float(p[1]) * cv) ** 2
            case "triangular":
                a, c, b = float(p[3]), float(p[0]), float(p[4])
                return (a + b + c) / 3, (a * a + b * b + c * c - a * b - a * c - b * c) / 18
        return float(p[3] + p[4]) / 2, float(p[4] - p[3]) ** 2 / 12

    @property
    def _limits(self) -> tuple[float, float]:
        return (self.low or 0) / SECOND, inf if self.high is None else self.high / SECOND

    @property
    def _inside(self) -> float:
        """Share of the normal distribution between its limits."""
        mean = (self.mean or 0) / SECOND
        spread = mean * (self.cv or 0) or 1e-12
        low, high = ((v - mean) / spread for v in self._limits)
        return float(transforms.normal_below(high) - transforms.normal_below(low))

    @property
    def _table(self) -> tuple[Values, Values]:
        values = np.array(self.values, np.float64) / SECOND
        shares = np.array(self.shares or np.ones(len(values)), np.float64)
        order = np.argsort(values, kind="stable")
        return values[order], shares[order] / shares.sum()


def _truncated(mean: float, spread: float, low: float, high: float) -> tuple[float, float]:
    """Mean and variance of a normal distribution cut at both ends."""
    a, b = (low - mean) / spread, (high - mean) / spread
    inside = transforms.normal_below(b) - transforms.normal_below(a)
    at_a, at_b = (exp(-z * z / 2) / sqrt(2 * pi) if z < inf else 0.0 for z in (a, b))
    shift = (at_a - at_b) / inside
    bend = (a * at_a - (b * at_b if b < inf else 0.0)) / inside
    return mean + spread * shift, spread**2 * (1 + bend - shift**2)


def _read(value: Any) -> Any:
    if isinstance(value, dict):  # behind this function, sequences are no longer those of JSON
        return {k: tuple(v) if isinstance(v, list) else v for k, v in value.items()}
    return {"mean": value} if isinstance(value, str | int | float) else value


Time: TypeAlias = Annotated[
    Distribution,
    BeforeValidator(_read),
    WithJsonSchema(
        {"anyOf": [{"type": "string", "examples": ["100 ms", "30 s", "5 min"]}, {"type": "object"}]}
    ),
]
"""A field that is written ``30 s`` or ``{mean: 30 s, cv: 0.4}``."""
