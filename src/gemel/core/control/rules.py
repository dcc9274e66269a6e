"""Rules: patterns on a control chart that chance seldom makes.

Points are given as distances from the centre in sigmas, `Points.z`, so that limits are at 3 also
where they change from point to point. A missing point (NaN) is left out: it neither breaks a run
nor counts in it. A point on a line belongs to neither side of it. Rules are for independent points
and equal chances on both sides: for spread, small counts, EWMA and CUSUM, use "limits".

Sources: Western Electric, Statistical Quality Control Handbook (1956); L. S. Nelson, Journal of
Quality Technology 16 (1984) 237-239.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
from numba import njit

from gemel.core.errors import DataError
from gemel.core.frame import Values

__all__ = ["RULE_SETS", "Rule", "RuleSet", "Running", "Side", "Violation", "violations"]

RuleSet: TypeAlias = Literal["none", "limits", "western-electric", "nelson"]
Side: TypeAlias = Literal["", "above", "below", "rising", "falling"]

_SIDES: Final[tuple[Side, ...]] = get_args(Side)
_LONGEST: Final = 15
"""Points that the longest rule looks at."""
_SOME, _TREND, _TURNS, _INSIDE, _OUTSIDE = range(5)


@dataclass(frozen=True, slots=True)
class Rule:
    """`need` of `among` points in a row, told by `form`; `zone` in sigmas."""

    number: int
    name: str
    form: int
    need: int
    among: int
    zone: float = 0.0


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that held, from the first point that has a part in it to the last one at which it
    held, both counted from 0 at the first point ever given."""

    rule: int
    name: str
    side: Side
    first: int
    last: int

    def sentence(self) -> str:
        """In words, without the points."""
        return f"rule {self.rule}: {self.name}" + (f", {self.side}" if self.side else "")


_BEYOND = Rule(1, "a point beyond a limit", _SOME, 1, 1, 3.0)
RULE_SETS: Final[dict[RuleSet, tuple[Rule, ...]]] = {
    "none": (),
    "limits": (_BEYOND,),
    "western-electric": (
        _BEYOND,
        Rule(2, "two of three points beyond 2 sigma on one side", _SOME, 2, 3, 2.0),
        Rule(3, "four of five points beyond 1 sigma on one side", _SOME, 4, 5, 1.0),
        Rule(4, "eight points in a row on one side of the centre", _SOME, 8, 8),
    ),
    "nelson": (
        _BEYOND,
        Rule(2, "nine points in a row on one side of the centre", _SOME, 9, 9),
        Rule(3, "six points in a row that all rise or all fall", _TREND, 6, 6),
        Rule(4, "fourteen points in a row that turn up and down", _TURNS, 14, 14),
        Rule(5, "two of three points beyond 2 sigma on one side", _SOME, 2, 3, 2.0),
        Rule(6, "four of five points beyond 1 sigma on one side", _SOME, 4, 5, 1.0),
        Rule(7, "fifteen points in a row within 1 sigma", _INSIDE, 15, 15, 1.0),
        Rule(8, "eight points in a row beyond 1 sigma, none within", _OUTSIDE, 8, 8, 1.0),
    ),
}


def violations(rules: RuleSet, z: npt.ArrayLike) -> tuple[Violation, ...]:
    """All violations in points float64[n], ordered by their first point.

    A pattern that goes on is one violation, not one at every further point.
    """
    running = Running(rules)
    return tuple(sorted((*running(z), *running.open()), key=lambda v: (v.first, v.last, v.rule)))


class Running:
    """Rules over a stream of points: however it is cut, the violations are the same."""

    def __init__(self, rules: RuleSet, state: dict[str, Any] | None = None) -> None:
        if rules not in RULE_SETS:
            raise DataError(f"no rules '{rules}'; known: {', '.join(RULE_SETS)}")
        self._rules = RULE_SETS[rules]
        self._table = np.array(
            [(r.form, r.need, r.among, r.zone) for r in self._rules], np.float64
        ).reshape(len(self._rules), 4)
        self._past = np.zeros(_LONGEST)
        self._at = np.zeros(_LONGEST, np.int64)
        self._seen = np.zeros(2, np.int64)  # points, and those of them that had a value
        self._open: list[Violation | None] = [None] * len(self._rules)
        if state is not None:
            if state["version"] != 1 or len(state["open"]) != len(self._rules):
                raise DataError("state of other rules")
            self._past[:], self._at[:], self._seen[:] = state["past"], state["at"], state["seen"]
            for k, known in enumerate(state["open"]):
                if known is not None:
                    rule, (side, first, last) = self._rules[k], known
                    self._open[k] = Violation(rule.number, rule.name, _SIDES[side], first, last)

    def state(self) -> dict[str, Any]:
        """A JSON-able value from which the same rules go on."""
        return {
            "version": 1,
            "past": self._past.tolist(),
            "at": self._at.tolist(),
            "seen": self._seen.tolist(),
            "open": [
                None if v is None else [_SIDES.index(v.side), v.first, v.last] for v in self._open
            ],
        }

    def hits(self, z: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Which rule holds at which of the next points, bool[n, rules]; violations are not kept."""
        return np.asarray(self._look(z)[0] > 0, np.bool_)

    def __call__(self, z: npt.ArrayLike) -> list[Violation]:
        """The violations that ended among the next points; `open` tells of those that go on."""
        side, first, start = self._look(z)
        known = np.flatnonzero(~np.isnan(np.asarray(z, np.float64)))
        ended: list[Violation] = []
        for k, rule in enumerate(self._rules if len(known) else ()):
            changes = np.flatnonzero(np.diff(side[known, k])) + 1
            for part in np.split(known, changes):
                held, last = int(side[part[0], k]), start + int(part[-1])
                now, going = _SIDES[max(held - 1, 0)], self._open[k]
                if going is not None and held and going.side == now:
                    self._open[k] = Violation(rule.number, rule.name, now, going.first, last)
                    continue
                if going is not None:
                    ended.append(going)
                begun = Violation(rule.number, rule.name, now, int(first[part[0], k]), last)
                self._open[k] = begun if held else None
        return ended

    def open(self) -> list[Violation]:
        """The violations that hold at the last point."""
        return [v for v in self._open if v is not None]

    def _look(self, z: npt.ArrayLike) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], int]:
        rows = np.ascontiguousarray(np.nan_to_num(z, nan=np.nan, posinf=1e300, neginf=-1e300))
        start = int(self._seen[0])
        side = np.zeros((len(rows), len(self._rules)), np.int64)
        first = np.zeros((len(rows), len(self._rules)), np.int64)
        _holds(rows, self._table, self._past, self._at, self._seen, side, first)
        return side, first, start


@njit(nogil=True, cache=True)
def _holds(
    rows: Values,
    table: Values,
    past: Values,
    at: npt.NDArray[np.int64],
    seen: npt.NDArray[np.int64],
    side: npt.NDArray[np.int64],
    first: npt.NDArray[np.int64],
) -> None:
    """Write to `side` [n, rules] 0 where a rule does not hold, else 1 + the place of its side in
    `Side`, and to `first` the earliest point with a part in it. `past` and `at` are the latest
    points and their numbers, newest last."""
    for i in range(len(rows)):
        number = seen[0]
        seen[0] += 1
        if np.isnan(rows[i]):
            continue
        seen[1] += 1
        past[:-1] = past[1:]
        at[:-1] = at[1:]
        past[-1] = rows[i]
        at[-1] = number
        for k in range(len(table)):
            form, need, among, zone = table[k]
            among = min(int(among), seen[1])
            begin = len(past) - among
            if form == 0:  # `need` of them beyond the zone on the side of the newest
                if not abs(past[-1]) > zone:
                    continue
                sign = 1.0 if past[-1] > 0 else -1.0
                count = 0
                for j in range(len(past) - 1, begin - 1, -1):
                    if sign * past[j] > zone:
                        count += 1
                        if count <= need:
                            first[i, k] = at[j]
                if count >= need:
                    side[i, k] = 2 if sign > 0 else 3
                continue
            if among < need:
                continue
            holds = True
            step = past[begin + 1] - past[begin]
            for j in range(begin, len(past)):
                if form == 1:
                    holds &= j == begin or (past[j] - past[j - 1]) * step > 0
                elif form == 2:
                    turn = j < begin + 2
                    holds &= turn or (past[j] - past[j - 1]) * (past[j - 1] - past[j - 2]) < 0
                elif form == 3:
                    holds &= abs(past[j]) < zone
                else:
                    holds &= abs(past[j]) > zone
            if holds:
                first[i, k] = at[begin]
                side[i, k] = 1
                if form == 1:
                    side[i, k] = 4 if step > 0 else 5
