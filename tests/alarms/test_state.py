"""The state machine against the transition table of ISA-18.2-2016 figure 3, and its invariants."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemel.core.errors import Refused
from gemel.twin.alarms.state import NORMAL, AlarmState, Cause, Word, after

A, B, C, D = Word.NORMAL, Word.UNACKNOWLEDGED, Word.ACKNOWLEDGED, Word.RETURNED
E, F = Word.LATCHED_UNACKNOWLEDGED, Word.LATCHED_ACKNOWLEDGED
G, H, I = Word.SHELVED, Word.SUPPRESSED, Word.OUT_OF_SERVICE  # noqa: E741 - the standard

STATE = {
    A: AlarmState(),
    B: AlarmState(active=True, unacknowledged=True),
    C: AlarmState(active=True),
    D: AlarmState(unacknowledged=True),
    E: AlarmState(unacknowledged=True, latched=True),
    F: AlarmState(latched=True),
    G: AlarmState(shelved=True),
    H: AlarmState(designed=True),
    I: AlarmState(out=True),
}
REFUSED = None

# Columns: raise clear acknowledge reset shelve unshelve suppress unsuppress take-out return
TABLE = {
    A: (B, A, REFUSED, REFUSED, G, REFUSED, H, A, I, REFUSED),
    B: (B, D, C, REFUSED, G, REFUSED, H, B, I, REFUSED),
    C: (C, A, REFUSED, REFUSED, G, REFUSED, H, C, I, REFUSED),
    D: (B, D, A, REFUSED, G, REFUSED, H, D, I, REFUSED),
    E: (B, E, F, REFUSED, G, REFUSED, H, E, I, REFUSED),
    F: (B, F, REFUSED, A, G, REFUSED, H, F, I, REFUSED),
    G: (G, G, REFUSED, REFUSED, G, A, H, G, I, REFUSED),
    H: (H, H, REFUSED, REFUSED, H, REFUSED, H, A, I, REFUSED),
    I: (I, I, REFUSED, REFUSED, I, REFUSED, I, I, I, A),
}


@pytest.mark.parametrize(
    ("word", "cause", "expected"),
    [
        (word, cause, expected)
        for word, row in TABLE.items()
        for cause, expected in zip(Cause, row, strict=True)
    ],
)
def test_every_transition(word: Word, cause: Cause, expected: Word | None) -> None:
    assert STATE[word].word is word
    if expected is REFUSED:
        with pytest.raises(Refused, match=r"cannot"):
            after(STATE[word], cause)
    else:
        assert after(STATE[word], cause).word is expected


@pytest.mark.parametrize(("word", "expected"), [(B, E), (C, F)])
def test_a_latched_alarm_stays_when_the_condition_ends(word: Word, expected: Word) -> None:
    raised = after(NORMAL, Cause.RAISE, latch=True)
    state = raised if word is B else after(raised, Cause.ACKNOWLEDGE, latch=True)
    assert state.word is word
    assert after(state, Cause.CLEAR, latch=True).word is expected


@pytest.mark.parametrize(
    ("aside", "back"),
    [
        (Cause.SHELVE, Cause.UNSHELVE),
        (Cause.SUPPRESS, Cause.UNSUPPRESS),
        (Cause.TAKE_OUT, Cause.RETURN),
    ],
)
@pytest.mark.parametrize("active", [False, True])
def test_what_comes_back_is_annunciated_if_it_is_active(
    aside: Cause, back: Cause, active: bool
) -> None:
    state = after(NORMAL, aside)
    if active:
        state = after(state, Cause.RAISE)
        assert not state.annunciated
    assert after(state, back).word is (B if active else A)


def test_it_comes_back_only_when_the_last_reason_ends() -> None:
    state = after(AlarmState(active=True), Cause.SHELVE)
    state = after(after(state, Cause.SUPPRESS), Cause.TAKE_OUT)
    words = []
    for cause in (Cause.RETURN, Cause.UNSHELVE, Cause.UNSUPPRESS):
        words.append(state.word)
        state = after(state, cause)
    assert [*words, state.word] == [I, H, H, B]


def test_shelving_does_not_lose_what_was_latched() -> None:
    state = after(after(NORMAL, Cause.RAISE, latch=True), Cause.CLEAR, latch=True)
    state = after(after(state, Cause.SHELVE, latch=True), Cause.UNSHELVE, latch=True)
    assert state.word is E


def every_state() -> list[AlarmState]:
    return [AlarmState(*flags) for flags in itertools.product((False, True), repeat=6)]


@given(
    st.lists(st.sampled_from(list(Cause)), max_size=40),
    st.booleans(),
)
def test_invariants_of_every_reachable_state(causes: list[Cause], latch: bool) -> None:
    state = NORMAL
    for cause in causes:
        before = state
        try:
            state = after(state, cause, latch=latch)
        except Refused:
            continue
        assert not (state.aside and state.unacknowledged), "nobody is called by what is put aside"
        assert state.annunciated == (state.word in {B, C, D, E, F})
        assert latch or not state.latched
        if cause in (Cause.RAISE, Cause.CLEAR):
            assert state.active is (cause is Cause.RAISE)
            assert after(state, cause, latch=latch) == state, "the same condition twice is once"
        else:
            assert state.active == before.active, "people and logic change no process"


def test_every_state_has_one_of_nine_words() -> None:
    assert {state.word for state in every_state()} == set(Word)
