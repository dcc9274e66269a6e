"""The problem that a description makes: calendars written out, orders divided into lots."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import numpy as np

from gemel.core.errors import ConfigurationError, did_you_mean
from gemel.core.time import DAY, MINUTE, SECOND, parse_time, zone
from gemel.parts.solvers.scheduling._plans.description import (
    DAYS,
    Calendar,
    Description,
    Machine,
    Order,
    Step,
    Work,
)
from gemel.parts.solvers.scheduling._plans.draft import Draft, Way
from gemel.parts.solvers.scheduling.base import LARGEST, NEVER, NONE, AtMost, Objective, Problem

__all__ = ["problem_of"]


def problem_of(described: Description) -> Problem:
    """The problem. Raises `ConfigurationError` that names the order, machine or calendar."""
    return _Maker(described).problem()


class _Maker:
    def __init__(self, described: Description) -> None:
        self.said = described
        self.zone = zone(described.time_zone)
        self.begin = parse_time(described.start.replace(" ", "T"), self.zone)
        self.draft = Draft(tick=described.tick, origin=self.begin)
        self.machines: dict[str, int] = {}
        self.resources = {
            name: self.draft.resource(name, count) for name, count in described.resources.items()
        }

    def problem(self) -> Problem:
        said, draft = self.said, self.draft
        if not said.orders:
            raise ConfigurationError("there are no orders")
        for name, machine in said.machines.items():
            machine = machine or Machine()
            buffer = NONE if machine.buffer is None else machine.buffer
            restart = float("inf") if machine.restart is None else machine.restart
            self.machines[name] = draft.machine(
                name, buffer, machine.set_up_for, machine.standby, restart
            )
        if said.peak_power is not None:
            draft.peak(said.peak_power)
        seen: set[str] = set()
        for order in said.orders:
            if order.order in seen:
                raise ConfigurationError(f"order '{order.order}' is there twice")
            seen.add(order.order)
            self._order(order)
        for setup in said.setups:
            for machine_name in setup.machine:
                k = self._known(machine_name, self.machines, "set-up", "machine")
                for a in setup.before:
                    for b in setup.after:
                        draft.setup(k, a, b, self._ticks(setup.time))
        until = self._until()
        for name, machine in said.machines.items():
            self._calendar(self.machines[name], machine or Machine(), name, until)
        if said.energy:
            self._prices(until)
        per = said.tick / MINUTE
        goal = said.objective
        made = draft.build(
            Objective(
                goal.makespan * per,
                goal.tardiness * per,
                goal.flow_time * per,
                goal.setup * per,
                goal.energy,
            )
        )
        return replace(made, at_most=self._limits())

    def _limits(self) -> AtMost:
        def ticks(limit: int | None) -> float:
            return float("inf") if limit is None else limit / self.said.tick

        limits = self.said.limits
        energy = float("inf") if limits.energy is None else limits.energy
        return AtMost(
            ticks(limits.makespan), ticks(limits.tardiness), float("inf"), ticks(limits.setup),
            energy,
        )  # fmt: skip

    def _order(self, order: Order) -> None:
        said, where = self.said, f"order '{order.order}'"
        if (order.product is None) == (not order.steps):
            raise ConfigurationError(f"{where}: give a product, or steps of its own")
        steps, most = order.steps, order.quantity
        if order.product is not None:
            self._known(order.product, said.products, where, "product")
            steps = said.products[order.product].steps
            most = said.products[order.product].lot or most
        job = self.draft.job(
            order.order,
            max(0, self._moment(order.release, where, 0)),
            self._moment(order.due, where, NEVER), self._moment(order.deadline, where, NEVER),
            order.weight,
        )  # fmt: skip
        count = -(-order.quantity // most)
        if count > LARGEST:
            raise ConfigurationError(
                f"{where}: {count:,} lots are more than {LARGEST:,}; take larger ones"
            )
        for lot in range(count):
            # As equal as whole pieces can be.
            pieces = order.quantity // count + (lot < order.quantity % count)
            name = order.order if count == 1 else f"{order.order}.{lot + 1}"
            last: list[int] = []
            for number, step in enumerate(steps, 1):
                ways = self._ways(step, pieces, f"{where}, step {step.name or number}")
                made = self.draft.operation(
                    job, ways, name=f"{name}/{step.name or number}", after=last,
                    family=step.family, breakable=step.may_pause, no_wait=step.no_wait,
                    lag=self._ticks(step.wait),
                )  # fmt: skip
                last = [made]

    def _ways(self, step: Step, quantity: int, where: str) -> list[Way]:
        demand = {
            self._known(name, self.resources, where, "resource"): count
            for name, count in step.needs.items()
        }
        on: Mapping[str, str | Work]
        if isinstance(step.on, str):
            on = {step.on: Work.model_construct(time=step.time, each=step.each)}
        else:
            on = step.on
        ways = []
        for name, work in on.items():
            k = self._known(name, self.machines, where, "machine")
            if isinstance(work, str):
                work = Work.read({"time": work}, where)
            total = self._ticks(work.time + work.each * quantity)
            power = (self.said.machines[name] or Machine()).power
            ways.append(Way(k, total, demand, power))
        if not ways:
            raise ConfigurationError(f"{where}: there is no machine for it")
        return ways

    def _known(self, name: str, known: Mapping[str, Any], where: str, what: str) -> Any:
        if name not in known:
            raise ConfigurationError(
                f"{where}: no {what} named '{name}'; {did_you_mean(name, known)}"
            )
        return known[name]

    def _ticks(self, duration: int) -> int:
        return -(-duration // self.said.tick)

    def _moment(self, text: str | None, where: str, default: int) -> int:
        if text is None:
            return default
        try:
            time = parse_time(text.replace(" ", "T"), self.zone)
        except ConfigurationError as error:
            raise ConfigurationError(error.message, where) from None
        return int((time - self.begin) // self.said.tick)

    def _until(self) -> int:
        """ns: how far calendars are written out; far beyond what a sensible plan takes."""
        draft = self.draft.build()
        latest = [0, int(draft.release.max(initial=0))]
        latest += [int(x) for x in (*draft.due, *draft.deadline) if x < NEVER]
        # The longest job, and for each machine all that could be done there, one after another; a
        # machine that works one shift on five days is open for a quarter of the time.
        load = np.zeros(len(self.machines), np.int64)
        np.add.at(load, draft.machine, draft.duration)
        longest = np.zeros(len(draft), np.int64)
        np.maximum.at(longest, draft.mode_of, draft.duration)
        chain = np.bincount(draft.job, longest) if len(draft) else np.zeros(1)
        chain[draft.job[draft.after]] += draft.lag
        ticks = max(latest) + 6 * (int(load.max(initial=0)) + int(chain.max()))
        return self.begin + min(ticks * self.said.tick + 28 * DAY, 1_000 * DAY)

    def _calendar(self, k: int, machine: Machine, name: str, until: int) -> None:
        shut = list(machine.closed)
        if machine.calendar is not None:
            where = f"machine '{name}'"
            calendar: Calendar = self._known(
                machine.calendar, self.said.calendars, where, "calendar"
            )
            shut += calendar.closed
            if calendar.open:
                self._week(k, calendar, machine.calendar, until)
        for one in shut:
            first = self._moment(one.start, f"machine '{name}', closed", 0)
            last = self._moment(one.end, f"machine '{name}', closed", 0)
            if first >= last:
                raise ConfigurationError(
                    f"machine '{name}' is closed from {one.start} to {one.end}, which is no time"
                )
            if last > 0:
                self.draft.close(k, max(0, first), last)

    def _week(self, k: int, calendar: Calendar, name: str, until: int) -> None:
        spans = []
        for one in calendar.open:
            spans += [(day, one.start, one.end) for day in _days(one.days, name)]
        if not spans:
            raise ConfigurationError(f"calendar '{name}' is never open")
        work = []
        here = datetime.fromtimestamp(self.begin // SECOND, UTC).astimezone(self.zone)
        midnight = datetime(here.year, here.month, here.day, tzinfo=UTC) - timedelta(days=1)
        while (at := _local(midnight, "00:00", self.zone)) < until:
            for day, start, end in spans:
                if day == midnight.weekday():
                    first = _local(midnight, start, self.zone)
                    last = _local(midnight, end, self.zone)
                    if last <= first:
                        last = _local(midnight + timedelta(days=1), end, self.zone)
                    work.append((first, last))
            midnight += timedelta(days=1)
        done = 0
        for first, last in sorted(work):
            opening = int(-(-(first - self.begin) // self.said.tick))
            if opening > done:
                self.draft.close(k, done, opening)
            done = max(done, int((last - self.begin) // self.said.tick))
        last_tick = int((at - self.begin) // self.said.tick)
        if last_tick > done:
            self.draft.close(k, done, last_tick)

    def _prices(self, until: int) -> None:
        here = datetime.fromtimestamp(self.begin // SECOND, UTC).astimezone(self.zone)
        midnight = datetime(here.year, here.month, here.day, tzinfo=UTC) - timedelta(days=1)
        told: dict[int, float] = {}
        while _local(midnight, "00:00", self.zone) < until:
            for one in self.said.energy:
                at = _local(midnight, one.start, self.zone)
                told[int((at - self.begin) // self.said.tick)] = one.price
            midnight += timedelta(days=1)
        before = [t for t in told if t <= 0]
        if before:
            self.draft.price(0, told[max(before)])
        last = told[max(before)] if before else None
        for at in sorted(t for t in told if t > 0):
            if told[at] != last:
                self.draft.price(at if last is not None else 0, told[at])
                last = told[at]


def _days(text: str, name: str) -> list[int]:
    found: list[int] = []
    for part in re.split(r"[,\s]+", text.strip().lower()):
        first, _, last = part.partition("-")
        for word in (first, last or first):
            if word[:3] not in DAYS:
                raise ConfigurationError(
                    f"calendar '{name}': '{word}' is not a day; write e.g. 'mon-fri' or 'sat, sun'"
                )
        a, b = DAYS.index(first[:3]), DAYS.index((last or first)[:3])
        found += [(a + step) % 7 for step in range((b - a) % 7 + 1)]
    return found


def _local(day: datetime, clock: str, local: tzinfo) -> int:
    """ns UTC of a time of day on a day; '24:00' is the end of the day."""
    hour, minute = (int(word) for word in clock.split(":"))
    if hour == 24:
        day, hour = day + timedelta(days=1), 0
    return parse_time(f"{day:%Y-%m-%d}T{hour:02d}:{minute:02d}", local)
