"""What stands beside every figure: how it was come by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

__all__ = ["Protocol", "digest"]


@dataclass(frozen=True, slots=True)
class Protocol:
    """How a figure was come by.

    task       what was asked
    data       hash of the data that it was come by with
    rows       how many rows were judged
    units      of how many units they are; 0 where rows are alone
    split      which rows were learned from, and which judged
    threshold  where limits come from; empty if there are none
    cap        of targets, in training and in judging; None without
    seeds      with which it was repeated
    model      kind and digest of the settings
    code       version of Gemel
    """

    task: str
    data: str
    rows: int
    units: int
    split: str
    model: str
    threshold: str = ""
    cap: float | None = None
    seeds: tuple[int, ...] = (0,)
    code: str = ""

    def __post_init__(self) -> None:
        if not self.code:
            object.__setattr__(self, "code", version("gemel"))

    def __str__(self) -> str:
        of = f" of {self.units:,} units" if self.units else ""
        parts = [
            f"{self.rows:,} rows{of} judged",
            self.split,
            f"limits: {self.threshold}" if self.threshold else "",
            f"targets capped at {self.cap:g}" if self.cap is not None else "",
            f"seeds {', '.join(map(str, self.seeds))}",
            f"model {self.model}",
            f"data {self.data[:12]}",
            f"Gemel {self.code}",
        ]
        return "; ".join(part for part in parts if part)

    def record(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self) | {"seeds": list(self.seeds)}


def digest(settings: Mapping[str, Any]) -> str:
    """A short name for settings: equal ones have the same."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]
