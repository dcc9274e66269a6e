"""Principal components: signals that move together keep doing so, or something is wrong."""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
from pydantic import Field

from gemel.core.frame import Values
from gemel.parts.detectors._multivariate import Basis, Multivariate
from gemel.parts.detectors._multivariate.fitting import FLOOR, Rows

__all__ = ["PCA"]

_DIRECTIONS: Final = 256
"""Directions whose variance is known one by one; all others share their mean variance."""


class PCA(Multivariate):
    """Multivariate process monitoring by principal components, static or dynamic.

    Normal rows, standardised, are split in the few directions that carry most of the variance
    (Hotelling's T²) and the rest (SPE, also Q). The score is T²/τ + Q/δ, each divided by its own
    limit (combined index; Yue and Qin, Ind. Eng. Chem. Res. 40 (2001) 4403), smoothed by an EWMA.

    - `averages` makes one model for each time scale: of the rows, and of their EWMA (Lowry,
      Woodall, Champ and Rigdon, Technometrics 34 (1992) 46), which sees small shifts that stay. The
      score of a row is the largest ratio of a model's score to its own limit.
    - `shrinkage` weights the residual directions by their own variance, drawn towards their mean:
      1 is the classical SPE (Jackson and Mudholkar 1979), 0 the T² of the residual (Hawkins 1974),
      which sees small changes in relations that normally hold closely.
    - `lags` adds the last rows to each row (dynamic PCA; Ku, Storer and Georgakis 1995).
    - A signal that `wanders` (most of its variance lies between ten blocks of the fitting part) has
      no level that a limit could be set on: its own slow mean over `memory` rows is taken off.
    - A constant signal has a scale of a millionth of its value, so that any movement shows.
    - Limits are set on rows that were not fitted on: the normal rows are cut in `blocks`, and each
      is scored by a model of the others, so that the drift from block to block counts as normal.
      They are widened by what a block goes beyond the limit of the others, since the next one will,
      and after a start until slow means have settled.
    - A row in which up to `missing` of the values are NaN is completed with what the model expects
      of them given the others (known data regression; Arteaga and Ferrer, J. Chemometrics 16
      (2002) 408); a row with more has no score. After a pause in the grid lags, averages and slow
      means start anew, and lags that are not there count as missing.
    - Contributions are reconstruction based (Alcala and Qin, Automatica 45 (2009) 1593): a single
      deviating sensor has the largest one, which plain contributions do not promise.

    The defaults were chosen on the training runs of the Tennessee Eastman process and on four runs
    of SKAB (``python -m benchmarks.detection --choose``). With a row each second, a rate of 0.001
    is about 86 rows a day; smoothed scores cross the limit in few and longer stretches.
    """

    components: int | None = Field(
        None, ge=1, description="Principal components; chosen by `rule` if not given"
    )
    rule: Literal["variance", "parallel"] = Field(
        "variance",
        description="variance: explain `explained`; parallel: larger than noise would give "
        "(limit of parallel analysis for many rows, Marchenko and Pastur 1967)",
    )
    explained: float = Field(
        0.9, gt=0, lt=1, description="Share of the variance that the components explain"
    )
    shrinkage: float = Field(
        0.0, ge=0, le=1, description="Residual weighted by its own variances (0) to evenly (1)"
    )
    lags: int = Field(0, ge=0, le=20, description="Rows before each row that are looked at with it")

    @property
    def _lags(self) -> int:
        return self.lags

    def _least(self, signals: int) -> int:
        return max(50, 2 * signals * (self.lags + 1))

    def _basis(self, plain: Values, averaged: Values, fitting: Rows) -> Basis:
        """Principal directions (at most `_DIRECTIONS`), the variance along them and of the rest."""
        del plain
        rows = averaged[fitting]
        n, width = rows.shape
        _, singular, right = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
        variance = singular**2 / (n - 1)
        count = min(max(self._count(variance, n, width), 1), max(width - 1, 1), len(variance))
        count = min(count, _DIRECTIONS)
        kept = min(len(variance), _DIRECTIONS)
        residual = max(float(variance[count:].sum()) / max(width - count, 1), FLOOR)
        rest = float(variance[kept:].sum()) / (width - kept) if width > kept else residual
        known = np.append(variance[:kept], rest)
        known[count:] = (1 - self.shrinkage) * known[count:] + self.shrinkage * residual
        # The sign of a direction is arbitrary; fixed, so that a model is the same on every machine.
        right = right[:kept]
        right *= np.sign(right[np.arange(kept), np.abs(right).argmax(axis=1)])[:, None]
        explained = float(variance[:count].sum()) / max(float(variance.sum()), 1e-300)
        made = {"components": count, "of": width, "explained": explained}
        directions = np.ascontiguousarray(right)
        return Basis(directions, 1 / np.maximum(known, FLOOR), count, made)

    def _count(self, variance: Values, rows: int, width: int) -> int:
        if self.components is not None:
            return self.components
        if self.rule == "parallel":
            return int((variance > (1 + np.sqrt(width / rows)) ** 2).sum())
        total = variance.sum()
        share = np.cumsum(variance) / total if total > 0 else np.ones(1)
        return int(np.searchsorted(share, self.explained) + 1)
