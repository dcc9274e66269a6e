"""Discovery on the virtual line, and the guesses by themselves."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gemel.core.errors import ConfigurationError, Unavailable
from gemel.core.plant import Plant
from gemel.parts.connectors import CONNECTORS
from gemel.parts.connectors.base import Wanted
from gemel.parts.connectors.opcua import OpcUa
from gemel.parts.connectors.opcua.address import parse
from gemel.parts.connectors.opcua.guess import level_of, role_of, slug
from gemel.testing.connectors import collect, door_for

SCRIPT = Path(__file__).with_name("opcua_server.py")


@asynccontextmanager
async def started(folder, *command):
    """A server as a process; gives what it writes when it is ready."""
    ready = folder / "url"
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, "--port-file", str(ready), stdout=asyncio.subprocess.DEVNULL
    )
    try:
        for _ in range(600):
            if ready.exists() and ready.read_text().strip():
                break
            assert process.returncode is None, "the server ended"
            await asyncio.sleep(0.1)
        yield ready.read_text().strip()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def line(folder, *options):
    """The virtual line; gives its address."""
    endpoint = ("--endpoint", "opc.tcp://127.0.0.1:0")
    return started(folder, "-m", "gemel.virtual", *endpoint, *options)


async def test_twenty_thousand_nodes_give_the_line_and_no_clutter(tmp_path):
    said = []
    async with line(tmp_path, "--nodes", "20000") as url:
        began = time.monotonic()
        found = await OpcUa.discover(url, time.time_ns, said.append)
        took = time.monotonic() - began
        again = await OpcUa.discover(url, time.time_ns, said.append)
    assert again.assets == found.assets
    assert again.settings == found.settings
    assert took < 20
    assert said
    assert not found.truncated
    assert any(note.startswith("load:") for note in found.notes)
    assert found.settings == {"kind": "opcua", "url": url, "security": "None"}
    assert found.site == {"site": "Northfield", "area": "Bottling"}
    assets = {asset.path: asset for asset in found.assets}
    machines = {f"line2/{name}" for name in ("rinser", "filler", "capper", "labeller", "packer")}
    assert set(assets) == machines | {"line2"}
    assert assets["line2"].level == "work_center"
    for path in machines:
        roles = {s.role: s for s in assets[path].signals if s.role is not None}
        assert {"state", "speed", "count", "reject", "energy", "power", "setpoint"} <= set(roles)
        assert roles["speed"].key == "current_speed"
        assert roles["speed"].unit == "1/h"
        assert roles["state"].type == "enumeration"
        assert len(roles["state"].labels) > 10
        assert assets[path].level == "work_unit"
        for signal in assets[path].signals:
            assert "nsu=" in signal.address
            assert signal.confidence == 0.5 or signal.why
    [command] = [c for c in assets["line2/filler"].commands if c.signal == "speed_setpoint"]
    assert (command.low, command.high) == (6000.0, 26000.0)
    print(f"discovery of a server with 20,000 nodes took {took:.1f} s")


async def test_what_changes_fast_gets_a_sample_that_sees_each_change(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        options = ("--port", str(probe.getsockname()[1]), "--period", "0.04")
    async with started(tmp_path, str(SCRIPT), *options) as port:
        found = await OpcUa.discover(f"opc.tcp://127.0.0.1:{port}", time.time_ns, str)
    samples = {s.key: s.sample for asset in found.assets for s in asset.signals}
    assert samples["counter"] is not None
    assert samples["counter"] <= 20_000_000
    assert samples["speed"] == samples["counter"]
    assert samples["setpoint"] is None, "what does not change needs no more than usual"
    assert "sample" not in found.settings


async def test_what_was_found_makes_a_plant_file_that_runs(tmp_path):
    async with line(tmp_path) as url:
        found = await OpcUa.discover(url, time.time_ns, lambda _: None)
        plant = Plant.read(
            {
                "format": 1,
                "plant": found.site,
                "connectors": {"plc": found.settings},
                "assets": {
                    asset.path: {
                        "title": asset.title,
                        "level": asset.level,
                        "connector": "plc",
                        "signals": {
                            s.key: {
                                "type": s.type,
                                "unit": s.unit,
                                "address": s.address,
                                "role": s.role,
                                "labels": {str(code): label for code, label in s.labels},
                                **({"range": s.range} if s.range else {}),
                            }
                            for s in asset.signals
                        },
                        "commands": {
                            c.key: {"signal": c.signal, "envelope": {"low": c.low, "high": c.high}}
                            for c in asset.commands
                        },
                    }
                    for asset in found.assets
                },
            }
        )
        signals = plant.expand()
        wanted = tuple(Wanted(0, s.path, s.address, s.signal.type) for s in signals)
        connector = CONNECTORS.build(plant.connectors["plc"])
        async with connector.open(door_for(tmp_path / "door", wanted)) as session:
            await collect(session.frames(), len(wanted), 10)
            assert session.counters.bad_items == {}
            assert session.counters.rejected == 0


@pytest.mark.parametrize(
    ("key", "kind", "unit", "role"),
    [
        ("current_speed", "number", "1/h", "speed"),
        ("drehzahl_ist", "number", "1/min", "speed"),
        ("cur_mach_speed", "number", "", "speed"),
        ("mach_speed", "number", "", "setpoint"),
        ("geschwindigkeit_soll", "number", "mm/s", "setpoint"),
        ("prod_processed_count", "number", "", "count"),
        ("gutteile", "number", "", "count"),
        ("prod_defective_count", "number", "", "reject"),
        ("ausschuss_zaehler", "number", "", "reject"),
        ("zaehler_energie", "number", "kW·h", "energy"),
        ("wirkleistung", "number", "kW", "power"),
        ("state_current", "number", "", "state"),
        ("maschine_laeuft", "boolean", "", "run"),
        ("sammelstoerung", "boolean", "", "alarm"),
        ("auftragsnummer", "text", "", "order"),
        ("rezept", "text", "", "product"),
        ("lagertemperatur", "number", "°C", "condition"),
        ("lagerbestand", "number", "1", None),
        ("serial_number", "text", "", None),
        ("interval_ms", "number", "ms", None),
    ],
)
def test_roles_in_english_and_german(key, kind, unit, role):
    assert role_of(key, kind, unit).role == role


def test_states_are_known_by_their_words():
    words = ((1, "Leerlauf"), (2, "Execute"), (3, "Aborted"))
    assert role_of("x17", "enumeration", "", words).role == "state"
    assert role_of("x17", "enumeration", "", ((1, "Rot"), (2, "Blau"))).role is None


@pytest.mark.parametrize(
    ("name", "type_name", "level"),
    [
        ("Northfield", "SiteType", "site"),
        ("Line2", "FolderType", "work_center"),
        ("Linie 3", "", "work_center"),
        ("Halle_7", "", "area"),
        ("Werk Ulm", "", "site"),
        ("Filler", "FillerType", None),
    ],
)
def test_levels(name, type_name, level):
    assert level_of(name, type_name) == level


def test_keys_are_plain():
    assert slug("Füllhöhe [mm]") == "fuellhoehe_mm"
    assert slug("PLC1.DB10.Wert3") == "plc1_db10_wert3"
    assert slug("ActMachSPEED") == "act_mach_speed"
    assert slug("温度") == "x"


@pytest.mark.parametrize(
    "text", ["ns=3;s=a", "s", "nsu=urn:x", "i=abc", "g=12", "/", "nsu=urn:x;q=1", ""]
)
def test_addresses_that_cannot_be_say_what_would_work(text):
    with pytest.raises(ConfigurationError, match=r"write|valid"):
        parse(text)


@pytest.mark.parametrize("target", ["http://x", "opc.tcp://", "opc.tcp://u:p@x", "file.csv"])
async def test_discovery_refuses_what_it_cannot(target):
    with pytest.raises(ConfigurationError):
        await OpcUa.discover(target, time.time_ns, lambda _: None)


async def test_discovery_of_nothing_is_unavailable():
    with pytest.raises(Unavailable):
        await OpcUa.discover("opc.tcp://127.0.0.1:9", time.time_ns, lambda _: None)
