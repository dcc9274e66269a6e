"""The envelope permits nothing outside its limits, and nobody else permits anything."""

from __future__ import annotations

import copy
import math
import pickle
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gemel.core import quality as q
from gemel.core.envelope import (
    Envelope,
    Interlock,
    Permit,
    Request,
    Situation,
    is_intact,
    quantity,
)
from gemel.core.errors import ConfigurationError, Refused
from gemel.core.time import SECOND

S = SECOND
ENVELOPE = Envelope.read(
    {
        "low": 15000.0,
        "high": 24000.0,
        "max_step_percent": 5.0,
        "dead_time": "10 s",
        "max_per_hour": 4,
        "interlocks": ["ready"],
    }
)
REQUEST = Request("c1", "line2/filler/speed", "opc", "ns=2;s=speed", 22000.0, 60 * S, "1/h")
FINE = Situation(
    now=0, armed=True, stopped=(), connected=True, value=22500.0, quality=0, age=0,
    interlocks=(Interlock("ready", True, 0),),
)  # fmt: skip


def test_a_permit_is_bound_to_what_was_judged() -> None:
    permit = ENVELOPE.permit(REQUEST, FINE)
    assert is_intact(permit)
    assert (permit.command_id, permit.address, permit.value) == ("c1", "ns=2;s=speed", 22000.0)
    assert permit.expires == 5 * S  # what it was judged by is no longer fresh then
    assert ENVELOPE.permit(replace(REQUEST, expires=2 * S), FINE).expires == 2 * S


def test_nobody_else_makes_a_permit() -> None:
    permit = ENVELOPE.permit(REQUEST, FINE)
    for forbidden in (
        Permit,
        lambda: copy.copy(permit),
        lambda: copy.deepcopy(permit),
        lambda: pickle.dumps(permit),
        lambda: setattr(permit, "value", 1.0),
        lambda: delattr(permit, "value"),
        lambda: setattr(permit, "extra", 1.0),
    ):
        with pytest.raises((TypeError, AttributeError)):
            forbidden()
    forged = object.__new__(Permit)
    for name in ("command_id", "command", "connector", "address", "value", "expires"):
        object.__setattr__(forged, name, getattr(permit, name))
    assert not is_intact(forged)
    for name, value in (
        ("value", 99999.0),
        ("address", "ns=2;s=other"),
        ("command_id", "c2"),
        ("expires", 10**30),
    ):
        altered = ENVELOPE.permit(REQUEST, FINE)
        object.__setattr__(altered, name, value)
        assert not is_intact(altered)
    truth = ENVELOPE.permit(replace(REQUEST, value=22500.0), FINE)
    object.__setattr__(truth, "value", 22500)  # equal, and another thing to write
    assert not is_intact(truth)
    assert not is_intact("permit")
    assert not is_intact(None)
    with pytest.raises(TypeError):
        type("Mine", (Permit,), {})()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"stopped": None}, "it is not known whether a kill switch is set"),
        ({"stopped": ("line2", "")}, "the kill switch of line2 is set; release it first; the "
         "kill switch of the plant is set; release it first"),
        ({"armed": False}, "the command is disarmed; 'armed: true' in the plant file arms it"),
        ({"now": 72 * S}, "it expired 12 s ago; propose it again"),
        ({"connected": False, "connection": "cable out"},
         "connector 'opc' is not connected: cable out"),
        ({"value": None}, "the present value is not known; "
         "the largest step cannot be judged without a present value"),
        ({"value": math.nan}, "the largest step cannot be judged without a present value"),
        ({"quality": q.STALE}, "the present value is uncertain: stale; it must be good"),
        ({"quality": q.BAD}, "the present value is bad; it must be good"),
        ({"age": None}, "the present value was never heard of"),
        ({"age": 8 * S}, "the present value was last heard of 8 s ago; 5 s is the most"),
        ({"interlocks": ()}, "it is not known whether the interlock `ready` holds"),
        ({"interlocks": (Interlock("ready", None, 0, "ready is bad"),)},
         "it is not known whether the interlock `ready` holds: ready is bad"),
        ({"interlocks": (Interlock("ready", False, 0, "ready = false"),)},
         "the interlock `ready` does not hold: ready = false"),
        ({"interlocks": (Interlock("ready", True, 9 * S),)},
         "the interlock `ready` was last heard of 9 s ago; 5 s is the most"),
        ({"interlocks": (Interlock("other", True, 0),)},
         "it is not known whether the interlock `ready` holds"),
        ({"last_sent": -4 * S}, "the last command of this kind was sent 4 s ago, the dead time is "
         "10 s; possible in 6 s"),
        ({"sent_last_hour": 4},
         "4 commands of this kind were sent within 1 h, at most 4 are allowed"),
        ({"on_its_way": "c0"}, "command c0 is on its way to this signal; await its end"),
    ],
)  # fmt: skip
def test_says_what_stands_in_the_way(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Refused) as caught:
        ENVELOPE.permit(REQUEST, replace(FINE, **change))
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (25000.0, "25 000 1/h is above the highest value that may be sent, 24 000 1/h; "
         "at most 23 625 1/h now"),
        (1000.0, "1 000 1/h is below the lowest value that may be sent, 15 000 1/h; "
         "at least 21 375 1/h now"),
        (19800.0, "12 % is more than the 5 % that one command may change; "
         "at least 21 375 1/h now"),
        (math.nan, "nan is not a value that can be sent"),
        (math.inf, "inf is not a value that can be sent"),
        ("fast", "no words are allowed; list them in `allowed` of the envelope"),
    ],
)  # fmt: skip
def test_says_which_bound_and_what_would_work(value: Any, sentence: str) -> None:
    with pytest.raises(Refused) as caught:
        ENVELOPE.judge(replace(REQUEST, value=value), FINE)
    assert str(caught.value) == sentence


def test_nothing_is_permitted_by_default() -> None:
    with pytest.raises(Refused):
        ENVELOPE.permit(REQUEST, Situation(now=0))
    with pytest.raises(Refused, match="no limits; nothing is sent without `low` and `high`"):
        Envelope(interlocks=("ready",)).permit(REQUEST, FINE)
    with pytest.raises(Refused, match="no limits"):
        Envelope(low=0).permit(REQUEST, replace(FINE, interlocks=()))
    with pytest.raises(ConfigurationError, match="nothing is between"):
        Envelope.read({"low": 2.0, "high": 1.0})


def test_words_are_listed_one_by_one() -> None:
    envelope = Envelope(allowed=("cola", "water"))
    here = replace(FINE, value="cola")
    assert envelope.permit(replace(REQUEST, value="water"), here).value == "water"
    with pytest.raises(Refused, match="'beer' is not among cola, water"):
        envelope.judge(replace(REQUEST, value="beer"), here)
    coded = replace(REQUEST, value=4.0, label="Stopped")
    with pytest.raises(Refused, match="'Stopped' is not among"):
        envelope.judge(coded, replace(FINE, value=6.0))
    assert Envelope(allowed=("Stopped",)).judge(coded, replace(FINE, value=6.0)).left is None


def test_a_revert_is_not_held_up_by_pace_and_stays_within_the_limits() -> None:
    soon = replace(FINE, last_sent=-1, sent_last_hour=9, on_its_way="c1", value=20000.0)
    back = replace(REQUEST, value=22500.0, revert=True)
    assert ENVELOPE.permit(back, soon).value == 22500
    for change in ({"stopped": ("",)}, {"age": 99 * S}, {"interlocks": ()}):
        with pytest.raises(Refused):
            ENVELOPE.permit(back, replace(soon, **change))
    with pytest.raises(Refused, match="above the highest"):
        ENVELOPE.permit(replace(back, value=24001.0), soon)


numbers = st.floats(allow_nan=True, allow_infinity=True) | st.floats(-50, 50)
bounds = st.none() | st.floats(-50, 50)


@settings(max_examples=400, deadline=None)
@given(
    low=bounds, high=bounds, step=st.none() | st.floats(0.01, 20),
    percent=st.none() | st.floats(0.1, 50), value=numbers, present=st.none() | numbers,
    revert=st.booleans(),
)  # fmt: skip
def test_no_permit_outside_the_limits_ever(
    low: float | None, high: float | None, step: float | None, percent: float | None,
    value: float, present: float | None, revert: bool,
) -> None:  # fmt: skip
    if low is not None and high is not None and low > high:
        low, high = high, low
    envelope = Envelope(low=low, high=high, max_step=step, max_step_percent=percent)
    here = replace(FINE, value=present)
    try:
        permit = envelope.permit(replace(REQUEST, value=value, revert=revert), here)
    except Refused:
        return
    assert low is not None
    assert high is not None
    assert low <= permit.value <= high
    assert present is not None
    if not revert and step is not None:
        assert abs(value - present) <= step * (1 + 1e-6)
    if not revert and percent is not None:
        assert abs(value - present) <= abs(present) * percent / 100 * (1 + 1e-6) + 1e-12


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_one_obstacle_is_enough(data: st.DataObject) -> None:
    obstacles: list[dict[str, Any]] = [
        {"stopped": ("",)}, {"stopped": None}, {"armed": False}, {"connected": False},
        {"value": None}, {"quality": q.UNCERTAIN}, {"quality": q.BAD}, {"age": None},
        {"age": 6 * S}, {"interlocks": ()}, {"last_sent": -1}, {"sent_last_hour": 4},
        {"on_its_way": "x"}, {"now": 61 * S},
    ]  # fmt: skip
    chosen = data.draw(st.lists(st.sampled_from(obstacles), min_size=1, max_size=4))
    situation = FINE
    for obstacle in chosen:
        situation = replace(situation, **obstacle)
    with pytest.raises(Refused):
        ENVELOPE.permit(REQUEST, situation)


@settings(max_examples=200, deadline=None)
@given(st.floats(-1e12, 1e12), st.floats(1, 20), st.booleans())
def test_what_the_sentence_says_would_work_works(
    present: float, percent: float, upwards: bool
) -> None:
    envelope = Envelope(low=-1e13, high=1e13, max_step_percent=percent, interlocks=())
    wanted = present * (2 if upwards else -1)
    here = replace(FINE, value=present)
    try:
        envelope.judge(replace(REQUEST, value=wanted, unit=""), here)
    except Refused as refused:
        if "; at " in str(refused):
            works = float(str(refused).rpartition(" now")[0].split("; at ")[1].split(" ", 1)[1]
                          .replace(" ", ""))  # fmt: skip
            envelope.judge(replace(REQUEST, value=works), here)


def test_numbers_for_people() -> None:
    shown = [quantity(v) for v in (21375.0, 0.125, 1234567.0, -3.14159265, 0.0, 1e-7, 1e20)]
    assert shown == ["21 375", "0.125", "1 234 567", "-3.14159", "0", "1e-07", "1e+20"]
