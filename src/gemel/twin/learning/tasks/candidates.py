"""Which forecaster: each likely one forecasts the last part of the history; the best is taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from gemel.core.errors import ConfigurationError, DataError
from gemel.parts.forecasters import FORECASTERS
from gemel.parts.forecasters.base import Forecaster, Panel
from gemel.twin.learning.evaluation.forecast_scores import scaled_quantile_loss
from gemel.twin.learning.evaluation.rolling import origins_of, roll

__all__ = ["Tried", "chosen"]

_ORIGINS: Final = 12
_RARE: Final = 0.3
"""With more zeros among its values, a series is demand that comes now and then."""
_TREES: Final = 600
"""With fewer values trees only learn by heart."""
_SEEN: Final = 8
_LONGEST: Final = 1_000
"""Rows of a season that smoothing still follows in a time that people wait."""


@dataclass(frozen=True, slots=True)
class Tried:
    """The forecaster to use, and the losses by which it was chosen; none if it was given."""

    part: Forecaster
    settings: dict[str, Any]
    losses: dict[str, float] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    origins: int = 0

    @property
    def title(self) -> str:
        """For people."""
        return str(self.settings["kind"])

    def evidence(self) -> dict[str, Any]:
        """How it was chosen."""
        told: dict[str, Any] = {"forecaster": self.title}
        if self.losses:
            told["chosen by"] = f"scaled pinball loss, {self.origins} origins in the last third"
            told["losses"] = [f"{name} {loss:.4g}" for name, loss in self.losses.items()]
        if self.left_out:
            told["not tried"] = [f"{name}: {why}" for name, why in self.left_out.items()]
        return told

    def table(self) -> tuple[dict[str, Any], ...]:
        """The same as rows."""
        rows = [
            {"forecaster": n, "scaled pinball loss": f"{v:.4g}"} for n, v in self.losses.items()
        ]
        rows += [{"forecaster": n, "scaled pinball loss": why} for n, why in self.left_out.items()]
        return tuple(rows)


def chosen(
    panel: Panel, seasons: tuple[int, ...], common: dict[str, Any], progress: Callable[[str], None]
) -> Tried:
    """The best of those that are likely for such a history. `seasons` from the shortest on.

    Raises `DataError` if the history is too short for any.
    """
    horizon = int(common["horizon"])
    count = min(_ORIGINS, (len(panel) // 3) // horizon)
    if count < 1:
        raise DataError(
            f"{len(panel)} steps are too few to choose a forecaster for {horizon} steps ahead by: "
            f"{3 * horizon} are needed, or say which one with `model`"
        )
    # Over the last third, not at its very end: a week of holidays would choose for all the year.
    apart = max(horizon, (len(panel) // 3 - horizon) // max(count - 1, 1))
    at = origins_of(len(panel), horizon, count, apart)
    losses: dict[str, float] = {}
    left_out: dict[str, str] = {}
    tried: dict[str, dict[str, Any]] = {}
    for name, settings in _likely(panel, seasons, common).items():
        progress(f"trying {name}")
        try:
            part = FORECASTERS.build(settings, "model")
            rolled = roll(part.fit, panel, at, horizon, season=seasons[-1], refit=count)
        except (DataError, ConfigurationError) as error:  # too short for it, or an extra is missing
            left_out[name] = str(error)
            continue
        loss = scaled_quantile_loss(rolled)
        if np.isfinite(loss).any():
            losses[name], tried[name] = float(np.nanmean(loss)), settings
        else:
            left_out[name] = "nothing to compare it with is known"
    if not losses:
        reasons = "; ".join(f"{name}: {why}" for name, why in left_out.items())
        raise DataError(f"no forecaster can learn from these {len(panel)} steps: {reasons}")
    best = min(losses, key=lambda name: losses[name])
    settings = tried[best]
    return Tried(FORECASTERS.build(settings, "model"), settings, losses, left_out, count)


def _likely(
    panel: Panel, seasons: tuple[int, ...], common: dict[str, Any]
) -> dict[str, dict[str, Any]]:
    """Simple ones first: of equals the first is taken. Without a season as well where none is seen
    often enough to be sure of."""
    known = panel.value[np.isfinite(panel.value)]
    positive = bool((known >= 0).all())
    common = {**common, "non_negative": positive}
    found: dict[str, dict[str, Any]] = {}
    smooth = [season for season in seasons if season <= _LONGEST]
    if not smooth or len(panel) < _SEEN * smooth[-1]:
        smooth.insert(0, 1)
    for kind in ("seasonal_naive", "ets", "theta"):
        for season in dict.fromkeys(smooth):
            name = f"{kind}, season {season}" if season > 1 else kind
            found[name] = {"kind": kind, "season": season, **common}
    rare = positive and bool((known == 0).mean() > _RARE)
    if rare:
        for method in ("sba", "tsb"):
            found[f"croston, {method}"] = {"kind": "croston", "method": method, **common}
    if len(known) < _TREES:
        return found
    windows = {w for w in (4, 12, 48, *seasons) if 1 < w <= len(panel) // 4}
    found["boosted"] = {
        "kind": "boosted", "season": seasons[0], "seasons": list(seasons[1:]),
        "windows": sorted(windows) or [3],
        "lags": [lag for lag in (1, 2, 3, 4, 8) if lag < len(panel) // 4],
        "relative": not rare and len(panel.names) > 1,
        "trees": {"iterations": 200, "least": max(5, min(100, len(known) // 50))},
        **common,
    }  # fmt: skip
    return found
