"""Principal components: signals that move together keep doing so, or something is wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.core.level import wanders
from gemel.core.limits import Limit, held_out, rows_needed, set_limit
from gemel.parts.detectors.base import Detector, Window
from gemel.parts.detectors.pca.model import PCAModel

__all__ = ["PCA"]

_DIRECTIONS: Final = 256
"""Directions whose variance is known one by one; all others share their mean variance."""
_FLOOR: Final = 1e-3
"""Least variance of a direction, in squared standard deviations: rounding is not structure."""


class PCA(Detector):
    """Multivariate process monitoring by principal components, static or dynamic.

    Normal rows, standardised, are split in the few directions that carry most of the variance
    (Hotelling's T²) and the rest (SPE, also Q). The score is T²/τ + Q/δ, each divided by its own
    limit (combined index; Yue and Qin, Ind. Eng. Chem. Res. 40 (2001) 4403), smoothed by an EWMA.

    - `shrinkage` weights the residual directions by their own variance, drawn towards their mean:
      1 is the classical SPE (Jackson and Mudholkar 1979), 0 the T² of the residual (Hawkins 1974),
      which sees small changes in relations that normally hold closely.
    - `lags` adds the last rows to each row (dynamic PCA; Ku, Storer and Georgakis 1995).
    - A signal that `wanders` (most of its variance lies between ten blocks of the fitting part) has
      no level that a limit could be set on: its own slow mean over `memory` rows is taken off.
    - A constant signal has a scale of a millionth of its value, so that any movement shows.
    - A row in which up to `missing` of the values are NaN is completed with what the model expects
      of them given the others (known data regression; Arteaga and Ferrer, J. Chemometrics 16
      (2002) 408); a row with more has no score. After a pause in the grid lags, smoothing and slow
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
    statistic: Literal["combined", "t2", "spe"] = Field(
        "combined", description="Score: both, Hotelling's T² or the residual only"
    )
    shrinkage: float = Field(
        0.0, ge=0, le=1, description="Residual weighted by its own variances (0) to evenly (1)"
    )
    lags: int = Field(2, ge=0, le=20, description="Rows before each row that are looked at with it")
    smoothing: float = Field(
        0.1, gt=0, le=1, description="Weight of the newest row in the EWMA of the score; 1: none"
    )
    wander: float = Field(
        0.5, gt=0, le=1, description="Share of variance between blocks above which a level wanders"
    )
    memory: int = Field(100, ge=2, description="Rows over which a wandering level is averaged")
    missing: float = Field(0.3, ge=0, lt=1, description="Largest share of NaN in a row to score")
    false_alarm_rate: float = Field(
        0.001, gt=0, lt=0.5, description="Wanted share of normal rows above the limit"
    )
    held_out: float = Field(
        0.3, gt=0, lt=0.9, description="Share of the normal rows, the last, that sets the limits"
    )
    gap: int = Field(10, ge=0, description="Rows left out between fitting and held-out part")

    def fit(self, normal: Window) -> PCAModel:
        k = len(normal.names)
        least = max(50, 2 * k * (self.lags + 1))
        needed = rows_needed(least, self.held_out, self.gap)
        fitting, setting = held_out(len(normal), self.held_out, self.gap)
        if k == 0 or len(normal) < needed:
            raise DataError(
                f"{len(normal)} rows of {k} signals with {self.lags} lags; pca needs at least "
                f"{needed} rows of normal operation: {least} to fit, {self.gap} between, the rest "
                "to set limits (fewer lags need less)"
            )
        step = int(np.median(np.diff(normal.time)))
        model = PCAModel(
            self.lags, self.smoothing, self.memory, self.missing, normal.names, step,
            *_scaling(self, normal, step, fitting, setting),
        )  # fmt: skip
        rows = model.start().rows(normal)
        complete = np.asarray(np.isfinite(rows).all(axis=1), np.bool_)
        known = rows[fitting][complete[fitting]]
        if len(known) < least:
            raise DataError(
                f"{len(known)} of {len(complete[fitting])} rows of the fitting part are complete; "
                f"pca of {k} signals with {self.lags} lags needs {least}"
            )
        model = replace(model, **_directions(self, known))
        return _limited(self, model, normal, rows[setting][complete[setting]], len(known))

    def load(self, saved: dict[str, Any]) -> PCAModel:
        return PCAModel.load(saved)


def _scaling(
    settings: PCA, normal: Window, step: int, fitting: slice, setting: slice
) -> tuple[Values, Values, npt.NDArray[np.bool_]]:
    """Centre, scale and wandering of each signal, from the fitting part."""
    k = len(normal.names)
    part = normal.value[fitting]
    for j in np.flatnonzero(np.isfinite(part).sum(axis=0) < 2):
        raise DataError(
            f"signal '{normal.names[j]}' has no values in the fitting part; leave it out"
        )
    moving = wanders(part, settings.wander)
    zero, one = np.zeros(k), np.ones(k)
    plain = PCAModel(0, 1.0, settings.memory, 0.0, normal.names, step, zero, one, moving)
    level = plain.start().rows(normal)
    centre, scale = np.nanmean(level[fitting], axis=0), np.nanstd(level[fitting], axis=0)
    least = 1e-6 * np.maximum(np.abs(np.nanmean(part, axis=0)), 1e-3)
    seen = np.isfinite(level[setting]).sum(axis=0)
    later = np.sqrt(np.nansum((level[setting] - centre) ** 2, axis=0) / np.maximum(seen, 1))
    # A signal that only moves in the held-out part is normal there: its scale comes from there.
    scale = np.where(scale > least, scale, np.maximum(later, least))
    return centre, scale, moving


def _directions(settings: PCA, rows: Values) -> dict[str, Any]:
    """Principal directions (at most `_DIRECTIONS`) and the variance along them and of the rest."""
    n, width = rows.shape
    _, singular, right = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    variance = singular**2 / (n - 1)
    if settings.components is not None:
        count = settings.components
    elif settings.rule == "parallel":
        count = int((variance > (1 + np.sqrt(width / n)) ** 2).sum())
    else:
        share = np.cumsum(variance) / variance.sum() if variance.sum() > 0 else np.ones(1)
        count = int(np.searchsorted(share, settings.explained) + 1)
    count = min(max(count, 1), max(width - 1, 1), len(variance), _DIRECTIONS)
    kept = min(len(variance), _DIRECTIONS)
    residual = max(float(variance[count:].sum()) / max(width - count, 1), _FLOOR)
    rest = float(variance[kept:].sum()) / (width - kept) if width > kept else residual
    known = np.append(variance[:kept], rest)
    known[count:] = (1 - settings.shrinkage) * known[count:] + settings.shrinkage * residual
    # The sign of a direction is arbitrary; fixed, so that a model is the same on every machine.
    right = right[:kept]
    right *= np.sign(right[np.arange(kept), np.abs(right).argmax(axis=1)])[:, None]
    known = np.maximum(known, _FLOOR)
    made = {"components": count, "of": width, "explained": float(variance[:count].sum())}
    made["explained"] /= max(float(variance.sum()), 1e-300)
    return {"directions": np.ascontiguousarray(right), "variance": known, "made": made}


def _limited(
    settings: PCA, model: PCAModel, normal: Window, later: Values, fitted: int
) -> PCAModel:
    """The model with the weights of its two statistics and its limit, from held-out rows."""
    count = model.made["components"]
    along = later @ model.directions.T
    rest = np.maximum((later**2).sum(axis=1) - (along**2).sum(axis=1), 0)
    terms = np.column_stack([along**2, rest]) / model.variance
    t2, spe = terms[:, :count].sum(axis=1), terms[:, count:].sum(axis=1)
    rate = settings.false_alarm_rate
    limits = {"t2": set_limit(t2, rate), "spe": set_limit(spe, rate)}
    weight = 1 / model.variance
    for part, name in ((slice(None, count), "t2"), (slice(count, None), "spe")):
        used = settings.statistic in ("combined", name) and limits[name].value > 1e-9
        weight[part] *= 1 / limits[name].value if used else 0
    own = weight[-1] + (model.directions**2).T @ (weight[:-1] - weight[-1])
    model = replace(model, weight=weight, own=np.maximum(own, 1e-12 * own.max()))
    mean = float((terms * (weight * model.variance)).sum(axis=1).mean())
    model = replace(model, mean=mean)
    _, setting = held_out(len(normal), settings.held_out, settings.gap)
    limit = set_limit(model.start()(normal.rows(setting)).value, rate)
    made = _evidence(settings, model, normal, fitted, limits, limit)
    return replace(model, limit=limit.value, made=made)


def _evidence(
    settings: PCA,
    model: PCAModel,
    normal: Window,
    fitted: int,
    limits: dict[str, Limit],
    limit: Limit,
) -> dict[str, Any]:
    fitting, setting = held_out(len(normal), settings.held_out, settings.gap)
    constant = np.nanstd(normal.value[fitting], axis=0) == 0
    return {
        "detector": "pca",
        "window": [int(normal.time[0]), int(normal.time[-1])],
        "rows": {
            "all": len(normal),
            "fitted": fitted,
            "gap": setting.start - fitting.stop,
            "held_out": limit.rows,
        },
        "held_out_from": int(normal.time[setting.start]),
        **model.made,
        "wandering": [n for n, w in zip(model.names, model.wanders, strict=True) if w],
        "constant": [n for n, c in zip(model.names, constant, strict=True) if c],
        "limit": limit.evidence(),
        "limits_of_parts": {name: part.evidence() for name, part in limits.items()},
    }
