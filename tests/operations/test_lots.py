"""Lots: stays, genealogies of any shape against a plain search, and what people say of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.operations.lines import DAY0, Line, signal

from gemel.core.errors import ConfigurationError, Refused, Unknown
from gemel.core.event import Event
from gemel.core.frame import Frame
from gemel.core.role import Role
from gemel.core.time import MINUTE
from gemel.parts.historians import HISTORIANS
from gemel.runtime.access import Actor
from gemel.twin.decisions import Journal, Lots
from gemel.twin.operations.lots import (
    Book,
    Link,
    Made,
    Reached,
    Stay,
    Step,
    made_links,
    mixed,
    there,
    trace,
)
from gemel.twin.operations.lots.book import Part
from gemel.twin.operations.lots.stays import owners, runs, seen
from gemel.twin.operations.machine import Machine

EVER = 2**62


def paths_forward(links: list[Link], lot: str, since: int) -> Iterator[tuple[str, int, bool]]:
    """Every (lot, earliest moment on this path, sure) that any path leads to: tries all of them,
    each link at most once."""

    def walk(at: str, time: int, sure: bool, used: frozenset[int]) -> Iterator[Any]:
        yield at, time, sure
        for number, link in enumerate(links):
            if link.source == at and number not in used and link.end >= time:
                later = max(time, link.start)
                yield from walk(link.target, later, sure and link.sure, used | {number})

    yield from walk(lot, since, True, frozenset())


def turned(links: list[Link]) -> list[Link]:
    """The same with time and direction the other way round."""
    return [Link(k.target, k.source, k.asset, -k.end, -k.start, k.sure, k.how) for k in links]


@pytest.mark.parametrize("seed", range(60))
def test_a_trace_is_what_trying_all_paths_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    names = [f"L{i}" for i in range(int(rng.integers(2, 7)))]
    links = []
    for _ in range(int(rng.integers(1, 10))):
        source, target = rng.choice(names, 2, replace=False)
        start = int(rng.integers(0, 20))
        links.append(Link(str(source), str(target), "x", start, start + int(rng.integers(0, 8)),
                          bool(rng.random() < 0.7)))  # fmt: skip
    since = int(rng.integers(0, 20))
    step = Step("was there", names[0], "", "x", since, since, True)
    for direction, given in (("forward", links), ("backward", turned(links))):
        begin = step if direction == "forward" else Step("was there", names[0], "", "x", -since,
                                                         -since, True)  # fmt: skip
        expected: dict[str, tuple[bool, int]] = {}
        for lot, time, sure in paths_forward(links, names[0], since):
            known = expected.get(lot)
            if known is None or (not sure, time) < (not known[0], known[1]):
                expected[lot] = (sure, time)
        found = trace(given, {names[0]: begin}, direction)  # type: ignore[arg-type]  # two words
        sign = 1 if direction == "forward" else -1
        assert {k: (r.sure, sign * r.time) for k, r in found.items()} == expected
        for reached in found.values():
            follow(reached, names[0], forward=direction == "forward")


def follow(reached: Reached, first: str, *, forward: bool) -> None:
    """The way begins where the trace did, and each step goes on where the one before came to."""
    assert reached.way[0].lot == first
    at = first
    for step in reached.way[1:]:
        came, gone = (step.of, step.lot) if forward else (step.lot, step.of)
        assert came == at
        at = gone
    assert at == reached.lot
    assert reached.sure == all(step.sure for step in reached.way)


def test_what_was_made_before_is_sound() -> None:
    links = [Link("A", "early", "mixer", 0, 10), Link("A", "late", "mixer", 30, 40),
             Link("late", "C", "packer", 50, 60), Link("early", "D", "packer", 50, 60)]  # fmt: skip
    spoilt = Step("was there", "A", "", "filler", 20, 25, True)
    assert set(trace(links, {"A": spoilt})) == {"A", "late", "C"}
    assert set(trace(links, {"A": None})) == {"A", "early", "late", "C", "D"}
    assert set(trace(links, {"D": None}, "backward")) == {"D", "early", "A"}


def test_what_remains_in_a_tank_may_be_in_what_comes() -> None:
    stays = [Stay("A", "tank", 0, 10), Stay("B", "tank", 10, 20), Stay("C", "tank", 20, 30),
             Stay("A", "filler", 0, 10), Stay("B", "filler", 5, 9)]  # fmt: skip
    pairs = {(k.source, k.target, k.start, k.end) for k in mixed(stays, {"tank": 5})}
    assert pairs == {("A", "B", 10, 15), ("B", "C", 20, 25)}
    assert not any(k.sure for k in mixed(stays, {"tank": 5}))
    pairs = {(k.source, k.target) for k in mixed(stays, {"tank": 15})}
    assert pairs == {("A", "B"), ("A", "C"), ("B", "C")}
    together = [Stay("A", "tank", 0, 10), Stay("B", "tank", 4, 6)]
    assert {(k.source, k.target) for k in mixed(together, {"tank": 0})} == {("A", "B"), ("B", "A")}


@pytest.mark.parametrize("seed", range(20))
def test_lots_are_mixed_as_every_pair_says(seed: int) -> None:
    """Some stays are long, some are moments, and many are over long before others begin."""
    rng = np.random.default_rng(seed)
    stays, remains = [], int(rng.integers(0, 6))
    for _ in range(40):
        start = int(rng.integers(0, 60))
        end = start + int(rng.choice([0, 1, 3, 40], p=[0.2, 0.4, 0.35, 0.05]))
        stays.append(Stay(f"L{rng.integers(12)}", "tank", start, end))
    expected = [
        (one.lot, other.lot, max(one.start, other.start), min(one.end + remains, other.end))
        for one in stays for other in stays
        if one.lot != other.lot and other.start <= one.end + remains
        and (other.end > one.start or other.start == other.end == one.start)
    ]  # fmt: skip
    found = [(k.source, k.target, k.start, k.end) for k in mixed(stays, {"tank": remains})]
    assert sorted(found) == sorted(expected)


def test_there_is_who_was_there() -> None:
    stays = [Stay("A", "x", 0, 10), Stay("B", "x", 10, 20), Stay("C", "x", 20, 30),
             Stay("D", "y", 0, 30), Stay("E", "x", 15, 15)]  # fmt: skip
    found = there(stays, ["x"], 12, 20)
    assert {lot: (s.start, s.end) for lot, s in found.items()} == {
        "B": (12, 20), "C": (20, 20), "E": (15, 15),
    }  # fmt: skip
    assert set(there(stays, ["x"], 10, 11)) == {"B"}
    left = there(stays, ["x"], 12, 13, {"x": 5})
    assert (left["A"].sure, left["B"].sure) == (False, True)


def test_runs_of_a_signal_and_the_dark() -> None:
    time = np.array([0, 5, 10, 20, 30], np.int64)
    code = np.array([0, 0, 1, -1, 2], np.int64)
    stays, dark = runs("x", time, code, ["A", "B", "C"], 40)
    assert dark == [(20, 30)]
    assert {(s.lot, s.start, s.end, s.sure) for s in stays} == {
        ("A", 0, 10, True), ("B", 10, 20, True), ("B", 20, 30, False), ("C", 20, 30, False),
        ("C", 30, 40, True),
    }  # fmt: skip
    assert [s.lot for s in stays if s.lasts] == ["C"]


def test_a_gap_hides_when_the_next_came() -> None:
    time, code = np.array([0, 20], np.int64), np.array([0, 1], np.int64)
    stays, dark = runs("x", time, code, ["A", "B"], 40, [(8, 15)])
    assert dark == [(8, 15)]
    assert {(s.lot, s.start, s.end, s.sure) for s in stays} == {
        ("A", 0, 8, True), ("A", 15, 20, True), ("A", 8, 15, False), ("B", 8, 15, False),
        ("B", 20, 40, True),
    }  # fmt: skip


def test_an_asset_without_a_lot_takes_that_of_its_line() -> None:
    machines = {"l1/order": Machine("l1/order", {"lot": "l1/order/lot"}),
                "l2/f": Machine("l2/f", {"lot": "l2/f/lot"}),
                "l2/c": Machine("l2/c", {})}  # fmt: skip
    found = owners(machines, ["l1", "l1/filler", "l1/order", "l2/f", "l2/c", "l3/x"])
    assert found == {
        "l1": "l1/order", "l1/filler": "l1/order", "l1/order": "l1/order", "l2/f": "l2/f",
        "l2/c": "l2/f",
    }  # fmt: skip


def test_live_and_history_tell_the_same_lots(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    own = [signal("line/filler/lot", "text"), signal("line/filler/state", "number")]
    clock = DAY0
    with HISTORIANS.build({"kind": "duckdb"}, "historian").open(tmp_path, lambda: clock) as store:
        line = Line(signals=own, settings={}, store=store)
        for minute in range(200):
            if rng.random() < 0.3:
                lot = "" if rng.random() < 0.2 else f"L{rng.integers(5)}"
                line.feed(minute, lot=lot)
            if minute == 100:  # what was open goes on after a restart
                kept = json.loads(json.dumps(line.operations.state()))
                line.operations = line.make()
                line.operations.restore(kept)
        end = line.at(200)
        line.tick(200)
        found = seen(store, line.operations.machines, line.start, end)
        late = line.at(150)
        then = seen(store, line.operations.machines, line.start, late, as_of=late)
    told: dict[int, tuple[str, int | None]] = {}
    for event in line.events:
        if event.kind == "lot":
            told[event.time] = (event.payload["lot"], event.end)
    assert len(told) > 20
    assert [(s.lot, s.start, None if s.lasts else s.end) for s in found.stays] == [
        (lot, start, stop) for start, (lot, stop) in sorted(told.items())
    ]
    assert not found.unseen
    assert [s.lot for s in then.stays] == [s.lot for s in found.stays if s.start < late]


def test_a_gap_is_dark_from_when_it_was_told_until_it_was_refilled(tmp_path: Path) -> None:
    """Connection lost from minute 10 to 30; what was missed is fetched at minute 40."""
    now = DAY0
    with HISTORIANS.build({"kind": "duckdb"}, "historian").open(tmp_path, lambda: now) as store:
        line = Line(signals=[signal("line/filler/lot", "text")], settings={}, store=store)
        machines = line.operations.machines

        def lots(minute: float, as_of: float | None = None) -> list[tuple[str, float, float, bool]]:
            known = None if as_of is None else line.at(as_of)
            found = seen(store, machines, line.start, line.at(minute), known)
            dark = [s for s in found.stays if not s.sure]
            assert bool(found.unseen) == bool(dark)
            return [(s.lot, (s.start - line.start) / MINUTE, (s.end - line.start) / MINUTE, s.sure)
                    for s in found.stays]  # fmt: skip

        line.feed(0, lot="A")
        now = line.at(30)
        line.feed(30, lot="C")
        told = {"reason": "connection lost", "signals": [], "refilled": False, "rows": 0}
        gap = Event("gap", "plc", line.at(10), "plc", now, line.at(30), told)
        store.record([gap])
        unsure = [("A", 0, 10, True), ("A", 10, 30, False), ("C", 10, 30, False)]
        assert lots(35) == [*unsure, ("C", 30, 35, True)]
        now = line.at(40)
        fetched = Frame.of(
            [line.numbers["line/filler/lot"]], [line.at(20)], [line.code("line/filler/lot", "B")],
            source="plc",
        )  # fmt: skip
        store.commit([fetched])
        store.record([Event(
            "gap", "plc", line.at(10), "plc", now, line.at(30),
            {**told, "refilled": True, "rows": 1}, cause=gap.id, supersedes=gap.id, sequence=1,
        )])  # fmt: skip
        whole = [("A", 0, 20, True), ("B", 20, 30, True)]
        assert lots(50) == lots(50, as_of=50) == [*whole, ("C", 30, 50, True)]
        assert lots(35, as_of=35) == [*unsure, ("C", 30, 35, True)], "as it was told then"
        assert lots(15, as_of=15) == [("A", 0, 15, True)], "nobody had told of a gap yet"


class Desk:
    """Lots on a journal of their own, with a clock that can be turned."""

    def __init__(self, folder: Path) -> None:
        self.now = 1_000
        self.events: list[Event] = []
        self.journal = Journal(folder / "journal.sqlite")
        self.lots = Lots(self.journal, lambda: self.now, self.events.extend)


def actor(role: Role) -> Actor:
    return Actor(f"a {role}", role)


def made(lot: str, *of: str, start: int = 10, end: int = 20) -> Made:
    return Made(made=lot, of=tuple(Part(lot=x) for x in of), asset="mixer", start=start, end=end)


async def test_a_hold_follows_what_is_made(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    lots, operator, engineer = desk.lots, actor("operator"), actor("engineer")
    await lots.state([made("C", "B"), made("D", "C")], operator)
    await lots.hold({"A": None}, operator, "glass was found")
    desk.now = 2_000
    assert await lots.state([made("B", "A"), made("B", "A")], operator) == [made("B", "A").id] * 2
    said = desk.journal.entries(kind="lot-made")
    assert [e.draft.payload["made"] for e in said] == ["C", "D", "B"], "once"
    assert {k: lots.book.about(k).state for k in "ABCDE"} == {
        "A": "on hold", "B": "on hold", "C": "on hold", "D": "on hold", "E": "open",
    }  # fmt: skip
    assert lots.book.about("D").held[0].reason == "made of A, which is on hold: glass was found"
    assert [s["lot"] for s in lots.book.about("D").held[0].way] == ["B", "C", "D"]
    # As it was known before B was stated.
    assert lots.as_of(1_500).about("B").state == "open"
    with pytest.raises(Refused, match="needs the role engineer"):
        await lots.clear(["B"], operator, "looked at")
    await lots.clear(["B"], engineer, "looked at, all good")
    await lots.scrap(["A"], engineer, "glass")
    assert lots.book.about("B").state == "cleared"
    assert lots.book.about("A").holds[0].disposition == "scrapped"
    with pytest.raises(Refused, match="scrapped"):
        await lots.hold({"A": None}, operator, "again")
    with pytest.raises(Refused, match="no such hold"):
        await lots.clear(["B"], engineer, "again")
    with pytest.raises(Unknown):
        await lots.clear(["nobody"], engineer, "x")
    again = Lots(desk.journal, lambda: desk.now, desk.events.extend)
    await again.restore()
    assert again.book.lots == lots.book.lots
    assert again.book.made == lots.book.made
    assert not desk.journal.verify()
    desk.journal.close()


async def test_what_went_in_before_it_was_suspect_is_not_held(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    step = Step("was there", "A", "", "filler", 100, 120, True)
    await desk.lots.hold({"A": Reached("A", 100, True, (step,))}, actor("operator"), "spoilt")
    early, late = made("early", "A", start=10, end=20), made("late", "A", start=90, end=130)
    await desk.lots.state([early, late], actor("operator"))
    assert desk.lots.book.about("early").state == "open"
    assert desk.lots.book.about("late").state == "on hold"
    desk.journal.close()


async def test_a_statement_can_be_withdrawn_and_is_not_forgotten(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    (one,) = await desk.lots.state([made("B", "A")], actor("operator"))
    assert [(k.source, k.target) for k in made_links(desk.lots.book.made.values())] == [("A", "B")]
    desk.now = 3_000
    await desk.lots.withdraw(one, actor("operator"), "it was lot A2")
    assert not desk.lots.book.made
    assert list(desk.lots.as_of(2_000).made) == [one]
    with pytest.raises(Unknown):
        await desk.lots.withdraw(one, actor("operator"), "again")
    with pytest.raises(ConfigurationError, match="start before end"):
        await desk.lots.state([made("B", "A", start=9, end=8)], actor("operator"))
    desk.journal.close()


async def test_a_lot_on_hold_that_goes_on_is_told(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    await desk.lots.hold({"A": None}, actor("operator"), "glass was found")
    came = [Event("lot", "packer", 5, "operations", 5, payload={"lot": lot}, lasts=True)
            for lot in "AB"]  # fmt: skip
    told = desk.lots.goes_on([*came, came[0].ended(9)])
    assert [(e.kind, e.subject, e.payload["sentence"]) for e in told] == [
        ("lot_on_hold", "packer", "A is on hold (glass was found), and came to packer")
    ]
    assert told[0].cause == came[0].id
    desk.journal.close()


async def test_two_at_once_leave_one_chain(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    await asyncio.gather(*(desk.lots.hold({f"L{i}": None}, actor("operator"), "x")
                           for i in range(20)))  # fmt: skip
    assert len(desk.lots.book.lots) == 20
    assert not desk.journal.verify()
    desk.journal.close()


def test_a_book_of_nothing_knows_nothing() -> None:
    assert Book.of([]).about("A").state == "open"
