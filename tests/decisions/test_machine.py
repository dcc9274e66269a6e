"""Whatever happens in whatever order, the promises of the way of a command hold."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

from commanded import ANNA, BEN, EVA, Person, World, by_rule, own
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gemel.core.errors import Refused, Unavailable
from gemel.core.time import SECOND
from gemel.parts.connectors.base import Outcome, Write
from gemel.twin.decisions.command import ALLOWED, FINAL, OPEN, SIDE, follow

PEOPLE = (ANNA, BEN, EVA, Person("victor", "viewer"))


def test_the_table_is_whole() -> None:
    assert frozenset(ALLOWED) == OPEN | FINAL
    reached = {"proposed"}
    while more := {s for state in reached for s in ALLOWED[state]} - reached:
        reached |= more
    assert reached == set(ALLOWED)
    # From everywhere there is a way to an end.
    ends = set(FINAL)
    while more := {state for state, after in ALLOWED.items() if after & ends} - ends:
        ends |= more
    assert ends == set(ALLOWED)
    # What was sent once never becomes something that could be sent again.
    after_sent = {"sent"}
    while more := {s for state in after_sent for s in ALLOWED[state]} - after_sent:
        after_sent |= more
    assert not after_sent & {"proposed", "checked", "approved"}


class Way(RuleBasedStateMachine):
    """One plant, three kinds of approval, people, faults and restarts in any order."""

    @initialize(
        approval=st.sampled_from(["person", "two persons", "rule"]),
        watch=st.sampled_from(["", "not jam"]),
    )
    def begin(self, approval: str, watch: str) -> None:
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.limits = {"approval": approval, "watch": watch}
        self.writes: list[tuple[int, Write]] = []
        self.mode = "accept"
        self.now = None
        self.ids: list[str] = []
        self.world = self.start()

    def start(self) -> World:
        world = World(Path(self.folder.name), **self.limits)
        if self.now is not None:
            world.now = world.heard = self.now
            world.show(speed=22500, state=6, jam=0)
        world.answer = self.send
        self.runner.run(world.decisions.restore())
        return world

    def send(self, write: Write) -> Outcome:
        world = self.world
        assert world.journal.entries(command_id=write.command_id, kind="sent"), "not on disk"
        assert 15000 <= write.value <= 24000
        assert not world.decisions.ledger.stopped
        self.writes.append((world.now, write))
        if self.mode == "lost":
            raise Unavailable("no answer")
        if self.mode == "broken":
            raise RuntimeError("a fault of the connector")
        return Outcome(self.mode != "reject", "busy")

    def do(self, work: Any) -> Any:
        async def all_of_it() -> Any:
            result = await work
            await self.world.decisions.settled()
            return result

        try:
            return self.runner.run(all_of_it())
        except Refused:
            return None

    @rule(percent=st.sampled_from([-6, -4, -1, 3, 5]), id=st.sampled_from(["", "a", "b"]))
    def a_reasoner_proposes(self, percent: float, id: str) -> None:
        if (command := self.do(self.world.decisions.propose(by_rule(percent, id=id)))) is not None:
            self.ids.append(command.id)

    @rule(value=st.sampled_from([14000.0, 21000.0, 22000.0, 23000.0]), who=st.sampled_from(PEOPLE))
    def a_person_proposes(self, value: float, who: Person) -> None:
        if (command := self.do(self.world.decisions.propose(own(value), who))) is not None:
            self.ids.append(command.id)

    @rule(
        who=st.sampled_from(PEOPLE),
        what=st.sampled_from(["approve", "approve", "approve", "decline", "cancel"]),
        which=st.integers(1, 3),
    )
    def a_person_decides(self, who: Person, what: str, which: int) -> None:
        if len(self.ids) >= which:
            self.do(getattr(self.world.decisions, what)(self.ids[-which], who, "because"))

    @rule(seconds=st.sampled_from([0.5, 3, 11, 70]), heard=st.booleans())
    def time_passes(self, seconds: float, heard: bool) -> None:
        self.world.now += round(seconds * SECOND)
        if heard:
            self.world.show(state=6)
        self.do(self.world.decisions.tick())

    @rule(speed=st.sampled_from([20000, 22500]), jam=st.booleans(), state=st.sampled_from([4, 6]))
    def samples_arrive(self, speed: float, jam: bool, state: int) -> None:
        self.world.show(speed=speed, jam=jam, state=state)

    @rule()
    def the_machine_follows(self) -> None:
        self.world.now += SECOND // 10
        if self.writes:
            self.world.show(speed=self.writes[-1][1].value)
        self.do(self.world.decisions.tick())

    @rule(mode=st.sampled_from(["accept", "accept", "reject", "lost", "broken"]))
    def the_peer_answers(self, mode: str) -> None:
        self.mode = mode

    @rule(connected=st.sampled_from([True, True, True, False]))
    def the_cable(self, connected: bool) -> None:
        self.world.connected = connected

    @rule(place=st.sampled_from(["", "line2", "line2/filler"]), rare=st.integers(0, 5))
    def the_kill_switch(self, place: str, rare: int) -> None:
        decisions = self.world.decisions
        if rare == 1:
            self.do(decisions.kill(place, ANNA))
        else:
            for stopped in tuple(decisions.ledger.stopped or ()):
                self.do(decisions.release(stopped, EVA, "clear"))

    @rule(percent=st.sampled_from([-4, 3]))
    def a_quick_decision(self, percent: float) -> None:
        self.world.now += 11 * SECOND
        self.world.connected = True
        self.world.show(speed=20000, state=6, jam=False)
        self.a_reasoner_proposes(percent, "")
        for who in (BEN, EVA):
            self.a_person_decides(who, "approve", 1)

    @rule()
    def the_twin_starts_again(self) -> None:
        self.now = self.world.now
        self.runner.run(self.world.close())
        self.world = self.start()

    @invariant()
    def nothing_is_written_twice(self) -> None:
        counts = Counter(write.command_id for _, write in getattr(self, "writes", ()))
        assert not counts or max(counts.values()) == 1

    @invariant()
    def commands_keep_their_distance(self) -> None:
        own_pace = [t for t, w in getattr(self, "writes", ()) if "revert" not in w.command_id]
        assert all(later - earlier >= 10 * SECOND for earlier, later in pairwise(own_pace))

    @invariant()
    def the_journal_tells_the_same(self) -> None:
        if not hasattr(self, "world"):
            return
        world = self.world
        assert world.journal.verify(world.journal.head()) == []
        told: dict[str, Any] = {}
        for entry in world.journal.entries(limit=100_000):
            if entry.draft.command_id:
                told[entry.draft.command_id] = follow(told.get(entry.draft.command_id), entry)
        ledger = world.decisions.ledger
        for command_id, command in ledger.commands.items():
            assert told[command_id] == command
        assert {c.id for c in told.values() if c.open} == {c.id for c in ledger.open()}
        assert set(world.journal.open_commands(sorted(FINAL), SIDE)) == {
            c.id for c in ledger.open()
        }

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.runner.run(self.world.close())
            self.runner.close()
            self.folder.cleanup()


TestWay = Way.TestCase
TestWay.settings = settings(
    max_examples=20,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
