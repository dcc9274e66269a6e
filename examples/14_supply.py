"""What runs out when, what to order now, and which stage is the risk?"""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from gemel.doors.cli.main import app

HERE = Path(__file__).parent


def gemel(line: str) -> None:
    """Run a command line as a shell would, and show it."""
    print(f"$ gemel {line}")
    app(shlex.split(line), standalone_mode=False)
    print()


def main() -> None:
    os.environ["COLUMNS"] = "118"
    os.chdir(HERE / "supply")
    gemel("supply pumps.yaml")
    gemel("supply pumps.yaml --start 2026-01-16")


if __name__ == "__main__":
    main()
