"""Both simulators, and a model in SimPy that was written for this test, give the same departure
times on the same draws."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import simpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gemel.core.line import Cap, Draws, Line, Snapshot
from gemel.core.line.caps import stretch
from gemel.core.line.luck import failures_in_operation
from gemel.parts.simulators import SIMULATORS
from gemel.parts.simulators.base import Scenarios, Trial
from gemel.testing.simulators import left, three_stations

FLOW = SIMULATORS.build({"kind": "flow_line"})
EVENTS = SIMULATORS.build({"kind": "events"})
SHIFTS = [
    {"name": "early", "start": "06:00", "end": "14:00"},
    {"name": "night", "start": "22:00", "end": "02:00", "days": ["mon", "sat"]},
]

times = st.one_of(
    st.builds(lambda s: f"{s} s", st.integers(1, 20)),
    st.builds(
        lambda kind, s, cv: {"kind": kind, "mean": f"{s} s", "cv": cv},
        st.sampled_from(["lognormal", "gamma", "weibull", "normal"]),
        st.integers(1, 20),
        st.sampled_from([0.2, 0.7, 1.5]),
    ),
    st.builds(lambda s: {"kind": "exponential", "mean": f"{s} s"}, st.integers(1, 20)),
)
failures = st.builds(
    lambda every, repair, counted: {"every": every, "repair": repair, "counted_in": counted},
    st.builds(lambda s: {"kind": "exponential", "mean": f"{s} s"}, st.integers(20, 400)),
    times,
    st.sampled_from(["operation", "operation", "calendar"]),
)


@st.composite
def lines(draw: st.DrawFn) -> Line:
    """Small lines of every form that the recursion covers."""
    form = draw(st.sampled_from(["serial", "serial", "split", "assembly"]))
    products = draw(st.booleans())
    data: dict[str, Any] = {"stations": {}}
    if products:
        data["products"] = {"a": {"share": 2}, "b": {}, "c": {"family": "b"}}
        if draw(st.booleans()):
            data["sequence"] = ["a", "a", "b", "c"]
    calendar = draw(st.sampled_from(["", "", "week"]))
    if calendar:
        data["calendars"] = {"week": SHIFTS}
        data["begins"] = draw(st.sampled_from(["mon 05:58", "sat 23:00"]))
    names = [f"m{i}" for i in range(draw(st.integers(3, 5)))]
    for i, name in enumerate(names):
        station: dict[str, Any] = {"time": draw(times)}
        if i and draw(st.booleans()):
            station["places"] = draw(st.integers(0, 3))
        if draw(st.booleans()):
            station["failures"] = draw(
                st.dictionaries(st.sampled_from(["jam", "tool"]), failures, max_size=2)
            )
        if draw(st.booleans()):
            station["blocking"] = "before"
        if calendar and draw(st.booleans()):
            station["calendar"] = calendar
        if products and draw(st.booleans()):
            station["setup"] = {"time": draw(times), "changes": {"b > a": draw(times)}}
        if products and draw(st.booleans()):
            station["times"] = {"b": draw(times)}
        if form != "assembly" and draw(st.integers(0, 3)) == 0:
            station["scrap"] = 0.2
        data["stations"][name] = station
    if form == "split":
        data["stations"]["m2"]["after"] = ["m0"]
        if draw(st.booleans()):
            data["stations"]["m0"] |= {"split": "share", "shares": {"m1": 3, "m2": 1}}
    if form == "assembly":
        data["stations"]["m1"]["after"] = []
        data["stations"]["m2"] |= {"after": ["m0", "m1"], "join": "assembly"}
        data["stations"]["m2"].pop("blocking", None)
    if draw(st.booleans()):
        data["stations"]["m0"]["arrivals"] = {"every": draw(times)}
        if draw(st.booleans()):
            rates = [shift | {"rate": draw(st.sampled_from([0.5, 1, 3]))} for shift in SHIFTS]
            data["stations"]["m0"]["arrivals"]["rates"] = rates
    line = Line.read(data)
    some = draw(st.lists(st.sampled_from([None, *_stretches(line)]), max_size=2))
    data["caps"] = {
        f"cap {i}": {"first": ends[0], "last": ends[1], "most": draw(st.integers(1, 6))}
        for i, ends in enumerate(some)
        if ends is not None
    }
    return Line.read(data)


def _stretches(line: Line) -> list[tuple[str, str]]:
    """Those that the recursion covers."""
    found = []
    for first in ("", *line.names):
        for last in ("", *line.names):
            capped = line.model_copy(update={"caps": {"": Cap(first=first, last=last)}})
            if stretch(capped, "") and not FLOW.uncovered(capped):
                found.append((first, last))
    return found


@st.composite
def begun(draw: st.DrawFn) -> tuple[Line, Snapshot]:
    """The same, and what stands where when it begins."""
    line = draw(lines().filter(lambda line: not FLOW.uncovered(line, Snapshot())))
    kinds = st.sampled_from(list(line.products) or [""])
    stations: dict[str, Any] = {}
    for name, station in line.stations.items():
        now: dict[str, Any] = {}
        repairs = [{"repair_left": draw(times)}]
        if station.failures:
            cause = draw(st.sampled_from(list(station.failures)))
            repairs += [{"cause": cause, "repaired_for": "3 s"}, {"repaired_for": "1 s"}]
        repair = draw(st.sampled_from([{}, {}, *repairs]))
        work = draw(
            st.sampled_from(
                [
                    {},
                    {"worked": "2 s"},
                    {"work_left": "7 s"},
                    {"work_left": {"mean": "9 s", "cv": 1}},
                ]
                + ([{"done": True}] if line.followers(name) else [])
            )
        )
        part = draw(st.booleans())
        if part:
            age = f"{draw(st.integers(0, 100))} s"
            now["busy"] = [{"product": draw(kinds), "age": age, **work, **repair}]
        elif repair:
            now["busy"] = [{"count": 0, **repair}]
        elif line.products:
            now["family"] = draw(st.sampled_from(["a", "b", ""]))
        # A place is kept for what has begun under blocking before service.
        most = 3 if station.places is None else max(station.places - 1, 0)
        now["waiting"] = [{"product": draw(kinds)} for _ in range(draw(st.integers(0, most)))]
        if station.places == 0 and any(
            line.stations[f].blocking == "before" for f in line.feeders(name)
        ):
            now.pop("busy", None)
        stations[name] = now
    orders = [{"product": draw(kinds), "count": draw(st.integers(1, 9))} for _ in range(2)]
    return line, Snapshot.read({"stations": stations, "orders": orders})


@settings(
    max_examples=200, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)  # fmt: skip
@given(begun(), st.integers(0, 1000))
def test_both_go_on_from_a_snapshot(both: tuple[Line, Snapshot], seed: int) -> None:
    line, start = both
    random = np.random.default_rng(seed)
    scenarios = Scenarios.same(line, 2)
    for column in (scenarios.time, scenarios.between, scenarios.repair):
        column[1] = random.uniform(0.5, 1.5, column.shape[1])
    trial = Trial(parts=120, seed=seed, keep=("departures", "states"), start=start, warm_up=0.0)
    one, other = (left(s.run(line, trial, scenarios)) for s in (FLOW, EVENTS))
    for found, expected in zip(one[:, 0], other[:, 0], strict=True):
        known = min(120, int(np.searchsorted(found, _until(line, trial))))
        assert found[:known].tolist() == expected[:known].tolist()


@settings(
    max_examples=150, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
@given(lines(), st.integers(0, 1000))
def test_both_give_the_same_departures(line: Line, seed: int) -> None:
    assert FLOW.uncovered(line) == ()
    random = np.random.default_rng(seed)
    scenarios = Scenarios.same(line, 2)
    for column in (scenarios.time, scenarios.between, scenarios.repair):
        column[1] = random.uniform(0.5, 1.5, column.shape[1])
    trial = Trial(parts=120, seed=seed, keep=("departures", "states"))
    one, other = (left(s.run(line, trial, scenarios)) for s in (FLOW, EVENTS))
    for found, expected in zip(one[:, 0], other[:, 0], strict=True):
        known = min(120, int(np.searchsorted(found, _until(line, trial))))
        assert found[:known].tolist() == expected[:known].tolist()


def _until(line: Line, trial: Trial) -> float:
    """Up to when the 120 parts of the recursion are all that can have left: where parts leave in
    several places, the 121st may leave before the 120th. It does not come before its time at the
    first station, which the fastest scenario has."""
    ends = [name for name in line.names if not line.followers(name)]
    if len(ends) == 1 and not any(s.scrap for s in line.stations.values()):
        return np.inf
    first = line.stations["m0"].model_copy(
        update={"scrap": 0.0, "shares": {}, "split": "alternate", "calendar": "", "failures": {}}
    )
    alone = Line(
        stations={"m0": first}, products=line.products, sequence=line.sequence, begins=line.begins
    )
    factor = Scenarios.same(alone)
    factor.time[:] = 0.5
    inside = 0 if trial.start is None else trial.start.parts
    few = replace(trial, parts=120 - inside, start=None)
    return float(FLOW.run(alone, few, factor).end[0, 0])


class TestSimPy:
    """A process per station and a store per buffer, as its documentation shows it."""

    @staticmethod
    def departures(line: Line, seed: int, parts: int, most: int | None = None) -> list[float]:
        """Of a serial line with blocking after service and failures in operation; with `most` there
        are so many cards, of which each part has one."""
        environment = simpy.Environment()
        draws = Draws(seed)
        names = line.names
        places = [line.stations[name].places for name in names]
        # The place on a machine is not in the buffer: a machine takes a part out when it begins.
        stores = [simpy.Store(environment, capacity=max(p or 0, 1)) for p in places[1:]]
        out: list[float] = []
        cards = None
        if most is not None:
            cards = simpy.Container(environment, capacity=most, init=most)

        def station(i: int) -> Any:
            here = line.stations[names[i]]
            work = draws.times(0, (names[i], "time"), parts, here.time)
            at, repair = failures_in_operation(here, names[i], draws, 0, float(work.sum()))
            worked, failed = 0.0, 0
            for k in range(parts):
                if i:
                    yield stores[i - 1].get()
                elif cards is not None:
                    yield cards.get(1)
                worked += work[k]
                rest = 0.0
                while worked >= at[failed] if len(at) else False:
                    rest += repair[failed]
                    failed += 1
                yield environment.timeout(work[k] + rest)
                if i < len(names) - 1:
                    yield stores[i].put(k)
                else:
                    out.append(environment.now)
                    if cards is not None:
                        yield cards.put(1)

        for i in range(len(names)):
            environment.process(station(i))
        environment.run()
        return out

    @pytest.mark.foreign
    @pytest.mark.parametrize("seed", range(5))
    def test_departures_are_those_of_simpy(self, seed: int) -> None:
        line = three_stations()
        expected = self.departures(line, seed, 2_000)
        for simulator in (FLOW, EVENTS):
            run = simulator.run(line, Trial(parts=2_000, seed=seed, keep=("departures",)))
            assert left(run)[0, 0].tolist() == expected

    @pytest.mark.foreign
    @pytest.mark.parametrize("most", [1, 3, 6])
    def test_departures_under_a_cap_are_those_of_simpy(self, most: int) -> None:
        line = three_stations().model_copy(update={"caps": {"line": Cap(most=most)}})
        expected = self.departures(line, 0, 1_000, most)
        for simulator in (FLOW, EVENTS):
            run = simulator.run(line, Trial(parts=1_000, seed=0, keep=("departures",)))
            assert left(run)[0, 0].tolist() == expected
