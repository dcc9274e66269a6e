"""From a window of normal operation to a model: scaling, directions, limits."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Annotated, Any, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import Field

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.core.level import wanders
from gemel.core.limits import (
    HELD_OUT_ROWS,
    Limit,
    held_out,
    rows_needed,
    set_limit,
    set_limit_of_blocks,
)
from gemel.parts.detectors._multivariate import starts
from gemel.parts.detectors._multivariate.model import QuadraticModel
from gemel.parts.detectors._multivariate.scales import MultivariateModel
from gemel.parts.detectors.base import Detector, Window

__all__ = ["FLOOR", "Basis", "Multivariate"]

FLOOR: Final = 1e-3
"""Least variance of a direction, in squared standard deviations: rounding is not structure."""

Rows: TypeAlias = npt.NDArray[np.bool_]
Weight: TypeAlias = Annotated[float, Field(gt=0, le=1)]


@dataclass(frozen=True, slots=True, eq=False)
class Basis:
    """What a detector learned from rows of w columns.

    directions  float64[r,w]  whose squared coordinates make the two statistics
    precision   float64[r+1]  of the coordinates, and of the rest of a row; the latter is 0 where
                              the directions are not orthonormal and nothing is left beside them
    count       the first so many are of T², the others and the rest of Q
    made        what is to be told of it
    """

    directions: Values
    precision: Values
    count: int
    made: dict[str, Any]

    def terms(self, rows: Values) -> Values:
        """Terms of the two statistics of each row, float64[n,r+1]."""
        along = rows @ self.directions.T
        rest = (rows**2).sum(axis=1) - (along**2).sum(axis=1)
        return np.column_stack([along**2, np.maximum(rest, 0)]) * self.precision


@dataclass(frozen=True, slots=True, eq=False)
class _Learned:
    """A model without limits; `later` are complete rows that it was not fitted on."""

    model: QuadraticModel
    basis: Basis
    later: Values
    fitted: int


@dataclass(frozen=True, slots=True, eq=False)
class _Member:
    """A model of one time scale; `ratio` [n] of held-out scores to its limit, NaN of others.

    parts  the models that gave these scores, one for each split
    """

    model: QuadraticModel
    parts: list[QuadraticModel]
    ratio: Values
    made: dict[str, Any]


class Multivariate(Detector):
    """Settings that all detectors of the family have; `_basis` is what makes the difference."""

    statistic: Literal["combined", "t2", "spe"] = Field(
        "combined", description="Score: both, Hotelling's T² or the residual only"
    )
    averages: tuple[Weight, ...] = Field(
        (1.0, 0.1), min_length=1, max_length=4, description="One model for each: weight of "
        "the newest row in the EWMA of the rows that it looks at; 1: the rows as they are"
    )  # fmt: skip
    smoothing: float = Field(
        0.1, gt=0, le=1, description="Weight of the newest row in the EWMA of the score; 1: none"
    )
    wander: float = Field(
        0.1, gt=0, le=1, description="Share of variance between blocks above which a level wanders"
    )
    memory: int = Field(400, ge=2, description="Rows over which a wandering level is averaged")
    missing: float = Field(0.3, ge=0, lt=1, description="Largest share of NaN in a row to score")
    false_alarm_rate: float = Field(
        0.001, gt=0, lt=0.5, description="Wanted share of normal rows above the limit"
    )
    blocks: int = Field(
        4, ge=1, le=20, description="Limits come from so many blocks of the normal rows, each "
        "scored by a model of the others; 1: from the last `held_out` of the rows"
    )  # fmt: skip
    held_out: float = Field(
        0.3, gt=0, lt=0.9, description="With one block: share of the normal rows that sets limits"
    )
    gap: int = Field(10, ge=0, description="Rows left out between fitted and held-out rows")

    @property
    @abstractmethod
    def _lags(self) -> int:
        """Rows before each row that are looked at with it."""

    @abstractmethod
    def _least(self, signals: int) -> int:
        """Fewest rows to learn from."""

    @abstractmethod
    def _basis(self, plain: Values, averaged: Values, fitting: Rows) -> Basis:
        """Learn from standardised rows with their lags, float64[n,w].

        plain, averaged  without and with the EWMA of the rows; NaN where a value is missing
        fitting          bool[n] which of them to learn from; all of these are complete
        """

    def fit(self, normal: Window) -> MultivariateModel:
        n, k = len(normal), len(normal.names)
        least = self._least(k)
        needed = self._needed(least)
        if k == 0 or n < needed:
            raise DataError(
                f"{n} rows of {k} signals with {self._lags} lags; {self._kind} needs at least "
                f"{needed} rows of normal operation: {least} to fit, {self.gap} between, the rest "
                "to set limits (fewer lags need less)"
            )
        splits = self._splits(n)
        found = [self._member(normal, average, splits) for average in self.averages]
        ratio = np.fmax.reduce([member.ratio for member in found])
        settings = [setting for _, setting in splits]
        limit, wider = set_limit_of_blocks([ratio[s] for s in settings], self.false_alarm_rate)
        members = tuple(m.model for m in found)
        begun = self._begun(normal, ratio, settings, found) if members[0].wanders.any() else ()
        made = self._evidence(normal, splits, found, limit)
        made |= {"wider_for_blocks": wider, "wider_after_a_start": [list(step) for step in begun]}
        return MultivariateModel(self._kind, members, limit.value, made, begun)

    def _begun(
        self, normal: Window, ratio: Values, settings: list[Rows], found: list[_Member]
    ) -> tuple[tuple[int, float], ...]:
        """How much wider the limit is after a start."""
        reach = starts.edges(self.memory)[-1]
        pairs = []
        for i, setting in enumerate(settings):
            other = MultivariateModel(self._kind, tuple(m.parts[i] for m in found))
            pairs += [
                (other.start()(normal.rows(rows)).value, ratio[rows])
                for rows in starts.starts(setting, len(settings), reach)
            ]
        return starts.begun(pairs, self.false_alarm_rate, self.memory)

    def load(self, saved: dict[str, Any]) -> MultivariateModel:
        return MultivariateModel.load(saved, self._kind)

    @property
    def _kind(self) -> str:
        return type(self).__name__.lower()

    def _needed(self, least: int) -> int:
        if self.blocks == 1:
            return rows_needed(least, self.held_out, self.gap)
        inner = int(np.ceil((least + 2 * self.gap) * self.blocks / (self.blocks - 1)))
        return max(inner, HELD_OUT_ROWS) + self.blocks

    def _splits(self, n: int) -> list[tuple[Rows, Rows]]:
        """Rows to fit on and rows to set limits on, a gap apart: neighbours look alike."""
        if self.blocks == 1:
            slices = held_out(n, self.held_out, self.gap)
            return [(_mask(n, slices[0]), _mask(n, slices[1]))]
        edges = [round(i * n / self.blocks) for i in range(self.blocks + 1)]
        return [
            (~_mask(n, slice(max(a - self.gap, 0), b + self.gap)), _mask(n, slice(a, b)))
            for a, b in pairwise(edges)
        ]

    def _member(self, normal: Window, average: float, splits: list[tuple[Rows, Rows]]) -> _Member:
        """The model of one time scale, with its limit."""
        parts = [self._learn(normal, average, *split) for split in splits]
        every = np.ones(len(normal), np.bool_)
        final = parts[0] if len(parts) == 1 else self._learn(normal, average, every, ~every)
        return self._limited(normal, splits, parts, final)

    def _learn(self, normal: Window, average: float, fitting: Rows, setting: Rows) -> _Learned:
        model = self._scaled(normal, average, fitting, setting)
        averaged = model.start().rows(normal)
        plain = replace(model, average=1.0).start().rows(normal) if average < 1 else averaged
        complete = np.asarray(np.isfinite(averaged).all(axis=1), np.bool_)
        complete[: model.settling] = False
        known, least = fitting & complete, self._least(len(normal.names))
        if known.sum() < least:
            raise DataError(
                f"{known.sum()} of {fitting.sum()} rows of the fitting part are complete; "
                f"{self._kind} of {len(normal.names)} signals with {self._lags} lags needs {least}"
            )
        basis = self._basis(plain, averaged, known)
        model = replace(model, directions=basis.directions, precision=basis.precision)
        return _Learned(model, basis, averaged[setting & complete], int(known.sum()))

    def _scaled(
        self, normal: Window, average: float, fitting: Rows, setting: Rows
    ) -> QuadraticModel:
        """A model that knows centre, scale and wandering of each signal only."""
        k = len(normal.names)
        part = normal.value[fitting]
        for j in np.flatnonzero(np.isfinite(part).sum(axis=0) < 2):
            raise DataError(
                f"signal '{normal.names[j]}' has no values in the fitting part; leave it out"
            )
        step = int(np.median(np.diff(normal.time)))
        model = QuadraticModel(
            0, 1.0, self.smoothing, self.memory, self.missing, normal.names, step,
            np.zeros(k), np.ones(k), wanders(part, self.wander),
        )  # fmt: skip
        level = model.start().rows(normal)
        centre = np.nanmean(level[fitting], axis=0)
        averages = replace(model, centre=centre, average=average)
        moved = averages.start().rows(normal)  # less the centre
        scale = np.nanstd(moved[fitting], axis=0)
        least = 1e-6 * np.maximum(np.abs(np.nanmean(part, axis=0)), 1e-3)
        # A signal that only moves in the held-out part is normal there: its scale comes from there.
        seen = np.isfinite(moved[setting]).sum(axis=0)
        later = np.sqrt(np.nansum(moved[setting] ** 2, axis=0) / np.maximum(seen, 1))
        scale = np.where(scale > least, scale, np.maximum(later, least))
        return replace(averages, lags=self._lags, scale=scale)

    def _limited(
        self,
        normal: Window,
        splits: list[tuple[Rows, Rows]],
        parts: list[_Learned],
        final: _Learned,
    ) -> _Member:
        """Weights of the two statistics and the limit of the score, from rows not fitted on."""
        rate = self.false_alarm_rate
        terms = [part.basis.terms(part.later) for part in parts]
        counts = [part.basis.count for part in parts]
        t2 = [t[:, :count].sum(axis=1) for t, count in zip(terms, counts, strict=True)]
        spe = [t[:, count:].sum(axis=1) for t, count in zip(terms, counts, strict=True)]
        limits = {
            "t2": set_limit(np.concatenate(t2), rate),
            "spe": set_limit(np.concatenate(spe), rate),
        }
        share = {
            name: 1 / limit.value
            if self.statistic in ("combined", name) and limit.value > 1e-9
            else 0.0
            for name, limit in limits.items()
        }
        mean = float(np.mean(share["t2"] * np.concatenate(t2) + share["spe"] * np.concatenate(spe)))
        scores = np.full(len(normal), np.nan)
        others = [_weighted(part, share, mean) for part in parts]
        for other, (_, setting) in zip(others, splits, strict=True):
            scores[setting] = other.start()(normal)[0][setting]
        limit = set_limit(scores, rate)
        value = max(limit.value, 1e-300)
        model = replace(_weighted(final, share, mean), limit=value)
        others = [replace(other, limit=value) for other in others]
        made = {
            "average": model.average,
            "fitted": final.fitted,
            **final.basis.made,
            "limit": limit.evidence(),
            "limits_of_parts": {name: part.evidence() for name, part in limits.items()},
        }
        return _Member(model, others, scores / value, made)

    def _evidence(
        self, normal: Window, splits: list[tuple[Rows, Rows]], found: list[_Member], limit: Limit
    ) -> dict[str, Any]:
        constant = np.nanstd(normal.value, axis=0) == 0
        model = found[0].model
        return {
            "detector": self._kind,
            "window": [int(normal.time[0]), int(normal.time[-1])],
            "rows": {
                "all": len(normal),
                "fitted": found[0].made["fitted"],
                "gap": self.gap,
                "held_out": limit.rows,
                "blocks": len(splits),
            },
            "held_out_from": int(normal.time[np.argmax(splits[0][1])]),
            "wandering": [n for n, w in zip(model.names, model.wanders, strict=True) if w],
            "constant": [n for n, c in zip(model.names, constant, strict=True) if c],
            "limit": limit.evidence(),
            "scales": [member.made for member in found],
        }


def _mask(n: int, rows: slice) -> Rows:
    mask = np.zeros(n, np.bool_)
    mask[rows] = True
    return mask


def _weighted(part: _Learned, share: dict[str, float], mean: float) -> QuadraticModel:
    """T² times its share and Q times its own, as one quadratic form."""
    basis = part.basis
    weight = basis.precision.copy()
    weight[: basis.count] *= share["t2"]
    weight[basis.count :] *= share["spe"]
    own = weight[-1] + (basis.directions**2).T @ (weight[:-1] - weight[-1])
    own = np.maximum(own, 1e-12 * own.max())
    return replace(part.model, weight=weight, own=own, mean=mean)
