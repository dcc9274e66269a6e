"""The commands. Each imports what it needs when it runs, so that `gemel --help` is quick.

Exit codes: 0 good, 1 something that the user can mend, 2 wrong usage.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from gemel.core.errors import GemelError
from gemel.doors.cli import (
    access,
    experiments,
    learned,
    lines,
    models,
    planning,
    plans,
    quality,
    tables,
)
from gemel.doors.cli.dispatch import dispatch
from gemel.doors.cli.lots import lots
from gemel.doors.cli.options import (
    AsJson,
    DataFolder,
    PlantFile,
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


app.command()(tables.train)
app.command()(tables.backtest)
app.command()(tables.score)
app.command()(tables.explain)
app.command()(lines.simulate)
app.command()(lines.snapshot)
app.command()(lines.bottleneck)
app.command()(lines.schedule)


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
    except OSError as error:
        if error.filename is None:
            raise
        typer.echo(f"{error.filename}: {error.strerror}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
