"""Settings from a YAML file of their own, with the line of what is wrong."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from gemel.core.errors import ConfigurationError
from gemel.core.settings import Settings, problems
from gemel.runtime.yaml12 import Document, parse

__all__ = ["document_of", "settings_of"]

S = TypeVar("S", bound=Settings)


def document_of(path: Path, example: str) -> Document:
    """The file as plain data with lines. Raises `ConfigurationError`; `example` says what such a
    file has."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        near = sorted(p.name for p in path.parent.glob("*.y*ml")) if path.parent.is_dir() else []
        hint = f"; in that folder: {', '.join(near[:5])}" if near else ""
        raise ConfigurationError(f"no such file{hint}", str(path)) from None
    except IsADirectoryError:
        raise ConfigurationError("is a folder; give a file", str(path)) from None
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"is not text in UTF-8 (byte {error.start})", str(path)) from None
    document = parse(text, path.name)
    if not isinstance(document.data, dict):
        found = "empty" if document.data is None else f"a {type(document.data).__name__}"
        raise ConfigurationError(f"is {found}; {example}", path.name)
    return document


def settings_of(document: Document, model: type[S], data: dict[str, Any] | None = None) -> S:
    """The document's data, or other data of the same keys, as settings. Raises `ConfigurationError`
    with the line of the first problem."""
    values = document.data if data is None else data
    try:
        return model.model_validate_json(json.dumps(values), strict=True)
    except ValidationError as error:
        found = problems(error, model)
        # A name that is spelt wrongly explains one that is missing.
        first = next((p for p in found if "is not known here" in p.sentence), found[0])
        path = first.path
        if not path or len(path) == 0:  # of the whole: the message names where
            named = re.search(r"(stage|asset) '([^']+)'", first.sentence)
            path = (f"{named[1]}s", named[2]) if named else ()
            raise ConfigurationError(first.sentence, document.where(path)) from None
        raise ConfigurationError(str(first), document.where(path)) from None
