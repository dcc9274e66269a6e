"""A line is learned from the log of its orders, held against later weeks, and played.

The log is that of a line which is played here, so that you can see what is found again; yours
comes from a production system.
"""

from __future__ import annotations

import csv
import os
import shlex
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gemel.core.line import Line
from gemel.doors.cli.main import app
from gemel.parts.simulators.base import Trial
from gemel.parts.simulators.events import logged

DAY = {"name": "two shifts", "start": "06:00", "end": "22:00"}
SHOP = {
    "calendars": {"two": [DAY]},
    "stations": {
        "Saw": {
            "time": {"mean": "20 min", "cv": 0.4}, "calendar": "two",
            "arrivals": {"every": {"kind": "exponential", "mean": "28 min"}, "rates": [DAY]},
        },
        "Mill": {"time": {"mean": "45 min", "cv": 0.6}, "servers": 2, "calendar": "two"},
        "Test": {
            "time": {"kind": "gamma", "mean": "15 min", "cv": 0.8}, "calendar": "two",
            "travel": {"mean": "1 h", "cv": 0.5}, "rework": {"share": 0.1, "to": "Mill"},
        },
    },
}  # fmt: skip
MONDAY = datetime(2026, 1, 5, tzinfo=UTC)


def write_log(path: Path) -> None:
    """Ten weeks of orders, to the second."""
    journal = logged(Line.read(SHOP), Trial(horizon_s=10 * 7 * 86_400, warm_up=0, seed=7))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["order", "station", "start", "end"])
        for row in zip(journal.part, journal.station, journal.start, journal.end, strict=True):
            times = [f"{MONDAY + timedelta(seconds=round(t)):%Y-%m-%d %H:%M:%S}" for t in row[2:]]
            writer.writerow([f"A{1000 + row[0]}", row[1], *times])


def gemel(line: str) -> None:
    """Run a command line as a shell would, and show it."""
    print(f"$ gemel {line}")
    app(shlex.split(line), standalone_mode=False)
    print()


def main() -> None:
    os.environ["COLUMNS"] = "110"
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        write_log(Path("orders.csv"))
        gemel("learn line orders.csv -o line.yaml")
        print("$ cat line.yaml")
        print(Path("line.yaml").read_text(encoding="utf-8"))
        gemel("simulate line.yaml --for '28 d' --replications 10 --try 'Mill.time*0.9'")
        os.chdir(Path(__file__).parent)


if __name__ == "__main__":
    main()
