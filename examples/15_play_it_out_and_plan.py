"""A newcomer's bakery: what limits it, what would help, what to bake when, when to change what."""

from __future__ import annotations

import os
import shlex
import tempfile
from pathlib import Path

from gemel.core.errors import GemelError
from gemel.doors.cli.main import app

LINE = """\
stations:
  mixer: {time: 55 s}
  oven:
    time: {mean: 50 s, cv: 0.2}
    places: 4
    failures: {burner: {every: {kind: exponential, mean: 4 h}, repair: {mean: 20 min, cv: 0.5}}}
  slicer: {time: 40 s, places: 6}
"""
WHAT_IF = """\
line: line.yaml
play: {horizon: 8 h}
scenarios:
  quicker mixer: {changes: {mixer.time: -10 %}}
  burner kept in stock: {changes: {oven.repair: -50 %}}
  both: {changes: {mixer.time: -10 %, oven.repair: -50 %}}
"""
ORDERS = """\
start: 2026-03-02 04:00
machines: {oven_1: , oven_2: }
setups:
  - {machine: [oven_1, oven_2], before: rye, after: wheat, time: 20 min}
  - {machine: [oven_1, oven_2], before: wheat, after: rye, time: 10 min}
products:
  bread: {steps: [{name: bake, on: {oven_1: {each: 1 min}, oven_2: {each: 80 s}}, family: rye}]}
  rolls: {steps: [{name: bake, on: {oven_1: {each: 30 s}, oven_2: {each: 35 s}}, family: wheat}]}
orders:
  - {order: market, product: bread, quantity: 120, due: 2026-03-02 07:30}
  - {order: school, product: rolls, quantity: 150, due: 2026-03-02 06:30}
  - {order: hotel, product: rolls, quantity: 200, due: 2026-03-02 06:00, weight: 2}
  - {order: shop, product: bread, quantity: 90, due: 2026-03-02 07:00}
"""
WEAR = """\
currency: EUR
period: 1 d
assets:
  burner:
    life: {kind: weibull, shape: 2.5, scale: 2000 h}
    planned_cost: 150
    failure_cost: 1800
"""


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
        files = {"line": LINE, "what-if": WHAT_IF, "orders": ORDERS, "wear": WEAR}
        for name, text in files.items():
            Path(f"{name}.yaml").write_text(text)
        gemel("simulate line.yaml --for '8 h'")
        gemel("whatif what-if.yaml")
        gemel("schedule orders.yaml --time-limit 10")
        gemel("plan maintenance wear.yaml")
        Path("line.yaml").write_text(LINE.replace("places: 4", "place: 4"))
        gemel("simulate line.yaml")


if __name__ == "__main__":
    main()
