"""The virtual plant over real OPC UA, in a process of its own, read by a foreign client."""

import asyncio
import json
import signal
import socket
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import pytest
from asyncua import Client, ua

from gemel.virtual.signals import SIGNALS

LINE_URI = "urn:gemel:virtual:line"
TYPES_URI = "urn:gemel:virtual:types"
WAIT_S = 120.0


class Peer:
    """A connected client with the plant's namespaces looked up by their URIs."""

    def __init__(self, client: Client, line: int, types: int) -> None:
        self.client = client
        self.line = line
        self.types = types

    def node(self, path: str) -> Any:
        return self.client.get_node(ua.NodeId(path, self.line))

    async def call(self, path: str, *arguments: Any) -> Any:
        owner = path.rpartition(".")[0]
        return await self.node(owner).call_method(self.node(path), *arguments)


def visit(
    url: str, work: Callable[[Peer], Awaitable[None]], user: tuple[str, str] | None = None
) -> None:
    async def run() -> None:
        client = Client(url, timeout=10)
        if user is not None:
            client.set_user(user[0])
            client.set_password(user[1])
        async with client:
            line = await client.get_namespace_index(LINE_URI)
            types = await client.get_namespace_index(TYPES_URI)
            await work(Peer(client, line, types))

    asyncio.run(run())


async def eventually(check: Callable[[], Awaitable[bool]]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not await check():
        assert time.monotonic() < deadline, "did not happen in time"
        await asyncio.sleep(0.1)


def test_every_signal_is_there_with_type_unit_range_and_description(plain: Any) -> None:
    async def work(peer: Peer) -> None:
        kinds = {"double": 11, "uint32": 7, "int32": 6, "boolean": 1, "string": 12}
        for entry in SIGNALS:
            node = peer.node(entry.path)
            attributes = [
                ua.AttributeIds.DataType,
                ua.AttributeIds.Description,
                ua.AttributeIds.UserAccessLevel,
                ua.AttributeIds.Historizing,
                ua.AttributeIds.BrowseName,
            ]
            answers = await node.read_attributes(attributes)
            data_type, description, access, historizing, name = (a.Value.Value for a in answers)
            assert data_type == ua.NodeId(kinds[entry.type])
            assert description.Text == entry.description
            assert bool(access & ua.AccessLevel.CurrentWrite.mask) is entry.writable
            assert historizing is True
            assert name == ua.QualifiedName(entry.name, peer.types)

    visit(plain.url, work)


def test_units_ranges_and_enumerations(plain: Any) -> None:
    async def work(peer: Peer) -> None:
        level = peer.node("Line2.Filler.FillLevel")
        unit = await (await level.get_child("0:EngineeringUnits")).read_value()
        assert unit.UnitId == 5065812, "MLT, Part 8, 5.6.4"
        assert (unit.DisplayName.Text, unit.Description.Text) == ("ml", "millilitre")
        assert unit.NamespaceUri == "http://www.opcfoundation.org/UA/units/un/cefact"
        limits = await (await level.get_child("0:EURange")).read_value()
        assert (limits.Low, limits.High) == (450.0, 550.0)
        high = await (await level.get_child(f"{peer.types}:HighLimit")).read_value()
        assert high == 506.0
        state = peer.node("Line2.Filler.State")
        texts = await (await state.get_child("0:EnumStrings")).read_value()
        assert len(texts) == 18
        assert texts[await state.read_value()].Text == "Execute"
        assert await state.read_type_definition() == ua.NodeId(ua.ObjectIds.MultiStateDiscreteType)
        true = await peer.node("Line2.Filler.Starved").get_child("0:TrueState")
        assert (await true.read_value()).Text == "Yes"

    visit(plain.url, work)


def test_the_tree_of_objects_and_types(plain: Any) -> None:
    async def work(peer: Peer) -> None:
        line, types = peer.line, peer.types
        path = [f"{line}:Northfield", f"{line}:Bottling", f"{line}:Line2", f"{line}:Capper"]
        capper = await peer.client.nodes.objects.get_child(path)
        assert capper.nodeid == ua.NodeId("Line2.Capper", line)
        own = peer.client.get_node(await capper.read_type_definition())
        assert own.nodeid == ua.NodeId("CapperType", types)
        parent = await own.get_parent()
        assert (await parent.read_browse_name()) == ua.QualifiedName("MachineType", types)
        speed = await parent.get_child(f"{types}:CurrentSpeed")
        rules = await speed.get_referenced_nodes(ua.ObjectIds.HasModellingRule)
        assert [rule.nodeid for rule in rules] == [ua.NodeId(ua.ObjectIds.ModellingRule_Mandatory)]
        arguments = await peer.node("Line2.Capper.Command").get_child("0:InputArguments")
        (argument,) = await arguments.read_value()
        assert (argument.Name, argument.DataType) == ("command", ua.NodeId(ua.ObjectIds.Int32))

    visit(plain.url, work)


class Collector:
    """Keeps what a subscription delivers: (path, value, source time)."""

    def __init__(self) -> None:
        self.samples: list[tuple[str, Any, datetime]] = []

    def datachange_notification(self, node: Any, value: Any, data: Any) -> None:
        stamp = data.monitored_item.Value.SourceTimestamp
        self.samples.append((node.nodeid.Identifier, value, stamp))

    def status_change_notification(self, status: Any) -> None:
        """The end of a subscription is part of the network cut."""


def test_values_move_and_a_queue_brings_each_of_them(plain: Any) -> None:
    async def work(peer: Peer) -> None:
        collector = Collector()
        subscription = await peer.client.create_subscription(500, collector)
        paths = ["Line2.Rinser.ProducedCount", "Line2.Filler.BowlPressure"]
        nodes = [peer.node(path) for path in paths]
        await subscription.subscribe_data_change(nodes, queuesize=20)

        async def enough() -> bool:
            return len(collector.samples) > 15

        await eventually(enough)
        await subscription.delete()
        for node, path in zip(nodes, paths, strict=True):
            got = [(value, at) for name, value, at in collector.samples if name == path]
            first, last = got[0][1], got[-1][1]
            history = await node.read_raw_history(first, last)
            assert [(h.Value.Value, h.SourceTimestamp) for h in history] == got
        now = datetime.now(UTC)
        assert abs(now - collector.samples[-1][2]) < timedelta(seconds=WAIT_S)

    visit(plain.url, work)


def test_a_setpoint_acts_and_what_is_wrong_is_refused_with_the_reason(plain: Any) -> None:
    async def work(peer: Peer) -> None:
        setpoint = peer.node("Line2.Filler.SpeedSetpoint")
        speed = peer.node("Line2.Filler.CurrentSpeed")
        await setpoint.write_value(18_000.0)
        assert await setpoint.read_value() == 18_000.0

        async def slower() -> bool:
            return bool(abs(await speed.read_value() - 18_000.0) < 1_500.0)

        await eventually(slower)
        for wrong in (90_000.0, 10.0, float("nan"), float("inf")):
            with pytest.raises(ua.uaerrors.BadOutOfRange):
                await setpoint.write_value(wrong)
        with pytest.raises(ua.uaerrors.BadTypeMismatch):
            await setpoint.write_value("fast", ua.VariantType.String)
        with pytest.raises(ua.uaerrors.BadNotWritable):
            await peer.node("Line2.Filler.FillLevel").write_value(500.0)
        with pytest.raises(ua.uaerrors.BadNotWritable):
            await setpoint.write_attribute(
                ua.AttributeIds.Description, ua.DataValue(ua.LocalizedText("mine"))
            )
        with pytest.raises(ua.uaerrors.BadNodeIdUnknown):
            await peer.node("Line2.Filler.Nothing").write_value(1.0)
        await setpoint.write_value(22_500.0)

    visit(plain.url, work)


def test_commands_act_by_the_rules_of_packml(plain: Any) -> None:
    async def work(peer: Peer) -> None:
        state = peer.node("Line2.Labeller.State")

        async def send(command: int, wanted: int) -> None:
            await peer.call("Line2.Labeller.Command", ua.Variant(command, ua.VariantType.Int32))

            async def reached() -> bool:
                return bool(await state.read_value() == wanted)

            await eventually(reached)

        await send(4, 11)
        with pytest.raises(ua.uaerrors.BadInvalidState):
            await send(2, 6)
        with pytest.raises(ua.uaerrors.BadInvalidArgument):
            await send(77, 6)
        with pytest.raises(ua.uaerrors.BadTypeMismatch):
            await peer.call("Line2.Labeller.Command", "Start")
        with pytest.raises(ua.uaerrors.BadArgumentsMissing):
            await peer.call("Line2.Labeller.Command")
        await send(5, 6)

    visit(plain.url, work)


def test_faults_come_and_go_by_method(plain: Any) -> None:
    async def work(peer: Peer) -> None:
        active = peer.node("Simulation.ActiveFaults")
        await peer.call("Simulation.InjectFault", "sensor_stuck", "Line2.Rinser.WaterPressure", 1.0)

        async def there() -> bool:
            return bool(await active.read_value() == "sensor_stuck Rinser.WaterPressure")

        await eventually(there)
        with pytest.raises(ua.uaerrors.BadInvalidArgument):
            await peer.call("Simulation.InjectFault", "gremlin", "Rinser", 1.0)
        await peer.call("Simulation.ClearFault", "sensor_stuck", "Rinser.WaterPressure")
        with pytest.raises(ua.uaerrors.BadNotFound):
            await peer.call("Simulation.ClearFault", "sensor_stuck", "Rinser.WaterPressure")

        async def gone() -> bool:
            return bool(await active.read_value() == "")

        await eventually(gone)

    visit(plain.url, work)


def test_history_from_before_the_start_both_ways_and_in_pieces(plain: Any) -> None:
    async def work(peer: Peer) -> None:
        node = peer.node("Line2.Filler.BowlPressure")
        now = datetime.now(UTC)
        forward = await node.read_raw_history(now - timedelta(hours=1), now)
        times = [value.SourceTimestamp for value in forward]
        assert times == sorted(times)
        assert times[-1] - times[0] > timedelta(seconds=55)
        assert len(forward) > 200
        backward = await node.read_raw_history(now, now - timedelta(hours=1))
        assert backward == forward[::-1]
        newest = await node.read_raw_history(None, now, numvalues=7)
        assert newest == backward[:7]
        details = ua.ReadRawModifiedDetails()
        details.StartTime, details.EndTime = times[0], times[25]
        details.NumValuesPerNode = 10
        pieces: list[Any] = []
        point = None
        while True:
            answer = await node.history_read(details, point)
            pieces += answer.HistoryData.DataValues
            point = answer.ContinuationPoint
            if point is None:
                break
        assert pieces == forward[:26]
        text = await peer.node("Line2.Order.Product").read_raw_history(times[0], now)
        assert text[0].Value.Value == "Still 0.5 l"
        state = await peer.node("Line2.Filler.State").read_raw_history(times[0], now)
        assert state[0].Value.VariantType == ua.VariantType.UInt32

    visit(plain.url, work)


def test_history_fills_what_a_network_cut_hid(plain: Any) -> None:
    address = urlparse(plain.url)
    moments: list[datetime] = []

    async def cut(peer: Peer) -> None:
        collector = Collector()
        subscription = await peer.client.create_subscription(200, collector)
        await subscription.subscribe_data_change(peer.node("Line2.Filler.BowlPressure"))
        await peer.call("Simulation.CutOff", 3.0)

        async def refused() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex((address.hostname, address.port)) != 0

        await eventually(refused)
        moments.append(datetime.now(UTC))
        with pytest.raises((ConnectionError, TimeoutError, ua.UaError)):
            await asyncio.wait_for(peer.node("Line2.Filler.FillLevel").read_value(), 2)

    async def after(peer: Peer) -> None:
        moments.append(datetime.now(UTC))
        history = await peer.node("Line2.Filler.BowlPressure").read_raw_history(*moments)
        assert len(history) >= 5, "the line ran on"
        times = [value.SourceTimestamp for value in history]
        gaps = [later - earlier for earlier, later in pairwise(times)]
        assert max(gaps) < timedelta(seconds=2)

    visit(plain.url, cut)
    deadline = time.monotonic() + WAIT_S
    while True:
        with socket.socket() as probe:
            if probe.connect_ex((address.hostname, address.port)) == 0:
                break
        assert time.monotonic() < deadline, "it did not serve again"
        time.sleep(0.1)
    visit(plain.url, after)


def test_a_stranger_stays_out_and_namespaces_may_be_swapped(guarded: Any) -> None:
    async def work(peer: Peer) -> None:
        assert peer.line > peer.types
        assert await peer.node("Line2.Shift").read_value() == "Early", "--start sets the time"
        stamp = (await peer.node("Line2.Filler.FillLevel").read_data_value()).SourceTimestamp
        assert stamp.date().isoformat() == "2026-01-01"
        assert await peer.client.nodes.objects.get_child(f"{peer.line}:Diagnostics")

    visit(guarded.url, work, ("op", "secret"))
    for user in (("op", "wrong"), ("admin", "secret"), None):
        with pytest.raises(ua.UaError):
            visit(guarded.url, work, user)
    assert Path(guarded.truth).with_name("guarded.url").read_text().strip() == guarded.url


def test_extra_signals_are_counted_and_kept(guarded: Any) -> None:
    async def work(peer: Peer) -> None:
        collector = Collector()
        subscription = await peer.client.create_subscription(500, collector)
        nodes = [peer.node(f"Extra.S{number:05d}") for number in range(1, 21)]
        await subscription.subscribe_data_change(nodes, queuesize=50)

        async def enough() -> bool:
            return len(collector.samples) > 150

        await eventually(enough)
        await subscription.delete()
        got = [(v, at) for name, v, at in collector.samples if name == "Extra.S00007"]
        history = await nodes[6].read_raw_history(got[0][1], got[-1][1])
        assert [(h.Value.Value, h.SourceTimestamp) for h in history] == got
        diagnostics = peer.node("Diagnostics")
        assert await _descendants(diagnostics) == 300

    visit(guarded.url, work, ("op", "secret"))


async def _descendants(node: Any) -> int:
    children = await node.get_children()
    return len(children) + sum([await _descendants(child) for child in children])


def test_it_stops_on_sigterm_and_leaves_the_answer_key(guarded: Any) -> None:
    produced: list[int] = []
    before: list[int] = []

    async def work(peer: Peer) -> None:
        await peer.call("Simulation.InjectFault", "glue_cold", "Labeller", 1.0)
        produced.append(await peer.node("Simulation.ProducedSamples").read_value())
        history = await peer.node("Extra.S00001").read_raw_history(
            datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
        )
        before.append(len(history))

        async def noticed() -> bool:
            return bool(await peer.node("Simulation.ActiveFaults").read_value())

        await eventually(noticed)

    visit(guarded.url, work, ("op", "secret"))
    guarded.process.send_signal(signal.SIGTERM)
    assert guarded.process.wait(WAIT_S) == 0
    lines = [json.loads(line) for line in guarded.truth.read_text().splitlines()]
    assert lines[0]["event"] == "start"
    (fault,) = [line for line in lines if line["event"] == "fault"]
    assert (fault["kind"], fault["asset"]) == ("glue_cold", "Labeller")
    assert "Line2.Labeller.GlueTemperature" in fault["signals"]
    end = lines[-1]
    assert end["event"] == "end"
    assert end["total"] == sum(end["samples"].values()) >= produced[0]
    assert end["samples"]["Extra.S00001"] >= before[0] > 10


def test_wrong_options_are_explained(capsys: pytest.CaptureFixture[str]) -> None:
    from gemel.virtual.options import parse

    for arguments, message in (
        (["--endpoint", "http://here"], "is not like opc.tcp://127.0.0.1:4841"),
        (["--user", "op"], "expected NAME:PASSWORD"),
        (["--rate", "0"], "must be greater than 0"),
        (["--certificate", "c.pem"], "give both or none"),
        (["--scenario", "loud"], "invalid choice"),
    ):
        with pytest.raises(SystemExit):
            parse(arguments)
        assert message in capsys.readouterr().err


def test_it_stops_when_its_parent_does(plain: Any) -> None:
    assert _lives(plain.pid)
    plain.process.kill()
    deadline = time.monotonic() + WAIT_S
    while _lives(plain.pid):
        assert time.monotonic() < deadline, "it lives on without its parent"
        time.sleep(0.1)
    assert json.loads(plain.truth.read_text().splitlines()[-1])["event"] == "end"


def _lives(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
