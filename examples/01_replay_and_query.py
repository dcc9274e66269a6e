"""From a recording to answers: discover, check, replay, query, status."""

from __future__ import annotations

import math
import os
import shlex
import tempfile
from pathlib import Path

from gemel.doors.cli.main import app


def write_recording(path: Path) -> None:
    """Ten minutes of a bottle filler, a row each second; it stops after seven minutes."""
    rows = ["time,Filler level,Filler speed,Filler state\n"]
    for second in range(600):
        running = second < 420
        level = 500 + 0.8 * math.sin(second / 17) + 0.3 * math.sin(second / 3.1)
        state = "Execute" if running else "Stopped"
        rows.append(
            f"2026-03-02T06:{second // 60:02d}:{second % 60:02d}Z,"
            f"{level:.2f},{22_500 if running else 0},{state}\n"
        )
    path.write_text("".join(rows))


def gemel(line: str) -> None:
    """Run a command line as a shell would, and show it."""
    print(f"$ gemel {line}")
    app(shlex.split(line), standalone_mode=False)
    print()


def main() -> None:
    os.environ["COLUMNS"] = "110"
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        write_recording(Path("filler.csv"))
        gemel("discover filler.csv -o plant.yaml")
        print("$ cat plant.yaml")
        print(Path("plant.yaml").read_text())
        gemel("check plant.yaml")
        gemel("replay plant.yaml filler.csv --data history")
        gemel("query --data history --at 2026-03-02T06:05:00Z")
        gemel("query --data history --signal filler/filler_level --every 2m")
        gemel(
            "query --data history --signal filler/filler_state "
            "--start 2026-03-02T06:06:58Z --end 2026-03-02T06:07:02Z --format csv"
        )
        gemel("replay plant.yaml filler.csv --data history")
        gemel("status --data history")


if __name__ == "__main__":
    main()
