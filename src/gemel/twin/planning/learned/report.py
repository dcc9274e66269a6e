"""What was learned: the line, as a person would write it, and how well each number is known."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import isfinite, isnan
from typing import Any, Final

from gemel.core.line import Distribution, Line
from gemel.core.line.fitting import Fit
from gemel.core.time import SECOND

__all__ = ["Learned", "StationReport", "Writing", "fit_record", "names_of", "span", "time_of"]

_UNITS: Final = (
    ("d", 86_400.0), ("h", 3_600.0), ("min", 60.0), ("s", 1.0), ("ms", 1e-3), ("us", 1e-6),
)  # fmt: skip
_FORBIDDEN: Final = re.compile(r"[.,=*?\[\]{}/]")

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StationReport:
    """How a station was learned.

    name           in the line
    visits         that were seen
    time           fit of its time of work, which holds how many were still running
    servers        that work side by side
    working        share of its open time in which a server worked
    waited_s       seconds for which parts waited in front of it, in all
    unexplained_s  of these, seconds in which a server was free
    travel         fit of the wait that no server explains, None where there is none
    failures       fits of the time between stops and of the stops, by cause
    notes          what else there is to know
    """

    name: str
    visits: int
    time: Fit
    servers: int
    working: float
    waited_s: float
    unexplained_s: float
    travel: Fit | None = None
    failures: dict[str, tuple[Fit, Fit]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def record(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "visits": self.visits,
            "servers": self.servers,
            "working": self.working,
            "waited_s": self.waited_s,
            "unexplained_s": self.unexplained_s,
            "time": fit_record(self.time),
            "travel": None if self.travel is None else fit_record(self.travel),
            "failures": {
                cause: {"every": fit_record(every), "repair": fit_record(repair)}
                for cause, (every, repair) in self.failures.items()
            },
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True)
class Learned:
    """A line that was learned.

    line       checked
    document   the same as plain data, in the words of a line file
    comments   what to write beside a key of it, by path
    stations   how each was learned
    arrivals   fit of the gaps between arrivals, by station; empty where there is always enough
    cases      parts, lots or orders that were seen, and how many of them are taken for finished
    notes      what was left out, in sentences
    """

    line: Line
    document: dict[str, Any]
    comments: dict[Path, str]
    stations: tuple[StationReport, ...]
    arrivals: dict[str, Fit]
    cases: tuple[int, int]
    notes: tuple[str, ...]

    def record(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            "line": self.document,
            "cases": self.cases[0],
            "finished": self.cases[1],
            "stations": [s.record() for s in self.stations],
            "arrivals": {name: fit_record(f) for name, f in self.arrivals.items()},
            "notes": list(self.notes),
        }


class Writing:
    """A line that is being written: plain data, and comments beside its keys."""

    def __init__(self, title: str) -> None:
        self.document: dict[str, Any] = {"title": title, "stations": {}}
        self.comments: dict[Path, str] = {}

    def put(self, path: Path, value: Any, comment: str = "") -> None:
        here = self.document
        for key in path[:-1]:
            here = here.setdefault(key, {})
        here[path[-1]] = value
        if comment:
            self.comments[path] = comment

    def line(self) -> Line:
        return Line.read(self.document)


def fit_record(found: Fit) -> dict[str, Any]:
    return {
        "distribution": time_of(found.distribution),
        "mean_s": found.mean,
        "low_s": found.low,
        "high_s": found.high,
        "cv": found.cv,
        "seen": found.seen,
        "running": found.running,
        "best": found.best,
        "distance": found.distance,
        "p": found.p,
        "said": found.said,
    }


def beside(found: Fit, seen: str = "seen") -> str:
    """A fit in a few words, for a comment in the file."""
    said = f"{found.seen} {seen}"
    if found.running:
        said += f", {found.running} not to the end"
    if isfinite(found.low):
        said += f"; mean {span(max(found.low, 0.0))} to {span(found.high)}"
    return f"{said}; {found.said}"


def span(seconds: float) -> str:
    """Four digits and a unit, as a line file takes them."""
    if isnan(seconds):
        return "unknown"
    if seconds <= 0:
        return "0 s"
    for unit, length in _UNITS:
        least = 2 * length if unit in ("d", "h", "min") else length
        if seconds >= least * (1 - 1e-9):
            return f"{_digits(seconds / length)} {unit}"
    return f"{max(round(1e9 * seconds), 1)} ns"


def _digits(value: float) -> str:
    """Four digits, without an exponent."""
    rounded = float(f"{value:.4g}")
    return f"{rounded:.10f}".rstrip("0").rstrip(".")


def time_of(found: Distribution) -> Any:
    """A distribution as a line file writes it."""
    if found.shape_name == "constant" or found.cv_exact == 0:
        return span(found.mean_s)
    if found.kind == "empirical":
        values = [span(v / SECOND) for v in found.values]
        told: dict[str, Any] = {"kind": "empirical", "values": values}
        if found.shares:
            told["shares"] = list(found.shares)
        return told
    told = {} if found.shape_name == "lognormal" else {"kind": found.shape_name}
    told["mean"] = span((found.mean or 0) / SECOND)
    if found.cv is not None and found.shape_name != "exponential":
        told["cv"] = float(f"{found.cv:.4g}")
    return told


def names_of(found: Iterable[str]) -> list[str]:
    """Names that a line takes for those of a log, in the same order, all different."""
    made: list[str] = []
    for name in found:
        plain = " ".join(_FORBIDDEN.sub("", name).split())[:100] or "station"
        number, unique = 2, plain
        while unique in made:
            unique, number = f"{plain} {number}", number + 1
        made.append(unique)
    return made
