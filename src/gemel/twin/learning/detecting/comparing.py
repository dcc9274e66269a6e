"""Two models of a detector side by side: what their findings have cost since both score.

All of it is worked out again from history at each look, since people answer findings late and may
change their minds. The interval is the one that holds at any number of looks (`renewal.paired`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from gemel.core.frame import Values
from gemel.core.time import HOUR
from gemel.parts.historians.base import Store
from gemel.twin.learning.detecting.costs import Costs, Noticed, costs_of, occurrences
from gemel.twin.learning.detecting.settings import EventCosts
from gemel.twin.learning.labels import Answer
from gemel.twin.learning.renewal.paired import Comparison, Verdict

__all__ = ["Compared", "compare"]

_HOW: Final = Comparison(rows=80, confidence=0.95, block=4)
"""Most periods cost nothing: how alike neighbours are cannot be read off the first ones, so that
the length of blocks is fixed. What neighbouring blocks have in common counts in the interval."""
_MOST: Final = 100_000
_SHOWN: Final = 50
"""Unanswered findings that pages list."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What is said of another model beside the champion.

    verdict    of the other: better or worse only where that holds however the unanswered findings
               turn out
    low, high  of how much more the champion costs per period; None while too little is known
    """

    verdict: Verdict
    reason: str
    periods: int
    low: float | None
    high: float | None
    costs: Costs
    settings: EventCosts
    settled: bool
    """Whether enough is known of enough periods, and the other would not be better even if every
    unanswered finding turned out best for it."""

    def evidence(self) -> dict[str, Any]:
        """JSON-able: what stands beside a decision, in history and in the journal."""
        costs, settings = self.costs, self.settings
        return {
            "verdict": self.verdict, "reason": self.reason, "unit": settings.unit,
            "periods": self.periods, "period": settings.period, "low": self.low, "high": self.high,
            "champion": sorted(costs.champion), "other": sorted(costs.other),
            "events": costs.known, "unanswered": costs.unknown,
            "costs": settings.model_dump(mode="json", include={"false_alarm", "missed", "delay"}),
            "confidence": _HOW.confidence, "looks": "any number",
        }  # fmt: skip

    def report(self) -> dict[str, Any]:
        """For pages: the evidence, and which findings wait for an answer."""
        waiting = [
            {"id": f.id, "time": f.start, "end": f.end, "champion": f.champion}
            for f in self.costs.open
        ]
        return {**self.evidence(), "open": waiting[-_SHOWN:], "sentence": self.reason}


def compare(
    store: Store, detector: str, asset: str, other: str, settings: EventCosts, since: int, now: int
) -> Compared:
    """The champion of a detector and model `other`, which scores beside it. Reads history."""
    labels = store.events("label", asset, start=since, limit=_MOST)
    said = {e.payload["finding"]: e.payload["answer"] for e in labels}
    findings = []
    for kind in ("finding", "shadow_finding"):
        for event in store.events(kind, asset, start=since, end=now, limit=_MOST):
            mine = kind == "finding"
            if event.payload.get("detector") != detector:
                continue
            if not mine and event.payload.get("model") != other:
                continue
            # The end of a finding supersedes its beginning: an answer may be to either.
            answer: Answer | None = said.get(event.id) or said.get(event.supersedes or "")
            end = None if event.lasts else event.end
            findings.append(Noticed(event.id, event.time, end, answer, mine))
    troubles = [
        (event.time, None if event.lasts else event.end)
        for event in store.events("trouble", asset, start=since, end=now, limit=_MOST)
        if event.source == detector
    ]
    found = occurrences(findings, troubles, settings, now)
    return judge(costs_of(found, settings, since, now), settings)


def judge(costs: Costs, settings: EventCosts) -> Compared:
    """What costs say. Better only if better where every unanswered finding turns out worst."""
    least, most = _trial(costs.least), _trial(costs.most)
    low = least.low if np.isfinite(least.low) else None
    high = most.high if np.isfinite(most.high) else None
    enough = low is not None and costs.known >= settings.events
    verdict: Verdict = "not told apart"
    if enough and least.verdict == "better":
        verdict = "better"
    elif enough and most.verdict == "worse":
        verdict = "worse"
    periods = len(costs.least)
    return Compared(verdict, _reason(costs, settings, low, high, periods), periods, low, high,
                    costs, settings, enough and most.verdict != "better")  # fmt: skip


def _trial(gain: Values) -> Any:
    return _HOW.start().update(gain, np.zeros(len(gain)))


def _reason(
    costs: Costs, settings: EventCosts, low: float | None, high: float | None, periods: int
) -> str:
    often = "hour" if settings.period == HOUR else f"{settings.period / HOUR:g} h"
    waits = f"{costs.unknown} not answered" if costs.unknown else "all answered"
    told = (
        f"champion {_range(costs.champion)}, this one {_range(costs.other)} {settings.unit} of "
        f"{costs.known} known events ({waits}) in {periods} periods"
    )
    if costs.known < settings.events:
        return f"{told}; {settings.events} events wanted"
    if low is None or high is None:
        return f"{told}; too few periods"
    return (
        f"{told}; the champion costs {low:+.3g} to {high:+.3g} {settings.unit} more per {often}, "
        f"with {_HOW.confidence:.0%} and however the others are answered"
    )


def _range(pair: tuple[float, float]) -> str:
    low, high = sorted(pair)
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"
