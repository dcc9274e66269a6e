"""From the mirror's samples to the rows of expressions: what alarms, rules and watches stand on.

An expression wants rows: instants at which each of its names has a value. Samples come one signal
at a time. A `ColumnFeed` holds the last value of each name and gives a row wherever one changed.

    names = Resolver(plan.signals, "line2/capper")
    program = compile_expression("filler.level > 502.5 for 30 s", names, known=names.known)
    inputs = {name: numbers[names.path(name)] for name in program.inputs}
    columns = ColumnFeed(inputs, catalogue, mirror.snapshot(now))
    running = program.start()
    for frame in frames:                       # in Watcher.feed
        if rows := columns.feed(frame):
            result = running.step(*rows)
    if rows := columns.now(now):               # in Watcher.tick: silence counts too
        result = running.step(*rows)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from gemel.core import quality as q
from gemel.core.catalogue import Catalogue
from gemel.core.expression import Column
from gemel.core.frame import Frame, Times
from gemel.core.time import SECOND
from gemel.twin.mirror.mirror import NEVER, Snapshot

__all__ = ["ColumnFeed", "Rows"]

Rows: TypeAlias = tuple[Times, dict[str, Column]]
"""Times, never going back, and a column per name: what `Evaluation.step` takes."""

SILENT: Final = SECOND


class ColumnFeed:
    """Rows for one program, from admitted Frames. Used by one thread, and never blocks.

    inputs     number of the signal behind each name of the program
    catalogue  gives the dictionaries of text signals
    snapshot   what the mirror shows at the start: the first values held
    since      rows do not begin before this time, e.g. that of a restored evaluation

    Time never goes back. A sample that is not older than what its own signal already shows, but
    older than the last row (another source was quicker, or `now` was), takes effect at the time of
    the last row and is counted in `delayed`: to skip it would hold an outdated value for ever. A
    sample older than what its signal shows is skipped and counted in `late`. One whose source
    clock is suspect counts at its arrival.
    """

    def __init__(
        self,
        inputs: Mapping[str, int],
        catalogue: Catalogue,
        snapshot: Snapshot,
        *,
        since: int = NEVER,
        silent_after: int = SILENT,
    ) -> None:
        self.inputs = dict(inputs)
        self.late = 0
        self.delayed = 0
        self.last = since
        """Time of the last row; `NEVER` before the first."""
        self._silent_after = silent_after
        self._arrival = NEVER
        self._catalogue = catalogue
        self._signals = np.array(sorted(set(inputs.values())), np.int32)
        self._place = {number: place for place, number in enumerate(self._signals.tolist())}
        # One entry more than needed: any higher number is looked up there, and is not ours.
        size = int(self._signals[-1]) + 2 if len(self._signals) else 1
        self._ours = np.zeros(size, np.bool_)
        self._ours[self._signals] = True
        known = self._signals < len(snapshot.time)
        chosen = self._signals[known]
        self._time = np.full(len(self._signals), NEVER, np.int64)
        self._value = np.full(len(self._signals), np.nan)
        self._quality = np.full(len(self._signals), q.BAD, np.int16)
        self._time[known] = snapshot.time[chosen]
        self._value[known] = snapshot.value[chosen]
        self._quality[known] = snapshot.quality[chosen]
        self._texts: dict[int, list[str]] = {
            number: [] for number in self._place if catalogue[number].type == "text"
        }

    def feed(self, frame: Frame) -> Rows | None:
        """Rows at each distinct source time of the frame's samples of these signals.

        None if it has none. Call it with what admission left (`Watcher.feed` gets that), in order
        of arrival. A frame that is of no concern costs one table look-up per sample.
        """
        found = np.flatnonzero(self._ours.take(frame.signal, mode="clip"))
        if not len(found):
            return None
        place = np.searchsorted(self._signals, frame.signal[found])
        time, value, quality = frame.time[found], frame.value[found], frame.quality[found]
        if frame.received:
            self._arrival = max(self._arrival, frame.received)
            time = np.where(quality == q.CLOCK_SUSPECT, np.minimum(time, frame.received), time)
        usable = time >= self._time[place]
        if not usable.all():
            self.late += int(np.count_nonzero(~usable))
            if not usable.any():
                return None
            place, time = place[usable], time[usable]
            value, quality = value[usable], quality[usable]
        if (time[1:] < time[:-1]).any():
            order = np.argsort(time, kind="stable")
            place, time, value, quality = place[order], time[order], value[order], quality[order]
        self.delayed += int(np.count_nonzero(time < self.last))
        starts = np.flatnonzero(np.concatenate([[True], time[1:] != time[:-1]]))
        row_of = np.cumsum(np.concatenate([[0], (time[1:] != time[:-1]).astype(np.int64)]))
        rows = np.maximum(time[starts], self.last)
        columns = self._held(rows, place, row_of, time, value, quality)
        self.last = int(rows[-1])
        return rows, columns

    def now(self, time: int, snapshot: Snapshot | None = None) -> Rows | None:
        """One row at `time` with what is held, so that `for 30 s` and `age` go on in silence.

        None while samples keep coming (the last one arrived less than `silent_after` ago): a row at
        the clock's time would be ahead of samples that are still on their way. With a `snapshot`,
        qualities are the mirror's of now: stale, or without a way to the source.
        """
        if time - max(self._arrival, self.last) < self._silent_after:
            return None
        if snapshot is not None:
            ours = self._signals < len(snapshot.time)
            same = np.zeros(len(self._signals), np.bool_)
            same[ours] = snapshot.time[self._signals[ours]] == self._time[ours]
            self._quality[same] = snapshot.quality[self._signals[same]]
        return self._row(time)

    def show(self, snapshot: Snapshot) -> Rows:
        """One row of what the mirror shows, at the time at which the snapshot was taken.

        For conditions that are asked now and then and not at every sample, such as interlocks; what
        came and went in between is not seen. Not to be mixed with `feed`.
        """
        known = self._signals < len(snapshot.time)
        chosen = self._signals[known]
        self._time[known] = snapshot.time[chosen]
        self._value[known] = snapshot.value[chosen]
        self._quality[known] = snapshot.quality[chosen]
        return self._row(max(snapshot.taken, self.last))

    def _row(self, time: int) -> Rows:
        none = np.zeros(0, np.int64)
        rows = np.array([time], np.int64)
        columns = self._held(rows, none, none, none, np.zeros(0), np.zeros(0, np.int16))
        self.last = time
        return rows, columns

    def _held(
        self,
        rows: Times,
        place: npt.NDArray[np.int64],
        row_of: npt.NDArray[np.int64],
        time: Times,
        value: npt.NDArray[np.float64],
        quality: npt.NDArray[np.int16],
    ) -> dict[str, Column]:
        """A column per name over `rows`; what the last row shows is held from now on."""
        made: dict[int, Column] = {}
        for number, mine in self._place.items():
            own = np.flatnonzero(place == mine)
            times = np.concatenate([self._time[mine : mine + 1], time[own]])
            values = np.concatenate([self._value[mine : mine + 1], value[own]])
            qualities = np.concatenate([self._quality[mine : mine + 1], quality[own]])
            # 1 + the place of the last own sample at or before each row, 0 where it was held.
            upto = np.searchsorted(row_of[own], np.arange(len(rows)), side="right")
            seen = times[upto]
            age = np.where(seen == NEVER, np.nan, np.maximum(rows - seen, 0) / SECOND)
            texts = self._dictionary(number)
            made[number] = Column(values[upto], qualities[upto], age, texts)
            self._time[mine], self._value[mine] = times[-1], values[-1]
            self._quality[mine] = qualities[-1]
        return {name: made[number] for name, number in self.inputs.items()}

    def _dictionary(self, number: int) -> list[str] | tuple[str, ...]:
        """The texts of a text signal; the list grows with the catalogue."""
        texts = self._texts.get(number)
        if texts is None:
            return ()
        while (text := self._catalogue.decode(number, len(texts))) is not None:
            texts.append(text)
        return texts
