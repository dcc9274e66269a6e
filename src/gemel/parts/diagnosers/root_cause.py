"""Root cause: which variable upstream changed, when quality or condition changed downstream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.parts.diagnosers._cases import chosen, finite, numbers, restored
from gemel.parts.diagnosers.base import Case, Cause, Diagnoser, Diagnosis, Example, Reason

__all__ = ["RootCause"]

_VERSION: Final = 1
_ALIKE: Final = 0.95
_TRADED: Final = -0.7
_MATTERS: Final = 0.1


class RootCause(Diagnoser):
    """Which variable upstream is behind a change of `target`, under the order of the process.

    From rows of normal operation, each variable is explained, linearly, by those of earlier steps;
    what is left is its own. In the case, what changed of its own in each variable is followed
    downstream: these contributions sum to the whole change of the target's mean. A variable that
    only passes on what came from upstream has none. Normal rows and rows of the case are drawn
    again, in blocks: the probability of a variable is how often it contributes most, and its rank
    has an interval. Where the target changed by itself, none of the others explains it: new.

    Two variables that always move together cannot be told apart by any method from these rows; the
    notes say which. A cause that is not among the variables shows in those that it acts on.
    """

    target: str = Field(description="Column whose change is to be explained")
    order: tuple[tuple[str, ...], ...] = Field(
        description="Columns by step of the process, the most upstream first; those of one step do "
        "not act on each other. The target comes after all of them"
    )
    draws: int = Field(200, ge=20, le=10_000, description="Times that rows are drawn again")
    blocks: int = Field(
        40, ge=8, le=1000, description="Blocks of rows that are drawn: neighbours are alike"
    )
    seed: int = Field(0, ge=0, description="Of the drawing")

    @model_validator(mode="after")
    def _consistent(self) -> RootCause:
        names = [name for step in self.order for name in step]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"order: '{twice[0]}' is there twice")
        if self.target in names:
            raise ValueError(f"order: '{self.target}' is the target, which comes after all others")
        if not names:
            raise ValueError("order: names no column")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """All of them in order, the target last."""
        return (*(name for step in self.order for name in step), self.target)

    def fit(self, examples: Sequence[Example]) -> _Model:
        normal = [e for e in examples if e.cause == "normal"]
        value = [_whole(chosen(e.case.window, self.columns)) for e in normal]
        count, least = sum(len(v) for v in value), 10 * len(self.columns)
        if count < least:
            raise DataError(
                f"{count} rows of normal operation in which all columns are known; at least "
                f"{least} are needed"
            )
        rows = np.concatenate(value)
        centre, scale = rows.mean(axis=0), rows.std(axis=0)
        if not scale[-1] > 0:
            raise DataError(f"'{self.target}' never varies in normal operation")
        scale = np.where(scale > 0, scale, 1.0)
        z = np.column_stack([np.ones(count), (rows - centre) / scale])
        parts = np.array_split(np.arange(count), min(self.blocks, count // 2))
        gram = np.stack([z[part].T @ z[part] for part in parts])
        own = _own(gram.sum(axis=0), self.before(), z)
        alike = np.corrcoef(own[:, :-1], rowvar=False) if own.shape[1] > 2 else np.ones((1, 1))
        made = {"rows": count, "blocks": len(parts)}
        return _Model(self, centre, scale, gram, np.nan_to_num(np.atleast_2d(alike)), made)

    def load(self, saved: dict[str, Any]) -> _Model:
        def make() -> _Model:
            k, count = len(self.columns), len(saved["gram"])
            if tuple(saved["names"]) != self.columns:
                raise ValueError("columns and settings do not fit together")
            return _Model(
                self, numbers(saved["centre"], (k,)), numbers(saved["scale"], (k,)),
                numbers(saved["gram"], (count, k + 1, k + 1)),
                numbers(saved["alike"], (k - 1, k - 1)), dict(saved["made"]),
            )  # fmt: skip

        return restored(saved, "root_cause", _VERSION, make)

    def before(self) -> list[int]:
        """For each column how many come before its step."""
        before, found = 0, []
        for step in self.order:
            found += [before] * len(step)
            before += len(step)
        return [*found, before]


@dataclass(frozen=True, slots=True)
class _Model:
    """centre, scale  float64[k]
    gram           float64[blocks, k + 1, k + 1]: products of the columns, the first all ones
    alike          float64[k − 1, k − 1]: correlation of what is the variables' own
    """

    settings: RootCause
    centre: Values
    scale: Values
    gram: Values
    alike: Values
    made: dict[str, Any]

    @property
    def names(self) -> tuple[str, ...]:
        return self.settings.columns

    def diagnose(self, case: Case) -> Diagnosis:
        """Rows since `case.since`, or all; weights of reasons are in the target's unit."""
        window, names = case.window, self.names
        if case.since is not None:
            window = window.rows(window.time >= case.since)
        value = _whole(chosen(window, names))
        if len(value) < 2:
            raise DataError(f"{len(value)} rows of the case have all columns, 2 are needed")
        z = (value - self.centre) / self.scale
        parts = np.array_split(z, min(self.settings.blocks, max(len(z) // 2, 1)))
        sums = np.array([part.sum(axis=0) for part in parts])
        size = np.array([len(part) for part in parts])
        steps = self.settings.before()
        found = _shares(self.gram.sum(axis=0), steps, z.mean(axis=0))
        random = np.random.default_rng(self.settings.seed)
        drawn = np.empty((self.settings.draws, len(names)))
        for i in range(len(drawn)):
            normal = random.multinomial(len(self.gram), [1 / len(self.gram)] * len(self.gram))
            there = random.multinomial(len(sums), [1 / len(sums)] * len(sums))
            mean = (there @ sums) / (there @ size)
            drawn[i] = _shares(np.tensordot(normal, self.gram, axes=1), steps, mean)
        rank = np.argsort(np.argsort(-np.abs(drawn), axis=1, kind="stable"), axis=1) + 1
        first = (rank == 1).mean(axis=0)
        unit = float(self.scale[-1])
        causes = []
        for j in np.lexsort((-np.abs(found), -first)):
            low, high = np.quantile(drawn[:, j] * unit, [0.05, 0.95])
            best, worst = np.quantile(rank[:, j], [0.05, 0.95], method="nearest")
            said = (
                f"{found[j] * unit:+.3g} ({low:+.3g} to {high:+.3g}) of "
                f"{found.sum() * unit:+.3g} in {names[-1]}; rank {best:.0f} to {worst:.0f}"
            )
            name = names[j] if j < len(names) - 1 else f"{names[-1]} itself"
            reason = Reason(names[j], float(found[j] * unit), said)
            ends = _wilson(float(first[j]), len(drawn))
            causes.append(Cause(name, float(first[j]), *ends, (reason,), said))
        itself = bool(first.argmax() == len(names) - 1)
        return Diagnosis(tuple(causes), new=itself, notes=self._confounded(found, drawn))

    def save(self) -> dict[str, Any]:
        arrays = {n: finite(getattr(self, n)) for n in ("centre", "scale", "gram", "alike")}
        return {
            "diagnoser": "root_cause", "version": _VERSION, "names": list(self.names), **arrays,
            "made": self.made,
        }  # fmt: skip

    def evidence(self) -> dict[str, Any]:
        return dict(self.made)

    def _confounded(self, found: Values, drawn: Values) -> tuple[str, ...]:
        """Of the variables that may matter: those that move together in normal operation, or of
        which one gains in the draws what the other loses."""
        notes = []
        size = np.abs(drawn).mean(axis=0)
        matters = np.flatnonzero(size[:-1] >= _MATTERS * size.max())
        for a, b in combinations(range(len(found) - 1), 2):
            if a not in matters and b not in matters:
                continue
            together = abs(float(self.alike[a, b])) > _ALIKE
            spread = drawn[:, [a, b]].std(axis=0)
            traded = a in matters and b in matters and (spread > 0).all() and (
                float(np.corrcoef(drawn[:, a], drawn[:, b])[0, 1]) < _TRADED
                and spread.min() > _MATTERS * size.max()
            )  # fmt: skip
            if together or traded:
                why = "move together in normal operation" if together else "stand for each other"
                notes.append(
                    f"'{self.names[a]}' and '{self.names[b]}' cannot be told apart: they {why}; "
                    "vary one of them alone to find out"
                )
        return tuple(notes)


def _whole(value: Values) -> Values:
    return value[np.isfinite(value).all(axis=1)]


def _effects(gram: Values, steps: list[int]) -> tuple[Values, Values]:
    """Direct effects on each column of those before its step, float64[k, k], and its constant."""
    k = len(steps)
    direct, constant = np.zeros((k, k)), np.zeros(k)
    # A trace of ridge: columns that are sums of others would have no solution at all.
    ridge = 1e-6 * gram[0, 0]
    for j, before in enumerate(steps):
        by = np.arange(before + 1)
        left = gram[np.ix_(by, by)] + ridge * np.diag([0.0] + [1.0] * before)
        found = np.linalg.solve(left, gram[by, j + 1])
        constant[j], direct[j, :before] = found[0], found[1:]
    return direct, constant


def _own(gram: Values, steps: list[int], z: Values) -> Values:
    """What is each column's own in rows, float64[n, k]; `z` begins with a column of ones."""
    direct, constant = _effects(gram, steps)
    return np.asarray(z[:, 1:] - z[:, 1:] @ direct.T - constant)


def _shares(gram: Values, steps: list[int], mean: Values) -> npt.NDArray[np.float64]:
    """What each column's own change adds to the change of the last one, float64[k]."""
    direct, constant = _effects(gram, steps)
    own = mean - direct @ mean - constant
    through = np.linalg.solve(np.eye(len(steps)) - direct.T, np.eye(len(steps))[-1])
    return np.asarray(own * through)


def _wilson(share: float, count: int, z: float = 1.645) -> tuple[float, float]:
    """Interval of a share of so many draws (Wilson 1927), 90 %."""
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2)) / (1 + z**2 / count)
    return float(min(middle - half, share)), float(max(middle + half, share))
