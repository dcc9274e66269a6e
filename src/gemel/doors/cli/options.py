"""Arguments and options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

__all__ = ["AsJson", "DataFolder", "PlantFile"]

PlantFile: TypeAlias = Annotated[
    Path, typer.Argument(metavar="FILE", help="The plant file, e.g. plant.yaml")
]
DataFolder: TypeAlias = Annotated[
    Path,
    typer.Option("--data", metavar="DIR", help="Folder of the history", envvar="GEMEL_DATA_DIR"),
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON, for programs")]
