"""The demo's five minutes, told from what the twin really saw.

No step is ticked by the clock: each is done when history holds the evidence, and says which.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gemel.core.errors import GemelError
from gemel.core.event import CONNECTION_LOST, Event
from gemel.parts.historians.base import Query
from gemel.runtime.daemon import Daemon

__all__ = ["Story"]


@dataclass(slots=True)
class _Step:
    key: str
    title: str
    text: str
    link: str
    done: bool = False
    evidence: str = ""


def _story() -> list[_Step]:
    return [
            _Step("live", "The line is live", "Five machines, mirrored as they run.", "/"),
            _Step("slow", "The filler is slow", "Since when, and why.", "/health"),
            _Step(
                "bearing", "A capper bearing develops a fault",
                "Found and explained before any limit is hit.", "/health",
            ),
            _Step(
                "proposal", "Gemel proposes to slow down by 4 %", "Look at the advice.", "/advice"
            ),
            _Step(
                "refused", "Try 12 %",
                "The operating envelope refuses it, and says why.", "/advice",
            ),
            _Step(
                "kept", "Approve",
                "The machine obeys, read-back confirms, the journal shows who and why.", "/advice",
            ),
            _Step(
                "gap", "The server is cut off",
                "The gap is hatched, then refilled: sent equals stored.", "/trends",
            ),
            _Step(
                "yours", "Now yours",
                "gemel discover opc.tcp://… -o plant.yaml && gemel run plant.yaml", "/plant-file",
            ),
    ]  # fmt: skip


def _learning() -> list[_Step]:
    return [
        _Step("live", "The line is live", "Five machines, mirrored as they run.", "/"),
        _Step("model", "A model is fitted", "What the valves' open time should be.", "/models"),
        _Step("bearing", "A bearing wears", "Found before any limit is hit.", "/health"),
        _Step("life", "How long is left?", "The band narrows as the end comes near.", "/health"),
        _Step(
            "drift", "Another batch flows differently",
            "The model's errors grow; a new one is fitted on what came after.", "/models",
        ),
        _Step("promoted", "Approve the better model", "It was asked in shadow.", "/models"),
        _Step(
            "returned", "Force the old one in",
            "It is found worse on the rows that follow, and goes back by itself.", "/models",
        ),
    ]  # fmt: skip


def _planning() -> list[_Step]:
    return [
        _Step("live", "The line is live", "Five machines, mirrored as they run.", "/"),
        _Step(
            "tried", "Play out three alternatives",
            "They begin with the bottles that stand in the line now.", "/what-if",
        ),
        _Step("planned", "Plan with the best", "Orders of a day on two lines.", "/schedule"),
        _Step(
            "released", "Release the plan", "Its job orders go to the line by OPC UA.", "/schedule"
        ),
        _Step("broken", "The capper trips", "Noticed as a breakdown of the line.", "/schedule"),
        _Step(
            "repaired", "Release the repaired plan",
            "Near to what held; say how long the repair takes, and it is planned again.",
            "/schedule",
        ),
    ]  # fmt: skip


_STORIES = {"learning": _learning, "planning": _planning}


class Story:
    """Follows the events of the virtual line's story, or of one about learning or planning."""

    def __init__(self, daemon: Daemon, url: str, scenario: str = "story") -> None:
        self._daemon = daemon
        self._steps = _STORIES.get(scenario, _story)()
        self._url = url

    async def report(self) -> dict[str, Any]:
        """The steps, each with its evidence; `now` is the first that is not done."""
        events = await asyncio.to_thread(self._daemon.store.events, limit=2_000)
        for step in self._steps:
            if not step.done:
                step.evidence = await self._evidence(step.key, events)
                step.done = bool(step.evidence)
        waiting = [s.key for s in self._steps if not s.done]
        return {
            "steps": [
                {
                    "key": s.key, "title": s.title, "text": s.text, "done": s.done,
                    "evidence": s.evidence, "link": s.link,
                }
                for s in self._steps
            ],
            "now": waiting[0] if waiting else self._steps[-1].key,
        }  # fmt: skip

    async def _evidence(self, key: str, events: list[Event]) -> str:
        if key == "live":
            link = next(iter(self._daemon.links.values()))
            return f"{len(link.wanted)} signals" if link.state == "active" else ""
        if key == "gap":
            return await self._gap(events)
        if key == "life":
            return self._life()
        if key in ("tried", "planned", "released", "broken", "repaired"):
            return self._plans(key)
        if key == "yours":
            return "ready" if all(s.done for s in self._steps[:-1]) else ""
        for event in events:
            if said := _said(key, event):
                return said
        return ""

    def _plans(self, key: str) -> str:
        planning = self._daemon.planning
        if key == "tried":
            return planning.tried
        for book in planning.books.values():
            held, proposed = book.held, book.proposed
            number = held.number if held is not None else 0
            if key == "planned" and (held is not None or proposed is not None):
                return f"plan {number or 1}"
            if key == "released" and held is not None:
                return f"plan {number} holds"
            if key == "broken" and book.down:
                return ", ".join(sorted(book.down))
            if key == "repaired" and held is not None and held.down:
                return f"plan {number}: {held.why}"
        return ""

    def _life(self) -> str:
        """Once the band is less than a quarter of all that is told."""
        for learner in self._daemon.rooms.learners.values():
            last, most = learner.last, getattr(learner.form.task, "cap", None)
            if (
                last is not None
                and most
                and "high" in last
                and last["high"] - last["low"] < most / 4
            ):
                unit = learner.outputs[0].signal.unit
                return f"{last['value']:.1f} {unit} [{last['low']:.1f}, {last['high']:.1f}]"
        return ""

    async def _gap(self, events: list[Event]) -> str:
        """Compare what the server's history holds for the gap with what is stored."""
        for event in events:
            link = self._daemon.links.get(event.subject)
            if (
                event.kind != "gap"
                or not event.payload.get("refilled")
                or event.payload.get("reason") != CONNECTION_LOST
                or event.end is None
                or link is None
                or link.session is None
            ):
                continue
            try:
                sent = 0
                async for frame in link.session.history(event.time, event.end):
                    sent += len(frame)
            except GemelError:
                return ""
            numbers = np.array([w.number for w in link.wanted], np.int32)
            question = Query(numbers, event.time + 1, event.end + 1)
            stored = (await asyncio.to_thread(self._daemon.store.query, question)).num_rows
            if sent and sent == stored:
                seconds = (event.end - event.time) / 1e9
                return f"{seconds:.0f} s refilled: {sent:,} samples sent, {stored:,} stored"
        return ""


def _said(key: str, event: Event) -> str:
    payload = event.payload
    if key == "slow" and event.kind == "slow" and "filler" in event.subject:
        return str(payload.get("sentence", ""))
    if key == "bearing" and event.kind == "finding" and "capper" in event.subject:
        return str(payload.get("because") or payload.get("title", ""))
    if event.kind == "model" and "step" in payload:
        return _said_of_model(key, payload)
    if event.kind != "command":
        return ""
    state = payload.get("state")
    if key == "proposal" and payload.get("proposed_by") and state:
        return str(payload.get("title", ""))
    if key == "refused" and state == "refused":
        return str(payload.get("sentence") or payload.get("reason", ""))
    if key == "kept" and state in ("confirmed", "watched", "kept"):
        return f"{payload.get('actor', '')}: {payload.get('title', '')}"
    return ""


def _said_of_model(key: str, payload: Mapping[str, Any]) -> str:
    step, said = payload["step"], f"{payload['model'][:8]}: {payload['reason']}"
    if key == "model" and step == "champion":
        return said
    if key == "drift" and step == "shadow":
        return said
    if key == "promoted" and step == "champion" and payload["former"]:
        return f"{payload['actor']}: {said}"
    return said if key == "returned" and step == "returned" else ""
