"""Which investment is worth it, what do factors do, what is to be expected of a new line?"""

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
    gemel("whatif what-if.yaml")
    gemel("whatif sweep what-if.yaml")
    gemel("whatif design what-if.yaml")
    gemel("bottleneck line.yaml")


if __name__ == "__main__":
    main()
