"""Decisions in the event simulator: nothing changes where they are the line's own, everything that
is offered is what was there, and costs are those of the parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gemel.core.errors import DataError
from gemel.core.line import Line
from gemel.parts.simulators import SIMULATORS
from gemel.parts.simulators.base import Trial
from gemel.parts.simulators.events import ASK, PART, Question, decided, usual
from gemel.testing.simulators import left

EVENTS = SIMULATORS.build({"kind": "events"})
TRIAL = Trial(parts=400, warm_up=0.0, keep=("departures",), seed=3)


def exponential(seconds: float) -> dict[str, Any]:
    return {"kind": "exponential", "mean": f"{seconds} s"}


def shop(rule: str, **more: Any) -> Line:
    """Two machines that products visit in other orders, with set-ups and due dates."""
    station = {
        "time": exponential(5), "dispatch": rule, "after": [], **more,
        "setup": {"time": "2 s"}, "times": {"b": "3 s"},
    }  # fmt: skip
    return Line.read({
        "stations": {
            "saw": {**station, "arrivals": {"every": exponential(7)}}, "mill": station,
        },
        "products": {
            "a": {"due": "60 s", "route": [{"station": "saw"}, {"station": "mill"}]},
            "b": {"due": "20 s", "route": [{"station": "mill"}, {"station": "saw"}]},
            "c": {"due": "30 s", "family": "b", "route": [{"station": "mill"}]},
        },
    })  # fmt: skip


def crewed(**more: Any) -> Line:
    """Three machines, two people who work at them, and two who set up and repair."""
    failure = {"every": exponential(40), "repair": exponential(9), "crew": "fitters", "number": 2}
    machine = {
        "time": exponential(4), "needs": {"crew": "workers"}, "failures": {"jam": failure},
        "setup": {"time": "3 s", "crew": "fitters"}, "places": 4, **more,
    }  # fmt: skip
    return Line.read({
        "stations": {
            "a": {**machine, "places": None, "arrivals": {"every": exponential(12)}},
            "b": machine, "c": {**machine, "dispatch": "setup"},
        },
        "products": {"x": {"due": "90 s"}, "y": {}},
        "crews": {"fitters": {"number": 2}, "workers": {"number": 2}},
    })  # fmt: skip


LINES = {
    **{rule: shop(rule) for rule in ("fifo", "spt", "edd", "setup")},
    "batches": shop("edd", batch={"least": 2, "most": 3}),
    "before": crewed(blocking="before"),
    "crew": crewed(),
    "saturated": Line.read({
        "stations": {"a": {"time": "2 s", "batch": {"least": 2, "most": 4}}, "b": {"time": "1 s"}},
        "products": {"x": {}, "y": {}},
    }),
}  # fmt: skip


@pytest.mark.parametrize("name", LINES)
def test_the_lines_own_decisions_change_nothing(name: str) -> None:
    line, asked = LINES[name], 0

    def decide(question: Question) -> int:
        nonlocal asked
        asked += 1
        return usual(question)

    plain = left(EVENTS.run(line, TRIAL))[0, 0]
    found = decided(line, TRIAL, decide)
    assert found.departures.tolist() == plain.tolist()
    assert asked > 10 or name == "saturated"


@pytest.mark.parametrize(("rule", "column"), [("spt", "work"), ("edd", "due"), ("setup", "setup")])
def test_rules_are_columns(rule: str, column: str) -> None:
    """What decides by a column of what is offered does what the built-in rule does."""
    at = PART.index(column)
    own = decided(shop(rule), TRIAL)
    other = decided(shop("fifo"), TRIAL, lambda q: int(np.argmin(q.offered[:, at])))
    assert other.departures.tolist() == own.departures.tolist()
    assert own.departures.tolist() != decided(shop("fifo"), TRIAL).departures.tolist()


def test_what_is_offered() -> None:
    """At 4 s the machine is free of its first part; by hand."""
    line = Line.read({
        "stations": {
            "gate": {"time": "0 s", "arrivals": {"at": ["0 s", "1 s", "2 s", "3 s"]}},
            "m": {
                "time": "4 s", "times": {"b": "2 s"},
                "setup": {"time": "1 s", "changes": {"a > b": "7 s"}},
            },
            "pack": {"time": "3 s"},
        },
        "products": {"a": {"due": "99 s"}, "b": {"due": "9 s"}, "c": {"family": "b"}},
        "sequence": ["a", "b", "c", "a"],
    })  # fmt: skip
    seen: list[Question] = []

    def decide(question: Question) -> int:
        seen.append(question)
        return len(question.offered) - 1

    decided(line, Trial(parts=4, warm_up=0.0), decide)
    first = seen[0]
    assert (first.kind, first.at, first.now, first.usual) == ("part", "m", 4.0, 0)
    columns = dict(zip(PART, first.offered.T.tolist(), strict=True))
    assert columns == {
        "work": [2, 4, 4], "setup": [7, 7, 0], "left": [5, 7, 7], "steps": [2, 2, 2],
        "due": [6, float("inf"), 98], "waited": [3, 2, 1], "age": [3, 2, 1],
        "ahead": [3, 3, 3],  # the first part is at the next station
        "alike": [1, 1, 0], "turn": [0, 1, 2],
    }  # fmt: skip
    assert first.inside_s == 4 + 3 + 2 + 1
    assert first.late_s == 0


def test_the_crew_is_asked_for() -> None:
    """Three machines need the one person at once; who is served last, leaves last."""
    machine = {"time": "4 s", "needs": {"crew": "worker"}, "arrivals": {"at": ["0 s"]}, "after": []}
    line = Line.read({
        "stations": {
            "a": {**machine, "time": "1 s"}, "b": machine, "c": {**machine, "time": "2 s"},
        },
        "crews": {"worker": {"number": 1}},
    })  # fmt: skip
    seen: list[Question] = []

    def shortest(question: Question) -> int:
        seen.append(question)
        return int(np.argmin(question.offered[:, ASK.index("usual")]))

    assert decided(line, Trial(parts=3, warm_up=0.0)).departures.tolist() == [1, 5, 7]
    found = decided(line, Trial(parts=3, warm_up=0.0), shortest)
    assert found.departures.tolist() == [1, 3, 7]
    assert [(q.kind, q.at, q.now) for q in seen] == [("crew", "worker", 1.0)]
    assert seen[0].offered[:, ASK.index("queue")].tolist() == [1, 1]


def test_costs_are_those_of_the_parts() -> None:
    """Part-seconds of a closed account are sums over parts: lead times, and times behind."""
    line = Line.read({
        "stations": {"m": {"time": "4 s", "arrivals": {"at": ["0 s", "1 s", "9 s"]}}},
        "products": {"a": {"due": "3 s"}},
    })  # fmt: skip
    found = decided(line, Trial(parts=3, warm_up=0.0))
    assert found.departures.tolist() == [4, 8, 13]
    assert found.inside_s == 4 + 7 + 4
    assert found.late_s == 1 + 4 + 1
    assert (found.parts, found.left, found.late) == (3, 3, 3)


def test_little() -> None:
    """Part-seconds in the line, over its time, are its mean parts of work in progress."""
    trial = Trial(horizon_s=20_000.0, warm_up=0.2, seed=5)
    found, run = decided(shop("spt"), trial), EVENTS.run(shop("spt"), trial)
    assert found.inside_s / 16_000 == pytest.approx(float(run.wip[0, 0]), rel=1e-9)


def test_an_answer_that_was_not_offered() -> None:
    with pytest.raises(DataError, match="was told to take number 99 of 2 offered"):
        decided(shop("fifo"), TRIAL, lambda _: 99)
