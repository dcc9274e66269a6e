"""What limits a line: the station where a little less time gives most throughput.

That is its accepted definition, and the twin answers it by doing it: the line is played with 5 %
less time at each station in turn, all on the same luck. Differences are paired by replication, so
that a bootstrap over them says how sure the answer is; where the first two cannot be told apart,
both are named.
"""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass, replace

import numpy as np

from gemel.core.frame import Values
from gemel.core.line import Line
from gemel.parts.simulators.base import Scenarios, Simulator, Trial

__all__ = ["FASTER", "Bottleneck", "bottleneck", "judged"]

FASTER = 0.05
"""By how much each station is made faster in turn."""
SURE = 0.9


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """stations; by station: gain, float64[m], relative gain of throughput when it is 5 % faster,
    and sure, float64[m], the share of bootstrap samples in which it gains most; `found` are the
    stations that together are it with 90 %, the most likely first."""

    stations: tuple[str, ...]
    gain: Values
    sure: Values
    found: tuple[str, ...]

    @property
    def known(self) -> bool:
        """Whether it is one station alone."""
        return len(self.found) == 1


def bottleneck(
    line: Line,
    simulator: Simulator,
    trial: Trial,
    base: Scenarios | None = None,
    *,
    executor: Executor | None = None,
) -> Bottleneck:
    """Of the line as it is, or of the one scenario in `base`."""
    m = len(line.stations)
    base = Scenarios.same(line) if base is None else base
    rows = np.zeros(m + 1, np.int64)
    time = base.time[rows].copy()
    time[np.arange(1, m + 1), np.arange(m)] *= 1 - FASTER
    scenarios = replace(
        Scenarios(base.time[rows], base.between[rows], base.repair[rows], base.places[rows]),
        time=time,
    )
    played = replace(trial, keep=())
    run = simulator.run(line, played, scenarios, executor=executor)
    return judged(line.names, run.throughput, trial.seed)


def judged(stations: tuple[str, ...], throughput: Values, seed: int = 0) -> Bottleneck:
    """From throughputs, float64[1 + m, r], of the line as it is and with each station faster."""
    gains = throughput[1:] / throughput[:1] - 1
    m, r = gains.shape
    random = np.random.default_rng(seed)
    picked = random.integers(0, r, (1_000, r)) if r > 1 else np.zeros((1, 1), np.int64)
    means = gains[:, picked].mean(axis=2)
    sure = np.bincount(means.argmax(axis=0), minlength=m) / means.shape[1]
    order = np.argsort(-sure, kind="stable")
    enough = int(np.searchsorted(np.cumsum(sure[order]), SURE)) + 1
    found = tuple(stations[i] for i in order[: min(enough, m)])
    if r == 1:
        found = tuple(stations[i] for i in np.argsort(-gains[:, 0], kind="stable")[:1])
    return Bottleneck(stations, gains.mean(axis=1), sure, found)
