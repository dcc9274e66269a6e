"""What is kept of an experiment of the running twin, beside its file and its results."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from gemel.core.errors import Damaged

__all__ = ["Held", "Kind", "State", "read_held", "replace_file"]

Kind = Literal["best", "sweep", "design"]
State = Literal["waiting", "running", "done", "stopped", "out of time", "failed"]


@dataclass
class Held:
    """One experiment.

    made        ns; ended the same, 0 while it is not over
    parts       that stood in the line where it began, None from an empty one
    within_s    for so long it may play, None without end; spent_s it has
    progress    runs of the present round (best), or of all (sweep): done, of
    record      what it says so far: that of `gemel whatif --json`
    """

    number: int
    line: str
    kind: Kind
    title: str
    by: str
    made: int
    plan: str
    parts: int | None = None
    remarks: tuple[str, ...] = ()
    within_s: float | None = None
    state: State = "waiting"
    spent_s: float = 0.0
    ended: int = 0
    trouble: str = ""
    progress: dict[str, int] | None = None
    record: dict[str, Any] | None = None
    restarted: bool = False
    """It goes on since the twin was started again."""
    since: float | None = None
    """By the clock of the process: from when on it plays; None while it does not."""

    @property
    def played_s(self) -> float:
        """So long it has played."""
        return self.spent_s + (0.0 if self.since is None else time.monotonic() - self.since)

    @property
    def spent(self) -> bool:
        """It ended before it was certain, for want of replications: with more it goes on."""
        record = self.record or {}
        open_ = record.get("certain") is False and record.get("best") is not None
        return self.state == "done" and self.kind == "best" and open_

    def rest(self) -> None:
        """It does not play any more."""
        self.spent_s, self.since, self.progress = self.played_s, None, None

    def kept(self) -> dict[str, Any]:
        """As it is written."""
        return {k: v for k, v in asdict(self).items() if k not in ("since", "progress")}


def replace_file(path: Path, text: str) -> None:
    """A reader finds the old one or the new one, never half of one."""
    beside = path.with_suffix(".new")
    with beside.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def read_held(path: Path) -> Held:
    """One that was written. Raises `Damaged`."""
    try:
        held = Held(**json.loads(path.read_text(encoding="utf-8")))
        held.remarks = tuple(held.remarks)
    except (OSError, ValueError, TypeError) as error:
        raise Damaged(f"{path}: is no experiment: {error}") from None
    return held
