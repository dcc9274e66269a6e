"""Kill an OPC UA server under a running daemon, and bring it back with its namespaces reordered."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.faults.twin import Line, Twin, eventually

RANGES = {
    "level": ("Line2.Filler.FillLevel", 450.0, 550.0),
    "torque": ("Line2.Filler.DriveTorque", 1.0, 300.0),
    "speed": ("Line2.Filler.CurrentSpeed", 1_000.0, 30_000.0),
    "pressure": ("Line2.Filler.BowlPressure", 0.1, 4.0),
}
"""Node and range of each signal: no two could be taken for each other unseen, in pairs."""
OPTIONS = ("--rate", "5", "--history", "60")
STEADY = "line/torque"
"""Noisy: another value at nearly every sample."""


@dataclass(frozen=True)
class Restarted:
    """Seconds and rows."""

    noticed: float
    """From the kill until health says so."""
    recovered: float
    """From the moment that the server was ready again until the gap was refilled."""
    refilled: int
    longest_pause: float
    """Between two samples of a signal that changes five times a second, the gap included."""
    repeated: int
    """Times that are stored twice for one signal."""
    strange: int
    """Values that no such signal has."""
    gaps: tuple[dict[str, Any], ...]
    """Recorded for lost connections."""


def plant(url: str) -> str:
    """A twin of four signals of the filler."""
    signals = [
        f"      {name}: {{address: 'nsu=urn:gemel:virtual:line;s={node}'}}"
        for name, (node, _, _) in RANGES.items()
    ]
    connector = f"  opc: {{kind: opcua, url: '{url}', security: None}}"
    return "\n".join(
        ["format: 1", "connectors:", connector, "assets:", "  line:", "    connector: opc",
         "    signals:", *signals]
    )  # fmt: skip


def restart_reordered(folder: Path) -> Restarted:
    """The whole story once."""
    line = Line(folder)
    twin = Twin(folder, plant(line.url))
    try:
        line.start(*OPTIONS)
        twin.start()
        eventually(lambda: _rows(twin) > 20, "samples are stored")
        line.end()
        noticed = eventually(
            lambda: twin.connector("opc")["state"] == "starting", "the loss is noticed"
        )
        line.start(*OPTIONS, "--namespaces-reversed")
        recovered = eventually(lambda: _lost(twin, refilled=True), "the gap is refilled")
        after = _rows(twin)
        eventually(lambda: _rows(twin) > after + 20, "samples are stored again")
        table = twin.running.ask(["line/*"])
        return Restarted(
            noticed=noticed,
            recovered=recovered,
            refilled=int(twin.connector("opc")["refilled"]),
            gaps=tuple(_lost(twin, refilled=None)),
            **_judged(table),
        )
    finally:
        twin.end()
        line.end()


def _lost(twin: Twin, refilled: bool | None) -> list[dict[str, Any]]:
    return [
        gap
        for gap in twin.gaps()
        if gap["reason"] == "connection lost" and refilled in (None, bool(gap.get("refilled")))
    ]


def _rows(twin: Twin) -> int:
    return int(twin.running.ask([STEADY]).num_rows)


def _judged(table: Any) -> dict[str, Any]:
    signal = np.array(table.column("signal").to_pylist())
    moment, value = table.column("time").to_numpy(), table.column("value").to_numpy()
    good = table.column("quality").to_numpy() == 0
    repeated = strange = 0
    for name, (_, low, high) in RANGES.items():
        mine = signal == f"line/{name}"
        repeated += int(mine.sum()) - len(np.unique(moment[mine]))
        inside = (value[mine & good] >= low) & (value[mine & good] <= high)
        strange += int((~inside).sum())
    steady = np.unique(moment[(signal == STEADY) & good])
    assert len(steady) > 1, "nothing is stored"
    now = time.time_ns()
    steady = steady[steady > now - 600 * 10**9]
    return {
        "repeated": repeated,
        "strange": strange,
        "longest_pause": float(np.diff(steady).max() / 1e9),
    }
