"""Shifts in local time, over clock changes, midnights and holidays."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.operations.lines import BERLIN, EARLY, LATE, NIGHT

from gemel.core.errors import ConfigurationError
from gemel.core.plant import Shift
from gemel.core.time import DAY, HOUR, MINUTE, parse_time, zone
from gemel.twin.operations import Calendar, Closed

EVERY: tuple[str, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def at(text: str) -> int:
    return parse_time(text, BERLIN)


def daily(*shifts: Shift) -> tuple[Shift, ...]:
    return tuple(s.model_copy(update={"days": EVERY}) for s in shifts)


THREE = daily(EARLY, LATE, NIGHT)


def test_the_shift_of_a_time() -> None:
    calendar = Calendar((EARLY, LATE, NIGHT), BERLIN)
    shift = calendar.shift_at(at("2026-06-01T06:00"))
    assert shift is not None
    assert (shift.name, shift.start, shift.end) == (
        "Early",
        at("2026-06-01T06:00"),
        at("2026-06-01T14:00"),
    )
    assert calendar.shift_at(at("2026-06-01T14:00") - 1) == shift
    names = [
        (w.name if (w := calendar.shift_at(at(t))) else None)
        for t in ("2026-06-01T14:00", "2026-06-02T03:00", "2026-06-06T05:59", "2026-06-06T06:00")
    ]
    assert names == ["Late", "Night", "Night", None], "Friday's night shift ends on Saturday"


def test_a_day_has_23_24_or_25_hours() -> None:
    calendar = Calendar(THREE, BERLIN)
    for day, hours in (("2026-03-29", 23), ("2026-03-30", 24), ("2026-10-25", 25)):
        start = at(f"{day}T00:00")
        spans = calendar.planned(start, start + hours * HOUR)
        assert sum(b - a for a, b in spans) == hours * HOUR
    spring = calendar.shift_at(at("2026-03-29T01:00"))
    autumn = calendar.shift_at(at("2026-10-25T01:00"))
    assert spring is not None
    assert autumn is not None
    assert (spring.end - spring.start, autumn.end - autumn.start) == (7 * HOUR, 9 * HOUR)


@pytest.mark.parametrize(
    ("day", "start", "end", "hours"),
    [
        ("2026-03-29", "01:00", "04:00", 2),  # 02:00 to 03:00 is skipped
        ("2026-03-29", "02:30", "04:00", 0.5),  # begins at a time that is not: 03:30
        ("2026-10-25", "01:00", "04:00", 4),  # 02:00 to 03:00 comes twice
        ("2026-10-25", "02:30", "04:00", 2.5),  # from the first 02:30
        ("2026-10-25", "01:00", "02:30", 1.5),  # to the first 02:30
    ],
)
def test_shifts_that_begin_or_end_in_the_changed_hour(
    day: str, start: str, end: str, hours: float
) -> None:
    calendar = Calendar(daily(Shift(name="s", start=start, end=end)), BERLIN)
    begin = at(f"{day}T00:00")
    (shift,) = [w for w in calendar.shifts(begin, begin + 20 * HOUR) if w.start >= begin]
    assert shift.end - shift.start == hours * HOUR


def test_without_shifts_every_local_day_is_planned() -> None:
    calendar = Calendar((), BERLIN)
    window = calendar.window_at(at("2026-10-25T12:00"))
    assert (window.name, window.end - window.start) == ("2026-10-25", 25 * HOUR)
    assert window.start == at("2026-10-25T00:00")
    assert calendar.planned_busy(window.start, window.end) == 25 * HOUR


def test_between_shifts_there_is_a_window_without_plan() -> None:
    calendar = Calendar((EARLY,), BERLIN)
    window = calendar.window_at(at("2026-06-05T18:00"))  # Friday evening to Monday morning
    assert (window.name, window.planned) == ("", False)
    assert (window.start, window.end) == (at("2026-06-05T14:00"), at("2026-06-08T06:00"))
    assert calendar.planned(window.start, window.end) == []


def test_holidays_and_breaks_are_not_planned() -> None:
    calendar = Calendar(
        THREE,
        BERLIN,
        [
            Closed(name="Christmas", start="2026-12-25", end="2026-12-26"),
            Closed(name="Inventory", start="2026-12-28 08:00", end="2026-12-28 10:30"),
        ],
        daily(Shift(name="lunch", start="12:00", end="12:30")),
    )
    start = at("2026-12-24T00:00")
    assert calendar.planned_busy(start, start + DAY) == DAY - 30 * MINUTE
    assert calendar.planned_busy(start + DAY, start + 3 * DAY) == 0
    assert calendar.planned_busy(start + 4 * DAY, start + 5 * DAY) == DAY - 3 * HOUR
    assert calendar.shift_at(at("2026-12-25T08:00")) is None
    assert calendar.window_at(at("2026-12-25T08:00")).planned is False


def test_overlapping_shifts_count_once_and_the_later_one_names_the_time() -> None:
    calendar = Calendar((EARLY, Shift(name="Middle", start="10:00", end="18:00")), BERLIN)
    start = at("2026-06-01T00:00")
    assert calendar.planned_busy(start, start + DAY) == 12 * HOUR
    first = calendar.window_at(at("2026-06-01T09:00"))
    second = calendar.window_at(at("2026-06-01T11:00"))
    assert (first.name, second.name) == ("Early", "Middle")
    assert first.end == second.start, "windows do not overlap"


def test_a_day_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="not a local day"):
        Closed.read({"name": "x", "start": "25.12.2026"})


SHIFTS = st.lists(
    st.builds(
        lambda a, b, days: Shift(
            name=f"{a}-{b}", start=f"{a:02}:00", end=f"{b:02}:30", days=tuple(sorted(days))
        ),
        st.integers(0, 23),
        st.integers(0, 23),
        st.sets(st.sampled_from(EVERY), min_size=1),
    ),
    max_size=4,
)


@settings(max_examples=40, deadline=None)
@given(
    SHIFTS,
    st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]),
    st.integers(0, 365 * 24 * 4),
    st.integers(1, 60),
)
def test_windows_partition_time_and_plans_add_up(
    shifts: list[Shift], place: str, quarter: int, hours: int
) -> None:
    calendar = Calendar(shifts, zone(place))
    start = parse_time("2026-01-01T00:00") + quarter * 15 * MINUTE
    end = start + hours * HOUR
    middle = start + hours * HOUR // 3
    whole = calendar.planned_busy(start, end)
    assert calendar.planned_busy(start, middle) + calendar.planned_busy(middle, end) == whole
    assert 0 <= whole <= end - start
    time = start
    while time < end:
        window = calendar.window_at(time)
        assert window.start <= time < window.end
        assert calendar.window_at(window.end).start == window.end
        assert calendar.window_at(window.end - 1) == window
        time = window.end
