"""The commands. Each imports what it needs when it runs, so that `gemel --help` is quick.

Exit codes: 0 good, 1 something that the user can mend, 2 wrong usage.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from gemel.core.errors import GemelError
from gemel.doors.cli import access, experiments, learned, models, planning, plans, quality
from gemel.doors.cli.dispatch import dispatch
from gemel.doors.cli.lots import lots
from gemel.doors.cli.options import (
    AsJson,
    Cap,
    Conditions,
    DataFolder,
    FailedColumn,
    FalseAlarms,
    Horizons,
    Ignore,
    Label,
    ModelFile,
    NormalOperation,
    PlantFile,
    TableFile,
    Target,
    TaskName,
    TimeColumn,
    UnitColumn,
)
from gemel.doors.cli.pictures import pictures
from gemel.doors.cli.whatif import whatif

__all__ = ["app", "main"]

app = typer.Typer(
    name="gemel",
    help="Gemel keeps a factory and its twin moving together.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.add_typer(access.people, name="people")
app.add_typer(access.tokens, name="tokens")
app.add_typer(models.models, name="models")
app.add_typer(models.labels, name="labels")
app.add_typer(lots, name="lots")
app.add_typer(pictures, name="pictures")
app.add_typer(planning.plan, name="plan")
app.add_typer(plans.plans, name="plans")
app.add_typer(experiments.experiments, name="experiments")
app.add_typer(whatif, name="whatif")
app.add_typer(learned.learn, name="learn")
app.command()(planning.supply)
app.add_typer(dispatch, name="dispatch")


@app.command()
def discover(
    target: Annotated[
        str, typer.Argument(metavar="URL-OR-FILE", help="opc.tcp://…, or a CSV or Parquet file")
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="FILE", help="Where to write the plant file; '-' prints it"
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file")] = False,
    json: AsJson = False,
) -> None:
    """Look at a machine, server or data file, and write a plant file that fits it."""
    from gemel.doors.cli import making

    making.discover(target, output, force=force, as_json=json)


@app.command()
def check(
    file: PlantFile,
    json: AsJson = False,
) -> None:
    """Explain what is wrong with a plant file."""
    from gemel.doors.cli import making

    making.check(file, as_json=json)


@app.command()
def run(
    file: PlantFile,
    data: DataFolder = Path("gemel-data"),
    http: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Where to serve pages and API")
    ] = "127.0.0.1:8080",
    tls_certificate: Annotated[
        Path | None, typer.Option(help="Certificate chain (PEM), turns TLS on")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Private key (PEM)")] = None,
) -> None:
    """Run the twin of a plant."""
    from gemel.doors.cli import running

    running.run(file, data, http, tls_certificate, tls_key)


@app.command()
def demo(
    data: Annotated[
        Path | None, typer.Option("--data", metavar="DIR", help="Keep the history in this folder")
    ] = None,
    http: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Where to serve pages and API")
    ] = "127.0.0.1:8080",
    browser: Annotated[bool, typer.Option(help="Open the browser")] = True,
    scenario: Annotated[
        str, typer.Option(help="story, brief, learning, planning, quiet or random")
    ] = "story",
    seed: Annotated[int, typer.Option(help="Of the virtual line")] = 1,
) -> None:
    """Start a virtual bottling line and its twin: five minutes that show what Gemel does."""
    from gemel.doors.cli import running

    running.demo(data, http, browser=browser, scenario=scenario, seed=seed)


@app.command()
def replay(
    file: PlantFile,
    recordings: Annotated[list[str], typer.Argument(metavar="DATA…", help="CSV or Parquet files")],
    data: DataFolder = Path("gemel-data"),
    speed: Annotated[
        str, typer.Option(help="How many times faster than recorded, or 'max'")
    ] = "max",
    again: Annotated[
        bool,
        typer.Option("--again", help="Read from the beginning, even if it was replayed before"),
    ] = False,
    json: AsJson = False,
) -> None:
    """Play recorded data through the twin, as if the machines sent them now."""
    from gemel.doors.cli import running

    running.replay(file, recordings, data, speed, again=again, as_json=json)


@app.command()
def query(
    data: DataFolder = Path("gemel-data"),
    signal: Annotated[
        list[str] | None,
        typer.Option(
            "--signal", metavar="PATH-OR-GLOB", help="Which signals; ** crosses levels. Repeatable"
        ),
    ] = None,
    start: Annotated[
        str | None, typer.Option(metavar="T", help="From this time on: ISO 8601, 'now', or '-2h'")
    ] = None,
    end: Annotated[str | None, typer.Option(metavar="T", help="Before this time")] = None,
    every: Annotated[
        str | None,
        typer.Option(
            metavar="STEP", help="One row per step, e.g. 1m: mean, minimum, maximum, count"
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(metavar="T", help="The values valid at this time, by today's knowledge"),
    ] = None,
    as_of: Annotated[
        str | None, typer.Option(metavar="T", help="Only what the twin knew at this time")
    ] = None,
    format: Annotated[str, typer.Option(help="table, csv, json, parquet or arrow")] = "table",
    limit: Annotated[int | None, typer.Option(min=1, help="At most this many rows")] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write to a file")
    ] = None,
) -> None:
    """Ask history."""
    from gemel.doors.cli import asking

    asking.query(data, signal or ["**"], start, end, every, at, as_of, format, limit, output)


@app.command()
def status(data: DataFolder = Path("gemel-data"), json: AsJson = False) -> None:
    """Tell the truth about health."""
    from gemel.doors.cli import asking

    asking.status(data, as_json=json)


@app.command()
def reload(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="Another plant file, from now on"),
    ] = None,
    data: DataFolder = Path("gemel-data"),
    json: AsJson = False,
) -> None:
    """Let a running twin read its plant file again; what is equal keeps running."""
    from gemel.doors.cli import asking

    asking.reload(data, file, as_json=json)


app.command()(quality.chart)
app.command()(quality.capability)
app.command()(quality.gauge)
app.command()(quality.quality)


@app.command()
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


@app.command()
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


@app.command()
def score(
    model: ModelFile,
    data: TableFile,
    format: Annotated[str, typer.Option(help="table, csv or json")] = "table",
    last: Annotated[bool, typer.Option("--last", help="Only the last row of each unit")] = False,
) -> None:
    """Say what a model says of the rows of a file."""
    from gemel.doors.cli import learning

    learning.score(model, data, format, last=last)


@app.command()
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


@app.command()
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


@app.command()
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


@app.command()
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


@app.command()
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


@app.command()
def version() -> None:
    """Print the version."""
    from gemel import __version__

    typer.echo(f"gemel {__version__}")


def main() -> None:
    """Entry point of `gemel`."""
    try:
        app(standalone_mode=True)
    except GemelError as error:
        typer.echo(str(error), err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)


if __name__ == "__main__":
    main()
