"""The lives that were kept, and one unit that is held against them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.parts.prognostics._trend import shares
from gemel.parts.prognostics.base import Life, Reasons, Runs
from gemel.parts.prognostics.similarity.course import LOOKS, Course, Followed
from gemel.parts.prognostics.similarity.lives import Lives, Measure

__all__ = ["VERSION", "Model"]

VERSION: Final = 1
_SAID: Final = 3
"""Units that are named in words."""


@dataclass(frozen=True, slots=True)
class Model:
    """What was kept; immutable.

    bands  float64[b,2]: told life, and by how much the interval of the lives is made wider there;
           in between it is interpolated
    """

    names: tuple[str, ...]
    course: Course
    lives: Lives
    measure: Measure
    cap: float
    confidence: float
    bands: Values
    made: dict[str, Any]

    def start(self, state: dict[str, Any] | None = None) -> Prognosis:
        return Prognosis(self, state)

    def predict(self, runs: Runs) -> Life:
        return self.told(self.course(runs), runs.age)

    def explain(self, runs: Runs, rows: npt.NDArray[np.int64]) -> Reasons:
        x, courses = self.course.covariates(runs), self.course(runs)
        first = np.repeat(runs.starts, np.diff(np.append(runs.starts, len(runs))))
        share = np.zeros((len(rows), len(self.names) + 1))
        words, mean = [], 0.0
        for number, row in enumerate(rows.tolist()):
            looks = row - self.course.step * np.arange(LOOKS)
            looks = looks[looks >= first[row]]
            share[number], mean = self._shares(x[looks], float(runs.age[row]))
            words.append(self._words(courses[row], float(runs.age[row])))
        return Reasons(share[:, :-1], share[:, -1], mean, tuple(words))

    def _shares(self, x: Values, age: float) -> tuple[Values, float]:
        """Of each signal and of the age, from the covariates of each look, float64[l,p]. A signal
        that is not known is as on the mean of all rows; an age that is not known is not compared,
        nor known that there were no rows before."""
        kept, width = self.course.covariates.scaling.kept, self.course.weight.shape[1]
        each = (x[:, :, None] * self.course.weight).reshape(len(x), len(kept), -1, width).sum(2)

        def told(known: npt.NDArray[np.bool_]) -> Values:
            course = np.zeros((len(known), LOOKS, width))
            course[:, : len(x)] = np.einsum("cs,lsm->clm", known[:, :-1].astype(float), each)
            course[known[:, -1], len(x) :] = np.nan
            ages = np.where(known[:, -1], age, np.nan)
            return self._tell(course.reshape(len(known), -1), ages)[0]

        own, mean = shares(told, len(kept) + 1)
        found = np.zeros(len(self.names) + 1)
        found[kept], found[-1] = own[:-1], own[-1]
        return found, mean

    def _words(self, course: Values, age: float) -> str:
        parts = []
        for unit, share, left in self.lives.nearest(course, age, self.measure, _SAID):
            lived = self.lives.lived[unit]
            until = f"failed at {lived:g}" if self.lives.ended[unit] else f"is beyond {lived:g}"
            parts.append(f"one that {until} when it had {left:g} left ({share:.0%})")
        return f"most alike: {', '.join(parts)}"

    def save(self) -> dict[str, Any]:
        course = self.lives.course.astype(object)
        course[np.isnan(self.lives.course)] = None
        return {
            "prognostic": "similarity",
            "version": VERSION,
            "names": list(self.names),
            "course": self.course.save(),
            "lives": {
                "course": course.tolist(),
                "age": self.lives.age.tolist(),
                "left": self.lives.left.tolist(),
                "unit": self.lives.unit.tolist(),
                "lived": self.lives.lived.tolist(),
                "ended": self.lives.ended.tolist(),
            },
            "measure": asdict(self.measure),
            "cap": self.cap if np.isfinite(self.cap) else None,
            "confidence": self.confidence,
            "bands": self.bands.tolist(),
            "made": self.made,
        }

    @classmethod
    def load(cls, saved: dict[str, Any]) -> Model:
        """The model that `save` gave. Raises `DataError` for anything else."""
        try:
            course, cap, kept = Course.load(saved["course"]), saved["cap"], saved["lives"]
            bands = np.array(saved["bands"], np.float64)
            lives = Lives(
                np.array(kept["course"], np.float64), np.array(kept["age"], np.float64),
                np.array(kept["left"], np.float64), np.array(kept["unit"], np.int64),
                np.array(kept["lived"], np.float64), np.array(kept["ended"], np.bool_),
            )  # fmt: skip
            _check(lives, course, bands)
            measure = saved["measure"]
            return cls(
                tuple(saved["names"]), course, lives,
                Measure(int(measure["numbers"]), float(measure["age"]), float(measure["width"])),
                np.inf if cap is None else float(cap), float(saved["confidence"]), bands,
                saved["made"],
            )  # fmt: skip
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise DataError(f"not a saved model: {type(error).__name__}: {error}") from None

    def evidence(self) -> dict[str, Any]:
        return dict(self.made)

    def told(self, course: Values, age: Values) -> Life:
        value, low, high = self._tell(course, age)
        wider = np.interp(value, self.bands[:, 0], self.bands[:, 1])
        beyond = np.where(high >= self.cap, np.inf, high + wider)
        return Life(
            value, np.clip(low - wider, 0.0, value), np.clip(beyond, value, self.cap)
        )  # fmt: skip

    def by(self, measure: Measure) -> Model:
        """The same, with as many numbers of health as the measure compares, if it has so many."""
        width = self.course.weight.shape[1]
        measure = replace(measure, numbers=min(measure.numbers, width))
        course = replace(self.course, weight=self.course.weight[:, : measure.numbers])
        return replace(
            self, course=course, lives=self.lives.first(measure.numbers, width), measure=measure
        )

    def _tell(self, course: Values, age: Values) -> tuple[Values, Values, Values]:
        return self.lives.told(course, age, self.measure, self.confidence)


def _check(lives: Lives, course: Course, bands: Values) -> None:
    rows = len(lives.left)
    if lives.course.shape != (rows, course.size) or not rows or bands.ndim != 2:
        raise ValueError("courses, lives or bands have another shape")
    if not (len(lives.age) == len(lives.unit) == rows and len(lives.lived) == len(lives.ended)):
        raise ValueError("rows of lives do not fit together")
    if not np.isfinite(lives.course[:, : course.weight.shape[1]]).all():
        raise ValueError("a course has no health at its row")
    if (np.diff(lives.left) < 0).any() or not np.isfinite(lives.left).all():
        raise ValueError("lives are not in their order")
    if ((lives.unit < 0) | (lives.unit >= len(lives.lived))).any():
        raise ValueError("a row is of no unit")


class Prognosis:
    """Of one unit, running."""

    def __init__(self, model: Model, state: dict[str, Any] | None) -> None:
        self._model = model
        self._course: Followed = model.course.start(state)

    def __call__(self, age: Values, value: Values) -> Life:
        return self._model.told(self._course(value), age)

    def state(self) -> dict[str, Any]:
        return self._course.state()
