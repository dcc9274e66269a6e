"""Gaussian: how far a sound is from the middle of the normal ones, by how they vary together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from gemel.core.frame import Values
from gemel.core.packed import packed, unpacked
from gemel.parts.listeners._ears import MelListener

__all__ = ["Gaussian"]


class Gaussian(MelListener):
    """Tells the distance of a sound from the mean of normal ones, by their covariance.

    Each mel band is described by its mean over the sound, how much it varies, how far its loudest
    frames stand out, and how fast it changes. The covariance of these is shrunk towards that of
    independent numbers as far as so few sounds ask for (Ledoit and Wolf 2004). The score is the
    Mahalanobis distance over the root of its dimensions: about 1 for normal sounds.
    """

    kind: ClassVar[str] = "gaussian"

    def learn(self, z: Values) -> _Ellipsoid:
        """See `MelListener.learn`."""
        return _Ellipsoid(np.asarray(np.linalg.inv(shrunk(z)), np.float64))

    def read_judge(self, saved: Any, size: int) -> _Ellipsoid:
        """See `MelListener.read_judge`."""
        precision = unpacked(saved["precision"], np.float64, size, size)
        if not np.allclose(precision, precision.T) or np.linalg.eigvalsh(precision)[0] <= 0:
            raise ValueError("its precision is no precision of a distribution")
        return _Ellipsoid(precision)


@dataclass(frozen=True, slots=True)
class _Ellipsoid:
    """precision  float64[k, k]: the inverse of the covariance"""

    precision: Values

    def parts(self, z: Values) -> Values:
        """Of the squared distance, as shares of the distance."""
        told = z * (self.precision @ z)
        score = np.sqrt(max(float(told.sum()), 0.0) / len(z))
        return np.asarray(told / (len(z) * score) if score > 0 else np.zeros(len(z)))

    def save(self) -> dict[str, Any]:
        """See `Judge.save`."""
        return {"precision": packed(self.precision, np.float64)}


def shrunk(z: Values) -> Values:
    """The covariance of rows float64[n, k], by n, moved towards the mean variance times the
    identity as far as makes its expected square error least (Ledoit and Wolf, A well-conditioned
    estimator for large-dimensional covariance matrices, 2004, with their estimates of what is not
    known)."""
    n, k = z.shape
    x = z - z.mean(axis=0)
    sample = x.T @ x / n
    level = float(np.trace(sample)) / k
    away = float(((sample - level * np.eye(k)) ** 2).sum()) / k
    # The sum over rows of ‖x xᵀ − S‖², without making the matrices.
    error = float((((x**2).sum(axis=1)) ** 2).sum() / n - (sample**2).sum()) / (n * k)
    share = 0.0 if away <= 0 else min(max(error, 0.0), away) / away
    found = (1 - share) * sample + share * level * np.eye(k)
    return np.asarray(found + 1e-9 * max(level, 1e-9) * np.eye(k))
