"""The log of a line: what was done where, from when to when, in whole columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.core.line.closed import WEEK

__all__ = ["MONDAY", "Flags", "Log", "Numbers"]

Numbers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

MONDAY: Final = 4 * 86_400.0
"""The first Monday after 1970-01-01, a Thursday, in seconds."""


@dataclass(frozen=True, slots=True)
class Log:
    """Work on cases (parts, lots or orders) at stations, sorted by case and time.

    case, station   int64[n]   numbers of the names below
    resource        int64[n]   −1 where it is not told
    start, end      float64[n] seconds since `zero`, a Monday at midnight by the clock on the wall;
                    NaN for an end that was not seen yet
    product         int64[cases]
    zero            seconds since 1970 by the clock on the wall
    until           float64    when the log was cut, seconds since `zero`
    starts_known    whether starts were told; where not, they are the earliest that can have been
    done            bool[cases] where it is known which cases are finished
    notes           what was left out, in sentences
    """

    case: Numbers
    station: Numbers
    resource: Numbers
    start: Values
    end: Values
    product: Numbers
    cases: tuple[str, ...]
    stations: tuple[str, ...]
    resources: tuple[str, ...]
    products: tuple[str, ...]
    zero: float
    until: float
    starts_known: bool = True
    done: Flags | None = None
    notes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        case: Sequence[str],
        station: Sequence[str],
        start: npt.ArrayLike | None,
        end: npt.ArrayLike,
        *,
        resource: Sequence[str] | None = None,
        product: Sequence[str] | None = None,
        done: Sequence[bool] | None = None,
        until: float | None = None,
    ) -> Log:
        """From rows in any order. `start` and `end` are seconds since 1970 by the clock on the
        wall, NaN where unknown; an end that is unknown was not reached when the log was cut. A case
        is `done` if any row of it says so; without it, that is told from the log.

        Raises `DataError` for an empty log, ends before starts, and a single case.
        """
        cases, stations = np.asarray(case, np.str_), np.asarray(station, np.str_)
        last = np.asarray(end, np.float64)
        first = np.full(len(last), np.nan) if start is None else np.asarray(start, np.float64)
        if not len(cases):
            raise DataError("the log is empty: there are no rows below the header")
        backwards = np.flatnonzero(last < first)
        if len(backwards):
            row = int(backwards[0])
            raise DataError(
                f"row {row + 1}: ends {first[row] - last[row]:.6g} s before it starts"
                + (f", and {len(backwards) - 1} rows more" if len(backwards) > 1 else "")
                + "; are the columns of start and end the right way round?"
            )
        known = np.isfinite(last if start is None else first)
        people: tuple[str, ...] = ()
        kept = known & (cases != "") & (stations != "")
        notes = _left_out(cases, stations, known)
        if not kept.any():
            raise DataError("no row has a case, a station and a time")
        numbers, names = _coded(cases[kept])
        if len(names) == 1:
            raise DataError(
                f"all rows are of one case, '{names[0]}'; a line is learned from many. Is it the "
                "column of the case?"
            )
        places, place_names = _coded(stations[kept])
        worker = np.full(int(kept.sum()), -1, np.int64)
        if resource is not None:
            worker, people = _coded(np.asarray(resource, np.str_)[kept])
        first, last = first[kept], last[kept]
        kind = np.zeros(len(names), np.int64)
        kinds: tuple[str, ...] = ("part",)
        if product is not None:
            kinds_by_row, kinds = _coded(np.asarray(product, np.str_)[kept])
            kind[numbers[::-1]] = kinds_by_row[::-1]  # the first row of a case says
        over = None
        if done is not None:
            over = np.zeros(len(names), np.bool_)
            np.logical_or.at(over, numbers, np.asarray(done, np.bool_)[kept])
        times = np.concatenate([first, last])
        zero = float(np.floor((np.nanmin(times) - MONDAY) / WEEK) * WEEK + MONDAY)
        log = cls(
            numbers, places, worker, first - zero, last - zero, kind, names, place_names, people,
            kinds, zero, float(np.nanmax(times) if until is None else until) - zero,
            start is not None, over, notes,
        )  # fmt: skip
        return _in_order(log if start is not None else _started(log))

    def rows(self, which: Numbers | Flags) -> Log:
        """Some rows; names stay."""
        return replace(
            self, case=self.case[which], station=self.station[which],
            resource=self.resource[which], start=self.start[which], end=self.end[which],
        )  # fmt: skip

    def cut(self, until: float, done: Flags | None = None) -> Log:
        """What was known at `until`: rows that had begun, with their ends if they had come; and
        which cases were `done` by then, bool[cases], if that was known."""
        began = self.start < until if self.starts_known else self.end < until
        some = self.rows(began)
        end = np.where(some.end <= until, some.end, np.nan)
        there, case = np.unique(some.case, return_inverse=True)
        return replace(
            some, end=end, case=case.astype(np.int64), product=self.product[there],
            cases=tuple(self.cases[i] for i in there.tolist()), until=until,
            done=None if done is None else done[there],
        )  # fmt: skip

    @property
    def bounds(self) -> Numbers:
        """Row at which each case begins, and the number of rows; int64[cases + 1]."""
        return np.searchsorted(self.case, np.arange(len(self.cases) + 1)).astype(np.int64)


def _in_order(log: Log) -> Log:
    ends = np.where(np.isnan(log.end), np.inf, log.end)
    return log.rows(np.lexsort((ends, log.start, log.case)))


def _started(log: Log) -> Log:
    """With the earliest start of each row: when the case had come, and the resource (or else the
    station) had ended what it did before. The first of all is only an end."""
    came = _before(log.case, log.end)
    where = np.where(log.resource < 0, log.station, len(log.stations) + log.resource)
    free = _before(where, log.end)
    start = np.fmax(came, free)
    return replace(log, start=np.where(np.isnan(start), log.end, start))


def _left_out(
    cases: npt.NDArray[np.str_], stations: npt.NDArray[np.str_], known: Flags
) -> tuple[str, ...]:
    reasons = {
        "without a time": ~known,
        "without a case": known & (cases == ""),
        "without a station": known & (cases != "") & (stations == ""),
    }
    counts = {said: int(rows.sum()) for said, rows in reasons.items()}
    return tuple(f"{n} rows {said} are left out" for said, n in counts.items() if n)


def _coded(texts: npt.NDArray[np.str_]) -> tuple[Numbers, tuple[str, ...]]:
    """Numbers of texts in the order in which they come first."""
    names, first, numbers = np.unique(texts, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return rank[numbers], tuple(str(n) for n in names[order])


def _before(group: Numbers, time: Values) -> Values:
    """The time before, in each group by time; NaN for the first."""
    order = np.lexsort((time, group))
    found = np.full(len(time), np.nan)
    same = group[order[1:]] == group[order[:-1]]
    found[order[1:][same]] = time[order[:-1][same]]
    return found
