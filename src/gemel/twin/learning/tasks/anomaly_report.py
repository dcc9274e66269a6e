"""Figures of anomaly detection: what was promised and what held, and what was found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Any, Final

import numpy as np

from gemel.core.frame import Values
from gemel.core.time import DAY, HOUR, MINUTE, SECOND
from gemel.twin.learning.evaluation import event_scores
from gemel.twin.learning.evaluation.event_scores import EventScores
from gemel.twin.learning.evaluation.scores import average_precision, interval
from gemel.twin.learning.evaluation.splits import Indices
from gemel.twin.learning.tasks.base import Figure
from gemel.twin.learning.tasks.recordings import Flags, Recording

__all__ = ["Judged", "held_out_figures", "labelled_figures"]

_PIECES: Final = 10
"""Of each block, drawn whole for an interval: rows next to each other alarm together."""
_SURFACE: Final = 100
"""Widest window of the volume under the surface, in rows, as in the authors' package."""
_SHOWN: Final = 200

Tables = dict[str, tuple[dict[str, Any], ...]]


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Rows of a table and what was said of them, all [rows of the table].

    score  in units of the limit, NaN where there is none
    use    which rows are judged
    block  which held-out block a row is of; -1: none
    """

    found: list[Recording]
    score: Values
    use: Flags
    block: Indices
    label: Flags
    change: Flags

    @property
    def alarm(self) -> Flags:
        return np.asarray(self.score > 1, np.bool_)

    def with_rows(self, other: Judged, chosen: Flags) -> Judged:
        """The same, with the chosen rows as another says."""
        score = np.where(chosen, other.score, self.score)
        return replace(self, score=score, use=self.use | chosen)

    def parts(self) -> list[tuple[Recording, Indices]]:
        """Each recording with its judged rows, in order of time."""
        found = [(r, r.rows[self.use[r.rows]]) for r in self.found]
        return [(r, rows) for r, rows in found if len(rows)]


def held_out_figures(
    held: Judged, step: int, budget: str, rate: float
) -> tuple[list[Figure], Tables]:
    """How often held-out normal rows alarmed, beside what was promised."""
    scored = np.flatnonzero(held.use & np.isfinite(held.score))
    table = []
    groups = np.zeros(len(held.score), np.int64)
    for block in np.unique(held.block[held.block >= 0]).tolist():
        mine = (held.block == block) & held.use
        known = np.flatnonzero(mine & np.isfinite(held.score))
        groups[known] = block * _PIECES + np.arange(len(known)) * _PIECES // max(len(known), 1)
        table.append({
            "block": int(block) + 1, "rows": int(mine.sum()), "scored": len(known),
            "above the limit": float(held.alarm[known].mean()) if len(known) else float("nan"),
            "alarms": sum(len(event_scores.stretches((mine & held.alarm)[r.rows]))
                          for r in held.found),
        })  # fmt: skip
    alarms = sum(int(row["alarms"]) for row in table)
    alarm = held.alarm[scored]
    low, high = interval(lambda i: float(alarm[i].mean()), groups[scored])
    few = event_scores.count_interval(alarms)
    share = float(alarm.mean()) if len(alarm) else float("nan")
    if not alarms:
        high = few[1] / max(len(scored), 1)
    per, rows = _spell(budget, step)
    many = rows / max(len(scored), 1)
    figures = [
        Figure("false-alarm rate", share, low, high, note=f"of {len(scored)} held-out normal rows; "
               f"promised {rate:.3g}"),
        Figure("false alarms", alarms * many, few[0] * many, few[1] * many, per,
               f"that begin; budget {budget}"),
    ]  # fmt: skip
    return figures, {"held-out blocks of normal rows": tuple(table[:_SHOWN])}


def labelled_figures(found: Judged, step: int, *, timed: bool) -> tuple[list[Figure], Tables]:
    """Events, rows and published scores, from labels that nothing was learned from."""
    parts = found.parts()
    length, unit = _unit(step) if timed else (SECOND, "rows")
    scores, table = [], []
    for recording, rows in parts:
        time = np.arange(len(rows), dtype=np.float64)
        if timed:
            time = recording.time[found.use[recording.rows]] / length
        truth = found.label[rows]
        one = event_scores.events(time, truth, found.alarm[rows])
        scores.append(one)
        for (first, last), late in zip(event_scores.stretches(truth), one.delays, strict=True):
            table.append({
                "unit": recording.name, "from row": int(rows[first]) + 1,
                "rows": int(last - first + 1),
                f"found after, {unit}": None if np.isinf(late) else float(late),
            })  # fmt: skip
    every = reduce(add, scores)
    figures = _event_figures(every, scores, length, unit, timed=timed)
    figures += _row_figures(found, parts)
    figures += _published(found, parts)
    return figures, {"events": tuple(table[:_SHOWN])} if table else {}


def _event_figures(
    every: EventScores, scores: list[EventScores], length: int, unit: str, *, timed: bool
) -> list[Figure]:
    count = len(every.delays)
    found = []
    if count:
        share = every.found / count
        late = "" if np.isfinite(every.median_delay) else "; half or more are never found"
        found.append(_over(
            scores, "events found", share, lambda s: s.found / max(len(s.delays), 1),
            note=f"{every.found} of {count}{late}",
        ))  # fmt: skip
        if np.isfinite(every.median_delay):
            found.append(Figure("median delay", every.median_delay, unit=unit,
                                note="missed events as never found"))  # fmt: skip
        if every.found:
            found.append(Figure("mean delay", every.mean_delay, unit=unit,
                                note="of the events that were found"))  # fmt: skip
    if every.quiet > 0:
        span = (DAY / length) if timed else 1000.0
        per = span / every.quiet
        low, high = event_scores.count_interval(every.false_alarms)
        found.append(Figure("false alarms outside events", every.false_alarms * per, low * per,
                            high * per, "per day" if timed else "per 1000 rows",
                            f"{every.false_alarms} in all"))  # fmt: skip
    return found


def _row_figures(found: Judged, parts: list[tuple[Recording, Indices]]) -> list[Figure]:
    rows = np.concatenate([rows for _, rows in parts])
    group = np.repeat(np.arange(len(parts)), [len(rows) for _, rows in parts])
    truth, alarm = found.label[rows], found.alarm[rows]
    score = np.nan_to_num(found.score[rows], nan=-1.0, posinf=1e300)
    whole = event_scores.rows(truth, alarm)

    def figure(name: str, of: Callable[[Indices], float], note: str = "") -> Figure:
        value = of(np.arange(len(rows)))
        if len(parts) < 2:
            return Figure(name, value, note=note)
        low, high = interval(of, group, repeats=200)
        return Figure(name, value, low, high, note=note)

    def of_rows(name: str) -> Callable[[Indices], float]:
        return lambda i: float(getattr(event_scores.rows(truth[i], alarm[i]), name))

    silent = int((~np.isfinite(found.score[rows])).sum())
    without = f"; {silent} rows without a score count as quiet" if silent else ""
    if not truth.any():
        return [figure("FAR", of_rows("false_alarm_rate"), f"of rows; no row is labelled{without}")]
    told = [
        figure("F1", of_rows("f1"), f"of rows; always alarm has {whole.always_f1:.3f}{without}"),
        figure("MAR", of_rows("missed_alarm_rate"), "of rows; always alarm has 0"),
    ]
    if not truth.all():
        told.insert(1, figure("FAR", of_rows("false_alarm_rate"), "of rows; always alarm has 1"))
        told.append(figure("average precision", lambda i: average_precision(truth[i], score[i]),
                           f"of rows; by chance {truth.mean():.3f}"))  # fmt: skip
    return told


def _published(found: Judged, parts: list[tuple[Recording, Indices]]) -> list[Figure]:
    told = []
    volumes = [
        event_scores.vus_pr(found.label[rows], found.score[rows], min(_SURFACE, len(rows) // 4))
        for _, rows in parts
    ]
    known = np.array([volume for volume in volumes if volume == volume])
    if len(known):
        low, high = interval(lambda i: float(known[i].mean()), np.arange(len(known)), repeats=200)
        spread = (low, high) if len(known) > 1 else (None, None)
        note = f"mean of {len(known)} recordings, windows to {_SURFACE} rows"
        told.append(Figure("VUS-PR", float(known.mean()), spread[0], spread[1], note=note))
    if found.change.any():
        runs = []
        for recording, rows in parts:
            time = recording.time[found.use[recording.rows]]
            turned = np.diff(found.alarm[rows].astype(np.int8), prepend=0) != 0
            runs.append((time, found.change[rows], np.asarray(turned, np.bool_)))
        if any(run[1].any() for run in runs):
            for profile, value in event_scores.change_point_nab(runs).items():
                told.append(Figure(f"NAB change points, {profile}", value,
                                   note="turns of the alarm, 60 s to the right"))  # fmt: skip
    return told


def _over(
    scores: list[EventScores], name: str, value: float, of: Callable[[EventScores], float],
    note: str,
) -> Figure:  # fmt: skip
    """A figure of recordings together, with its interval over them."""
    with_events = [score for score in scores if len(score.delays)]
    if len(with_events) < 2:
        return Figure(name, value, note=note)
    low, high = interval(
        lambda i: of(reduce(add, [with_events[j] for j in i])), np.arange(len(with_events)),
        repeats=200,
    )  # fmt: skip
    return Figure(name, value, low, high, note=note)


def _unit(step: int) -> tuple[int, str]:
    """In which unit delays are told."""
    if step >= HOUR:
        return HOUR, "h"
    return (MINUTE, "min") if step >= MINUTE else (SECOND, "s")


def _spell(budget: str, step: int) -> tuple[str, float]:
    """The unit of a budget, and how many rows it has."""
    per = budget.partition(" per ")[2]
    if per.endswith(" rows"):
        return f"per {per}", float(per.split()[0])
    spans = {"hour": HOUR, "day": DAY, "week": 7 * DAY, "month": 30 * DAY}
    return f"per {per}", spans[per] / step
