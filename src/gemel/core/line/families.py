"""Families of times, fitted by maximum likelihood; some times are only known to be longer.

Each `fit_…` takes what was seen to its end, float64[n] > 0, and how long others had lasted when
nobody looked any more, float64[c] > 0, and gives a `Law`, or nothing where there is none.

Sources: the score of the gamma shape and its start, T. Minka, Estimating a Gamma distribution
(2002); censored normal values, expectation and maximisation by the mean and the second moment of
the rest of a normal distribution (N. L. Johnson, S. Kotz, N. Balakrishnan, Continuous Univariate
Distributions 1, chapter 13).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, lgamma, log, pi, sqrt
from typing import Final

import numpy as np

from gemel.core.frame import Values
from gemel.core.line.distribution import Distribution
from gemel.core.line.transforms import weibull_moments
from gemel.core.probability import gamma_cdf, normal_cdf, normal_tail_scaled

__all__ = ["FAMILIES", "Law", "law_of"]

_ROUNDS: Final = 500
_ENOUGH: Final = 1e-10
_NARROW: Final = 0.3
"""A normal time is one whose standard deviation is less than this share of its mean: its negative
values, which a line does not have, are then less than one in a thousand."""


@dataclass(frozen=True, slots=True)
class Law:
    """A fitted family: its name, mean in seconds, coefficient of variation, number of parameters
    that were fitted; `below` gives P(T ≤ t), and `likelihood` is the logarithm."""

    name: str
    mean: float
    cv: float
    parameters: int
    below: Callable[[Values], Values]
    likelihood: float

    def distribution(self) -> Distribution:
        """As a line writes it, to the nanosecond."""
        text = f"{round(1e9 * self.mean)} ns"
        if self.name == "exponential":
            return Distribution.read({"kind": self.name, "mean": text})
        return Distribution.read({"kind": self.name, "mean": text, "cv": min(self.cv, 20.0)})


def fit_exponential(seen: Values, running: Values) -> Law | None:
    mean = float(seen.sum() + running.sum()) / len(seen)
    return Law(
        "exponential", mean, 1.0, 1, lambda t: -np.expm1(-t / mean), -len(seen) * (log(mean) + 1)
    )


def fit_normal(seen: Values, running: Values) -> Law | None:
    mean, spread = _normal(seen, running)
    if not 0 < spread < _NARROW * mean:
        return None
    return Law(
        "normal", mean, spread / mean, 2, lambda t: np.asarray(normal_cdf((t - mean) / spread)),
        _normal_likelihood(seen, running, mean, spread),
    )  # fmt: skip


def fit_lognormal(seen: Values, running: Values) -> Law | None:
    logs = np.log(seen)
    middle, spread = _normal(logs, np.log(running))
    if not 0 < spread < 5:
        return None
    likelihood = _normal_likelihood(logs, np.log(running), middle, spread) - float(logs.sum())
    mean = exp(middle + spread * spread / 2)
    return Law(
        "lognormal", mean, sqrt(float(np.expm1(spread * spread))), 2,
        lambda t: np.asarray(normal_cdf((np.log(np.maximum(t, 1e-300)) - middle) / spread)),
        likelihood,
    )  # fmt: skip


def fit_weibull(seen: Values, running: Values) -> Law | None:
    """The scale is known where the shape is; the score of the shape rises in it (Newton)."""
    unit = float(seen.mean())
    x, mean_log = np.log(np.append(seen, running) / unit), float(np.log(seen / unit).mean())
    if float(x.std()) < 1e-9:
        return None
    shape = 1.2 / max(float(np.log(seen).std()), 0.02)
    for _ in range(_ROUNDS):
        grown = np.exp(np.minimum(shape * x, 700))
        total, first, second = grown.sum(), (grown * x).sum(), (grown * x * x).sum()
        score = first / total - 1 / shape - mean_log
        slope = second / total - (first / total) ** 2 + 1 / shape**2
        step = min(max(score / slope, -shape), shape / 2)
        shape -= step
        if abs(step) < _ENOUGH * shape:
            break
    if not 0.05 < shape < 1000:
        return None
    total = float(np.exp(np.minimum(shape * x, 700)).sum())
    scale = unit * (total / len(seen)) ** (1 / shape)
    mean, cv = weibull_moments(shape)
    z = np.log(seen / scale)
    likelihood = len(seen) * log(shape) + float((shape * z - np.log(seen)).sum()) - len(seen)
    return Law(
        "weibull", mean * scale, cv, 2, lambda t: -np.expm1(-((np.maximum(t, 0) / scale) ** shape)),
        likelihood,
    )  # fmt: skip


def fit_gamma(seen: Values, running: Values) -> Law | None:
    mean, mean_log = float(seen.mean()), float(np.log(seen).mean())
    gap = log(mean) - mean_log
    if gap < 1e-12:
        return None
    shape = (3 - gap + sqrt((gap - 3) ** 2 + 24 * gap)) / (12 * gap)
    for _ in range(_ROUNDS):
        step = (log(shape) - _digamma(shape) - gap) / (1 / shape - _trigamma(shape))
        shape = max(shape - step, shape / 4)
        if abs(step) < _ENOUGH * shape:
            break
    theta = np.array([log(shape), log(mean)])
    if len(running):
        start = theta + np.array([0.0, _longer(running, seen)])
        theta = _highest(lambda p: _gamma_likelihood(seen, running, *np.exp(p)), start)
    shape, mean = (float(v) for v in np.exp(theta))
    if not 0.0025 <= shape < 1e7:
        return None
    return Law(
        "gamma", mean, 1 / sqrt(shape), 2,
        lambda t: np.asarray(gamma_cdf(shape, t * (shape / mean))),
        _gamma_likelihood(seen, running, shape, mean),
    )  # fmt: skip


FAMILIES: Final[dict[str, Callable[[Values, Values], Law | None]]] = {
    "exponential": fit_exponential,
    "lognormal": fit_lognormal,
    "gamma": fit_gamma,
    "weibull": fit_weibull,
    "normal": fit_normal,
}


def law_of(name: str, seen: Values, running: Values) -> Law | None:
    """The family of this name, fitted."""
    return FAMILIES[name](seen, running)


def _longer(running: Values, seen: Values) -> float:
    """How much longer the mean is, about, for those whose end was not seen (logarithm)."""
    return float(np.log1p(running.sum() / seen.sum()))


def _normal(seen: Values, running: Values) -> tuple[float, float]:
    """Mean and standard deviation of normal values, some of which are only known to be greater."""
    mean, spread = float(seen.mean()), float(seen.std())
    if not len(running) or spread == 0:
        return mean, spread
    n = len(seen) + len(running)
    first, second = float(seen.sum()), float((seen * seen).sum())
    for _ in range(_ROUNDS):
        z = (running - mean) / spread
        hazard = 1 / (sqrt(2 * pi) * np.asarray(normal_tail_scaled(np.clip(z, -30, 1e6))))
        beyond = mean + spread * hazard
        square = mean**2 + spread**2 + spread * (running + mean) * hazard
        new = (first + float(beyond.sum())) / n
        wide = sqrt(max((second + float(square.sum())) / n - new * new, 1e-300))
        done = abs(new - mean) + abs(wide - spread) < _ENOUGH * spread
        mean, spread = new, wide
        if done:
            break
    return mean, spread


def _normal_likelihood(seen: Values, running: Values, mean: float, spread: float) -> float:
    z = (seen - mean) / spread
    value = -0.5 * float((z * z).sum()) - len(seen) * (log(spread) + 0.5 * log(2 * pi))
    rest = np.asarray(normal_cdf((mean - running) / spread))
    return value + float(np.log(np.maximum(rest, 1e-300)).sum())


def _gamma_likelihood(seen: Values, running: Values, shape: float, mean: float) -> float:
    rate = shape / mean
    value = len(seen) * (shape * log(rate) - lgamma(shape)) + float(
        ((shape - 1) * np.log(seen) - rate * seen).sum()
    )
    rest = 1 - np.asarray(gamma_cdf(shape, running * rate)) if len(running) else np.ones(1)
    return value + float(np.log(np.maximum(rest, 1e-300)).sum())


def _digamma(x: float) -> float:
    """Abramowitz and Stegun 6.3.18, after 6.3.5 has brought x above 10."""
    value = 0.0
    while x < 10:
        value -= 1 / x
        x += 1
    y = 1 / (x * x)
    return value + log(x) - 0.5 / x - y * (1 / 12 - y * (1 / 120 - y * (1 / 252 - y / 240)))


def _trigamma(x: float) -> float:
    """Abramowitz and Stegun 6.4.12, after 6.4.6."""
    value = 0.0
    while x < 10:
        value += 1 / (x * x)
        x += 1
    y = 1 / (x * x)
    return value + 1 / x + y / 2 + y / x * (1 / 6 - y * (1 / 30 - y * (1 / 42 - y / 30)))


def _highest(value: Callable[[Values], float], start: Values) -> Values:
    """Of a function of two numbers: Nelder and Mead's simplex (Computer Journal 7 (1965) 308)."""
    points = [start, start + np.array([0.2, 0.0]), start + np.array([0.0, 0.2])]
    heights = [value(p) for p in points]
    for _ in range(_ROUNDS):
        order = np.argsort(heights)[::-1]
        points, heights = [points[i] for i in order], [heights[i] for i in order]
        if heights[0] - heights[2] < 1e-9 * (1 + abs(heights[0])):
            break
        middle = (points[0] + points[1]) / 2
        tried = 2 * middle - points[2]
        height = value(tried)
        if height > heights[0]:
            further = 3 * middle - 2 * points[2]
            beyond = value(further)
            tried, height = (further, beyond) if beyond > height else (tried, height)
        elif height <= heights[1]:
            near = tried if height > heights[2] else points[2]
            tried = (middle + near) / 2
            height = value(tried)
            if height <= heights[2]:
                points = [points[0], *((p + points[0]) / 2 for p in points[1:])]
                heights = [heights[0], *(value(p) for p in points[1:])]
                continue
        points[2], heights[2] = tried, height
    best: Values = points[int(np.argmax(heights))]
    return best
