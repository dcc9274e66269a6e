"""Another plant file while a machine counts: what is equal keeps its session, nothing is lost.

Samples flow all the time, from a real OPC UA server and over pushes, and are counted on both sides.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from asyncua import Server, ua
from tests.runtime.reloading import twin, until

from gemel.parts.reasoners.base import Proposal
from gemel.runtime.access import Actor

URI = "http://example.org/reload/"


class Machine:
    """An OPC UA server in this process; `count` writes 1, 2, 3 … and remembers when."""

    def __init__(self, server: Server, nodes: dict[str, Any]) -> None:
        self.server, self.nodes = server, nodes
        self.url = f"opc.tcp://127.0.0.1:{server.bserver.port}"
        self.written: list[int] = []

    def address(self, key: str) -> str:
        return f"nsu={URI};s={self.nodes[key].nodeid.Identifier}"

    async def count(self) -> None:
        while True:
            value = len(self.written) + 1
            stamp = datetime.now(UTC)
            shown = ua.DataValue(ua.Variant(value, ua.VariantType.Int32), SourceTimestamp=stamp)
            await self.server.write_attribute_value(self.nodes["Counter"].nodeid, shown)
            self.written.append(value)
            await asyncio.sleep(0.01)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[Server]:
    made = Server()
    await made.init()
    made.set_endpoint("opc.tcp://127.0.0.1:0")
    made.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    await made.register_namespace(URI)
    async with made:
        made.bserver.port = made.bserver._server.sockets[0].getsockname()[1]
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def machine(server: Server, request: pytest.FixtureRequest) -> Machine:
    """Nodes of its own for each test."""
    index = await server.get_namespace_index(URI)
    name, nodes = request.node.name, {}
    for key, value in (("Counter", 0), ("Speed", 100), ("Setpoint", 100)):
        nodes[key] = await server.nodes.objects.add_variable(
            ua.NodeId(f"{name}.{key}", index), ua.QualifiedName(key, index), value,
            ua.VariantType.Int32,
        )  # fmt: skip
    await server.historize_node_data_change(nodes["Counter"], period=None, count=0)
    return Machine(server, nodes)


SPEED = '      speed: {{address: "{}"}}\n'


def plant_of(machine: Machine, *, more: str = "", limit: float = 50, high: float = 500) -> str:
    return f"""\
format: 1
connectors:
  opc: {{kind: opcua, url: "{machine.url}", security: None, sample: 10 ms}}
  push: {{kind: http}}
assets:
  mill:
    connector: opc
    signals:
      counter: {{address: "{machine.address("Counter")}"}}
      setpoint: {{address: "{machine.address("Setpoint")}"}}
{more}    commands:
      set: {{signal: setpoint, armed: true, envelope: {{low: 0, high: {high}, fresh_within: 60 s}}}}
  tank:
    connector: push
    signals: {{level: {{}}}}
alarms:
  high_level: {{asset: tank, when: "level > {limit}"}}
"""


@pytest.mark.asyncio(loop_scope="module")
async def test_equal_connectors_keep_their_sessions_while_samples_flow(
    tmp_path: Path, machine: Machine
) -> None:
    async with twin(tmp_path, plant_of(machine)) as running:
        daemon = running.daemon
        links = dict(daemon.links)
        sessions = {name: link.session for name, link in links.items()}
        await until(lambda: running.stored("mill/counter") == [0.0])
        counting = asyncio.create_task(machine.count())
        pushed = 0

        async def push_all() -> None:
            nonlocal pushed
            while True:
                await running.push(("tank/level", time.time_ns(), float(pushed + 1)))
                pushed += 1

        pushing = asyncio.create_task(push_all())
        for limit in (10_000, 20_000, 30_000):
            seen = len(machine.written), pushed
            await until(lambda s=seen: len(machine.written) > s[0] + 10 and pushed > s[1] + 2)
            told = await running.become(plant_of(machine, limit=limit))
            assert told["changed"] == {"alarms": ["high_level"]}
            assert told["kept"]["connectors"] == 2
        seen = len(machine.written), pushed
        await until(lambda: len(machine.written) > seen[0] + 10 and pushed > seen[1] + 2)
        for task in (counting, pushing):
            task.cancel()
        await asyncio.gather(counting, pushing, return_exceptions=True)
        await until(lambda: running.value("mill/counter") == machine.written[-1])
        await until(lambda: daemon.pipeline.backlog() == (0, 0))
        assert daemon.links == links
        assert {name: link.session for name, link in links.items()} == sessions
        assert {link.totals().sessions for link in links.values()} == {1}
        await until(lambda: running.stored("mill/counter")[-1:] == [machine.written[-1]])
        assert running.stored("mill/counter") == [0.0, *map(float, machine.written)]
        assert running.stored("tank/level")[:pushed] == [float(n + 1) for n in range(pushed)]
        assert daemon.pipeline.history.repeated == 0
        assert [e.payload["actor"] for e in running.told("plan")] == ["eva"] * 3


@pytest.mark.asyncio(loop_scope="module")
async def test_history_is_whole_only_when_what_was_fetched_is_on_disk(
    tmp_path: Path, machine: Machine
) -> None:
    """Whoever waits for it reads it at once, and would go on for ever with what was missing."""
    counting = asyncio.create_task(machine.count())
    await until(lambda: len(machine.written) > 50)
    counting.cancel()
    await asyncio.gather(counting, return_exceptions=True)
    plant = plant_of(machine).replace("sample: 10 ms", "sample: 10 ms, backfill: 1 min")
    async with twin(tmp_path, plant) as running:
        complete = running.daemon.history_complete
        async with asyncio.timeout(120):
            while not complete():  # noqa: ASYNC110 - it is asked as often as it goes
                await asyncio.sleep(0.001)
        assert [e.payload["refilled"] for e in running.told("gap") if e.source == "opc"] == [True]
        assert set(range(1, 51)) <= set(running.stored("mill/counter"))


@pytest.mark.asyncio(loop_scope="module")
async def test_a_changed_connector_loses_nothing_and_a_new_signal_is_live(
    tmp_path: Path, machine: Machine
) -> None:
    async with twin(tmp_path, plant_of(machine)) as running:
        daemon = running.daemon
        link, push = daemon.links["opc"], daemon.links["push"].session
        await until(lambda: running.stored("mill/counter") == [0.0])
        counting = asyncio.create_task(machine.count())
        await until(lambda: len(running.stored("mill/counter")) > 20)
        more = SPEED.format(machine.address("Speed"))
        told = await running.become(plant_of(machine, more=more))
        assert told["added"] == {"signals": ["mill/speed"]}
        assert told["changed"] == {"connectors": ["opc"]}
        await until(lambda: daemon.links["opc"].state == "active")
        await until(lambda: running.value("mill/speed") == 100)
        seen = len(machine.written)
        await until(lambda: len(machine.written) > seen + 20)
        counting.cancel()
        await asyncio.gather(counting, return_exceptions=True)
        await until(lambda: running.stored("mill/counter")[-1:] == [machine.written[-1]])
        await until(lambda: not link.refilling)
        assert daemon.links["opc"] is link
        assert link.totals().sessions == 2
        assert link.totals().received >= len(machine.written)
        assert daemon.links["push"].session is push
        assert running.stored("mill/counter") == [0.0, *map(float, machine.written)]
        gaps = [e.payload["reason"] for e in running.told("gap") if e.payload["refilled"]]
        assert gaps == ["plant file changed"]
        assert [s.path for s in daemon.signals_of["mill"]][-1] == "mill/speed"

        number = daemon.numbers["mill/speed"]
        told = await running.become(plant_of(machine))
        assert told["removed"] == {"signals": ["mill/speed"]}
        assert "mill/speed" not in daemon.planned
        assert running.stored("mill/speed") == [100.0]
        shown = daemon.mirror.snapshot(daemon.clock())
        assert shown.quality[number] != 0
        await running.become(plant_of(machine, more=more))
        assert daemon.numbers["mill/speed"] == number
        await until(lambda: daemon.mirror.snapshot(daemon.clock()).quality[number] == 0)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_changed_limit_holds_for_the_next_command(tmp_path: Path, machine: Machine) -> None:
    async with twin(tmp_path, plant_of(machine)) as running:
        decisions, eva = running.daemon.rooms.decisions, Actor("eva", "engineer")
        await until(lambda: running.value("mill/setpoint") == 100)

        async def ask(value: float) -> Any:
            return await decisions.propose(
                Proposal(command="mill/set", value=value, reason="a trial"), eva
            )

        assert (await ask(400)).state == "checked"
        assert (await ask(600)).state == "refused"
        waiting = await ask(450)
        await running.become(plant_of(machine, high=420))
        assert (await ask(430)).state == "refused"
        approved = await decisions.approve(waiting.id, eva)
        assert approved.state == "refused"
        await running.become(plant_of(machine, high=700))
        assert running.daemon.rooms.decisions is decisions
        assert (await ask(600)).state == "checked"
        text = plant_of(machine).replace("armed: true", "armed: false")
        await running.become(text)
        assert "arm" in (await ask(10)).reason
