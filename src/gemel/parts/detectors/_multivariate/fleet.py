"""Many assets of one type, scored together by one model: a row of each asset at a time.

A scorer for each asset costs tens of microseconds of Python for each call; a thousand assets ten
times a second are ten thousand calls. Rows of assets are as independent as rows in time are, so one
call can take a row of each.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.parts.detectors._multivariate.kernels import project, smooth, standardise
from gemel.parts.detectors._multivariate.model import QuadraticModel
from gemel.parts.detectors._multivariate.scales import MultivariateModel

__all__ = ["Fleet"]


class Fleet:
    """The scores of `assets` assets, to the last bit those of a scorer for each.

    It takes rows without gaps in time, and models without lags and wandering signals: what asks for
    more goes through a scorer of its own. It keeps no more than each asset's averages.

    Raises `DataError` for a model that it cannot score.
    """

    def __init__(self, model: MultivariateModel, assets: int) -> None:
        if any(member.lags or member.wanders.any() for member in model.members):
            raise DataError(
                "a model with lags or wandering signals cannot be scored for many assets at once; "
                "start a scorer for each asset"
            )
        self._model = model
        self._members = [_Member(one, assets, model.limit * one.limit) for one in model.members]

    def __call__(self, value: Values) -> tuple[Values, npt.NDArray[np.bool_], Values]:
        """Scores [a], alarms [a] and contributions [a,k] of the next row of each asset, [a,k].

        Contributions are 0 where there is no alarm.
        """
        value = np.ascontiguousarray(value)
        limit = self._model.limit
        told = [member(value) for member in self._members]
        ratio = np.array([score for score, _ in told])
        ratio[~np.isfinite(ratio)] = -np.inf
        highest = ratio.max(axis=0)
        highest[highest == -np.inf] = np.nan
        contribution = told[0][1]
        for number in range(1, len(told)):
            ahead = (ratio.argmax(axis=0) == number) & (highest > limit)
            contribution[ahead] = told[number][1][ahead]
        return highest, highest > limit, contribution


class _Member:
    """One time scale of all assets."""

    def __init__(self, model: QuadraticModel, assets: int, above: float) -> None:
        k = len(model.names)
        self._model, self._above = model, above
        self._near = min((model.mean + above) / 2, above)
        self._one = model.start(above=above)
        self._form, self._inverse = model.form(), 1 / model.scale
        self._average = np.tile(model.centre, (assets, 1))
        self._seen = np.zeros((assets, k), np.int64)
        self._memory = np.tile([model.mean, 1.0], (assets, 1))
        self._blame = np.zeros((assets, k))
        self._rows = 0
        self._standard = np.empty((assets, k))
        self._as_it_is = np.zeros(k), np.ones(k)

    def __call__(self, value: Values) -> tuple[Values, Values]:
        model, rows = self._model, self._standard
        if model.average < 1:
            averaged = np.empty_like(value)
            _averages(value, model.average, self._average, self._seen, averaged)
            value = averaged
        standardise(value, model.centre, self._inverse, rows)
        lost, usable = self._one.complete(rows)
        if self._rows < model.settling:
            usable[:] = False
        self._rows += 1
        directions, gain, rest = self._form
        score, along = np.empty(len(rows)), np.empty((len(rows), len(gain)))
        contribution = np.zeros(rows.shape)
        project(rows, *self._as_it_is, directions, gain, rest, along, score)
        _each(
            rows, *self._as_it_is, lost, usable, directions, gain, rest, model.own, along,
            model.smoothing, self._above, self._near, self._memory, self._blame, score,
            contribution,
        )  # fmt: skip
        return score / model.limit, contribution


@njit(nogil=True, cache=True)
def _averages(
    value: Values, weight: float, mean: Values, seen: npt.NDArray[np.int64], out: Values
) -> None:
    """As `average` with a mean of each row's own; all arrays are [a,k]."""
    for i in range(value.shape[0]):
        for j in range(value.shape[1]):
            x, old, count = value[i, j], mean[i, j], seen[i, j]
            known = x - x == 0
            new = old + max(weight, 1 / (count + 1)) * (x - old)
            mean[i, j] = new if known else old
            seen[i, j] = count + 1 if known else count
            out[i, j] = new if known else x


@njit(nogil=True, cache=True)
def _each(
    rows: Values,
    centre: Values,
    inverse: Values,
    lost: npt.NDArray[np.bool_],
    usable: npt.NDArray[np.bool_],
    directions: Values,
    gain: Values,
    rest: float,
    own: Values,
    along: Values,
    smoothing: float,
    above: float,
    near: float,
    memory: Values,
    blame: Values,
    score: Values,
    contribution: Values,
) -> None:
    """`smooth` for one row of each asset, with a memory of each."""
    for i in range(len(rows)):
        one = slice(i, i + 1)
        smooth(
            rows[one], centre, inverse, lost[one], usable[one], directions, gain, rest, own,
            along[one], smoothing, above, near, memory[i], blame[i], score[one],
            contribution[one],
        )  # fmt: skip
