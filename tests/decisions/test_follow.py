"""Another plant file while commands are on their way."""

from __future__ import annotations

from commanded import SPEED, World, by_rule, own, plant

from gemel.twin.decisions import targets


def follow(world: World, *, gone: bool = False, kept: bool = False, **envelope: object) -> None:
    other = plant(**envelope)
    found = {} if gone else targets(other, other.expand(), world.numbers)
    connectors = dict.fromkeys(world.numbers.values(), "opc")
    world.decisions.follow(found, connectors, frozenset(found if kept else ()))


async def test_what_waits_ends_when_its_command_is_gone(make_world) -> None:
    world = await make_world()
    waiting = await world.decisions.propose(own(), type("Anna", (), {"name": "a", "role": "admin"}))
    follow(world, gone=True)
    await world.after(24 * 3600, speed=22500, state=6)
    ended = await world.decisions.command(waiting.id)
    assert (ended.state, ended.reason) == ("expired", "its command is no longer in the plant file")


async def test_what_is_watched_stays_when_its_command_is_gone(make_world) -> None:
    world = await make_world(approval="rule", watch="not jam")
    command = await world.decisions.propose(by_rule())
    await world.after(1, speed=21600)
    follow(world, gone=True)
    await world.after(1, jam=1)
    ended = await world.decisions.command(command.id)
    assert (ended.state, ended.reason) == ("kept", "its command is no longer in the plant file")
    assert len(world.written) == 1


async def test_a_watch_that_is_kept_goes_on_and_another_begins_anew(make_world) -> None:
    for kept, state in ((True, "kept"), (False, "watched")):
        world = await make_world(approval="rule", watch="not jam", dead_time="0 s")
        command = await world.decisions.propose(by_rule())
        await world.after(1, speed=21600)
        for _ in range(20):
            await world.after(1, jam=0)
        follow(world, kept=kept, approval="rule", watch="not jam", dead_time="0 s")
        for _ in range(12):
            await world.after(1, jam=0)
        assert (await world.decisions.command(command.id)).state == state
        await world.close()


async def test_an_interlock_that_is_kept_remembers(make_world) -> None:
    lasting = {"interlocks": ["state == 'Execute' for 30 s"], "approval": "rule"}
    world = await make_world(**lasting)
    for _ in range(31):
        await world.after(1, state=6, speed=22500)
    follow(world, kept=True, **lasting)
    assert (await world.decisions.propose(by_rule())).state == "sent"
    follow(world, **lasting)
    await world.after(60, state=6, speed=22500)
    refused = await world.decisions.propose(by_rule())
    assert refused.state == "refused"
    assert SPEED in world.decisions.targets
