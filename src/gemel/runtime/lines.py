"""Files of a line, or of a snapshot: text → checked, with the problem at its place; and back."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml
from pydantic import ValidationError

from gemel.core.errors import ConfigurationError
from gemel.core.line import Line, Snapshot
from gemel.core.settings import Settings, problems
from gemel.runtime.yaml12 import is_plain_text, parse

__all__ = ["line_text", "read_line", "read_snapshot"]

_WIDTH: Final = 100
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


def line_text(document: Mapping[str, Any], comments: Mapping[tuple[str, ...], str]) -> str:
    """A line as a person would write it: `document` is its plain data, `comments` stand beside the
    keys of these paths, or above them where they are long."""
    return "\n".join(_written(document, comments, ())) + "\n"


def _written(
    document: Mapping[str, Any], comments: Mapping[tuple[str, ...], str], path: tuple[str, ...]
) -> list[str]:
    """One line for what fits on it, else one for each thing in it."""
    pad, rows = "  " * len(path), []
    for key, value in document.items():
        head, comment = f"{pad}{_flow(key)}:", comments.get((*path, key), "")
        short = f"{head} {_flow(value)}"
        below = any(p[: len(path) + 1] == (*path, key) and len(p) > len(path) + 1 for p in comments)
        if len(short) <= _WIDTH and not below and not (isinstance(value, dict) and len(path) == 0):
            if comment and len(short) + len(comment) + 3 <= _WIDTH:
                rows.append(f"{short} # {comment}")
                continue
            rows += _above(comment, pad)
            rows.append(short)
            continue
        rows += _above(comment, pad)
        rows.append(head)
        if isinstance(value, Mapping):
            rows += _written(value, comments, (*path, key))
        elif value and all(isinstance(v, Mapping) for v in value):
            rows += [f"{pad}  - {_flow(v)}" for v in value]
        else:
            rows += textwrap.wrap(
                _flow(value), _WIDTH, initial_indent=f"{pad}  ", subsequent_indent=f"{pad}  ",
                break_long_words=False, break_on_hyphens=False,
            )  # fmt: skip
    return rows


def _above(comment: str, pad: str) -> list[str]:
    return textwrap.wrap(
        comment, _WIDTH, initial_indent=f"{pad}# ", subsequent_indent=f"{pad}# ",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


class _Dumper(yaml.SafeDumper):
    """Quotes texts that YAML 1.1 would read as something else, and those that 1.2 would."""


def _quoted(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    style = None if is_plain_text(text) else "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _quoted)


def _flow(value: Any) -> str:
    """Plain data on one line."""
    text = yaml.dump(
        value, Dumper=_Dumper, default_flow_style=True, width=10**9, sort_keys=False,
        allow_unicode=True,
    )  # fmt: skip
    return text.removesuffix("\n").removesuffix("\n...").strip()
