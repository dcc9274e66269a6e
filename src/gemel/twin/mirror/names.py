"""What a name in an expression means: which signal, and of which type."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Final

from gemel.core.errors import ConfigurationError
from gemel.core.expression import Boolean, Enumeration, Number, Text, Type
from gemel.core.plant import PlantSignal, Signal

__all__ = ["Names", "Resolver", "signal_type"]

_SHOWN: Final = 4


class Names:
    """The index of a plant's names, made once and shared by the resolvers of all assets; what no
    expression asks for is not made."""

    def __init__(self, signals: Iterable[PlantSignal]) -> None:
        self.signals = {planned.path: planned for planned in signals}

    @cached_property
    def own(self) -> dict[str, dict[str, list[str]]]:
        """Paths by asset and name within it."""
        found: dict[str, dict[str, list[str]]] = {}
        for path, planned in self.signals.items():
            key = _dotted(path[len(planned.asset) + 1 :])
            found.setdefault(planned.asset, {}).setdefault(key, []).append(path)
        return found

    @cached_property
    def short(self) -> dict[str, list[str]]:
        """Paths by the last part of their asset and the signal, with dots for slashes."""
        found: dict[str, list[str]] = {}
        for path, planned in self.signals.items():
            whole = _dotted(path).split(".")
            # All endings that hold at least one part of the asset's own path.
            for start in range(len(_dotted(planned.asset).split("."))):
                found.setdefault(".".join(whole[start:]), []).append(path)
        return found


class Resolver:
    """Names as they are written in expressions that belong to an asset; `Resolve` of the language.

    A full path in brackets means itself (`[line2/filler/speed]`). Else a signal of the asset itself
    is meant (`speed`, `motor.current`), or a signal of another asset by the last parts of its path
    (`filler.speed` is `speed` of the asset that ends in `filler`). Where several assets end so, the
    one nearest to this asset is meant; are several equally near, that is a `ConfigurationError`
    that names them. `known` are the names to suggest in place of a wrong one.
    """

    def __init__(self, signals: Iterable[PlantSignal] | Names, asset: str = "") -> None:
        names = signals if isinstance(signals, Names) else Names(signals)
        self.asset = asset
        self._names = names
        self._signals = names.signals

    @property
    def known(self) -> tuple[str, ...]:
        """Names to suggest in the place of a wrong one."""
        return (*self._own(), *self._signals)

    def __call__(self, name: str) -> Type | None:
        """The type of a name, None if it is not known. Raises `ConfigurationError` if it may mean
        several signals."""
        path = self._find(name)
        return None if path is None else signal_type(self._signals[path].signal)

    def path(self, name: str) -> str:
        """The path of the signal that a name means, as `__call__` found it."""
        path = self._find(name)
        if path is None:
            raise ConfigurationError(f"'{name}' is not known")
        return path

    def _find(self, name: str) -> str | None:
        if "/" in name and name in self._signals:
            return name
        dotted = _dotted(name)
        if own := self._own().get(dotted):
            return self._one(name, own)
        others = self._names.short.get(dotted, [])
        if not others:
            return None
        nearness = {path: _shared(path, self.asset) for path in others}
        nearest = max(nearness.values())
        return self._one(name, [path for path in others if nearness[path] == nearest])

    def _own(self) -> dict[str, list[str]]:
        return self._names.own.get(self.asset, {})

    def _one(self, name: str, paths: list[str]) -> str:
        if len(paths) == 1:
            return paths[0]
        shown = " or ".join(f"[{path}]" for path in paths[:_SHOWN])
        more = f" or {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
        raise ConfigurationError(f"'{name}' may mean {shown}{more}; write the one that is meant")


def signal_type(signal: Signal) -> Type:
    """The type of a signal in the language of expressions."""
    if signal.type == "boolean":
        return Boolean()
    if signal.type == "text":
        return Text()
    if signal.type == "enumeration" and signal.labels:
        codes = sorted(signal.labels)
        return Enumeration(tuple(signal.labels[code] for code in codes), tuple(codes))
    return Number(signal.unit)


def _dotted(path: str) -> str:
    return path.replace("/", ".")


def _shared(path: str, asset: str) -> int:
    """How many parts two paths have in common from the left."""
    count = 0
    for mine, other in zip(path.split("/"), asset.split("/"), strict=False):
        if mine != other:
            break
        count += 1
    return count
