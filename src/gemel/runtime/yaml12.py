"""YAML as people mean it: the core schema of YAML 1.2, with the line of every value.

YAML 1.1, which PyYAML resolves by itself, reads ``NO`` as false, ``12:30:00`` as 45000 and ``1e3``
as text. Here only its parser is used; scalars are resolved by the table of YAML 1.2.2 §10.3.2, a
key that stands twice is an error, and so is a document that grows beyond its bounds by aliases.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import yaml

from gemel.core.errors import ConfigurationError

__all__ = ["Document", "is_plain_text", "parse"]

Path = tuple[str | int, ...]

LARGEST: Final = 64 * 1024 * 1024
DEEPEST: Final = 64
MOST_REPEATED: Final = 200_000
"""Most values that may come from aliases: a few lines of them can stand for millions."""

_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: Final[dict[str, Any]] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip

_TAGS: Final = {
    f"tag:yaml.org,2002:{name}"
    for name in ("str", "int", "float", "bool", "null", "timestamp", "merge", "value")
}
"""Tags of YAML itself, which say no more than the text does; others mean something elsewhere."""

_TEXT: Final = "tag:yaml.org,2002:str"


# The C parser is six times as fast; it is part of every wheel, but not of every build.
class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # which of two is known at the start
    """Takes every tag that was not written by hand for that of a text: looking up by YAML 1.1
    what `_Reader` resolves by 1.2 would take a fifth of the time."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> str:
        return _TEXT


def is_plain_text(text: str) -> bool:
    """Whether a scalar is a text without quotes, and no number or word of YAML 1.2."""
    return not (text in _WORDS or _INTEGER.fullmatch(text) or _FLOAT.fullmatch(text))


@dataclass(frozen=True, slots=True)
class Document:
    """Plain data, and where each of it stands."""

    name: str
    data: Any
    lines: dict[Path, int]

    def where(self, path: Path) -> str:
        """``plant.yaml:41`` for a path of keys, or for the nearest thing around it."""
        for length in range(len(path), -1, -1):
            line = self.lines.get(tuple(path[:length]))
            if line is not None:
                return f"{self.name}:{line}"
        return self.name


def parse(text: str, name: str) -> Document:
    """Read YAML text. Raises `ConfigurationError` with the line."""
    if len(text) > LARGEST:
        raise ConfigurationError(f"is {len(text)} characters long, at most {LARGEST}", name)
    _check_depth(text, name)
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"{name}:{mark.line + 1}" if mark else name
        column = f" (column {mark.column + 1})" if mark else ""
        raise ConfigurationError(
            f"not YAML: {error.problem}{column}{_hint(text, mark)}", line
        ) from None
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigurationError(f"not YAML: {error}", name) from None
    reader = _Reader(name)
    data = None if root is None else reader.read(root, ())
    return Document(name, data, reader.lines)


def _check_depth(text: str, name: str) -> None:
    """Refuse what is nested too deep before the parser recurses into it."""
    depth = 0
    for match in re.finditer(r"[\[{\]}\n]", text):
        character = match[0]
        if character == "\n":
            continue
        depth += 1 if character in "[{" else -1
        if depth > 1_000:
            line = text.count("\n", 0, match.start()) + 1
            raise ConfigurationError("is nested too deeply", f"{name}:{line}")


def _hint(text: str, mark: Any) -> str:
    if mark is None:
        return ""
    lines = text.splitlines()
    line = lines[mark.line] if mark.line < len(lines) else ""
    if "\t" in line[: mark.column + 1]:
        return "; indent with spaces, not with tabs"
    if re.search(r":\S", line) and "://" not in line:
        return "; put a space after the colon"
    return ""


class _Reader:
    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: dict[Path, int] = {}
        self.seen: set[int] = set()
        self.repeated = 0

    def fail(self, message: str, node: Any) -> ConfigurationError:
        return ConfigurationError(message, f"{self.name}:{node.start_mark.line + 1}")

    def read(self, node: Any, path: Path) -> Any:
        if id(node) in self.seen:
            self.repeated += 1
        self.seen.add(id(node))
        if self.repeated > MOST_REPEATED:
            raise self.fail("aliases make this document too large", node)
        if len(path) > DEEPEST:
            raise self.fail(f"is nested more than {DEEPEST} levels deep", node)
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.ScalarNode):
            return self.scalar(node)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, (*path, i)) for i, item in enumerate(node.value)]
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise self.fail("a key must be a word", key_node)
            key = str(key_node.value)
            if key in result:
                raise self.fail(f"'{key}' stands twice; the first is overwritten", key_node)
            here = (*path, key)
            self.lines[here] = key_node.start_mark.line + 1
            result[key] = self.read(value_node, here)
        return result

    def scalar(self, node: Any) -> Any:
        text: str = node.value
        if node.tag not in _TAGS:
            raise self.fail(f"tag '{node.tag}' is not allowed here", node)
        if node.style:  # quoted, or a block: always text
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _INTEGER.fullmatch(text):
            base = {"0o": 8, "0x": 16}.get(text[:2], 10)
            return int(text, base) if base != 10 else int(text)
        if _FLOAT.fullmatch(text):
            return float(text)
        if text.lower() in (".inf", "-.inf", "+.inf", ".nan"):
            raise self.fail(f"{text} is not a usable number", node)
        return text
