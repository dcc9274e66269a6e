"""Forecasts on two public data sets, beside seasonal naive and the models of statsforecast.

    python -m benchmarks.forecasting [--data DIR] [--json FILE] [--choose] [--quick]

`--choose` rolls over the earlier part alone and prints the losses by which the settings in `OURS`
were chosen; without it the last part is scored.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import forecasting_peers as peers
from benchmarks.detection_metrics import table
from benchmarks.public_data import digest, folder
from gemel.core.time import DAY, MINUTE, parse_time
from gemel.parts.forecasters import FORECASTERS
from gemel.parts.forecasters.base import Forecast, Panel
from gemel.twin.learning.evaluation import forecast_scores as scores
from gemel.twin.learning.evaluation.rolling import Rolled, origins_of, roll

LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
Settings = dict[str, Any]


@dataclass(frozen=True)
class Task:
    """One data set and how it is scored; `test` rows at the end are left alone while choosing."""

    panel: Panel
    file: Path
    protocol: str
    horizon: int
    season: int
    scale_season: int
    test: int
    origins: int
    stride: int
    refit: int


TREES_STEEL: Settings = {
    "kind": "boosted", "season": 96, "seasons": [672], "windows": [4, 16, 96, 672],
}  # fmt: skip
MORE: Settings = {"repeats": 6, "rows": 120_000, "lags": [1, 2, 3, 4, 8]}
TREES_PARTS: Settings = {
    "kind": "boosted", "season": 12, "relative": False, "windows": [3, 6, 12, 24, 48],
    "lags": [1, 2, 3, 4, 5, 6], "trees": {"iterations": 100, "leaves": 12, "least": 100},
}  # fmt: skip
CANDIDATES: dict[str, dict[str, Settings]] = {
    "steel_energy": {
        "ets (672)": {"kind": "ets", "season": 672},
        "theta (672)": {"kind": "theta", "season": 672},
        "boosted": TREES_STEEL,
        "boosted, own units": TREES_STEEL | {"relative": False},
        "boosted, more rows and lags": TREES_STEEL | MORE,
        "boosted, own units, more rows and lags": TREES_STEEL | MORE | {"relative": False},
    },
    "carparts": {
        "croston": {"kind": "croston", "method": "croston"},
        "croston, sba": {"kind": "croston"},
        "croston, tsb": {"kind": "croston", "method": "tsb"},
        "ets": {"kind": "ets"},
        "theta": {"kind": "theta"},
        "boosted": TREES_PARTS,
        "boosted, bands around the mean": TREES_PARTS | {"quantile_trees": False},
    },
}
OURS: dict[str, tuple[str, ...]] = {
    "steel_energy": ("boosted, own units, more rows and lags",),
    "carparts": ("boosted", "croston, tsb"),
}
"""What is reported: the best of `--choose` by scaled quantile loss, and the best simple method."""


def steel(data: Path) -> Task:
    """Usage_kWh of the steel works. Nothing that is measured with it is used, only its past and the
    calendar, which follows from the time."""
    file = data / "steel_energy" / "steel_industry_data.csv.gz"
    with gzip.open(file, "rt") as lines:
        rows = [line.split(",") for line in lines][1:]
    begin = parse_time(rows[0][0])
    value = np.array([[float(row[2]) for row in rows]])
    grid = begin + 15 * MINUTE * np.arange(len(rows), dtype=np.int64)
    return Task(
        Panel(("usage",), grid, value), file,
        "Usage_kWh every 15 min, January to September 2018. 28 origins, a day apart, each of a day "
        "(96 steps), over the last 28 days; settings were chosen on 28 such origins that end 56 "
        "days before the end. Ours are fitted at every 14th origin on all rows before it and "
        "continue in between; peers at each one, on the last eight weeks before it, since on all "
        "rows one forecast of some takes more than a minute. Scale: change over a week.",
        96, 672, 672, 56 * 96, 28, 96, 14,
    )  # fmt: skip


def carparts(data: Path) -> Task:
    """Monthly sales of parts; empty cells are unknown."""
    file = data / "carparts" / "carparts.csv"
    rows = [line.split(",")[1:] for line in file.read_text().splitlines()[1:]]
    value = np.array([[float(cell) if cell else np.nan for cell in row] for row in rows])
    # Months as rows of one length: a grid in ns has no other.
    grid = parse_time("1998-01-15") + (30 * DAY + 10 * 60 * MINUTE + 30 * MINUTE) * np.arange(
        value.shape[1], dtype=np.int64
    )
    names = tuple(f"part{i}" for i in range(len(value)))
    return Task(
        Panel(names, grid, value), file,
        "1,337 parts, 51 months. Three origins, three months apart, each of six months, over the "
        "last twelve; settings were chosen on three origins over the twelve months before. All are "
        "fitted at each origin. Scale: change from month to month.",
        6, 12, 1, 12, 3, 3, 1,
    )  # fmt: skip


TASKS: dict[str, Callable[[Path], Task]] = {"steel_energy": steel, "carparts": carparts}


def rolled(task: Task, fit: Callable[..., Any], choose: bool, refit: int, origins: int) -> Rolled:
    """Over the last part, or, to choose, over the part before it."""
    panel = task.panel.until(len(task.panel) - task.test) if choose else task.panel
    at = origins_of(len(panel), task.horizon, origins, task.stride)
    return roll(fit, panel, at, task.horizon, season=task.scale_season, refit=refit)


def built(task: Task, settings: Settings) -> Callable[..., Any]:
    common = {"horizon": task.horizon, "levels": list(LEVELS), "non_negative": True}
    return FORECASTERS.build({**common, **settings}).fit


class Zero:
    """Nobody buys anything: the best median of rare demand, and no help to who keeps the stock."""

    def fit(self, history: Panel) -> Zero:
        return self

    def forecast(self, history: Panel, horizon: int) -> Forecast:
        shape = (len(history.names), horizon)
        time = history.time[-1] + history.step * np.arange(1, horizon + 1)
        nothing = np.zeros((*shape, len(LEVELS)))
        return Forecast(history.names, time, np.zeros(shape), LEVELS, nothing)


def row(name: str, found: Rolled, naive: Rolled, seconds: float) -> Settings:
    all_of = scores.summary(found, naive)
    low, high = all_of["sql_ratio_interval"]
    return {
        "forecaster": name,
        "pinball": all_of["pinball"],
        "scaled quantile loss": all_of["sql"],
        "of naive": all_of["sql_ratio"],
        "95 %": f"{low:.3f} to {high:.3f}",
        "MASE": all_of["mase"],
        "MASE of the mean": float(np.nanmean(scores.mase(found, "mean"))),
        "RMSSE": all_of["rmsse"],
        "cover of 90 %": 100 * all_of["coverage"],
        "s": round(seconds, 1),
    }


def measured(name: str, task: Task, *, choose: bool, quick: bool) -> dict[str, Any]:
    origins = 2 if quick else min(task.origins, 28) if choose else task.origins
    refit = task.refit if task.refit == 1 else origins if choose else task.refit
    naive_fit = built(task, {"kind": "seasonal_naive", "season": task.season})
    naive = rolled(task, naive_fit, choose, refit, origins)
    rows = [row("seasonal naive", naive, naive, 0.0)]
    entries = {f"gemel {n}": (built(task, s), refit) for n, s in CANDIDATES[name].items()
               if choose or n in OURS[name]}  # fmt: skip
    if name == "carparts":
        entries["always zero"] = (Zero().fit, 1)
    version = None if choose else peers.version()
    if version:
        found = {f"statsforecast {n}": (p, 1) for n, p in peers.models(name, LEVELS).items()}
        entries |= found
    for title, (fit, every) in entries.items():
        before = time.perf_counter()
        result = rolled(task, fit, choose, every, origins)
        rows.append(row(title, result, naive, time.perf_counter() - before))
        print(f"{name}: {title}, {rows[-1]['s']} s", file=sys.stderr)
    return {
        "protocol": task.protocol, "rows": rows, "statsforecast": version or "not run: not here",
        "sha256": digest([task.file]), "beside": "" if choose else beside(name, rows),
    }  # fmt: skip


def beside(name: str, rows: list[Settings]) -> str:
    """Ours against the best peer of each score, in words."""
    ours = next(r for r in rows if r["forecaster"] == f"gemel {OURS[name][0]}")
    theirs = [r for r in rows if r["forecaster"].startswith("statsforecast")]
    if not theirs:
        return "statsforecast was not run."
    said = []
    for score in ("scaled quantile loss", "pinball", "MASE", "RMSSE"):
        best = min(theirs, key=lambda r: r[score])
        said.append(f"{score} {ours[score]:.3f}, {best['forecaster']} {best[score]:.3f}")
    return f"{ours['forecaster']} beside the best peer: " + "; ".join(said) + "."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--data", help="data folder; GEMEL_DATA or ../shared/data if not given")
    parser.add_argument("--json", type=Path, help="write the results here too")
    parser.add_argument("--choose", action="store_true", help="print the choice of settings")
    parser.add_argument("--quick", action="store_true", help="two origins: decides nothing")
    parser.add_argument("--only", choices=sorted(TASKS), help="one data set")
    arguments = parser.parse_args()
    data = folder(arguments.data)
    result = {}
    for name in [arguments.only] if arguments.only else TASKS:
        task = TASKS[name](data)
        found = measured(name, task, choose=arguments.choose, quick=arguments.quick)
        result[name] = found
        print(f"# {name}{', choice of settings' if arguments.choose else ''}\n\n{task.protocol}\n")
        print(f"statsforecast: {found['statsforecast']}; sha256 {found['sha256']}\n")
        print(f"{table(found['rows'])}\n\n{found['beside']}\n")
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
