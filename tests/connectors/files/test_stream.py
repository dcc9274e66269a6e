"""Positions, chunks, several files, pacing, memory."""

# ruff: noqa: E501  # tables of data are read by line
from __future__ import annotations

import asyncio
import csv
import io
import itertools
import json
import multiprocessing
import random
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from files_reading import at, door, read, write
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gemel.core.catalogue import Catalogue
from gemel.core.time import SECOND
from gemel.parts.connectors.base import Wanted
from gemel.parts.connectors.files import Files

SIGNALS = {"a": "number", "b": "number", "c": "text"}
TEXT = "time,a,b,c\n" + "".join(
    f"2024-01-01 00:00:{i:02},{i if i % 4 else ''},{i / 2},{'abc'[i % 3]}\n"
    + ("\n" if i % 7 == 0 else "") + ("1,2\n" if i % 11 == 5 else "")
    + ('2024-01-02 00:00:00,1,2,"two\nlines"\n' if i % 13 == 0 else "")
    for i in range(30)
)  # fmt: skip
LONG = "time,name,value,quality\n" + "".join(
    f"2024-01-01 00:00:{i:02},{'abc'[i % 3]},{i},{'Good' if i % 5 else 'Bad'}\n" for i in range(30)
)
QUOTES = "time,a,b,c\n" + "".join(
    f"2024-01-01 00:00:{i:02},{i},{i},{random.Random(i).choice(['x', chr(34) + 'x', 'x' + chr(34), chr(34) + 'x' + chr(34)])}\n"
    for i in range(30)
)
FILES = {
    "wide": TEXT, "long": LONG, "quotes": QUOTES, "carriage returns": TEXT.replace("\n", "\r\n"),
    "blanks": "".join(f" {i}   {i * 2}\n" for i in range(30)),
    "utf-16": TEXT.encode("utf-16"), "latin-1": TEXT.replace("c\n", "é\n", 5).encode("latin-1"),
}  # fmt: skip


def options(name):
    if name == "blanks":
        return {"c1": "number", "c2": "number"}, {"step": "1 s"}
    return SIGNALS, {}


@pytest.mark.parametrize("name", FILES)
def test_resuming_behind_every_row_loses_and_repeats_nothing(name, tmp_path):
    path = write(tmp_path, FILES[name])
    signals, more = options(name)
    catalogue = Catalogue()
    whole = read(path, signals, catalogue=catalogue, rows=1, **more)
    assert len(whole.frames) > 20
    done = 0
    for frame in whole.frames:
        done += len(frame)
        if frame.position is None:
            continue
        rest = read(path, signals, catalogue=catalogue, position=frame.position, **more)
        assert rest.rows() == whole.rows()[done:]


@pytest.mark.parametrize("name", FILES)
def test_chunks_never_change_the_result(name, tmp_path):
    path = write(tmp_path, FILES[name])
    signals, more = options(name)
    whole = read(path, signals, **more)
    for size in (1, 7, 31, 64, 300, 1000):
        again = read(path, signals, size=size, **more)
        assert again.rows() == whole.rows()
        assert again.counters.rejected == whole.counters.rejected
        assert sum(again.counters.reasons.values()) == sum(whole.counters.reasons.values())
    for rows in (1, 2, 5, 100):
        again = read(path, signals, rows=rows, **more)
        assert again.rows() == whole.rows()
        assert max(len(f) for f in again.frames) <= rows


CELL = st.one_of(
    st.integers(-(10**9), 10**9).map(str),
    st.floats(allow_nan=False, allow_infinity=False, width=64).map(repr),
    st.just(""),
)
WORD = st.text(alphabet="abcäß ,;\t|\"'\n.x", max_size=8)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@example(
    rows=[("0", "", ""), ("0", "", ""), ("", "", '| "')],
    delimiter="|",
    comma=False,
    crlf=False,
    quoting=csv.QUOTE_MINIMAL,
    encoding="utf-8",
    size=50,
)  # a blank before a quote that is content
@given(
    rows=st.lists(st.tuples(CELL, CELL, WORD), min_size=3, max_size=30),
    delimiter=st.sampled_from(",;\t|"), comma=st.booleans(), crlf=st.booleans(),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]), size=st.sampled_from([50, 4 << 20]),
)  # fmt: skip
def test_what_the_csv_module_writes_comes_back(
    rows, delimiter, comma, crlf, quoting, encoding, size, tmp_path
):
    comma = comma and delimiter != ","
    text = io.StringIO()
    writer = csv.writer(
        text, delimiter=delimiter, quoting=quoting, lineterminator="\r\n" if crlf else "\n"
    )
    writer.writerow(["timestamp", "a", "b", "word"])
    fixed = [("1.5", "2.5", "w")] * 3  # enough to tell the decimal mark
    for i, (a, b, word) in enumerate([*fixed, *rows]):
        cells = [c.replace(".", ",") if comma else c for c in (a, b)]
        writer.writerow([f"2024-01-01T00:00:{i:02}.5", *cells, word])
    path = write(tmp_path, text.getvalue().encode(encoding))
    got = read(path, {"a": "number", "b": "number", "word": "text"}, size=size)
    expected = []
    for i, (a, b, word) in enumerate([*fixed, *rows]):
        time = at("2024-01-01T00:00:00.5") + i * SECOND
        expected += [(n, time, float(v), 0) for n, v in (("a", a), ("b", b)) if v]
        if word.strip():
            expected.append(("word", time, word.strip(), 0))
    assert got.rows() == expected
    assert got.counters.rejected == 0


def test_a_file_that_grew_is_read_on(tmp_path):
    path = write(tmp_path, "time,a\n2024-01-01 00:00:00,1\n2024-01-01 00:00:01,2\n")
    first = read(path, {"a": "number"})
    path.write_text(path.read_text() + "2024-01-01 00:00:02,3\n")
    assert read(path, {"a": "number"}, position=first.frames[-1].position).values("a") == [3.0]


def test_a_replaced_file_is_read_from_the_start(tmp_path):
    path = write(tmp_path, "time,a\n2024-01-01 00:00:00,1\n2024-01-01 00:00:01,2\n")
    first = read(path, {"a": "number"})
    path.write_text("time,a\n2025-01-01 00:00:00,7\n2025-01-01 00:00:01,8\n2025-01-01 00:00:02,9\n")
    again = read(path, {"a": "number"}, position=first.frames[-1].position)
    assert again.values("a") == [7.0, 8.0, 9.0]
    assert "'file.csv' was replaced; it is read from the start" in again.counters.notes


def test_positions_name_file_and_row(tmp_path):
    path = write(tmp_path, "time,a\n2024-01-01 00:00:00,1\n2024-01-01 00:00:01,2\n")
    position = json.loads(read(path, {"a": "number"}, rows=1).frames[0].position)
    assert (position["file"], position["row"], position["line"]) == (path.as_posix(), 1, 2)
    odd = read(path, {"a": "number"}, position="not ours")
    assert odd.values("a") == [1.0, 2.0]


def test_several_files_in_natural_order(tmp_path):
    for number in (10, 2, 1):
        write(
            tmp_path,
            f"time,a,x{number}\n2024-01-{number:02} 00:00:00,{number},{number}\n",
            f"run{number}.csv",
        )
    got = read(tmp_path / "run*.csv", {"a": "number", "x2": "number", "x3": "number"})
    assert got.values("a") == [1.0, 2.0, 10.0]
    assert got.values("x2") == [2.0]
    assert list(got.counters.bad_items) == ["a/x3"]
    for done, frame in enumerate(got.frames, 1):
        rest = read(tmp_path / "run*.csv", {"a": "number"}, position=frame.position)
        assert rest.values("a") == [1.0, 2.0, 10.0][done:]


def test_frames_are_of_files_and_bounded(tmp_path):
    n, width = 2_000, 40
    head = ",".join(f"s{i}" for i in range(width))
    body = "".join(f"{1_700_000_000 + i}," + ",".join(["1.5"] * width) + "\n" for i in range(n))
    got = read(write(tmp_path, f"time,{head}\n{body}"), {f"s{i}": "number" for i in range(width)})
    assert sum(map(len, got.frames)) == n * width
    assert max(map(len, got.frames)) <= 65_536
    assert {(f.received, f.source) for f in got.frames} == {(0, "files")}
    assert [f.signal[0] for f in got.frames] == [0] * len(got.frames)
    got = read(
        write(tmp_path, f"time,{head}\n{body}"), {f"s{i}": "number" for i in range(width)}, rows=7
    )
    assert max(map(len, got.frames)) == 7


async def test_pace_follows_the_recorded_times(tmp_path, monkeypatch):
    path = write(
        tmp_path, "time,a\n" + "".join(f"2024-01-01 00:00:{i:02},{i}\n" for i in range(0, 40, 10))
    )
    now = [5 * SECOND]
    slept = []
    me, real_sleep = asyncio.current_task(), asyncio.sleep

    async def sleep(seconds):
        if asyncio.current_task() is not me:
            await real_sleep(seconds)
            return
        slept.append(seconds)
        now[0] += int(seconds * SECOND)

    monkeypatch.setattr("gemel.parts.connectors.files.session.asyncio.sleep", sleep)
    catalogue = Catalogue()
    wanted = [Wanted(catalogue.declare("a"), "a", "a")]
    arrived = []
    async with Files.read({"paths": [str(path)], "speed": 4}).open(
        door(wanted, catalogue, clock=lambda: now[0])
    ) as session:
        async for frame in session.frames():
            arrived += [(now[0] / SECOND - 5, frame.value.tolist())]
    assert arrived == [(0.0, [0.0]), (2.5, [10.0]), (5.0, [20.0]), (7.5, [30.0])]
    assert max(slept) <= 1.0


async def test_closing_early_leaves_nothing_open(tmp_path):
    path = write(tmp_path, TEXT * 1)
    catalogue = Catalogue()
    wanted = [Wanted(catalogue.declare("a"), "a", "a")]
    async with Files.read({"paths": [str(path)]}).open(door(wanted, catalogue)) as session:
        stream = session.frames()
        await anext(stream)
        await stream.aclose()
        await session.committed("x")
        assert not (await session.send(None)).accepted
        assert [f async for f in session.history(0, 1)] == []
    assert not [t for t in asyncio.all_tasks() if t.get_name() == "read file"]
    if sys.platform == "linux":
        assert str(path) not in await asyncio.to_thread(open_files)


def open_files():
    return {str(f.readlink()) for f in Path("/proc/self/fd").iterdir() if f.is_symlink()}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_is_bounded(tmp_path):
    """In a process of its own: what other tests leave behind is not counted."""
    path = tmp_path / "big.csv"
    line = ",".join(["12.345678"] * 20)
    with path.open("w") as file:
        file.write("time," + ",".join(f"s{i}" for i in range(20)) + "\n")
        for start in range(0, 120_000, 1000):
            file.write("".join(f"{1_700_000_000 + i},{line}\n" for i in range(start, start + 1000)))
    assert path.stat().st_size > 24_000_000
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        rows, more = pool.submit(rows_and_growth, str(path)).result()
    assert rows == 2_400_000
    assert more < 64_000_000


def rows_and_growth(path: str) -> tuple[int, int]:
    """Values of a file, and by how many bytes reading it made the process larger."""
    catalogue = Catalogue()
    wanted = [Wanted(catalogue.declare(f"s{i}"), f"s{i}", f"s{i}") for i in range(20)]

    async def run() -> tuple[int, int]:
        rows, resident = 0, []
        async with Files.read({"paths": [path]}).open(door(wanted, catalogue)) as session:
            async for frame in session.frames():
                rows += len(frame)
                resident.append(resident_bytes())
        return rows, max(resident) - resident[0]

    return asyncio.run(run())


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def test_many_dialects_at_once(tmp_path):
    """Every way of writing a table with every way of writing its times."""
    times = {
        "iso": lambda i: f"2024-01-{i + 10} 00:00:00", "offset": lambda i: f"2024-01-{i + 10}T01:00:00+01:00",
        "german": lambda i: f"{i + 10}.01.2024 00:00", "american": lambda i: f"1/{i + 10}/2024 12:00:00 AM",
        "epoch": lambda i: str(at(f"2024-01-{i + 10}") // SECOND), "ms": lambda i: str(at(f"2024-01-{i + 10}") // 10**6),
    }  # fmt: skip
    for (name, time), delimiter, comma, header in itertools.product(
        times.items(), ",;\t|", (False, True), (False, True)
    ):
        if comma and delimiter == ",":
            continue
        rows = [[time(i), f"{i}.25", f"-{i}.5e1"] for i in range(9)]
        if comma:
            rows = [[r[0], r[1].replace(".", ","), r[2].replace(".", ",")] for r in rows]
        lines = [delimiter.join(r) for r in rows]
        if header:
            lines.insert(0, delimiter.join(["Timestamp", "c2", "c3"]))
        got = read(write(tmp_path, "\n".join(lines) + "\n"), {"c2": "number", "c3": "number"})
        assert got.rows() == [
            row for i in range(9) for row in (("c2", at(f"2024-01-{i + 10}"), i + 0.25, 0),
                                              ("c3", at(f"2024-01-{i + 10}"), -(i + 0.5) * 10, 0))
        ], (name, delimiter, comma, header)  # fmt: skip
