"""What if? Alternatives to a line side by side: what comes out, how sure, and what limits it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from gemel.core.errors import ConfigurationError
from gemel.core.line import Line
from gemel.core.line.statistics import best_of, estimate
from gemel.parts.simulators.base import STATES, Progress, Run, Scenarios, Simulator, Trial
from gemel.twin.planning.alternatives import alternatives
from gemel.twin.planning.bottleneck import Bottleneck, bottleneck
from gemel.twin.planning.choice import simulator_for

__all__ = ["AS_IT_IS", "WhatIf", "refuse_long", "what_if"]

AS_IT_IS: Final = "as it is"
_SLOW: Final = 3_000_000
"""Parts times stations that events play in about a minute; more is not repeated per station."""
_MINUTE: Final = {"flow_line": 1e9}
_MINUTE_OF_EVENTS: Final = 1e7
"""Visits of parts to stations that are played in about a minute."""
_PARTS: Final = 10_000
"""Taken for the parts of a horizon, where only their number is asked."""


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The line, and alternatives to it: `names` are as many as `run` has scenarios, the first is
    the line as it is. `limit` is of the first, None where to find out would take too long."""

    line: Line
    simulator: str
    trial: Trial
    names: tuple[str, ...]
    run: Run
    limit: Bottleneck | None

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
    name, played = simulator_for(line, simulator)
    common = ", ".join(changes)
    texts = [common, *(f"{common}, {text}" for text in tries)]
    scenarios = alternatives(line, texts)
    run = played.run(line, trial, scenarios, executor=executor, progress=progress)
    limit = None
    if run.done.all():
        limit = _limit(line, name, played, trial, scenarios, executor)
    return WhatIf(line, name, trial, (common or AS_IT_IS, *tries), run, limit)


def refuse_long(line: Line, trial: Trial, tries: int) -> None:
    """Raises `ConfigurationError` for what somebody who waits would not see the end of: a run is
    ended between blocks of scenarios, never inside of one."""
    parts = float(trial.parts or 0)
    if trial.horizon_s is not None:
        slowest = max(s.time.mean_s / s.servers for s in line.stations.values())
        parts = trial.horizon_s / max(slowest, 1e-9)
    stations = len(line.stations)
    visits = parts * stations * trial.replications * (tries + 2 + stations)
    most = _MINUTE.get(simulator_for(line)[0], _MINUTE_OF_EVENTS)
    if visits > most:
        raise ConfigurationError(
            f"about {visits:.1e} visits of parts to stations, a minute is enough for {most:.0e}: "
            "take fewer hours, replications or alternatives, or `gemel simulate` on a file"
        )


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
