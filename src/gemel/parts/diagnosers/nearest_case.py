"""Nearest case: what it was, and what was done, the last times that it looked like this."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit
from pydantic import Field, field_validator

from gemel.core.errors import ConfigurationError, DataError, did_you_mean
from gemel.core.frame import Values
from gemel.parts.diagnosers._cases import finite, middle, numbers, restored, same_names
from gemel.parts.diagnosers.base import Case, Cause, Diagnoser, Diagnosis, Example, Reason

__all__ = ["NearestCase"]

_VERSION: Final = 1
_LEAST: Final = 3
_TRIED: Final = 1000


class NearestCase(Diagnoser):
    """The past cases that are most alike, what they were, and what was done.

    Alike is the weighted mean, over the columns that both know, of 1 − distance / range, at least 0
    each (Gower 1971); the range is that of the middle nine tenths of the cases, so that one odd
    value does not make all others alike. A window is looked at as the mean of its rows. Causes get
    the share of their cases among the nearest, each weighted by how alike it is; `low` and `high`
    say what this becomes if any one of these cases had not been kept. It is new where it is less
    alike than all but a wanted share of past cases are to those of other units.
    """

    nearest: int = Field(5, ge=1, le=100, description="Cases that are told")
    weights: dict[str, float] = Field({}, description="Weights of columns; 1 where not given")
    known_called_new: float = Field(
        0.05, gt=0, lt=0.5, description="Share of known ones that may be called new"
    )
    seed: int = Field(0, ge=0, description="Of which cases the limit is set on, if they are many")

    @field_validator("weights")
    @classmethod
    def _positive(cls, value: dict[str, float]) -> dict[str, float]:
        for name, weight in value.items():
            if weight < 0:
                raise ValueError(f"{name} is {weight:g}, must be at least 0")
        return value

    def fit(self, examples: Sequence[Example]) -> _Model:
        names = same_names(examples)
        if len(examples) < _LEAST:
            raise DataError(f"{len(examples)} cases; at least {_LEAST} are needed")
        if unknown := [name for name in self.weights if name not in names]:
            hint = did_you_mean(unknown[0], names)
            raise ConfigurationError(f"weights: the cases have no column '{unknown[0]}'; {hint}")
        point = np.stack([middle(e.case, names) for e in examples])
        if empty := [n for j, n in enumerate(names) if not np.isfinite(point[:, j]).any()]:
            raise DataError(f"column '{empty[0]}' is unknown in every case; leave it out")
        low, high = np.nanquantile(point, [0.05, 0.95], axis=0)
        whole = np.nanmax(point, axis=0) - np.nanmin(point, axis=0)
        reach = np.where(high > low, high - low, whole)
        weight = np.array([self.weights.get(name, 1.0) for name in names]) * (reach > 0)
        if not weight.any():
            raise DataError("no column varies among the cases: they cannot be told apart")
        units = [(e.unit, -1) if e.unit else ("", i) for i, e in enumerate(examples)]
        unit = np.unique(units, axis=0, return_inverse=True)[1].ravel()
        cases = [(e.cause, e.unit, e.done) for e in examples]
        model = _Model(
            self, names, point / np.where(reach > 0, reach, 1), reach, weight, cases, 0, {}
        )
        tried = np.arange(len(cases))
        if len(tried) > _TRIED:
            tried = np.random.default_rng(self.seed).choice(tried, _TRIED, replace=False)
        held = []
        for i in np.sort(tried):
            alike = model.alike(point[i])[unit != unit[i]]
            held += [float(alike.max())] if len(alike) else []
        if not held:
            raise DataError("all cases are of one unit: what is new cannot be told from it")
        place = int(np.floor((len(held) + 1) * self.known_called_new))
        limit = float(np.sort(held)[max(place - 1, 0)])
        made = {
            "cases": len(cases),
            "units": len(np.unique(unit)),
            "new": f"less alike than {limit:.3f}, as {self.known_called_new:.1%} of {len(held)} "
            "are that were held out",
        }
        return _Model(self, names, model.point, reach, weight, cases, limit, made)

    def load(self, saved: dict[str, Any]) -> _Model:
        def make() -> _Model:
            names = tuple(map(str, saved["names"]))
            cases = [(str(a), str(b), str(c)) for a, b, c in saved["cases"]]
            k = len(names)
            return _Model(
                self, names, numbers(saved["point"], (len(cases), k)),
                numbers(saved["reach"], (k,)), numbers(saved["weight"], (k,)), cases,
                float(saved["limit"]), dict(saved["made"]),
            )  # fmt: skip

        return restored(saved, "nearest_case", _VERSION, make)


@dataclass(frozen=True, slots=True)
class _Model:
    """point   float64[cases, k], in ranges
    reach   float64[k]: the ranges
    cases   cause, unit and what was done, of each
    limit   how alike the nearest must be not to be new"""

    settings: NearestCase
    names: tuple[str, ...]
    point: Values
    reach: Values
    weight: Values
    cases: list[tuple[str, str, str]]
    limit: float
    made: dict[str, Any]

    def alike(self, point: Values) -> Values:
        """How alike each case is to a point, float64[k]: 0 to 1."""
        found = np.empty(len(self.point))
        _alike(self.point, point / np.where(self.reach > 0, self.reach, 1), self.weight, found)
        return found

    def diagnose(self, case: Case) -> Diagnosis:
        alike = self.alike(middle(case, self.names))
        count = min(self.settings.nearest, len(alike))
        near = (
            np.argpartition(-alike, count - 1)[:count] if count < len(alike) else np.arange(count)
        )
        near = near[np.lexsort((near, -alike[near]))]
        told = [self.cases[i] for i in near]
        weight = np.maximum(alike[near], 1e-9)
        causes = []
        for name in dict.fromkeys(cause for cause, *_ in told):
            mine = np.array([cause == name for cause, *_ in told])
            share = float(weight[mine].sum() / weight.sum())
            left = [
                float(weight[mine & kept].sum() / weight[kept].sum())
                for kept in ~np.eye(count, dtype=np.bool_)
                if kept.any()
            ]
            reasons = self._reasons(near[mine], alike)
            done = next((d for c, _, d in told if c == name and d), "")
            said = f"done then: {done}" if done else ""
            ends = min([share, *left]), max([share, *left])
            causes.append(Cause(name, share, *ends, reasons, said))
        causes.sort(key=lambda cause: -cause.probability)
        # 1 where it is exactly as unlike as it may be.
        novelty = float((1 - alike[near[0]]) / max(1 - self.limit, 1e-9))
        return Diagnosis(tuple(causes), novelty > 1, novelty)

    def save(self) -> dict[str, Any]:
        return {
            "diagnoser": "nearest_case", "version": _VERSION, "names": list(self.names),
            "point": finite(self.point), "reach": finite(self.reach),
            "weight": finite(self.weight), "cases": [list(case) for case in self.cases],
            "limit": self.limit, "made": self.made,
        }  # fmt: skip

    def evidence(self) -> dict[str, Any]:
        return dict(self.made)

    def _reasons(self, chosen_cases: npt.NDArray[np.int64], alike: Values) -> tuple[Reason, ...]:
        found = []
        for i in chosen_cases:
            cause, unit, done = self.cases[i]
            said = f"{alike[i]:.0%} alike: {cause}" + (f"; done: {done}" if done else "")
            found.append(Reason(unit or f"case {i + 1}", float(alike[i]), said))
        return tuple(found)


# Sums may be taken in any order, so that several columns are looked at at once; NaN stays NaN.
@njit(nogil=True, cache=True, fastmath={"reassoc", "nsz", "contract"})
def _alike(point: Values, x: Values, weight: Values, found: Values) -> None:
    for i in range(point.shape[0]):
        total = 0.0
        whole = 0.0
        for j in range(point.shape[1]):
            away = abs(point[i, j] - x[j])
            known = away == away  # not NaN
            total += weight[j] * (1.0 - away) if known and away < 1.0 else 0.0
            whole += weight[j] if known else 0.0
        found[i] = total / whole if whole > 0 else 0.0
