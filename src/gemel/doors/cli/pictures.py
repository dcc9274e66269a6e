"""`gemel pictures`: what tasks of a running twin say of pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, TypeAlias
from urllib.parse import quote

import typer

from gemel.doors.cli.options import AsJson, DataFolder

__all__ = ["pictures"]

pictures = typer.Typer(help="Pictures that were looked at.", no_args_is_help=True)

Data = Path("gemel-data")
TaskOf: TypeAlias = Annotated[
    str, typer.Argument(metavar="TASK", help="Its name in the plant file")
]  # fmt: skip
Number: TypeAlias = Annotated[
    int, typer.Argument(metavar="NUMBER", help="As `gemel pictures list` tells it")
]


@pictures.command("list")
def list_pictures(
    task: Annotated[
        str, typer.Argument(metavar="[TASK]", help="All tasks with their counts if none")
    ] = "",
    rejected: Annotated[bool, typer.Option("--rejected", help="Only rejected ones")] = False,
    limit: Annotated[int, typer.Option(help="So many at most, the newest")] = 50,
    data: DataFolder = Data,
    as_json: AsJson = False,
) -> None:
    """The newest pictures of a task, with score and limit; or all tasks that look at pictures."""
    running = _running(data)
    if not task:
        _tell_tasks(running.get("/api/pictures"), as_json)
        return
    asked = {"limit": limit, "state": "rejected" if rejected else None}
    found = running.get(_path(task), asked)
    if as_json:
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    from gemel.doors.cli import telling

    shown = telling.table("number", "time", "state", "score", "limit", "name", "note")
    for one in found:
        shown.add_row(str(one["id"]), one["time"], one["state"], _number(one["score"]),
                      _number(one["limit"]), one["name"], one["note"])  # fmt: skip
    if found:
        telling.console().print(shown)
    else:
        typer.echo("no such picture is kept")


@pictures.command()
def show(task: TaskOf, number: Number, data: DataFolder = Data, as_json: AsJson = False) -> None:
    """All that is known of one picture."""
    found = _running(data).get(f"{_path(task)}/{number}")
    if as_json:
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    typer.echo(_sentence(found))
    for name in ("name", "received", "source", "note", "finding", "model", "hash"):
        if found[name]:
            typer.echo(f"  {name}: {found[name]}")


@pictures.command()
def get(
    task: TaskOf,
    number: Number,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="Write it there")],
    what: Annotated[
        str, typer.Option("--what", help="original; view: small and grey; heat: to lay over it")
    ] = "original",
    data: DataFolder = Data,
) -> None:
    """Write a picture, or its heat map, to a file."""
    answer = _running(data).request("GET", f"{_path(task)}/{number}/{quote(what, safe='')}")
    from gemel.core.errors import ConfigurationError

    try:
        output.write_bytes(answer.content)
    except OSError as error:
        raise ConfigurationError(f"{output}: cannot be written: {error.strerror}") from None
    typer.echo(f"{output} written")


@pictures.command()
def send(
    task: TaskOf,
    file: Annotated[list[Path], typer.Argument(metavar="FILE...", help="PNG, JPEG, BMP or TIFF")],
    taken: Annotated[
        str | None, typer.Option("--time", metavar="TIME", help="When they were taken; now")
    ] = None,
    data: DataFolder = Data,
    as_json: AsJson = False,
) -> None:
    """Have pictures looked at; `gemel pictures show` says what came of them."""
    from gemel.core.errors import ConfigurationError

    running, told = _running(data), []
    for path in file:
        try:
            body = path.read_bytes()
        except OSError as error:
            raise ConfigurationError(f"{path}: {error.strerror}") from None
        params = {"name": path.name} | ({"time": taken} if taken else {})
        answer = running.request("POST", _path(task), params=params, content=body).json()
        told.append(answer)
        if not as_json:
            known = ", known already" if answer["repeated"] else ""
            typer.echo(f"{path}: picture {answer['id']}{known}")
    if as_json:
        typer.echo(json.dumps(told, indent=2, ensure_ascii=False))


def _running(data: Path) -> Any:
    from gemel.doors.cli import asking  # it brings tables of history

    return asking.running(data)


def _path(task: str) -> str:
    return f"/api/pictures/{quote(task, safe='')}"


def _tell_tasks(found: list[Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    from gemel.doors.cli import telling

    shown = telling.table("task", "good", "rejected", "failed", "wait", "in folder", "kept",
                          "problem")  # fmt: skip
    for one in found:
        names = ("good", "rejected", "failed", "waiting", "left_in_folder", "kept")
        shown.add_row(one["task"], *(str(one[name]) for name in names), one["problem"])
    if found:
        telling.console().print(shown)
    else:
        typer.echo("no task of the plant file looks at pictures; see `task: inspection`")


def _sentence(one: dict[str, Any]) -> str:
    scored = "" if one["score"] is None else (
        f", score {_number(one['score'])}, limit {_number(one['limit'])}"
    )  # fmt: skip
    return f"picture {one['id']} of {one['time']}: {one['state']}{scored}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
