"""When recognised faults, and what is new, become findings.

A row that is told otherwise than the one before is no occurrence: a finding opens when rows were
not normal for `hold`, whatever they were, and is of what most of them were. It ends when rows were
normal for as long. Where they become another fault for as long, it ends, and the next one begins;
but where people have named a new one meanwhile, and a model has learned the name, it is the same
that goes on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from gemel.core.errors import DataError
from gemel.core.event import Event
from gemel.core.frame import Values
from gemel.core.time import Clock
from gemel.parts.detectors.base import Window
from gemel.parts.diagnosers.base import Case
from gemel.parts.diagnosers.learned_classes import KnownClasses
from gemel.twin.learning.diagnosis import Deviation, Diagnosed, Likely, direction
from gemel.twin.learning.findings import Contribution, Finding
from gemel.twin.learning.live import told_classes
from gemel.twin.learning.live.casebook import NEW, NORMAL, Casebook

__all__ = ["Recognised"]

_KEPT: Final = 1_000
"""Newest rows of an occurrence that its diagnosis looks at."""
_SHOWN: Final = 5
_FAR: Final = 3.0
_LIKELY: Final = 0.005


@dataclass(frozen=True, slots=True)
class _Row:
    """verdict  'new' or a class; empty where it is not normal and not surely anything"""

    time: int
    verdict: str
    strength: float
    value: Values


class Recognised:
    """The findings of one task. In the compute thread, with what its champion said of rows.

    left  a finding that was open when the twin stopped
    """

    def __init__(
        self, name: str, title: str, asset: str, hold: int, sure: float, clock: Clock,
        left: Event | None,
    ) -> None:  # fmt: skip
        self._name, self._title, self._asset = name, title, asset
        self._hold, self._sure, self._clock = hold, sure, clock
        self.model = ""
        """Hash of the champion."""
        self._open = left
        self._verdict = "" if left is None else str(left.payload.get("fault", ""))
        self._highest = 0.0 if left is None else float(left.payload["highest"])
        self._rows: list[_Row] = []
        """Of the occurrence, or of what may become one."""
        self._quiet_since: int | None = None
        self._last = 0 if left is None else left.time
        """The last row that was not normal."""
        self._told: Event | None = None
        """The diagnosis that another one would supersede."""

    def take(
        self, model: KnownClasses, evidence: Mapping[str, Any], window: Window, said: Values,
        book: Casebook,
    ) -> list[Event]:  # fmt: skip
        """What rows change; `said` is what was told of each, float64[n,3]: the number of the class,
        its probability, and how unlike everything known."""
        words, harmless = (*model.classes, NEW), frozenset(evidence.get("no fault", (NORMAL,)))
        events: list[Event] = []
        for time, value, (number, probability, novelty) in zip(
            window.time.tolist(), window.value, said.tolist(), strict=True
        ):
            if number != number:
                continue  # nothing is known of this row
            verdict = words[int(number)]
            if verdict in harmless:
                events += self._quiet(time, model, evidence)
                continue
            strength = novelty if verdict == NEW else probability
            if verdict != NEW and probability < self._sure:
                verdict = ""
            self._rows = [*self._rows, _Row(time, verdict, strength, value)][-_KEPT:]
            events += self._abnormal(time, model, evidence, book)
        return events

    def _quiet(self, time: int, model: KnownClasses, evidence: Mapping[str, Any]) -> list[Event]:
        if self._open is None:
            self._rows.clear()
            return []
        if self._quiet_since is None:
            self._quiet_since = time
        if time - self._quiet_since < self._hold:
            return []
        # After a restart nothing is known of when it ended: not later than it was seen to be over.
        end = self._last if self._rows else self._quiet_since
        return self._close(end, self._rows, model, evidence)

    def _abnormal(
        self, time: int, model: KnownClasses, evidence: Mapping[str, Any], book: Casebook
    ) -> list[Event]:
        self._quiet_since, self._last = None, time
        rows = self._rows
        if self._open is None:
            if time - rows[0].time < self._hold:
                return []
            return self._begin(model, evidence)
        self._highest = max(
            self._highest, rows[-1].strength if rows[-1].verdict == self._verdict else 0.0
        )
        other = rows[-1].verdict
        if other in ("", self._verdict):
            return []
        turned = next((i for i, r in enumerate(reversed(rows)) if r.verdict != other), len(rows))
        since = rows[len(rows) - turned :]
        if time - since[0].time < self._hold:
            return []
        if book.answered(self._first(self._open)) == other:
            self._verdict = other  # it has been given this name
            return []
        before = rows[: len(rows) - turned]
        last = before[-1].time if before else since[0].time
        closed = self._close(last, before or since[:1], model, evidence)
        self._rows = since
        return [*closed, *self._begin(model, evidence)]

    def _begin(self, model: KnownClasses, evidence: Mapping[str, Any]) -> list[Event]:
        counts = Counter(row.verdict for row in self._rows if row.verdict)
        if not counts:
            return []  # it is not normal, and not surely anything: more rows will say
        self._verdict = counts.most_common(1)[0][0]
        self._last = self._rows[-1].time
        self._highest = max(r.strength for r in self._rows if r.verdict == self._verdict)
        told = self._finding(self._rows, model, evidence)
        self._open = Event(
            "finding", self._asset, self._rows[0].time, self._name, self._clock(),
            payload=told.model_dump(), lasts=True,
        )  # fmt: skip
        return [self._open, *self._diagnosed(self._rows, model, evidence)]

    def _close(
        self, end: int, rows: list[_Row], model: KnownClasses, evidence: Mapping[str, Any]
    ) -> list[Event]:
        opened = self._open
        assert opened is not None  # noqa: S101 - only an open finding is closed
        payload = {**opened.payload, "highest": max(self._highest, opened.payload["score"])}
        closed = replace(opened.ended(max(end, opened.time)), known=self._clock(), payload=payload)
        told = self._diagnosed(rows, model, evidence) if rows else []
        self._open, self._told, self._rows, self._quiet_since = None, None, [], None
        return [closed, *told]

    def end(self) -> list[Event]:
        """It looks no more."""
        opened, self._open = self._open, None
        if opened is None:
            return []
        return [replace(opened.ended(max(self._last, opened.time)), known=self._clock())]

    # What is said of it

    def _finding(
        self, rows: list[_Row], model: KnownClasses, evidence: Mapping[str, Any]
    ) -> Finding:
        new = self._verdict == NEW
        mine = [row for row in rows if row.verdict == self._verdict]
        told = model.diagnose(Case(_window(mine, model)))
        reasons = told.causes[0].reasons
        every = sum(abs(r.weight) for r in reasons) or 1.0
        shares = [
            Contribution(signal=self._path(r.name), share=round(r.weight / every, 4))
            for r in reasons[:_SHOWN]
            if r.weight / every > 0.02
        ]
        cases = sum(case["cause"] == self._verdict for case in evidence.get("cases", ()))
        because = (
            f"unlike everything that is known; the nearest is {told.causes[0].name}"
            if new
            else f"like {self._verdict}, which is known from {cases} "
            f"{'case' if cases == 1 else 'cases'}"
        )
        return Finding(
            title=f"{self._title}: {self._verdict}", detector=self._name,
            score=mine[-1].strength, limit=1.0 if new else self._sure, highest=self._highest,
            contributions=tuple(shares), model=self.model, because=because, fault=self._verdict,
        )  # fmt: skip

    def _diagnosed(
        self, rows: list[_Row], model: KnownClasses, evidence: Mapping[str, Any]
    ) -> list[Event]:
        opened = self._open
        assert opened is not None  # noqa: S101 - what is diagnosed is open, or just ends
        mine = [row for row in rows if row.verdict == self._verdict] or rows
        window = _window(mine, model)
        try:
            found = model.diagnose(Case(window))
        except DataError:
            return []
        far = told_classes.sigmas(model, window.value)
        usual, _ = model.level(NORMAL)
        level = np.nanmean(np.where(np.isfinite(window.value).any(axis=0), window.value, 0), axis=0)
        order = [j for j in np.argsort(-np.abs(np.nan_to_num(far)), kind="stable")
                 if np.isfinite(far[j])]  # fmt: skip
        shown = [j for j in order if abs(far[j]) >= _FAR][:_SHOWN] or order[:2]
        profile = direction(model.names, far)
        known = tuple(
            Likely(name=c.name, probability=c.probability, low=c.low, high=c.high)
            for c in found.causes
            if c.probability >= _LIKELY and self._verdict != NEW
        )
        told = Diagnosed(
            finding=self._first(opened), detector=self._name,
            deviations=tuple(
                Deviation(signal=self._path(model.names[j]), usual=float(usual[j]),
                          now=float(level[j]), sigmas=round(float(far[j]), 2))
                for j in shown
            ),
            known=known, new=self._verdict == NEW,
            alike=told_classes.alike(evidence, profile), profile=profile,
            normal=tuple(evidence["window"]), case=(mine[0].time, mine[-1].time),
        )  # fmt: skip
        before = self._told
        self._told = Event(
            "diagnosis", self._asset, opened.time, f"diagnosis {self._name}", self._clock(),
            mine[-1].time, told.model_dump(), cause=self._first(opened),
            supersedes=None if before is None else before.id,
            sequence=0 if before is None else before.sequence + 1,
        )  # fmt: skip
        return [self._told]

    def _first(self, finding: Event) -> str:
        return finding.supersedes or finding.id

    def _path(self, name: str) -> str:
        return name if name.startswith(self._asset + "/") else f"{self._asset}/{name}"


def _window(rows: list[_Row], model: KnownClasses) -> Window:
    time = np.array([row.time for row in rows], np.int64)
    return Window(time, np.stack([row.value for row in rows]), model.names)
