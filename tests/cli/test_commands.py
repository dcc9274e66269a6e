"""The commands as people and scripts type them: a recording from file to answer."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

RECORDING = """\
time;speed (1/h);state;product
2026-03-01T06:00:00Z;100,5;6;Still
2026-03-01T06:00:30Z;101,5;6;Still
2026-03-01T06:01:00Z;;6;Sparkling
2026-03-01T06:01:30Z;103,5;2;Sparkling
"""


def gemel(*arguments: str, folder: Path, code: int = 0) -> str:
    """Run a command in `folder`; gives what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "gemel.doors.cli.main", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "200"},
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout if code == 0 else done.stdout + done.stderr


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli")
    (folder / "data.csv").write_text(RECORDING)
    gemel("discover", "data.csv", "-o", "plant.yaml", folder=folder)
    assert "good" in gemel("check", "plant.yaml", folder=folder)
    told = json.loads(
        gemel("replay", "plant.yaml", "data.csv", "--data", "d", "--speed", "max", "--json",
              folder=folder)
    )  # fmt: skip
    assert told["stored"] == 11
    assert told["problem"] == ""
    return folder


def rows(folder: Path, *arguments: str) -> list[dict[str, str]]:
    text = gemel("query", "--data", "d", "--format", "csv", *arguments, folder=folder)
    return list(csv.DictReader(io.StringIO(text)))


def test_query_gives_one_row_a_value(replayed: Path) -> None:
    speed = rows(replayed, "--signal", "data/speed")
    assert [(r["time"], r["value"]) for r in speed] == [
        ("2026-03-01T06:00:00Z", "100.5"),
        ("2026-03-01T06:00:30Z", "101.5"),
        ("2026-03-01T06:01:30Z", "103.5"),
    ]
    assert speed[0]["unit"] == "1/h"
    product = rows(replayed, "--signal", "**/product")
    assert [r["value"] for r in product] == ["Still", "Still", "Sparkling", "Sparkling"]


def test_start_is_included_and_end_is_not(replayed: Path) -> None:
    asked = ("--start", "2026-03-01T06:00:30Z", "--end", "2026-03-01T06:01:30Z")
    found = rows(replayed, "--signal", "data/speed", *asked)
    assert [r["value"] for r in found] == ["101.5"]


def test_at_and_as_of(replayed: Path) -> None:
    at = rows(replayed, "--signal", "data/speed", "--at", "2026-03-01T06:01:10Z")
    assert [(r["time"], r["value"]) for r in at] == [("2026-03-01T06:00:30Z", "101.5")]
    assert rows(replayed, "--signal", "data/speed", "--as-of", "2026-03-02T00:00:00Z") == []
    known = rows(replayed, "--signal", "data/speed", "--as-of", "now")
    assert [r["value"] for r in known] == ["103.5"]


def test_steps(replayed: Path) -> None:
    found = rows(replayed, "--signal", "data/speed", "--every", "1m")
    assert [(r["time"], float(r["average"]), r["count"]) for r in found] == [
        ("2026-03-01T06:00:00Z", 101.0, "2"),
        ("2026-03-01T06:01:00Z", 103.5, "1"),
    ]


def test_every_format_says_the_same(replayed: Path) -> None:
    asked = ("query", "--data", "d", "--signal", "data/speed", "--format")
    plain = json.loads(gemel(*asked, "json", folder=replayed))
    assert [r["value"] for r in plain] == [100.5, 101.5, 103.5]
    gemel(*asked, "parquet", "-o", "out.parquet", folder=replayed)
    assert pq.read_table(replayed / "out.parquet").column("value").to_pylist() == [
        100.5, 101.5, 103.5,
    ]  # fmt: skip
    assert "101.5" in gemel(*asked, "table", folder=replayed)


def test_replaying_again_stores_nothing_twice(replayed: Path) -> None:
    told = json.loads(
        gemel("replay", "plant.yaml", "data.csv", "--data", "d", "--again", "--json",
              folder=replayed)
    )  # fmt: skip
    assert (told["stored"], told["repeated"]) == (0, 11)


def test_status_of_a_folder_without_daemon(replayed: Path) -> None:
    told = json.loads(gemel("status", "--data", "d", "--json", folder=replayed))
    assert told["state"] == "stopped"
    assert told["history"]["rows"] == 11


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("run", "nothing.yaml"), 1, "no such file"),
        (("check", "data.csv"), 1, "plant file"),
        (("query", "--data", "nowhere"), 1, "has no history"),
        (("query", "--data", "d", "--signal", "data/sped"), 1, "did you mean 'data/speed'"),
        (("query", "--data", "d", "--start", "yesterday"), 1, "is not a time"),
        (("query", "--data", "d", "--format", "xml"), 2, "is not one of table"),
        (("replay", "plant.yaml", "nothing.csv", "--data", "d"), 1, "no such file"),
        (("discover", "nothing.csv", "-o", "x.yaml"), 1, "no such file"),
        (("discover", "data.csv", "-o", "plant.yaml"), 1, "exists already"),
        (("discover", "ftp://x", "-o", "x.yaml"), 1, "opc.tcp://"),
        (("discover", "data.csv", "-o", "no/x.yaml"), 1, "there is no folder no"),
        (
            ("query", "--data", "d", "--format", "csv", "-o", "no/x.csv"),
            1,
            "no/x.csv: No such file or directory",
        ),
        (("run", "plant.yaml", "--http", "8080"), 2, "HOST:PORT"),
        (("frobnicate",), 2, "No such command"),
    ],
)
def test_mistakes_are_explained(
    replayed: Path, arguments: tuple[str, ...], code: int, says: str
) -> None:
    assert says in gemel(*arguments, folder=replayed, code=code)
