"""Arguments and options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

__all__ = [
    "AsJson",
    "Cap",
    "Conditions",
    "DataFolder",
    "FailedColumn",
    "FalseAlarms",
    "Horizons",
    "Ignore",
    "Label",
    "ModelFile",
    "NormalOperation",
    "PlantFile",
    "TableFile",
    "Target",
    "TaskName",
    "TimeColumn",
    "UnitColumn",
]

PlantFile: TypeAlias = Annotated[
    Path, typer.Argument(metavar="FILE", help="The plant file, e.g. plant.yaml")
]
DataFolder: TypeAlias = Annotated[
    Path,
    typer.Option("--data", metavar="DIR", help="Folder of the history", envvar="GEMEL_DATA_DIR"),
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON, for programs")]

TableFile: TypeAlias = Annotated[
    Path,
    typer.Argument(
        metavar="DATA",
        help="A CSV or Parquet file, a row for each example; or a folder of pictures or sounds",
    ),
]
ModelFile: TypeAlias = Annotated[
    Path, typer.Argument(metavar="MODEL", help="What `gemel train` wrote")
]
TaskName: TypeAlias = Annotated[
    str,
    typer.Option(
        "--task",
        metavar="TASK",
        help="quality, remaining_life, failure, forecast, anomaly, fault, "
        "inspection, sound, or a task.yaml",
    ),
]
Target: TypeAlias = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="quality, forecast: the column that is told")
]
UnitColumn: TypeAlias = Annotated[
    str | None,
    typer.Option("--unit", metavar="COLUMN", help="What a row belongs to: machine, tool, batch …"),
]
TimeColumn: TypeAlias = Annotated[
    str | None, typer.Option("--time", metavar="COLUMN", help="Time of a row, or age of its unit")
]
Cap: TypeAlias = Annotated[
    float | None, typer.Option(help="remaining_life: longest life that is told apart")
]
Conditions: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--condition", metavar="COLUMN", help="remaining_life: sets the condition"),
]
Horizons: TypeAlias = Annotated[
    list[float] | None,
    typer.Option(
        "--horizon", help="failure: within how long; may be given often. forecast: how many steps"
    ),
]
FailedColumn: TypeAlias = Annotated[
    str | None,
    typer.Option("--failed", metavar="COLUMN", help="failure: not 0 while the unit has failed"),
]
Ignore: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--ignore", metavar="COLUMN", help="Is not looked at; may be given often"),
]
NormalOperation: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--normal", metavar="ROWS", help="anomaly: 'all', 'first 400 rows', 'first 2 h', or a "
        "column that is 1 in normal rows"
    ),
]  # fmt: skip
Label: TypeAlias = Annotated[
    str | None,
    typer.Option("--label", metavar="COLUMN", help="anomaly: 1 where it was wrong; only to judge"),
]
FalseAlarms: TypeAlias = Annotated[
    str | None,
    typer.Option("--false-alarms", metavar="N", help="anomaly: '2 per day', '1 per 1000 rows' …"),
]
