"""What is set on units that were held out: shrinkage, sharpness, and where new begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.parts.diagnosers._cases import chosen
from gemel.parts.diagnosers.base import Case, Example
from gemel.parts.diagnosers.learned_classes.discriminant import Stages, fit_stages

__all__ = ["Held", "Rows", "held_out", "limits", "middle"]

_SHRINKAGE: Final = (0.1, 0.2, 0.3, 0.5, 0.7, 0.9)
_SHARPNESS: Final = tuple(2.0**-i for i in range(11))
_LEAST: Final = 6

Numbers = npt.NDArray[np.int64]


def middle(case: Case, names: tuple[str, ...]) -> Values:
    """The mean of the rows of a window, float64[k], by what is known. Raises `DataError` if there
    is nothing."""
    value = chosen(case.window, names)
    known = np.isfinite(value)
    if not known.any():
        raise DataError("the window has no value that is known")
    count = known.sum(axis=0)
    total = np.where(known, value, 0).sum(axis=0)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


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
        return np.bincount(pairs[1], minlength=len(self.classes)).tolist()


@dataclass(frozen=True, slots=True)
class Held:
    """What models of other units say of held-out examples: loss at the best sharpness, and `far`,
    float64[held, 2], from the nearest class."""

    shrinkage: float
    sharpness: float
    loss: float
    accuracy: float
    far: Values


def held_out(rows: Rows, folds: int, seed: int) -> Held:
    """At the shrinkage at which they are right most surely. Classes weigh the same. An example of
    which no other unit has the class is not asked: nothing could be known of it."""
    units = np.unique(rows.unit)
    groups = min(folds, len(units))
    dealt = np.random.default_rng(seed).permutation(len(units)) % groups
    fold = dealt[rows.unit]
    best: Held | None = None
    for shrinkage in _SHRINKAGE:
        models: list[tuple[Stages, int, int]] = []
        for group in range(groups):
            train = fold != group
            present = np.unique(rows.label[train])
            asked, first = np.unique(rows.example[~train], return_index=True)
            labels = rows.label[~train][first]
            told = [(int(e), int(k)) for e, k in zip(asked, labels, strict=True) if k in present]
            if len(present) > 1 and told:
                stages = fit_stages(
                    rows.value[train], rows.label[train], rows.weight[train], shrinkage
                )
                models += [(stages, example, label) for example, label in told]
        if not models:
            raise DataError(
                "no cause has examples of two units: what is new cannot be told from what is "
                "known; give examples of more units"
            )
        found = _judged(models, rows, shrinkage)
        if best is None or found.loss < best.loss - 1e-9:
            best = found
    assert best is not None  # noqa: S101  # there is more than one shrinkage
    return best


def _judged(models: list[tuple[Stages, int, int]], rows: Rows, shrinkage: float) -> Held:
    label = np.array([kind for *_, kind in models])
    count = np.bincount(label, minlength=len(rows.classes))
    weight = 1 / count[label] / (count > 0).sum()
    best, chosen_sharpness, surest = np.inf, 1.0, np.zeros((0, 0))
    for sharpness in _SHARPNESS:
        told = np.array(
            [s.probability(rows.middle[e], sharpness, len(rows.classes)) for s, e, _ in models]
        )
        own = told[np.arange(len(label)), label]
        loss = float(-(weight * np.log(np.maximum(own, 1e-6))).sum())
        if loss < best:
            best, chosen_sharpness, surest = loss, sharpness, told
    accuracy = float((surest.argmax(axis=1) == label).mean())
    told_kind = surest.argmax(axis=1)
    far = np.array(
        [s.far(rows.middle[e], int(k)) for (s, e, _), k in zip(models, told_kind, strict=True)]
    )
    return Held(shrinkage, chosen_sharpness, best, accuracy, far)


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
