"""What learning asks of decisions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Request"]


@dataclass(frozen=True, slots=True)
class Request:
    """That another model become champion; decided above."""

    task: str
    asset: str
    title: str
    kind: Literal["promote", "return"]
    model: str
    former: str
    reason: str
    evidence: dict[str, Any]
    alone: bool
    """Whether the plant file lets Gemel decide."""
