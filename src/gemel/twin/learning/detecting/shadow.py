"""Models that score the same rows as the champion and raise nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from gemel.core.event import Event
from gemel.core.time import Clock
from gemel.parts.detectors.base import Model, Scorer, Window
from gemel.parts.historians.base import Store
from gemel.twin.learning.detecting.noticing import Noticing
from gemel.twin.learning.findings import WatchSettings

__all__ = ["Role", "Shadow", "start"]

Role = Literal["candidate", "former"]


@dataclass(slots=True)
class Shadow:
    """One of them; `since` is when it began to score beside the present champion, ns."""

    name: str
    model: Model
    scorer: Scorer
    noticing: Noticing
    since: int
    evidence: Mapping[str, Any]

    def feed(self, window: Window) -> list[Event]:
        """Score the rows; its findings are Events of the kind ``shadow_finding``."""
        score = self.scorer(window)
        known = np.flatnonzero(~np.isnan(score.value))
        return [event for i in known for event in self.noticing.judge(score, int(i))]


def start(
    name: str, model: Model, evidence: Mapping[str, Any], detector: str, settings: WatchSettings,
    store: Store, clock: Clock, since: int, scorer: Scorer | None = None,
) -> Shadow:  # fmt: skip
    """Begin, or go on where its last finding was left open; with the `scorer` that it has had."""
    source = f"{detector} shadow {name}"
    told = store.events("shadow_finding", settings.asset, start=clock(), limit=1_000)
    left = next((e for e in told if e.source == source and e.lasts), None)
    noticing = Noticing(detector, settings, model.names, name, clock, kind="shadow_finding",
                        source=source, left=left)  # fmt: skip
    return Shadow(name, model, scorer or model.start(), noticing, since, evidence)
