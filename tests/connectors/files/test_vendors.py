# ruff: noqa: E501  # tables of data are read by line
"""Exports of historians, loggers and panels as they look in the field."""

from __future__ import annotations

import pytest
from files_reading import at, read, write
from test_discovery import discover, is_plant, replay

from gemel.core.quality import BAD

N = range(20)
EXPORTS = {
    "PI DataLink": (
        "Tag,Timestamp,Value,Questionable\n"
        + "".join(f"SINUSOID,1/{13 + i}/2023 3:00:00 PM,{i}.5,False\n" for i in range(9))
        + "CDT158,1/15/2023 3:00:00 PM,I/O Timeout,False\n",
        "SINUSOID", [(at("2023-01-13T15:00:00"), 0.5), (at("2023-01-14T15:00:00"), 1.5)], 9,
    ),
    "Siemens panel": (
        '"VarName";"TimeString";"VarValue";"Validity";"Time_ms"\n'
        + "".join(f'"DB_Temp_{i % 2}";"20.03.2023 12:00:{i:02}";{20 + i},5;1;45008500{i:03},111\n' for i in N)
        + '"$RT_OFF$";"24.03.2023 12:00:10";0;2;45008500999\n',
        "DB_Temp_1", [(at("2023-03-20T12:00:01"), 21.5), (at("2023-03-20T12:00:03"), 23.5)], 10,
    ),
    "LabVIEW": (
        "LabVIEW Measurement\t\nSeparator\tTab\nDate\t2023/03/01\nTime\t10:00:00.123\n***End_of_Header***\t\n\t\n"
        "Channels\t2\t\t\nSamples\t3\t3\t\n***End_of_Header***\t\t\t\nX_Value\tVoltage_0\tVoltage_1\tComment\n"
        + "".join(f"{i / 10:.6f}\t{i}.5\t{i}.25\n" for i in N),
        "Voltage_1", [(at("2000-01-01"), 0.25), (at("2000-01-01T00:00:00.1"), 1.25)], 20,
    ),
    "InfluxDB": (
        "#group,false,false,true,true,false,false,true,true\n"
        "#datatype,string,long,dateTime:RFC3339,dateTime:RFC3339,dateTime:RFC3339,double,string,string\n"
        "#default,_result,,,,,,,\n,result,table,_start,_stop,_time,_value,_field,_measurement\n"
        + "".join(f",,0,2023-06-01T00:00:00Z,2023-06-02T00:00:00Z,2023-06-01T00:00:{i:02}.5Z,{i}.5,temp,machine\n" for i in N),
        "temp", [(at("2023-06-01T00:00:00.5"), 0.5)], 20,
    ),
    "Campbell TOA5": (
        '"TOA5","stn","CR1000","1","CR1000.Std.32","CPU:x.CR1","55","Tbl"\n"TIMESTAMP","RECORD","BattV_Min","AirTC_Avg"\n'
        '"TS","RN","Volts","Deg C"\n"","","Min","Avg"\n'
        + "".join(f'"2023-06-01 00:{i:02}:00",{i},12.5,"NAN"\n' for i in N),
        "BattV_Min", [(at("2023-06-01"), 12.5)], 20,
    ),
    "Grafana": (
        'sep=;\n"Series";"Time";"Value"\n'
        + "".join(f'"pump.flow";"2023-06-01T00:00:{i:02}+02:00";{i}.5\n' for i in N),
        "pump.flow", [(at("2023-05-31T22:00:00"), 0.5)], 20,
    ),
    "ThingSpeak": (
        "created_at,entry_id,field1,field2,status\n"
        + "".join(f"2023-06-01 00:00:{i:02} UTC,{i},{20 + i},,\n" for i in N),
        "field1", [(at("2023-06-01"), 20.0)], 20,
    ),
    "MTConnect sampler": (
        "timestamp,Xabs,Yabs,execution\n"
        + "".join(f"2023-06-01T00:00:{i:02}.123456Z,{i},UNAVAILABLE,{'ACTIVE' if i % 2 else 'READY'}\n" for i in N),
        "execution", [(at("2023-06-01T00:00:00.123456"), "READY")], 20,
    ),
    "fixed width": (
        "DATE       TIME      TEMP   PRES\n---------- -------- ------ ------\n"
        + "".join(f"2023-06-01 00:00:{i:02} {i:6.2f} {i * 2:6.2f}\n" for i in N),
        "PRES", [(at("2023-06-01"), 0.0), (at("2023-06-01T00:00:01"), 2.0)], 20,
    ),
    "psql": (
        "id|ts|sensor_id|value\n" + "".join(f"{i}|2023-06-01 00:00:{i:02}.000|{i % 2 + 100}|{i}.5\n" for i in N) + "(20 rows)\n",
        "101", [(at("2023-06-01T00:00:01"), 1.5)], 10,
    ),
    "simulator": (
        "Time,Signal\n" + "".join(f"{i * 1e-6:.6E},{i * 1e-3:.4E}\n" for i in N),
        "Signal", [(at("2000-01-01"), 0.0), (at("2000-01-01T00:00:00.000001"), 0.001)], 20,
    ),
    "Beijing air": (
        "No,year,month,day,hour,pm2.5,cbwd\n" + "".join(f"{i + 1},2010,1,1,{i},{'NA' if i < 5 else i},NW\n" for i in N),
        "pm2.5", [(at("2010-01-01T05:00"), 5.0)], 15,
    ),
    "zone words": (
        "time,a\n" + "".join(f"2023-06-01 00:00:{i:02} CEST,{i}\n" for i in N),
        "a", [(at("2023-05-31T22:00:00"), 0.0)], 20,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EXPORTS)
def test_exports_are_read_without_a_setting(name, tmp_path):
    text, address, expected, count = EXPORTS[name]
    found = discover(write(tmp_path, text))
    is_plant(found)
    by_address = {s.address: f"{a.path}/{s.key}" for a in found.assets for s in a.signals}
    rows, _ = replay(found)
    got = [(t, v) for path, t, v in rows if path == by_address[address]]
    assert got[: len(expected)] == expected
    assert len(got) == count


def test_qualities_beside_their_signals(tmp_path):
    text = "Timestamp;Tag1;Tag1 Quality;Tag2;Tag2 Quality\n" + "".join(
        f"13.06.2023 00:00:{i:02};{i},5;192;{i if i != 3 else ''};{192 if i != 3 else 0}\n"
        for i in N
    )
    path = write(tmp_path, text)
    assert [s.address for s in discover(path).assets[0].signals] == ["Tag1", "Tag2"]
    got = read(path, {"Tag1": "number", "Tag2": "number"})
    assert got.qualities("Tag1") == [0] * 20
    assert got.qualities("Tag2") == [BAD if i == 3 else 0 for i in N]
    assert got.values("Tag2")[3] is None
    assert read(path, {"Tag1 Quality": "number"}).values("Tag1 Quality") == [192.0] * 20


def test_a_time_that_is_not_understood_is_told(tmp_path):
    path = write(tmp_path, "timestamp,a\nbefore lunch,1\nafter lunch,2\n")
    assert any(
        "'timestamp' looks like a time, but 'before lunch'" in n for n in discover(path).notes
    )
