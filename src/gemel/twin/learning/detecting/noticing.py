"""When a score becomes a finding: it opens after `hold` above the limit, and closes likewise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gemel.core.event import Event
from gemel.core.time import Clock
from gemel.parts.detectors.base import Score
from gemel.twin.learning.findings import Contribution, Finding, WatchSettings, because

__all__ = ["Noticing"]


@dataclass(slots=True)
class _Run:
    """A stretch of rows above the limit."""

    start: int
    last: int
    highest: float
    score: Score
    row: int
    event: Event | None = None


class Noticing:
    """Makes findings of the scores of one model.

    kind    of the Events: ``finding``, or ``shadow_finding`` of a model that raises nothing
    source  of the Events
    left    a finding of it that was open when the twin stopped
    """

    def __init__(
        self,
        detector: str,
        settings: WatchSettings,
        names: Sequence[str],
        model: str,
        clock: Clock,
        *,
        kind: str = "finding",
        source: str = "",
        left: Event | None = None,
    ) -> None:
        self._detector, self._settings, self._names = detector, settings, names
        self.model, self._clock = model, clock
        self._kind, self._source = kind, source or detector
        self._left = left
        self._above: _Run | None = None
        self._below_since: int | None = None

    @property
    def open(self) -> bool:
        """Whether a finding lasts."""
        return self._above is not None and self._above.event is not None

    def judge(self, score: Score, i: int) -> list[Event]:
        """What row `i` opens or closes; its score is known."""
        time, hold = int(score.time[i]), self._settings.hold
        left, self._left = self._left, None
        if left is not None:
            if not score.alarm[i]:
                return [replace(left.ended(time), known=self._clock())]
            highest = float(left.payload["highest"])
            self._above = _Run(left.time, time, highest, score, i, left)
        if score.alarm[i]:
            self._below_since = None
            value = float(score.value[i])
            if self._above is None:
                self._above = _Run(time, time, value, score, i)
            run = self._above
            run.last, run.score, run.row = time, score, i
            run.highest = max(run.highest, value)
            if run.event is None and time - run.start >= hold:
                run.event = self._event(run, None)
                return [run.event]
        elif self._above is not None:
            if self._below_since is None:
                self._below_since = time
            if time - self._below_since >= hold:
                run, self._above = self._above, None
                if run.event is not None:
                    return [self._closed(run)]
        return []

    def end(self) -> list[Event]:
        """It looks no more: a finding that is open ends with the last row above the limit."""
        run, self._above = self._above, None
        left, self._left = self._left, None
        if left is not None:
            now = self._clock()
            return [replace(left.ended(now), known=now)]
        return [] if run is None or run.event is None else [self._closed(run)]

    def _closed(self, run: _Run) -> Event:
        first = run.event
        assert first is not None  # noqa: S101 - only an open finding is closed
        closed = self._event(run, run.last)
        return replace(closed, sequence=1, supersedes=first.id, payload={
            **closed.payload, "contributions": first.payload["contributions"],
        })  # fmt: skip

    def _event(self, run: _Run, end: int | None) -> Event:
        shares = np.nan_to_num(run.score.contribution[run.row])
        order = np.argsort(-shares)[:5]
        contributions = tuple(
            Contribution(signal=self._names[j], share=round(float(shares[j]), 4))
            for j in order
            if shares[j] > 0.02
        )
        asset = self._settings.asset
        finding = Finding(
            title=self._settings.title or self._detector,
            detector=self._detector,
            score=float(run.score.value[run.row]),
            limit=float(run.score.limit[run.row]),
            highest=run.highest,
            contributions=contributions,
            model=self.model,
            because=because(contributions, asset),
        )
        return Event(
            self._kind, asset, run.start, self._source, self._clock(), end,
            finding.model_dump(), lasts=end is None,
        )  # fmt: skip
