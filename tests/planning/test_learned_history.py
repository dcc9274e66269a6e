"""Lines learned from states and counters: of a line that is known, and of the virtual one."""

from __future__ import annotations

import numpy as np
import pytest

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.core.line.closed import WEEK
from gemel.parts.simulators.base import STATES, Trial
from gemel.twin.planning import simulator_for
from gemel.twin.planning.learned import Counts, States, learn_from_history
from gemel.twin.planning.learned.log import MONDAY, Numbers
from gemel.virtual.line import Line as VirtualLine
from gemel.virtual.packml import State
from gemel.virtual.scenario import Scenario
from gemel.virtual.signals import BOTTLES_PER_CASE, CONVEYOR_CAPACITY

WORKING, STARVED, BLOCKED, SETUP, DOWN, OFF = range(len(STATES))


def one_station(weeks: int, seed: int = 1) -> tuple[States, Counts, Values, Values]:
    """A machine on two shifts that jams: states, counts, work between stops, and stops."""
    random = np.random.default_rng(seed)
    time, state, cause = [0.0], [OFF], [-1]
    counts: list[float] = []
    every, repair = random.exponential(3_600, 5_000), random.lognormal(4, 0.5, 5_000)
    k, left = 0, every[0]
    for day in range(7 * weeks):
        if day % 7 > 4:
            continue
        now, close = 86_400.0 * day + 6 * 3_600, 86_400.0 * day + 22 * 3_600
        while now < close:
            run = min(left, close - now)
            time.append(now)
            state.append(WORKING)
            cause.append(-1)
            counts += (now + np.arange(0.0, run, 30.0)).tolist()
            left -= run
            now += run
            if left <= 0:
                time.append(now)
                state.append(DOWN)
                cause.append(0)
                now += repair[k]
                k += 1
                left = every[k]
        time.append(close)
        state.append(OFF)
        cause.append(-1)
    n = len(time)
    zeros = np.zeros(n, np.int64)
    order = np.argsort(time, kind="stable")
    states = States(
        np.array(time)[order] + MONDAY, zeros, np.array(state)[order], np.array(cause)[order]
    )
    at = np.array(counts) + MONDAY
    return (
        states, Counts(at, np.zeros(len(at), np.int64), np.arange(1.0, len(at) + 1)), every[:k],
        repair[:k],
    )  # fmt: skip


def test_stops_pace_and_shifts_come_back() -> None:
    states, counts, every, repair = one_station(4)
    found = learn_from_history(["press"], states, counts, causes=["jam"])
    station = found.line.stations["press"]
    (report,) = found.stations
    between, stops = report.failures["jam"]
    assert between.low < 3_600 < between.high
    assert between.best == "exponential"
    assert between.running == 1  # it works since the last stop
    assert stops.mean == pytest.approx(repair.mean(), rel=0.1)
    assert stops.best == "lognormal"
    assert station.failures["jam"].every.mean_s == pytest.approx(every.mean(), rel=0.1)
    shifts = found.line.calendars[station.calendar]
    assert [(s.start, s.end, s.days) for s in shifts] == [
        ("06:00", "22:00", ("mon", "tue", "wed", "thu", "fri"))
    ]
    assert report.time.mean == pytest.approx(30, rel=0.02)


def test_the_learned_machine_makes_as_much() -> None:
    states, counts, _, _ = one_station(4)
    line = learn_from_history(["press"], states, counts, causes=["jam"]).line
    run = simulator_for(line)[1].run(line, Trial(horizon_s=4 * WEEK, replications=4, warm_up=0))
    assert run.throughput.mean() * 4 * WEEK == pytest.approx(counts.count[-1], rel=0.03)


def test_less_than_two_weeks_tell_no_shifts() -> None:
    states, counts, _, _ = one_station(1)
    found = learn_from_history(["press"], states, counts)
    assert found.line.calendars == {}
    assert any("less than two weeks" in note for note in found.notes)
    assert set(found.line.stations["press"].failures) == {"stop"}  # its cause has no name


def test_a_counter_that_begins_anew_counts_on() -> None:
    states, counts, _, _ = one_station(3)
    again = np.where(counts.count > 5_000, counts.count - 5_000, counts.count)
    one = learn_from_history(["press"], states, counts)
    two = learn_from_history(["press"], states, Counts(counts.time, counts.station, again))
    assert two.stations[0].time.mean == pytest.approx(one.stations[0].time.mean, rel=0.01)


def test_what_tells_nothing_is_refused() -> None:
    states, counts, _, _ = one_station(1)
    with pytest.raises(DataError, match="station 'wash' has no states"):
        learn_from_history(["press", "wash"], states, counts)
    with pytest.raises(DataError, match="'press' has not counted a part"):
        learn_from_history(["press"], states, Counts(counts.time, counts.station, counts.count * 0))
    idle = States(states.time, states.station, np.full(len(states.state), STARVED), states.cause)
    with pytest.raises(DataError, match="never say that it works"):
        learn_from_history(["press"], idle, counts)


# The virtual line: its own kind of physics, told by states and counters alone


def recorded(hours: float, seed: int) -> tuple[list[str], States, Counts, Values]:
    """Seconds of a virtual line with ordinary stops; the last are the fills of its conveyors."""
    ordinary = Scenario("ordinary", stops_per_hour=12.0)
    start = int(MONDAY) * 10**9
    line = VirtualLine(np.random.default_rng(seed), start, ordinary, step_s=0.25)
    rows, fills = [], []
    seconds = int(hours * 3_600)
    for i in range(1, seconds + 1):
        line.advance(start + i * 10**9)
        rows.append(
            [
                (m.state.packml, m.state.starved, m.state.blocked, m.state.stop_reason,
                 m.state.produced)
                for m in line.machines.values()
            ]
        )  # fmt: skip
        fills.append([c.level for c in line.conveyors])
    told = np.array(rows, np.int64)
    time = MONDAY + np.arange(1.0, seconds + 1)
    codes = [
        _codes(told[:, i, 0], told[:, i, 1] > 0, told[:, i, 2] > 0)
        for i in range(len(line.machines))
    ]
    many = len(line.machines)
    numbers = np.repeat(np.arange(many), seconds)
    states = np.concatenate(codes)
    cause = np.where(states == DOWN, told[:, :, 3].T.ravel(), -1)
    counts = Counts(np.tile(time, many), numbers, told[:, :, 4].T.ravel().astype(np.float64))
    found = States(np.tile(time, many), numbers, states, cause)
    return list(line.machines), found, counts, np.array(fills, np.float64)


def _codes(packml: Numbers, starved: Numbers, blocked: Numbers) -> Numbers:
    """States of the line from those of PackML. A machine that comes back from waiting says no more
    for what it had waited: that goes on."""
    waiting = np.isin(packml, (State.SUSPENDING, State.SUSPENDED, State.UNSUSPENDING))
    states = np.where(packml == State.EXECUTE, WORKING, DOWN)
    states[waiting & starved] = STARVED
    states[waiting & blocked] = BLOCKED
    told = np.where(waiting & ~starved & ~blocked, 0, np.arange(len(states)))
    return np.asarray(states[np.maximum.accumulate(told)], np.int64)


def test_the_virtual_line_is_learned() -> None:
    """Twelve stops an hour that last 16 s and the second and a half to start again, conveyors of
    600 bottles: told from six hours, and the next two come out as told."""
    names, states, counts, _ = recorded(6, seed=2)
    found = learn_from_history(
        names, states, counts, parts_per_count=[1, 1, 1, 1, BOTTLES_PER_CASE]
    )
    for report in found.stations:
        every, stop = report.failures["stop"]
        assert every.low < 300 < every.high, report.name
        assert stop.mean == pytest.approx(18.5, rel=0.3), report.name
        assert report.time.mean == pytest.approx(0.16, rel=0.03), report.name
    places = [s.places for s in found.line.stations.values()]
    known = [p for p in places if p is not None]
    assert known
    assert all(abs(p - CONVEYOR_CAPACITY) < 0.15 * CONVEYOR_CAPACITY for p in known), places
    last = counts.count[counts.station == len(names) - 1]
    rate = BOTTLES_PER_CASE * (last[-1] - last[0]) / (len(last) - 1)
    run = simulator_for(found.line)[1].run(
        found.line, Trial(horizon_s=6 * 3_600, replications=6, warm_up=0.2)
    )
    assert run.throughput.mean() == pytest.approx(rate, rel=0.04)
