"""Files that somebody or something has damaged: read as far as possible, or told in words."""

from __future__ import annotations

import random

import pytest
import test_csv
import test_long
import test_stream
import test_vendors
from files_reading import read, write
from test_discovery import discover, replay

from gemel.core.errors import GemelError

WHOLE = [
    *test_csv.PLAIN.values(),
    *(text for text, *_ in test_vendors.EXPORTS.values()),
    *test_long.TEXTS.values(),
    test_stream.TEXT,
    test_stream.QUOTES,
]
PIECES = [
    b'"', b",", b";", b"\n", b"\r", b"\t", b" ", b"\0", b"\xff", b"NaN", b"#", b"1e999", b"-",
    b"2024-13-45", b"99999999999999999999", b"\xef\xbb\xbf", b"'", b"|", b"\x1e", b'""', b"0x1F",
    b"24:00:00", b"1,5", b"inf",
]  # fmt: skip


def damage(rng: random.Random, text: str) -> bytes:
    data = bytearray(text.encode())
    for _ in range(rng.choice([1, 1, 2, 5, 20])):
        place = rng.randrange(len(data) + 1)
        way = rng.randrange(4)
        if way == 0:
            data[place:place] = rng.choice(PIECES)
        elif way == 1:
            del data[place : place + rng.randrange(1, 20)]
        elif way == 2:
            data[place : place + 1] = bytes([rng.randrange(256)])
        else:
            data[place:place] = data[place : place + rng.randrange(200)]
    return bytes(data)


@pytest.mark.parametrize("seed", range(8))
def test_damage_never_ends_in_anything_but_samples_or_words(seed, tmp_path):
    rng = random.Random(seed)
    for _ in range(25):
        path = write(tmp_path, damage(rng, rng.choice(WHOLE)))
        try:
            rows, counters = replay(discover(path))
        except GemelError:
            continue
        assert counters.received - counters.rejected == len(rows)


def test_quotes_that_join_lines_for_one_reader_and_not_for_another(tmp_path):
    lines = [f"2024-01-01 00:00:{i:02},{i},x" for i in range(30)]
    lines[5] = '2024-01-01 00:00:05,a"b","x'  # even, and yet open at the end of the line
    got = read(write(tmp_path, "time,a,b\n" + "\n".join(lines) + "\n"), {"a": "number"})
    assert [v for v in got.values("a") if v != 5] == [float(i) for i in range(30) if i != 5]


def test_zeros_where_a_disk_lost_power(tmp_path):
    lines = [f"2024-01-01 00:00:{i:02},{i}" for i in range(10)]
    text = "time,a\n" + "\n".join(lines) + "\n" + "\0" * 5_000 + "\n2024-01-01 00:01:00,60\n"
    got = read(write(tmp_path, text), {"a": "number"})
    assert got.values("a") == [*map(float, range(10)), 60.0]
    assert got.counters.rejected == 0
