"""How well events are noticed: found or missed, how late, and how often there was nothing.

An event is a stretch of rows that are labelled abnormal; it may last an hour or a month, and is one
thing to be noticed. Scores of rows alone count long events many times, so they stand beside those
of events and beside what an alarm that never ends would get.

There are no point-adjusted scores, in which one hit counts for all rows of its event
(`point_adjusted` says why). What others publish is computed as they do it: `nab` (Lavin and Ahmad,
IEEE ICMLA 2015), `change_point_nab` (the leaderboard of SKAB v0.9), and `vus_pr` (Paparrizos et
al., PVLDB 15 (2022) 2774).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp, inf
from typing import Final, NoReturn

import numpy as np
import numpy.typing as npt

from gemel.core.errors import DataError, Refused
from gemel.core.frame import Values

__all__ = [
    "EventScores",
    "Flags",
    "RowScores",
    "Warned",
    "at_budget",
    "change_point_nab",
    "count_interval",
    "delay",
    "events",
    "nab",
    "point_adjusted",
    "rows",
    "stretches",
    "vus_pr",
    "warnings",
]

Flags = npt.NDArray[np.bool_]

_LEVELS: Final = 500
_PROFILES: Final = {
    # gain of a hit, price of a false alarm, price of a miss
    "standard": (1.0, -0.11, -1.0),
    "low FP": (1.0, -0.22, -1.0),
    "low FN": (1.0, -0.11, -2.0),
}


@dataclass(frozen=True, slots=True)
class RowScores:
    """Row by row; `always_f1` is what an alarm in every row would get."""

    f1: float
    false_alarm_rate: float
    missed_alarm_rate: float
    always_f1: float


@dataclass(frozen=True, slots=True)
class EventScores:
    """Of a recording, or of several.

    delays        float64[events]: from the first row of each to its alarm; infinite if missed
    false_alarms  alarms that began outside of events
    quiet         time outside of events in which they could begin, in the unit of the times
    """

    delays: Values
    false_alarms: int
    quiet: float

    @property
    def found(self) -> int:
        return int(np.isfinite(self.delays).sum())

    @property
    def median_delay(self) -> float:
        """With missed events as never found: infinite where half or more are missed."""
        return float(np.median(self.delays)) if len(self.delays) else float("nan")

    @property
    def mean_delay(self) -> float:
        """Of the events that were found: read it beside how many were."""
        known = self.delays[np.isfinite(self.delays)]
        return float(known.mean()) if len(known) else float("nan")

    def __add__(self, other: EventScores) -> EventScores:
        delays = np.concatenate([self.delays, other.delays])
        return EventScores(delays, self.false_alarms + other.false_alarms, self.quiet + other.quiet)


@dataclass(frozen=True, slots=True)
class Warned:
    """Warnings ahead of events: `recall` of the events, `precision` of the warnings."""

    recall: float
    precision: float
    lead: Values
    """float64[events]: time from the first timely warning to the event; NaN without one."""


def stretches(flags: Flags) -> npt.NDArray[np.int64]:
    """First and last row of each run of true rows, int64[m, 2]."""
    edges = np.diff(np.concatenate([[0], flags.astype(np.int8), [0]]))
    return np.stack([np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1], axis=1)


def rows(truth: Flags, alarm: Flags) -> RowScores:
    """F1 and rates (0 to 1) of rows; NaN for a rate of rows that there are none of."""
    hit, false = int((truth & alarm).sum()), int((~truth & alarm).sum())
    missed, normal = int((truth & ~alarm).sum()), int((~truth).sum())
    total = len(truth) - normal
    nothing = float("nan")
    return RowScores(
        2 * hit / max(2 * hit + missed + false, 1),
        false / normal if normal else nothing,
        missed / total if total else nothing,
        2 * total / max(2 * total + normal, 1),
    )


def events(time: Values, truth: Flags, alarm: Flags, *, run: int = 1) -> EventScores:
    """What was found in one recording.

    time   float64[n], rising; one recording without breaks, or each row as long as the median
    truth  bool[n]: rows of events
    run    so many alarms in a row are asked for

    An alarm that lasts from before an event has not found it: what counts begins after it ended.
    """
    step = float(np.median(np.diff(time))) if len(time) > 1 else 0.0
    delays = []
    for first, last in stretches(truth):
        place = delay(alarm[: last + 1], int(first), run)
        delays.append(inf if place is None else float(time[first + place] - time[first]))
    began = stretches(_held(alarm, run))[:, 0]
    return EventScores(
        np.array(delays, np.float64), int((~truth[began]).sum()), step * float((~truth).sum())
    )


def delay(alarm: Flags, start: int, run: int = 1) -> int | None:
    """Rows from `start` to the first of `run` alarms in a row; None if there are none.

    An alarm that lasts from before `start` found nothing: what counts begins after it has ended.
    """
    later = alarm[start:]
    if start and alarm[start - 1]:
        later = later & ~np.logical_and.accumulate(later)
    if len(later) < run:
        return None
    held = np.convolve(later.astype(np.int64), np.ones(run, np.int64), "valid") == run
    return int(np.argmax(held)) if held.any() else None


def at_budget(time: Values, score: Values, normal: Flags, budget: float) -> float:
    """The lowest limit at which at most `budget` false alarms in a unit of `time` begin.

    score   float64[n], rising with what is odd; NaN is no alarm
    normal  bool[n]: the rows that the limit is set on. They must be held-out normal rows: a limit
            set on the rows that are judged is no result, whatever is found with it.

    The limit is a score that was seen: an alarm is a score above it.
    """
    known = np.nan_to_num(score, nan=-inf)
    levels = np.unique(known[normal & np.isfinite(known)])
    if not len(levels):
        raise DataError("no normal row has a score: there is nothing to set a limit on")
    step = float(np.median(np.diff(time))) if len(time) > 1 else 0.0
    allowed = budget * step * float(normal.sum())
    levels = levels[np.unique(np.linspace(0, len(levels) - 1, _LEVELS).astype(np.int64))]
    chosen = levels[-1]
    for level in levels[::-1]:  # lower ones join alarms to fewer: the first that is too low ends it
        if len(stretches((known > level) & normal)) > allowed:
            break
        chosen = level
    return float(chosen)


def warnings(time: Values, onset: Values, warned: Flags, *, least: float, most: float) -> Warned:
    """Warnings that came at least `least` and at most `most` before an event began.

    onset   float64[events]: when each began
    warned  bool[n]: rows of warnings; a warning is where a run of them begins

    A warning is right if an event follows in that time, early if none does.
    """
    began = time[stretches(warned)[:, 0]]
    ahead = onset[:, None] - began[None, :]
    timely = (ahead >= least) & (ahead <= most)
    lead = np.where(timely, ahead, -inf).max(axis=1, initial=-inf)
    return Warned(
        float(timely.any(axis=1).mean()) if len(onset) else float("nan"),
        float(timely.any(axis=0).mean()) if len(began) else float("nan"),
        np.where(np.isfinite(lead), lead, np.nan),
    )


def nab(found: Flags, windows: Sequence[tuple[int, int]], profile: str = "standard") -> float:
    """NAB score of one recording: 0 silent, 100 perfect.

    found    bool[n]: rows of detections
    windows  first and last row of each window around an anomaly, in their order

    The first 15 % of the rows (of 5,000 at most) are not judged. The earliest detection in a window
    earns 2 / (1 + exp(5 y)) - 1 over its value at the left edge, y from -1 there to 0 at the right
    edge; one outside costs along the same curve, by its distance from the window before, and in
    full before the first or three widths later.
    """
    gain, price, miss = _PROFILES[profile]
    n = len(found)
    probation = int(min(0.15 * n, 0.15 * 5000))
    outside = np.ones(n, np.bool_)
    cost = np.full(n, -1.0)
    total, judged = 0.0, 0
    for first, last in windows:
        width = last - first + 1
        place = (np.arange(last + 1, n) - last) / max(width - 1, 1)
        cost[last + 1 :] = np.where(place < 3, _curve(np.minimum(place, 3)), -1.0)
        outside[first : last + 1] = False
        if last < probation:
            continue
        judged += 1
        rows_in = np.arange(max(first, probation), last + 1)
        hits = rows_in[found[rows_in]]
        earned = _curve(-(last - hits[:1] + 1) / width) / _curve(np.array([-1.0]))
        total += gain * float(earned[0]) if len(hits) else miss
    if not judged:
        raise DataError("no window is in the judged part of the recording: there is no NAB score")
    wrong = found & outside
    wrong[:probation] = False
    total -= price * float(cost[wrong].sum())
    return float(100 * (total - miss * judged) / (gain * judged - miss * judged))


def change_point_nab(
    runs: Sequence[tuple[npt.NDArray[np.int64], Flags, Flags]], seconds: float = 60.0
) -> dict[str, float]:
    """NAB scores of (time in ns, true change points, found change points), one for each profile.

    As the leaderboard of SKAB v0.9 does (`chp_score` of its `core/metrics.py`, with a window of
    60 s "righter" and its other defaults): a window of `seconds` to the right of each change
    point, which begins where the one before ends if they overlap; the first detection in a window,
    both ends included, earns from 1 at its left edge down to the price of a false alarm at its
    right edge, along a hyperbolic tangent of the time in 1,000 steps; others in a window are free;
    every detection outside costs.
    """
    scores = {}
    curve = np.tanh(np.linspace(-np.pi / 2, np.pi / 2, 1000)) / np.tanh(np.pi / 2)
    for profile, (gain, false, miss) in _PROFILES.items():
        total, points = 0.0, 0
        for time, truth, found in runs:
            inside = np.zeros(len(time), np.bool_)
            reached = np.iinfo(np.int64).min
            for point in time[truth].tolist():
                left, right = max(point, reached), point + int(seconds * 1e9)
                reached = right
                within = (time >= left) & (time <= right)
                inside |= within
                at = time[within & found]
                if len(at) == 0:
                    total += miss
                    continue
                step = int((at[0] - left) / (right - left) * 1000) if right > left else 0
                total += (gain - false) / 2 * (1 - curve[min(step, 999)]) + false
            total += false * int((found & ~inside).sum())
            points += int(truth.sum())
        scores[profile] = float(100 * (total - miss * points) / ((gain - miss) * points))
    return scores


def vus_pr(truth: Flags, score: Values, window: int, thresholds: int = 250) -> float:
    """Volume under the precision-recall surface, over thresholds and windows of 0 to `window` rows.

    The variant of the authors' package `vus` and of TSB-AD with ``version="opt"``: a window of w
    rows adds to both sides of an event w // 2 rows whose label falls as √(1 - distance / w); these
    count as positive only where they are predicted. Recall is over the mean of the events' rows and
    those counted, at most 1, times the share of (widened and merged) events that are hit at all.
    Thresholds are at equal steps of rank; an area is the sum of steps in recall times the precision
    at their end; the volume is the mean area. A score that is not a number counts as the lowest.
    """
    if not truth.any() or truth.all():
        return float("nan")
    lowest = float(np.nanmin(np.where(np.isfinite(score), score, np.nan), initial=0.0)) - 1
    known = np.nan_to_num(score, nan=lowest, neginf=lowest, posinf=1e300)
    order = np.argsort(-known, kind="stable")
    ordered = known[order]
    levels = ordered[np.linspace(0, len(score) - 1, thresholds).astype(np.int64)]
    count = np.searchsorted(-ordered, -levels, side="right")  # rows at or above each
    spans, total = stretches(truth), int(truth.sum())
    areas = []
    for width in range(window + 1):
        label, merged = _widened(truth, spans, width)
        hit = np.cumsum(label[order])[count - 1]
        beside = np.cumsum(np.where(truth, 0.0, label)[order])[count - 1]
        peaks = np.array([known[a : b + 1].max() for a, b in merged])
        existing = (peaks[:, None] >= levels[None, :]).mean(axis=0)
        positives = (total + total + beside) / 2
        recall = np.minimum(hit / positives, 1) * existing
        areas.append(float((np.diff(recall, prepend=0.0) * hit / count).sum()))
    return float(np.mean(areas))


def count_interval(count: int, share: float = 0.9) -> tuple[float, float]:
    """Where the expected count lies if `count` was seen (Garwood, Biometrika 28 (1936) 437).

    Exact for counts of a Poisson process: after none in a year, three a year are still possible.
    """
    side = (1 - share) / 2
    low = 0.0 if count == 0 else _solve(lambda mean: 1 - _at_most(count - 1, mean) - side, count)
    return low, _solve(lambda mean: side - _at_most(count, mean), count)


def point_adjusted(*_: object) -> NoReturn:
    """Never computed. Raises `Refused` with the reason."""
    raise Refused(
        "point-adjusted scores count all rows of an event as found if one is: with them a score "
        "drawn at random looks better than published models (Kim et al., AAAI 2022); use detected "
        "events with their delay, or vus_pr"
    )


def _held(alarm: Flags, run: int) -> Flags:
    """Alarms without those that last for less than `run` rows."""
    kept = np.zeros(len(alarm), np.bool_)
    for first, last in stretches(alarm):
        kept[first : last + 1] = last - first + 1 >= run
    return kept


def _curve(place: Values) -> Values:
    value: Values = 2 / (1 + np.exp(5 * place)) - 1
    return value


def _widened(
    truth: Flags, spans: npt.NDArray[np.int64], width: int
) -> tuple[Values, list[tuple[int, int]]]:
    """Labels with falling sides, and the events with these, those that touch as one."""
    n, half = len(truth), width // 2
    label = truth.astype(np.float64)
    side = np.sqrt(1 - np.arange(1, half + 1) / width) if half else np.zeros(0)
    merged: list[tuple[int, int]] = []
    begin = max(int(spans[0, 0]) - half, 0)
    for number, (first, last) in enumerate(spans.tolist()):
        after, before = min(half, n - 1 - last), min(half, first)
        label[last + 1 : last + 1 + after] += side[:after]
        label[first - before : first] += side[:before][::-1]
        if number + 1 == len(spans):
            merged.append((begin, min(last + half, n - 1)))
        elif last + half < spans[number + 1, 0] - half:
            merged.append((begin, last + half))
            begin = int(spans[number + 1, 0]) - half
    return np.minimum(label, 1), merged


def _at_most(count: int, mean: float) -> float:
    """Probability of at most `count` events where `mean` are expected."""
    term = total = exp(-mean)
    for k in range(1, count + 1):
        term *= mean / k
        total += term
    return total


def _solve(rising: Callable[[float], float], count: int) -> float:
    """Where it passes 0, by halving."""
    low, high = 0.0, count + 10.0 * float(np.sqrt(count + 1))
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (low, middle) if rising(middle) > 0 else (middle, high)
    return high
