"""What a line did, from states that are told: stretches, the bottleneck of the moment, and a line
learned from them; and a line that is looked at while it is played."""

from __future__ import annotations

import numpy as np
import pytest

from gemel.core.errors import ConfigurationError, DataError
from gemel.core.line import Line
from gemel.core.time import SECOND
from gemel.parts.simulators.base import Scenarios, Trial
from gemel.parts.simulators.events import Events, filmed
from gemel.twin.operations.history import Course
from gemel.twin.operations.times import TimeClass as T
from gemel.twin.planning.bottleneck import Bottleneck
from gemel.twin.planning.fit_to_history import beside_described, told_later, with_places
from gemel.twin.planning.learned import learn_from_history
from gemel.twin.planning.over_time import over_time
from gemel.twin.planning.past import as_history, past_of
from gemel.twin.planning.side_by_side import from_past


def course(*told: tuple[float, T], made: tuple[float, ...] = ()) -> Course:
    time = np.array([round(t * SECOND) for t, _ in told])
    state = np.array([int(s) for _, s in told])
    produced = np.array(made) if made else np.zeros(len(told))
    return Course(time, state, np.full(len(told), -1), produced)


A = course((0, T.PRODUCTION), (40, T.BLOCKED), (60, T.PRODUCTION))
"""Active 0 to 40 and 60 to 100, blocked between."""
B = course((0, T.STARVED), (20, T.PRODUCTION), (60, T.FAULT), (70, T.PRODUCTION), (90, T.STARVED))
"""Active 20 to 90, a repair among it."""


def test_the_longest_active_is_the_bottleneck_of_the_moment() -> None:
    past = past_of({"a": A, "b": B, "c": None}, 0, 100 * SECOND)
    assert past.missing == ("c",)
    found = over_time(past, 10)
    # b's 70 s are the longest while it lasts; a's two times hold before and after it.
    assert found.limit.tolist() == [0, 0, 1, 1, 1, 1, 1, 1, 1, 0]
    assert found.shifting[0].tolist() == [0, 0, 1, 1, 0, 0, 1, 1, 1, 0]
    assert found.sole[1].tolist() == [0, 0, 0, 0, 1, 1, 0, 0, 0, 0]
    assert found.now == (("a",), 40.0)
    told = found.record()
    assert told["states"]["b"] == [
        (0, 2, "starved"), (2, 6, "working"), (6, 7, "down"), (7, 9, "working"), (9, 10, "starved"),
    ]  # fmt: skip
    assert told["states"]["c"] == [(0, 10, "unknown")]
    assert told["limits"]["a"] == [(0, 2), (9, 10)]


def test_who_is_active_for_equally_long_is_not_told_apart() -> None:
    same = course((0, T.PRODUCTION))
    found = over_time(past_of({"a": same, "b": same}, 0, 100 * SECOND), 4)
    assert found.limit.tolist() == [-1] * 4
    assert found.shifting.tolist() == [[1] * 4] * 2
    assert found.now == (("a", "b"), 100.0)


def test_a_course_is_cut_where_something_is_known() -> None:
    told = course((0, T.UNKNOWN), (30, T.STARVED), (50, T.PRODUCTION), made=(0, 1, 2))
    assert told.known_from == 30 * SECOND
    cut = told.since(40 * SECOND)
    assert (cut.time / SECOND).tolist() == [40, 50]
    assert cut.state.tolist() == [T.STARVED, T.PRODUCTION]
    assert past_of({"a": cut}, 40 * SECOND, 60 * SECOND).waited == 0.5
    assert course((0, T.UNKNOWN)).known_from is None


def test_methods_beside_each_other() -> None:
    past = past_of({"a": A, "b": B}, 0, 100 * SECOND)
    replay = Bottleneck(("a", "b"), np.array([0.0, 0.04]), np.array([0.0, 1.0]), ("b",))
    found = from_past(past, replay, windows=2)
    active, period, turn = found.methods
    assert active.score == pytest.approx([0.8, 0.7])
    # a holds 0 to 40 and 60 to 100, b holds 20 to 90: alone 0–20, 90–100 and 40–60.
    assert found.sole == pytest.approx([0.3, 0.2])
    assert found.shifting == pytest.approx([0.5, 0.5])
    assert period.score == pytest.approx([0.8, 0.7])
    # a is rather blocked, b rather starved: both idle, and none is less so than its neighbour
    # but a (20 s against 30 s), behind which all are starved.
    assert turn.score.tolist() == [1, 0]
    assert turn.found[0] == "a"
    assert [w[0] for w in found.windows] == [0.0, 50.0]


def test_nothing_known_is_no_bottleneck() -> None:
    past = past_of({"a": None, "b": course((0, T.UNKNOWN))}, 0, 10 * SECOND)
    assert past.missing == ("a", "b")
    with pytest.raises(DataError, match="nothing was ever active"):
        over_time(past)


LINE = Line.read({
    "stations": {
        "saw": {"time": "10 s"},
        "mill": {"time": "12 s", "places": 3,
                 "failures": {"jam": {"every": {"kind": "exponential", "mean": "10 min"},
                                      "repair": "2 min"}}},
    }
})  # fmt: skip


def test_a_film_is_the_run_that_it_shows() -> None:
    trial = Trial(horizon_s=3_600.0, warm_up=0.0, seed=3, keep=("states", "departures"))
    run = Events().run(LINE, trial)
    film = filmed(LINE, trial, moments=61)
    assert film.times[1] == 60.0
    assert run.departures is not None
    assert run.states is not None
    left = run.departures[0, 0]
    assert film.left.tolist() == [int((left <= t).sum()) for t in film.times]
    assert film.states[1:].mean(axis=0) == pytest.approx(run.states[0, 0], abs=1e-9)
    assert film.waiting[:, 1].max() == 3
    assert film.waiting.min() >= 0
    faster = Scenarios.same(LINE)
    faster.time[:] *= 0.5
    assert filmed(LINE, trial, faster, 61).left[-1] > 1.5 * film.left[-1]
    with pytest.raises(ConfigurationError, match="a film has a horizon"):
        filmed(LINE, Trial(100))


def played(hours: float) -> dict[str, Course]:
    """What machines of LINE would have told: states second by second, and counters."""
    film = filmed(
        LINE, Trial(horizon_s=hours * 3_600, warm_up=0.0, seed=5), moments=int(hours * 3_600) + 1
    )
    classes = np.array([T.PRODUCTION, T.STARVED, T.BLOCKED, T.SETUP, T.FAULT, T.PLANNED])
    state = classes[film.states.argmax(axis=2)]
    mill = film.left.astype(float)
    # What the saw has made is what has left, waits, or is in the mill.
    saw = np.maximum.accumulate(mill + film.waiting[:, 1] + (state[:, 1] != T.STARVED))
    time = np.round(film.times * SECOND).astype(np.int64)
    nothing = np.full(len(time), -1)
    return {
        "saw": Course(time, state[:, 0], nothing, saw),
        "mill": Course(time, state[:, 1], nothing, mill),
    }


def test_the_line_is_learned_from_what_it_did_and_held_against_the_rest() -> None:
    hours = 24.0
    states, counts, causes = as_history(played(hours), (1.0, 1.0), 7_200.0, ({}, {}))
    assert causes == ("fault",)
    assert states.time[0] == 7_200.0
    until = 3_600 * hours + 7_200
    learned = learn_from_history(("saw", "mill"), states, counts, causes=causes, until=until)
    rows = {(one.station, one.what): one for one in beside_described(learned, LINE)}
    assert rows["mill", "time"].learned == pytest.approx(12, rel=0.02)
    assert rows["mill", "time"].described == 12
    assert rows["mill", "places"].learned == rows["mill", "places"].described == 3
    assert rows["mill", "between stops"].learned == pytest.approx(600, rel=0.25)
    assert rows["mill", "stop"].learned == pytest.approx(120, rel=0.05)
    assert rows["saw", "stop"].described is None
    told = told_later(("saw", "mill"), states, counts, causes, until)
    assert told.span_s == pytest.approx(8 * 3_600)
    assert told.low <= told.made <= told.high
    assert told.mean == pytest.approx(told.made, rel=0.06)


def test_places_that_nobody_met_are_those_described() -> None:
    open_ = LINE.model_copy(
        update={
            "stations": {n: s.model_copy(update={"places": None}) for n, s in LINE.stations.items()}
        }
    )
    assert with_places(open_, LINE).stations["mill"].places == 3
    assert with_places(open_, LINE).stations["saw"].places is None
