"""Reading the file of a line, or of a snapshot: text → checked, with the problem at its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from gemel.core.errors import ConfigurationError
from gemel.core.line import Line, Snapshot
from gemel.core.settings import Settings, problems
from gemel.runtime.yaml12 import parse

__all__ = ["read_line", "read_snapshot"]


S = TypeVar("S", bound=Settings)


def read_line(path: Path, text: str | None = None) -> Line:
    """The line that a file describes. Raises `ConfigurationError` with its line in the file."""
    return _read(path, text, Line, "a line begins with 'stations:', each with its 'time'")


def read_snapshot(path: Path) -> Snapshot:
    """What a file says of a line at one moment. Raises `ConfigurationError` with its place."""
    return _read(path, None, Snapshot, "a snapshot has 'stations:', each with what stands there")


def _read(path: Path, text: str | None, kind: type[S], wanted: str) -> S:
    try:
        text = path.read_text(encoding="utf-8") if text is None else text
    except FileNotFoundError:
        near = sorted(p.name for p in path.parent.glob("*.y*ml")) if path.parent.is_dir() else []
        hint = f"; in that folder: {', '.join(near[:5])}" if near else ""
        raise ConfigurationError(f"no such file{hint}", str(path)) from None
    except (IsADirectoryError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"is no such file: {error}", str(path)) from None
    document = parse(text, path.name)
    data = document.data
    if not isinstance(data, dict):
        found = "empty" if data is None else f"a {type(data).__name__}"
        raise ConfigurationError(f"is {found}; {wanted}", path.name)
    if data.get("format", 1) != 1:
        raise ConfigurationError(
            f"format is {data['format']!r}, this Gemel reads 1", document.where(("format",))
        )
    values = {key: value for key, value in data.items() if key != "format"}
    try:
        return kind.model_validate_json(json.dumps(values), strict=True)
    except ValidationError as error:
        first = problems(error, kind)[0]
        # Union branches and the like stand in the path of pydantic, but not in the file.
        place = tuple(p for p in first.path if p != "[key]")
        words = ".".join(str(p) for p in place)
        sentence = f"{words}: {first.sentence}" if words else first.sentence
        raise ConfigurationError(sentence, document.where(place)) from None
