"""`gemel learn`: what it takes. What it does is in `line_learning`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gemel.core.errors import ConfigurationError
from gemel.doors.cli.options import AsJson, DataFolder

__all__ = ["learn"]

learn = typer.Typer(help="Learn a description from what was recorded.", no_args_is_help=True)


@learn.callback()
def _several() -> None:
    """Learn a description from what was recorded."""


@learn.command()
def line(
    log: Annotated[
        Path | None,
        typer.Argument(metavar="[LOG]", help="CSV or Parquet: a row for each case at each station"),
    ] = None,
    case: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Part, lot or order; found if usual")
    ] = None,
    station: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Where, or what was done; found if usual")
    ] = None,
    start: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="When work began, if that was recorded")
    ] = None,
    end: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="When work ended; empty if it runs")
    ] = None,
    resource: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Machine or person, if recorded")
    ] = None,
    product: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Kind of case, if recorded")
    ] = None,
    done: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN", help="Yes in any row of a finished case; told from the log if not"
        ),
    ] = None,
    products: Annotated[
        int, typer.Option(min=1, max=1000, help="Routes that stand for all, where cases have many")
    ] = 40,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write the line here")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file")] = False,
    validate: Annotated[
        bool, typer.Option(help="Hold it against the last periods, each told from those before")
    ] = True,
    period: Annotated[str, typer.Option(metavar="TIME", help="Length of a period")] = "7 d",
    periods: Annotated[
        int | None, typer.Option(min=1, help="How many of the last; a third if not given")
    ] = None,
    futures: Annotated[
        int, typer.Option(min=10, max=1000, help="How often each period is played")
    ] = 40,
    seed: Annotated[int, typer.Option(min=0, help="Of all luck")] = 0,
    from_twin: Annotated[
        str | None,
        typer.Option(
            metavar="LINE", help="Not of a log, but of what this line of a running twin did"
        ),
    ] = None,
    since: Annotated[
        str, typer.Option(metavar="TIME", help="With --from-twin: learn from here until now")
    ] = "-8h",
    data: DataFolder = Path("gemel-data"),
    json: AsJson = False,
) -> None:
    """Learn a line from the log of its parts, or from what a running twin saw of it, and say how
    well it fits."""
    from gemel.doors.cli import line_learning

    if (log is None) == (from_twin is None):
        raise ConfigurationError(
            "name either a log to learn from, or a line of a running twin with --from-twin"
        )
    if from_twin is not None:
        line_learning.learn_from_twin(from_twin, since, data, output, force=force, as_json=json)
        return
    if log is None:
        raise AssertionError("one of both is given")
    named = {
        "case": case, "station": station, "start": start, "end": end, "resource": resource,
        "product": product, "done": done,
    }  # fmt: skip
    line_learning.learn_line(
        log, named, products, output, validated=validate, period=period, periods=periods,
        futures=futures, seed=seed, force=force, as_json=json,
    )  # fmt: skip
