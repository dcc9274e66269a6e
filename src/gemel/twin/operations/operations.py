"""Operations: shifts, machine states, stops, orders and KPIs of all machines, as samples come.

    compute thread                                              any thread
    feed(frame) ─▶ rows per machine ─▶ accounts, stops, orders   machine, kpis, slow ◀─ accounts
    tick(now)   ─▶ lost sources, ends of shifts

The same sums come from history (`kpis` in `history`), for any window. Live they are those of the
present window and the last few: the shift, or the local day where there are no shifts.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from gemel.core import quality as q
from gemel.core.catalogue import Catalogue
from gemel.core.errors import ConfigurationError, Unknown, did_you_mean
from gemel.core.event import Event
from gemel.core.frame import Frame, concatenate
from gemel.core.plant import Asset
from gemel.core.time import SECOND, Clock
from gemel.twin.mirror.columns import ColumnFeed, Rows
from gemel.twin.mirror.mirror import NEVER, Snapshot
from gemel.twin.operations.account import Account, Reading
from gemel.twin.operations.calendar import Calendar, Window
from gemel.twin.operations.flow import Flow
from gemel.twin.operations.kpis import Kpi, measure
from gemel.twin.operations.lots.tracker import LotTracker
from gemel.twin.operations.machine import Machine
from gemel.twin.operations.pace import Pace
from gemel.twin.operations.settings import OperationsSettings
from gemel.twin.operations.slow import Slow, event_of
from gemel.twin.operations.stops import OrderTracker, Stopped, StopTracker
from gemel.twin.operations.times import WORDS, Totals

__all__ = ["MachineView", "Operations", "surroundings"]

_STATE_VERSION: Final = 1
_GATHER: Final = SECOND
"""Samples are taken in at most this often: a machine's state is not needed sooner than a person can
look, and rows of a second cost hardly more than one row. Whoever asks gets what has arrived."""
_PACE: Final = 5 * SECOND
"""The same for its pace: to be slow takes a minute."""


@dataclass(frozen=True, slots=True)
class MachineView:
    """What a machine does now; times in ns UTC.

    state    the word of its `TimeClass`, since `since`
    stop     the stop that lasts, None while it produces
    slow     that it runs below its setpoint, None if it does not
    window   what the KPIs count now: the shift, the time between two, or the day
    """

    asset: str
    state: str
    since: int
    stop: Stopped | None
    slow: Slow | None
    order: str
    product: str
    window: Window


def surroundings(
    assets: Mapping[str, Asset], found: Mapping[str, Machine]
) -> dict[str, tuple[Machine, ...]]:
    """Every machine by its path: itself, then those whose settings it depends on too."""
    flow = Flow(assets, [m.asset for m in found.values() if m.judges])
    return {
        path: (machine, *(found[p] for p in (*flow.neighbours(path), *flow.line(path))))
        for path, machine in found.items()
    }


class Operations:
    """A Watcher of the pipeline, and what doors ask. `feed` and `tick` come from the compute
    thread; everything else may be called from any thread."""

    name = "operations"
    signals = None

    def __init__(
        self,
        assets: Mapping[str, Asset],
        machines: Mapping[str, Machine],
        calendar: Calendar,
        catalogue: Catalogue,
        snapshot: Callable[[int], Snapshot],
        clock: Clock,
        settings: OperationsSettings | None = None,
    ) -> None:
        """`machines` of the plan, whose signals are declared in `catalogue`; `snapshot` is
        `Mirror.snapshot`."""
        self.settings = settings or OperationsSettings()
        self.calendar = calendar
        self.machines = machines
        self._clock = clock
        self._snapshot = snapshot
        self._lock = threading.RLock()
        self._next_look = clock()
        first = snapshot(clock())
        flow = Flow(assets, [m.asset for m in self.machines.values() if m.judges])
        self._line = {path: flow.line(path) for path in self.machines}
        self._units: dict[str, _Unit] = {}
        for path, machine in self.machines.items():
            near = [self.machines[p] for p in flow.neighbours(path)]
            line = [self.machines[p] for p in self._line[path]]
            pace = Pace.of(machine, near, line, catalogue, self.settings.slow)
            self._units[path] = _Unit(
                machine, pace, calendar, catalogue, first, self.settings.minor_below
            )
        self._of_signal: dict[int, list[str]] = {}
        for path, unit in self._units.items():
            for number in unit.numbers:
                self._of_signal.setdefault(number, []).append(path)
        self._ours = np.zeros(max(self._of_signal, default=-1) + 2, np.bool_)
        self._ours[list(self._of_signal)] = True
        self._waiting: list[Frame] = []
        self._gathered = 0
        self._outbox: list[Event] = []

    # Compute thread

    def feed(self, frame: Frame) -> list[Event]:
        """Look at admitted samples. Stops and orders are told within a second."""
        with self._lock:
            found = np.flatnonzero(self._ours.take(frame.signal, mode="clip"))
            if len(found):
                self._waiting.append(frame if len(found) == len(frame) else frame[found])
            now = self._clock()
            if self._waiting and now - self._gathered >= _GATHER:
                self._gather(now)
            return self._take()

    def tick(self, now: int) -> list[Event]:
        """Time has passed: shifts end, and lost sources make what they say unknown."""
        with self._lock:
            if now >= self._next_look:
                self._next_look = now + SECOND
                self._gather(now)
                snapshot = self._snapshot(now)
                for unit in self._units.values():
                    self._outbox += unit.tick(now, snapshot)
            return self._take()

    def _take(self) -> list[Event]:
        events, self._outbox = self._outbox, []
        return events

    def _gather(self, now: int) -> None:
        """Take in what has arrived, machine by machine."""
        self._gathered = now
        if not self._waiting:
            return
        frame = concatenate(self._waiting)
        self._waiting.clear()
        order = np.argsort(frame.signal, kind="stable")
        ordered = frame.signal[order]
        cuts = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
        numbers = ordered[np.concatenate([[0], cuts])].tolist()
        pieces = dict(zip(numbers, np.split(order, cuts), strict=True))
        for path in sorted({p for number in numbers for p in self._of_signal[number]}):
            unit = self._units[path]
            mine = [pieces[number] for number in unit.numbers if number in pieces]
            # Where one machine of a line is slow, the others follow it.
            follows = any(self._units[p].slow is not None for p in self._line[path] if p != path)
            self._outbox += unit.feed(frame[np.sort(np.concatenate(mine))], now, follows)

    # What doors ask

    def machine(self, asset: str) -> MachineView:
        """What a machine does now. Raises `Unknown` if there is none at this path."""
        with self._lock:
            self._gather(self._clock())
            return self._unit(asset).view()

    def all(self) -> list[MachineView]:
        """All machines that tell what they do, in the order of the plant file."""
        with self._lock:
            self._gather(self._clock())
            return [unit.view() for unit in self._units.values() if unit.machine.judges]

    def totals(self, asset: str, back: int = 0) -> tuple[Window, int, Totals]:
        """The window `back` windows ago (0 is the present one), until when, and its sums."""
        with self._lock:
            self._gather(self._clock())
            account = self._unit(asset).account
            if back == 0:
                end = min(max(self._clock(), account.until or 0), account.window.end)
                return account.window, end, account.totals(end)
            if back > len(account.closed):
                raise ConfigurationError(
                    f"the last {len(account.closed)} windows of '{asset}' are known live; "
                    "ask history for older ones"
                )
            window, totals = account.closed[-back]
            return window, window.end, totals

    def kpis(self, asset: str, back: int = 0) -> dict[str, Kpi]:
        """All indicators of a machine, for its present window so far or one of the last few."""
        window, end, totals = self.totals(asset, back)
        return measure(
            totals,
            window.start,
            end,
            ideal_rate=self.machines[asset].ideal_rate,
            most_missing=self.settings.most_missing,
        )

    # Another plant file

    def become(self, made: Operations, kept: Container[str], shown: Frame) -> None:
        """Go on with what `made`, which runs nowhere, was made of. From the compute thread.

        Machines in `kept` go on as if nothing had been, others from their state, from what is
        `shown` now; stops of machines that are gone end. If it raises, nothing has changed.
        """
        with self._lock:
            now = self._clock()
            self._gather(now)
            old, units = self._units, vars(made)["_units"]
            for path, unit in units.items():
                if path in kept and path in old:
                    units[path] = old[path]
                elif path in old:
                    unit.restore(old[path].state(), self._snapshot(now))
            events = self._outbox
            for path, unit in old.items():
                if path not in units:
                    events += unit.end(now)
            vars(self).update({k: v for k, v in vars(made).items() if k != "_lock"})
            self._outbox = events
            for path, unit in units.items():
                if path not in kept:
                    mine = shown[np.isin(shown.signal, unit.numbers)]
                    self._outbox += unit.feed(mine, now, follows=False)

    # State

    def state(self) -> dict[str, Any]:
        """All that must outlive a restart, JSON-able, for `Store.keep`."""
        with self._lock:
            self._gather(self._clock())
            units = {path: unit.state() for path, unit in self._units.items()}
        return {"version": _STATE_VERSION, "machines": units}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where `state` was taken; what happened in between is unknown time. Raises
        `ConfigurationError` if it is of another version."""
        if state.get("version", _STATE_VERSION) != _STATE_VERSION:
            raise ConfigurationError(
                f"the state of operations has version {state['version']}, "
                f"this Gemel reads {_STATE_VERSION}"
            )
        with self._lock:
            for path, saved in state.get("machines", {}).items():
                if path in self._units:
                    self._units[path].restore(saved, self._snapshot(self._clock()))

    def _unit(self, asset: str) -> _Unit:
        try:
            return self._units[asset]
        except KeyError:
            raise Unknown(f"no machine '{asset}'; {did_you_mean(asset, self._units)}") from None


class _Unit:
    """Everything that runs for one machine."""

    def __init__(
        self,
        machine: Machine,
        pace: Pace | None,
        calendar: Calendar,
        catalogue: Catalogue,
        snapshot: Snapshot,
        minor_below: int,
    ) -> None:
        self.machine = machine
        self.account = Account(machine, calendar)
        self._catalogue = catalogue
        self._inputs = {name: catalogue.number(path) for name, path in machine.counted.items()}
        self.feed_of = ColumnFeed(self._inputs, catalogue, snapshot)
        self._own = np.array(sorted(set(self._inputs.values())), np.int64)
        self._lost = np.zeros(len(self._own), np.bool_)
        self._minor_below = minor_below
        self._stops = StopTracker()
        self._orders = OrderTracker(machine.asset)
        self._lots = LotTracker(machine.asset)
        self._pace = pace
        self._unpaced: list[Frame] = []
        self._paced = 0
        self.numbers = sorted({*self._own.tolist(), *(pace.numbers if pace is not None else ())})

    @property
    def slow(self) -> Slow | None:
        return self._pace.watch.now if self._pace is not None else None

    def feed(self, frame: Frame, known: int, follows: bool) -> list[Event]:
        events: list[Event] = []
        rows = self.feed_of.feed(frame)
        if rows is not None:
            events += self._take(rows, known)
            self._lost[np.isin(self._own, frame.signal)] = False
        if self._pace is not None:
            self._unpaced.append(frame)
            if known - self._paced >= _PACE:
                self._paced = known
                found = self._pace.push(concatenate(self._unpaced))
                self._unpaced.clear()
                if found is not None and found.end is None and follows:
                    self._pace.watch.now = found = None
                if found is not None:
                    events.append(event_of(found, self.machine.asset, known))
        return events

    def tick(self, now: int, snapshot: Snapshot) -> list[Event]:
        """A row only where the mirror says that a source is lost or back: silence alone is what a
        steady machine sounds like, and must not move rows ahead of samples on their way."""
        events: list[Event] = []
        quality = snapshot.quality[self._own]
        lost = _lost(quality) & (snapshot.time[self._own] != NEVER)
        if (lost != self._lost).any():
            rows = self.feed_of.now(now, snapshot)
            if rows is not None:
                self._lost = lost
                events += self._take(rows, now)
        self.account.close_until(now)
        return events

    def end(self, now: int) -> list[Event]:
        """It is no longer a machine: what lasts of it ends."""
        events: list[Event] = []
        if (stop := self._stops.open) is not None:
            ended = replace(stop, end=now, uncertain=True)
            events.append(ended.event(self.machine.asset, now, self._minor_below))
        if self.slow is not None:
            events.append(event_of(replace(self.slow, end=now), self.machine.asset, now))
        return events

    def view(self) -> MachineView:
        account, orders = self.account, self._orders
        return MachineView(
            asset=self.machine.asset,
            state=WORDS[account.last.state],
            since=account.since,
            stop=self._stops.open,
            slow=self.slow,
            order=orders.order,
            product=orders.product,
            window=account.window,
        )

    def state(self) -> dict[str, Any]:
        return {
            "account": self.account.state(),
            "last": self.feed_of.last,
            "stops": self._stops.state(),
            "orders": self._orders.state(),
            "lots": self._lots.state(),
            "slow": self._pace.watch.state() if self._pace is not None else None,
        }

    def restore(self, saved: Mapping[str, Any], snapshot: Snapshot) -> None:
        self.account.restore(saved["account"])
        self._stops = StopTracker(saved["stops"])
        self._orders = OrderTracker(self.machine.asset, saved["orders"])
        self._lots = LotTracker(self.machine.asset, saved.get("lots"))
        self.feed_of = ColumnFeed(self._inputs, self._catalogue, snapshot, since=int(saved["last"]))
        if self._pace is not None:
            self._pace.watch.restore(saved["slow"])

    def _take(self, rows: Rows, known: int) -> list[Event]:
        events: list[Event] = []
        for reading in self.account.feed(rows):
            time = reading.time.tolist()
            if self.machine.judges:
                stops = self._stops.rows(time, reading.state.tolist(), self.account.inside)
                events += [s.event(self.machine.asset, known, self._minor_below) for s in stops]
            if "order" in self.machine.inputs:
                events += self._order(reading, time, known)
            if "lot" in self.machine.inputs:
                events += self._lots.rows(time, reading.lots, known)
        return events

    def _order(self, reading: Reading, time: list[int], known: int) -> list[Event]:
        added = reading.produced.tolist() if "count" in self.machine.inputs else None
        found = self._orders.rows(time, reading.orders, reading.products, added, known)
        return found if self.machine.owns_order else []


def _lost(quality: Any) -> Any:
    return (quality == q.STALE) | (quality == q.NO_COMMUNICATION_LAST_USABLE)
