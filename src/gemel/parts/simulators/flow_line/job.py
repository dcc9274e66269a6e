"""One run by recursion: sheets are drawn, blocks of scenarios played, columns filled."""

from __future__ import annotations

from concurrent.futures import Executor
from math import ceil
from typing import Final

import numpy as np
import numpy.typing as npt

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.core.line import Draws, Line
from gemel.parts.simulators.base import (
    MOST_PARTS,
    Run,
    Scenarios,
    Trial,
    energy_per_part,
)
from gemel.parts.simulators.flow_line.caps import gates
from gemel.parts.simulators.flow_line.kernel import play
from gemel.parts.simulators.flow_line.serial import is_serial, play_serial
from gemel.parts.simulators.flow_line.sheet import Sheet, Stretches, order_of, sheet

__all__ = ["Job"]

Block = tuple[int, int]
Numbers = npt.NDArray[np.int64]
_NOTHING: Final = np.zeros((0, 0))


class Job:
    """What a run needs, and what came out so far; `play` writes into the columns of `run`."""

    def __init__(self, line: Line, trial: Trial, scenarios: Scenarios, run: Run) -> None:
        self.line, self.trial, self.scenarios, self.run = line, trial, scenarios, run
        self.draws = Draws(trial.seed)
        self.order = order_of(line)
        self.gates = gates(line, self.order)
        self.detail = run.states is not None
        limits = [
            len(s.arrivals.at) for s in line.stations.values() if s.arrivals and s.arrivals.at
        ]
        inside = 0 if trial.start is None else trial.start.parts
        self.most = min([MOST_PARTS, *(inside + limit for limit in limits)])
        self.parts = min(trial.parts or self._guess(), self.most)
        self.keeps = "departures" in trial.keep
        self._left: dict[tuple[int, int], Values] = {}
        """Departures by scenario and replication; how many they are is known at the end."""
        self.by_clock = any(
            s.calendar or any(f.counted_in == "calendar" for f in s.failures.values())
            for s in line.stations.values()
        )

    def departures(self) -> Values:
        """All that were kept, float64[s, r, n], NaN after the last of each."""
        before = self.run.departures
        longest = max([len(times) for times in self._left.values()], default=0)
        if self.trial.parts is not None:
            longest = self.parts
        if before is not None:
            longest = max(longest, before.shape[2])
        kept = np.full((*self.run.throughput.shape, longest), np.nan)
        if before is not None:
            kept[:, :, : before.shape[2]] = before
        for (s, r), times in self._left.items():
            kept[s, r] = np.nan
            kept[s, r, : len(times)] = times
        return kept

    def play(self, blocks: list[Block], executor: Executor | None) -> None:
        """Blocks of scenarios, in all replications; several threads share out either."""
        several = range(self.trial.replications)
        if executor is None:
            for r in several:
                self._play(blocks, r)
        elif len(several) > 1:
            list(executor.map(lambda r: self._play(blocks, r), several))
        else:
            drawn = self._sheet(blocks, 0, self.parts)
            list(executor.map(lambda block: self._play([block], 0, drawn), blocks))

    def _play(self, blocks: list[Block], r: int, drawn: Sheet | None = None) -> None:
        drawn = self._sheet(blocks, r, self.parts) if drawn is None else drawn
        for block in blocks:
            if self.trial.horizon_s is None:
                self._measure(block, r, drawn, self.parts, int(self.trial.warm_up * self.parts))
            else:
                self._to_horizon(block, r, drawn, self.trial.horizon_s)

    def _guess(self) -> int:
        """Parts that may leave within the horizon, if all goes well."""
        horizon = self.trial.horizon_s or 0.0
        times = [
            min([s.time.mean_s, *(t.mean_s for t in s.times.values())])
            for s in self.line.stations.values()
        ]
        slowest = max(max(times), 1e-9)
        inside = 0 if self.trial.start is None else self.trial.start.parts
        wanted = ceil(1.3 * horizon / slowest) + 20 + inside
        if wanted > MOST_PARTS:
            raise DataError(
                f"about {wanted:,} parts would leave within the horizon, at most {MOST_PARTS:,} "
                "are played; take a shorter horizon and more replications"
            )
        return wanted

    def _sheet(self, blocks: list[Block], r: int, parts: int) -> Sheet:
        some = self.scenarios.part(blocks[0][0], blocks[-1][1])
        return sheet(
            self.line, self.draws, self.trial.first + r, parts, some.time.max(axis=0),
            some.between.min(axis=0), self.trial.start,
        )  # fmt: skip

    def _measure(self, block: Block, r: int, drawn: Sheet, parts: int, warm: int) -> Values:
        """Play one block and fill its columns; gives the departures if they are kept."""
        some = self.scenarios.part(*block)
        lanes, m = some.time.shape
        columns = [
            np.ascontiguousarray(c[:, drawn.order].T)
            for c in (some.time, some.between, some.repair, some.places)
        ]
        time: Values = np.asarray(columns[0], np.float64)
        columns[3] = np.minimum(columns[3], parts)  # more places than parts are no limit
        alike = (columns[3] == columns[3][:, :1]).all(axis=1)
        gate = (self.gates.start, self.gates.last, self.gates.columns(some.caps, parts))
        keep = self.keeps or self.trial.horizon_s is not None
        until = 0.0
        stretches: Stretches | None = None
        while True:
            out, spans = np.zeros((6, lanes)), np.zeros((m, 2, lanes))
            seen, starved, down = np.zeros((m, 2), np.int64), *np.zeros((2, m, lanes))
            departures = np.zeros((parts, lanes)) if keep else _NOTHING
            closed = (np.zeros(m + 1, np.int64), *np.zeros((3, 0)))
            if stretches is not None:
                closed = stretches.columns
            if lanes == 1 and not self.by_clock and is_serial(drawn):
                play_serial(
                    drawn, parts, warm, columns, gate, out, departures, spans, seen, starved, down
                )
                break
            play(
                parts, warm, drawn.way, drawn.feeds, drawn.feed, drawn.work, drawn.worked,
                drawn.setup, drawn.arrivals, drawn.has_arrivals, drawn.failure_from,
                drawn.failure_at, drawn.repair, *closed, drawn.before, *columns, alike, *gate,
                drawn.good, drawn.begun.entry, drawn.begun.born, drawn.begun.hold,
                drawn.begun.at_work, keep, self.detail, out, departures, spans, seen, starved, down,
            )  # fmt: skip
            end = float(out[0].max())
            if not self.by_clock or end <= until:
                break
            # Closed time makes it longer, for which more closed time has to be known.
            until = 2 * max(until, end)
            stretches = Stretches.of(self.line, self.order, self.draws, self.trial.first + r, until)
        rows, run = slice(*block), self.run
        span = out[0] - out[1]
        span[span <= 0] = np.nan
        run.throughput[rows, r] = out[2] / span
        run.wip[rows, r] = out[4] / span
        run.lead[rows, r] = out[3] / np.where(out[2] > 0, out[2], np.nan)
        run.scrapped[rows, r] = 1 - out[2] / np.where(out[5] > 0, out[5], np.nan)
        run.lost[rows, r] = 0.0
        run.end[rows, r] = out[0]
        if run.states is not None and run.energy is not None:
            shares = self._states(drawn, time, spans, seen, starved, down, stretches)
            run.states[rows, r][:, drawn.order] = shares.transpose(1, 0, 2)
            run.energy[rows, r] = energy_per_part(
                self.line, run.states[rows, r], run.throughput[rows, r]
            )
        if keep:
            departures.sort(axis=0)
        if self.keeps and self.trial.horizon_s is None:
            for lane, s in enumerate(range(*block)):
                self._left[s, r] = departures[:, lane].copy()
        return departures

    def _states(
        self, drawn: Sheet, time: Values, spans: Values, seen: Numbers, starved: Values,
        down: Values, stretches: Stretches | None,
    ) -> Values:  # fmt: skip
        """float64[m, L, 6], in order of the flow."""
        m, lanes = starved.shape
        span = spans[:, 1] - spans[:, 0]
        shares = np.zeros((m, lanes, 6))
        off = np.zeros((m, lanes))
        repaired = np.zeros((m, lanes))
        for i in range(m):
            first, last = seen[i]
            if last > first:
                shares[i, :, 0] = time[i] * drawn.work[i, first:last].sum()
                if drawn.setup.shape[1]:
                    shares[i, :, 3] = drawn.setup[i, first:last].sum()
            if stretches is not None:
                for s in range(lanes):
                    between = (float(spans[i, 0, s]), float(spans[i, 1, s]))
                    off[i, s] = stretches.off[i].within(*between)
                    repaired[i, s] = stretches.closed[i].within(*between) - off[i, s]
        shares[:, :, 1], shares[:, :, 4] = starved, down + repaired
        shares[:, :, 5] = off
        shares[:, :, 2] = np.maximum(span - shares.sum(axis=2), 0.0)
        return shares / np.where(span > 0, span, np.nan)[:, :, None]

    def _to_horizon(self, block: Block, r: int, drawn: Sheet, horizon: float) -> None:
        """So many parts as leave within the horizon, of each scenario; throughput is what leaves
        between warm-up and horizon."""
        warm = self.trial.warm_up * horizon
        parts = self.parts
        while True:
            departures = self._measure(block, r, drawn, parts, 0)
            if (departures[-1] > horizon).all() or parts >= self.most:
                break
            parts = min(2 * parts, self.most)
            drawn = self._sheet([block], r, parts)
        for s in range(*block):
            leave = departures[:, s - block[0]]
            count = int(np.searchsorted(leave, horizon, side="right"))
            first = int(np.searchsorted(leave, warm, side="right"))
            if count:
                self._measure((s, s + 1), r, drawn, count, first)
                share = 1 - self.run.scrapped[s, r] if count > first else 0.0
                self.run.throughput[s, r] = (count - first) * share / (horizon - warm)
            else:
                self.run.throughput[s, r] = self.run.wip[s, r] = 0.0
            if self.keeps:
                self._left[s, r] = leave[:count].copy()
