"""What people have said of stretches of history: which fault it was, or that it was none.

Answers to findings of an asset, whoever noticed them, and periods that the plant file marks. What
nobody has answered yet, stops and alarms are neither a known fault nor normal.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from gemel.core.event import Event
from gemel.core.frame import Times
from gemel.parts.historians.base import Store
from gemel.twin.learning.detecting.apart import Spans, active, inside, span

__all__ = ["NEW", "NORMAL", "NOT_SAID", "UNKNOWN", "Casebook", "Known", "Marked"]

NORMAL: Final = "normal"
NEW: Final = "new"
"""What is told of what is unlike everything known: no class can have that name."""
NOT_SAID: Final = -1
"""In the place of the number of a case: nobody and nothing says that a row is not normal."""
UNKNOWN: Final = -2
"""In the same place: something was there, and nobody has said what."""

_MOST: Final = 10_000

Marked = tuple[int, int, str]
"""A period of the plant file: first and last moment, ns UTC, and what it was."""


@dataclass(frozen=True, slots=True)
class Known:
    """A stretch of which it is known what it was.

    start, end  ns UTC, both within it
    cause       'normal' where nothing was wrong
    fault       whether it was one; it may be known and no fault, e.g. another product
    finding     id of the finding that was answered; empty for a marked period
    lasts       whether it still goes on: `end` is then the present
    """

    start: int
    end: int
    cause: str
    fault: bool
    finding: str = ""
    lasts: bool = False


@dataclass(frozen=True, slots=True)
class Casebook:
    """cases  later answers behind earlier ones: the last one that holds a row is believed
    apart  stretches that are not normal, or not known to be
    words  of the signal that tells the class, where there is one: its values as text
    """

    cases: tuple[Known, ...] = ()
    apart: Spans = ()
    words: Mapping[float, str] = field(default_factory=dict)

    @classmethod
    def read(
        cls, store: Store, asset: str, marked: Sequence[Marked], start: int, now: int
    ) -> Casebook:
        """From history since `start`. May wait for the disk."""

        def events(kind: str, subject: str = asset) -> list[Event]:
            # Those of all assets below come with them: what is wrong with a part is its own.
            told = store.events(kind, subject, start=start, end=now + 1, limit=_MOST)
            return [event for event in told if event.subject == subject]

        said = {e.payload["finding"]: e for e in
                store.events("label", asset, start=start, limit=_MOST)}  # fmt: skip
        apart: list[tuple[int, int]] = []
        told = [(0, Known(first, last, cause, True)) for first, last, cause in marked]
        for event in events("finding"):
            if event.payload.get("picture"):
                continue  # of a part that was made, not of rows of signals
            answer = said.get(event.id) or said.get(event.supersedes or "")
            lasts = event.lasts or event.end is None
            first, last = event.time, now if lasts or event.end is None else event.end
            if answer is None:
                apart.append((first, last))
                continue
            word, cause = answer.payload["answer"], _plain(answer.payload["cause"])
            if word == "wrong" or (word == "known" and not cause):
                told.append((answer.known, Known(first, last, NORMAL, False, "", lasts)))
            elif cause:
                id = event.supersedes or event.id
                fault = word == "right"
                told.append((answer.known, Known(first, last, cause, fault, id, lasts)))
            else:
                apart.append((first, last))  # a fault without a name
        above = [asset, *(asset[:i] for i, letter in enumerate(asset) if letter == "/")]
        apart += [span(e) for path in above for e in events("stop", path)]
        apart += active(store.events("alarm", asset, end=now + 1, limit=_MOST))
        told.sort(key=lambda one: (one[0], one[1].start))
        return cls(_one_spelling([known for _, known in told]), tuple(apart))

    @property
    def fingerprint(self) -> str:
        """Changes when there is more, or something else, to learn from."""
        told = [
            [k.start, 0 if k.lasts else k.end, k.cause, k.fault]
            for k in self.cases
            if k.cause != NORMAL
        ]
        return hashlib.blake2b(json.dumps(told).encode(), digest_size=8).hexdigest()

    @property
    def harmless(self) -> frozenset[str]:
        """Classes that people know and that are no fault."""
        faults = {known.cause for known in self.cases if known.fault}
        return frozenset({NORMAL, *(known.cause for known in self.cases)} - faults) | {NORMAL}

    def of(self, time: Times) -> npt.NDArray[np.int64]:
        """int64[n]: the number of the case that holds each row, `UNKNOWN` or `NOT_SAID`."""
        found = np.full(len(time), NOT_SAID, np.int64)
        found[inside(time, self.apart)] = UNKNOWN
        for number, known in enumerate(self.cases):
            found[inside(time, ((known.start, known.end),))] = number
        return found

    def answered(self, finding: str) -> str:
        """What people say that a finding was; empty if nobody has named it."""
        return next((k.cause for k in reversed(self.cases) if k.finding == finding), "")


def _plain(cause: str) -> str:
    """A name for a class; what names none, or is taken, is none."""
    cause = " ".join(cause.split())
    if cause.casefold() == NORMAL:
        return NORMAL
    return "" if cause.casefold() == NEW else cause


def _one_spelling(cases: list[Known]) -> tuple[Known, ...]:
    """Names that differ in capitals only are one class, spelled as it was first."""
    spelled: dict[str, str] = {}
    return tuple(
        Known(k.start, k.end, spelled.setdefault(k.cause.casefold(), k.cause), k.fault, k.finding,
              k.lasts)
        for k in cases
    )  # fmt: skip
