"""Which signals of an asset are looked at, if nobody names them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from gemel.core.catalogue import glob_pattern
from gemel.core.errors import ConfigurationError, did_you_mean
from gemel.core.plant import PlantSignal

__all__ = ["Chooses", "chosen_signals", "measured"]

_ROLES: Final = (
    "count",
    "reject",
    "energy",
    "setpoint",
    "state",
    "run",
    "order",
    "product",
    "lot",
    "alarm",
)
"""Roles whose signals are not looked at unless they are named: they move by design."""


class Chooses(Protocol):
    """Settings that say which signals are looked at."""

    @property
    def asset(self) -> str: ...

    @property
    def signals(self) -> tuple[str, ...]: ...


def measured(planned: PlantSignal) -> bool:
    """Whether a signal tells how things are, not what was ordered or counted."""
    return planned.signal.type == "number" and planned.signal.role not in _ROLES


def chosen_signals(settings: Chooses, signals: Sequence[PlantSignal]) -> list[str]:
    """The paths that a watch looks at, in the order of the plant file.

    What a task estimates is left out unless it is named. Raises `ConfigurationError` when a pattern
    matches nothing, or nothing is left.
    """
    signals = [s for s in signals if not s.told_by or s.path in settings.signals]
    if not any(s.asset == settings.asset for s in signals) and not settings.signals:
        assets = {s.asset for s in signals}
        raise ConfigurationError(
            f"asset '{settings.asset}' has no signals; {did_you_mean(settings.asset, assets)}"
        )
    if not settings.signals:
        found = [s.path for s in signals if s.asset == settings.asset and measured(s)]
    else:
        matches: list[Callable[[str], object]] = []
        for pattern in settings.signals:
            match = glob_pattern(pattern).fullmatch
            if not any(match(s.path) for s in signals):
                hint = did_you_mean(pattern, (s.path for s in signals))
                raise ConfigurationError(f"no signal matches '{pattern}'; {hint}")
            matches.append(match)
        found = [s.path for s in signals if any(match(s.path) for match in matches)]
    if not found:
        raise ConfigurationError(
            f"asset '{settings.asset}' has no measured signals; name some in `signals`"
        )
    return found
