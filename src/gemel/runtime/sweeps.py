"""A folder of a sweep: what is played, and a Parquet file for each block that is finished.

A block is written beside its place and moved there, so that it is there whole or not at all. Any
engine reads the folder as one table: ``SELECT * FROM 'folder/*.parquet'``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gemel import __version__
from gemel.core.errors import ConfigurationError, Damaged, DataError
from gemel.core.frame import Values
from gemel.core.line.changes import line_hash
from gemel.core.line.statistics import number
from gemel.runtime.experiments import File
from gemel.twin.durable import write_whole
from gemel.twin.planning.experiments.designs import resolution_of
from gemel.twin.planning.experiments.measures import MEASURES
from gemel.twin.planning.experiments.sweeping import (
    Grid,
    Keeper,
    Swept,
    analysed,
    best_points,
    grid,
)

__all__ = ["Folder", "grid_of", "protocol_of", "record_of"]


def protocol_of(grid: Grid) -> dict[str, Any]:
    """What must be the same for blocks to belong to one table; `replications` may grow."""
    play, sweep = grid.experiment.play, grid.sweep
    return {
        "format": 1,
        "gemel": __version__,
        "line": line_hash(grid.line),
        "simulator": grid.simulator,
        "factors": sweep.model_dump(mode="json", by_alias=True)["factors"],
        "design": sweep.design,
        "points": len(grid.points),
        "block": grid.size,
        "parts": play.parts,
        "horizon_ns": play.horizon,
        "warm_up": play.warm_up,
        "seed": play.seed,
        "cost": grid.experiment.cost.model_dump(),
        "prices": grid.experiment.prices.model_dump(),
        "order": grid.experiment.order,
    }


def grid_of(file: File) -> Grid:
    """The points of the sweep of a file. Raises `ConfigurationError` with its line in the file."""
    try:
        return grid(file.experiment, file.line)
    except ConfigurationError as error:
        place = ("sweep", "factors", error.where) if error.where else ("sweep",)
        said = f"factor '{error.where}': {error.message}" if error.where else error.message
        raise ConfigurationError(said, file.where(*place)) from None


def record_of(asked: Grid, keeper: Keeper, done: Swept) -> dict[str, Any]:
    """What a sweep says so far, JSON-able but for NaN: effects, best points, the surface."""
    aim = asked.experiment.objective
    told: dict[str, Any] = {
        "protocol": protocol_of(asked),
        "replications": done.replications,
        "finished": done.finished,
        "ended_early": done.early,
        "objective": aim,
    }
    if asked.sweep.design == "fractional":
        told["resolution"] = resolution_of(asked.points)
    if not done.replications:
        return {**told, "sentence": "ended before one replication was finished"}
    told["best"] = best_points(asked, keeper, done.replications, aim)
    try:
        effects = analysed(asked, keeper, done.replications, aim)
    except DataError as error:
        return {**told, "no_effects": str(error), "sentence": str(error)}
    told["effects"] = effects.told()
    surface = effects.surface
    told["surface"] = {
        "terms": [effects.terms.title(t) or "mean" for t in effects.terms.terms],
        "coefficients": surface.coefficients.tolist(),
        "error": surface.error,
        "explained": surface.explained,
        "noise": surface.noise,
        "judged_on": "tenths of the points, each by a surface fitted on the other nine",
    }
    told["sentence"] = _sentence(asked, told, done)
    return told


def _sentence(asked: Grid, told: dict[str, Any], done: Swept) -> str:
    factors = {level.path for level in asked.levels}
    known = [row for row in told["effects"] if row["known"] and row["term"] in factors]
    ended = "" if done.finished else "; not all was played yet"
    early = "; known well enough, ended early" if done.early else ""
    if done.replications == 1:
        return f"of one replication no effect is certain{ended}"
    if not known:
        return f"no factor is certain to do anything{ended}{early}"
    title = MEASURES[asked.experiment.objective].title
    first = known[0]
    half = (first["high"] - first["low"]) / 2
    return (
        f"most is done by {first['term']}: {number(first['value'], half)} {title} from its least "
        f"to its greatest{ended}{early}"
    )


class Folder:
    """Keeps blocks; see `gemel.twin.planning.experiments.sweeping.Keeper`.

    Raises `ConfigurationError` if the folder holds another sweep.
    """

    def __init__(self, path: Path, grid: Grid) -> None:
        self.path, self.grid = path, grid
        protocol, described = protocol_of(grid), path / "sweep.json"
        path.mkdir(parents=True, exist_ok=True)
        if not described.exists():
            if any(path.glob("*.parquet")):
                raise ConfigurationError("has Parquet files and is no sweep", str(path))
            write_whole(described, json.dumps(protocol, indent=2).encode() + b"\n")
            return
        try:
            there = json.loads(described.read_text(encoding="utf-8"))
        except ValueError as error:
            raise Damaged(f"{described}: is no JSON: {error}") from None
        differing = sorted(k for k in protocol if there.get(k) != protocol[k])
        if differing:
            raise ConfigurationError(
                f"holds another sweep: {', '.join(differing)} differ; give another --out", str(path)
            )

    def has(self, replication: int, block: int) -> bool:
        return self._file(replication, block).exists()

    def put(self, replication: int, block: int, columns: dict[str, Values]) -> None:
        rows = self.grid.rows(block)
        n = rows.stop - rows.start
        table: dict[str, Any] = {
            "point": np.arange(rows.start, rows.stop, dtype=np.int64),
            "replication": np.full(n, replication, np.int32),
            **self.grid.told(block),
            **columns,
        }
        sink = pa.BufferOutputStream()
        pq.write_table(pa.table(table), sink)
        write_whole(self._file(replication, block), sink.getvalue().to_pybytes())

    def get(self, replication: int, block: int, measure: str) -> Values:
        path = self._file(replication, block)
        rows = self.grid.rows(block)
        try:
            found = pq.read_table(path, columns=[measure]).column(0).to_numpy()
        except (pa.ArrowInvalid, OSError, KeyError) as error:
            raise Damaged(f"{path}: {error}; remove it, and it is played again") from None
        if len(found) != rows.stop - rows.start:
            raise Damaged(f"{path}: {len(found)} rows; remove it, and it is played again")
        return np.asarray(found, np.float64)

    def _file(self, replication: int, block: int) -> Path:
        return self.path / f"r{replication:05d}-b{block:06d}.parquet"
