"""What inspectors share: scores of held-out good pictures, the limit that follows, saved arrays."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.parts.inspectors.base import Album

__all__ = ["enough", "head", "held_out", "limited", "top"]

_FOLDS: Final = 3
_LEAST: Final = 10
_VERSION: Final = 1


def held_out(good: Album, learn: Callable[[Album], Callable[[Album, int], float]]) -> Values:
    """Scores of all pictures, each by what was learned from other parts.

    learn  from the pictures that it is given; what it gives scores the picture at a place
    """
    enough(good)
    units = np.unique(good.unit)
    folds = min(_FOLDS, len(units))
    dealt = np.random.default_rng(0).permutation(len(units)) % folds
    fold = dealt[np.searchsorted(units, good.unit)]
    score = np.full(len(good), np.nan)
    for number in range(folds):
        judge = learn(good.take(np.flatnonzero(fold != number)))
        for place in np.flatnonzero(fold == number):
            score[place] = judge(good, int(place))
    return score


def enough(good: Album) -> None:
    """Raises `DataError` where there is too little to hold anything out."""
    units = np.unique(good.unit)
    if len(good) < _LEAST or len(units) < 2:
        raise DataError(
            f"{len(good)} pictures of {len(units)} good parts; at least {_LEAST} of at least 2 "
            "parts are needed, and some 20 for each rejected one among them to set a limit"
        )


def limited(score: Values, unit: npt.NDArray[np.int64], rejects: float) -> tuple[float, Any]:
    """The limit that a new good picture exceeds with probability `rejects` at most, if it is like
    the held-out ones (split conformal prediction; Vovk, Gammerman and Shafer, Algorithmic Learning
    in a Random World, 2005), and the evidence of it."""
    place = ceil((len(score) + 1) * (1 - rejects))
    told = np.sort(score)
    parts = len(np.unique(unit))
    evidence: dict[str, Any] = {
        "pictures": len(score),
        "parts": parts,
        "limit": f"exceeded by {rejects:.3g} of good pictures, set on held-out parts",
    }
    if place > len(told):
        place = len(told)
        evidence["limit"] = (
            f"the largest score of {len(score)} held-out good pictures; to promise that at most "
            f"{rejects:.3g} are rejected, at least {ceil(1 / rejects) - 1} are needed"
        )
    limit = float(told[place - 1])
    evidence["held-out pictures above it"] = float(np.mean(score > limit))
    return limit, evidence


def top(value: Values, count: int) -> float:
    """The mean of the `count` largest cells: a single one may be noise."""
    flat = value.ravel()
    count = min(count, len(flat))
    return float(np.partition(flat, len(flat) - count)[len(flat) - count :].mean())


def head(name: str, saved: Any) -> dict[str, Any]:
    """`saved`, if it is of the inspector `name`. Raises `DataError` otherwise."""
    if not isinstance(saved, dict):
        raise DataError("not a saved inspector")
    if (found := (saved.get("inspector"), saved.get("version"))) != (name, _VERSION):
        raise DataError(
            f"saved model is {found[0]} version {found[1]}, must be {name} version {_VERSION}"
        )
    return saved
