"""One row per value."""

# ruff: noqa: E501  # tables of data are read by line
from __future__ import annotations

import pytest
from files_reading import at, read, write

from gemel.core.quality import BAD, NO_COMMUNICATION, NOT_A_NUMBER, UNCERTAIN

T0, T1 = at("2024-01-01T00:00:00"), at("2024-01-01T00:00:01")
SIGNALS = {"pump/temp": "number", "pump/state": "text"}

TEXTS = {
    "plain": "time,tag,value\n2024-01-01 00:00:00,pump/temp,1.5\n2024-01-01 00:00:00,pump/state,run\n"
    "2024-01-01 00:00:01,pump/temp,2.5\n2024-01-01 00:00:01,other,7\n",
    "other words": "SensorName;Wert;Zeitstempel\npump/temp;1,5;01.01.2024 00:00:00\n"
    "pump/state;run;01.01.2024 00:00:00\npump/temp;2,5;01.01.2024 00:00:01\nother;7;13.01.2024 00:00:01\n",
    "no header": "2024-01-01 00:00:00,pump/temp,1.5\n2024-01-01 00:00:00,pump/temp,1.5\n"
    "2024-01-01 00:00:01,pump/temp,2.5\n2024-01-01 00:00:01,other,7\n",
}


@pytest.mark.parametrize("name", TEXTS)
def test_long_is_found_out(name, tmp_path):
    got = read(write(tmp_path, TEXTS[name]), SIGNALS)
    assert got.values("pump/temp")[-1] == 2.5
    assert got.times("pump/temp")[-1] == T1
    assert got.session.ignored() == ("other",)
    assert got.counters.rejected == 0
    if name != "no header":
        assert got.values("pump/state") == ["run"]
        assert got.counters.bad_items == {}


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        (["Good", "Bad", "Uncertain"], [0, BAD, UNCERTAIN]),
        (["192", "0", "64"], [0, BAD, UNCERTAIN]),
        (["192", "24", "216"], [0, NO_COMMUNICATION, 0]),
        (["0x00000000", "0x80000000", "0x40000000"], [0, BAD, UNCERTAIN]),
        (["0", "2147483648", "1073741824"], [0, BAD, UNCERTAIN]),
        (["1", "0", "1"], [0, BAD, 0]),
        (["GOOD", "Bad_NoCommunication", "Questionable"], [0, NO_COMMUNICATION, UNCERTAIN]),
        (["true", "false", "true"], [0, BAD, 0]),
        (["OK", "invalid", ""], [0, BAD, 0]),
    ],
)
def test_qualities(codes, expected, tmp_path):
    rows = "".join(f"2024-01-01 00:00:0{i},pump/temp,{i},{c}\n" for i, c in enumerate(codes))
    got = read(write(tmp_path, "timestamp,name,value,quality\n" + rows), {"pump/temp": "number"})
    assert got.qualities("pump/temp") == expected


def test_a_bad_sample_may_have_no_value(tmp_path):
    text = (
        "timestamp,name,value,quality\n2024-01-01 00:00:00,a,,Bad\n2024-01-01 00:00:01,a,,Good\n"
        "2024-01-01 00:00:02,a,,Uncertain\n2024-01-01 00:00:03,a,1,Good\n"
    )
    got = read(write(tmp_path, text), {"a": "number"})
    assert [(v, q) for _, _, v, q in got.rows()] == [(None, BAD), (None, NOT_A_NUMBER), (1.0, 0)]


def test_signals_of_every_type(tmp_path):
    text = (
        "time,signal,value\n2024-01-01 00:00:00,t,1.5\n2024-01-01 00:00:00,b,TRUE\n"
        "2024-01-01 00:00:00,e,Execute\n2024-01-01 00:00:00,x,Lot 7\n2024-01-01 00:00:01,t,oops\n"
        "2024-01-01 00:00:01,b,0\n2024-01-01 00:00:01,e,11\n2024-01-01 00:00:01,x,8\n"
    )
    got = read(
        write(tmp_path, text), {"t": "number", "b": "boolean", "e": "enumeration", "x": "text"},
        labels={"e": ((6, "Execute"), (11, "Held"))},
    )  # fmt: skip
    assert got.rows() == [
        ("t", T0, 1.5, 0), ("b", T0, True, 0), ("e", T0, "Execute", 0), ("x", T0, "Lot 7", 0),
        ("b", T1, False, 0), ("e", T1, "Held", 0), ("x", T1, "8", 0),
    ]  # fmt: skip
    assert got.counters.rejected == 1


def test_names_that_no_file_has_are_told_at_the_end(tmp_path):
    got = read(write(tmp_path, TEXTS["plain"]), {**SIGNALS, "pump/tmp": "number"})
    assert got.counters.bad_items == {
        "a/pump/tmp": "no column or signal 'pump/tmp'; did you mean 'pump/temp'?"
    }


def test_two_signals_of_one_name(tmp_path):
    got = read(write(tmp_path, TEXTS["plain"]), {"pump/temp": "number", "PUMP/TEMP": "text"})
    assert got.values("pump/temp") == [1.5, 2.5]
    assert got.values("PUMP/TEMP") == ["1.5", "2.5"]


def test_wide_tables_with_such_words_stay_wide(tmp_path):
    text = "timestamp,value\n2024-01-01 00:00:00,1\n2024-01-01 00:00:01,2\n"
    assert read(write(tmp_path, text), {"value": "number"}).values("value") == [1.0, 2.0]
    text = "time,name,value,temp,flow,speed\n" + "".join(
        f"2024-01-01 00:00:0{i},m1,{i},2.5,3.5,4.5\n" for i in range(5)
    )
    got = read(write(tmp_path, text), {"temp": "number"})
    assert got.values("temp") == [2.5] * 5
