"""Rejected pictures become findings: those that follow each other are one.

A worn tool scratches every part from now on; a finding for each of them would have to be answered
by a person a hundred times. So a finding begins with the first rejected picture, and ends when one
is good, or when none came for a while. It says from when to when, which is also where suspect lots
are looked for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from gemel.core.event import Event
from gemel.twin.learning.findings import Finding

__all__ = ["Rejects", "Verdict"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a model said of a picture.

    time    when it was taken, ns UTC
    name    of the picture, for people
    place   where it differs most, in words
    picture hash of its content
    """

    time: int
    name: str
    rejected: bool
    score: float
    limit: float
    over: float
    place: str = ""
    picture: str = ""


@dataclass(slots=True)
class _Run:
    opened: Event
    last: int
    known: int
    """When the last rejected one was looked at."""
    worst: Verdict
    count: int


class Rejects:
    """The findings of one task. Give it pictures in the order in which they were taken, as far as
    possible: one that is older than another before it is a finding of its own."""

    def __init__(self, name: str, title: str, asset: str, model: str, join: int) -> None:
        self._name, self._title, self._asset = name, title, asset
        self._model, self._join = model, join
        self._run: _Run | None = None
        self._newest: int | None = None

    def go_on(self, opened: Event, rejected: list[Verdict], now: int) -> None:
        """Take up a finding that was open when the twin stopped, with its pictures so far."""
        payload = opened.payload
        told = Verdict(
            opened.time, "", True, payload["score"], payload["limit"], 0.0, "",
            str(payload.get("picture", "")),
        )  # fmt: skip
        worst = max(rejected, key=lambda one: one.over, default=told)
        last = max((one.time for one in rejected), default=opened.time)
        self._run = _Run(opened, last, now, worst, len(rejected))
        self._newest = last

    def take(self, said: Verdict, now: int) -> tuple[list[Event], str]:
        """What a picture changes, and the id of the finding that it belongs to, if to any."""
        if self._newest is not None and said.time < self._newest:
            if not said.rejected:
                return [], ""
            run = _Run(self._event(said, now), said.time, now, said, 1)
            whole = replace(run.opened, end=said.time, lasts=False)
            return [whole], whole.id
        self._newest = said.time
        events: list[Event] = []
        run_now = self._run
        if run_now is not None and (
            not said.rejected or said.time - run_now.last > self._join
        ):  # fmt: skip
            events.append(self._close(run_now, now))
        if not said.rejected:
            return events, ""
        if self._run is None:
            self._run = _Run(self._event(said, now), said.time, now, said, 1)
            return [*events, self._run.opened], self._run.opened.id
        run = self._run
        run.last, run.known, run.count = said.time, now, run.count + 1
        if said.over > run.worst.over:
            run.worst = said
        return events, run.opened.id

    def tick(self, now: int) -> list[Event]:
        """End a finding to which nothing was added for so long."""
        run = self._run
        return [self._close(run, now)] if run and now - run.known > self._join else []

    def end(self, now: int) -> list[Event]:
        """No picture comes any more."""
        return [] if self._run is None else [self._close(self._run, now)]

    def _close(self, run: _Run, now: int) -> Event:
        self._run = None
        told = self._finding(run.worst, run.count).model_dump()
        return replace(run.opened.ended(run.last), known=now, payload=told)

    def _event(self, first: Verdict, now: int) -> Event:
        return Event(
            "finding", self._asset, first.time, self._name, now, None,
            self._finding(first, 1).model_dump(), lasts=True,
        )  # fmt: skip

    def _finding(self, worst: Verdict, count: int) -> Finding:
        which = f"'{worst.name}'" if worst.name else "a picture"
        where = f", most {worst.place}" if worst.place else ""
        because = f"{which} is not like pictures of good parts{where}"
        if count > 1:
            because = f"{count} pictures one after the other were rejected; {because}"
        return Finding(
            title=self._title, detector=self._name, score=worst.score, limit=worst.limit,
            highest=worst.score, model=self._model, because=because, picture=worst.picture,
        )  # fmt: skip
