"""Every way of writing a time, and the nanosecond that it means."""

# ruff: noqa: E501  # tables of data are read by line
from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from files_reading import at, read, write
from hypothesis import given, settings
from hypothesis import strategies as st

from gemel.parts.connectors.files.times import cells_of, decode

A = {"a": "number"}
NAIVE = datetime(1970, 1, 1)  # noqa: DTZ001 - local times have no zone


def times(tmp_path, cells, name="time", **settings):
    text = f"{name};a\n" + "".join(f"{cell};1,5\n" for cell in cells)
    got = read(write(tmp_path, text), A, **settings)
    assert got.counters.rejected == 0
    return got.times("a")


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["2024-03-01 10:00:00", "2024-03-01 10:00:01"], ["2024-03-01T10:00:00", "2024-03-01T10:00:01"]),
        (["2024-03-01T10:00:00Z", "2024-03-01T10:00:01Z"], ["2024-03-01T10:00:00", "2024-03-01T10:00:01"]),
        (["2024-03-01T10:00:00+02:00"], ["2024-03-01T08:00:00"]),
        (["2024-03-01 10:00:00 +0530"], ["2024-03-01T04:30:00"]),
        (["2024-03-01 10:00:00-05"], ["2024-03-01T15:00:00"]),
        (["2024-03-01T10:00:00.123456789"], ["2024-03-01T10:00:00.123456789"]),
        (["2024-03-01 10:00:00,5", "2024-03-01 10:00:01"], ["2024-03-01T10:00:00.5", "2024-03-01T10:00:01"]),
        (["2024-03-01 10:00", "2024-03-01 10:15"], ["2024-03-01T10:00", "2024-03-01T10:15"]),
        (["2024-03-01", "2024-03-02"], ["2024-03-01", "2024-03-02"]),
        (["2024/03/01 10:00:00"], ["2024-03-01T10:00:00"]),
        (["2024.03.01 10:00:00"], ["2024-03-01T10:00:00"]),
        (["2024-03-01 24:00:00"], ["2024-03-02"]),
        (["2016-12-31 23:59:60"], ["2017-01-01"]),
        (["01.02.2024 00:15", "13.02.2024 00:30"], ["2024-02-01T00:15", "2024-02-13T00:30"]),
        (["1.2.2024 0:15", "13.12.2024 10:30"], ["2024-02-01T00:15", "2024-12-13T10:30"]),
        (["01/02/2024 00:15", "13/02/2024 00:30"], ["2024-02-01T00:15", "2024-02-13T00:30"]),
        (["01/02/2024 00:15", "01/13/2024 00:30"], ["2024-01-02T00:15", "2024-01-13T00:30"]),
        (["01/02/2024", "02/02/2024", "03/02/2024"], ["2024-02-01", "2024-02-02", "2024-02-03"]),
        (["01/02/2024", "01/03/2024", "01/04/2024"], ["2024-01-02", "2024-01-03", "2024-01-04"]),
        (["1/2/2024 1:15:00 PM", "1/13/2024 12:15:00 AM"], ["2024-01-02T13:15", "2024-01-13T00:15"]),
        (["01-Feb-24 00:15:00", "13-FEB-24 00:15:00"], ["2024-02-01T00:15", "2024-02-13T00:15"]),
        (["1 February 2024 00:15", "13 March 2024 00:15"], ["2024-02-01T00:15", "2024-03-13T00:15"]),
        (["01 Okt 2024 00:15", "13 Dez 2024 00:15"], ["2024-10-01T00:15", "2024-12-13T00:15"]),
        (["Feb 1, 2024 00:15", "Feb 13, 2024 00:15"], ["2024-02-01T00:15", "2024-02-13T00:15"]),
        (["20240201001500", "20240213001500"], ["2024-02-01T00:15", "2024-02-13T00:15"]),
        (["20240201T001500Z", "20240213T001500.25Z"], ["2024-02-01T00:15", "2024-02-13T00:15:00.25"]),
        (["20240201 00:15:00", "20240213 00:15:01"], ["2024-02-01T00:15", "2024-02-13T00:15:01"]),
        (["Thu Feb  1 00:15:00 2024", "Tue Feb 13 00:15:00 2024"], ["2024-02-01T00:15", "2024-02-13T00:15"]),
        (["01.02.24 00:15", "13.02.24 00:30"], ["2024-02-01T00:15", "2024-02-13T00:30"]),
        (["10:00:00:125 01.02.2024"], None),
        (["1706745600", "1706745601"], ["2024-02-01", "2024-02-01T00:00:01"]),
        (["1706745600.123456789", "1706745601"], ["2024-02-01T00:00:00.123456789", "2024-02-01T00:00:01"]),
        (["1706745600123", "1706745601000"], ["2024-02-01T00:00:00.123", "2024-02-01T00:00:01"]),
        (["1706745600123456"], ["2024-02-01T00:00:00.123456"]),
        (["1706745600123456789"], ["2024-02-01T00:00:00.123456789"]),
        (["1,7067456e9"], ["2024-02-01"]),
        (["638423424000000000"], ["2024-02-01"]),
        (["133512192000000000"], ["2024-02-01"]),
        (["45323.5", "45323.75"], ["2024-02-01T12:00", "2024-02-01T18:00"]),
        (["45323,010416666664", "45323,5"], ["2024-02-01T00:15", "2024-02-01T12:00"]),
        (["738918.5", "738918.75"], ["2023-02-01T12:00", "2023-02-01T18:00"]),
        (["0.0", "0.1", "0.2"], ["2000-01-01", "2000-01-01T00:00:00.1", "2000-01-01T00:00:00.2"]),
        (["0", "1", "2"], ["2000-01-01", "2000-01-01T00:00:01", "2000-01-01T00:00:02"]),
        (["23:59:58", "23:59:59.5", "00:00:01"],
         ["2000-01-01T23:59:58", "2000-01-01T23:59:59.5", "2000-01-02T00:00:01"]),
        (["10.00.00", "11.30.00"], ["2000-01-01T10:00", "2000-01-01T11:30"]),
    ],
)  # fmt: skip
def test_ways_of_writing(cells, expected, tmp_path):
    if expected is None:
        got = times(tmp_path, cells, time_format="%H:%M:%S:%f %d.%m.%Y")
        assert got == [at("2024-02-01T10:00:00.125")]
        return
    assert times(tmp_path, cells) == [at(e) for e in expected]


def test_units_of_elapsed_times(tmp_path):
    start = at("2024-02-01")
    for name, factor in [
        ("time_ms", 10**6),
        ("t [s]", 10**9),
        ("Time (min)", 60 * 10**9),
        ("time [us]", 10**3),
    ]:
        got = times(tmp_path, ["0", "5", "10"], name, start="2024-02-01T00:00:00Z")
        assert got == [start, start + 5 * factor, start + 10 * factor], name


def test_row_numbers_count_rows_that_did_not_fit(tmp_path):
    path = write(tmp_path, "a,b\n1.5,1\n2.5\n3.5,1\n")
    got = read(path, A, step="100 ms", start="2024-02-01T00:00:00Z")
    assert got.times("a") == [at("2024-02-01"), at("2024-02-01T00:00:00.2")]


def test_date_and_time_of_day_in_two_columns(tmp_path):
    text = "Datum;Uhrzeit;a\n31.12.2023;23:59:59;1\n01.01.2024;00:00:00;2\n13.01.2024;24:00:00;3\n"
    expected = [at("2023-12-31T23:59:59"), at("2024-01-01"), at("2024-01-14")]
    assert read(write(tmp_path, text), A).times("a") == expected
    named = read(write(tmp_path, text), A, time_column="Datum + Uhrzeit", time_format="%d.%m.%Y")
    assert named.times("a") == expected


def test_date_and_hour(tmp_path):
    text = "Date,Hour,a\n2024-01-01,0,1\n2024-01-01,1,2\n"
    assert read(write(tmp_path, text), A).times("a") == [at("2024-01-01"), at("2024-01-01T01:00")]


def test_air_quality_as_published(tmp_path):
    """Trailing delimiters, empty rows, decimal comma, dots in the time of day."""
    text = (
        "Date;Time;CO(GT);a;;\n10/03/2004;18.00.00;2,6;1360;;\n10/03/2004;19.00.00;2;1292;;\n"
        "11/03/2004;00.00.00;2,2;1402;;\n;;;;;\n;;;;;\n"
    )
    got = read(write(tmp_path, text), {"CO(GT)": "number", "a": "number"})
    assert got.values("CO(GT)") == [2.6, 2.0, 2.2]
    assert got.times("a") == [at("2004-03-10T18:00"), at("2004-03-10T19:00"), at("2004-03-11")]
    assert got.counters.rejected == 0


def test_order_of_day_and_month_is_looked_for_far_down(tmp_path):
    rows = "".join(
        f"01/02/2024 {i // 3600:02}:{i // 60 % 60:02}:{i % 60:02};{'9' * 60}\n"
        for i in range(30_000)
    )
    text = "time;a\n" + rows + "02/02/2024 00:00:00;1\n"
    assert read(write(tmp_path, text), A).times("a")[-1] == at("2024-02-02")
    text = "time;a\n" + rows + "01/03/2024 00:00:00;1\n"
    assert read(write(tmp_path, text), A).times("a")[-1] == at("2024-01-03")


def test_plant_zone(tmp_path):
    cells = ["2024-01-15 12:00:00", "2024-07-15 12:00:00"]
    assert times(tmp_path, cells, time_zone="Europe/Berlin") == [
        at("2024-01-15T11:00"), at("2024-07-15T10:00"),
    ]  # fmt: skip
    assert times(tmp_path, cells, "timestamp_utc", time_zone="Europe/Berlin") == [
        at("2024-01-15T12:00"), at("2024-07-15T12:00"),
    ]  # fmt: skip


@pytest.mark.parametrize("minutes", [1, 10, 15, 30, 60])
@pytest.mark.parametrize("size", [64, 1 << 20])
def test_the_repeated_hour_is_read_in_both_passes(minutes, size, tmp_path):
    begin = datetime(2024, 10, 26, 22, 0, tzinfo=UTC)
    moments = [begin + timedelta(minutes=minutes * i) for i in range(6 * 60 // minutes)]
    from zoneinfo import ZoneInfo

    local = [m.astimezone(ZoneInfo("Europe/Berlin")).strftime("%Y-%m-%d %H:%M:%S") for m in moments]
    path = write(tmp_path, "time;a\n" + "".join(f"{c};1\n" for c in local))
    expected = [int(m.timestamp()) * 10**9 for m in moments]
    assert read(path, A, time_zone="Europe/Berlin", size=size).times("a") == expected
    whole = read(path, A, time_zone="Europe/Berlin", rows=1)
    assert whole.counters.notes["times in an hour that a clock change repeats"] == 2 * 60 // minutes
    for frame in whole.frames[:: max(len(moments) // 40, 1)]:
        rest = read(path, A, time_zone="Europe/Berlin", position=frame.position)
        done = whole.times("a").index(int(frame.time[0])) + 1
        assert rest.times("a") == expected[done:]


def test_time_of_day_goes_on_behind_a_position(tmp_path):
    path = write(tmp_path, "time,a\n23:00:00,1\n01:00:00,2\n23:00:00,3\n01:00:00,4\n")
    whole = read(path, A, rows=1)
    assert whole.times("a") == [at("2000-01-01T23:00"), at("2000-01-02T01:00"),
                                at("2000-01-02T23:00"), at("2000-01-03T01:00")]  # fmt: skip
    for done, frame in enumerate(whole.frames, 1):
        assert read(path, A, position=frame.position).times("a") == whole.times("a")[done:]


def test_order_in_the_file_is_kept(tmp_path):
    cells = [
        "2024-01-01 00:00:02",
        "2024-01-01 00:00:00",
        "2024-01-01 00:00:00",
        "2024-01-01 00:00:03",
    ]
    assert times(tmp_path, cells) == [at(c.replace(" ", "T")) for c in cells]


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.datetimes(NAIVE.replace(year=1700), NAIVE.replace(year=2250)), st.integers(0, 10**9 - 1), st.integers(0, 9)
        ),
        min_size=1, max_size=20,
    )
)  # fmt: skip
def test_iso_is_exact(moments):
    cells, expected = [], []
    for moment, ns, digits in moments:
        ns = ns // 10 ** (9 - digits) * 10 ** (9 - digits)
        fraction = f".{ns:09}"[: digits + 1] if digits else ""
        cells.append(moment.replace(microsecond=0).isoformat() + fraction)
        whole = (moment.replace(microsecond=0) - NAIVE) // timedelta(seconds=1)
        expected.append(whole * 10**9 + ns)
    decoded = decode(cells_of(pa.array(cells)), "iso")
    assert decoded.ok.all()
    assert decoded.time.tolist() == expected


@settings(deadline=None)
@given(st.lists(st.text(alphabet="0123456789-:/. TZ+apm,eéä", max_size=30), max_size=30))
def test_any_text_is_decoded_or_not_and_nothing_else(cells):
    column = pa.array(cells, pa.string())
    for form in (
        "iso",
        "clock",
        "epoch_ns",
        "elapsed_s",
        "excel",
        "%d.%m.%y %H:%M",
        "%Y%m%d%H%M%S",
    ):
        decoded = decode(cells_of(column), form)
        assert len(decoded.time) == len(cells)
        alone = [decode(cells_of(pa.array([c])), form) for c in cells]
        assert decoded.ok.tolist() == [bool(a.ok[0]) for a in alone]
        assert [t for t, ok in zip(decoded.time.tolist(), decoded.ok, strict=True) if ok] == [
            int(a.time[0]) for a in alone if a.ok[0]
        ]
