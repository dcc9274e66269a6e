"""The system clock: the only place that reads it for the twin."""

from __future__ import annotations

import time

__all__ = ["system_clock"]


def system_clock() -> int:
    """Now, in ns UTC."""
    return time.time_ns()
