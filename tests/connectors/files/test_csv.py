"""Small files of every bad kind, and the exact samples that must come out of them."""

# ruff: noqa: E501  # tables of data are read by line
from __future__ import annotations

import bz2
import gzip
import lzma

import pyarrow as pa
import pytest
from files_reading import at, read, write

from gemel.core.errors import ConfigurationError
from gemel.core.quality import NOT_A_NUMBER, TEXT_OVERFLOW

T0, T1, T2 = (at(f"2024-01-01T00:00:0{i}Z") for i in range(3))
A = {"a": "number"}
AB = {"a": "number", "b": "number"}

PLAIN = {
    "comma": "time,a,b\n2024-01-01 00:00:00,1.5,2\n2024-01-01 00:00:01,3,-4e1\n",
    "semicolon, decimal comma": "time;a;b\n2024-01-01 00:00:00;1,5;2\n2024-01-01 00:00:01;3;-4e1\n",
    "tab": "time\ta\tb\n2024-01-01 00:00:00\t1.5\t2\n2024-01-01 00:00:01\t3\t-4e1\n",
    "tab, decimal comma": "time\ta\tb\n2024-01-01 00:00:00\t1,5\t2\n2024-01-01 00:00:01\t3\t-40,0\n",
    "pipe": "time|a|b\n2024-01-01 00:00:00|1.5|2\n2024-01-01 00:00:01|3|-4e1\n",
    "markdown pipes": "| time | a | b |\n| 2024-01-01 00:00:00 | 1.5 | 2 |\n"
    "| 2024-01-01 00:00:01 | 3 | -4e1 |\n",
    "blanks": "time   a  b\n2024-01-01T00:00:00   1.5    2\n 2024-01-01T00:00:01 3   -4e1  \n",
    "comma and blank": "time, a, b\n2024-01-01 00:00:00, 1.5, 2\n2024-01-01 00:00:01, 3, -4e1\n",
    "quoted": '"time","a","b"\n"2024-01-01 00:00:00","1.5","2"\n"2024-01-01 00:00:01","3","-4e1"\n',
    "quoted decimal comma": '"time","a","b"\n"2024-01-01 00:00:00","1,5","2"\n'
    '"2024-01-01 00:00:01","3,25","-4e1"\n',
    "blank before the quote": 'time, "a", "b"\n2024-01-01 00:00:00, "1.5", "2"\n'
    '2024-01-01 00:00:01, "3", "-4e1"\n',
    "windows line ends": "time,a,b\r\n2024-01-01 00:00:00,1.5,2\r\n2024-01-01 00:00:01,3,-4e1\r\n",
    "old mac line ends": "time,a,b\r2024-01-01 00:00:00,1.5,2\r2024-01-01 00:00:01,3,-4e1\r",
    "doubled carriage returns": "time,a,b\r\r\n2024-01-01 00:00:00,1.5,2\r\r\n"
    "2024-01-01 00:00:01,3,-4e1\r\r\n",
    "no last line end": "time,a,b\n2024-01-01 00:00:00,1.5,2\n2024-01-01 00:00:01,3,-4e1",
    "empty lines": "\n\ntime,a,b\n\n2024-01-01 00:00:00,1.5,2\n\n\n2024-01-01 00:00:01,3,-4e1\n\n",
    "preamble": "Exported by HMI 4.2\nMachine: Press 4\n\ntime,a,b\n2024-01-01 00:00:00,1.5,2\n"
    "2024-01-01 00:00:01,3,-4e1\n",
    "preamble as wide as the table": "Machine,Press 4,x\nDate,2024-01-01,y\ntime,a,b\n"
    "2024-01-01 00:00:00,1.5,2\n2024-01-01 00:00:01,3,-4e1\n",
    "comments": "# exported by x, with commas, many\n# y\ntime,a,b\n2024-01-01 00:00:00,1.5,2\n"
    "# a break\n2024-01-01 00:00:01,3,-4e1\n",
    "header as a comment": "# time,a,b\n2024-01-01 00:00:00,1.5,2\n2024-01-01 00:00:01,3,-4e1\n",
    "header as a comment without blank": "#time,a,b\n2024-01-01 00:00:00,1.5,2\n"
    "2024-01-01 00:00:01,3,-4e1\n",
    "excel hint": "sep=;\ntime;a;b\n2024-01-01 00:00:00;1.5;2\n2024-01-01 00:00:01;3;-4e1\n",
    "row of units": "time,a,b\n,[bar],°C\n2024-01-01 00:00:00,1.5,2\n2024-01-01 00:00:01,3,-4e1\n",
    "row of units with time": "time,a,b\n[s],kW,%\n2024-01-01 00:00:00,1.5,2\n"
    "2024-01-01 00:00:01,3,-4e1\n",
    "units and kinds (TOA5)": '"TOA5","CR1000","CR1000","1234"\n"time","a","b"\n"TS","Volts","Deg C"\n'
    '"","Avg","Smp"\n"2024-01-01 00:00:00",1.5,2\n"2024-01-01 00:00:01",3,-4e1\n',
    "trailing delimiter": "time,a,b,\n2024-01-01 00:00:00,1.5,2,\n2024-01-01 00:00:01,3,-4e1,\n",
    "trailing delimiter in data": "time,a,b\n2024-01-01 00:00:00,1.5,2,\n2024-01-01 00:00:01,3,-4e1,\n",
    "row names of R": '"time" "a" "b"\n"1" 2024-01-01T00:00:00 1.5 2\n"2" 2024-01-01T00:00:01 3 -4e1\n',
    "index of pandas": ",time,a,b\n0,2024-01-01 00:00:00,1.5,2\n1,2024-01-01 00:00:01,3,-4e1\n",
    "footer": "time,a,b\n2024-01-01 00:00:00,1.5,2\n2024-01-01 00:00:01,3,-4e1\n(2 rows affected)\n",
    "line break in the header": 'time,"a\n[bar]",b\n2024-01-01 00:00:00,1.5,2\n'
    "2024-01-01 00:00:01,3,-4e1\n",
    "units in the header": "time,a [bar],b (degC)\n2024-01-01 00:00:00,1.5,2\n"
    "2024-01-01 00:00:01,3,-4e1\n",
    "units in the cells": "time,a,b\n2024-01-01 00:00:00,1.5 kW,2\n2024-01-01 00:00:01,3 kW,-4e1\n",
    "header again": "time,a,b\n2024-01-01 00:00:00,1.5,2\ntime,a,b\n2024-01-01 00:00:01,3,-4e1\n",
    "zero bytes": "time,a,b\n2024-01-01 00:00:00,1.5,2\n2024-01-01 00:00:01,3\0\0,-4e1\n",
    "date and time": "Date,Time,a,b\n2024-01-01,00:00:00,1.5,2\n2024-01-01,00:00:01,3,-4e1\n",
    "parts of a date": "year,month,day,hour,minute,second,a,b\n2024,1,1,0,0,0,1.5,2\n2024,1,1,0,0,1,3,-4e1\n",
    "reverse columns": "b,a,time\n2,1.5,2024-01-01 00:00:00\n-4e1,3,2024-01-01 00:00:01\n",
}


@pytest.mark.parametrize("name", PLAIN)
def test_the_same_table_in_many_dialects(name, tmp_path):
    got = read(write(tmp_path, PLAIN[name]), AB)
    second = 3.25 if name == "quoted decimal comma" else 3.0
    assert sorted(got.rows(), key=lambda r: (r[1], r[0])) == [
        ("a", T0, 1.5, 0), ("b", T0, 2.0, 0), ("a", T1, second, 0), ("b", T1, -40.0, 0),
    ]  # fmt: skip
    assert got.counters.bad_items == {}
    assert got.counters.received == 4 + got.counters.rejected
    assert got.counters.rejected == (1 if name == "footer" else 0)


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252"],
)
def test_encodings(encoding, tmp_path):
    text = "Zeit;Öltemperatur (°C);b\n01.02.2024 00:00:00;1,5;grün\n13.02.2024 00:00:00;2,5;heiß\n"
    got = read(write(tmp_path, text.encode(encoding)), {"Öltemperatur (°C)": "number", "b": "text"})
    assert got.values("Öltemperatur (°C)") == [1.5, 2.5]
    assert got.values("b") == ["grün", "heiß"]
    assert got.times("b") == [at("2024-02-01"), at("2024-02-13")]


def test_a_line_of_another_encoding_in_a_utf8_file(tmp_path):
    body = "".join(f"2024-01-01 00:00:{i:02},{i},ä\n" for i in range(60))
    filler = "".join(f"2024-01-01 01:{i // 60 % 60:02}:{i % 60:02},{i},ok\n" for i in range(60_000))
    data = ("time,a,b\n" + body + filler).encode() + b"2024-01-03 00:00:00,7,hei\xdf\n"
    got = read(write(tmp_path, data), {"b": "text"})
    assert got.values("b")[0] == "ä"
    assert got.values("b")[-1] == "heiß"


@pytest.mark.parametrize(
    ("ending", "compress"),
    [
        (".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress),
        (".zst", lambda b: pa.compress(b, "zstd", asbytes=True)), ("", gzip.compress),
    ],
)  # fmt: skip
def test_compression_is_told_by_content(ending, compress, tmp_path):
    path = write(tmp_path, compress(PLAIN["comma"].encode()), f"file.csv{ending}")
    assert read(path, A).values("a") == [1.5, 3.0]


def test_cut_compressed_file_gives_what_is_readable(tmp_path):
    import random

    rng = random.Random(1)
    text = "time,a\n" + "".join(f"{1_700_000_000 + i},{rng.random()}\n" for i in range(50_000))
    whole = gzip.compress(text.encode())
    got = read(write(tmp_path, whole[: len(whole) // 2], "file.csv.gz"), A)
    assert 20_000 < len(got.values("a")) < 30_000
    assert got.counters.lost == 1
    assert "end or are damaged after line" in next(iter(got.counters.reasons))


@pytest.mark.parametrize(
    "word",
    ["", "NA", "NaN", "nan", "null", "NULL", "-", "--", "Bad", "bad", "#N/A", "***", "N/A", "None", "n/a",
     "I/O Timeout", "Bad Input", "No Data", "#DIV/0!", "?", "-nan(ind)", "1.#QNAN", "<NA>", "NaT", "."],
)  # fmt: skip
def test_missing_words_are_no_samples(word, tmp_path):
    text = f"time,a,b\n2024-01-01 00:00:00,{word},1\n2024-01-01 00:00:01,2,{word}\n2024-01-01 00:00:02,3,3\n"
    got = read(write(tmp_path, text), AB)
    assert got.rows() == [
        ("b", T0, 1.0, 0),
        ("a", T1, 2.0, 0),
        ("a", T2, 3.0, 0),
        ("b", T2, 3.0, 0),
    ]
    assert got.counters.rejected == 0
    kept = read(write(tmp_path, text), AB, missing="bad")
    assert kept.rows()[0] == ("a", T0, None, NOT_A_NUMBER)
    assert len(kept.rows()) == 6


def test_own_missing_words(tmp_path):
    text = "time,a\n2024-01-01 00:00:00,-9999\n2024-01-01 00:00:01,gone\n2024-01-01 00:00:02,3\n"
    assert read(write(tmp_path, text), A, missing_words=["-9999", "gone"]).values("a") == [3.0]


def test_infinity_is_a_sample_of_bad_quality(tmp_path):
    text = "time,a\n2024-01-01 00:00:00,inf\n2024-01-01 00:00:01,-Infinity\n2024-01-01 00:00:02,3\n"
    got = read(write(tmp_path, text), A)
    assert got.qualities("a") == [NOT_A_NUMBER, NOT_A_NUMBER, 0]


def test_text_among_numbers_costs_only_its_cell(tmp_path):
    text = (
        "time,a,b\n2024-01-01 00:00:00,1,1\n2024-01-01 00:00:01,broken,2\n2024-01-01 00:00:02,3,3\n"
        "2024-01-01 00:00:03,worn,4\n"
    )
    got = read(write(tmp_path, text), AB)
    assert got.values("a") == [1.0, 3.0]
    assert got.values("b") == [1.0, 2.0, 3.0, 4.0]
    assert got.counters.reasons == {
        "column 'a': text where a number is wanted (first: 'broken', file.csv from line 2)": 2
    }
    assert got.counters.received == 8
    assert got.counters.rejected == 2


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1.234,5", "12.345.678,25", "0,5"], [1234.5, 12345678.25, 0.5]),
        (["1 234,5", "12 345 678,25", "0,5"], [1234.5, 12345678.25, 0.5]),
        (["1'234.5", "12'345'678.25", "0.5"], [1234.5, 12345678.25, 0.5]),
        (["1\u00a0234,5", "2,0", "0,5"], [1234.5, 2.0, 0.5]),
        (["1,234.5", "12,345,678.25", "0.5"], [1234.5, 12345678.25, 0.5]),
        (["1.5E+03", "2e-3", "+.5"], [1500.0, 0.002, 0.5]),
        (["1.5D+03", "2d-3", "5."], [1500.0, 0.002, 5.0]),
        (["−1,5", "2,5", "3,5"], [-1.5, 2.5, 3.5]),
        (["45 %", "5.5 %", "7%"], [45.0, 5.5, 7.0]),
    ],
)  # fmt: skip
def test_numbers_of_every_country(cells, values, tmp_path):
    rows = [f"2024-01-01 00:00:0{i};{cell}" for i, cell in enumerate(cells)]
    got = read(write(tmp_path, "time;a\n" + "\n".join(rows) + "\n"), A)
    assert got.values("a") == values
    assert got.counters.rejected == 0


def test_thousands_quoted_between_commas(tmp_path):
    text = 'time,a\n2024-01-01 00:00:00,"1,234"\n2024-01-01 00:00:01,"2,345.5"\n2024-01-01 00:00:02,"12,000"\n'
    assert read(write(tmp_path, text), A).values("a") == [1234.0, 2345.5, 12000.0]


def test_truth_and_labels(tmp_path):
    text = (
        "time,on,state,run\n2024-01-01 00:00:00,TRUE,Execute,1\n2024-01-01 00:00:01,off,held,0\n"
        "2024-01-01 00:00:02,Yes,6,1\n"
    )
    got = read(
        write(tmp_path, text), {"on": "boolean", "state": "enumeration", "run": "boolean"},
        labels={"state": ((6, "Execute"), (11, "Held"))},
    )  # fmt: skip
    assert got.values("on") == [True, False, True]
    assert got.values("state") == ["Execute", "Held", "Execute"]
    assert got.values("run") == [True, False, True]


def test_texts_and_large_integers(tmp_path):
    text = (
        'time,lot,serial\n2024-01-01 00:00:00,"A, 1",9007199254740993\n'
        "2024-01-01 00:00:01,,12345678901234567890\n2024-01-01 00:00:02,Bad,1\n"
    )
    got = read(write(tmp_path, text), {"lot": "text", "serial": "text"})
    assert got.values("lot") == ["A, 1", "Bad"]
    assert got.values("serial") == ["9007199254740993", "12345678901234567890", "1"]


def test_text_that_does_not_fit_is_bad_with_the_reason(tmp_path):
    text = f"time,a\n2024-01-01 00:00:00,{'x' * 2000}\n2024-01-01 00:00:01,y\n"
    got = read(write(tmp_path, text), {"a": "text"})
    assert got.qualities("a") == [TEXT_OVERFLOW, 0]


def test_line_breaks_and_quotes_in_cells(tmp_path):
    text = 'time,a,b\n2024-01-01 00:00:00,1,"two\nlines"\n2024-01-01 00:00:01,2,"say ""hi"""\n'
    got = read(write(tmp_path, text), {"a": "number", "b": "text"})
    assert got.values("b") == ["two\nlines", 'say "hi"']
    assert got.values("a") == [1.0, 2.0]


def test_stray_quotes_cost_their_line_only(tmp_path):
    lines = [f'2024-01-01 00:00:{i:02},{i},"ok"' for i in range(40)]
    lines[7] = '2024-01-01 00:00:07,7,"never closed'
    lines[9] = '2024-01-01 00:00:09,9,5" pipe'
    got = read(
        write(tmp_path, "time,a,b\n" + "\n".join(lines) + "\n"), {"a": "number", "b": "text"}
    )
    assert got.values("a") == [float(i) for i in range(40) if i != 7]
    assert '5" pipe' in got.values("b")
    assert got.counters.reasons == {"a quote is never closed (first: file.csv line 9)": 1}


def test_ragged_rows_are_isolated(tmp_path):
    lines = [f"2024-01-01 00:00:{i:02},{i},{i}" for i in range(20)]
    lines[3] = "2024-01-01 00:00:03,3"
    lines[5] = "2024-01-01 00:00:05,5,5,5,5"
    lines[6] = "2024-01-01 00:00:06,6,6,,"
    lines[8] = ",,"
    lines[9] = ",9,9"
    lines[10] = "not a time,10,10"
    lines[12] = "2024-01-01 00:00:12"
    got = read(write(tmp_path, "time,a,b\n" + "\n".join(lines) + "\n"), AB)
    assert got.values("a") == [float(i) for i in range(20) if i not in (3, 5, 8, 9, 10, 12)]
    assert got.counters.reasons == {
        "row has 2 cells, not 3 (first: file.csv line 5)": 1,
        "row has 5 cells, not 3 (first: file.csv line 7)": 1,
        "row has 1 cell, not 3 (first: file.csv line 14)": 1,
        "row has no time (first: file.csv line 11)": 1,
        "time is not understood (first: 'not a time', file.csv line 12)": 1,
    }
    assert got.counters.notes["empty rows"] == 1


def test_duplicate_names_are_numbered(tmp_path):
    text = "time,a,a,a\n2024-01-01 00:00:00,1,2,3\n2024-01-01 00:00:01,4,5,6\n"
    got = read(write(tmp_path, text), {"a": "number", "a_2": "number", "a_3": "number"})
    assert [got.values(n) for n in ("a", "a_2", "a_3")] == [[1, 4], [2, 5], [3, 6]]


def test_no_header(tmp_path):
    text = "2024-01-01 00:00:00,1,2\n2024-01-01 00:00:01,3,4\n"
    got = read(write(tmp_path, text), {"c2": "number", "c3": "number"})
    assert got.rows()[0] == ("c2", T0, 1.0, 0)
    assert len(got.rows()) == 4


def test_header_of_numbers(tmp_path):
    text = ",0,1,2\n0,1.5,2.5,3.5\n1,4.5,5.5,6.5\n"
    assert read(write(tmp_path, text), {"1": "number"}, step="1 s").values("1") == [2.5, 5.5]


def test_one_column(tmp_path):
    assert read(write(tmp_path, "112\n98\n69\n"), {"c1": "number"}, step="1 s").values("c1") == [
        112,
        98,
        69,
    ]
    assert read(write(tmp_path, "level\n1.5\n2.5\n"), {"level": "number"}, step="1 s").values(
        "level"
    ) == [1.5, 2.5]


def test_addresses_are_generous_and_missing_ones_are_told(tmp_path):
    text = "time,Oil Temp [°C],b\n2024-01-01 00:00:00,1,2\n"
    got = read(
        write(tmp_path, text),
        {"oil temp": "number", "press/oil_temp": "number", "Oil Tmp": "number", "b": "number"},
    )
    assert got.values("oil temp") == got.values("press/oil_temp") == [1.0]
    assert list(got.counters.bad_items) == ["a/Oil Tmp"]
    assert "did you mean 'Oil Temp [°C]'?" in got.counters.bad_items["a/Oil Tmp"]


def test_columns_that_nobody_wants_are_told_and_not_rejected(tmp_path):
    got = read(write(tmp_path, PLAIN["comma"]), A)
    assert got.session.ignored() == ("b",)
    assert got.counters.rejected == 0
    assert got.counters.notes == {"columns that no signal reads": 1}


def test_a_column_may_feed_several_signals(tmp_path):
    got = read(write(tmp_path, PLAIN["comma"]), {"a": "number", "A": "text"})
    assert got.values("a") == [1.5, 3.0]
    assert got.values("A") == ["1.5", "3"]


def test_groups_share_a_file(tmp_path):
    text = (
        "time,machine,a,b\n2024-01-01 00:00:00,M1,1,2\n2024-01-01 00:00:00,M2,3,4\n"
        "2024-01-01 00:00:01,M1,5,6\n2024-01-01 00:00:01,M2,7,8\n"
    )
    got = read(
        write(tmp_path, text), {"M1/a": "number", "M2/a": "number", "M2/b": "number"},
        group_column="machine",
    )  # fmt: skip
    assert got.rows() == [
        ("M1/a", T0, 1.0, 0), ("M2/a", T0, 3.0, 0), ("M2/b", T0, 4.0, 0),
        ("M1/a", T1, 5.0, 0), ("M2/a", T1, 7.0, 0), ("M2/b", T1, 8.0, 0),
    ]  # fmt: skip


ERRORS = {
    "an empty file": (b"", "is empty"),
    "only blank lines": (b"\n\n \n", "no rows|not a table"),
    "an image": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "is a PNG image"),
    "a workbook": (b"PK\x03\x04" + bytes(100), "is an Excel workbook"),
    "binary": (bytes(range(256)) * 20, "is a binary file"),
    "only a header": (b"time,a,b\n", "has a header .* but no data"),
    "only comments": (b"# a\n# b\n", "no rows|no data|not a table"),
    "prose": (b"The quick brown fox jumps over the lazy dog.\nIt does so, always.\nWhy?\n", "is not a table"),
    "JSON": (b'{"a": [1, 2, 3],\n "b": 4}\n', "is JSON"),
    "XML": (b"<?xml version='1.0'?><a/>", "is an XML"),
    "no time": (b"a,b\n1.5,2.5\n2.5,3.5\n", "no column holds times; .*step"),
    "damaged Parquet": (b"PAR1" + bytes(100), "damaged Parquet"),
    "cut gzip": (b"\x1f\x8b\x08\x00", "cannot be read|is empty"),
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_what_is_no_table_is_told(name, tmp_path):
    data, message = ERRORS[name]
    path = write(tmp_path, data)
    with pytest.raises(ConfigurationError, match=message) as caught:
        read(path, A)
    assert str(path) in str(caught.value)
    assert "Traceback" not in str(caught.value)


def test_files_that_are_not_there(tmp_path):
    write(tmp_path, PLAIN["comma"], "press.csv")
    with pytest.raises(ConfigurationError, match=r"did you mean 'press\.csv'"):
        read(tmp_path / "pres.csv", A)
    with pytest.raises(ConfigurationError, match=r"is a folder; it has press\.csv"):
        read(tmp_path, A)
    with pytest.raises(ConfigurationError, match="there is no folder"):
        read(tmp_path / "none" / "pres.csv", A)
    with pytest.raises(ConfigurationError, match="no file matches"):
        read(tmp_path / "*.txt", A)
    with pytest.raises(ConfigurationError, match="no column 'tme'; did you mean 'time'"):
        read(tmp_path / "press.csv", A, time_column="tme")
    with pytest.raises(ConfigurationError, match="time_format 'isoo' is not known"):
        read(tmp_path / "press.csv", A, time_format="isoo")
    with pytest.raises(ConfigurationError, match="holds no times that are understood"):
        read(write(tmp_path, "time,a\nx,1\ny,2\n"), A, time_column="time")


def test_settings_win_over_guesses(tmp_path):
    path = write(tmp_path, "a;b\n1,5;01/02/2024\n2,5;03/04/2024\n")
    got = read(path, A, time_column="b", time_format="%m/%d/%Y", decimal=",", delimiter=";")
    assert got.times("a") == [at("2024-01-02"), at("2024-03-04")]
