"""From a file with a row for each part to a model that is believed for a reason.

It writes what a press noted of 12 batches, then types what a newcomer would type: the first request
leaks, and is refused.
"""

from __future__ import annotations

import csv
import math
import os
import random
import shlex
import tempfile
from pathlib import Path

from gemel.core.errors import GemelError
from gemel.doors.cli.main import app

COLUMNS = ["batch", "force_kn", "heat_c", "speed_mm_s", "film", "weight_after_g", "thickness_mm"]


def rows(batches: range, seed: int) -> list[dict[str, object]]:
    """Lids: thicker where the press is cold or fast, each batch of sheet a little different."""
    chance = random.Random(seed)  # noqa: S311 - a press, not a secret
    found: list[dict[str, object]] = []
    for batch in batches:
        sheet = chance.gauss(0, 0.02)
        for _ in range(25):
            force, heat, speed = chance.gauss(50, 3), chance.gauss(180, 6), chance.gauss(200, 25)
            film = chance.choice(["A", "B"])
            thickness = 1.5 + sheet - 0.01 * (force - 50) + 0.15 * math.tanh((190 - heat) / 8)
            thickness += 0.0006 * (speed - 200) * (film == "B") + chance.gauss(0, 0.015)
            told = [f"S{batch:02d}", force, heat, speed, film, 8.4 * thickness, thickness]
            shown = [round(v, 3) if isinstance(v, float) else v for v in told]
            found.append(dict(zip(COLUMNS, shown, strict=True)))
    return found


def write(path: Path, table: list[dict[str, object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, table[0])
        writer.writeheader()
        writer.writerows(table)


def gemel(line: str) -> None:
    """Run a command line as a shell would, and show it."""
    print(f"$ gemel {line}")
    try:
        app(shlex.split(line), standalone_mode=False)
    except GemelError as error:
        print(error)
    print()


def main() -> None:
    os.environ["COLUMNS"] = "110"
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        write(Path("lids.csv"), rows(range(12), seed=1))
        later = rows(range(12, 13), seed=2)[:3]
        write(Path("new.csv"), [{n: row[n] for n in COLUMNS[:-2]} for row in later])
        gemel("backtest lids.csv --target thickness_mm --unit batch")
        asked = "lids.csv --target thickness_mm --unit batch --ignore weight_after_g"
        gemel(f"backtest {asked}")
        gemel(f"train {asked} -o lids.model")
        gemel("score lids.model new.csv")
        gemel("explain lids.model new.csv --row 2")


if __name__ == "__main__":
    main()
