"""Kind: a folder whose files are its members, and the only place that imports by name.

A file `deadband.py` in `parts/operators/` is the operator ``deadband`` of the plant file. Names are
known without importing anything, one file is imported when it is asked for, and a missing library
becomes an install hint. Parts of other packages come through entry points of the same group
(``gemel.parts.operators``); they load only if the plant file names them and may not take the name
of a file. Reasons: docs/design/kind.md.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import pkgutil
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from gemel.core.errors import ConfigurationError, did_you_mean
from gemel.core.settings import Settings

__all__ = ["Kind", "Part"]


class Part(Settings):
    """Settings of something that can be exchanged. What runs is what `start` or `open` returns."""

    api: ClassVar[int] = 1
    """Version of the interface that this part was written for."""


T = TypeVar("T", bound=Part)

_EXTRAS = {"asyncua": "opcua", "nicegui": "web", "ortools": "plan", "sklearn": "learn",
           "statsforecast": "stats"}  # fmt: skip


@cache
def _entry_points(group: str, _: tuple[str, ...]) -> EntryPoints:
    """Of all packages that are installed on this path. To read them takes some 20 ms, which nobody
    should pay for each part: what is installed while a process runs is seen by the next one."""
    return entry_points(group=group)


class Kind(Generic[T]):
    """All parts of one interface."""

    def __init__(self, package: str, base: type[T], title: str = "") -> None:
        self.package = package
        self.base = base
        self.title = title or package.rpartition(".")[2].removesuffix("s")

    def files(self) -> list[str]:
        """Names of the members that lie in the folder."""
        spec = importlib.util.find_spec(self.package)
        folders = spec.submodule_search_locations if spec is not None else None
        found = (m.name for m in pkgutil.iter_modules(folders))
        return sorted(name for name in found if name != "base" and not name.startswith("_"))

    def names(self) -> list[str]:
        """Names of all members: files, and parts that other packages bring."""
        return sorted({*self.files(), *self._brought()})

    def declared(self, attribute: str) -> dict[str, Any]:
        """What the members in the folder say of themselves, by name; who says nothing is left out.

        `attribute` is a class attribute with a literal value. It is read from the source: to know
        which connector takes an address, no connector's library has to be there or be imported.
        """
        told = {}
        for name in self.files():
            spec = importlib.util.find_spec(f"{self.package}.{name}")
            if spec is None or spec.origin is None:
                continue
            for node in ast.parse(Path(spec.origin).read_bytes()).body:
                for line in node.body if isinstance(node, ast.ClassDef) else ():
                    if (
                        isinstance(line, ast.AnnAssign)
                        and isinstance(line.target, ast.Name)
                        and line.target.id == attribute
                        and line.value is not None
                    ):
                        told[name] = ast.literal_eval(line.value)
        return told

    def load(self, name: str) -> type[T]:
        """Import one part. Raises `ConfigurationError` if there is none or a library is missing."""
        brought = self._brought()
        if name in self.files():
            if name in brought:
                raise ConfigurationError(
                    f"{self.title} '{name}' is part of Gemel and also brought by "
                    f"'{brought[name].value}'; uninstall that package or rename its entry point"
                )
            return self._from_file(name)
        if name in brought:
            part = brought[name].load()
            return self._checked(part, brought[name].value)
        raise ConfigurationError(
            f"no {self.title} named '{name}'; {did_you_mean(name, self.names())}"
        )

    def build(self, settings: Mapping[str, Any], where: str = "") -> T:
        """The part that ``kind`` names, with the rest of `settings` checked against its fields."""
        values = dict(settings)
        name = values.pop("kind", None)
        if not isinstance(name, str):
            known = ", ".join(self.names())
            raise ConfigurationError(f"`kind` is missing; one of: {known}", where)
        try:
            part = self.load(name)
        except ConfigurationError as error:
            raise error.at(where) from None
        try:
            return part.read(values)
        except ConfigurationError as error:
            raise ConfigurationError(f"{self.title} '{name}': {error.message}", where) from None

    def name_of(self, part: T | type[T]) -> str:
        """The name under which a part is written in the plant file."""
        module = part.__module__ if inspect.isclass(part) else type(part).__module__
        if module.startswith(self.package + "."):
            return module[len(self.package) + 1 :].partition(".")[0]
        cls = part if inspect.isclass(part) else type(part)
        for name, entry in self._brought().items():
            if entry.value == f"{cls.__module__}:{cls.__qualname__}":
                return name
        return cls.__name__.lower()

    def _brought(self) -> dict[str, EntryPoint]:
        return {e.name: e for e in _entry_points(self.package, tuple(sys.path))}

    def _from_file(self, name: str) -> type[T]:
        try:
            module = importlib.import_module(f"{self.package}.{name}")
        except ModuleNotFoundError as error:
            missing = (error.name or "").partition(".")[0]
            if missing == self.package.partition(".")[0]:
                raise  # a module of our own is missing: a bug, not a matter of installation
            extra = _EXTRAS.get(missing, name)
            raise ConfigurationError(
                f"{self.title} '{name}' needs '{missing}': pip install 'gemel[{extra}]'"
            ) from error
        # By prefix, so that a file which became a folder of the same name keeps working.
        found = [
            member
            for _, member in inspect.getmembers(module, inspect.isclass)
            if issubclass(member, self.base)
            and f"{member.__module__}.".startswith(f"{module.__name__}.")
            and not inspect.isabstract(member)
        ]
        if len(found) != 1:
            raise TypeError(
                f"{module.__name__} defines {len(found)} {self.base.__name__} classes, must be 1"
            )
        return self._checked(found[0], module.__name__)

    def _checked(self, part: Any, origin: str) -> type[T]:
        if not (inspect.isclass(part) and issubclass(part, self.base)):
            raise ConfigurationError(f"{origin} is not a {self.base.__name__}")
        if part.api != self.base.api:
            raise ConfigurationError(
                f"{self.title} from {origin} is written for interface {part.api}, "
                f"this Gemel has {self.base.api}; install the matching version"
            )
        return part
