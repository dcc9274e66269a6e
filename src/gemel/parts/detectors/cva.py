"""Canonical variates: what the past of a process says about its future, and what it does not."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.parts.detectors._multivariate import Basis, Multivariate
from gemel.parts.detectors._multivariate.fitting import FLOOR, Rows

__all__ = ["CVA"]


class CVA(Multivariate):
    """Multivariate process monitoring by canonical variate analysis, for processes with dynamics.

    With p the newest `past` rows and f the next `future` ones, standardised and in a line, the
    singular vectors U of Σpp^-½ Σpf Σff^-½ turn a past into canonical variates z = Uᵀ Σpp^-½ p:
    uncorrelated, of variance 1, and ordered by how much each says of the future. The first are the
    states. T² is the sum of squares of the states, Q that of all others (Odiowei and Cao, IEEE
    Trans. Ind. Informatics 6 (2010) 36; Negiz and Cinar, AIChE J. 43 (1997) 2002). The score is
    T²/τ + Q/δ, each divided by its own limit, smoothed by an EWMA.

    - `shrinkage` draws both covariances towards their diagonals (Ledoit and Wolf, J. Multivariate
      Analysis 88 (2004) 365): with few rows canonical correlations are large by chance alone. What
      still has less than a thousandth of a standardised variance is given so much: signals that
      are constant or depend on each other make no covariance singular.
    - With `averages` the variates are also looked at as their EWMA (Lowry et al., Technometrics 34
      (1992) 46), each by its own variance there: it sees small shifts that stay.
    - Slow means of wandering signals, constant signals, `blocks` for limits, missing values, pauses
      and contributions are those of `pca`, as are the reasons for them.

    Time and memory grow with the square of signals times `past`: up to some hundreds of signals.
    Defaults: chosen as those of `pca`; the memory of the process is modelled here, so that fewer
    signals are taken to wander.
    """

    past: int = Field(3, ge=2, le=20, description="Rows of a past, the newest among them")
    future: int = Field(3, ge=1, le=20, description="Rows of a future")
    states: int | None = Field(
        None, ge=1, description="States; as many as explain `explained` if not given"
    )
    explained: float = Field(
        0.9, gt=0, lt=1, description="Share of the squared canonical correlations in the states"
    )
    shrinkage: float = Field(
        0.02, ge=0, le=1, description="Weight of the diagonal in the covariances of past and future"
    )

    wander: float = Field(
        0.5, gt=0, le=1, description="Share of variance between blocks above which a level wanders"
    )

    @property
    def _lags(self) -> int:
        return self.past - 1

    def _least(self, signals: int) -> int:
        return max(50, 3 * signals * self.past // 2) + self.future

    def _basis(self, plain: Values, averaged: Values, fitting: Rows) -> Basis:
        k, ahead = plain.shape[1] // self.past, self.future
        follows = fitting[ahead:].copy()
        for i in range(ahead):
            follows &= fitting[i : i + len(follows)]
        at = np.flatnonzero(follows)
        least = self._least(k) // 2
        if len(at) < least:
            raise DataError(
                f"{len(at)} pasts of the fitting part are followed by a complete future; cva of "
                f"{k} signals with {self.past} rows of past needs {least}"
            )
        past = plain[at]
        future = np.hstack([plain[at + i, :k] for i in range(1, ahead + 1)])
        past, future = past - past.mean(axis=0), future - future.mean(axis=0)
        n = len(at) - 1
        whitened = self._inverse_root(past.T @ past / n)
        across = whitened @ (past.T @ future / n) @ self._inverse_root(future.T @ future / n)
        left, correlation, _ = np.linalg.svd(across)
        squares = correlation**2
        total = float(squares.sum())
        if self.states is not None:
            count = self.states
        elif total > 0:
            count = int(np.searchsorted(np.cumsum(squares) / total, self.explained) + 1)
        else:
            count = 1
        count = min(count, max(len(left) - 1, 1), len(squares))
        directions = np.ascontiguousarray(left.T @ whitened)
        variance = (averaged[fitting] @ directions.T).var(axis=0)
        precision = np.append(1 / np.maximum(variance, FLOOR), 0.0)
        made = {
            "states": count,
            "of": len(left),
            "canonical_correlations": [round(float(c), 4) for c in correlation[:10]],
        }
        return Basis(directions, precision, count, made)

    def _inverse_root(self, covariance: Values) -> Values:
        """Symmetric inverse square root, drawn towards the diagonal."""
        s = self.shrinkage
        values, vectors = np.linalg.eigh((1 - s) * covariance + s * np.diag(np.diag(covariance)))
        root: Values = (vectors / np.sqrt(np.maximum(values, FLOOR))) @ vectors.T
        return root
