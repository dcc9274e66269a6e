"""`gemel whatif sweep`: a design of experiments played out, and what its factors do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import typer

from gemel.doors.cli import experiment_tables as tables
from gemel.doors.cli import telling
from gemel.doors.cli.experimenting import watched
from gemel.doors.cli.telling import number, plain
from gemel.runtime.experiments import read_experiment
from gemel.runtime.sweeps import Folder, grid_of, record_of
from gemel.runtime.workers import workers
from gemel.twin.planning.experiments.measures import MEASURES
from gemel.twin.planning.experiments.sweeping import (
    Grid,
    Keeper,
    Memory,
    Swept,
)
from gemel.twin.planning.experiments.sweeping import sweep as play_out

__all__ = ["sweep"]

_KEPT_IN_MEMORY: Final = 1_000_000


def sweep(file: Path, out: Path | None, who: str, *, as_json: bool) -> None:
    """See `gemel whatif sweep --help`."""
    asked = grid_of(read_experiment(file))
    runs = len(asked.points) * asked.sweep.replications
    if out is None and runs > _KEPT_IN_MEMORY:
        raise typer.BadParameter(
            f"{runs:,} runs are not kept in memory; give --out, a folder for them"
        )
    keeper: Keeper = Memory() if out is None else Folder(out, asked)
    with workers(who) as found, watched("Playing") as progress:
        done = play_out(
            asked, keeper, executor=found.executor, workers=found.count, progress=progress
        )
    told = record_of(asked, keeper, done)
    if as_json:
        typer.echo(json.dumps(plain(told), indent=2))
        return
    _show(asked, told, done, out)


def _show(asked: Grid, told: dict[str, Any], done: Swept, out: Path | None) -> None:
    console, title = telling.console(), MEASURES[asked.experiment.objective].title
    runs = f"{len(asked.points):,} combinations, {done.replications} replications of each"
    ended = [] if done.finished else ["ended before all was played; the same command goes on"]
    notes = [
        *ended,
        f"{runs}; common luck, seed {asked.experiment.play.seed}, simulator {asked.simulator}",
    ]
    if out is not None:
        notes.append(f"every run is kept in {out}")
    if "resolution" in told:
        words = {3: "main effects are mixed with interactions",
                 4: "interactions are mixed with each other"}  # fmt: skip
        mixed = words.get(told["resolution"], "no interaction of two is mixed with another")
        notes.append(f"resolution {min(told['resolution'], 5)}: {mixed}")
    if "effects" not in told:
        telling.say(console, told["sentence"], notes)
        return
    console.print(tables.effects(told))
    console.print()
    paths = [level.path for level in asked.levels]
    best = telling.table("best points", *paths, title)
    for row in told["best"]:
        mine = row[asked.experiment.objective]
        cells = [number(v) if isinstance(v, float) else v for v in (row[p] for p in paths)]
        best.add_row(f"{row['point']}", *cells, number(mine["value"], mine["high"] - mine["low"]))
    console.print(best)
    console.print()
    surface = told["surface"]
    if surface["error"] == surface["error"]:
        noise = surface["noise"]
        notes.insert(
            0, f"a surface of second order is off by {number(surface['error'])} {title} on points "
            f"that it has not seen ({100 * surface['explained']:.0f} % explained"
            + (f"; luck moves points by {number(noise)})" if noise == noise else ")"),
        )  # fmt: skip
    telling.say(console, told["sentence"], notes)
