"""Parquet files of every kind of column."""

# ruff: noqa: E501  # tables of data are read by line
from __future__ import annotations

from datetime import date, time
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from files_reading import at, read

T = [at("2024-02-01T00:00:00.123456789"), at("2024-07-01T00:00:01")]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
def test_timestamps_of_any_unit_and_zone(unit, zone, tmp_path):
    factor = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}[unit]
    ticks = [t // factor for t in T]
    times = pa.array(ticks, pa.int64()).cast(pa.timestamp(unit, zone))
    pq.write_table(pa.table({"when": times, "a": [1.5, 2.5]}), tmp_path / "a.parquet")
    got = read(tmp_path / "a.parquet", {"a": "number"})
    assert got.times("a") == [t * factor for t in ticks]
    local = read(tmp_path / "a.parquet", {"a": "number"}, time_zone="America/New_York")
    hours = [5, 4] if zone is None else [0, 0]
    assert local.times("a") == [
        t * factor + h * 3600 * 10**9 for t, h in zip(ticks, hours, strict=True)
    ]


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([1706745600, 1706745601]), ["2024-02-01", "2024-02-01T00:00:01"]),
        (pa.array([1706745600123, 1706745601000]), ["2024-02-01T00:00:00.123", "2024-02-01T00:00:01"]),
        (pa.array([1706745600123456789, 1706745601000000000]),
         ["2024-02-01T00:00:00.123456789", "2024-02-01T00:00:01"]),
        (pa.array([1706745600.5, 1706745601.0]), ["2024-02-01T00:00:00.5", "2024-02-01T00:00:01"]),
        (pa.array([0.0, 0.1]), ["2000-01-01", "2000-01-01T00:00:00.1"]),
        (pa.array([date(2024, 2, 1), date(2024, 2, 2)]), ["2024-02-01", "2024-02-02"]),
        (pa.array([time(23, 0), time(1, 0)]), ["2000-01-01T23:00", "2000-01-02T01:00"]),
        (pa.array(["2024-02-01 00:00:00", "2024-02-01 00:00:01"]), ["2024-02-01", "2024-02-01T00:00:01"]),
        (pa.array(["01.02.2024", "13.02.2024"]).dictionary_encode(), ["2024-02-01", "2024-02-13"]),
    ],
)  # fmt: skip
def test_other_times(column, expected, tmp_path):
    pq.write_table(pa.table({"time": column, "a": [1.5, 2.5]}), tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet", {"a": "number"}).times("a") == [at(e) for e in expected]


def test_columns_of_every_kind(tmp_path):
    table = pa.table({
        "time": pa.array(T, pa.timestamp("ns")),
        "f32": pa.array([1.5, None], pa.float32()), "i8": pa.array([1, 2], pa.int8()),
        "u64": pa.array([2**63, 1], pa.uint64()), "dec": pa.array([Decimal("1.25"), Decimal("2.50")]),
        "flag": pa.array([True, False]), "word": pa.array(["x", "y"]).dictionary_encode(),
        "large": pa.array(["p", None], pa.large_string()), "nan": [float("nan"), 2.0],
        "inf": [float("inf"), 2.0], "nested": pa.array([[1], [2]]), "void": pa.nulls(2),
        "code": pa.array([9007199254740993, 5]),
    })  # fmt: skip
    pq.write_table(table, tmp_path / "a.parquet")
    got = read(
        tmp_path / "a.parquet",
        {"f32": "number", "i8": "number", "u64": "number", "dec": "number", "flag": "boolean",
         "word": "text", "large": "text", "nan": "number", "inf": "number", "void": "number",
         "code": "text"},
    )  # fmt: skip
    assert [got.values(n) for n in ("f32", "i8", "u64", "dec", "flag", "word", "large", "nan")] == [
        [1.5], [1, 2], [2.0**63, 1], [1.25, 2.5], [True, False], ["x", "y"], ["p"], [2.0],
    ]  # fmt: skip
    assert got.values("void") == []
    assert got.values("code") == ["9007199254740993", "5"]
    assert got.qualities("inf")[0] < 0
    assert got.counters.notes["integers beyond 2^53, which a number rounds"] == 1


def test_row_groups_positions_and_chunks(tmp_path):
    n = 1000
    table = pa.table({"time": pa.array(np.arange(n) * 10**9, pa.timestamp("ns")), "a": np.arange(n) * 1.0,
                      "b": [None if i % 3 else f"t{i % 7}" for i in range(n)]})  # fmt: skip
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=64)
    signals = {"a": "number", "b": "text"}
    whole = read(tmp_path / "a.parquet", signals, rows=7)
    assert whole.values("a") == list(range(n))
    assert read(tmp_path / "a.parquet", signals, size=640).rows() == whole.rows()
    done = 0
    for frame in whole.frames:
        done += len(frame)
        if done % 10 < 3:
            rest = read(tmp_path / "a.parquet", signals, position=frame.position)
            assert rest.rows() == whole.rows()[done:]


def test_long_layout(tmp_path):
    table = pa.table({"ts": pa.array([T[0], T[0], T[1]], pa.timestamp("ns", "UTC")), "tag": ["x", "y", "x"],
                      "value": [1.0, 2.0, 3.0], "quality": pa.array([192, 192, 0], pa.int32())})  # fmt: skip
    pq.write_table(table, tmp_path / "a.parquet")
    got = read(tmp_path / "a.parquet", {"x": "number", "y": "number"})
    assert [(a, v, q < 0) for a, _, v, q in got.rows()] == [
        ("x", 1.0, False),
        ("y", 2.0, False),
        ("x", 3.0, True),
    ]
