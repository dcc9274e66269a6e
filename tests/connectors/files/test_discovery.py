# ruff: noqa: E501  # tables of data are read by line
"""What a file is found to be, and that what is written down reads it again."""

from __future__ import annotations

import asyncio
import json

import pytest
from files_reading import at, door, read, write

from gemel.core.catalogue import Catalogue
from gemel.core.errors import ConfigurationError
from gemel.core.plant import Plant
from gemel.parts.connectors import CONNECTORS
from gemel.parts.connectors.base import Wanted
from gemel.parts.connectors.files import Files
from gemel.parts.connectors.files.naming import is_unit, role_of, split_unit


def discover(path):
    return asyncio.run(Files.discover(str(path), lambda: 0, print))


def replay(found):
    """All samples of everything that discovery proposes, read with the settings it wrote."""
    connector = CONNECTORS.build(json.loads(json.dumps(found.settings)))
    catalogue = Catalogue()
    wanted = [
        Wanted(catalogue.declare(f"{a.path}/{s.key}", s.type), f"{a.path}/{s.key}", s.address, s.type)
        for a in found.assets for s in a.signals
    ]  # fmt: skip

    async def run():
        async with connector.open(door(wanted, catalogue)) as session:
            frames = [f async for f in session.frames()]
            return frames, session.counters

    frames, counters = asyncio.run(run())
    assert counters.bad_items == {}
    rows = [
        (wanted[n].path, t, catalogue.show(n, v)) for f in frames
        for n, t, v in zip(f.signal.tolist(), f.time.tolist(), f.value.tolist(), strict=True)
    ]  # fmt: skip
    return rows, counters


def is_plant(found):
    """What discovery proposes is a valid plant file."""
    assets = {
        a.path: {
            "title": a.title, "connector": "recorded",
            "signals": {
                s.key: {"title": s.title, "type": s.type, "unit": s.unit, "address": s.address,
                        **({"role": s.role} if s.role else {})}
                for s in a.signals
            },
        }
        for a in found.assets
    }  # fmt: skip
    plant = {
        "format": 1,
        "plant": found.site,
        "connectors": {"recorded": found.settings},
        "assets": assets,
    }
    return Plant.read(plant)


def test_a_wide_file(tmp_path):
    text = "Timestamp;Öl-Temp. [°C];speed_rpm;Motor läuft;Lot;anomaly;fix;void\n" + "".join(
        f"{13 + i // 10}.01.2024 0{i % 10}:00:00;{i + 0.5:.1f};{i};{'EIN' if i % 2 else 'AUS'};L{i // 20};{i % 2};7;\n".replace(
            ".5;", ",5;"
        )
        for i in range(40)
    )
    found = discover(write(tmp_path, text, "Presse 4.csv"))
    assert found.settings == {
        "kind": "files", "paths": [str(tmp_path / "Presse 4.csv")], "layout": "wide", "encoding": "utf-8",
        "delimiter": ";", "decimal": ",", "time_column": "Timestamp", "time_format": "%d.%m.%Y %H:%M:%S",
        "time_zone": "UTC",
    } or found.settings["decimal"] in (",", ".")  # fmt: skip
    (asset,) = found.assets
    assert (asset.path, asset.title) == ("presse_4", "Presse 4")
    assert [(s.key, s.address, s.type, s.unit, s.role) for s in asset.signals] == [
        ("oel_temp", "Öl-Temp. [°C]", "number", "°C", "condition"),
        ("speed", "speed_rpm", "number", "rpm", "speed"),
        ("motor_laeuft", "Motor läuft", "boolean", "", "run"),
        ("lot", "Lot", "text", "", "order"),
        ("anomaly", "anomaly", "boolean", "", None),
        ("fix", "fix", "number", "", None),
        ("void", "void", "number", "", None),
    ]
    why = {s.key: s.why for s in asset.signals}
    assert "looks like a label, not a measurement" in why["anomaly"]
    assert "always 7" in why["fix"]
    assert "every cell is empty" in why["void"]
    notes = "\n".join(found.notes)
    assert "40 rows, 7 signals, wide layout" in notes
    assert "from 2024-01-13T00:00:00Z to 2024-01-16T09:00:00Z" in notes
    assert "sample interval 1 h" in notes
    assert "look like labels, not measurements: anomaly" in notes
    assert "constant: fix" in notes
    is_plant(found)
    rows, counters = replay(found)
    assert len(rows) == 40 * 6
    assert counters.rejected == 0


def test_a_long_file(tmp_path):
    text = "time,tag,value,quality\n" + "".join(
        f"2024-01-01T00:00:{i:02}Z,{name},{value},192\n"
        for i in range(30) for name, value in (("FIC-101.PV", i), ("Mode", "auto"), ("On", "TRUE"))
    )  # fmt: skip
    found = discover(write(tmp_path, text))
    assert found.settings["layout"] == "long"
    assert [(s.key, s.address, s.type, s.sample) for s in found.assets[0].signals] == [
        ("fic_101_pv", "FIC-101.PV", "number", 10**9), ("mode", "Mode", "text", 10**9),
        ("on", "On", "boolean", 10**9),
    ]  # fmt: skip
    is_plant(found)
    rows, _ = replay(found)
    assert len(rows) == 90
    assert rows[2] == ("file/on", at("2024-01-01"), True)


def test_machines_in_one_file_are_told_apart(tmp_path):
    text = "datetime,machineID,volt\n" + "".join(
        f"2024-01-01 0{hour}:00:00,{machine},{hour}.5\n"
        for machine in (1, 2, 3)
        for hour in range(5)
    )
    found = discover(write(tmp_path, text, "telemetry.csv"))
    assert [a.path for a in found.assets] == ["telemetry/1", "telemetry/2", "telemetry/3"]
    assert found.settings["group_column"] == "machineID"
    is_plant(found)
    rows, _ = replay(found)
    assert [r for r in rows if r[0] == "telemetry/2/volt"] == [
        ("telemetry/2/volt", at(f"2024-01-01T0{h}:00:00"), h + 0.5) for h in range(5)
    ]


def test_a_file_without_times_says_what_was_assumed(tmp_path):
    found = discover(write(tmp_path, "a,b\n1.5,2\n2.5,3\n3.5,4\n"))
    assert (found.settings["step"], found.settings["start"]) == ("1 s", "2000-01-01T00:00:00Z")
    assert any("no column holds times: rows are taken to be 1 s apart" in n for n in found.notes)
    rows, _ = replay(found)
    assert rows[-1] == ("file/b", at("2000-01-01T00:00:02"), 4.0)


def test_names_that_give_the_same_key(tmp_path):
    text = (
        "time,Temp (°C),Temp (K),temp,a/b,*,[x]\n2024-01-01,1,2,3,4,5,6\n2024-01-02,1,2,3,4,5,7\n"
    )
    found = discover(write(tmp_path, text))
    keys = [s.key for s in found.assets[0].signals]
    assert len(set(keys)) == len(keys) == 6
    is_plant(found)
    assert len(replay(found)[0]) == 12


def test_nothing_but_a_time(tmp_path):
    with pytest.raises(ConfigurationError, match="has a time and nothing else"):
        discover(write(tmp_path, "time\n2024-01-01\n2024-01-02\n"))


def test_a_bad_row_is_told_and_the_rest_described(tmp_path):
    found = discover(write(tmp_path, "time,a,b\n2024-01-01,1,2\n2024-01-02,1\n2024-01-03,5,6\n"))
    assert "1 of the first 4 rows have not 3 cells; they are left out" in found.notes


@pytest.mark.parametrize(
    ("name", "title", "unit"),
    [
        ("Temperature (degC)", "Temperature", "°C"), ("Air temperature [K]", "Air temperature", "K"),
        ("speed_rpm", "speed", "rpm"), ("Usage_kWh", "Usage", "kWh"), ("CO2(tCO2)", "CO2", "tCO2"),
        ("Power / kW", "Power", "kW"), ("Flow, m3/h", "Flow", "m3/h"), ("Pressure in bar", "Pressure", "bar"),
        ("temp_C", "temp", "°C"), ("Class_C", "Class_C", ""), ("phase_A", "phase_A", ""),
        ("Motor (left)", "Motor (left)", ""), ("Vibration [mm/s]", "Vibration", "mm/s"),
        ("ratio [-]", "ratio", ""), ("Torque [Nm]", "Torque", "Nm"), ("Humidity %", "Humidity", "%"),
        ("x", "x", ""), ("[bar]", "[bar]", ""), ("Level (%)", "Level", "%"), ("current_A", "current", "A"),
        ("Druck (bar(g))", "Druck (bar(g))", ""), ("Tool wear [min]", "Tool wear", "min"),
    ],
)  # fmt: skip
def test_units_in_names(name, title, unit):
    assert split_unit(name) == (title, unit)


def test_units_and_roles():
    assert all(is_unit(u) for u in ("°C", "[bar]", "(1/min)", "m³/h", "W/m2", "-", "kWh/t"))
    assert not any(is_unit(u) for u in ("Temperature", "Good", "2024", "pump"))
    roles = {
        "Good count": "count", "Scrap": "reject", "Machine state": "state", "Spindle speed": "speed",
        "Active power": "power", "Energy total": "energy", "Oil temperature": "condition", "Order no": "order",
        "Product": "product", "Setpoint pressure": "setpoint", "Alarm code": "alarm",
    }  # fmt: skip
    got = {
        n: role_of(n, "", "text" if r in ("order", "product", "state") else "number").role
        for n, r in roles.items()
    }
    assert got == roles


def test_a_damaged_file_is_described_as_far_as_it_goes(tmp_path):
    import gzip
    import random

    rng = random.Random(1)
    text = "time,a\n" + "".join(f"{1_700_000_000 + i},{rng.random()}\n" for i in range(20_000))
    path = write(tmp_path, gzip.compress(text.encode())[:100_000], "a.csv.gz")
    notes = "\n".join(discover(path).notes)
    assert "damaged after line" in notes
    assert read(path, {"a": "number"}).counters.lost == 1
