"""Several models of the same signals, one for each time scale: the one that minds most speaks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.parts.detectors._multivariate.model import QuadraticModel
from gemel.parts.detectors.base import Score, Window

__all__ = ["MultivariateModel"]


@dataclass(slots=True, eq=False)
class MultivariateModel:
    """The score of a row is the largest ratio of a member's score to the limit of that member.

    begun  rising rows since a start, and by which factor the limit is wider before each
    """

    detector: str
    members: tuple[QuadraticModel, ...]
    limit: float = 1.0
    made: dict[str, Any] = field(default_factory=dict)
    begun: tuple[tuple[int, float], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return self.members[0].names

    def start(self, state: dict[str, Any] | None = None) -> MultivariateScorer:
        return MultivariateScorer(self, state)

    def save(self) -> dict[str, Any]:
        return {
            "version": 2,
            "detector": self.detector,
            "members": [member.save() for member in self.members],
            "limit": self.limit,
            "made": self.made,
            "begun": [list(step) for step in self.begun],
        }

    @classmethod
    def load(cls, saved: dict[str, Any], detector: str) -> MultivariateModel:
        """The model that `save` gave. Version 1, of pca only, was one model with variances."""
        found = (saved.get("detector"), saved.get("version"))
        if found == ("pca", 1) and detector == "pca":
            precision = [1 / variance for variance in saved["variance"]]
            member = saved | {"average": 1.0, "precision": precision}
            return cls(detector, (QuadraticModel.load(member),), 1.0, saved["made"])
        if found != (detector, 2):
            raise DataError(
                f"saved model is {found[0]} version {found[1]}, must be {detector} version 2"
            )
        members = tuple(QuadraticModel.load(member) for member in saved["members"])
        # Models of before had one limit, from the first row on.
        begun = tuple((int(row), float(factor)) for row, factor in saved.get("begun", ()))
        return cls(detector, members, saved["limit"], saved["made"], begun)

    def limits(self, since: npt.NDArray[np.int64]) -> Values:
        """The limit of rows that come so many rows after a start."""
        if not self.begun:
            return np.full(len(since), self.limit)
        rows, factors = zip(*self.begun, strict=True)
        at = np.searchsorted(np.array(rows), since, side="right")
        return self.limit * np.append(factors, 1.0)[at]

    def evidence(self) -> dict[str, Any]:
        return dict(self.made)


class MultivariateScorer:
    """All members, side by side."""

    def __init__(self, model: MultivariateModel, state: dict[str, Any] | None) -> None:
        self._model = model
        states: Sequence[Any] = [None] * len(model.members)
        if state is not None:
            if state["version"] not in (2, 3) or len(state["members"]) != len(model.members):
                raise DataError(f"state of another {model.detector} model")
            states = state["members"]
        pairs = zip(model.members, states, strict=True)
        self._scorers = [
            member.start(one, above=model.limit * member.limit) for member, one in pairs
        ]

    def state(self) -> dict[str, Any]:
        return {"version": 3, "members": [scorer.state() for scorer in self._scorers]}

    def __call__(self, window: Window) -> Score:
        model = self._model
        if window.names != model.names:
            raise DataError(f"window of {window.names[:5]}…, the model is of {model.names[:5]}…")
        limit = model.limits(self._scorers[0].since(window.time))
        told = [scorer(window) for scorer in self._scorers]
        pairs = zip(told, model.members, strict=True)
        ratio = np.array([score / member.limit for (score, _), member in pairs])
        ratio[~np.isfinite(ratio)] = -np.inf
        value = ratio.max(axis=0)
        value[value == -np.inf] = np.nan
        contribution = told[0][1]
        for number in range(1, len(told)):
            ahead = (ratio.argmax(axis=0) == number) & (value > model.limit)
            contribution[ahead] = told[number][1][ahead]
        return Score(window.time, value, limit, value > limit, contribution)
