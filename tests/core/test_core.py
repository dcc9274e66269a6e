"""The shared words: what they promise, with values known from elsewhere."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemel.core import quality as q
from gemel.core.catalogue import TEXT_VALUES, Catalogue, glob_pattern
from gemel.core.errors import ConfigurationError, DataError
from gemel.core.event import Event
from gemel.core.frame import EMPTY, Frame, concatenate
from gemel.core.time import duration_text, isoformat, parse_duration, parse_time, zone
from gemel.core.wire import from_table, to_batch


class TestTime:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01", 0),
            ("2020-03-09 10:14:33", 1583748873_000000000),
            ("2026-03-01T06:00:00+01:00", 1772341200_000000000),
            ("2026-03-01T06:00:00.123456789Z", 1772344800_123456789),
            ("2016-12-31T23:59:60Z", 1483228800_000000000),  # the leap second
            ("1969-12-31T23:59:59.5Z", -500_000_000),
        ],
    )
    def test_known_times(self, text: str, expected: int) -> None:
        assert parse_time(text) == expected

    def test_naive_times_are_read_in_the_zone_that_is_given(self) -> None:
        berlin = zone("Europe/Berlin")
        assert parse_time("2026-07-01T12:00", berlin) == parse_time("2026-07-01T10:00Z")
        # Skipped and repeated hours of the clock change, as PEP 495 resolves them.
        assert parse_time("2026-03-29T02:30", berlin) == parse_time("2026-03-29T01:30Z")
        assert parse_time("2026-10-25T02:30", berlin) == parse_time("2026-10-25T00:30Z")

    def test_relative_times(self) -> None:
        now = parse_time("2026-03-01T06:00Z")
        assert parse_time("now", now=now) == now
        assert parse_time("-2h30m", now=now) == now - 9_000 * 10**9

    @pytest.mark.parametrize(
        "text", ["", "yesterday", "2026-13-01", "2026-02-30T00:00Z", "12:30", "1e9", "2026-1-1"]
    )
    def test_what_is_not_a_time_is_said(self, text: str) -> None:
        with pytest.raises(ConfigurationError, match="is not a time"):
            parse_time(text)

    @given(st.integers(-(2**62), 2**62))
    def test_isoformat_round_trips(self, time: int) -> None:
        if -62135596800 < time // 10**9 < 253402300799:
            assert parse_time(isoformat(time)) == time
        if time >= 0:  # before, zones had offsets with seconds, which ISO 8601 cannot write
            assert parse_time(isoformat(time, zone("Asia/Kolkata"))) == time

    @pytest.mark.parametrize("text", ["30 s", "1h30m", "100ms", "2 d", "1.5 h"])
    def test_durations_round_trip(self, text: str) -> None:
        assert parse_duration(duration_text(parse_duration(text))) == parse_duration(text)

    @pytest.mark.parametrize("text", ["", "30", "s", "-3 s", "3 parsecs", "1 h x"])
    def test_what_is_not_a_duration_is_said(self, text: str) -> None:
        with pytest.raises(ConfigurationError, match="is not a duration"):
            parse_duration(text)

    def test_an_unknown_zone_is_said(self) -> None:
        with pytest.raises(ConfigurationError, match="Europe/Berln"):
            zone("Europe/Berln")


class TestQuality:
    @given(st.integers(0, 0xFFFF))
    def test_upper_half_of_the_status_code(self, upper: int) -> None:
        quality = q.from_status(upper << 16 | 0x0480)
        assert -0x8000 <= quality < 0x8000
        assert q.to_status(quality) == upper << 16
        assert q.word(quality) == ["good", "uncertain", "bad", "bad"][upper >> 14]

    def test_known_codes(self) -> None:
        assert q.reason(q.from_status(0x808C0000)) == "bad: sensor failure"
        assert q.reason(q.from_status(0x40900000)) == "uncertain: last usable value"
        assert q.reason(q.OUT_OF_RANGE) == "uncertain: outside its range"


class TestFrame:
    def test_columns_cannot_be_changed(self) -> None:
        frame = Frame.of([1], [2], [3.0])
        with pytest.raises(ValueError, match="read-only"):
            frame.value[0] = 1.0

    def test_making_a_frame_leaves_the_callers_array_alone(self) -> None:
        mine = np.zeros(3)
        Frame.of([0, 1, 2], [0, 1, 2], mine)
        mine[0] = 1.0
        assert mine.flags.writeable

    @pytest.mark.parametrize(
        "columns", [([1], [2, 3], [4.0]), (["a"], [1], [1.0]), ([2**40], [1], [1.0])]
    )
    def test_what_is_not_a_frame_is_said(self, columns: tuple[list, list, list]) -> None:
        with pytest.raises(DataError):
            Frame.of(*columns)

    @given(st.integers(1, 7), st.integers(0, 20))
    def test_pieces_are_the_whole(self, size: int, rows: int) -> None:
        frame = Frame.of(range(rows), range(rows), range(rows), source="s", position="p")
        pieces = list(frame.pieces(size))
        assert concatenate(pieces) == (frame if rows else EMPTY)
        assert [p.position for p in pieces] == [None] * (len(pieces) - 1) + ["p"] * bool(rows)

    def test_arrow_round_trip(self) -> None:
        frame = Frame.of([3, 1], [2**60, -5], [np.nan, -0.5], [q.BAD, 0])
        assert from_table(to_batch(frame)) == frame

    def test_arrow_timestamps_of_any_unit(self) -> None:
        times = pa.array([1_500], pa.timestamp("ms", "UTC"))
        value = pa.array([None], pa.float64())
        frame = from_table(pa.table({"signal": [1], "time": times, "value": value}))
        assert frame.time[0] == 1_500_000_000
        assert np.isnan(frame.value[0])

    @pytest.mark.parametrize(
        "table",
        [
            pa.table({"signal": [1], "time": [1]}),
            pa.table({"signal": ["x"], "time": [1], "value": [1.0]}),
            pa.table({"signal": [2**40], "time": [1], "value": [1.0]}),
            pa.table({"signal": pa.array([None], pa.int32()), "time": [1], "value": [1.0]}),
        ],
    )
    def test_arrow_that_is_not_a_frame_is_said(self, table: pa.Table) -> None:
        with pytest.raises(DataError):
            from_table(table)


class TestCatalogue:
    def test_numbers_are_for_ever(self) -> None:
        catalogue = Catalogue()
        a, b = catalogue.declare("line/a"), catalogue.declare("line/b")
        assert (a, b, catalogue.declare("line/a")) == (0, 1, 0)
        catalogue.rename("line/a", "line/c", 5)
        assert catalogue.number("line/c") == a
        assert catalogue.declare("line/a") == 2
        with pytest.raises(ConfigurationError, match="exists already"):
            catalogue.rename("line/b", "line/c", 6)

    def test_a_new_meaning_keeps_the_number_and_is_a_change(self) -> None:
        catalogue = Catalogue()
        catalogue.declare("t", unit="°C", now=1)
        catalogue.take_changes()
        catalogue.declare("t", unit="°C", now=2)
        assert catalogue.take_changes() == []
        assert catalogue.declare("t", unit="K", now=3) == 0
        (change,) = catalogue.take_changes()
        assert change.entry is not None
        assert (change.entry.unit, change.entry.valid_from) == ("K", 3)

    def test_texts_are_codes_and_back(self) -> None:
        catalogue = Catalogue()
        number = catalogue.declare("lot", "text")
        codes = [catalogue.encode(number, t) for t in ("a", "b", "a")]
        assert codes == [0, 1, 0]
        assert catalogue.show(number, 1.0) == "b"
        assert catalogue.decode(number, 7.0) is None
        assert catalogue.decode(number, float("nan")) is None
        assert catalogue.encode(number, "x" * 1_025) is None

    def test_a_dictionary_has_an_end(self) -> None:
        catalogue = Catalogue()
        number = catalogue.declare("lot", "text")
        for i in range(TEXT_VALUES):
            catalogue.encode(number, str(i))
        assert catalogue.encode(number, "one more") is None
        assert catalogue.encode(number, "0") == 0

    def test_stored_changes_make_the_same_catalogue(self) -> None:
        first = Catalogue()
        number = first.declare("a", "text", now=1)
        first.encode(number, "x")
        first.rename("a", "b", 2)
        changes = first.take_changes()
        second = Catalogue(
            [c.entry for c in changes if c.entry], [c.text for c in changes if c.text]
        )
        assert list(second) == list(first)
        assert second.decode(number, 0.0) == "x"

    @pytest.mark.parametrize(
        ("pattern", "path", "matches"),
        [
            ("line/*/speed", "line/filler/speed", True),
            ("line/*", "line/filler/speed", False),
            ("**", "a/b/c", True),
            ("line/**", "line/a/b", True),
            ("a?c", "abc", True),
            ("a?c", "a/c", False),
            ("a.c", "abc", False),
        ],
    )
    def test_globs(self, pattern: str, path: str, matches: bool) -> None:
        assert bool(glob_pattern(pattern).fullmatch(path)) is matches

    def test_an_unknown_signal_is_said_with_the_nearest(self) -> None:
        catalogue = Catalogue()
        catalogue.declare("line/filler/speed")
        with pytest.raises(ConfigurationError, match="did you mean 'line/filler/speed'"):
            catalogue.find("line/filer/speed")


def test_the_same_occurrence_has_the_same_id() -> None:
    first = Event("gap", "line", 5, "opcua", known=6, payload={"reason": "x"})
    again = Event("gap", "line", 5, "opcua", known=9, payload={"reason": "y"})
    assert first.id == again.id != Event("gap", "line", 5, "opcua", sequence=1).id
