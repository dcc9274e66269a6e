"""Another plant file for a running daemon: what is equal goes on, what is not is made anew.

Samples flow all the time, from a real OPC UA server and over pushes, and are counted on both sides.
"""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from asyncua import Server, ua
from typer.testing import CliRunner

from gemel.core.errors import ConfigurationError, Refused, Unavailable
from gemel.core.time import SECOND
from gemel.doors.cli.main import app
from gemel.parts.historians.base import Query
from gemel.parts.reasoners.base import Proposal
from gemel.runtime.access import Actor
from gemel.runtime.configuration import load
from gemel.runtime.daemon import Daemon
from gemel.runtime.reloading import read_again

PATIENCE_S = 20
URI = "http://example.org/reload/"
LINES = "application/x-ndjson"


async def until(true: Callable[[], Any]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not true():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)


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


class Twin:
    """A running daemon whose plant file a test changes."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon
        self.events: list[Any] = []
        daemon.listen(self.events.extend)

    async def become(self, text: str) -> dict[str, Any]:
        await asyncio.to_thread(self.daemon.plan.path.write_text, text)
        return (await read_again(self.daemon, "eva")).model_dump(mode="json")

    async def push(self, *rows: tuple[str, int, float]) -> None:
        lines = (json.dumps({"signal": s, "time": t, "value": v}) for s, t, v in rows)
        body = "\n".join(lines).encode()
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    told = await self.daemon.receive("push", body, LINES)
                except Unavailable:
                    await asyncio.sleep(0.01)  # as a sender does: once more
                else:
                    assert told.stored == len(rows), told.rejected
                    return

    def stored(self, path: str) -> list[float]:
        number = self.daemon.catalogue.number(path)
        query = Query(np.array([number], np.int32), 0, time.time_ns() + 10 * SECOND)
        return list(self.daemon.store.query(query).column("value").to_pylist())

    def told(self, kind: str) -> list[Any]:
        return [event for event in self.events if event.kind == kind]

    def value(self, path: str) -> float:
        number = self.daemon.numbers[path]
        return float(self.daemon.mirror.snapshot(self.daemon.clock()).value[number])


@asynccontextmanager
async def twin(folder: Path, text: str) -> AsyncIterator[Twin]:
    plant = folder / "plant.yaml"
    plant.write_text(text)
    async with Daemon(load(plant), folder / "data").run() as daemon:
        links = daemon.links.values()
        await until(lambda: all(link.state == "active" for link in links))
        yield Twin(daemon)


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


SPEED = '      speed: {{address: "{}"}}\n'


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


PUSHED = """\
format: 1
connectors:
  push: {{kind: http}}
assets:
  tank:
    connector: push
    signals:
      level: {{}}
      flow: {{}}
      state: {{type: enumeration, labels: {{2: Stopped, 6: Execute}}, role: state}}
      count: {{role: count}}
{more}detectors:
  odd: {{kind: control_chart, asset: tank, signals: [tank/level], learn: 200 s, hold: {hold}{own}}}
alarms:
  high: {{asset: tank, when: "level > {limit}"{alarm}}}
{alarms}reasoners:
  note: {{kind: rules, asset: tank, when: "level > 90 for 20 s", hold_off: {hold_off},
    finding: {{title: high level}}}}
"""


def pushed(**more: Any) -> str:
    return PUSHED.format(
        **{"more": "", "hold": "10 s", "own": "", "limit": 50, "alarm": "", "alarms": "",
           "hold_off": "10 min"} | more
    )  # fmt: skip


async def test_models_memories_and_alarms_go_on(tmp_path: Path) -> None:
    async with twin(tmp_path, pushed()) as running:
        rooms = running.daemon.rooms
        watch, adviser, alarms = rooms.watches["odd"], rooms.advisers["note"], rooms.alarms
        now = time.time_ns()
        noise = np.random.default_rng(1).normal(20, 1, 240)
        rows = [("tank/level", now - (240 - i) * SECOND, float(v)) for i, v in enumerate(noise)]
        await running.push(*rows)
        await running.push(("tank/state", now, 6), ("tank/count", now, 5), ("tank/level", now, 80))
        await until(lambda: watch.state == "watching" and alarms.view("high").active)
        model, raised = watch.model_id, alarms.view("high").raised
        unit = rooms.operations.machine("tank")

        # Another alarm: all that was goes on, and the standing alarm is not told again
        other = "  low: {asset: tank, when: 'flow < 1'}\n"
        told = await running.become(pushed(alarms=other))
        assert told["added"] == {"alarms": ["low"]}
        assert rooms.watches["odd"] is watch
        assert rooms.advisers["note"] is adviser
        assert (alarms.view("high").raised, alarms.view("high").active) == (raised, True)
        assert alarms.view("high").evaluable
        raises = [e for e in running.told("alarm") if e.payload["transition"] == "raise"]
        assert len(raises) == 1
        assert rooms.operations.machine("tank").since == unit.since

        # Only `hold` changes: another watch with the same model; a rule keeps its memory
        told = await running.become(pushed(alarms=other, hold="20 s", hold_off="5 min"))
        assert told["changed"] == {"detectors": ["odd"], "reasoners": ["note"]}
        assert rooms.watches["odd"] is not watch
        assert rooms.watches["odd"].model_id == model
        await until(lambda: len(running.told("part_started")) == 2)
        assert {e.payload["fresh"] for e in running.told("part_started")} == {False}
        # Other settings of the detector: another model
        told = await running.become(pushed(alarms=other, own=", smoothing: 0.3"))
        assert rooms.watches["odd"].model_id != model or rooms.watches["odd"].model is None
        await until(lambda: any(e.payload["fresh"] for e in running.told("part_started")))

        # Its limit is moved away from the value, which does not change: the alarm ends at once
        await running.become(pushed(limit=85))
        await until(lambda: not alarms.view("high").active)
        await running.become(pushed(limit=50))
        await until(lambda: alarms.view("high").active)
        text = pushed().replace("  high:", "  other:")
        told = await running.become(text)
        assert told["removed"] == {"alarms": ["high"]}
        await until(lambda: running.told("alarm")[-1].payload["alarm"] == "other")
        ended = [e for e in running.told("alarm") if e.payload["alarm"] == "high"][-1]
        assert (ended.payload["transition"], ended.payload["active"]) == ("removed", False)
        assert [view.name for view in alarms.active()] == ["other"]
        # It comes back, and is not taken for what it was
        await running.become(pushed())
        await until(lambda: [view.name for view in alarms.active()] == ["high"])


async def test_a_push_during_the_change_of_its_connector_is_stored_once(tmp_path: Path) -> None:
    async with twin(tmp_path, pushed()) as running:
        sent = 0

        async def push_all() -> None:
            nonlocal sent
            while True:
                await running.push(("tank/level", 10**18 + sent, float(sent)))
                sent += 1

        pushing = asyncio.create_task(push_all())
        for more in ("      extra: {}\n", "", "      extra: {}\n"):
            seen = sent
            await until(lambda s=seen: sent > s + 3)
            await running.become(pushed(more=more))
        seen = sent
        await until(lambda: sent > seen + 3)
        pushing.cancel()
        await asyncio.gather(pushing, return_exceptions=True)
        await until(lambda: running.daemon.pipeline.backlog() == (0, 0))
        stored = running.stored("tank/level")
        assert stored[:sent] == [float(n) for n in range(sent)]
        assert len(stored) - sent in (0, 1)
        await running.push(("tank/extra", time.time_ns(), 1.0))
        await running.become(pushed())
        told = await running.daemon.receive(
            "push", json.dumps({"signal": "tank/extra", "time": 1, "value": 1}).encode(), LINES
        )
        assert (told.stored, list(told.rejected)) == (
            0, ["no signal 'tank/extra'; did you mean 'tank/state'?"],
        )  # fmt: skip


async def test_a_file_that_is_added_is_read_and_the_former_one_not_again(tmp_path: Path) -> None:
    def text(*names: str) -> str:
        return (
            f"format: 1\nconnectors:\n  file: {{kind: files, paths: [{', '.join(names)}]}}\n"
            "assets:\n  m: {connector: file, signals: {x: {address: x}}}\n"
        )

    for name, minute in (("one.csv", 0), ("two.csv", 1)):
        rows = "".join(f"2026-03-01T06:{minute:02}:{i:02}Z,{60 * minute + i}\n" for i in range(60))
        (tmp_path / name).write_text("time,x\n" + rows)
    plant = tmp_path / "plant.yaml"
    plant.write_text(text("one.csv"))
    async with Daemon(load(plant), tmp_path / "data").run() as daemon:
        running = Twin(daemon)
        await until(lambda: daemon.links["file"].reason == "at its end")
        await running.become(text("one.csv") + "alarms: {a: {asset: m, when: x > 500}}\n")
        assert daemon.links["file"].totals().sessions == 1
        await running.become(text("one.csv", "two.csv"))
        await until(lambda: daemon.links["file"].reason == "at its end")
        assert running.stored("m/x") == [float(n) for n in range(120)]
        assert daemon.links["file"].totals().sessions == 2
        assert daemon.status()["state"] == "good"
        await running.become("format: 1\nassets: {m: {signals: {x: {}}}}\n")
        assert daemon.links == {}
        assert len(running.stored("m/x")) == 120


async def test_what_cannot_hold_changes_nothing(tmp_path: Path) -> None:
    async with twin(tmp_path, pushed()) as running:
        daemon = running.daemon
        before = (daemon.plan, dict(daemon.links), list(daemon.pipeline.watchers), daemon.numbers)
        session = daemon.links["push"].session
        for text, error, says in (
            (pushed(limit="levle"), ConfigurationError, "'levle' is not known|levle"),
            ("format: 1\nx: [", ConfigurationError, "plant.yaml"),
            (pushed() + "plant: {time_zone: Asia/Tokyo}\n", Refused, "from UTC to Asia/Tokyo"),
            (pushed() + "retention: {age: 30 d}\n", Refused, "retention changes; that takes"),
            (pushed().replace("flow: {}", "flow: {type: text}"), Refused, "from number to text"),
        ):
            with pytest.raises(error, match=says):
                await running.become(text)
            now = (daemon.plan, dict(daemon.links), list(daemon.pipeline.watchers), daemon.numbers)
            assert now == before
            assert daemon.links["push"].session is session
        await running.become(pushed())
        assert running.told("plan") == []


async def test_an_error_in_the_swap_lets_the_old_plan_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with twin(tmp_path, pushed()) as running:
        daemon = running.daemon

        def fail(*_: object) -> None:
            raise RuntimeError("a fault of ours")

        monkeypatch.setattr(daemon.rooms.operations, "become", fail)
        text = pushed(more="      extra: {role: reject}\n").replace("flow: {}", "flow: {unit: l}")
        with pytest.raises(RuntimeError, match="a fault of ours"):
            await running.become(text)
        assert "tank/extra" not in daemon.planned
        assert daemon.catalogue[daemon.numbers["tank/flow"]].unit == ""
        await running.push(("tank/level", time.time_ns(), 3.0))
        monkeypatch.undo()
        await running.become(text)
        await running.push(("tank/extra", time.time_ns(), 3.0))


async def test_reloads_wait_for_each_other(tmp_path: Path) -> None:
    async with twin(tmp_path, pushed()) as running:
        daemon = running.daemon
        plans = [load(daemon.plan.path, pushed(limit=limit)) for limit in (51, 52, 53)]
        told = await asyncio.gather(*(daemon.reload(plan, "eva") for plan in plans))
        assert [t.old for t in told[1:]] == [t.new for t in told[:-1]]
        assert daemon.plan is plans[-1]


def test_a_signal_and_a_command_let_it_be_read_again(tmp_path: Path) -> None:
    plant, other = tmp_path / "plant.yaml", tmp_path / "other.yaml"
    plant.write_text(pushed())
    command = [sys.executable, "-m", "gemel.doors.cli.main"]
    data = ["--data", str(tmp_path / "data")]

    def reload(*arguments: str) -> Any:
        return CliRunner().invoke(app, ["reload", *arguments, *data])

    assert "no Gemel runs" in str(reload().exception)
    assert reload("a", "b").exit_code == 2
    running = subprocess.Popen(
        [*command, "run", "plant.yaml", *data, "--http", "127.0.0.1:0"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert running.stdout is not None
        assert running.stderr is not None
        assert "ready" in running.stdout.readline()
        running.stdout.readline()
        plant.write_text(pushed(limit=60))
        told = json.loads(reload("--json").stdout)
        assert told["sentence"] == "changed alarm 'high'; kept all else"
        plant.write_text(pushed(limit="x"))
        done = subprocess.run(
            [*command, "reload", *data], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("plant.yaml:")
        other.write_text(pushed(limit=70))
        assert "other.yaml: changed alarm 'high'; kept" in reload(str(other)).stdout
        other.write_text(pushed(limit=80))
        running.send_signal(signal.SIGHUP)
        while "by SIGHUP" not in (line := running.stderr.readline()):
            assert "by local" in line
        assert "read again by SIGHUP: changed alarm 'high'" in line
        other.write_text("format: 2")
        running.send_signal(signal.SIGHUP)
        assert "the plant file is not taken" in running.stderr.readline()
    finally:
        running.terminate()
        running.communicate(timeout=PATIENCE_S)
    assert running.returncode == 0
