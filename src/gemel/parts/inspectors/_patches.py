"""What inspectors share that compare patches with those of good pictures: Gaussian, or nearest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.core.image import stretched
from gemel.core.packed import packed, unpacked

__all__ = ["Compare", "Places", "Reference", "learned", "places"]

Compare = Literal["gaussian", "nearest"]
Rows = npt.NDArray[np.float32]

_SHRUNK: Final = 0.02
"""Share of the covariance that only its diagonal makes up, so that it can be inverted."""
_GRID: Final = 12
_NEAREST: Final = 3
_CHUNK: Final = 2_000


@dataclass(frozen=True, slots=True)
class Reference:
    """What patches of good pictures are like.

    mean    float32[k]
    whiten  float32[k, m]  makes deviations from the mean independent, of variance 1
    kept    float32[n, m]  whitened patches to compare with; (0, m): with the Gaussian alone
    """

    mean: Rows
    whiten: Rows
    kept: Rows

    def distance(self, features: npt.NDArray[Any]) -> Values:
        """float64[rows, columns]: Mahalanobis distance to the mean (PaDiM; Defard et al., ICPR
        2021), or the mean distance to the nearest kept patches (PatchCore; Roth et al., CVPR 2022);
        per dimension."""
        rows, columns, k = features.shape
        if k != len(self.mean):
            raise DataError(f"patches have {k} numbers each, the model knows {len(self.mean)}")
        point = (features.reshape(-1, k) - self.mean) @ self.whiten
        own = (point.astype(np.float64) ** 2).sum(axis=1)
        if len(self.kept):
            theirs = (self.kept.astype(np.float64) ** 2).sum(axis=1)
            near = min(_NEAREST, len(self.kept))
            for low in range(0, len(point), _CHUNK):
                part = slice(low, low + _CHUNK)
                square = own[part, None] + theirs - 2 * (point[part] @ self.kept.T)
                square = np.partition(square, near - 1, axis=1)[:, :near]
                own[part] = np.sqrt(np.maximum(square, 0)).mean(axis=1) ** 2
        told: Values = np.sqrt(own / self.whiten.shape[1]).reshape(rows, columns)
        return told

    def save(self) -> dict[str, Any]:
        return {
            name: packed(getattr(self, name), np.float32) for name in ("mean", "whiten", "kept")
        }

    @classmethod
    def load(cls, saved: Any) -> Reference:
        """What `save` gave. Raises `KeyError`, `TypeError` or `ValueError`."""
        mean = unpacked(saved["mean"], np.float32, None)
        whiten = unpacked(saved["whiten"], np.float32, len(mean), None)
        return cls(mean, whiten, unpacked(saved["kept"], np.float32, None, whiten.shape[1]))


def learned(features: list[npt.NDArray[Any]], compare: Compare, keep: int, seed: int) -> Reference:
    """What the patches have in common. Directions in which they hardly differ are left out: to
    divide by their spread would make noise of rounding into a defect."""
    x = np.concatenate([f.reshape(-1, f.shape[2]) for f in features]).astype(np.float64)
    mean = x.mean(axis=0)
    spread = np.cov(x.T).reshape(x.shape[1], -1)
    spread = (1 - _SHRUNK) * spread + _SHRUNK * np.diag(np.diag(spread))
    width, turn = np.linalg.eigh(spread)
    told = width > max(width[-1], 1e-12) * 1e-6
    if not told.any():
        raise DataError("all patches of all pictures are the same; are the pictures empty?")
    whiten = turn[:, told] / np.sqrt(width[told])
    point = ((x - mean) @ whiten).astype(np.float32)
    kept = _spread_out(point, keep, seed) if compare == "nearest" else point[:0]
    return Reference(mean.astype(np.float32), whiten.astype(np.float32), kept)


def _spread_out(point: Rows, keep: int, seed: int) -> Rows:
    """So many points of which none is far from all: each next one is the farthest from those before
    (greedy k-center; Gonzalez, Theor. Comput. Sci. 38 (1985) 293), of at most 20 for each kept."""
    random = np.random.default_rng(seed)
    if len(point) > 20 * keep:
        point = point[random.choice(len(point), 20 * keep, replace=False)]
    if len(point) <= keep:
        return point
    # Distances in 16 random directions are near enough (Johnson and Lindenstrauss 1984).
    turn = random.normal(size=(point.shape[1], min(16, point.shape[1]))).astype(np.float32)
    thin = point @ turn
    chosen = np.empty(keep, np.int64)
    chosen[0] = 0
    far = ((thin - thin[0]) ** 2).sum(axis=1)
    for number in range(1, keep):
        chosen[number] = int(far.argmax())
        np.minimum(far, ((thin - thin[chosen[number]]) ** 2).sum(axis=1), out=far)
    return point[chosen]


@dataclass(frozen=True, slots=True)
class Places:
    """What is usual at each place of a picture: edges differ more than the middle.

    mean, spread  float32[g, g]  of logarithms of distances, over the picture
    """

    mean: Rows
    spread: Rows

    def unusual(self, distance: Values) -> Values:
        """How many spreads a distance lies above what is usual at its place."""
        rows, columns = distance.shape
        mean, spread = (stretched(v, rows, columns) for v in (self.mean, self.spread))
        return np.asarray((_log(distance) - mean) / spread)

    def save(self) -> dict[str, Any]:
        return {"mean": packed(self.mean, np.float32), "spread": packed(self.spread, np.float32)}

    @classmethod
    def load(cls, saved: Any) -> Places:
        """What `save` gave. Raises `KeyError`, `TypeError` or `ValueError`."""
        told = cls(
            unpacked(saved["mean"], np.float32, _GRID, _GRID),
            unpacked(saved["spread"], np.float32, _GRID, _GRID),
        )
        if (told.spread <= 0).any():
            raise ValueError("a spread that is not positive")
        return told


def places(distances: list[Values]) -> Places:
    """What is usual, from pictures that the reference was not learned from."""
    maps = np.stack([stretched(_log(distance), _GRID, _GRID) for distance in distances])
    spread = maps.std(axis=0)
    # Few pictures tell little of one place: half of it is what all places have.
    spread = np.sqrt(0.5 * spread**2 + 0.5 * np.mean(spread**2)) + 1e-3
    return Places(maps.mean(axis=0).astype(np.float32), spread.astype(np.float32))


def _log(distance: Values) -> Values:
    return np.asarray(np.log(np.maximum(distance, 1e-6)))
