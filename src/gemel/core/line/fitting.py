"""From times that were seen to a distribution: which family fits, how well, and how sure the mean is.

Families are compared by Schwarz's criterion (BIC). How well the best one fits is asked of itself:
many samples are drawn from it, cut off and rounded as the real one is, fitted again, and the share
of them that lies as far from its own fit as the real one is told as `p` (parametric bootstrap; the
distance is that of Kolmogorov and Smirnov, from the product limit of Kaplan and Meier). Where no
family fits, what was seen is taken as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan, log, nan, sqrt
from typing import Final

import numpy as np
import numpy.typing as npt

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.core.line.distribution import Distribution
from gemel.core.line.families import FAMILIES, Law, law_of

__all__ = ["Fit", "fit", "resolution"]

FEW: Final = 10
"""With fewer seen times no family is told from another, and log-normal is taken."""
EMPIRICAL: Final = 40
"""With fewer, what was seen says less of the rest than a family that fits badly."""
_SAMPLES: Final = 199
_MOST_TESTED: Final = 1_000
_DOUBT: Final = 0.02
_STEPS: Final = (3_600, 1_800, 900, 300, 60, 30, 10, 5, 1, 0.5, 0.1, 0.05, 0.01, 0.001)
_ZEROS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Fit:
    """What was fitted, and how well.

    distribution    as a line writes it
    mean, low, high  seconds; the interval holds the true mean with about 95 %, NaN where unknown
    cv              of the distribution
    seen, running   how many times were seen to their end, and how many only to be longer
    bic             Schwarz's criterion by family, less is better
    distance        greatest difference between the share below a time as fitted and as seen
    p               share of samples of the fitted family that differ as much; NaN if not asked
    best            the family that fits best, also where it was not taken
    said            in words
    """

    distribution: Distribution
    mean: float
    low: float
    high: float
    cv: float
    seen: int
    running: int
    bic: dict[str, float]
    distance: float
    p: float
    best: str
    said: str


def fit(values: npt.ArrayLike, running: npt.ArrayLike = (), seed: int = 0) -> Fit:
    """Of times in seconds, float64[n] ≥ 0, and of how long others had lasted when last seen.

    Raises `DataError` for negative times, or where none was seen to its end.
    """
    seen, open_ = np.asarray(values, np.float64), np.asarray(running, np.float64)
    if not np.isfinite(seen).all() or not np.isfinite(open_).all() or (seen < 0).any():
        odd = seen[~(seen >= 0)]
        found = f", found {odd[0]:g} s" if len(odd) else ""
        raise DataError(f"times must be numbers of at least 0{found}")
    if not len(seen):
        raise DataError(f"no time was seen to its end, {len(open_)} were still running")
    seen, open_ = np.sort(seen), np.sort(open_[open_ > 0])
    step = resolution(seen)
    if seen[-1] - seen[0] <= max(1e-6 * seen[-1], 0.0) and not (open_ > seen[-1]).any():
        return _constant(float(seen[0]), len(seen), len(open_))
    zeros = float((seen == 0).mean())
    # A time that was written as 0 is shorter than half of what is told apart.
    positive = np.where(seen > 0, seen, max(step, 1e-3 * float(seen.mean())) / 2)
    if len(seen) < FEW:
        law = law_of("lognormal", positive, open_) or law_of("exponential", positive, open_)
        if law is None:  # two equal times and a longer one that runs
            return _constant(float(seen.mean()), len(seen), len(open_))
        said = f"{len(seen)} times are too few to tell the family; {law.name} is taken"
        return _told(law, positive, open_, {}, nan, nan, (nan, nan), said)
    laws = [f for name in FAMILIES if (f := law_of(name, positive, open_)) is not None]
    bic = {f.name: -2 * f.likelihood + f.parameters * log(len(positive)) for f in laws}
    best = min(laws, key=lambda f: bic[f.name])
    distance, p, spread = _judged(best, positive, open_, step, np.random.default_rng(seed))
    ends = best.mean - 1.96 * spread, best.mean + 1.96 * spread
    badly = p < _DOUBT or zeros > _ZEROS
    if badly and len(seen) >= EMPIRICAL:
        why = f"{100 * zeros:.0f} % are 0" if zeros > _ZEROS else f"p {p:.2g}"
        said = f"no family fits, best {best.name} ({why}); taken as seen"
        return _empirical(seen, open_, bic, distance, p, best.name, said)
    said = f"{best.name}, p {p:.2g}" + (", fits badly" if badly else "")
    return _told(best, positive, open_, bic, distance, p, ends, said)


def resolution(values: Values) -> float:
    """To how many seconds times are written: the greatest usual step of which nearly all are
    multiples; 0 where there is none."""
    for step in _STEPS:
        ratio = values / step
        if (np.abs(ratio - np.round(ratio)) < 1e-6).mean() >= 0.99 and (values >= step).any():
            return step
    return 0.0


def _constant(value: float, seen: int, running: int) -> Fit:
    found = Distribution.read({"mean": f"{round(1e9 * value)} ns"})
    said = "always the same" if seen > 1 else "seen once"
    if running:
        said += f", {running} not to the end"
    return Fit(found, value, nan, nan, 0.0, seen, running, {}, nan, nan, "constant", said)


def _told(
    law: Law, seen: Values, running: Values, bic: dict[str, float], distance: float, p: float,
    ends: tuple[float, float], said: str,
) -> Fit:  # fmt: skip
    return Fit(
        law.distribution(), law.mean, *ends, law.cv, len(seen), len(running), bic, distance, p,
        law.name, said,
    )  # fmt: skip


def _thinned(values: Values, most: int) -> Values:
    """At most so many, evenly from sorted ones."""
    if len(values) <= most:
        return values
    return values[np.linspace(0, len(values) - 1, most).round().astype(np.int64)]


def _judged(
    law: Law, seen: Values, running: Values, step: float, random: np.random.Generator
) -> tuple[float, float, float]:
    """Distance, share of samples of the law that are as far from their own fit, and the standard
    error of the mean. More times than are tested are thinned: a difference that a thousand do not
    show moves no line."""
    whole = len(seen) + len(running)
    share = min(1.0, _MOST_TESTED / whole)
    some = _thinned(seen, max(int(share * len(seen)), 2))
    rest = _thinned(running, round(share * len(running)))
    again = law_of(law.name, some, rest) or law
    distance = _distance(again, some, rest)
    ends, lasts = _product_limit(rest, some) if len(rest) else (np.zeros(0), np.zeros(0))
    quantiles = again.distribution().quantiles
    means, further = [], 0
    n = len(some) + len(rest)
    for _ in range(_SAMPLES):
        drawn = quantiles(random.uniform(2**-54, 1, n))
        if step:
            drawn = np.maximum(np.round(drawn / step) * step, step / 2)
        cut = np.full(n, np.inf)
        if len(rest):
            place = np.searchsorted(-lasts, -random.random(n), side="left")
            cut = np.append(ends, np.inf)[np.minimum(place, len(ends))]
        over = drawn > cut
        if over.all():
            continue
        other = law_of(law.name, np.sort(drawn[~over]), np.sort(cut[over]))
        if other is None:
            continue
        means.append(other.mean)
        further += _distance(other, np.sort(drawn[~over]), np.sort(cut[over])) >= distance
    if len(means) < 20:
        return distance, nan, nan
    spread = float(np.std(means)) * sqrt(n / whole)
    return _distance(law, seen, running), (1 + further) / (1 + len(means)), spread


def _distance(law: Law, seen: Values, running: Values) -> float:
    """Greatest difference between two curves of shares, over the times that were seen."""
    ages, left = _product_limit(seen, running)
    below = law.below(ages)
    before = np.append(1.0, left[:-1])
    return float(max(np.abs(1 - left - below).max(), np.abs(1 - before - below).max()))


def _product_limit(seen: Values, running: Values) -> tuple[Values, Values]:
    """Distinct times that were seen, rising, and the share that is longer than each (Kaplan and
    Meier 1958)."""
    ages, died = np.unique(seen, return_counts=True)
    everybody = np.sort(np.append(seen, running))
    at_risk = len(everybody) - np.searchsorted(everybody, ages, side="left")
    return ages, np.cumprod(1 - died / at_risk)


def _empirical(
    seen: Values, running: Values, bic: dict[str, float], distance: float, p: float, best: str,
    said: str,
) -> Fit:  # fmt: skip
    """What was seen, in at most 64 steps that keep its mean: of two per cent each, finer where the
    long times are."""
    ages, left = _product_limit(seen, running)
    mass = -np.diff(np.append(1.0, left))
    if left[-1] > 0:  # the longest still run: nobody knows for how long
        longest = float(running.max())
        if longest > ages[-1]:
            ages, mass = np.append(ages, longest), np.append(mass, left[-1])
        else:
            mass[-1] += left[-1]
    edges = np.append(np.linspace(0, 0.9, 46)[1:], np.linspace(0.9, 1, 20)[1:-1])
    middle = np.cumsum(mass) - mass / 2
    bins = np.searchsorted(edges, middle)
    shares = np.bincount(bins, weights=mass)
    sums = np.bincount(bins, weights=mass * ages)
    kept = shares > 1e-12
    values = sums[kept] / shares[kept]
    found = Distribution.read(
        {
            "kind": "empirical",
            "values": [f"{round(1e9 * v)} ns" for v in values],
            "shares": [round(float(s), 6) for s in shares[kept]],
        }
    )
    mean, n = found.mean_s, len(seen)
    error = found.cv_exact * mean / sqrt(n)
    return Fit(
        found, mean, mean - 1.96 * error, mean + 1.96 * error, found.cv_exact, n, len(running),
        bic, distance, p if not isnan(p) else nan, best, said,
    )  # fmt: skip
