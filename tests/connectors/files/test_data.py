# ruff: noqa: E501  # tables of data are read by line
"""Real files, checked against what pandas reads."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from files_reading import at, read
from test_discovery import discover, is_plant, replay
from tests.public import public_data

pytestmark = pytest.mark.data


def frame_of(path, **options):
    return pd.read_csv(path, float_precision="round_trip", **options)


def ns(times):
    return pd.to_datetime(times).astype("datetime64[ns]").astype("int64").tolist()


@pytest.mark.parametrize(
    "part", ["valve1/0.csv", "valve1/2.csv", "other/14.csv", "anomaly-free/anomaly-free.csv.gz"]
)
def test_skab(part):
    path = public_data() / "skab" / part
    table = frame_of(path, sep=";")
    signals = {c: "number" for c in table.columns if c != "datetime"}
    got = read(path, signals)
    assert got.counters.rejected == 0
    assert len(got.rows()) == table.shape[0] * (table.shape[1] - 1)
    for name in signals:
        assert got.values(name) == table[name].tolist()
        assert got.times(name) == ns(table["datetime"])


def test_all_of_skab_as_one_stream():
    got = read(public_data() / "skab" / "valve1" / "*.csv", {"Pressure": "number"})
    tables = [
        frame_of(p, sep=";")
        for p in sorted(
            (public_data() / "skab" / "valve1").glob("*.csv"), key=lambda p: int(p.stem)
        )
    ]
    assert got.values("Pressure") == pd.concat(tables)["Pressure"].tolist()


def test_nab():
    path = public_data() / "nab" / "ambient_temperature_system_failure.csv"
    table = frame_of(path)
    got = read(path, {"value": "number"})
    assert len(got.rows()) == 7_267
    assert got.values("value") == table["value"].tolist()
    assert got.times("value") == ns(table["timestamp"])


def test_steel_energy():
    path = public_data() / "steel_energy" / "steel_industry_data.csv.gz"
    table = frame_of(path)
    got = read(path, {"Usage_kWh": "number", "Load_Type": "text", "CO2(tCO2)": "number"})
    assert got.values("Usage_kWh") == table["Usage_kWh"].tolist()
    assert got.values("Load_Type") == table["Load_Type"].tolist()
    assert got.times("Usage_kWh") == ns(table["timestamp"])
    assert got.times("Usage_kWh")[-1] == at("2018-10-01")


def test_injection_molding():
    path = public_data() / "injection_molding" / "data.csv"
    table = frame_of(path, sep=";")
    got = read(
        path, dict.fromkeys(table.columns, "number"), step="75 s", start="2024-01-01T00:00:00Z"
    )
    assert len(got.rows()) == table.size
    assert got.values("Melt temperature") == table["Melt temperature"].tolist()
    assert got.times("quality")[-1] == at("2024-01-01") + (len(table) - 1) * 75 * 10**9


@pytest.mark.parametrize("number", ["01", "03", "17"])
def test_cnc_mill(number):
    path = public_data() / "cnc_mill_tool_wear" / f"experiment_{number}.csv.gz"
    table = frame_of(path, index_col=0)
    signals = {c: "number" for c in table.columns if table[c].dtype != object}
    got = read(path, {**signals, "Machining_Process": "text"}, step="100 ms")
    for name in ("X1_ActualPosition", "S1_OutputPower", "M1_CURRENT_FEEDRATE"):
        assert got.values(name) == table[name].tolist()
    assert got.values("Machining_Process") == table["Machining_Process"].tolist()
    assert len(got.rows()) == len(table) * (len(signals) + 1)


@pytest.mark.parametrize(
    ("part", "rows"), [("d01.dat.gz", 480), ("d00_te.dat.gz", 960), ("d00.dat.gz", 52)]
)
def test_tennessee_eastman(part, rows):
    path = public_data() / "tep" / part
    table = frame_of(path, sep=r"\s+", header=None)
    assert len(table) == rows
    got = read(path, {f"c{i + 1}": "number" for i in range(table.shape[1])}, step="3 min")
    assert len(got.rows()) == table.size
    assert np.array_equal(np.array(got.values("c7")), table[6].to_numpy())


@pytest.mark.parametrize("part", ["train_FD001", "test_FD003"])
def test_cmapss(part):
    path = public_data() / "cmapss" / f"{part}.txt.gz"
    table = frame_of(path, sep=r"\s+", header=None)
    got = read(path, {"c1": "number", "c2": "number", "c26": "number"}, step="1 h")
    assert got.values("c26") == table[25].tolist()
    assert got.values("c1") == table[0].tolist()


def test_secom_has_missing_cells():
    path = public_data() / "secom" / "secom_207.csv.gz"
    table = frame_of(path)
    signals = {c: "number" for c in table.columns if c.startswith("f")}
    got = read(path, signals)
    assert len(got.rows()) == int(table[list(signals)].notna().to_numpy().sum())
    assert got.values("f0") == table["f0"].dropna().tolist()
    assert got.times("f0") == ns(table.loc[table["f0"].notna(), "timestamp"])


def test_uniwear_is_several_machines():
    path = public_data() / "uniwear" / "uniwear.csv.gz"
    table = frame_of(path)
    found = discover(path)
    assert [a.title for a in found.assets] == table["experiment_tag"].unique().tolist()
    rows, _ = replay(found)
    part = table[table["experiment_tag"] == "c4"]
    assert [v for p, _, v in rows if p == "uniwear/c4/force_z"] == part["force_z"].tolist()


@pytest.mark.parametrize(
    "pattern",
    ["skab/*/*.csv", "nab/*.csv", "steel_energy/*.gz", "injection_molding/*.csv", "cnc_mill_tool_wear/*.gz",
     "tep/d0*.gz", "cmapss/*_FD001.txt.gz", "ai4i2020/*.csv", "secom/*.gz", "uniwear/*.gz", "production_log/*.csv",
     "steel_plates_faults/*.csv", "carparts/*.csv"],
)  # fmt: skip
def test_what_discovery_writes_down_reads_the_file(pattern):
    paths = sorted(public_data().glob(pattern))[:2]
    assert paths
    for path in paths:
        found = discover(path)
        is_plant(found)
        rows, counters = replay(found)
        assert len(rows) > 100
        assert counters.rejected == 0
