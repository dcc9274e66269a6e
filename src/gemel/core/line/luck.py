"""What chance does at a station, by count: failures, set-ups, kinds of parts. Both simulators read
it here, so that the same draws are the same luck."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.core.line.distribution import Distribution
from gemel.core.line.draws import Draws
from gemel.core.line.settings import Line, Setup, Station

__all__ = [
    "change_time",
    "failures_by_cause",
    "failures_in_operation",
    "families",
    "products",
    "setups",
]

Numbers = npt.NDArray[np.int64]

MOST_FAILURES: Final = 10_000_000
"""Of one cause at one station."""


def products(line: Line, draws: Draws, replication: int, count: int) -> Numbers:
    """Number of the product of each part in order of their coming, int64[count]."""
    names = list(line.products)
    if line.sequence:
        one = np.array([names.index(p) for p in line.sequence])
        return np.asarray(np.resize(one, count), np.int64)
    if len(names) < 2:
        return np.zeros(count, np.int64)
    shares = np.cumsum([p.share for p in line.products.values()])
    chance = draws.uniforms(replication, ("line", "product"), count) * shares[-1]
    which = np.searchsorted(shares, chance, side="right")
    return np.asarray(np.minimum(which, len(names) - 1), np.int64)


def families(line: Line) -> tuple[str, ...]:
    """Family of each product; its own name where none is written."""
    return tuple(p.family or name for name, p in line.products.items())


def change_time(setup: Setup, before: str, after: str) -> Distribution:
    """How long this change takes."""
    return setup.changes.get(f"{before} > {after}", setup.time)


def setups(
    line: Line, name: str, draws: Draws, replication: int, kind: Numbers, before: str = ""
) -> Values:
    """Seconds of set-up before each part, float64[n]; the first finds the station set up for it,
    or for the family `before`."""
    setup = line.stations[name].setup
    out = np.zeros(len(kind))
    if setup is None or len(kind) == 0:
        return out
    family = families(line)
    last = before or family[kind[0]]
    known = sorted({*family, last})
    number = np.array([known.index(f) for f in family])[kind]
    rows = np.flatnonzero(np.diff(number, prepend=known.index(last)))
    if not setup.changes:
        out[rows] = draws.times(replication, (name, "setup"), len(rows), setup.time)
        return out
    chance = draws.uniforms(replication, (name, "setup"), len(rows))
    for i, row in enumerate(rows.tolist()):
        old = family[kind[row - 1]] if row else last
        time = change_time(setup, old, family[kind[row]])
        out[row] = time.quantiles(chance[i : i + 1])[0]
    return out


def failures_in_operation(
    station: Station, name: str, draws: Draws, replication: int, work: float
) -> tuple[Values, Values]:
    """After how much work the station fails, float64[f] rising to beyond `work` seconds, and how
    long each repair takes. Causes count the same work, each for itself."""
    at, repair, _ = failures_by_cause(station, name, draws, replication, work)
    return at, repair


def refuse_many(name: str, cause: str, count: int) -> None:
    """Raises `DataError` for more failures than make sense."""
    if count > MOST_FAILURES:
        raise DataError(
            f"station '{name}' would fail about {count:,} times by '{cause}', at most "
            f"{MOST_FAILURES:,} are played; is `every` too short? Or play out less at once"
        )


def failures_by_cause(
    station: Station, name: str, draws: Draws, replication: int, work: float
) -> tuple[Values, Values, Numbers]:
    """The same, and the number of the cause of each among those of the station."""
    at, repair, which = [np.zeros(0)], [np.zeros(0)], [np.zeros(0, np.int64)]
    for i, (cause, failure) in enumerate(station.failures.items()):
        if failure.counted_in != "operation":
            continue
        count = 8 + int(1.2 * work / failure.every.mean_s)
        refuse_many(name, cause, count)
        while True:
            up = draws.times(replication, (name, cause, "every"), count, failure.every)
            sums = np.cumsum(up)
            if sums[-1] > work:
                break
            count *= 2
        at.append(sums)
        repair.append(draws.times(replication, (name, cause, "repair"), count, failure.repair))
        which.append(np.full(count, i))
    if len(at) <= 2:  # one cause is in order
        return at[-1], repair[-1], which[-1]
    times = np.concatenate(at)
    order = np.argsort(times, kind="stable")
    return times[order], np.concatenate(repair)[order], np.concatenate(which)[order]
