"""What is looked at: which signals of an asset, also if nobody names them, and on which grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from pydantic import Field

from gemel.core.catalogue import glob_pattern
from gemel.core.errors import ConfigurationError, did_you_mean
from gemel.core.plant import PlantSignal
from gemel.core.settings import Settings
from gemel.core.time import SECOND, Duration

__all__ = ["Looks", "chosen_signals", "measured"]

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


class Looks(Settings):
    """What a watch and a task look at, in words of the plant file."""

    title: str = Field("", description="Name for people; the key where it is empty")
    asset: str = Field(description="The asset that it is about")
    signals: tuple[str, ...] = Field(
        (), description="Paths or globs; if empty, the asset's measured signals"
    )
    step: Duration = Field(SECOND, gt=0, description="Grid on which signals are aligned")
    lateness: Duration = Field(
        SECOND, ge=0, description="How long a row waits for samples that come late"
    )


def measured(planned: PlantSignal) -> bool:
    """Whether a signal tells how things are, not what was ordered or counted."""
    return planned.signal.type == "number" and planned.signal.role not in _ROLES


def chosen_signals(settings: Looks, signals: Sequence[PlantSignal]) -> list[str]:
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
