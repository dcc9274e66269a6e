"""Commands about lines and orders: play out, find what limits, plan."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gemel.doors.cli.options import (
    AsJson,
    DataFolder,
)

__all__ = ["bottleneck", "schedule", "simulate", "snapshot"]


def simulate(
    file: Annotated[
        Path, typer.Argument(metavar="LINE", help="A file that describes a line, e.g. line.yaml")
    ],
    parts: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="So many parts; 10,000 if not given")
    ] = None,
    horizon: Annotated[
        str | None, typer.Option("--for", metavar="TIME", help="Or for so long, e.g. '8 h'")
    ] = None,
    replications: Annotated[
        int, typer.Option(min=1, help="How often, each time with other luck")
    ] = 10,
    change: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="CHANGE",
            help="Another line than in the file: 'filler.time*0.95', "
            "'filler.places=10', 'caps.line.most=40' (parts at once); `between` failures and "
            "`repair` take factors too. Repeatable",
        ),
    ] = None,
    alternative: Annotated[
        list[str] | None,
        typer.Option(
            "--try",
            metavar="CHANGES",
            help="An alternative to compare with, changes with commas between. Repeatable",
        ),
    ] = None,
    warm_up: Annotated[
        float, typer.Option(min=0, max=0.9, help="Share at the beginning that is not measured")
    ] = 0.1,
    seed: Annotated[int, typer.Option(min=0, help="Of all luck")] = 0,
    simulator: Annotated[
        str | None, typer.Option(help="flow_line or events; the fastest that covers the line")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="At once; as many as processors if not given")
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Begin with what stands in the line: see gemel snapshot"),
    ] = None,
    json: AsJson = False,
) -> None:
    """Play out a line: throughput, parts in it, states of its stations, and what limits it."""
    from gemel.doors.cli import simulating

    simulating.simulate(
        file, parts, horizon, replications, change or [], alternative or [], warm_up, seed,
        simulator, threads, start, as_json=json,
    )  # fmt: skip


def snapshot(
    line: Annotated[str, typer.Argument(metavar="LINE", help="Its name in the plant file")],
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write it here; else it is printed")
    ] = None,
    data: DataFolder = Path("gemel-data"),
) -> None:
    """Say what stands where in a line of a running twin, for gemel simulate --start."""
    from gemel.doors.cli import simulating

    simulating.snapshot(line, output, data)


def bottleneck(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="A line, or a log of its parts (CSV: part, station, start, end)"
        ),
    ],
    parts: Annotated[int, typer.Option(min=100, help="Of a line: so many in each run")] = 10_000,
    replications: Annotated[int, typer.Option(min=2, help="Of a line: so many runs")] = 10,
    windows: Annotated[
        int, typer.Option(min=1, max=100, help="Stretches of time that are told apart")
    ] = 6,
    seed: Annotated[int, typer.Option(min=0, help="Of all luck")] = 0,
    json: AsJson = False,
) -> None:
    """Say what limits a line, by several methods side by side, and how sure each is."""
    from gemel.doors.cli import limiting

    limiting.tell(file, parts, replications, windows, seed, as_json=json)


def schedule(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="Orders, machines and calendars as YAML, or a problem in one of the usual formats",
        ),
    ],
    time: Annotated[
        str,
        typer.Option(
            "--for", "--time-limit", metavar="TIME", help="How long to look, e.g. 10s or 2min"
        ),
    ] = "10s",
    iterations: Annotated[
        int | None,
        typer.Option(
            min=1, help="Look for so many iterations instead: the same seed gives the same plan"
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the search")] = 1,
    solver: Annotated[
        str,
        typer.Option(help="best, tabu, flow_shop, campaigns, annealing, dispatch or cp_sat"),
    ] = "best",
    workers: Annotated[
        str | None,
        typer.Option(
            metavar="WHO",
            help="Several searches by threads, threads:4, ray, or ray:ADDRESS; the best is taken",
        ),
    ] = None,
    searches: Annotated[
        int | None,
        typer.Option(
            min=1, max=1024, help="So many, each with luck of its own; 8 with --workers, else 1"
        ),
    ] = None,
    spread: Annotated[
        float,
        typer.Option(
            min=0,
            max=3,
            help="Standard deviation of durations as a share of them, e.g. 0.2: the "
            "plan is chosen by trial, and dates come with a probability",
        ),
    ] = 0.0,
    format: Annotated[
        str | None,
        typer.Option(
            metavar="FORMAT",
            help="gemel, jsplib, fjsp, flow_shop, patterson or psplib; else it is recognised",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="CSV", help="Write the plan here")
    ] = None,
    plan: Annotated[
        Path | None,
        typer.Option("--plan", metavar="CSV", help="Repair this plan instead of making a new one"),
    ] = None,
    now: Annotated[
        str | None,
        typer.Option(metavar="T", help="With --plan: what has begun by then stays as it is"),
    ] = None,
    down: Annotated[
        list[str] | None,
        typer.Option(
            "--down", metavar="MACHINE:FROM-TO", help="With --plan: a breakdown. Repeatable"
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Plan the orders of a file, or repair a plan after a breakdown."""
    from gemel.doors.cli import scheduling

    scheduling.schedule(
        file, time, iterations, seed, solver, format, out, plan, now, down or [],
        spread=spread, workers=workers, searches=searches, as_json=json,
    )  # fmt: skip
