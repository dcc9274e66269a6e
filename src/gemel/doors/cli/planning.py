"""`gemel plan`: what it takes. What it does is in `stocking` and `upkeeping`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from gemel.doors.cli.options import AsJson

__all__ = ["plan"]

plan = typer.Typer(help="Find the best plan for what a file describes.", no_args_is_help=True)

Described: TypeAlias = Annotated[Path, typer.Argument(metavar="FILE", help="A YAML file")]


@plan.command()
def maintenance(
    file: Described,
    asset: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only this asset; without it, all")
    ] = None,
    json: AsJson = False,
) -> None:
    """Say when to replace what, and what that costs."""
    from gemel.doors.cli import upkeeping

    upkeeping.maintenance(file, asset, as_json=json)


@plan.command()
def stock(
    file: Described,
    periods: Annotated[
        int, typer.Option(min=10, max=1_000_000, help="Periods of each replication that is played")
    ] = 1_000,
    replications: Annotated[
        int, typer.Option(min=2, max=10_000, help="How often it is played")
    ] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Of the chance that is played")] = 0,
    json: AsJson = False,
) -> None:
    """Say how much to keep of what and when to order, and play it out."""
    from gemel.doors.cli import stocking

    stocking.stock(file, periods, replications, seed, as_json=json)
