"""What was learned of wear, and one unit that is followed with it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.parts.prognostics.base import Life, Reasons, Runs
from gemel.parts.prognostics.wiener.indicator import Indicator
from gemel.parts.prognostics.wiener.passage import arrived, tell
from gemel.parts.prognostics.wiener.tracking import SIZE, Wear, follow, step

__all__ = ["VERSION", "Model"]

VERSION: Final = 1
_STATE: Final = 1


@dataclass(frozen=True, slots=True)
class Model:
    """What was learned; immutable.

    limit   float64[2]: mean, and variance; the latter negative where the limit is given
    levels  float64[b,4]: chances at which value, lower and upper end are told, where the median of
            the model is the first number; in between they are interpolated
    """

    names: tuple[str, ...]
    indicator: Indicator
    wear: Wear
    limit: Values
    cap: float
    confidence: float
    levels: Values
    made: dict[str, Any]

    def start(self, state: dict[str, Any] | None = None) -> Prognosis:
        return Prognosis(self, state)

    def predict(self, runs: Runs) -> Life:
        return self.told(follow(runs, self.indicator(runs.value), self.wear))

    def explain(self, runs: Runs, rows: npt.NDArray[np.int64]) -> Reasons:
        at = follow(runs, self.indicator(runs.value), self.wear)[rows]
        new = self.wear.new()[None, 1:]
        mean = float(self.told(new).value[0])
        share = np.zeros((len(rows), len(self.names)))
        share[:, self.indicator.column] = self.told(at).value - mean
        return Reasons(share, np.zeros(len(rows)), mean, tuple(self._words(row) for row in at))

    def save(self) -> dict[str, Any]:
        return {
            "prognostic": "wiener",
            "version": VERSION,
            "names": list(self.names),
            "indicator": self.indicator.save(),
            "wear": asdict(self.wear),
            "limit": self.limit.tolist(),
            "cap": self.cap,
            "confidence": self.confidence,
            "levels": self.levels.tolist(),
            "made": self.made,
        }

    @classmethod
    def load(cls, saved: dict[str, Any]) -> Model:
        """The model that `save` gave. Raises `DataError` for anything else."""
        try:
            wear = {name: float(value) for name, value in saved["wear"].items()}
            limit = np.array(saved["limit"], np.float64)
            levels = np.array(saved["levels"], np.float64)
            if limit.shape != (2,) or levels.ndim != 2 or levels.shape[1] != 4:
                raise ValueError("limit or levels have another shape")
            return cls(
                tuple(saved["names"]), Indicator.load(saved["indicator"]), Wear(**wear), limit,
                float(saved["cap"]), float(saved["confidence"]), levels, saved["made"],
            )  # fmt: skip
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise DataError(f"not a saved model: {type(error).__name__}: {error}") from None

    def evidence(self) -> dict[str, Any]:
        return dict(self.made)

    def told(self, at: Values) -> Life:
        """Of rows of levels and drifts, float64[n,5]."""
        out, median = np.empty((3, len(at))), np.empty(len(at))
        wear = self.wear
        tell(at, self.limit, wear.diffusion, wear.wander, self.cap, self.levels, median, out)
        value = out[0]
        return Life(value, np.minimum(out[1], value), np.maximum(out[2], value))

    def chances(self, runs: Runs, life: Values) -> tuple[Values, Values]:
        """The chance to fail within `life`, float64[n], at each row; and the median."""
        at = follow(runs, self.indicator(runs.value), self.wear)
        out, median = np.empty(len(at)), np.empty(len(at))
        arrived(life, at, self.limit, self.wear.diffusion, self.wear.wander, out)
        only = np.array([[0.0, 0.5, 0.5, 0.5]])
        tell(
            at, self.limit, self.wear.diffusion, self.wear.wander, self.cap, only, median,
            np.empty((3, len(at))),
        )  # fmt: skip
        return out, median

    def _words(self, at: Values) -> str:
        name = self.names[self.indicator.column]
        level, limit = self.indicator.back(at[0]), self.indicator.back(self.limit[0])
        drift, unsure = self.indicator.sign * at[1], np.sqrt(max(at[4], 0.0))
        if self.indicator.logarithm:
            pace = f"{100 * drift:+.3g} ± {100 * unsure:.2g} % per unit of life"
        else:
            pace = f"{drift:+.3g} ± {unsure:.2g} per unit of life"
        return f"{name} is {level:.4g}, its limit {limit:.4g}; it drifts by {pace}"


class Prognosis:
    """Of one unit, running."""

    def __init__(self, model: Model, state: dict[str, Any] | None) -> None:
        self._model = model
        self._at = model.wear.new()
        if state is not None:
            self._take(state)

    def __call__(self, age: Values, value: Values) -> Life:
        out = np.empty((len(age), SIZE - 1))
        step(age, self._model.indicator(value), self._model.wear.array(), self._at, out)
        return self._model.told(out)

    def state(self) -> dict[str, Any]:
        age, *rest = self._at.tolist()
        return {"version": _STATE, "age": None if np.isnan(age) else age, "at": rest}

    def _take(self, state: dict[str, Any]) -> None:
        if state.get("version") != _STATE:
            raise DataError(f"the state has version {state.get('version')}, expected {_STATE}")
        try:
            age = np.nan if state["age"] is None else float(state["age"])
            at = np.array([age, *map(float, state["at"])])
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"not the state of a unit: {error}") from None
        if at.shape != self._at.shape or not np.isfinite(at[1:]).all():
            raise DataError("the state is of another model")
        self._at = at
