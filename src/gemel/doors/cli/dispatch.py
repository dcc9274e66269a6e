"""`gemel dispatch`: what it takes. What it does is in `dispatching`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from gemel.doors.cli.options import AsJson

__all__ = ["dispatch"]

dispatch = typer.Typer(
    help="Which part is next, and whom a crew serves first: rules, and what can be learned.",
    no_args_is_help=True,
)

LineFile: TypeAlias = Annotated[
    Path, typer.Argument(metavar="LINE", help="A file of a line, e.g. line.yaml")
]
Parts: TypeAlias = Annotated[
    int, typer.Option(min=10, help="Parts of an episode, of which the first tenth does not count")
]
What: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="WHAT",
        help="tardiness, lead_time or makespan; tardiness if something has a `due`, else lead_time",
    ),
]
Episodes: TypeAlias = Annotated[
    int, typer.Option(min=2, help="Episodes of the test, which nothing was fitted on")
]
Seed: TypeAlias = Annotated[int, typer.Option(min=0, help="Of all luck")]


@dispatch.command()
def train(
    line: LineFile,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="Where to write the policy")
    ] = Path("policy.json"),
    parts: Parts = 500,
    objective: What = None,
    generations: Annotated[int, typer.Option(min=1, help="Of the search")] = 15,
    episodes: Episodes = 40,
    seed: Seed = 0,
    json: AsJson = False,
) -> None:
    """Learn to dispatch a line, and say whether that is surely better than the best rule."""
    from gemel.doors.cli import dispatching

    dispatching.train(line, output, parts, objective, generations, episodes, seed, as_json=json)


@dispatch.command()
def compare(
    line: LineFile,
    policy: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A policy that `train` wrote, beside rules")
    ] = None,
    parts: Parts = 500,
    objective: What = None,
    episodes: Episodes = 40,
    seed: Seed = 1,
    json: AsJson = False,
) -> None:
    """Set all rules, and a policy, side by side on the same luck."""
    from gemel.doors.cli import dispatching

    dispatching.compare(line, policy, parts, objective, episodes, seed, as_json=json)
