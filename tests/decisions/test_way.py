"""The way of a command from proposal to kept or reverted, and every way in which it ends early."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from commanded import ANNA, BEN, EVA, SPEED, VICTOR, Person, World, by_rule, own

from gemel.core.errors import ConfigurationError, Refused, Unavailable
from gemel.core.time import SECOND
from gemel.parts.connectors.base import Outcome, Write
from gemel.parts.reasoners.base import Proposal
from gemel.twin.decisions.journal import Draft

S = SECOND


async def test_a_persons_command_goes_all_the_way(world: World) -> None:
    command = await world.decisions.propose(own(21600.0), ANNA)
    assert (command.state, command.value, command.previous) == ("checked", 21600, 22500)
    assert command.within == "within, 10 % left"
    assert not world.written
    command = await world.decisions.approve(command.id, BEN, "seen it")
    assert command.state == "sent"
    await world.decisions.settled()
    assert [(w.command_id, w.address, w.value) for w in world.written] == [
        (command.id, "ns=2;s=speed", 21600.0)
    ]
    await world.after(0.5)
    assert (await world.decisions.command(command.id)).state == "sent"
    await world.after(0.5, speed=21590)
    command = await world.decisions.command(command.id)
    assert (command.state, command.approvals, command.steps) == ("kept", ("ben",), 7)
    kinds = ["proposed", "checked", "approved", "sent", "answered", "confirmed", "kept"]
    assert world.kinds(command.id) == kinds
    events = [event for event in world.events if event.kind == "command"]
    assert [e.payload["state"] for e in events] == [*kinds[:4], "sent", *kinds[5:]]
    assert all(later.supersedes == earlier.id for earlier, later in pairwise(events))
    assert [event.end for event in events[:-1]] == [None] * 6
    assert events[-1].end == world.now
    assert events[-1].payload["head"] == str(world.journal.head())
    assert world.journal.verify() == []


async def test_a_rule_may_act_alone_only_where_the_class_says_so(make_world) -> None:
    world = await make_world(approval="rule")
    command = await world.decisions.propose(by_rule())
    assert (command.state, command.value, command.approvals) == ("sent", 21600, ("slow_down",))
    await world.after(0.1, speed=21600)
    # A person's own wish still takes a person's approval.
    world.now += 11 * S
    world.show(state=6)
    assert (await world.decisions.propose(own(21000.0), ANNA)).state == "checked"


async def test_a_reasoners_proposal_waits_for_a_person(world: World) -> None:
    command = await world.decisions.propose(by_rule())
    assert command.state == "checked"
    with pytest.raises(Refused, match="needs a reasoner's name"):
        await world.decisions.propose(own())


async def test_two_persons_are_two_different_persons(make_world) -> None:
    world = await make_world(approval="two persons", approver="engineer")
    command = await world.decisions.propose(own(), ANNA)
    with pytest.raises(Refused, match="needs the role engineer; anna is operator"):
        await world.decisions.approve(command.id, ANNA)
    assert (await world.decisions.approve(command.id, EVA)).state == "checked"
    with pytest.raises(Refused, match="a second person must approve; eva has approved already"):
        await world.decisions.approve(command.id, EVA)
    assert not world.written
    command = await world.decisions.approve(command.id, Person("frank", "admin"))
    assert (command.state, command.approvals) == ("sent", ("eva", "frank"))


@pytest.mark.parametrize("person", [VICTOR, Person("x", "root"), Person("", "admin")])
async def test_wrong_roles_decide_nothing(world: World, person: Person) -> None:
    with pytest.raises(Refused):
        await world.decisions.propose(own(), person)
    command = await world.decisions.propose(own(), ANNA)
    for attempt in (
        world.decisions.approve(command.id, person),
        world.decisions.decline(command.id, person, "no"),
        world.decisions.cancel(command.id, person),
        world.decisions.kill("", person),
    ):
        with pytest.raises(Refused):
            await attempt
    assert (await world.decisions.command(command.id)).state == "checked"
    assert world.kinds(command.id) == ["proposed", "checked"]


async def test_people_give_reasons(world: World) -> None:
    with pytest.raises(Refused, match="needs a reason"):
        await world.decisions.propose(own(reason=" "), ANNA)
    command = await world.decisions.propose(own(), ANNA)
    with pytest.raises(Refused, match="needs a reason"):
        await world.decisions.decline(command.id, BEN, "")
    command = await world.decisions.decline(command.id, BEN, "the order ends in ten minutes")
    assert (command.state, command.actor) == ("declined", "ben")
    with pytest.raises(Refused, match="is declined: the order ends"):
        await world.decisions.approve(command.id, BEN)
    other = await world.decisions.propose(own(), ANNA)
    assert (await world.decisions.cancel(other.id, ANNA)).state == "cancelled"


async def test_who_a_person_is_cannot_be_written_into_the_proposal(world: World) -> None:
    forged = own(source="reasoner", proposed_by="slow_down")
    command = await world.decisions.propose(forged, ANNA)
    assert (command.proposal.source, command.proposal.proposed_by) == ("person", "anna")


async def test_the_envelope_refuses_with_a_sentence(world: World) -> None:
    command = await world.decisions.propose(own(19800.0), ANNA)
    assert command.state == "refused"
    assert command.reason == (
        "12 % is more than the 5 % that one command may change; at least 21 375 1/h now"
    )
    disarmed = await world.decisions.propose(own(22000.0, "line2/filler/disarmed"), ANNA)
    assert "the command is disarmed" in disarmed.reason
    with pytest.raises(ConfigurationError, match="did you mean 'line2/filler/speed_setpoint'"):
        await world.decisions.propose(own(command="line2/filler/speed_setpoin"), ANNA)


async def test_the_envelope_has_the_last_word_before_sending(world: World) -> None:
    command = await world.decisions.propose(own(), ANNA)
    world.now += S
    world.show(state=4)
    command = await world.decisions.approve(command.id, BEN)
    assert command.state == "refused"
    assert "interlock `state == 'Execute'` does not hold: state = 'Stopped'" in command.reason
    assert not world.written
    assert world.kinds(command.id) == ["proposed", "checked", "approved", "refused"]


async def test_an_old_or_bad_world_inhibits(world: World) -> None:
    command = await world.decisions.propose(own(), ANNA)
    world.now += 20 * S
    command = await world.decisions.approve(command.id, BEN)
    assert "the present value was last heard of 20 s ago; 5 s is the most" in command.reason
    world.show(speed=float("nan"), state=6)
    command = await world.decisions.propose(by_rule())
    assert "the present value" in command.reason
    world.show(speed=22500)
    world.cut()
    command = await world.decisions.propose(by_rule())
    assert command.state == "refused"
    assert not world.written


async def test_expired_is_never_sent(world: World) -> None:
    command = await world.decisions.propose(own(expires=world.now + 30 * S), ANNA)
    late = await world.decisions.propose(own(21700.0), ANNA)
    world.now += 31 * S
    world.show(state=6, speed=22500)
    assert (await world.decisions.approve(command.id, BEN)).state == "expired"
    await world.after(30)
    assert (await world.decisions.command(late.id)).state == "expired"
    assert not world.written


async def test_the_same_id_twice_acts_once(make_world) -> None:
    world = await make_world(approval="rule")
    proposal = by_rule(id="rule-1")
    first, second = await asyncio.gather(
        world.decisions.propose(proposal), world.decisions.propose(proposal)
    )
    assert first.id == second.id == "rule-1"
    await world.after(0.5, speed=21600)
    again = await make_world(approval="rule")
    again.now = world.now + 60 * S
    again.show(speed=21600, state=6)
    assert (await again.decisions.propose(proposal)).state == "kept"
    assert len(world.written) == 1
    assert not again.written
    with pytest.raises(Refused, match="belongs to another command"):
        await again.decisions.propose(by_rule(-3, id="rule-1"))


async def test_approving_twice_sends_once(world: World) -> None:
    command = await world.decisions.propose(own(), ANNA)
    first, second = await asyncio.gather(
        world.decisions.approve(command.id, BEN), world.decisions.approve(command.id, BEN)
    )
    assert first.state == second.state == "sent"
    with pytest.raises(Refused, match="the command is sent"):
        await world.decisions.approve(command.id, ANNA)
    await world.decisions.settled()
    assert len(world.written) == 1


async def test_dead_time_and_rate(make_world) -> None:
    world = await make_world(approval="rule", max_per_hour=2)
    await world.decisions.propose(by_rule())
    await world.after(4, speed=21600, state=6)
    command = await world.decisions.propose(by_rule())
    assert "was sent 4 s ago, the dead time is 10 s; possible in 6 s" in command.reason
    await world.after(6, speed=21600, state=6)
    assert (await world.decisions.propose(by_rule())).state == "sent"
    await world.after(11, speed=20736, state=6)
    command = await world.decisions.propose(by_rule())
    assert "2 commands of this kind were sent within 1 h, at most 2" in command.reason
    again = await make_world(approval="rule", max_per_hour=2)  # known after a restart, too
    again.now = world.now
    again.show(speed=20736, state=6)
    command = await again.decisions.propose(by_rule())
    assert "2 commands of this kind" in command.reason


async def test_only_one_command_is_on_its_way_to_a_signal(make_world) -> None:
    world = await make_world(dead_time="0 s")
    first, second = [await world.decisions.propose(own(v), ANNA) for v in (21600.0, 21700.0)]
    await world.decisions.approve(first.id, BEN)
    command = await world.decisions.approve(second.id, BEN)
    assert command.state == "refused"
    assert f"command {first.id} is on its way to this signal" in command.reason


async def test_a_refusing_peer_and_a_silent_one(make_world) -> None:
    world = await make_world(approval="rule")
    world.answer = lambda _: Outcome(False, "BadNotWritable")
    command = await world.decisions.propose(by_rule())
    await world.decisions.settled()
    command = await world.decisions.command(command.id)
    assert (command.state, command.reason) == ("rejected", "BadNotWritable")

    def silent(write: Write) -> Outcome:
        raise Unavailable("timed out")

    world.answer = silent
    await world.after(11, state=6, speed=22500)
    command = await world.decisions.propose(by_rule())
    await world.decisions.settled()
    assert (await world.decisions.command(command.id)).state == "unconfirmed"
    await world.after(1, speed=21600)
    assert (await world.decisions.command(command.id)).state == "kept"
    assert len(world.written) == 2


async def test_a_confirmation_that_never_comes(make_world) -> None:
    world = await make_world(approval="rule")
    command = await world.decisions.propose(by_rule())
    await world.after(9)
    assert (await world.decisions.command(command.id)).state == "sent"
    await world.after(1)
    command = await world.decisions.command(command.id)
    assert command.state == "unconfirmed"
    assert command.reason == ("read-back did not show 21 600 1/h within 10 s; it shows 22 500 1/h")
    await world.after(9)
    assert (await world.decisions.command(command.id)).state == "unconfirmed"
    await world.after(1)
    command = await world.decisions.command(command.id)
    assert command.state == "failed"
    assert command.reason == "read-back shows 22 500 1/h and not 21 600 1/h"
    assert len(world.written) == 1


async def test_without_a_sign_of_life_it_stays_unconfirmed(make_world) -> None:
    world = await make_world(approval="rule")
    command = await world.decisions.propose(by_rule())
    await world.decisions.settled()
    world.cut()
    for _ in range(5):
        world.now += 60 * S
        await world.decisions.tick()
    assert (await world.decisions.command(command.id)).state == "unconfirmed"


async def test_an_old_sample_of_the_right_value_confirms_nothing(make_world) -> None:
    world = await make_world(approval="rule")
    world.now += S
    world.show(speed=22500, state=6)
    command = await world.decisions.propose(by_rule())
    world.now, sent = world.now - 2 * S, world.now
    world.show(speed=21600)  # late, from before what was known at the send
    world.now = sent
    await world.after(1)
    assert (await world.decisions.command(command.id)).state == "sent"


async def test_watched_and_kept(make_world) -> None:
    world = await make_world(approval="rule", watch="not jam")
    command = await world.decisions.propose(by_rule())
    await world.after(1, speed=21600)
    assert (await world.decisions.command(command.id)).state == "watched"
    for _ in range(31):
        await world.after(1, jam=0)
    command = await world.decisions.command(command.id)
    assert (command.state, command.reason) == ("kept", "`not jam` was true for 30 s")


async def test_a_failed_watch_reverts_through_the_same_envelope(make_world) -> None:
    world = await make_world(approval="rule", watch="not jam", dead_time="1 h")
    command = await world.decisions.propose(by_rule())
    await world.after(1, speed=21600)
    await world.after(3, jam=1, state=6)
    await world.after(1, jam=1, state=6)
    assert [w.value for w in world.written] == [21600, 22500]
    assert (await world.decisions.command(command.id)).state == "reverting"
    await world.after(1, speed=22500)
    await world.after(1)
    command = await world.decisions.command(command.id)
    back = await world.decisions.command(f"{command.id}.revert")
    assert (command.state, back.state) == ("reverted", "kept")
    assert back.reverts == command.id
    assert "`not jam` is no longer true: jam = true" in back.proposal.reason
    assert world.kinds(back.id)[:4] == ["proposed", "checked", "approved", "sent"]


async def test_a_revert_waits_for_its_interlock_and_then_says_that_it_could_not(make_world) -> None:
    world = await make_world(approval="rule", watch="not jam")
    command = await world.decisions.propose(by_rule())
    await world.after(1, speed=21600)
    await world.after(1, jam=0)
    await world.after(1, jam=1, state=4)
    assert "interlock" in world.decisions.waiting[f"{command.id}.revert"]
    await world.after(59, state=4)
    await world.after(1, state=4)
    await world.after(1, state=4)
    command = await world.decisions.command(command.id)
    assert command.state == "unreverted"
    assert "interlock `state == 'Execute'` does not hold" in command.reason
    assert len(world.written) == 1


async def test_what_somebody_else_changed_is_not_reverted(make_world) -> None:
    world = await make_world(approval="rule", watch="not jam")
    command = await world.decisions.propose(by_rule())
    await world.after(1, speed=21600)
    await world.after(1, jam=0)
    await world.after(1, speed=20000, jam=1)
    command = await world.decisions.command(command.id)
    assert command.state == "overtaken"
    assert len(world.written) == 1


async def test_a_watch_that_cannot_be_seen_does_not_keep(make_world) -> None:
    world = await make_world(approval="rule", watch="not jam")
    command = await world.decisions.propose(by_rule())
    await world.after(1, speed=21600, jam=0)
    world.cut()
    for _ in range(70):
        world.now += S
        await world.decisions.tick()
    command = await world.decisions.command(command.id)
    assert command.state == "reverting"
    assert "could not be watched for 30 s" in command.reason


async def test_the_kill_switch_stops_everything_below_it(make_world) -> None:
    world = await make_world()
    waiting = await world.decisions.propose(own(), ANNA)
    await world.decisions.kill("line2", ANNA, "smoke")
    waiting = await world.decisions.command(waiting.id)
    assert (waiting.state, waiting.actor) == ("refused", "anna")
    refused = await world.decisions.propose(own(), ANNA)
    assert refused.reason == "the kill switch of line2 is set; release it first"
    with pytest.raises(Refused, match="needs the role engineer"):
        await world.decisions.release("line2", ANNA, "all good")
    again = await make_world()  # it holds after a restart
    again.now = world.now
    assert (await again.decisions.propose(own(), ANNA)).state == "refused"
    await again.decisions.release("line2", EVA, "was a kettle")
    again.show(state=6, speed=22500)
    assert (await again.decisions.propose(own(), ANNA)).state == "checked"
    with pytest.raises(ConfigurationError, match="did you mean 'line2'"):
        await again.decisions.kill("line3", ANNA)
    assert [e.payload["set"] for e in world.events if e.kind == "kill_switch"] == [True]


async def test_a_kill_switch_set_while_sending_wins(make_world) -> None:
    world = await make_world(approval="rule")
    proposing = asyncio.ensure_future(world.decisions.propose(by_rule()))
    for _ in range(4):  # far enough to be writing it down, not so far as to have sent it
        await asyncio.sleep(0)
    await asyncio.gather(world.decisions.kill("", ANNA), proposing)
    await world.decisions.settled()
    command = await world.decisions.command((await proposing).id)
    assert (command.state == "refused") == (not world.written)


async def test_a_journal_that_cannot_be_written_stops_commands_and_not_the_switch(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = await world.decisions.propose(own(), ANNA)

    def full(*drafts: Draft) -> None:
        raise Unavailable("the journal is not written: disk I/O error")

    monkeypatch.setattr(world.journal, "append", full)
    for attempt in (
        world.decisions.approve(command.id, BEN),
        world.decisions.propose(own(21700.0), ANNA),
        world.decisions.kill("", ANNA),
    ):
        with pytest.raises(Unavailable):
            await attempt
    await world.after(100)
    assert not world.written
    assert (await world.decisions.command(command.id)).state == "checked"
    assert world.decisions.ledger.stopped_at(SPEED) == ("",)
    assert "disk I/O error" in world.decisions.ledger.problem


async def test_other_kinds_of_values(world: World) -> None:
    for command, value, wire in (
        ("product", "water", "water"),
        ("state", "Stopped", 4.0),
        ("jam", True, True),
    ):
        world.show(state=6, speed=22500)
        found = await world.decisions.propose(own(value, f"line2/filler/{command}"), ANNA)
        assert found.state == "checked", found.reason
        found = await world.decisions.approve(found.id, BEN)
        await world.decisions.settled()
        assert world.written[-1].value == wire
        assert type(world.written[-1].value) is type(wire)
        await world.after(1, **{command: wire})
        assert (await world.decisions.command(found.id)).state == "kept"
    wrong = {"product": "beer", "state": "Execute", "jam": "yes"}
    for command, value in wrong.items():
        found = await world.decisions.propose(own(value, f"line2/filler/{command}"), ANNA)
        assert found.state == "refused"
    found = await world.decisions.propose(
        Proposal(command="line2/filler/product", change=1, reason="x"), ANNA
    )
    assert "a change needs a number" in found.reason


async def test_a_caller_who_goes_away_leaves_nothing_half_done(world: World) -> None:
    task = asyncio.ensure_future(world.decisions.propose(own(id="mine"), ANNA))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    command = await world.decisions.propose(own(id="mine"), ANNA)
    assert command.state == "checked"
    assert world.kinds("mine") == ["proposed", "checked"]
