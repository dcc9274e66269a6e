"""What becomes of a detector's models, as the Events that tasks have for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gemel.core.event import Event
from gemel.twin.learning.findings import WatchSettings
from gemel.twin.learning.windows import Normal

if TYPE_CHECKING:
    from gemel.twin.learning.detecting.candidate import Made
    from gemel.twin.learning.live.registry import Step

__all__ = ["Steps"]


class Steps:
    """Makes them, with what a fit reads: lineage is told from these Events."""

    def __init__(
        self, name: str, settings: WatchSettings, normal: Normal, numbers: Mapping[str, int],
        score: str | None,
    ) -> None:  # fmt: skip
        self._name, self._asset = name, settings.asset
        self._title = settings.title or name
        paths = {number: path for path, number in numbers.items()}
        self._read = {
            "columns": normal.names,
            "conditions": tuple(dict.fromkeys(paths[n] for _, n in normal.inputs)),
            "tells": (score,) if score else (), "finds": True,
        }  # fmt: skip
        self._sequence = 0

    def __call__(
        self, step: Step, model: str, reason: str, actor: str, now: int, *,
        former: str = "", made: Made | None = None, began: int = 0,
        evidence: Mapping[str, Any] | None = None,
    ) -> Event:  # fmt: skip
        """The next one; `made` and `began` are of a fit."""
        # It loads with the first fit; see detecting.renewing.Desk.
        from gemel.twin.learning.live.registry import ModelStep, step_event

        self._sequence += 1
        told = ModelStep(
            task=self._name, title=self._title, model=model, step=step, reason=reason, actor=actor,
            former=former, evidence=dict(evidence or ({} if made is None else made.evidence)),
            window=None if made is None else made.window, data="" if made is None else made.data,
            **({"began": began or now, **self._read} if step == "fitted" else {}),
        )  # fmt: skip
        return step_event(self._asset, told, now, self._name, self._sequence)
