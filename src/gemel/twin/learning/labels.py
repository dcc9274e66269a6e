"""What people say of findings: versioned labels, which give the observed rate of false alarms.

An answer is an Event of the kind ``label`` at the time of the finding. Another answer to the same
finding supersedes it; both stay in history with who said so and when.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gemel.core.event import Event, Payload
from gemel.core.time import DAY

__all__ = ["Answer", "Label", "Observed", "label", "observed"]

Answer = Literal["right", "wrong", "known"]
"""It was so; it was a false alarm; it was so and is no fault, e.g. another product."""


class Label(Payload):
    """Kind ``label``; the subject is the finding's asset."""

    finding: str
    detector: str
    answer: Answer
    cause: str = ""
    """What it was, in the words of the plant."""
    note: str = ""
    actor: str
    version: int = 1


def label(
    finding: Event,
    before: Event | None,
    answer: Answer,
    cause: str,
    note: str,
    actor: str,
    now: int,
) -> Event:
    """An answer to a finding; `before` is the one that it replaces."""
    told = Label(
        finding=finding.id, detector=str(finding.payload.get("detector") or finding.source),
        answer=answer, cause=cause.strip(), note=note.strip(), actor=actor,
        version=1 if before is None else int(before.payload["version"]) + 1,
    )  # fmt: skip
    return Event(
        "label", finding.subject, finding.time, f"label {finding.id}", now,
        finding.end or finding.time, told.model_dump(mode="json"), cause=finding.id,
        supersedes=None if before is None else before.id, sequence=told.version,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Observed:
    """Findings of one detector in a span, and what people said of them."""

    detector: str
    findings: int
    right: int
    wrong: int
    known: int
    days: float

    @property
    def open(self) -> int:
        """Not answered yet."""
        return self.findings - self.right - self.wrong - self.known

    @property
    def false_per_day(self) -> tuple[float, float]:
        """At least so many false alarms a day (those called wrong), and at most (those not answered
        count as well)."""
        days = max(self.days, 1e-9)
        return self.wrong / days, (self.wrong + self.open) / days

    def record(self) -> dict[str, Any]:
        """JSON-able."""
        least, most = self.false_per_day
        return {
            "detector": self.detector, "findings": self.findings, "right": self.right,
            "wrong": self.wrong, "known": self.known, "open": self.open, "days": self.days,
            "false_per_day": [least, most],
        }  # fmt: skip


def observed(
    findings: Iterable[Event], labels: Iterable[Event], begun: Mapping[str, int], now: int
) -> list[Observed]:
    """By detector, for those in `begun`: since when each watches, ns UTC."""
    said = {event.payload["finding"]: event.payload["answer"] for event in labels}
    found = []
    mine: dict[str, list[str]] = {name: [] for name in begun}
    for finding in findings:
        name = str(finding.payload.get("detector") or finding.source)
        if name in mine and finding.time >= begun[name]:
            # The end of a finding supersedes its beginning: an answer may be to either.
            mine[name].append(said.get(finding.id) or said.get(finding.supersedes or "") or "")
    for name, answers in mine.items():
        found.append(
            Observed(
                name, len(answers), answers.count("right"), answers.count("wrong"),
                answers.count("known"), (now - begun[name]) / DAY,
            )
        )  # fmt: skip
    return found
