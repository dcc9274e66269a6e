"""The alarm state machine of ISA-18.2 (clause 5.4) and IEC 62682, as a pure function.

    A normal                    not active, nothing to do
    B unacknowledged            active, annunciated
    C acknowledged              active, somebody has taken it on
    D returned unacknowledged   ended before anybody took it on
    E latched unacknowledged    ended, held for the operator, not taken on
    F latched acknowledged      ended, taken on, held until it is reset
    G shelved                   put aside by a person for a limited time
    H suppressed by design      put aside by logic
    I out of service            put aside for maintenance

    A ─raise→ B ─acknowledge→ C ─clear→ A         without latch
              B ─clear→ D ─acknowledge→ A;  D ─raise→ B
              B ─clear→ E ─acknowledge→ F;  C ─clear→ F ─reset→ A;  E, F ─raise→ B     with latch
    any ─shelve, suppress, take out→ G, H, I ─last one ends→ B if active or latched, else A

The standard draws one state; an alarm can be put aside for several reasons at once, and comes back
only when the last of them ends. The word is then that of the strongest: I before H before G. While
it is put aside, the condition is followed and nothing is annunciated. A latched alarm that is put
aside is still latched when it comes back: what must be seen cannot be lost by shelving it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from gemel.core.errors import Refused

__all__ = ["NORMAL", "AlarmState", "Cause", "Word", "after"]


class Word(StrEnum):
    """The nine states."""

    NORMAL = "normal"
    UNACKNOWLEDGED = "unacknowledged"
    ACKNOWLEDGED = "acknowledged"
    RETURNED = "returned unacknowledged"
    LATCHED_UNACKNOWLEDGED = "latched unacknowledged"
    LATCHED_ACKNOWLEDGED = "latched acknowledged"
    SHELVED = "shelved"
    SUPPRESSED = "suppressed by design"
    OUT_OF_SERVICE = "out of service"


class Cause(StrEnum):
    """What can happen to an alarm."""

    RAISE = "raise"
    CLEAR = "clear"
    ACKNOWLEDGE = "acknowledge"
    RESET = "reset"
    SHELVE = "shelve"
    UNSHELVE = "unshelve"
    SUPPRESS = "suppress"
    UNSUPPRESS = "unsuppress"
    TAKE_OUT = "take out of service"
    RETURN = "return to service"


_SETS: Final = {
    Cause.SHELVE: "shelved",
    Cause.SUPPRESS: "designed",
    Cause.TAKE_OUT: "out",
}
_ENDS: Final = {
    Cause.UNSHELVE: "shelved",
    Cause.UNSUPPRESS: "designed",
    Cause.RETURN: "out",
}


@dataclass(frozen=True, slots=True)
class AlarmState:
    """All that the machine remembers; `word` is the state as the standard names it.

    `active` is the condition after its delays; shelved, designed and out are the reasons for which
    the alarm is put aside.
    """

    active: bool = False
    unacknowledged: bool = False
    latched: bool = False
    shelved: bool = False
    designed: bool = False
    out: bool = False

    @property
    def aside(self) -> bool:
        """Whether it is put aside for any reason, and so not annunciated."""
        return self.shelved or self.designed or self.out

    @property
    def annunciated(self) -> bool:
        """Whether it is in the operator's list."""
        return not self.aside and (self.active or self.unacknowledged or self.latched)

    @property
    def word(self) -> Word:
        """One of the nine states."""
        if self.out:
            return Word.OUT_OF_SERVICE
        if self.designed:
            return Word.SUPPRESSED
        if self.shelved:
            return Word.SHELVED
        if self.active:
            return Word.UNACKNOWLEDGED if self.unacknowledged else Word.ACKNOWLEDGED
        if self.latched:
            return Word.LATCHED_UNACKNOWLEDGED if self.unacknowledged else Word.LATCHED_ACKNOWLEDGED
        return Word.RETURNED if self.unacknowledged else Word.NORMAL


NORMAL: Final = AlarmState()


def after(state: AlarmState, cause: Cause, *, latch: bool = False) -> AlarmState:
    """The state that `cause` leads to. What changes nothing gives the same state.

    Raises `Refused` for what a person asks and the state does not allow.
    """
    if cause is Cause.RAISE:
        if state.aside:
            return replace(state, active=True)
        if state.active:
            return state
        return replace(state, active=True, unacknowledged=True, latched=latch)
    if cause is Cause.CLEAR:
        return replace(state, active=False)
    if cause is Cause.ACKNOWLEDGE:
        if state.aside or not state.unacknowledged:
            raise Refused(f"cannot acknowledge: the alarm is {state.word}")
        return replace(state, unacknowledged=False)
    if cause is Cause.RESET:
        if state.word is not Word.LATCHED_ACKNOWLEDGED:
            hint = "; acknowledge it first" if state.word is Word.LATCHED_UNACKNOWLEDGED else ""
            raise Refused(f"cannot reset: the alarm is {state.word}{hint}")
        return replace(state, latched=False)
    if cause in _SETS:
        return replace(state, unacknowledged=False, **{_SETS[cause]: True})
    flag = _ENDS[cause]
    if not getattr(state, flag):
        if cause is Cause.UNSUPPRESS:
            return state
        raise Refused(f"cannot {cause}: the alarm is {state.word}")
    back = replace(state, **{flag: False})
    if back.aside:
        return back
    return replace(
        back,
        unacknowledged=back.active or back.latched,
        latched=back.latched or (back.active and latch),
    )
