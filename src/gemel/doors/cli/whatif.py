"""`gemel whatif`: what it takes. What it does is in `experimenting`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer
from typer.core import TyperGroup

from gemel.doors.cli.options import AsJson

__all__ = ["whatif"]


class _Group(TyperGroup):
    """`gemel whatif FILE` is `gemel whatif play FILE`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            args = ["play", *args]
        return super().resolve_command(ctx, args)


whatif = typer.Typer(
    cls=_Group, help="Try alternatives to a line before they are built.", no_args_is_help=True
)

ExperimentFile: TypeAlias = Annotated[
    Path, typer.Argument(metavar="FILE", help="A file of an experiment, e.g. what-if.yaml")
]
WorkersOption: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="WHO", help="threads, threads:4, ray, or ray:ADDRESS; the numbers are the same"
    ),
]


@whatif.command()
def play(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="A file of an experiment, or of a line with --try"),
    ],
    alternative: Annotated[
        list[str] | None,
        typer.Option(
            "--try",
            metavar="CHANGES",
            help="Of a line: an alternative such as "
            "'capper.time*0.9, filler.servers=2'. Repeatable",
        ),
    ] = None,
    objective: Annotated[
        str | None,
        typer.Option(help="Of a line: what should be at its best; good_parts_per_hour if not said"),
    ] = None,
    difference: Annotated[
        float | None,
        typer.Option(help="In the unit of the objective: less does not matter; 1 % if not said"),
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option(
            "--keep",
            metavar="JSON",
            help="Keep every replication here, and go on from what is there",
        ),
    ] = None,
    workers: WorkersOption = "threads",
    json: AsJson = False,
) -> None:
    """Play scenarios until the best is certain. `play` may be left out."""
    from gemel.doors.cli import experimenting

    experimenting.play(file, alternative or [], objective, difference, keep, workers, as_json=json)


@whatif.command()
def compare(
    first: Annotated[Path, typer.Argument(metavar="A", help="What --keep wrote")],
    second: Annotated[Path, typer.Argument(metavar="B", help="The same, of another time")],
    json: AsJson = False,
) -> None:
    """Set two kept results side by side, scenario by scenario."""
    from gemel.doors.cli import experimenting

    experimenting.compare(first, second, as_json=json)


@whatif.command()
def sweep(
    file: ExperimentFile,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Keep every point here as Parquet, and go on from what is there",
        ),
    ] = None,
    workers: WorkersOption = "threads",
    json: AsJson = False,
) -> None:
    """Play out combinations of factors: effects, interactions, a response surface."""
    from gemel.doors.cli import sweeping

    sweeping.sweep(file, out, workers, as_json=json)


@whatif.command()
def design(
    file: ExperimentFile,
    keep: Annotated[
        Path | None,
        typer.Option(
            "--keep", metavar="JSON", help="Keep every line here, and go on from what is there"
        ),
    ] = None,
    workers: WorkersOption = "threads",
    json: AsJson = False,
) -> None:
    """Say what to expect of a line that does not exist yet: capacity, ramp-up, cost."""
    from gemel.doors.cli import designing

    designing.design(file, keep, workers, as_json=json)
