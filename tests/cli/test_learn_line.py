"""`gemel learn line` as people type it."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from gemel.core.errors import ConfigurationError, DataError, GemelError
from gemel.core.line import Line
from gemel.doors.cli.main import app
from gemel.parts.simulators.base import Trial
from gemel.parts.simulators.events import logged
from gemel.runtime.lines import line_text, read_line
from gemel.twin.planning.learned.log import MONDAY

LINE = {
    "stations": {
        "Saw": {"time": {"mean": "6 min", "cv": 0.3}, "calendar": "day",
                "arrivals": {"every": {"kind": "exponential", "mean": "20 min"},
                             "rates": [{"name": "day", "start": "06:00", "end": "22:00"}]}},
        "Mill & drill": {"time": {"mean": "10 min", "cv": 0.5}, "calendar": "day"},
    },
    "calendars": {"day": [{"name": "day", "start": "06:00", "end": "22:00"}]},
}  # fmt: skip


def written(
    path: Path, header: tuple[str, ...], parts: int = 1300, form: str = "%Y/%m/%d %H:%M:%S"
) -> Path:
    journal = logged(Line.read(LINE), Trial(parts=parts, seed=1))

    def text(seconds: float) -> str:
        return datetime.fromtimestamp(MONDAY + 10 * 604_800 + seconds, UTC).strftime(form)

    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for part, station, start, end in zip(
            journal.part, journal.station, journal.start, journal.end, strict=True
        ):
            writer.writerow([f"C{part}", station, text(start), text(end)])
    return path


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["learn", "line", *arguments])
    if done.exception is not None and isinstance(done.exception, GemelError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


def test_a_log_becomes_a_line_that_plays(tmp_path: Path) -> None:
    log = written(tmp_path / "log.csv", ("case_id", "activity", "start_timestamp", "timestamp"))
    path = tmp_path / "line.yaml"
    said = run(str(log), "-o", str(path), "--periods", "1", "--futures", "10")
    assert "1,30" in said
    assert "case = 'case_id', station = 'activity'" in said
    assert "\n1 later periods of 7 d" in said
    assert f"gemel simulate {path}" in said
    text = path.read_text()
    assert "# 130" in text  # how many times were seen stands beside them
    line = read_line(path)
    assert line.names == ("Saw", "Mill & drill")
    assert line.stations["Mill & drill"].time.mean_s == pytest.approx(600, rel=0.1)
    assert line.calendars
    done = CliRunner().invoke(app, ["simulate", str(path), "--parts", "300", "--json"])
    assert done.exit_code == 0, done.output


def test_programs_get_the_same(tmp_path: Path) -> None:
    log = written(tmp_path / "log.csv", ("part", "station", "start", "end"))
    told = json.loads(run(str(log), "--json", "--periods", "1", "--futures", "10"))
    assert told["columns"] == {
        "case": "part", "station": "station", "start": "start", "end": "end",
    }  # fmt: skip
    assert [s["name"] for s in told["stations"]] == ["Saw", "Mill & drill"]
    assert Line.read(told["line"]).names == ("Saw", "Mill & drill")
    validation = told["validation"]
    assert validation["throughput"]["count"] == 1
    assert set(validation["lead_s"]) == {"error", "crps", "coverage", "width", "count"}


def test_columns_of_other_names_and_american_times(tmp_path: Path) -> None:
    log = written(tmp_path / "log.csv", ("who", "where", "a", "b"), 150, "%m/%d/%Y %I:%M:%S %p")
    named = ("--case", "who", "--station", "where", "--start", "a", "--end", "b")
    told = json.loads(run(str(log), *named, "--json", "--no-validate"))
    assert told["cases"] >= 150
    assert told["validation"] is None
    with pytest.raises(ConfigurationError, match="which column holds the case"):
        run(str(log))
    with pytest.raises(ConfigurationError, match=r"--case wo: .* did you mean 'who'"):
        run(str(log), "--case", "wo")


def test_a_short_log_is_learned_and_not_held_against_anything(tmp_path: Path) -> None:
    log = written(tmp_path / "log.csv", ("case", "station", "start", "end"), 60)
    assert "not held against later periods" in run(str(log))


def test_an_old_file_is_not_overwritten(tmp_path: Path) -> None:
    log = written(tmp_path / "log.csv", ("case", "station", "start", "end"), 60)
    path = tmp_path / "line.yaml"
    path.write_text("mine")
    with pytest.raises(ConfigurationError, match="or --force"):
        run(str(log), "-o", str(path))
    assert path.read_text() == "mine"
    run(str(log), "-o", str(path), "--force", "--no-validate")
    assert read_line(path).names == ("Saw", "Mill & drill")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("case,station,start,end\n", "there are no rows below the header"),
        ("case,station,start,end\na,x,2026-01-01 05:00,2026-01-01 04:00\nb,x,,2026-01-01 04:00\n",
         "row 1: ends 3600 s before it starts"),
        ("case,station,start,end\na,x,2026-01-01 03:00,2026-01-01 04:00\n", "all rows are of one"),
        ("case,station,start,end\na,x,soon,later\nb,x,now,then\n", "'start' holds no times, e.g."),
    ],
)  # fmt: skip
def test_logs_that_tell_nothing_are_refused(tmp_path: Path, text: str, said: str) -> None:
    log = tmp_path / "log.csv"
    log.write_text(text)
    with pytest.raises(DataError, match=said):
        run(str(log))


def test_one_cell_that_is_no_time_is_named(tmp_path: Path) -> None:
    log = written(tmp_path / "log.csv", ("case", "station", "start", "end"), 60)
    rows = log.read_text().splitlines()
    cells = rows[30].split(",")
    rows[30] = ",".join([*cells[:3], "Tuesday"])
    log.write_text("\n".join(rows))
    with pytest.raises(DataError, match="column 'end', row 30: 'Tuesday' is no time"):
        run(str(log))


def test_what_is_written_is_read_as_the_same(tmp_path: Path) -> None:
    """Also names and texts that YAML takes for something else."""
    document = {
        "title": "no",
        "stations": {
            "12": {"title": "true: # not", "time": {"mean": "1 s", "cv": 0.25}},
            "on": {"time": {"kind": "empirical", "values": [f"{i}.5 s" for i in range(80)]}},
        },
        "calendars": {"week": [{"name": "1e3", "start": "06:00", "end": "14:00", "days": ["mon"]}]},
        "begins": "mon 00:00",
    }
    long = {("stations", "12", "time"): "seen", ("stations", "on", "time"): "word " * 50}
    text = line_text(document, long)
    path = tmp_path / "line.yaml"
    path.write_text(text)
    assert read_line(path).model_dump() == Line.read(document).model_dump()
    assert "time: {mean: 1 s, cv: 0.25} # seen" in text
    assert max(len(row) for row in text.splitlines()) <= 100


def test_numbers_are_times_too(tmp_path: Path) -> None:
    journal = logged(Line.read(LINE), Trial(parts=1300, seed=1))
    log = tmp_path / "log.csv"
    with log.open("w", encoding="utf-8") as file:
        file.write("case,station,start,end\n")
        for p, s, a, b in zip(
            journal.part, journal.station, journal.start, journal.end, strict=True
        ):
            begin, end = (np.array([a, b]) + MONDAY + 2_000 * 604_800) * 1_000
            file.write(f"{p},{s},{begin:.0f},{end:.0f}\n")
    told = json.loads(run(str(log), "--json", "--no-validate"))
    mill = next(s for s in told["stations"] if s["name"] == "Mill & drill")
    assert mill["time"]["mean_s"] == pytest.approx(600, rel=0.2)
