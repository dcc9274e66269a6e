"""`gemel people` and `gemel tokens`: who may do what in a data folder.

Whoever may read and write the folder is admin. A daemon that runs there looks at the same file, and
so a change holds from its next request on.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from gemel.core.errors import ConfigurationError
from gemel.core.role import Role
from gemel.doors.cli.options import AsJson, DataFolder

if TYPE_CHECKING:
    from gemel.runtime.access import Access

__all__ = ["people", "tokens"]

people = typer.Typer(help="Who may log in.", no_args_is_help=True)
tokens = typer.Typer(help="Tokens of programs.", no_args_is_help=True)

OWNER: Final = "local"
"""Who made a token on the command line; the same name as that of the daemon's own user."""

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the person")]
LeastRole = Annotated[Role, typer.Option(help="What it may do; each role includes the ones before")]


@contextmanager
def _access(data: Path) -> Iterator[Access]:
    from gemel.runtime.access import Access
    from gemel.runtime.clock import system_clock

    if not data.is_dir():
        raise ConfigurationError(f"no data folder at {data}; name it with --data")
    with closing(Access(data, system_clock)) as access:
        yield access


def _show(rows: Sequence[Mapping[str, Any]], as_json: bool, nothing: str) -> None:
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    if not rows:
        typer.echo(nothing, err=True)
        return
    from rich.console import Console
    from rich.table import Table

    shown = Table(box=None, header_style="bold", pad_edge=False)
    for name in rows[0]:
        shown.add_column(name)
    for row in rows:
        shown.add_row(*(str(value or "") for value in row.values()))
    Console().print(shown)


@people.command("list")
def list_people(data: DataFolder = Path("gemel-data"), json: AsJson = False) -> None:
    """Everybody who may log in."""
    with _access(data) as access:
        _show([asdict(p) for p in access.people()], json, "nobody yet; see `gemel people set`")


@people.command("set")
def set_person(
    name: Name,
    role: LeastRole,
    data: DataFolder = Path("gemel-data"),
) -> None:
    """Add a person, or change role and password; the password is asked for, or read from a pipe."""
    if sys.stdin.isatty():
        password = typer.prompt("password", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\n")
    with _access(data) as access:
        access.set_person(name, role, password)
    typer.echo(f"{name} is {role}")


@people.command("remove")
def remove_person(name: Name, data: DataFolder = Path("gemel-data")) -> None:
    """Remove a person; sessions and tokens made by the person end at once."""
    with _access(data) as access:
        access.remove_person(name)
    typer.echo(f"{name} is removed")


@tokens.command("list")
def list_tokens(data: DataFolder = Path("gemel-data"), json: AsJson = False) -> None:
    """The tokens that are valid: id, name, role, who made it, when it expires."""
    from gemel.core.time import isoformat

    with _access(data) as access:
        rows = [
            asdict(t) | {"expires": t.expires and isoformat(t.expires)} for t in access.tokens()
        ]
    _show(rows, json, "no tokens; see `gemel tokens make`")


@tokens.command("make")
def make_token(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for")],
    role: LeastRole,
    lasts: Annotated[
        str | None, typer.Option(metavar="TIME", help="e.g. 90d; for ever where it is left out")
    ] = None,
    data: DataFolder = Path("gemel-data"),
) -> None:
    """Make a token; it is printed once and cannot be read back."""
    from gemel.core.time import parse_duration

    span = None if lasts is None else parse_duration(lasts)
    with _access(data) as access:
        typer.echo(access.token(name, role, span, OWNER))


@tokens.command("revoke")
def revoke(
    id: Annotated[str, typer.Argument(metavar="ID", help="As `gemel tokens list` shows it")],
    data: DataFolder = Path("gemel-data"),
) -> None:
    """End a token at once."""
    with _access(data) as access:
        access.revoke(id)
    typer.echo(f"{id} is revoked")
