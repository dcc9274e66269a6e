"""From uniform numbers to times: the quantile functions, compiled.

A quantile function is monotone in the uniform number, so that two alternatives which are played
with the same uniforms meet the same luck, also where their distributions differ.

Sources: M. J. Wichura, Algorithm AS 241 (Applied Statistics 37 (1988) 477) for the normal
distribution, to 16 digits; M. Abramowitz and I. A. Stegun, 6.5.29 and 6.5.31, for the gamma
distribution, which is inverted by safeguarded Newton steps.
"""

from __future__ import annotations

from math import erfc, exp, gamma, inf, lgamma, log, log1p, sqrt
from typing import Any, Final

import numpy as np
from numba import njit

__all__ = [
    "KINDS", "gamma_below", "normal_below", "normal_quantile",
    "normal_quantiles", "times",
]  # fmt: skip

KINDS: Final = (
    "constant", "exponential", "normal", "lognormal", "gamma", "weibull", "triangular", "uniform",
)  # fmt: skip
"""In the order of their numbers in `times`; an empirical one is a table, a log-normal one the
exponential of `normal_quantiles`, both by NumPy."""

_A: Final = (
    3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3,
    1.3731693765509461125e4, 4.5921953931549871457e4, 6.7265770927008700853e4,
    3.3430575583588128105e4, 2.5090809287301226727e3,
)  # fmt: skip
_B: Final = (
    1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
    2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4,
    5.2264952788528545610e3,
)  # fmt: skip
_C: Final = (
    1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0,
    3.64784832476320460504e0, 1.27045825245236838258e0, 2.41780725177450611770e-1,
    2.27238449892691845833e-2, 7.74545014278341407640e-4,
)  # fmt: skip
_D: Final = (
    1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
    1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4,
    1.05075007164441684324e-9,
)  # fmt: skip
_E: Final = (
    6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0,
    2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
    2.71155556874348757815e-5, 2.01033439929228813265e-7,
)  # fmt: skip
_F: Final = (
    1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
    7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7,
    2.04426310338993978564e-15,
)  # fmt: skip


@njit(nogil=True, cache=True, inline="always")
def _ratio(top: Any, bottom: Any, x: float) -> float:
    n = ((((((top[7] * x + top[6]) * x + top[5]) * x + top[4]) * x + top[3]) * x + top[2]) * x
         + top[1]) * x + top[0]  # fmt: skip
    d = ((((((bottom[7] * x + bottom[6]) * x + bottom[5]) * x + bottom[4]) * x + bottom[3]) * x
         + bottom[2]) * x + bottom[1]) * x + bottom[0]  # fmt: skip
    found: float = n / d
    return found


@njit(nogil=True, cache=True)
def normal_quantile(u: float) -> float:
    """The z that a standard normal variable stays below with probability 0 < u < 1."""
    q = u - 0.5
    if abs(q) <= 0.425:
        middle: float = q * _ratio(_A, _B, 0.180625 - q * q)
        return middle
    r = u if q < 0 else 1 - u
    if r <= 0:
        return -inf if q < 0 else inf
    r = sqrt(-log(r))
    z: float = _ratio(_C, _D, r - 1.6) if r <= 5 else _ratio(_E, _F, r - 5)
    return -z if q < 0 else z


@njit(nogil=True, cache=True)
def normal_quantiles(u: Any, out: Any) -> None:
    """Of many: first as if all lay in the middle, for several numbers at once, then the tails."""
    for i in range(len(u)):
        q = u[i] - 0.5
        out[i] = q * _ratio(_A, _B, 0.180625 - q * q)
    for i in range(len(u)):
        if abs(u[i] - 0.5) > 0.425:
            out[i] = normal_quantile(u[i])


@njit(nogil=True, cache=True)
def normal_below(z: float) -> float:
    """P(Z ≤ z) of a standard normal variable."""
    return 0.5 * erfc(-z / sqrt(2.0))


@njit(nogil=True, cache=True)
def gamma_below(a: float, x: float) -> float:
    """P(X ≤ x) of a gamma variable with shape `a` and scale 1."""
    if x <= 0:
        return 0.0
    factor = exp(a * log(x) - x - lgamma(a))
    if x < a + 1:
        term = total = 1 / a
        k = a
        while term > 1e-17 * total:
            k += 1
            term *= x / k
            total += term
        return factor * total
    b = x + 1 - a
    c, d = 1e300, 1 / b
    h = d
    for i in range(1, 10_000):
        n = -i * (i - a)
        b += 2
        d = n * d + b
        c = b + n / c
        d = 1 / (d if d != 0 else 1e-300)
        h *= d * c
        if abs(d * c - 1) < 1e-16:
            break
    return 1 - factor * h


@njit(nogil=True, cache=True)
def _gamma_quantile(a: float, u: float) -> float:
    """Wilson and Hilferty's guess, or that of small values, then Newton inside a bracket."""
    if u <= 0:
        return 0.0
    t = 1 - 1 / (9 * a) + normal_quantile(u) / (3 * sqrt(a))
    x = a * t * t * t if t > 0 else 0.0
    if x < 0.1 * a:
        x = exp((log(u) + lgamma(a + 1)) / a)
    low, high = 0.0, inf
    for _ in range(100):
        error = gamma_below(a, x) - u
        if error > 0:
            high = min(high, x)
        else:
            low = max(low, x)
        density = exp((a - 1) * log(x) - x - lgamma(a)) if x > 0 else 0.0
        new = x - error / density if density > 0 else -1.0
        if not low < new < high:
            new = (low + high) / 2 if high < inf else 2 * x + 1e-300
        if abs(new - x) <= 1e-14 * new:
            return new
        x = new
    return x


@njit(nogil=True, cache=True)
def times(kind: int, p: Any, u: Any, out: Any) -> None:
    """Quantiles of the uniform numbers `u`, float64[n], into `out`. `p` holds the parameters as
    `Distribution` gives them; every result is between p[3] and p[4]."""
    low, high = p[3], p[4]
    for i in range(len(u)):
        v = u[i]
        if kind == 0:
            x = p[0]
        elif kind == 1:
            x = -p[0] * log1p(-v)
        elif kind == 2:
            x = p[0] + p[1] * normal_quantile(p[5] + v * (p[6] - p[5]))
        elif kind == 4:
            x = p[1] * _gamma_quantile(p[0], v)
        elif kind == 5:
            x = p[1] * (-log1p(-v)) ** (1 / p[0])
        elif kind == 6:
            if v < p[1]:
                x = low + sqrt(v * (high - low) * (p[0] - low))
            else:
                x = high - sqrt((1 - v) * (high - low) * (high - p[0]))
        else:
            x = low + v * (high - low)
        out[i] = min(max(x, low), high)


def weibull_shape(cv: float) -> float:
    """The shape of the Weibull distribution with this coefficient of variation, by halving."""
    low, high = 0.05, 1000.0
    for _ in range(200):
        middle = sqrt(low * high)
        # Γ(1 + 2/k) / Γ(1 + 1/k)² − 1 falls with k.
        square = exp(lgamma(1 + 2 / middle) - 2 * lgamma(1 + 1 / middle)) - 1
        low, high = (middle, high) if square > cv * cv else (low, middle)
    return sqrt(low * high)


def weibull_moments(shape: float) -> tuple[float, float]:
    """Mean of scale 1, and coefficient of variation."""
    mean = gamma(1 + 1 / shape)
    return mean, sqrt(max(0.0, exp(lgamma(1 + 2 / shape) - 2 * lgamma(1 + 1 / shape)) - 1))


def table_quantiles(u: Any, values: Any, cumulated: Any) -> Any:
    """Quantiles of a table: `values` in rising order, with the cumulated shares."""
    return values[np.minimum(np.searchsorted(cumulated, u, side="right"), len(values) - 1)]
