"""From times that were seen to a distribution: which family fits, how well, how sure its mean is.

Families are compared by Schwarz's criterion (BIC). How well the best one fits is asked of itself:
many samples are drawn from it, cut off and rounded as the real one is, fitted again, and the share
of them that lies as far from its own fit as the real one is told as `p` (parametric bootstrap; the
distance is that of Kolmogorov and Smirnov, from the product limit of Kaplan and Meier). Where no
family fits, what was seen is taken as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import log, nan, sqrt
from typing import Final

import numpy as np
import numpy.typing as npt

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.core.line.distribution import Distribution
from gemel.core.line.families import FAMILIES, Law, law_of

__all__ = ["FEW", "Fit", "by_chance", "fit", "resolution"]

FEW: Final = 10
"""With fewer seen times no family is told from another."""
_FAR: Final = 1.5
"""A family whose mean is so many times that of what was seen has a tail that nobody saw."""
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


def fit(
    values: npt.ArrayLike,
    running: npt.ArrayLike = (),
    seed: int = 0,
    families: tuple[str, ...] = (),
) -> Fit:
    """Of times in seconds, float64[n] ≥ 0, and of how long others had lasted when last seen; of
    `families`, if given, or of all.

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
    if zeros > _ZEROS:
        said = f"{100 * zeros:.0f} % are 0; taken as seen"
        return _empirical(seen, open_, {}, nan, nan, "", said)
    # A time that was written as 0 is shorter than half of what is told apart.
    positive = np.where(seen > 0, seen, max(step, 1e-3 * float(seen.mean())) / 2)
    if len(seen) < FEW:
        return _few(positive, open_)
    laws = [f for name in families or FAMILIES if (f := law_of(name, positive, open_)) is not None]
    bic = {f.name: -2 * f.likelihood + f.parameters * log(len(positive)) for f in laws}
    best = min(laws, key=lambda f: bic[f.name])
    distance, p, spread = _judged(best, positive, open_, step, np.random.default_rng(seed))
    ends = best.mean - 1.96 * spread, best.mean + 1.96 * spread
    usual = _empirical(seen, open_, bic, distance, p, best.name, "")
    far = not 1 / _FAR < best.mean / usual.mean < _FAR
    if p < _DOUBT or far:
        why = f"p {p:.2g}" if p < _DOUBT else f"mean {best.mean / usual.mean:.2g} times that seen"
        return replace(usual, said=f"no family fits, best {best.name} ({why}); taken as seen")
    return _told(best, positive, open_, bic, distance, p, ends, f"{best.name}, p {p:.2g}")


def _few(seen: Values, running: Values) -> Fit:
    """Log-normal with the mean and the spread that were seen; exponential where some still run."""
    n, cv = len(seen), float(seen.std() / seen.mean())
    if len(running) or cv == 0:
        law = law_of("exponential", seen, running)
    else:
        # Of the mean and the spread, not by likelihood: its mean hangs on a tail nobody saw.
        found = Distribution.read({"mean": f"{round(1e9 * float(seen.mean()))} ns", "cv": cv})
        law = Law("lognormal", found.mean_s, cv, 2, lambda t: t, nan)
    if law is None:
        raise AssertionError("an exponential law fits everything")
    said = f"{n} times are too few to tell the family; {law.name} is taken"
    return _told(law, seen, running, {}, nan, nan, (nan, nan), said)


def by_chance(mean: float, counted: int, p: float) -> Fit:
    """Exponential times of which only the number in a stretch was counted; `p` is how well what
    else was seen fits."""
    law = Law("exponential", mean, 1.0, 1, lambda t: -np.expm1(-t / mean), nan)
    half = 1.96 / sqrt(max(counted, 1))
    ends = mean / (1 + half), mean / max(1 - half, 1e-3)
    said = f"exponential, p {p:.2g}"
    return _told(law, np.zeros(counted), np.zeros(0), {}, nan, p, ends, said)


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


def _judged(
    law: Law, seen: Values, running: Values, step: float, random: np.random.Generator
) -> tuple[float, float, float]:
    """Distance, share of samples of the law that are as far from their own fit, and the standard
    error of the mean. More times than are tested are thinned: a difference that a thousand do not
    show moves no line."""
    whole = len(seen) + len(running)
    share = min(1.0, _MOST_TESTED / whole)
    some, rest = seen, running
    if share < 1:  # by chance: evenly spread ones would differ less than chance lets them
        some = np.sort(random.choice(seen, max(int(share * len(seen)), FEW), replace=False))
        rest = np.sort(random.choice(running, round(share * len(running)), replace=False))
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
    return ages, np.asarray(np.cumprod(1 - died / at_risk), np.float64)


def _empirical(
    seen: Values, running: Values, bic: dict[str, float], distance: float, p: float, best: str,
    said: str,
) -> Fit:  # fmt: skip
    """What was seen, in at most 64 steps that keep its mean: of two per cent each, finer where the
    long times are."""
    ages, left = _product_limit(seen, running)
    mass = -np.diff(np.append(1.0, left))
    if left[-1] > 1e-9:
        # The longest still run. They end as fast as the longer half of those that were seen.
        middle = float(np.median(seen))
        rest = np.maximum(np.append(seen, running) - middle, 0.0).sum() / max(
            (seen > middle).sum(), 1
        )
        ages = np.append(ages, max(float(ages[-1]), float(running.max())) + rest)
        mass = np.append(mass, left[-1])
    edges = np.append(np.linspace(0, 0.9, 46)[1:], np.linspace(0.9, 1, 20)[1:-1])
    bins = np.searchsorted(edges, np.cumsum(mass) - mass / 2)
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
        bic, distance, p, best, said,
    )  # fmt: skip
