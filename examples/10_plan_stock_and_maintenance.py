"""How much to keep of what, and when to replace what?"""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from pathlib import Path

import numpy as np

from gemel.doors.cli.main import app

HERE = Path(__file__).parent


def write_lives(path: Path) -> None:
    """Forty seals of a plant: hours until they failed, or until somebody looked; load in
    percent."""
    random = np.random.default_rng(8)
    load = random.integers(40, 95, 40)
    life = 5_000 * np.exp(-0.012 * (load - 60)) * random.weibull(2.4, 40)
    looked = random.uniform(1_000, 8_000, 40)
    rows = [
        f"{min(a, b):.0f},{int(a <= b)},{c}"
        for a, b, c in zip(life.tolist(), looked.tolist(), load.tolist(), strict=True)
    ]
    path.write_text("\n".join(["hours (h),failed,load (%)", *rows]) + "\n")


def gemel(line: str) -> None:
    """Run a command line as a shell would, and show it."""
    print(f"$ gemel {line}")
    app(shlex.split(line), standalone_mode=False)
    print()


def main() -> None:
    os.environ["COLUMNS"] = "110"
    with tempfile.TemporaryDirectory() as folder:
        for name in ("stock.yaml", "maintenance.yaml"):
            shutil.copy(HERE / name, folder)
        os.chdir(folder)
        write_lives(Path("lives.csv"))
        gemel("plan stock stock.yaml --replications 50")
        gemel("plan maintenance maintenance.yaml --asset seal")
        gemel("plan maintenance maintenance.yaml --asset bearing")
        gemel("plan maintenance maintenance.yaml")


if __name__ == "__main__":
    main()
