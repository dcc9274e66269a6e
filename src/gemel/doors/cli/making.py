"""`gemel discover` and `gemel check`."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import typer
from rich.console import Console

from gemel.doors.cli.output import may_write
from gemel.runtime.configuration import check as check_file
from gemel.runtime.discovery import discover as look
from gemel.runtime.discovery import plant_file

__all__ = ["check", "discover"]


def discover(target: str, output: Path | None, *, force: bool, as_json: bool) -> None:
    """See `gemel discover --help`."""
    if output is None and not as_json:
        output = Path("plant.yaml")
    may_write(output, force=force)
    errors = Console(stderr=True)
    with errors.status(f"looking at {target}") as line:
        found = asyncio.run(look(target, line.update))
    text = plant_file(found, target)
    signals = sum(len(a.signals) for a in found.assets)
    commands = sum(len(a.commands) for a in found.assets)
    if as_json:
        summary = {
            "assets": [a.path for a in found.assets],
            "signals": signals,
            "commands": commands,
            "notes": list(found.notes),
            "file": None if output is None else str(output),
        }
        typer.echo(json.dumps(summary, indent=2))
    if output is not None and str(output) == "-":
        sys.stdout.write(text)
    elif output is not None:
        output.write_text(text, encoding="utf-8")
    for note in found.notes:
        errors.print(f"• {note}", highlight=False, soft_wrap=True)
    if output is not None and str(output) != "-" and not as_json:
        writable = f", {commands} commands (all disarmed)" if commands else ""
        typer.echo(f"{output}: {len(found.assets)} assets, {signals} signals{writable}")
        verb = "replay" if found.settings.get("kind") == "files" else "run"
        tail = f" {target}" if verb == "replay" else ""
        typer.echo(f"next: gemel check {output} && gemel {verb} {output}{tail} --data gemel-data")


def check(file: Path, *, as_json: bool) -> None:
    """See `gemel check --help`."""
    found = check_file(file)
    errors = [a for a in found if a.severity == "error"]
    if as_json:
        typer.echo(
            json.dumps(
                [{"where": a.where, "severity": a.severity, "message": a.sentence} for a in found],
                indent=2,
            )
        )
    else:
        for advice in found:
            typer.echo(str(advice), err=advice.severity == "error")
        if not errors:
            typer.echo(f"{file}: good" + (f", {len(found)} notes" if found else ""))
    if errors:
        raise typer.Exit(1)
