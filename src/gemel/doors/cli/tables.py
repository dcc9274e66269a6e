"""Commands that learn from tables: fit a model, judge it, ask it, and ask why."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gemel.doors.cli.options import (
    AsJson,
    Cap,
    Conditions,
    FailedColumn,
    FalseAlarms,
    Horizons,
    Ignore,
    Label,
    ModelFile,
    NormalOperation,
    TableFile,
    Target,
    TaskName,
    TimeColumn,
    UnitColumn,
)

__all__ = ["backtest", "explain", "score", "train"]


def train(
    data: TableFile,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="MODEL", help="Model file")],
    task: TaskName = "quality",
    target: Target = None,
    unit: UnitColumn = None,
    time: TimeColumn = None,
    cap: Cap = None,
    condition: Conditions = None,
    horizon: Horizons = None,
    failed: FailedColumn = None,
    ignore: Ignore = None,
    normal: NormalOperation = None,
    label: Label = None,
    false_alarms: FalseAlarms = None,
    lineage: Annotated[
        Path | None,
        typer.Option(
            "--lineage",
            metavar="NDJSON",
            help="Tell here, in OpenLineage, what was read and written; lines are added",
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Fit a model on a table, pictures or sounds: quality, life, failure, faults, what is usual."""
    from gemel.doors.cli import learning

    words = learning.described(
        target, unit, time, cap, condition, ignore, normal, label, false_alarms, horizon, failed
    )
    learning.train(data, task, words, output, lineage=lineage, as_json=json)


def backtest(
    data: TableFile,
    task: TaskName = "quality",
    target: Target = None,
    unit: UnitColumn = None,
    time: TimeColumn = None,
    cap: Cap = None,
    condition: Conditions = None,
    horizon: Horizons = None,
    failed: FailedColumn = None,
    ignore: Ignore = None,
    normal: NormalOperation = None,
    label: Label = None,
    false_alarms: FalseAlarms = None,
    json: AsJson = False,
) -> None:
    """Judge a model on rows that it has not seen, without leaks, and say how."""
    from gemel.doors.cli import learning

    words = learning.described(
        target, unit, time, cap, condition, ignore, normal, label, false_alarms, horizon, failed
    )
    learning.backtest(data, task, words, as_json=json)


def score(
    model: ModelFile,
    data: TableFile,
    format: Annotated[str, typer.Option(help="table, csv or json")] = "table",
    last: Annotated[bool, typer.Option("--last", help="Only the last row of each unit")] = False,
) -> None:
    """Say what a model says of the rows of a file."""
    from gemel.doors.cli import learning

    learning.score(model, data, format, last=last)


def explain(
    model: ModelFile,
    data: TableFile,
    row: Annotated[int, typer.Option(help="Which row, from 1")] = 1,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="PNG", help="inspection: write the picture's heat map here"),
    ] = None,
    json: AsJson = False,
) -> None:
    """Say why a model says so of one row."""
    from gemel.doors.cli import learning

    learning.explain(model, data, row, out, as_json=json)
