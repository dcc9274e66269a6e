"""Contribution: which signals moved, how far against normal, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from pydantic import Field

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.core.time import isoformat
from gemel.parts.diagnosers._cases import chosen, finite, numbers, restored, same_names
from gemel.parts.diagnosers.base import Case, Cause, Diagnoser, Diagnosis, Example, Reason

__all__ = ["Contribution"]

_VERSION: Final = 1
_LEAST: Final = 60
_FAIR: Final = 1.4826


class Contribution(Diagnoser):
    """Which signals moved, how far against normal operation, and which of them first.

    It needs examples called `normal` and no others. The probability of a signal is its share of all
    that moved, in squared standard deviations beyond what is normal; `low` and `high` hold four in
    five of the rows since then. A signal has moved where the mean of its last `smooth` rows leaves
    what held-out normal rows stayed within, for `hold` rows. What moved first is nearer to the
    cause than what moved most, as far as the signals are sampled often enough to tell.
    """

    smooth: int = Field(5, ge=1, description="Rows whose mean is looked at")
    hold: int = Field(3, ge=1, description="Rows that a signal must stay away")
    rate: float = Field(
        0.001, gt=0, lt=0.5, description="Share of normal rows in which a signal may leave"
    )

    def fit(self, examples: Sequence[Example]) -> _Model:
        normal = [e for e in examples if e.cause == "normal"]
        names = same_names(normal)
        values = [chosen(e.case.window, names) for e in normal]
        count = sum(len(v) for v in values)
        if count < _LEAST:
            raise DataError(f"{count} rows of normal operation; at least {_LEAST} are needed")
        # The last third of each stretch is held out: what is near in time looks alike.
        cut = [len(v) - len(v) // 3 for v in values]
        fitting = np.concatenate([v[:c] for v, c in zip(values, cut, strict=True)])
        centre = np.nanmedian(fitting, axis=0)
        scale = _FAIR * np.nanmedian(np.abs(fitting - centre), axis=0)
        spread = np.nanstd(fitting, axis=0)
        scale = np.where(scale > 0, scale, np.where(spread > 0, spread, 1.0))
        held = [
            _smoothed((v[c:] - centre) / scale, self.smooth)
            for v, c in zip(values, cut, strict=True)
        ]
        away = np.abs(np.concatenate(held))
        limit = np.maximum(np.nanquantile(away, 1 - self.rate, axis=0), 3 / np.sqrt(self.smooth))
        made = {"rows": count, "limits": f"{self.rate:.2%} of {len(away)} held-out normal rows"}
        return _Model(self, names, centre, scale, limit, made)

    def load(self, saved: dict[str, Any]) -> _Model:
        def make() -> _Model:
            names = tuple(map(str, saved["names"]))
            centre, scale, limit = (
                numbers(saved[name], (len(names),)) for name in ("centre", "scale", "limit")
            )
            return _Model(self, names, centre, scale, limit, dict(saved["made"]))

        return restored(saved, "contribution", _VERSION, make)


@dataclass(frozen=True, slots=True)
class _Model:
    """centre, scale, limit: float64[k], the limit in scales."""

    settings: Contribution
    names: tuple[str, ...]
    centre: Values
    scale: Values
    limit: Values
    made: dict[str, Any]

    def diagnose(self, case: Case) -> Diagnosis:
        window = case.window
        if not len(window):
            raise DataError("the window has no rows")
        away = (chosen(window, self.names) - self.centre) / self.scale
        smooth = _smoothed(away, self.settings.smooth)
        begins = [self._onset(smooth[:, j], j) for j in range(len(self.names))]
        moved = [j for j, begin in enumerate(begins) if begin is not None]
        if not moved:
            return Diagnosis((), notes=("no signal left what is normal for it",))
        first = min(begins[j] or 0 for j in moved)
        if case.since is not None:
            first = min(max(first, int(np.searchsorted(window.time, case.since))), len(window) - 1)
        beyond = (
            np.maximum(np.abs(np.nan_to_num(smooth[first:, moved])) - self.limit[moved], 0) ** 2
        )
        total = beyond.sum(axis=1)
        each = beyond[total > 0] / total[total > 0, None]
        if not len(each):  # all came back before `since`
            return Diagnosis((), notes=("what had moved came back before the case began",))
        share = beyond.sum(axis=0) / beyond.sum()
        low, high = np.quantile(each, [0.1, 0.9], axis=0)
        order = sorted(range(len(moved)), key=lambda i: -share[i])
        in_time = sorted(moved, key=lambda j: (begins[j], j))
        causes = []
        for i in order:
            j, begin = moved[i], begins[moved[i]] or 0
            size = float(np.nanmean(away[begin:, j]))
            place = in_time.index(j) + 1
            when = isoformat(int(window.time[begin]))
            said = f"{size:+.1f} standard deviations since {when}, {place}. of {len(moved)} to move"
            reason = Reason(self.names[j], size, said)
            ends = min(float(low[i]), float(share[i])), max(float(high[i]), float(share[i]))
            causes.append(Cause(self.names[j], float(share[i]), *ends, (reason,), said))
        told = " → ".join(self.names[j] for j in in_time[:10])
        return Diagnosis(tuple(causes), notes=(f"in order of time: {told}",))

    def save(self) -> dict[str, Any]:
        arrays = {name: finite(getattr(self, name)) for name in ("centre", "scale", "limit")}
        return {
            "diagnoser": "contribution", "version": _VERSION, "names": list(self.names), **arrays,
            "made": self.made,
        }  # fmt: skip

    def evidence(self) -> dict[str, Any]:
        return dict(self.made)

    def _onset(self, value: Values, signal: int) -> int | None:
        """The first row from which on it is away for long enough."""
        out = np.abs(value) > self.limit[signal]
        hold = min(self.settings.hold, len(out))
        runs = np.lib.stride_tricks.sliding_window_view(out, hold).all(axis=1)
        return int(runs.argmax()) if runs.any() else None


def _smoothed(value: Values, rows: int) -> Values:
    """Mean of the last rows up to each, of what is known; NaN where nothing is."""
    known = np.isfinite(value)
    zero = np.zeros((1, value.shape[1]))
    total = np.vstack([zero, np.cumsum(np.where(known, value, 0), axis=0)])
    count = np.vstack([zero, np.cumsum(known, axis=0)])
    begin = np.maximum(np.arange(len(value)) + 1 - rows, 0)
    end = np.arange(len(value)) + 1
    n = count[end] - count[begin]
    return np.asarray(np.where(n > 0, (total[end] - total[begin]) / np.maximum(n, 1), np.nan))
