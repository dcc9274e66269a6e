"""Which stretches of history are not normal, or not known to be: they are never learned from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from gemel.core.event import Event
from gemel.core.frame import Times
from gemel.parts.historians.base import Store
from gemel.twin.learning.detecting.settings import DetectorRenewal

__all__ = ["Apart", "Spans", "inside"]

_MOST: Final = 100_000
_NEVER: Final = 2**62

Spans = tuple[tuple[int, int], ...]
"""First and last moment of each, ns UTC."""


@dataclass(frozen=True, slots=True)
class Apart:
    """By reason.

    stops     the asset, or one that it is a part of, stood: maintenance and changeovers are stops
    alarms    an alarm of the asset was active
    marked    periods that the plant file leaves out
    right     a person said that a finding was right, or `event` was true
    open      findings that nobody has answered: what they are is not known
    believed  findings that were wrong, or known and no fault: a person says that this is normal
    """

    stops: Spans
    alarms: Spans
    marked: Spans
    right: Spans
    open: Spans
    believed: Spans

    def learned(self, time: Times) -> tuple[npt.NDArray[np.bool_], dict[str, int]]:
        """Which rows may be learned from, and how many are left out for what."""
        keep = np.ones(len(time), np.bool_)
        counts = {}
        believed = inside(time, self.believed)
        for reason in ("stops", "alarms", "marked", "right", "open"):
            out = inside(time, getattr(self, reason)) & keep
            if reason in ("alarms", "open"):
                out &= ~believed  # a person's word counts more
            counts[reason] = int(out.sum())
            keep &= ~out
        return keep, {reason: n for reason, n in counts.items() if n}

    @property
    def abnormal(self) -> Spans:
        """What people or alarms call abnormal."""
        return (*self.stops, *self.alarms, *self.marked, *self.right)

    @classmethod
    def read(
        cls, store: Store, detector: str, asset: str, renewal: DetectorRenewal, start: int, end: int
    ) -> Apart:
        """From history, start <= time < end."""

        def events(kind: str, subject: str | None = asset) -> list[Event]:
            return store.events(kind, subject, start=start, end=end, limit=_MOST)

        above = [asset, *(asset[:i] for i, letter in enumerate(asset) if letter == "/")]
        said = {e.payload["finding"]: e.payload["answer"] for e in
                store.events("label", asset, start=start, limit=_MOST)}  # fmt: skip
        by: dict[str, list[tuple[int, int]]] = {"right": [], "open": [], "believed": []}
        for event in (*events("finding"), *events("shadow_finding")):
            if event.payload.get("detector") != detector:
                continue
            answer = said.get(event.id) or said.get(event.supersedes or "")
            span = _span(event)
            if answer == "wrong" or (answer == "known" and renewal.learn_known):
                by["believed"].append(span)
            elif answer is None and event.kind == "shadow_finding":
                continue  # a candidate's word alone takes nothing away
            else:
                by["open" if answer is None else "right"].append(span)
        by["right"] += [_span(e) for e in events("trouble") if e.source == detector]
        return cls(
            # Events of an asset come with those of all below it: sisters are no part of this one.
            stops=tuple(_span(e) for path in above for e in events("stop", path)
                        if e.subject == path),
            alarms=_active(store.events("alarm", asset, end=end, limit=_MOST)),
            marked=renewal.left_out,
            right=tuple(by["right"]), open=tuple(by["open"]), believed=tuple(by["believed"]),
        )  # fmt: skip


def inside(time: Times, spans: Spans) -> npt.NDArray[np.bool_]:
    """Which rows lie in one of them."""
    found = np.zeros(len(time), np.bool_)
    for first, last in spans:
        low, high = np.searchsorted(time, [first, last + 1])
        found[low:high] = True
    return found


def _span(event: Event) -> tuple[int, int]:
    last = _NEVER if event.lasts or event.end is None else event.end
    return event.time, last


def _active(changes: list[Event]) -> Spans:
    """Each transition of an alarm says whether it is active."""
    found: list[tuple[int, int]] = []
    since: dict[str, int] = {}
    for event in sorted(changes, key=lambda e: (e.time, e.sequence)):
        name = str(event.payload["alarm"])
        if event.payload["active"]:
            since.setdefault(name, event.time)
        elif name in since:
            found.append((since.pop(name), event.time))
    return (*found, *((start, _NEVER) for start in since.values()))
