"""Key performance indicators of ISO 22400-2, each with its formula, inputs, and what is missing.

A value is *unknown* (None) where its inputs are: never 0. Where a part of the window is missing,
the rest stands for it up to `most_missing` of the window, and `low` and `high` say between which
values it lies whatever happened in that part.

MTBF, MTTF and MTTR divide by FE + 1 in the standard and by FE in most plants; both are given. TEEP
and the `common` variants are not in the 2014 list of the standard.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from gemel.core.time import HOUR, SECOND
from gemel.twin.operations.times import DELAYS, TimeClass, Totals

__all__ = ["Kpi", "measure"]


@dataclass(frozen=True, slots=True)
class Kpi:
    """One indicator over [start, end), ns UTC.

    value         None is unknown, and `why_unknown` says why
    formula       in the words of the standard
    inputs        the numbers that went in, by name; times in seconds
    known_share   of the planned time of the window
    low, high     bounds, given what is missing; equal to the value where nothing is
    """

    name: str
    value: float | None
    unit: str
    formula: str
    inputs: Mapping[str, float | None]
    start: int
    end: int
    known_share: float
    why_unknown: str = ""
    low: float | None = None
    high: float | None = None
    variant: str = "ISO 22400-2"


@dataclass(frozen=True, slots=True)
class _Sums:
    """Inputs of the formulas; times in seconds. `None` is unknown."""

    pbt: float
    apt: float
    aust: float
    adet: float
    ttr: float
    failures: float
    pq: float | None
    gq: float | None
    sq: float | None
    aoet: float | None
    pri: float | None
    calendar: float

    @property
    def aupt(self) -> float:
        return self.apt + self.aust

    @property
    def aubt(self) -> float:
        return self.aupt + self.adet


_Formula = Callable[[_Sums], float | None]


def _ratio(above: float | None, below: float | None) -> float | None:
    return None if above is None or not below else above / below


def _times(*factors: float | None) -> float | None:
    product = 1.0
    for factor in factors:
        if factor is None:
            return None
        product *= factor
    return product


def _availability(s: _Sums) -> float | None:
    return _ratio(s.apt, s.pbt)


def _effectiveness(s: _Sums) -> float | None:
    return _ratio(_times(s.pri, s.pq), s.apt)


def _quality(s: _Sums) -> float | None:
    return _ratio(s.gq, s.pq)


def _oee(s: _Sums) -> float | None:
    # A·E·Q = PRI·GQ/PBT, which is also known where nothing was produced.
    return _ratio(_times(s.pri, s.gq), s.pbt)


_ISO: Final = "ISO 22400-2"
_COMMON: Final = "common practice"
_KPIS: Final[tuple[tuple[str, str, str, tuple[str, ...], _Formula, str], ...]] = (
    ("availability", "1", "APT / PBT", ("apt", "pbt"), _availability, _ISO),
    ("effectiveness", "1", "PRI · PQ / APT", ("pri", "pq", "apt"), _effectiveness, _ISO),
    ("quality_ratio", "1", "GQ / PQ", ("gq", "pq"), _quality, _ISO),
    ("oee", "1", "availability · effectiveness · quality ratio = PRI · GQ / PBT",
     ("pri", "gq", "pbt"), _oee, _ISO),
    ("net_equipment_effectiveness", "1", "(APT + AUST) / PBT · effectiveness · quality ratio",
     ("apt", "aust", "pbt", "pri", "pq", "gq"),
     lambda s: _times(_ratio(s.aupt, s.pbt), _effectiveness(s), _quality(s)), _ISO),
    ("throughput_rate", "1/h", "PQ / AOET", ("pq", "aoet"),
     lambda s: _times(3600.0, _ratio(s.pq, s.aoet)), _ISO),
    ("production_rate", "1/h", "PQ / PBT", ("pq", "pbt"),
     lambda s: _times(3600.0, _ratio(s.pq, s.pbt)), _COMMON),
    ("scrap_ratio", "1", "SQ / PQ", ("sq", "pq"), lambda s: _ratio(s.sq, s.pq), _ISO),
    ("allocation_ratio", "1", "AUBT / AOET", ("aubt", "aoet"),
     lambda s: _ratio(s.aubt, s.aoet), _ISO),
    ("allocation_efficiency", "1", "AUBT / PBT", ("aubt", "pbt"),
     lambda s: _ratio(s.aubt, s.pbt), _ISO),
    ("utilisation_efficiency", "1", "APT / AUBT", ("apt", "aubt"),
     lambda s: _ratio(s.apt, s.aubt), _ISO),
    ("technical_efficiency", "1", "APT / (APT + ADET)", ("apt", "adet"),
     lambda s: _ratio(s.apt, s.apt + s.adet), _ISO),
    ("setup_ratio", "1", "AUST / AUPT", ("aust", "aupt"), lambda s: _ratio(s.aust, s.aupt), _ISO),
    ("mtbf", "h", "(AUPT + TTR) / (FE + 1)", ("aupt", "ttr", "failures"),
     lambda s: (s.aupt + s.ttr) / (s.failures + 1) / 3600, _ISO),
    ("mttf", "h", "AUPT / (FE + 1)", ("aupt", "failures"),
     lambda s: s.aupt / (s.failures + 1) / 3600, _ISO),
    ("mttr", "h", "TTR / (FE + 1)", ("ttr", "failures"),
     lambda s: s.ttr / (s.failures + 1) / 3600, _ISO),
    ("mtbf_common", "h", "(AUPT + TTR) / FE", ("aupt", "ttr", "failures"),
     lambda s: _ratio((s.aupt + s.ttr) / 3600, s.failures), _COMMON),
    ("mttr_common", "h", "TTR / FE", ("ttr", "failures"),
     lambda s: _ratio(s.ttr / 3600, s.failures), _COMMON),
    ("teep", "1", "OEE · PBT / calendar time = PRI · GQ / calendar time",
     ("pri", "gq", "calendar"), lambda s: _ratio(_times(s.pri, s.gq), s.calendar), _COMMON),
)  # fmt: skip

_MISSING: Final = {
    "pq": "no signal with role 'count' has a known value",
    "gq": "no signal with role 'reject' has a known value",
    "sq": "no signal with role 'reject' has a known value",
    "pri": "the asset has no `ideal_rate`",
    "aoet": "no signal with role 'order' has a known value",
}
_PIECES: Final = frozenset({"pq", "gq", "sq"})
_NOTHING: Final = {
    "pbt": "nothing was planned",
    "apt": "nothing was produced: production time is 0",
    "pq": "nothing was produced: the count is 0",
    "aubt": "it was never busy",
    "aupt": "it never ran",
    "aoet": "there was no order",
    "failures": "there was no failure",
    "calendar": "the window is empty",
}


def measure(
    totals: Totals,
    start: int,
    end: int,
    *,
    ideal_rate: float | None = None,
    most_missing: float = 0.05,
) -> dict[str, Kpi]:
    """Every indicator over the window [start, end) of `totals`, by name.

    `ideal_rate` is in pieces per hour; PRI, the planned run time per item, is its inverse.
    """
    unknown = totals.of(TimeClass.UNKNOWN) / SECOND
    window = totals.planned / SECOND
    known_share = 1.0 - unknown / window if window else 1.0
    seen = _sums(totals, start, end, ideal_rate)
    likely = _scaled(seen, 1.0 / known_share if known_share else 1.0)
    found: dict[str, Kpi] = {}
    for name, unit, formula, inputs, compute, variant in _KPIS:
        values = {i: getattr(likely, i) for i in inputs}
        missing = [i for i in inputs if values[i] is None]
        value, why = None, ""
        if missing:
            why = _MISSING[missing[0]]
        elif 1.0 - known_share > most_missing:
            why = f"{1 - known_share:.1%} of the planned time is missing"
        else:
            value = compute(likely)
            if value is None:
                # What is divided by stands last in the formula.
                zero = [i for i in reversed(inputs) if i in _NOTHING and not values[i]]
                why = _NOTHING[zero[0]] if zero else ""
        bounds: list[float] = []
        # How often it failed, what it made before it was counted, and for how long there was an
        # order has no bound where nobody looked.
        unbounded = "failures" in inputs or "aoet" in inputs
        if not (unbounded and unknown) and not (totals.uncounted and _PIECES & set(inputs)):
            cases = _cases(seen, unknown, missing)
            bounds = [b for b in map(compute, cases) if b is not None]
            bounds += [] if value is None else [value]
        low, high = (min(bounds), max(bounds)) if bounds else (None, None)
        found[name] = Kpi(
            name, value, unit, formula, values, start, end, known_share, why, low, high, variant
        )
    return found


def _sums(totals: Totals, start: int, end: int, ideal_rate: float | None) -> _Sums:
    counted = totals.counted
    good = totals.produced - totals.rejected
    return _Sums(
        pbt=(totals.planned - totals.of(TimeClass.PLANNED)) / SECOND,
        apt=totals.of(TimeClass.PRODUCTION) / SECOND,
        aust=totals.of(TimeClass.SETUP) / SECOND,
        adet=totals.of(*DELAYS) / SECOND,
        ttr=totals.of(TimeClass.FAULT) / SECOND,
        failures=float(totals.failures),
        pq=totals.produced if counted else None,
        gq=good if counted and totals.judged else None,
        sq=totals.rejected if totals.judged else None,
        aoet=totals.ordered / SECOND if totals.booked else None,
        pri=None if ideal_rate is None else HOUR / SECOND / ideal_rate,
        calendar=(end - start) / SECOND,
    )


def _cases(sums: _Sums, unknown: float, missing: Sequence[str]) -> Iterator[_Sums]:
    """The extremes of what could be: the missing time all spent in one class, and all or none of
    the pieces good where nobody says. A ratio of sums takes its bounds there."""
    judged = [sums]
    if set(missing) <= {"gq", "sq"} and missing and sums.pq is not None:
        judged = [replace(sums, gq=0.0, sq=sums.pq), replace(sums, gq=sums.pq, sq=0.0)]
    for case in judged:
        yield case
        if unknown:
            yield replace(case, apt=case.apt + unknown)
            yield replace(case, aust=case.aust + unknown)
            yield replace(case, adet=case.adet + unknown)
            yield replace(case, pbt=case.pbt - unknown)


def _scaled(sums: _Sums, grown: float) -> _Sums:
    """The known part of the window stands for the missing one. Counters go on while nobody looks,
    so that pieces need no such help."""
    return replace(
        sums,
        apt=sums.apt * grown,
        aust=sums.aust * grown,
        adet=sums.adet * grown,
        ttr=sums.ttr * grown,
    )
