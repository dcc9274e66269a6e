"""Write a rule, and run it over recorded rows: what it finds, what it proposes, and why."""

from __future__ import annotations

import json

import numpy as np

from gemel.core.expression import Column, Enumeration, Number
from gemel.core.time import isoformat, parse_time
from gemel.parts.reasoners import REASONERS

SECOND = 1_000_000_000
START = parse_time("2026-03-02T06:00:00Z")


def main() -> None:
    # --8<-- [start:rule]
    rule = REASONERS.build(
        {
            "kind": "rules",
            "when": "(filler.level > 502.5 and filler.state == 'Execute') for 30 s",
            "hold_off": "10 min",
            "propose": {
                "command": "line2/filler/set_speed",
                "change_percent": -4.0,
                "title": "Slow the filler down by 4 %",
                "reason": "Bottles are overfilled",
            },
        }
    )
    # --8<-- [end:rule]
    names = {
        "filler.level": Number("ml"),
        "filler.state": Enumeration(("Stopped", "Execute"), (2, 6)),
    }
    running = rule.start("overfill", names.get, known=tuple(names))
    print("reads:", ", ".join(running.inputs))

    rows = 120
    time = START + np.arange(rows) * SECOND
    level = np.where(np.arange(rows) < 60, 500.0, 503.5)
    columns = {
        "filler.level": Column(level, np.zeros(rows, np.int16)),
        "filler.state": Column(np.full(rows, 6.0), np.zeros(rows, np.int16)),
    }
    for said in running(time, columns):
        print(f"{said.title}: {said.change_percent:+g} % of {said.command}")
        print("because:", "; ".join(said.evidence.because))
        assert said.evidence.window is not None
        print("found at:", isoformat(said.evidence.window[1]))

    state = json.loads(json.dumps(running.state()))
    again = rule.start("overfill", names.get, state)
    print("said again right after:", len(again(time + rows * SECOND, columns)))


if __name__ == "__main__":
    main()
