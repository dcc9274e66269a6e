"""What is set on units that were held out: how sure a probability is, and where new begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.parts.diagnosers._cases import chosen, middle
from gemel.parts.diagnosers.base import Example
from gemel.parts.diagnosers.learned_classes.discriminant import Stages, fit_stages

__all__ = ["Held", "Rows", "held_out", "limits"]

_SHARPNESS: Final = tuple(2.0**-i for i in range(11))
_LEAST: Final = 6

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of all examples: value float64[n, k], and for each its example, class and unit as
    numbers, and its weight, such that each example weighs the same."""

    value: Values
    example: Numbers
    label: Numbers
    unit: Numbers
    weight: Values
    middle: Values
    """float64[examples, k]"""
    classes: tuple[str, ...]

    @classmethod
    def of(cls, examples: Sequence[Example], names: tuple[str, ...]) -> Rows:
        """Raises `DataError` where there are too few."""
        if len(examples) < _LEAST:
            raise DataError(f"{len(examples)} examples with a known cause; at least {_LEAST}")
        classes, label = np.unique([e.cause for e in examples], return_inverse=True)
        if "" in classes:
            raise DataError("an example has no cause; leave it out, or name it")
        if len(classes) < 2:
            raise DataError(f"all examples are '{classes[0]}'; at least 2 causes are needed")
        units = [(0, e.unit) if e.unit else (1, str(i)) for i, e in enumerate(examples)]
        number = {unit: i for i, unit in enumerate(dict.fromkeys(units))}
        unit = np.array([number[u] for u in units])
        tables = [chosen(e.case.window, names) for e in examples]
        rows = np.array([len(t) for t in tables])
        example = np.repeat(np.arange(len(examples)), rows)
        return cls(
            np.concatenate(tables), example, label[example], unit[example], (1 / rows)[example],
            np.array([middle(e.case, names) for e in examples]),
            tuple(str(c) for c in classes),
        )  # fmt: skip

    def counts(self) -> list[int]:
        """Examples of each class."""
        pairs = np.unique(np.stack([self.example, self.label]), axis=1)
        return [int((pairs[1] == kind).sum()) for kind in range(len(self.classes))]


@dataclass(frozen=True, slots=True)
class Held:
    """What models of other units say of held-out examples: at which sharpness their probabilities
    are right, and `far`, float64[held, 2], from the nearest class."""

    sharpness: float
    accuracy: float
    far: Values


def held_out(rows: Rows, folds: int, seed: int, shrinkage: float) -> Held:
    """Classes weigh the same. An example of which no other unit has the class is not asked: nothing
    could be known of it. Raises `DataError` where that is so of all."""
    units = np.unique(rows.unit)
    groups = min(folds, len(units))
    dealt = np.random.default_rng(seed).permutation(len(units)) % groups
    fold = dealt[rows.unit]
    asked: list[_Asked] = []
    for group in range(groups):
        train = fold != group
        present = np.unique(rows.label[train])
        held, first = np.unique(rows.example[~train], return_index=True)
        labels = rows.label[~train][first]
        known = np.isin(labels, present)
        if len(present) > 1 and known.any():
            stages = fit_stages(rows.value[train], rows.label[train], rows.weight[train], shrinkage)
            asked.append(_Asked(stages, held[known], labels[known]))
    if not asked:
        raise DataError(
            "no cause has examples of two units: what is new cannot be told from what is "
            "known; give examples of more units"
        )
    return _judged(asked, rows)


class _Asked(NamedTuple):
    """A model, examples that it has not seen, and their classes."""

    stages: Stages
    examples: Numbers
    labels: Numbers


def _judged(asked: list[_Asked], rows: Rows) -> Held:
    label = np.concatenate([one.labels for one in asked])
    count = np.bincount(label, minlength=len(rows.classes))
    weight = 1 / count[label] / (count > 0).sum()
    best, sharpness, surest = np.inf, 1.0, (np.zeros((0, 0)), np.zeros((0, 2)))
    for tried in _SHARPNESS:
        each = [
            one.stages.each(rows.middle[one.examples], tried, len(rows.classes)) for one in asked
        ]
        told = np.concatenate([probability for probability, _ in each])
        own = told[np.arange(len(label)), label]
        loss = float(-(weight * np.log(np.maximum(own, 1e-6))).sum())
        if loss < best:
            best, sharpness = loss, tried
            surest = told, np.concatenate([far for _, far in each])
    told, far = surest
    return Held(sharpness, float((told.argmax(axis=1) == label).mean()), far)


def limits(far: Values, share: float) -> tuple[Values, bool]:
    """Distances, float64[2], one of which a known example exceeds with probability `share`; and
    whether there were enough to say so (conformal quantile: n + 1 examples, the new one too)."""
    scale = np.array([_quantile(stage[stage > 0], share)[0] for stage in far.T])
    worst = (far / scale).max(axis=1)
    level, enough = _quantile(worst, share)
    return scale * level, enough


def _quantile(value: Values, share: float) -> tuple[float, bool]:
    if not len(value):
        return 1.0, True
    place = int(np.ceil((len(value) + 1) * (1 - share)))
    return float(np.sort(value)[min(place, len(value)) - 1]), place <= len(value)
