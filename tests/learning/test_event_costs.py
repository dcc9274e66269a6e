"""What findings cost: exact values, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from gemel.core.errors import ConfigurationError
from gemel.core.time import HOUR, MINUTE
from gemel.twin.learning import WatchSettings
from gemel.twin.learning.detecting.comparing import judge
from gemel.twin.learning.detecting.costs import Costs, Noticed, costs_of, occurrences
from gemel.twin.learning.detecting.settings import EventCosts
from gemel.twin.learning.labels import Answer

COSTS = EventCosts.read({"false_alarm": 1, "missed": 20, "delay": 2, "ahead": "1 h"})
NOW = 100 * HOUR


def found(
    champion: bool, start: float, end: float | None, answer: Answer | None = None
) -> Noticed:  # fmt: skip
    """A finding, in hours."""
    last = None if end is None else round(end * HOUR)
    return Noticed(f"{champion} {start}", round(start * HOUR), last, answer, champion)


def costs(*findings: Noticed, events: tuple[tuple[float, float | None], ...] = ()) -> Costs:
    """Of ten hours."""
    spans = [(round(a * HOUR), None if b is None else round(b * HOUR)) for a, b in events]
    return costs_of(occurrences(findings, spans, COSTS, NOW), COSTS, 0, 10 * HOUR)


@pytest.mark.parametrize("answer", ["wrong", "known"])
def test_a_false_alarm_costs_the_model_that_has_it(answer: Answer) -> None:
    told = costs(found(True, 2, 3, answer))
    assert (told.champion, told.other, told.known, told.unknown) == ((1, 1), (0, 0), 1, 0)
    assert told.least.tolist() == told.most.tolist() == [0, 0, 1, 0, 0, 0, 0, 0, 0, 0]


def test_an_answer_holds_for_what_overlaps_and_for_nothing_else() -> None:
    told = costs(found(True, 2, 3, "wrong"), found(False, 2.5, 4), found(False, 5, 6))
    assert (told.champion, told.other) == ((1, 21), (2, 1))
    assert (told.known, told.unknown) == (1, 1)


def test_an_event_costs_what_it_is_found_too_late_and_what_is_not_found() -> None:
    told = costs(found(True, 4.5, 5), events=((4, 6), (8, 9)))
    assert told.champion == (0.5 * 2 + 20,) * 2
    assert told.other == (40, 40)
    assert told.known == 2


def test_a_finding_before_an_event_is_about_it_and_late_by_nothing() -> None:
    told = costs(found(False, 3.2, 3.4), events=((4, 6),))
    assert (told.champion[0], told.other[0]) == (20, 0)


def test_delay_never_costs_more_than_to_miss_it() -> None:
    assert costs(found(True, 40, 41), found(False, 1, 41, "right")).champion == (20, 20)


def test_what_a_person_called_wrong_has_not_found_an_event() -> None:
    told = costs(found(True, 4, 5, "wrong"), events=((4, 6),))
    assert (told.champion, told.other) == ((21, 21), (20, 20))


def test_what_lasts_and_is_not_found_has_cost_what_it_has_until_now() -> None:
    hours = 3
    spans = [(NOW - hours * HOUR, None)]
    (one,) = occurrences([], spans, COSTS, NOW)
    assert one.if_so == (hours * 2, hours * 2)


def test_unanswered_findings_are_a_range_and_bound_the_difference() -> None:
    told = costs(found(True, 1, 2), found(False, 5, 6))
    # All wrong: one false alarm each. All right: each has missed one.
    assert (told.champion, told.other) == ((1, 20), (1, 20))
    # At worst for the other: the champion's was right, its own wrong.
    assert (told.least.sum(), told.most.sum()) == (-20 - 1, 1 + 20)
    assert len(told.open) == 2


def test_what_began_before_is_not_compared() -> None:
    whole = occurrences([found(True, 1, 3, "wrong"), found(False, 2.5, 4)], [], COSTS, NOW)
    assert costs_of(whole, COSTS, 2 * HOUR, 10 * HOUR).known == 0


def test_only_whole_periods_count() -> None:
    one = occurrences([found(True, 2.2, 2.3, "wrong")], [], COSTS, NOW)
    assert costs_of(one, COSTS, 0, 2 * HOUR + 50 * MINUTE).known == 0
    assert costs_of(one, COSTS, 0, 3 * HOUR).known == 1


def many(known: int, worst: float = 0.0) -> Costs:
    """200 periods, of which every tenth costs the champion one more; `worst` of the unanswered."""
    gain = np.zeros(200)
    gain[::10] = 1
    return Costs(gain + worst, gain, (20, 20), (0, 0), known, 0, ())


def test_it_is_better_only_where_enough_is_known_and_whatever_the_answers() -> None:
    settings = EventCosts(events=10)
    assert judge(many(20), settings).verdict == "better"
    assert judge(many(9), settings).verdict == "not told apart"
    assert "10 events wanted" in judge(many(9), settings).reason
    assert judge(many(20, worst=-0.2), settings).verdict == "not told apart"
    few = many(20)
    short = Costs(few.least[:60], few.most[:60], few.champion, few.other, 20, 0, ())
    assert "too few periods" in judge(short, settings).reason


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"renewal": {"leave_out": [["2026-03-02", "2026-03-01"]]}}, "is not before"),
        ({"renewal": {"leave_out": [["monday", "tuesday"]]}}, "is not a time"),
        ({"renewal": {"promote": "always"}}, "renewal.promote"),
        ({"costs": {"missed": -1}}, "costs.missed"),
        ({"costs": {"lost": 1}}, "costs.lost"),
    ],
)
def test_settings_that_cannot_be(words: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        WatchSettings.read({"asset": "press", **words})


def test_without_a_word_a_detector_is_renewed_by_nobody() -> None:
    renewal = WatchSettings.read({"asset": "press"}).renewal
    assert (renewal.every, renewal.on_drift, renewal.promote) == (None, False, "ask")
