"""What comes out of a line that is only described, what limits it, and what would help?"""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from gemel.doors.cli.main import app


def gemel(line: str) -> None:
    """Run a command line as a shell would, and show it."""
    print(f"$ gemel {line}")
    app(shlex.split(line), standalone_mode=False)
    print()


def main() -> None:
    os.environ["COLUMNS"] = "110"
    os.chdir(Path(__file__).parent)
    gemel("simulate line.yaml --replications 30")
    gemel(
        "simulate line.yaml --for '8 h' --replications 30 --try 'capper.places=40' "
        "--try 'filler.time*0.95' --try 'capper.repair*0.5'"
    )


if __name__ == "__main__":
    main()
