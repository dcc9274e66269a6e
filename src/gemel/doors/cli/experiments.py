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
    layout: Annotated[
        list[str] | None,
        typer.Option(
            "--layout",
            metavar="LINE",
            help="Another layout as an alternative: a file of a line, "
            "or a line of the plant file. Repeatable",
        ),
    ] = None,
    sweep: Annotated[
        bool, typer.Option("--sweep", help="Play out the sweep of the file, not its scenarios")
    ] = False,
    design: Annotated[
        bool, typer.Option("--design", help="Play the line of the file, which does not exist yet")
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
    if sweep and design:
        raise typer.BadParameter("--sweep or --design, not both")
    layouts = {Path(name).name if Path(name).is_file() else name: name for name in layout or []}
    files = {name: _text(Path(at)) for name, at in layouts.items() if Path(at).is_file()}
    asked = {} if file is None else _asked(file)
    body = {
        "kind": "sweep" if sweep else "design" if design else "best", "title": title,
        "tries": alternative or [], "now": now, "within": within, **asked,
        "layouts": list(layouts), "files": {**asked.get("files", {}), **files},
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
    line: LineName,
    number: Number,
    within: Within = None,
    most: Annotated[
        int | None,
        typer.Option(
            help="Replications that each alternative may have altogether; needed where those it "
            "had are spent"
        ),
    ] = None,
    data: DataFolder = Path("gemel-data"),
) -> None:
    """Let one that was ended, or has spent its replications, go on from what is finished."""
    running(data).post(_path(line, number, "continue"), {"within": within, "most": most})
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
    """What a file says, with the files of lines that it names and that stand beside it. Its own
    line and where it begins are of the twin, but the line of a design."""
    from gemel.runtime.yaml12 import parse

    text = _text(file)
    told = parse(text, file.name).data
    if not isinstance(told, dict) or "stations" in told:
        raise ConfigurationError("is no experiment; see gemel whatif", str(file))
    scenarios = told.get("scenarios")
    parts = [told, *(scenarios.values() if isinstance(scenarios, dict) else ())]
    named = [part.get("line") for part in parts if isinstance(part, dict)]
    files = {
        name: _text(file.parent / name)
        for name in named
        if isinstance(name, str) and name and (file.parent / name).is_file()
    }
    return {"text": text, "name": file.name, "files": files}


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot be read: {error}", str(file)) from None


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
