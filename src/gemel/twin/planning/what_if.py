"""What if? Alternatives to a line side by side: what comes out, how sure, and what limits it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from gemel.core.errors import ConfigurationError
from gemel.core.frame import Values
from gemel.core.line import Line
from gemel.core.line.statistics import best_of, estimate
from gemel.parts.simulators.base import STATES, Progress, Run, Scenarios, Simulator, Trial
from gemel.twin.planning.alternatives import alternatives, with_open_caps
from gemel.twin.planning.bottleneck import Bottleneck, bottleneck
from gemel.twin.planning.choice import simulator_for

__all__ = ["AS_IT_IS", "WhatIf", "refuse_long", "refuse_long_film", "what_if"]

AS_IT_IS: Final = "as it is"
_SLOW: Final = 3_000_000
"""Parts times stations that events play in about a minute; more is not repeated per station."""
_MINUTE: Final = {"flow_line": 1e9}
_MINUTE_OF_EVENTS: Final = 1e7
"""Visits of parts to stations that are played in about a minute."""
_KEPT: Final = 3e7
"""Departures that are kept to be counted."""
_POINTS: Final = 48
_PARTS: Final = 10_000
"""Taken for the parts of a horizon, where only their number is asked."""


@dataclass(frozen=True, slots=True)
class Made:
    """Good parts that have left by a time, for a scenarios.

    times    float64[t], s
    mean     float64[a, t], and low and high, between which nine of ten replications lie
    ahead    float64[3, a, t]  mean, low and high of how many more they are than of the first
             scenario on the same luck
    """

    times: Values
    mean: Values
    low: Values
    high: Values
    ahead: Values

    def record(self) -> dict[str, Any]:
        """JSON-able."""
        names = ("times", "mean", "low", "high", "ahead")
        return {name: np.round(getattr(self, name), 3).tolist() for name in names}


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The line, and alternatives to it: `names` are as many as `run` has scenarios, the first is
    the line as it is. `limit` is of the first, None where to find out would take too long; `made`
    is known where the line begins with what stands in it."""

    line: Line
    simulator: str
    trial: Trial
    names: tuple[str, ...]
    run: Run
    limit: Bottleneck | None
    made: Made | None = None

    def record(self) -> dict[str, Any]:
        """JSON-able. Alternatives that were not played to the end are left out."""
        run, done = self.run, np.flatnonzero(self.run.done)
        sure = best_of(run.throughput[done]).tolist() if len(done) else []
        told = [
            {"alternative": self.names[row], "best": sure[i], **_one(self.line, run, int(row))}
            for i, row in enumerate(done)
        ]
        return {
            "simulator": self.simulator,
            "parts": self.trial.parts,
            "horizon_s": self.trial.horizon_s,
            "warm_up": self.trial.warm_up,
            "replications": self.trial.replications,
            "seed": self.trial.seed,
            "finished": len(done) == len(self.names),
            "alternatives": told,
            "made": None if self.made is None else self.made.record(),
            "bottleneck": None if self.limit is None else {
                "found": list(self.limit.found),
                "gain": dict(zip(self.limit.stations, self.limit.gain.tolist(), strict=True)),
                "sure": dict(zip(self.limit.stations, self.limit.sure.tolist(), strict=True)),
            },
        }  # fmt: skip


def what_if(
    line: Line,
    tries: Sequence[str],
    trial: Trial,
    *,
    changes: Sequence[str] = (),
    simulator: str | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> WhatIf:
    """Play the line, with `changes`, and each of `tries` beside it; see `alternatives`.

    Raises `ConfigurationError` for what cannot be read or is not covered, `DataError` for a line
    that stands still.
    """
    common = ", ".join(changes)
    texts = [", ".join(filter(None, (common, text))) for text in ("", *tries)]
    line = with_open_caps(line, texts)
    name, played = simulator_for(line, simulator, trial.start)
    scenarios = alternatives(line, texts)
    followed = trial
    kept = _parts(line, trial) * trial.replications * len(texts)
    if trial.start is not None and trial.horizon_s is not None and kept < _KEPT:
        followed = replace(trial, keep=(*trial.keep, "departures"))
    run = played.run(line, followed, scenarios, executor=executor, progress=progress)
    limit = None
    if run.done.all():
        limit = _limit(line, name, played, trial, scenarios, executor)
    made = _made(run, trial.horizon_s) if trial.horizon_s is not None else None
    return WhatIf(line, name, trial, (common or AS_IT_IS, *tries), run, limit, made)


def refuse_long(line: Line, trial: Trial, tries: int) -> None:
    """Raises `ConfigurationError` for what somebody who waits would not see the end of: a run is
    ended between blocks of scenarios, never inside of one."""
    stations = len(line.stations)
    visits = _parts(line, trial) * stations * trial.replications * (tries + 2 + stations)
    most = _MINUTE.get(simulator_for(line, None, trial.start)[0], _MINUTE_OF_EVENTS)
    _refuse(visits, most)


def refuse_long_film(line: Line, trial: Trial) -> None:
    """The same for a line that is looked at while it is played by events."""
    _refuse(_parts(line, trial) * len(line.stations) * trial.replications, _MINUTE_OF_EVENTS)


def _refuse(visits: float, most: float) -> None:
    if visits > most:
        raise ConfigurationError(
            f"about {visits:.1e} visits of parts to stations, a minute is enough for {most:.0e}: "
            "take fewer hours, replications or alternatives, or `gemel simulate` on a file"
        )


def _parts(line: Line, trial: Trial) -> float:
    """About so many go through the line in a replication."""
    if trial.horizon_s is None:
        return float(trial.parts or 0)
    slowest = max(s.time.mean_s / s.servers for s in line.stations.values())
    return trial.horizon_s / max(slowest, 1e-9)


def _made(run: Run, horizon: float) -> Made | None:
    if run.departures is None or not run.done.all():
        return None
    times = np.linspace(0, horizon, _POINTS + 1)
    left = np.stack([
        [np.searchsorted(one[np.isfinite(one)], times, side="right") for one in scenario]
        for scenario in run.departures
    ])  # fmt: skip
    good = left * (1 - np.nan_to_num(run.scrapped))[:, :, None]
    low, high = np.quantile(good, (0.05, 0.95), axis=1)
    more = good - good[:1]
    ahead = np.stack([more.mean(axis=1), *np.quantile(more, (0.05, 0.95), axis=1)])
    return Made(times, good.mean(axis=1), low, high, ahead)


def _limit(
    line: Line, name: str, simulator: Simulator, trial: Trial, scenarios: Scenarios,
    executor: Executor | None,
) -> Bottleneck | None:  # fmt: skip
    work = (trial.parts or _PARTS) * trial.replications * len(line.stations) ** 2
    if name != "flow_line" and work > _SLOW:
        return None
    return bottleneck(line, simulator, trial, scenarios.part(0, 1), executor=executor)


def _one(line: Line, run: Run, row: int) -> dict[str, Any]:
    rate = estimate(3_600 * run.throughput[row])
    gain = estimate(run.throughput[row] / run.throughput[0] - 1)
    one: dict[str, Any] = {
        "good_parts_per_hour": {"value": rate.value, "low": rate.low, "high": rate.high},
        "gain": {"value": gain.value, "low": gain.low, "high": gain.high},
        "parts_in_line": float(np.nanmean(run.wip[row])),
        "lead_time_s": float(np.nanmean(run.lead[row])),
        "scrap": float(np.nanmean(run.scrapped[row])),
        "lost": float(np.nanmean(run.lost[row])),
    }
    if run.states is not None and run.energy is not None:
        shares = np.nanmean(run.states[row], axis=0)
        one["kwh_per_part"] = float(np.nanmean(run.energy[row]))
        one["states"] = {
            station: dict(zip(STATES, shares[i].tolist(), strict=True))
            for i, station in enumerate(line.names)
        }
    return one
