"""Indicators against values calculated by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemel.core.time import HOUR, MINUTE
from gemel.twin.operations import Kpi, TimeClass, Totals, measure
from gemel.twin.operations.counters import increments
from gemel.twin.operations.times import tally

# A shift of 8 h with a planned stop of 30 min: 450 min of planned busy time.
MINUTES = {
    TimeClass.PRODUCTION: 360,
    TimeClass.SETUP: 30,
    TimeClass.STARVED: 12,
    TimeClass.BLOCKED: 8,
    TimeClass.FAULT: 20,
    TimeClass.STOPPED: 5,
    TimeClass.IDLE: 15,
    TimeClass.PLANNED: 30,
    TimeClass.UNKNOWN: 0,
}


def shift(**more: object) -> Totals:
    times = tuple(MINUTES[c] * MINUTE for c in TimeClass)
    values: dict[str, object] = {
        "planned": sum(times),
        "times": times,
        "produced": 5400.0,
        "rejected": 108.0,
        "failures": 4,
        "ordered": 435 * MINUTE,
        "counted": True,
        "judged": True,
        "booked": True,
    }
    return Totals(**(values | more))


def of(totals: Totals, **more: float) -> dict[str, Kpi]:
    return measure(totals, 0, 8 * HOUR, **({"ideal_rate": 1000.0} | more))


BY_HAND = {
    "availability": 360 / 450,
    "effectiveness": 5.4 / 6,  # 5400 pieces need 5.4 h at 1000/h, it ran 6 h
    "quality_ratio": 5292 / 5400,
    "oee": 0.8 * 0.9 * 0.98,
    "net_equipment_effectiveness": 390 / 450 * 0.9 * 0.98,
    "throughput_rate": 5400 / 7.25,
    "production_rate": 5400 / 7.5,
    "scrap_ratio": 0.02,
    "allocation_ratio": 435 / 435,
    "allocation_efficiency": 435 / 450,
    "utilisation_efficiency": 360 / 435,
    "technical_efficiency": 360 / 405,
    "setup_ratio": 30 / 390,
    "mtbf": 410 / 60 / 5,
    "mttf": 390 / 60 / 5,
    "mttr": 20 / 60 / 5,
    "mtbf_common": 410 / 60 / 4,
    "mttr_common": 20 / 60 / 4,
    "teep": 5.292 / 8,
}


@pytest.mark.parametrize(("name", "value"), BY_HAND.items())
def test_golden(name: str, value: float) -> None:
    kpi = of(shift())[name]
    assert kpi.value == pytest.approx(value, rel=1e-12)
    assert kpi.low == pytest.approx(value)
    assert kpi.high == pytest.approx(value)
    assert kpi.known_share == 1.0
    assert kpi.why_unknown == ""
    assert all(v is not None for v in kpi.inputs.values())


def test_every_indicator_has_a_golden_value() -> None:
    assert set(of(shift())) == set(BY_HAND)


@pytest.mark.parametrize(
    ("totals", "name", "why"),
    [
        (shift(counted=False), "effectiveness", "role 'count'"),
        (shift(judged=False), "quality_ratio", "role 'reject'"),
        (shift(judged=False), "oee", "role 'reject'"),
        (shift(booked=False), "throughput_rate", "role 'order'"),
        (shift(produced=0.0, rejected=0.0), "quality_ratio", "the count is 0"),
        (shift(failures=0), "mttr_common", "no failure"),
        (Totals(counted=True, judged=True), "availability", "nothing was planned"),
    ],
)
def test_what_is_missing_is_unknown_and_never_0(totals: Totals, name: str, why: str) -> None:
    kpi = of(totals)[name]
    assert kpi.value is None
    assert why in kpi.why_unknown


def test_without_an_ideal_rate_only_what_needs_it_is_unknown() -> None:
    found = measure(shift(), 0, 8 * HOUR)
    unknown = {name for name, kpi in found.items() if kpi.value is None}
    assert unknown == {"effectiveness", "oee", "net_equipment_effectiveness", "teep"}
    assert "ideal_rate" in found["oee"].why_unknown


def test_nothing_produced_is_an_oee_of_0_and_a_quality_that_nobody_knows() -> None:
    found = of(shift(produced=0.0, rejected=0.0))
    assert found["oee"].value == 0.0
    assert found["quality_ratio"].value is None


def missing(minutes: int) -> Totals:
    """The shift with minutes of production that nobody saw."""
    times = [MINUTES[c] * MINUTE for c in TimeClass]
    times[TimeClass.PRODUCTION] -= minutes * MINUTE
    times[TimeClass.UNKNOWN] += minutes * MINUTE
    return shift(times=tuple(times))


def test_a_little_missing_gives_a_value_with_bounds_that_hold() -> None:
    seen, truth = of(missing(12)), of(shift())
    kpi = seen["availability"]
    assert kpi.known_share == pytest.approx(1 - 12 / 480)
    assert kpi.value == pytest.approx(348 / 450 / (1 - 12 / 480))
    assert kpi.low == pytest.approx(348 / 450)
    assert kpi.high == pytest.approx(360 / 450)
    for name, known in truth.items():
        bounds = seen[name]
        if bounds.low is not None and bounds.high is not None and known.value is not None:
            assert bounds.low - 1e-12 <= known.value <= bounds.high + 1e-12, name


def test_too_much_missing_is_unknown_with_bounds() -> None:
    kpi = of(missing(60))["availability"]
    assert kpi.value is None
    assert "12.5% of the planned time is missing" in kpi.why_unknown
    assert kpi.low == pytest.approx(300 / 450)


def test_what_was_made_before_anybody_counted_has_no_bound() -> None:
    found = of(shift(uncounted=MINUTE))
    assert found["oee"].value is not None
    assert found["oee"].low is None
    assert found["availability"].low is not None


def test_without_a_reject_signal_quality_is_between_0_and_1() -> None:
    found = of(shift(judged=False))
    assert (found["quality_ratio"].low, found["quality_ratio"].high) == (0.0, 1.0)
    assert found["oee"].high == pytest.approx(0.8 * 0.9)


TOTALS = st.builds(
    lambda times, produced, share, failures: Totals(
        planned=sum(times),
        times=tuple(times),
        produced=float(produced),
        rejected=float(int(produced * share)),
        failures=failures,
        ordered=sum(times) // 2,
        counted=True,
        judged=True,
        booked=True,
    ),
    st.lists(st.integers(0, 10**13), min_size=9, max_size=9),
    st.integers(0, 10**6),
    st.floats(0, 1),
    st.integers(0, 50),
)


@given(TOTALS, TOTALS)
def test_properties(one: Totals, two: Totals) -> None:
    both = measure(one + two, 0, HOUR, ideal_rate=1000.0, most_missing=0.999)
    a, e, quality, oee = (
        both[n].value for n in ("availability", "effectiveness", "quality_ratio", "oee")
    )
    if quality is not None:
        assert 0 <= quality <= 1
    if a is not None and one.of(TimeClass.UNKNOWN) + two.of(TimeClass.UNKNOWN) == 0:
        assert 0 <= a <= 1
    if None not in (a, e, quality, oee):
        assert a is not None
        assert e is not None
        assert quality is not None
        assert oee == pytest.approx(a * e * quality, rel=1e-9)
    for kpi in both.values():
        if kpi.value is not None and kpi.low is not None and kpi.high is not None:
            assert kpi.low <= kpi.value <= kpi.high
    assert one + two == two + one
    assert sum((one + two).times) == (one + two).planned


@given(
    st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 8)), max_size=30),
    st.lists(st.integers(0, 1000), max_size=8, unique=True),
    st.tuples(st.integers(0, 1000), st.integers(0, 1000), st.integers(0, 1000)),
)
def test_classes_partition_a_window_exactly(
    rows: list[tuple[int, int]], bounds: list[int], cuts: tuple[int, int, int]
) -> None:
    start, middle, end = sorted(cuts)
    edges = sorted(bounds)[: len(bounds) // 2 * 2]
    planned = list(zip(edges[::2], edges[1::2], strict=True))
    rows = sorted(rows, key=lambda r: r[0])
    time = np.array([-1, *(t for t, _ in rows)], np.int64)
    state = np.array([8, *(s for _, s in rows)], np.int64)
    whole = tally(time, state, start, end, planned)
    assert whole.sum() == end - start
    inside = sum(max(0, min(b, end) - max(a, start)) for a, b in planned)
    assert whole[0].sum() == inside
    parts = tally(time, state, start, middle, planned) + tally(time, state, middle, end, planned)
    assert (whole == parts).all()
    by_hand = np.zeros(9, np.int64)
    for t in range(start, end):
        by_hand[state[np.flatnonzero(time <= t)[-1]]] += 1
    assert (whole.sum(axis=0) == by_hand).all()


@pytest.mark.parametrize(
    ("values", "before", "top", "added"),
    [
        ([10, 12, 15], 8, None, [2, 2, 3]),
        ([10, 12], np.nan, None, [0, 2]),  # what was before the first is not ours
        ([10, np.nan, 16], 8, None, [2, 0, 6]),  # it went on while nobody looked
        ([100, 3, 5], 90, None, [10, 3, 2]),  # a reset
        ([65530, 4], 65520, 65536, [10, 10]),  # a roll-over
        ([40000, 4], 39990, 65536, [10, 4]),  # too far from the top: a reset
        ([100, 98, 101], 90, None, [10, -2, 3]),  # a correction takes back
        ([0, 5], 1000, None, [0, 5]),  # reset to 0
        ([], 7, None, []),
    ],
)
def test_counters(
    values: list[float], before: float, top: float | None, added: list[float]
) -> None:
    found, _, last = increments(np.array(values, np.float64), before, top)
    assert found.tolist() == added
    known = [v for v in values if v == v]
    assert last == (known[-1] if known else before) or (last != last and before != before)


@given(
    st.lists(st.integers(0, 300) | st.just(None), max_size=40),
    st.integers(0, 40),
    st.sampled_from([None, 256.0]),
)
def test_counters_do_not_depend_on_the_cut(
    steps: list[int | None], cut: int, top: float | None
) -> None:
    value = np.array([np.nan if s is None else s for s in steps], np.float64)
    whole, reset, last = increments(value, 7.0, top)
    a, reset_a, middle = increments(value[:cut], 7.0, top)
    b, reset_b, end = increments(value[cut:], middle, top)
    assert np.concatenate([a, b]).tolist() == whole.tolist()
    assert np.concatenate([reset_a, reset_b]).tolist() == reset.tolist()
    assert end == last
