"""Rejected pictures become findings: joined, ended, taken up again."""

from __future__ import annotations

from dataclasses import replace

from gemel.core.event import Event
from gemel.core.time import MINUTE, SECOND
from gemel.twin.learning.live.rejects import Rejects, Verdict

JOIN = 10 * MINUTE


def rejects() -> Rejects:
    return Rejects("surface", "Surface", "line/press", "abc", JOIN)


def said(t: float, rejected: bool = True, over: float = 2.0) -> Verdict:
    score = 3 * over
    return Verdict(
        round(t * SECOND), f"p{t:g}", rejected, score, 3.0, over, "at 5 across, 6 down", f"h{t:g}"
    )  # fmt: skip


def test_those_that_follow_each_other_are_one_finding() -> None:
    room = rejects()
    assert room.take(said(0, rejected=False, over=0.5), 1) == ([], "")
    (opened,), name = room.take(said(1), 2)
    assert opened.id == name
    assert (opened.kind, opened.subject, opened.source) == ("finding", "line/press", "surface")
    assert (opened.time, opened.end, opened.lasts) == (SECOND, None, True)
    assert opened.payload["because"] == (
        "'p1' is not like pictures of good parts, most at 5 across, 6 down"
    )
    assert room.take(said(2, over=5), 3) == ([], name)
    assert room.take(said(3, over=4), 4) == ([], name)
    (closed,), none = room.take(said(4, rejected=False), 5)
    assert none == ""
    assert (closed.supersedes, closed.cause, closed.sequence) == (name, name, 1)
    assert (closed.time, closed.end, closed.lasts) == (SECOND, 3 * SECOND, False)
    assert closed.known == 5
    assert closed.payload["score"] == closed.payload["highest"] == 15
    assert closed.payload["picture"] == "h2"
    assert closed.payload["because"].startswith(
        "3 pictures one after the other were rejected; 'p2'"
    )


def test_a_pause_ends_a_finding_by_the_pictures_and_by_the_clock() -> None:
    room = rejects()
    _, first = room.take(said(0), 0)
    (closed, opened), second = room.take(said(601), 601 * SECOND)
    assert (closed.supersedes, closed.end) == (first, 0)
    assert opened.id == second != first
    assert room.tick(601 * SECOND + JOIN) == []
    (closed,) = room.tick(602 * SECOND + JOIN)
    assert (closed.supersedes, closed.end) == (second, 601 * SECOND)
    assert room.end(0) == room.tick(10**20) == []


def test_what_comes_late_is_a_finding_of_its_own_and_ends_none() -> None:
    room = rejects()
    _, name = room.take(said(100), 0)
    assert room.take(said(50, rejected=False), 1) == ([], "")
    (late,), other = room.take(said(60), 2)
    assert late.id == other != name
    assert (late.time, late.end, late.lasts) == (60 * SECOND, 60 * SECOND, False)
    # The same moment is not late: two cameras' clocks may be coarse.
    assert room.take(said(100), 3) == ([], name)


def test_a_finding_goes_on_after_a_restart() -> None:
    before, after = rejects(), rejects()
    first, second = said(1, over=2), said(2, over=9)
    (opened,), name = before.take(first, 1)
    before.take(second, 2)
    after.go_on(opened, [second, first], 10)
    assert after.take(said(3), 11) == before.take(said(3), 11) == ([], name)
    (told,), (same,) = after.end(20), before.end(20)
    assert told == same
    assert told.payload["because"].startswith("3 pictures")
    # Where its pictures are not known any more, what it said stands.
    bare = rejects()
    bare.go_on(opened, [], 10)
    (closed,) = bare.end(20)
    assert isinstance(closed, Event)
    assert (closed.end, closed.payload["score"]) == (SECOND, 6)
    assert replace(closed, payload={}).supersedes == name
