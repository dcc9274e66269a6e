"""`gemel experiments`: experiments of a running twin, from the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias
from urllib.parse import quote

import typer

from gemel.core.errors import ConfigurationError
from gemel.doors.cli.asking import running
from gemel.doors.cli.options import AsJson, DataFolder

__all__ = ["experiments"]

experiments = typer.Typer(
    help="Experiments with lines of a running twin, played beside it.", no_args_is_help=True
)

LineName: TypeAlias = Annotated[
    str, typer.Argument(metavar="LINE", help="Its name in the plant file")
]
Number: TypeAlias = Annotated[int, typer.Argument(metavar="NUMBER", help="Of the experiment")]
Within: TypeAlias = Annotated[
    str | None, typer.Option(metavar="TIME", help="It is ended after so long, e.g. '10 min'")
]
_LOOK_S = 0.5


@experiments.command("list")
def list_experiments(data: DataFolder = Path("gemel-data"), as_json: AsJson = False) -> None:
    """Every experiment: of which line, by whom, how far it is, what it says."""
    client = running(data)
    found = client.get("/api/experiments")
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    from gemel.doors.cli import telling

    table = telling.table("experiment", "line", "what", "by", "asked", "state")
    for one in found:
        table.add_row(
            str(one["number"]), one["line"], one["sentence"] or one["title"] or one["kind"],
            one["by"], one["made"][:16].replace("T", " "), one["state"],
        )  # fmt: skip
    console = telling.console()
    console.print(table if found else "nothing was asked yet: gemel experiments begin")


@experiments.command()
def begin(
    line: LineName,
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="A file of an experiment; its line is left out"),
    ] = None,
    alternative: Annotated[
        list[str] | None,
        typer.Option(
            "--try", metavar="CHANGES", help="An alternative, 'filler.time*0.95'. Repeatable"
        ),
    ] = None,
    sweep: Annotated[
        bool, typer.Option("--sweep", help="Play out the sweep of the file, not its scenarios")
    ] = False,
    now: Annotated[
        bool, typer.Option("--now", help="Begin with what stands in the line, not empty")
    ] = False,
    title: Annotated[str, typer.Option(help="For people")] = "",
    within: Within = None,
    wait: Annotated[bool, typer.Option("--wait", help="Until it is over, and tell it")] = False,
    data: DataFolder = Path("gemel-data"),
    as_json: AsJson = False,
) -> None:
    """Ask one. It is played beside the twin as soon as those before it are over."""
    body = {
        "kind": "sweep" if sweep else "best", "title": title, "tries": alternative or [],
        "experiment": {} if file is None else _asked(file), "now": now, "within": within,
    }  # fmt: skip
    with _patience(data) as client:
        found = client.post(_path(line), body)
        if wait:
            found = _followed(client, line, found["number"])
    _tell(found, as_json=as_json)


@experiments.command()
def show(
    line: LineName,
    number: Number,
    wait: Annotated[bool, typer.Option("--wait", help="Until it is over")] = False,
    data: DataFolder = Path("gemel-data"),
    as_json: AsJson = False,
) -> None:
    """How far one is, and what it says so far."""
    with _patience(data) as client:
        found = client.get(_path(line, number))
        if wait:
            found = _followed(client, line, number)
    _tell(found, as_json=as_json)


@experiments.command()
def stop(line: LineName, number: Number, data: DataFolder = Path("gemel-data")) -> None:
    """End one; everything that is finished is kept."""
    with _patience(data) as client:
        _tell(client.post(_path(line, number, "stop")), as_json=False)


@experiments.command("continue")
def go_on(
    line: LineName, number: Number, within: Within = None, data: DataFolder = Path("gemel-data")
) -> None:
    """Let one that was ended go on from what is finished."""
    running(data).post(_path(line, number, "continue"), {"within": within})
    typer.echo(f"experiment {number} goes on")


@experiments.command()
def delete(line: LineName, number: Number, data: DataFolder = Path("gemel-data")) -> None:
    """Remove one, with its results."""
    with _patience(data) as client:
        client.request("DELETE", _path(line, number))
    typer.echo(f"experiment {number} is gone")


@experiments.command()
def file(
    line: LineName,
    number: Number,
    results: Annotated[
        bool, typer.Option("--results", help="Every replication, for gemel whatif compare")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Where to write it")
    ] = None,
    data: DataFolder = Path("gemel-data"),
) -> None:
    """The file with which `gemel whatif` does the same."""
    which: Literal["results", "what-if"] = "results" if results else "what-if"
    content = running(data).request("GET", _path(line, number, f"file/{which}")).content
    if output is None:
        typer.echo(content.decode(), nl=False)
    else:
        output.write_bytes(content)


@experiments.command()
def compare(
    line: LineName,
    numbers: Annotated[list[int], typer.Argument(metavar="NUMBER...", help="Two or more")],
    data: DataFolder = Path("gemel-data"),
    as_json: AsJson = False,
) -> None:
    """Set two or more beside each other: the others less the first, or effects of sweeps."""
    found = running(data).get(_path(line) + "/compared", {"number": numbers})
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    from gemel.doors.cli import experiments_told

    experiments_told.beside(found)


def _asked(file: Path) -> dict[str, Any]:
    """What a file says, without its line and where it begins: those are of the twin."""
    from gemel.runtime.yaml12 import parse

    try:
        told = parse(file.read_text(encoding="utf-8"), file.name).data
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot be read: {error}", str(file)) from None
    if not isinstance(told, dict) or "stations" in told:
        raise ConfigurationError("is no experiment; see gemel whatif", str(file))
    kept = {key: value for key, value in told.items() if key not in ("line", "new", "format")}
    if isinstance(kept.get("play"), dict):
        kept["play"] = {key: value for key, value in kept["play"].items() if key != "start"}
    return kept


@contextmanager
def _patience(data: Path) -> Iterator[Any]:
    client = running(data)
    try:
        yield client
    finally:
        client.close()


def _followed(client: Any, line: str, number: int) -> Any:
    import time

    from rich.console import Console

    with Console(stderr=True).status("Waiting …") as status:
        while (found := client.get(_path(line, number)))["state"] in ("waiting", "running"):
            done = found["progress"] or {}
            runs = f" {done['done']:,} of {done['of']:,}" if done else ""
            status.update(f"{found['state'].capitalize()} …{runs} {found['sentence']}")
            time.sleep(_LOOK_S)
    return found


def _path(line: str, number: int | None = None, what: str = "") -> str:
    path = f"/api/lines/{quote(line, safe='')}/experiments"
    return path + ("" if number is None else f"/{number}") + (f"/{what}" if what else "")


def _tell(found: Any, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        from gemel.doors.cli import experiments_told

        experiments_told.one(found)
    if found["state"] == "failed":
        raise typer.Exit(1)
