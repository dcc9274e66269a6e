"""The constants of control charts for subgroups of any size, computed instead of looked up.

Values of a subgroup are taken to be independent and normally distributed. d2 and d3 are mean and
standard deviation of the range of `n` values, c4 and c5 those of their sample standard deviation,
all for a process of standard deviation 1.

Sources: L. H. C. Tippett, Biometrika 17 (1925) 364-387, for the distribution of the range; D. C.
Montgomery, Introduction to Statistical Quality Control, appendix VI, for the names.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import exp, lgamma, sqrt
from statistics import NormalDist
from typing import Final

import numpy as np

__all__ = ["Constants", "constants", "range_mean"]

_FAR: Final = 10.0
"""The normal distribution is taken to end here: 1e-23 lies beyond."""
_STEP: Final = 1 / 32
"""Width of the trapezoids; for integrands like these the error falls below 1e-12."""


@dataclass(frozen=True, slots=True)
class Constants:
    """Constants of subgroups of `n` values, for limits three standard deviations from the centre.

    A, A2, A3   of a chart of means: limits mean ± A σ, ± A2 R̄, ± A3 s̄
    B3, B4      of a chart of standard deviations: limits B3 s̄ and B4 s̄; B5, B6: B5 σ and B6 σ
    D3, D4      of a chart of ranges: limits D3 R̄ and D4 R̄; D1, D2: D1 σ and D2 σ
    E2          of a chart of single values: limits mean ± E2 R̄
    """

    n: int
    d2: float
    d3: float
    c4: float
    c5: float

    @property
    def A(self) -> float:  # noqa: N802 - its name in the field
        return 3 / sqrt(self.n)

    @property
    def A2(self) -> float:  # noqa: N802 - its name in the field
        return self.A / self.d2

    @property
    def A3(self) -> float:  # noqa: N802 - its name in the field
        return self.A / self.c4

    @property
    def B3(self) -> float:  # noqa: N802 - its name in the field
        return max(1 - 3 * self.c5 / self.c4, 0.0)

    @property
    def B4(self) -> float:  # noqa: N802 - its name in the field
        return 1 + 3 * self.c5 / self.c4

    @property
    def B5(self) -> float:  # noqa: N802 - its name in the field
        return max(self.c4 - 3 * self.c5, 0.0)

    @property
    def B6(self) -> float:  # noqa: N802 - its name in the field
        return self.c4 + 3 * self.c5

    @property
    def D1(self) -> float:  # noqa: N802 - its name in the field
        return max(self.d2 - 3 * self.d3, 0.0)

    @property
    def D2(self) -> float:  # noqa: N802 - its name in the field
        return self.d2 + 3 * self.d3

    @property
    def D3(self) -> float:  # noqa: N802 - its name in the field
        return max(1 - 3 * self.d3 / self.d2, 0.0)

    @property
    def D4(self) -> float:  # noqa: N802 - its name in the field
        return 1 + 3 * self.d3 / self.d2

    @property
    def E2(self) -> float:  # noqa: N802 - its name in the field
        return 3 / self.d2


@cache
def constants(n: int) -> Constants:
    """The constants of subgroups of `n` values, to at least eight digits.

    Raises `ValueError` for fewer than two values: they have no range.
    """
    if n < 2:
        raise ValueError(f"a subgroup of {n} has no spread; constants begin with 2 values")
    d2, d3 = _range(n)
    c4 = sqrt(2 / (n - 1)) * exp(lgamma(n / 2) - lgamma((n - 1) / 2))
    return Constants(n, d2, d3, c4, sqrt(1 - c4 * c4))


def range_mean(n: int, groups: int) -> float:
    """d2*: divide the mean range of `groups` groups of `n` values by it to have a standard
    deviation whose square is right on average (A. J. Duncan, Quality Control and Industrial
    Statistics; AIAG Measurement Systems Analysis, appendix C)."""
    known = constants(n)
    return sqrt(known.d2**2 + known.d3**2 / groups)


def _range(n: int) -> tuple[float, float]:
    """Mean and standard deviation of the range of n standard normal values."""
    x = np.arange(-_FAR, _FAR + _STEP / 2, _STEP)
    normal = NormalDist()
    below = np.array([normal.cdf(v) for v in x.tolist()])
    above = below[::-1]
    mean = _STEP * float((1 - below**n - above**n).sum())
    # E R² = ∫ 2 r P(R > r) dr, with P(R ≤ r) = n ∫ φ(x) (Φ(x + r) - Φ(x))ⁿ⁻¹ dx. Both integrals
    # run over the same grid, so that Φ is looked up and not computed again.
    density = np.exp(-x * x / 2) / sqrt(2 * np.pi)
    beyond = np.empty(len(x))
    padded = np.concatenate([below, np.ones(len(x))])
    for i in range(len(x)):
        inside = np.maximum(padded[i : i + len(x)] - below, 0.0)
        beyond[i] = 1 - _STEP * n * float((density * inside ** (n - 1)).sum())
    # At r = 0 the integrand is 2 r and its even derivatives vanish up to a low order only: the
    # trapezoids are corrected for the slope there (Euler and Maclaurin).
    r = _STEP * np.arange(len(x))
    square = _STEP * float((2 * r * beyond).sum()) + _STEP**2 / 12 * 2
    return mean, sqrt(square - mean * mean)
