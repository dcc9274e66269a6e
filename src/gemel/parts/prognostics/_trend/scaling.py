"""Signals relative to what is normal under the operating condition at hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gemel.core.errors import DataError
from gemel.core.frame import Values

__all__ = ["Scaling"]

_GAP: Final = 0.1
"""Groups of settings are separated by more than this share of the range of a column …"""
_ODD: Final = 0.01
"""… of which the outermost hundredth on either side does not count."""
_LEAST: Final = 30
"""A condition of fewer fitting rows is scaled as all rows together are."""
_STILL: Final = 1e-9
"""A signal that moves by less than this share of its size is constant."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """Mean and standard deviation of each signal, under each operating condition.

    Conditions are found in the columns that set them: where the values of such a column fall in
    groups with wide gaps between them (altitudes of a few flight levels, recipes), each group is
    one; a column without such gaps makes no conditions.

    cuts       values between the groups of each setting
    settings   int64[s]      columns of the settings
    kept       int64[m]      columns that are signals, and not constant
    condition  int64[c]      codes of the known conditions, rising
    mean, std  float64[c+1,m]  of each; the last for all conditions together
    """

    cuts: tuple[tuple[float, ...], ...]
    settings: npt.NDArray[np.int64]
    kept: npt.NDArray[np.int64]
    condition: npt.NDArray[np.int64]
    mean: Values
    std: Values

    @classmethod
    def fit(cls, value: Values, settings: npt.NDArray[np.int64]) -> Scaling:
        """From rows, float64[n,k]. Raises `DataError` if no signal moves."""
        cuts = tuple(_cuts(value[:, column]) for column in settings.tolist())
        codes = _codes(value[:, settings], cuts)
        known, rows = np.unique(codes, return_counts=True)
        known = known[rows >= _LEAST]
        signals = np.setdiff1d(np.arange(value.shape[1]), settings)
        groups = [codes == code for code in known] + [np.ones(len(value), np.bool_)]
        mean = np.stack([_mean(value[np.ix_(group, signals)]) for group in groups])
        std = np.stack(
            [
                np.sqrt(_mean((value[np.ix_(group, signals)] - centre) ** 2))
                for group, centre in zip(groups, mean, strict=True)
            ]
        )
        moves = (std > _STILL * np.maximum(np.abs(mean), 1e-300)).any(axis=0)
        if not moves.any():
            raise DataError("no signal moves in any row; there is nothing to learn from")
        std = np.where(std > 0, std, 1.0)
        return cls(cuts, settings, signals[moves], known, mean[:, moves], std[:, moves])

    def __call__(self, value: Values) -> Values:
        """float64[n,m]: standardised; NaN where unknown."""
        place = self._place(value)
        return np.asarray((value[:, self.kept] - self.mean[place]) / self.std[place])

    def level(self, value: Values) -> Values:
        """float64[n,m]: in their own units, less what the condition adds to the mean of all."""
        place = self._place(value)
        return np.asarray(value[:, self.kept] - (self.mean[place] - self.mean[-1]))

    def _place(self, value: Values) -> npt.NDArray[np.int64]:
        """int64[n]: the known condition of each row, by number; the last for one that is not."""
        codes = _codes(value[:, self.settings], self.cuts)
        place = np.searchsorted(self.condition, codes)
        found = np.append(self.condition, -1)[place] == codes
        return np.where(found, place, len(self.condition))

    def save(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            "cuts": [list(cuts) for cuts in self.cuts],
            "settings": self.settings.tolist(),
            "kept": self.kept.tolist(),
            "condition": self.condition.tolist(),
            "mean": self.mean.tolist(),
            "std": self.std.tolist(),
        }

    @classmethod
    def load(cls, saved: dict[str, Any]) -> Scaling:
        """The scaling that `save` gave."""
        return cls(
            tuple(tuple(float(cut) for cut in cuts) for cuts in saved["cuts"]),
            np.array(saved["settings"], np.int64),
            np.array(saved["kept"], np.int64),
            np.array(saved["condition"], np.int64),
            np.array(saved["mean"], np.float64),
            np.array(saved["std"], np.float64),
        )


def _cuts(column: Values) -> tuple[float, ...]:
    values = np.unique(column[np.isfinite(column)])
    if len(values) < 2:
        return ()
    low, high = np.nanquantile(column, [_ODD, 1 - _ODD])
    reach = high - low if high > low else values[-1] - values[0]
    wide = np.flatnonzero(np.diff(values) > _GAP * reach)
    return tuple(float(c) for c in (values[wide] + values[wide + 1]) / 2)


def _codes(settings: Values, cuts: tuple[tuple[float, ...], ...]) -> npt.NDArray[np.int64]:
    codes = np.zeros(len(settings), np.int64)
    for column, mine in zip(settings.T, cuts, strict=True):
        codes = codes * (len(mine) + 1) + np.searchsorted(np.array(mine), column)
    return codes


def _mean(rows: Values) -> Values:
    known = np.isfinite(rows)
    count = np.maximum(known.sum(axis=0), 1)
    return np.asarray(np.where(known, rows, 0.0).sum(axis=0) / count)
