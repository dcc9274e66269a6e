"""`gemel plan` and `gemel supply`: what they take. What they do is in `stocking`, `upkeeping` and
`supplying`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from gemel.doors.cli.options import AsJson

__all__ = ["plan", "supply"]

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


def supply(
    file: Described,
    start: Annotated[
        str | None,
        typer.Option(
            metavar="DATE",
            help="Look ahead from this day on; without it from the end of the demand history",
        ),
    ] = None,
    periods: Annotated[
        int, typer.Option(min=100, max=100_000, help="Periods of each long replication")
    ] = 1_000,
    replications: Annotated[
        int, typer.Option(min=2, max=1_000, help="How often the long run is played")
    ] = 40,
    seed: Annotated[int, typer.Option(min=0, help="Of the chance that is played")] = 0,
    json: AsJson = False,
) -> None:
    """Say what runs out when, what to order now, which stage is the risk, and what to ship."""
    from gemel.doors.cli import supplying

    supplying.supply(file, start, periods, replications, seed, as_json=json)
