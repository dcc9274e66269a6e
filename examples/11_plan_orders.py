"""Orders of a workshop: a plan, why an order is late, what cannot be, a mill that breaks down."""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from pathlib import Path

from gemel.core.errors import GemelError
from gemel.doors.cli.main import app

FILES = Path(__file__).parent / "schedule"


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
        for name in ("workshop.yaml", "orders.csv"):
            shutil.copy(FILES / name, name)
        # So many iterations instead of `--for 10s`: then the plan is the same on every machine.
        gemel("schedule workshop.yaml --iterations 3000 --out plan.csv")
        gemel(
            "schedule workshop.yaml --iterations 3000 --plan plan.csv --now '2026-03-02 09:00' "
            "--down 'mill_2:2026-03-02 09:00-2026-03-02 13:00'"
        )
        orders = Path("orders.csv").read_text().splitlines()
        dated = [orders[0] + ",deadline", *(line + "," for line in orders[1:])]
        dated[2] = orders[2] + ",2026-03-02 08:50"
        dated[3] = orders[3] + ",2026-03-02 10:45"
        Path("orders.csv").write_text("\n".join(dated) + "\n")
        gemel("schedule workshop.yaml --iterations 3000")


if __name__ == "__main__":
    main()
