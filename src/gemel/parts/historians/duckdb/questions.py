"""The SQL of a historian: which rows a question is about, and what is made of them.

Rows of one time are ordered by (commit, late): the first arrived in order, each later one carries
its place within its commit. Raw questions give them all; aggregates and `at` take the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["Source", "aggregate", "chosen", "latest", "raw", "rows", "sketch"]

INLINE: Final = 64
"""Up to so many signal numbers stand in the SQL, where they prune; more go through a table."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where rows of a segment lie: under a name that is given to the question, or in a file.

    segment  its number
    name     of a table that holds the rows that the question is about, and no more
    file     Parquet
    upto     last commit in the file that counts, None for all
    late     whether it has rows in the late lane
    """

    segment: int
    name: str = ""
    file: str = ""
    upto: int | None = None
    late: bool = True


def chosen(signals: npt.NDArray[np.int32] | None) -> str:
    """A condition for the chosen signals; many of them are looked up in the table `wanted`."""
    if signals is None:
        return "true"
    if len(signals) == 1:
        return f"signal = {signals[0]}"
    if len(signals) <= INLINE:
        return f"signal in ({', '.join(map(str, signals))})"
    low, high = signals.min(), signals.max()
    return f"signal between {low} and {high} and signal in (select signal from wanted)"


def rows(
    sources: Sequence[Source],
    signals: npt.NDArray[np.int32] | None,
    start: int | None,
    end: int | None,
) -> str:
    """A subquery with signal, time, value, quality, commit, late of start <= time < end."""
    where = [chosen(signals)]
    if start is not None:
        where.append(f"time >= {start}")
    if end is not None:
        where.append(f"time < {end}")
    parts = []
    plain = [s.file for s in sources if s.file and s.upto is None]
    condition = " and ".join(where)
    if plain:
        files = ", ".join(f"'{_quoted(f)}'" for f in plain)
        parts.append(f"select * from read_parquet([{files}]) where {condition}")
    for source in sources:
        if source.file and source.upto is not None:
            file, limit = _quoted(source.file), f"{condition} and commit <= {source.upto}"
            parts.append(f"select * from read_parquet('{file}') where {limit}")
        elif source.name:
            parts.append(f"select * from {source.name}")
    if not parts:
        parts.append(
            "select 0::int as signal, 0::bigint as time, 0::double as value, "
            "0::smallint as quality, 0::int as commit, 0::int as late where false"
        )
    return "(" + " union all ".join(parts) + ")"


def _quoted(text: str) -> str:
    return text.replace("'", "''")


_ONE_PER_TIME: Final = (
    "(select * from {rows} qualify row_number() over "
    "(partition by signal, time order by commit desc, late desc) = 1)"
)


def raw(source: str, limit: int | None) -> str:
    """Every value, in order of signal, time and arrival."""
    tail = f" limit {limit}" if limit is not None else ""
    return (
        f"select signal, time, value, quality from {source} "
        f"order by signal, time, commit, late{tail}"
    )


def latest(source: str) -> str:
    """The last row of each signal."""
    return (
        "select signal, last.time as time, last.value as value, last.quality as quality from ("
        "select signal, max_by({'time': time, 'value': value, 'quality': quality}, "
        "{'a': time, 'b': commit, 'c': late}) as last "
        f"from {source} group by signal) order by signal"
    )


def aggregate(source: str, every: int, any_late: bool) -> str:
    """One row per signal and step; steps are aligned to the epoch."""
    if any_late:
        source = _ONE_PER_TIME.format(rows=source)
    usable = "quality >= 0 and not isnan(value)"
    return (
        f"select signal, time - ((time % {every}) + {every}) % {every} as step, "
        f"avg(value) filter ({usable}) as average, "
        f"min(value) filter ({usable}) as minimum, "
        f"max(value) filter ({usable}) as maximum, "
        f"min_by(value, time) filter ({usable}) as first, "
        f"max_by(value, time) filter ({usable}) as last, "
        "count(*) as count, "
        "avg((quality between 0 and 16383 and not isnan(value))::double) as good "
        f"from {source} group by all order by signal, step"
    )


def sketch(source: str, start: int, end: int, points: int, any_late: bool) -> str:
    """First, lowest, highest, last and worst row of each of points / 4 equal steps."""
    if any_late:
        source = _ONE_PER_TIME.format(rows=source)
    width = max(1, -(-(end - start) // max(1, points // 4)))
    row = "{'time': time, 'value': value, 'quality': quality}"
    return (
        f"with bucket as (select unnest([min_by({row}, time), arg_min({row}, value), "
        f"arg_max({row}, value), max_by({row}, time), min_by({row}, quality)]) as p "
        f"from {source} group by (time - {start}) // {width}) "
        "select distinct p.time as time, p.value as value, p.quality as quality "
        "from bucket where p is not null order by 1"
    )
