"""Is the filler in control, can it do what is asked, and can the scale tell?"""

from __future__ import annotations

import os
import shlex
import tempfile
from pathlib import Path

import numpy as np

from gemel.doors.cli.main import app


def write_samples(path: Path) -> None:
    """Five bottles each half hour, 30 times; from the 26th sample on a valve closes late."""
    random = np.random.default_rng(4)
    volume = random.normal(501.0, 0.9, size=(30, 5))
    volume[25:] += 1.2
    rows = [f"{i + 1},{v:.2f}" for i, sample in enumerate(volume.tolist()) for v in sample]
    path.write_text("\n".join(["sample,volume (ml)", *rows]) + "\n")


def write_rejects(path: Path) -> None:
    """Rejected bottles of each shift, and how many were filled."""
    random = np.random.default_rng(5)
    filled = random.integers(8_000, 12_000, 24)
    rejected = random.binomial(filled, 0.004)
    rejected[19] = 88
    rows = [f"{r},{f}" for r, f in zip(rejected.tolist(), filled.tolist(), strict=True)]
    path.write_text("\n".join(["rejected,filled", *rows]) + "\n")


def write_weighings(path: Path) -> None:
    """Ten bottles on one scale: three persons, each three times."""
    random = np.random.default_rng(6)
    bottle = random.normal(501.0, 0.9, 10)
    habit = {"Ada": 0.05, "Ben": -0.10, "Cleo": 0.05}
    rows = [
        f"{i + 1},{name},{bottle[i] + habit[name] + random.normal(0, 0.12):.2f}"
        for name in habit
        for _ in range(3)
        for i in range(10)
    ]
    path.write_text("\n".join(["bottle,person,weight", *rows]) + "\n")


def gemel(line: str) -> None:
    """Run a command line as a shell would, and show it."""
    print(f"$ gemel {line}")
    app(shlex.split(line), standalone_mode=False)
    print()


def main() -> None:
    os.environ["COLUMNS"] = "110"
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        write_samples(Path("volume.csv"))
        write_rejects(Path("rejects.csv"))
        write_weighings(Path("scale.csv"))
        gemel("chart volume.csv --column volume --by sample --phase-one 25")
        gemel("chart rejects.csv --column rejected --size filled --kind p")
        gemel(
            "capability volume.csv --column volume --by sample --lower 497 --upper 505",
        )
        gemel(
            "gauge scale.csv --part bottle --appraiser person --value weight --tolerance 8",
        )


if __name__ == "__main__":
    main()
