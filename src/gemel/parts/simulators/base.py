"""The interface of simulators: a line, played out.

A simulator is settings. `uncovered` says what of a line it cannot play, in words; where it says
nothing, its departure times are those of every other simulator on the same draws. `run` plays a
line for scenarios and replications: a scenario changes times, failures, places and caps, a
replication is other luck, and every scenario meets the luck of its replication.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import ClassVar, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from gemel.core.errors import ConfigurationError, DataError
from gemel.core.frame import Values
from gemel.core.kind import Part
from gemel.core.line import Line, Snapshot

__all__ = [
    "MOST_PARTS",
    "STATES",
    "Progress",
    "Run",
    "Scenarios",
    "Simulator",
    "Trial",
    "energy_per_part",
]

STATES: Final = ("working", "starved", "blocked", "set-up", "down", "off")
"""States of a station, in the order of `Run.states`."""

MOST_PARTS: Final = 10_000_000
"""Most parts of one replication; more say nothing that more replications do not say better."""

Progress: TypeAlias = Callable[[int, int], bool]
"""Is told how many scenarios are done, of how many; False ends the run with what is finished."""


@dataclass(frozen=True, slots=True)
class Trial:
    """How long, how often, with what luck.

    parts         that go through the line, thrown away ones among them; or
    horizon_s     seconds that are played out
    warm_up       share of the parts, or of the horizon, at the beginning that is not measured
    replications  with luck of their own
    seed          of all luck
    first         number of the first replication
    keep          'states': how long each station was in which state; 'departures': times at which
                  parts left the line
    start         what stands where at the beginning; an empty line if nothing
    """

    parts: int | None = None
    horizon_s: float | None = None
    warm_up: float = 0.1
    replications: int = 1
    seed: int = 0
    first: int = 0
    keep: tuple[str, ...] = ("states",)
    start: Snapshot | None = None

    def __post_init__(self) -> None:
        if (self.parts is None) == (self.horizon_s is None):
            raise ConfigurationError("a trial has either a number of parts or a horizon")
        if self.parts is not None and not 1 <= self.parts <= MOST_PARTS:
            raise ConfigurationError(
                f"{self.parts:,} parts, must be 1 to {MOST_PARTS:,}; take more replications instead"
            )
        if self.horizon_s is not None and not 0 < self.horizon_s < 1e12:
            raise ConfigurationError(f"a horizon of {self.horizon_s:g} s, must be above 0")
        if not 0 <= self.warm_up < 1 or self.replications < 1 or self.first < 0 or self.seed < 0:
            raise ConfigurationError(
                "warm_up must be at least 0 and below 1, replications at least 1, seed not negative"
            )


@dataclass(frozen=True, slots=True)
class Scenarios:
    """Alternatives to a line, each a row of columns by station.

    time     float64[s, m]  factor of the time of work
    between  float64[s, m]  factor of the time between failures that are counted in operation
    repair   float64[s, m]  factor of the repairs of these
    places   int64[s, m]    places in front of the station; −1 = no limit
    caps     int64[s, c]    parts at once under each cap of the line, in its order; −1 = no limit
    """

    time: Values
    between: Values
    repair: Values
    places: npt.NDArray[np.int64]
    caps: npt.NDArray[np.int64]

    @classmethod
    def same(cls, line: Line, count: int = 1) -> Scenarios:
        """The line as it is, so many times; change columns with `dataclasses.replace`."""
        m = len(line.stations)
        places = [-1 if s.places is None else s.places for s in line.stations.values()]
        caps = [-1 if c.most is None else c.most for c in line.caps.values()]
        ones = np.ones((count, m))
        return cls(
            ones, ones.copy(), ones.copy(),
            *(np.tile(np.array(c, np.int64), (count, 1)) for c in (places, caps)),
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.time)

    def check(self, line: Line) -> None:
        """Raises `DataError` for columns that do not fit the line, and for absurd factors."""
        for name in ("time", "between", "repair", "places", "caps"):
            column = getattr(self, name)
            wanted = (len(self.time), len(line.caps if name == "caps" else line.stations))
            if column.shape == wanted and not column.size:
                continue
            if column.shape != wanted:
                raise DataError(f"scenarios: {name} has shape {column.shape}, must be {wanted}")
            least = -1 if name in ("places", "caps") else 0
            if not np.isfinite(column).all() or (column < least).any():
                raise DataError(f"scenarios: {name} has numbers below {least} or none at all")
        if (self.time == 0).any() or (self.between == 0).any():
            raise DataError("scenarios: factors of time and between must be above 0")
        if (self.caps == 0).any():
            raise DataError("scenarios: a cap of 0 lets nothing in; −1 is no limit")

    def part(self, first: int, last: int) -> Scenarios:
        """Rows first … last − 1."""
        return self.rows(slice(first, last))

    def rows(self, which: slice | npt.NDArray[np.int64]) -> Scenarios:
        """Some rows, in their order; one may be there several times."""
        return Scenarios(
            self.time[which], self.between[which], self.repair[which], self.places[which],
            self.caps[which],
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Run:
    """What came out, by scenario and replication; what is measured begins after the warm-up.

    stations     m names
    throughput   float64[s, r]     good parts per second
    wip          float64[s, r]     parts in the line, on average
    lead         float64[s, r]     mean time of a good part in the line, s
    scrapped     float64[s, r]     share of the parts that were thrown away
    lost         float64[s, r]     share of the arrivals that found no place
    end          float64[s, r]     when the last part left, s
    states       float64[s, r, m, 6]  shares of the time of a station, in the order of `STATES`, or
                 nothing
    energy       float64[s, r]     kWh per good part, or nothing without states
    departures   of each scenario and replication the times at which parts left, in order, or
                 nothing: float64[s, r, n], NaN after the last of a horizon
    done         bool[s]           finished before the run was ended
    """

    stations: tuple[str, ...]
    throughput: Values
    wip: Values
    lead: Values
    scrapped: Values
    lost: Values
    end: Values
    states: Values | None
    energy: Values | None
    departures: Values | None
    done: npt.NDArray[np.bool_]

    @classmethod
    def empty(cls, line: Line, trial: Trial, scenarios: int) -> Run:
        """A run of which nothing is done yet."""
        s, r, m = scenarios, trial.replications, len(line.stations)
        states = np.full((s, r, m, len(STATES)), np.nan) if "states" in trial.keep else None
        energy = np.full((s, r), np.nan) if states is not None else None
        columns = {
            name: np.full((s, r), np.nan)
            for name in ("throughput", "wip", "lead", "scrapped", "lost", "end")
        }
        done = np.zeros(s, np.bool_)
        return cls(line.names, **columns, states=states, energy=energy, departures=None, done=done)

    def with_departures(self, departures: Values) -> Run:
        return replace(self, departures=departures)


def energy_per_part(line: Line, states: Values, throughput: Values) -> Values:
    """kWh per good part of each scenario, float64[s], from its states, float64[s, m, 6], and
    throughput, float64[s]."""
    power = np.array(
        [
            [s.servers * kw for kw in (p.working, p.idle, p.idle, p.setup, p.down, p.off)]
            for s, p in ((station, station.power) for station in line.stations.values())
        ]
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((states * power).sum(axis=(1, 2)) / (3_600 * throughput))


class Simulator(Part):
    """Settings of a simulator."""

    api: ClassVar[int] = 1

    @abstractmethod
    def uncovered(self, line: Line, start: Snapshot | None = None) -> tuple[str, ...]:
        """What of the line, or of beginning with `start`, it cannot play, a sentence each; nothing
        if it can."""

    @abstractmethod
    def run(
        self,
        line: Line,
        trial: Trial,
        scenarios: Scenarios | None = None,
        *,
        executor: Executor | None = None,
        progress: Progress | None = None,
        resume: Run | None = None,
    ) -> Run:
        """Play `line` as `trial` says, for each of `scenarios`, or as it is.

        The same arguments give the same numbers, whatever threads `executor` has. What `resume`
        has done already is taken from it. Parts that are in the line at the start are counted among
        those that go through it. Raises `ConfigurationError` for a line that it does not
        cover, `DataError` for scenarios that do not fit or a line that stands still.
        """

    def refuse_uncovered(self, line: Line, start: Snapshot | None = None) -> None:
        """Raises `ConfigurationError` with all reasons, or for what cannot be of this line."""
        if start is not None:
            start.check(line)
        reasons = self.uncovered(line, start)
        if reasons:
            name = type(self).__module__.rpartition(".")[2]
            raise ConfigurationError(
                f"simulator '{name}' does not cover this line: {'; '.join(reasons)}"
            )
