"""Whether a model's errors are still those that it had when it was fitted."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from gemel.core.frame import Times, Values

__all__ = ["Drift"]

_LEAST: Final = 100
_REST: Final = 0.75
_LIMIT: Final = 30.0
_BLOCK: Final = 10


class Drift:
    """A CUSUM of losses, in units of their spread on held-out rows. `since` is when it began."""

    def __init__(self, held_out: Values | None = None) -> None:
        self._mean = self._scale = float("nan")
        self._sum = 0.0
        self._began = 0
        self._first: list[float] = []
        self.since: int | None = None
        if held_out is not None and len(held_out) >= _LEAST:
            self._learn(held_out)

    def add(self, time: Times, losses: Values) -> None:
        """Losses in order of time."""
        if self.since is not None:
            return
        if not np.isfinite(self._mean):
            self._first += losses.tolist()
            if len(self._first) >= _LEAST:
                self._learn(np.array(self._first))
            return
        steps = (losses - self._mean) / self._scale - _REST
        for at, step in zip(time.tolist(), steps.tolist(), strict=True):
            if self._sum <= 0:
                self._began = at
            self._sum = max(0.0, self._sum + step)
            if self._sum > _LIMIT:
                self.since = self._began
                return

    def report(self) -> dict[str, Any]:
        """For pages."""
        ready = bool(np.isfinite(self._mean))
        return {
            "state": "drifted" if self.since is not None else "steady" if ready else "learning",
            "since": self.since,
            "level": min(self._sum / _LIMIT, 1.0) if ready else None,
        }

    def state(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            "mean": self._mean if np.isfinite(self._mean) else None,
            "scale": self._scale if np.isfinite(self._mean) else None,
            "sum": self._sum, "began": self._began, "since": self.since,
        }  # fmt: skip

    @classmethod
    def of(cls, state: dict[str, Any]) -> Drift:
        """From a state."""
        drift = cls()
        if state["mean"] is not None:
            drift._mean, drift._scale = float(state["mean"]), float(state["scale"])
        drift._sum, drift._began, drift.since = state["sum"], state["began"], state["since"]
        return drift

    def _learn(self, losses: Values) -> None:
        self._mean = float(losses.mean())
        whole = len(losses) // _BLOCK * _BLOCK
        blocks = losses[:whole].reshape(-1, _BLOCK).mean(axis=1)
        # Losses follow each other; the spread of block means says how far they wander together.
        self._scale = max(float(losses.std()), float(blocks.std()) * _BLOCK**0.5, 1e-300)
