"""Faults put into normal rows: how settings are chosen without a look at any labelled run.

    python -m benchmarks.detection_injected [--data DIR]

Normal rows are d00 and d00_te of Tennessee Eastman in five blocks (a model of the four others, 20
rows between), stretches of the recording of SKAB without anomalies (400 rows, judged on the 400
that follow), and two simulated plants (2,000 rows, judged on 600): one of independent rows, one
whose hidden signals are first-order ones of up to 500 rows. Into each judged stretch go, 190 rows
before its end, steps of one signal and in random directions, ramps, and more variance, sized in
standard deviations of the signals; the seed is 7. Alarms in the stretch as it was are false, those
of the stretch begun anew every 50 rows too. Wanted are 0.1 %. Faults are short: what is told of
`memory` and `wander` is little, since a long fault is what a slow mean forgets.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks import detection_peers as peers
from benchmarks.detection import RATE, tep_normal
from benchmarks.detection_metrics import delay, table
from benchmarks.public_data import aligned, folder, frame_of, skab_normal
from gemel.core.time import SECOND
from gemel.parts.detectors import DETECTORS
from gemel.parts.detectors.base import Window

Alarms = npt.NDArray[np.bool_]
Watch = Callable[[Window], Alarms]

FAULTS = (("step", 1.0), ("step", 2.0), ("direction", 1.5), ("ramp", 3.0), ("variance", 1.0))
REPEATS = 4
ROWS = 190
"""Rows from the beginning of a fault that are judged."""
THREE = [1.0, 0.1, 0.03]
SETTINGS: tuple[dict[str, Any], ...] = (
    {"kind": "pca"},
    {"kind": "pca", "averages": THREE},
    {"kind": "pca", "wander": 0.5},
    {"kind": "pca", "averages": THREE, "wander": 0.5},
    {"kind": "pca", "averages": THREE, "lags": 1, "smoothing": 0.3, "wander": 0.5, "blocks": 8},
    {"kind": "cva"},
    {"kind": "cva", "averages": THREE},
    {"kind": "cva", "averages": THREE, "smoothing": 0.3},
    {"kind": "cva", "averages": THREE, "past": 5, "future": 5, "smoothing": 0.3},
    {"kind": "cva", "past": 5, "future": 5, "averages": [1.0], "statistic": "spe"},
)


def cases(data: Path) -> Iterator[tuple[str, Window, Window]]:
    """Name of the plant, normal rows to learn from, normal rows to judge on."""
    normal, _ = tep_normal(data)
    for low, high in pairwise(round(i * len(normal) / 5) for i in range(6)):
        kept = np.ones(len(normal), np.bool_)
        kept[max(low - 20, 0) : high + 20] = False
        yield "TEP", normal.rows(kept), normal.rows(slice(low, high))
    run = skab_normal(data)
    pieces = [frame_of(run, slice(i, i + 60)) for i in range(0, len(run.time), 60)]
    loop = aligned(pieces, run.names, SECOND)
    for low in range(0, len(loop) - 1000, 1100):
        yield "SKAB", loop.rows(slice(low, low + 400)), loop.rows(slice(low + 400, low + 800))
    for name, memories in (("independent", (0, 0, 0)), ("wandering", (0.7, 0.9, 0.99, 0.998))):
        for seed in range(4):
            plant = simulated(3000, seed, memories)
            yield name, plant.rows(slice(0, 2000)), plant.rows(slice(2000, 2600))


def simulated(rows: int, seed: int, memories: tuple[float, ...]) -> Window:
    """Ten signals of hidden first-order ones with these coefficients, and noise of 0.5."""
    random = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).normal(size=(len(memories), 10))
    a = np.array(memories)
    hidden = random.normal(size=(rows + 1000, len(a)))
    hidden[1:] *= np.sqrt(1 - a**2)
    for i in range(1, len(hidden)):
        hidden[i] += a * hidden[i - 1]
    value = hidden[1000:] @ mixing + 0.5 * random.normal(size=(rows, 10))
    return Window(SECOND * np.arange(rows), value, tuple(f"s{j}" for j in range(10)))


def injected(
    normal: Window, begin: int, scale: npt.NDArray[np.float64], fault: tuple[str, float],
    random: np.random.Generator,
) -> Window:  # fmt: skip
    """The rows with a fault from `begin` on."""
    kind, size = fault
    value, (n, k) = normal.value.copy(), normal.value.shape
    after = n - begin
    if kind == "variance":
        chosen = random.choice(k, max(k // 8, 1), replace=False)
        noise = random.normal(size=(after, len(chosen)))
        value[begin:, chosen] += size * noise * scale[chosen]
        return Window(normal.time, value, normal.names)
    direction = np.zeros(k)
    if kind == "direction":
        direction[:] = random.normal(size=k)
        direction /= np.sqrt((direction**2).sum())
    else:
        direction[random.integers(k)] = 1
    course = np.linspace(0, 1, after) if kind == "ramp" else np.ones(after)
    value[begin:] += size * course[:, None] * direction * scale
    return Window(normal.time, value, normal.names)


def ours(settings: dict[str, Any]) -> Callable[[Window], Watch]:
    def fitted(normal: Window) -> Watch:
        model = DETECTORS.build({**settings, "false_alarm_rate": RATE}).fit(normal)
        return lambda window: model.start()(window).alarm

    return fitted


def peer(normal: Window) -> Watch:
    """The strongest on Tennessee Eastman; 70 % of the rows to fit, the rest for its limit."""
    cut = int(0.7 * len(normal))
    score = peers.cva(normal.value[:cut], normal.value[cut:], RATE)

    def alarms(window: Window) -> Alarms:
        value, limit = score(window.value)
        return np.asarray(value > limit, np.bool_)

    return alarms


def judged(name: str, fit: Callable[[Window], Watch], data: Path) -> Iterator[dict[str, Any]]:
    """A row for each plant."""
    found: dict[str, dict[str, list[float]]] = {}
    for plant, normal, later in cases(data):
        watch, random = fit(normal), np.random.default_rng(7)
        scale, begin = normal.value.std(axis=0), len(later) - ROWS
        row = found.setdefault(plant, {"quiet": [], "anew": [], "rows": [], "delay": []})
        row["quiet"].append(float(watch(later).mean()))
        row["anew"] += [
            float(watch(later.rows(slice(i, i + 100))).mean())
            for i in range(0, len(later) - 99, 50)
        ]
        for fault in FAULTS:
            for _ in range(REPEATS):
                alarm = watch(injected(later, begin, scale, fault, random))
                row["rows"].append(float(alarm[begin:].mean()))
                late = delay(alarm, begin, 1)
                row["delay"].append(ROWS if late is None else late)
    for plant, row in found.items():
        yield {
            "settings": name,
            "normal rows": plant,
            "FAR %": 100 * float(np.mean(row["quiet"])),
            "FAR begun anew %": 100 * float(np.mean(row["anew"])),
            "found rows %": 100 * float(np.mean(row["rows"])),
            f"mean delay, rows, {ROWS} if never": float(np.mean(row["delay"])),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--data", help="data folder; GEMEL_DATA or ../shared/data if not given")
    data = folder(parser.parse_args().data)
    rows = list(judged("CVA-Q + EWMA 0.1 (peer)", peer, data))
    for settings in SETTINGS:
        name = json.dumps(settings).replace('"', "").strip("{}")
        rows += judged(name, ours(settings), data)
    print(table(rows))


if __name__ == "__main__":
    main()
