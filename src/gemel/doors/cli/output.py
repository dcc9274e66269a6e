"""Files that commands write: whether they can be, before minutes are spent on what goes in."""

from __future__ import annotations

from pathlib import Path

import typer

from gemel.core.errors import ConfigurationError

__all__ = ["give", "may_write"]


def may_write(output: Path | None, *, force: bool = True) -> None:
    """Raises `ConfigurationError` where a file cannot be written, or is there already without
    `force`. None and ``-`` are the terminal."""
    if output is None or str(output) == "-":
        return
    if output.is_dir():
        raise ConfigurationError(f"{output} is a folder; name a file in it")
    if output.exists() and not force:
        raise ConfigurationError(f"{output} exists already; give another name with -o, or --force")
    if not output.parent.is_dir():
        raise ConfigurationError(f"{output}: there is no folder {output.parent}")


def give(text: str, output: Path | None, said: str = "") -> None:
    """To the terminal, or into a file; `said` follows its name."""
    if output is None:
        typer.echo(text, nl=False)
    else:
        may_write(output)
        output.write_text(text, encoding="utf-8")
        typer.echo(f"{output} written{said}")
