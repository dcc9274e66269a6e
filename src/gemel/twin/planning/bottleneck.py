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
import numpy.typing as npt

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.core.line import Line
from gemel.parts.simulators.base import Scenarios, Simulator, Trial
from gemel.parts.simulators.flow_line import replay

__all__ = ["FASTER", "Bottleneck", "bottleneck", "from_log", "judged", "turning_point"]

FASTER = 0.05
"""By how much each station is made faster in turn."""
SURE = 0.9


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """stations; by station: gain, float64[m], relative gain of throughput when it is 5 % faster,
    and sure, float64[m], the share of bootstrap samples in which it gains most; `found` are the
    stations that together are it with 90 %, the most likely first. Of one replication
    nothing is sure: NaN."""

    stations: tuple[str, ...]
    gain: Values
    sure: Values
    found: tuple[str, ...]

    @property
    def known(self) -> bool:
        """Whether it is one station alone."""
        return len(self.found) == 1 and bool(np.isfinite(self.sure).all())


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
    scenarios = replace(base.rows(rows), time=time)
    played = replace(trial, keep=())
    run = simulator.run(line, played, scenarios, executor=executor)
    return judged(line.names, run.throughput, trial.seed)


def from_log(
    stations: tuple[str, ...],
    work: Values,
    rest: Values,
    places: npt.NDArray[np.int64],
    *,
    blocks: int = 20,
    seed: int = 0,
) -> Bottleneck:
    """Of a serial line whose parts were logged; `work` and `rest`, float64[m, n], and `places` are
    those of `gemel.parts.simulators.flow_line.replay`.

    The log is cut into blocks of parts, which are nearly independent: the gains in each of them
    are what the bootstrap draws from. Raises `DataError` for fewer than two parts a block.
    """
    m, n = work.shape
    if n < 2 * blocks:
        raise DataError(f"{n} parts are too few to say how sure it is; at least {2 * blocks}")
    factors = np.ones((m + 1, m))
    factors[np.arange(1, m + 1), np.arange(m)] -= FASTER
    left = replay(work, rest, places, factors)
    edges = np.linspace(0, n, blocks + 1).astype(np.int64)[1:] - 1
    ends = left[:, edges]
    lengths = np.diff(ends, axis=1, prepend=0.0)
    whole = left[1:, -1] / left[0, -1]
    found = judged(stations, (1 / lengths), seed)
    return replace(found, gain=1 / whole - 1)


def turning_point(starved: Values, blocked: Values) -> int | None:
    """The station at which a serial line turns from blocked to starved, by shares of time of each
    station, float64[m]: before it stations are rather blocked, behind it rather starved, and it is
    itself idle less than its neighbours (Li, Chang and Ni, International Journal of Production
    Research 47 (2009) 5019). None where there is no such station; the first of several."""
    m = len(starved)
    excess = blocked - starved
    idle = blocked + starved
    for i in range(m):
        left, right = excess[:i] > 0, excess[i + 1 :] < 0
        beside = [idle[j] for j in (i - 1, i + 1) if 0 <= j < m]
        if left.all() and right.all() and all(idle[i] < other for other in beside):
            return i
    return None


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
        found, sure = (stations[int(gains[:, 0].argmax())],), np.full(m, np.nan)
    return Bottleneck(stations, gains.mean(axis=1), sure, found)
