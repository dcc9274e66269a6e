"""Learned classes: faults that were seen before are known again, others are called new."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from pydantic import Field

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.parts.detectors.base import Window
from gemel.parts.diagnosers._cases import chosen, finite, middle, numbers, restored, same_names
from gemel.parts.diagnosers.base import Case, Cause, Diagnoser, Diagnosis, Example, Reason
from gemel.parts.diagnosers.learned_classes.discriminant import Discriminant, Stages, fit_stages
from gemel.parts.diagnosers.learned_classes.fitting import Rows, held_out, limits

__all__ = ["KnownClasses", "LearnedClasses"]

_VERSION: Final = 1
_ALIKE: Final = 0.1


class LearnedClasses(Diagnoser):
    """Which of the known classes a window of features is, or none of them.

    Each class has a mean, all have the spread about their means in common (linear discriminant
    analysis), drawn towards an even spread. It is meant for tens of examples with tens of features,
    and knows old classes in new units better than what fits more closely. A window is looked at as
    the mean of its rows. It is new where it is farther from every class than all but a wanted share
    of held-out windows are. Reasons are shares of the logarithm of the odds against the second
    class; where it is new, shares of its distance.

    Features that a class never has (NaN in all of its rows) speak neither for it nor against it: it
    is told from others by what all classes have, and these among themselves by everything.
    """

    known_called_new: float = Field(
        0.05, gt=0, lt=0.5, description="Share of known ones that may be called new"
    )
    shrinkage: float = Field(
        0.3, gt=0, le=1, description="How far the spread is drawn towards an even one"
    )
    folds: int = Field(
        20, ge=2, le=100, description="Groups of units that are held out in turn to set the limits"
    )
    seed: int = Field(0, ge=0, description="Of the order in which units are dealt to the groups")
    reasons: int = Field(8, ge=1, le=100, description="Most reasons that are told")

    def fit(self, examples: Sequence[Example]) -> KnownClasses:
        names = same_names(examples)
        rows = Rows.of(examples, names)
        held = held_out(rows, self.folds, self.seed, self.shrinkage)
        stages = fit_stages(rows.value, rows.label, rows.weight, self.shrinkage)
        limit, enough = limits(held.far, self.known_called_new)
        counts = zip(rows.classes, rows.counts(), strict=True)
        far = f"{len(held.far)} held-out examples"
        made = {
            "examples": len(examples),
            "units": len(np.unique(rows.unit)),
            "features": len(names),
            "classes": [f"{name}: {count}" for name, count in counts],
            "shrinkage": self.shrinkage,
            "held-out accuracy": held.accuracy,
            "new": f"farther than all but {self.known_called_new:.1%} of {far}"
            if enough
            else f"farther than all {far}; too few for a share of {self.known_called_new:.1%}",
        }
        return KnownClasses(names, rows.classes, stages, held.sharpness, limit, self.reasons, made)

    def load(self, saved: dict[str, Any]) -> KnownClasses:
        def make() -> KnownClasses:
            names, classes = tuple(map(str, saved["names"])), tuple(map(str, saved["classes"]))
            parts = [Discriminant.load(part) for part in saved["stages"]]
            for part in parts:
                if not all(0 <= c < len(names) for c in part.columns):
                    raise ValueError("columns and names do not fit together")
                if not all(0 <= kind < len(classes) for kind in part.kinds):
                    raise ValueError("classes do not fit together")
            return KnownClasses(
                names, classes, Stages(parts[0], parts[1] if len(parts) > 1 else None),
                float(saved["sharpness"]), numbers(saved["limit"], (2,)),
                int(saved["reasons"]), dict(saved["made"]),
            )  # fmt: skip

        return restored(saved, "learned_classes", _VERSION, make)


@dataclass(frozen=True, slots=True)
class KnownClasses:
    """sharpness  of probabilities, set on held-out units
    limit      float64[2]: mean squared distance per feature above which a window is new"""

    names: tuple[str, ...]
    classes: tuple[str, ...]
    stages: Stages
    sharpness: float
    limit: Values
    most: int
    made: dict[str, Any]

    def diagnose(self, case: Case) -> Diagnosis:
        """`low` and `high` of a cause hold four in five of the rows, looked at one by one."""
        point = middle(case, self.names)
        told = self._probability(point)
        value = chosen(case.window, self.names)
        each = [self._probability(row) for row in value if np.isfinite(row).any()]
        low, high = np.quantile(each, [0.1, 0.9], axis=0)
        order = np.argsort(-told, kind="stable")
        first = int(order[0])
        novelty = float((self.stages.far(point, first) / self.limit).max())
        reasons = self._far(point, first) if novelty > 1 else self._odds(point, order)
        causes = tuple(
            Cause(
                self.classes[i], float(told[i]), float(min(low[i], told[i])),
                float(max(high[i], told[i])), reasons if i == first else (),
            )
            for i in order
        )  # fmt: skip
        return Diagnosis(causes, novelty > 1, novelty)

    def each(self, window: Window) -> tuple[Values, Values]:
        """Each row by itself: the probability of each of `classes`, float64[n, classes], and how
        far it is from what is known, float64[n], above 1 is new; NaN where nothing of it is known.
        The same as `diagnose` of a window of that row, and much faster."""
        value = chosen(window, self.names)
        told, far = self.stages.each(value, self.sharpness, len(self.classes))
        novelty = (far / self.limit).max(axis=1)
        nothing = ~np.isfinite(value).any(axis=1)
        told[nothing], novelty[nothing] = np.nan, np.nan
        return told, novelty

    def level(self, name: str) -> tuple[Values, Values]:
        """Mean of a class and spread about it, float64[k] each, in the order of `names` and in
        their units; NaN for a feature by which it is not told."""
        stage = self.stages.stage(self.classes.index(name))
        mean, spread = np.full(len(self.names), np.nan), np.full(len(self.names), np.nan)
        mean[list(stage.columns)], spread[list(stage.columns)] = stage.level(
            self.classes.index(name)
        )
        return mean, spread

    def together(self, cases: Sequence[Case]) -> tuple[int, ...]:
        """Which of them are alike: for each the number of its group, from 0 in the order in which
        they come. Meant for cases that were called new: a person names a group, and `learned` makes
        a class of it. Groups are joined while the members of two are, on average, no farther from
        each other than a known window may be from its class, or than a tenth, in square, of how far
        they are from all that is known: what is far off varies more."""
        points = [middle(case, self.names) for case in cases]
        stage = self.stages.whole or self.stages.common
        allowed = float(self.limit[1] if self.stages.whole else self.limit[0])
        apart = np.array([[stage.between(a, b) for b in points] for a in points])
        known = np.array([stage.distance(x).min() / max(stage.known(x), 1) for x in points])
        groups = [[i] for i in range(len(points))]
        while len(groups) > 1:
            pairs = [(a, b) for a in range(len(groups)) for b in range(a + 1, len(groups))]
            far = [
                float(apart[np.ix_(groups[a], groups[b])].mean())
                / max(allowed, _ALIKE * float(known[groups[a] + groups[b]].min()))
                for a, b in pairs
            ]
            nearest = int(np.argmin(far))
            if far[nearest] > 1:
                break
            a, b = pairs[nearest]
            groups[a] += groups.pop(b)
        number = {i: place for place, group in enumerate(sorted(groups, key=min)) for i in group}
        return tuple(number[i] for i in range(len(points)))

    def learned(self, name: str, cases: Sequence[Case]) -> KnownClasses:
        """The model that knows one class more, of which these are examples. Spread and limits stay
        as they are; fit again when it was seen on more units. Raises `DataError` if the class is
        known, or an example lacks features."""
        if name in self.classes:
            raise DataError(f"class '{name}' is known; fit again with the new examples of it")
        if not cases:
            raise DataError(f"class '{name}' needs at least one example")
        point = np.mean([middle(case, self.names) for case in cases], axis=0)
        counts = [*self.made["classes"], f"{name}: {len(cases)}, learned later"]
        return replace(
            self,
            classes=(*self.classes, name),
            stages=self.stages.with_class(len(self.classes), point),
            made=self.made | {"classes": counts},
        )

    def save(self) -> dict[str, Any]:
        whole = self.stages.whole
        return {
            "diagnoser": "learned_classes",
            "version": _VERSION,
            "names": list(self.names),
            "classes": list(self.classes),
            "stages": [s.save() for s in (self.stages.common, whole) if s is not None],
            "sharpness": self.sharpness,
            "limit": finite(self.limit),
            "reasons": self.most,
            "made": self.made,
        }

    def evidence(self) -> dict[str, Any]:
        return dict(self.made)

    def _probability(self, point: Values) -> Values:
        return self.stages.probability(point, self.sharpness, len(self.classes))

    def _odds(self, point: Values, order: npt.NDArray[np.int64]) -> tuple[Reason, ...]:
        first, second = int(order[0]), int(order[1])
        stage = self.stages.stage(first, second)
        share = stage.odds(point, first, second) * self.sharpness
        than = f"rather than {self.classes[second]}"
        return self._reasons(stage, point, share, than, f"against {self.classes[first]}")

    def _far(self, point: Values, first: int) -> tuple[Reason, ...]:
        stage = self.stages.stage(first)
        share = stage.away(point, first)
        unlike = f"unlike {self.classes[first]}"
        return self._reasons(stage, point, share, unlike, f"like {self.classes[first]}")

    def _reasons(
        self, stage: Discriminant, point: Values, share: Values, more: str, less: str
    ) -> tuple[Reason, ...]:
        found = []
        for i in np.argsort(-np.abs(share), kind="stable")[: self.most]:
            name, weight = self.names[stage.columns[i]], float(share[i])
            here = f"{name} is {point[stage.columns[i]]:.3g}"
            found.append(Reason(name, weight, f"{here}: {more if weight > 0 else less}"))
        return tuple(found)
