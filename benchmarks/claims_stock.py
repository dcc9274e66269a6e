"""Stock on the line at the same throughput: places taken away, a cap on the parts at once
(constant work in process), and both, against buffers that are all alike.

Everything is chosen on other luck than it is judged on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np

from gemel.core.frame import Values
from gemel.core.line import Line
from gemel.parts.simulators import SIMULATORS
from gemel.parts.simulators.base import Scenarios, Trial

__all__ = ["flow_line", "stock"]

CHOSEN_ON, JUDGED_ON, CHECKED_ON = 1, 2, 3
"""Seeds. The second sees nothing but what was chosen."""
SAME = 0.996
"""A little more than the 99.5 % that are promised: it is judged on other luck."""
CURVE = (0.98, 0.95, 0.9)
"""Shares of the throughput of 10 places each for which the trade-off is told, too."""
MACHINES = 8


def flow_line(seed: int) -> Line:
    """Eight machines: mean times ± 15 %, cv 0.2 to 1, 2 to 12 % of the time down."""
    random = np.random.default_rng([seed, 31])
    stations = {}
    for i in range(MACHINES):
        down, repair = random.uniform(0.02, 0.12), random.uniform(5, 20)
        stations[f"m{i}"] = {
            "time": {"mean": f"{random.uniform(850, 1150):.0f} ms", "cv": random.uniform(0.2, 1)},
            "places": 1,
            "failures": {"stop": {
                "every": {"kind": "exponential", "mean": f"{repair * (1 - down) / down:.3f} s"},
                "repair": {"kind": "exponential", "mean": f"{repair:.3f} s"},
            }},
        }  # fmt: skip
    return Line.read({"stations": stations, "caps": {"line": {}}})


def played(line: Line, rows: Values, seed: int, parts: int) -> tuple[Values, Values]:
    """Throughput and parts on the line of each row, over four replications. A row is the places in
    front of each machine, and the parts at once; −1 is no limit."""
    wanted = np.atleast_2d(rows).astype(np.int64)
    scenarios = replace(
        Scenarios.same(line, len(wanted)), places=wanted[:, :-1], caps=wanted[:, -1:]
    )
    run = SIMULATORS.build({"kind": "flow_line"}).run(
        line, Trial(parts=parts, replications=4, seed=seed, keep=()), scenarios
    )
    return run.throughput.mean(axis=1), run.wip.mean(axis=1)


Play = Callable[[Sequence[Values]], tuple[Values, Values]]


def fewer_places(play: Play, row: Values, wanted: float) -> Values:
    """Places taken away, in steps of 4, 2 and 1, where fewest parts stay on the line, while it
    makes as much as is wanted."""
    step = 4
    while step:
        trials = []
        for i in range(1, MACHINES):
            if row[i] > step:
                trials.append(row.copy())
                trials[-1][i] -= step
        kept = False
        if trials:
            made, on_line = play(trials)
            good = np.flatnonzero(made >= wanted)
            if len(good):
                row = trials[int(good[on_line[good].argmin()])]
                kept = True
        step = step if kept else step // 2
    return row


def least_cap(play: Play, row: Values, wanted: float) -> Values:
    """The smallest cap with which the line makes as much as is wanted, its places as they are."""
    most = 400 if row[1] < 0 else int(row[1:-1].sum()) + MACHINES
    trials = [np.append(row[:-1], cap) for cap in range(1, most + 1)]
    made, _ = play(trials)
    return trials[int(np.argmax(made >= wanted)) if (made >= wanted).any() else -1]


def exchanged(play: Play, row: Values, most: int, total: int, wanted: float) -> Values:
    """Places (at most `most` each, `total` in all) and the cap, if there is one, together: one is
    made less, another more, in steps of 4, 2 and 1, until the line makes enough, and then while
    fewer parts stay on it."""
    cap = MACHINES
    lines = (*range(1, MACHINES), cap) if row[cap] > 0 else tuple(range(1, MACHINES))
    (makes,), (best,) = play([row])
    step = 4
    while step:
        trials = []
        for less in lines:
            for more in (None, *lines):
                for lower in (0, step) if row[cap] > 0 and cap not in (less, more) else (0,):
                    other = row.copy()
                    other[less] -= step
                    other[cap] -= lower
                    if more is not None:
                        other[more] += step
                    places = other[1:cap]
                    fits = places.max() <= most and places.sum() <= total
                    if more != less and fits and min(other[i] for i in lines) >= 1:
                        trials.append(other)
        made, on_line = play(trials) if trials else (np.zeros(0), np.zeros(0))
        good = np.flatnonzero(made >= wanted)
        at = -1
        if len(good) and (makes < wanted or on_line[good].min() < best - 1e-3):
            at = int(good[on_line[good].argmin()])
        elif len(made) and makes < wanted and made.max() > makes:
            at = int(made.argmax())
        if at < 0:
            step //= 2
        else:
            row, makes, best = trials[at], made[at], on_line[at]
    return row


def tuned(search: Callable[[float], Values], check: Play, wanted: float) -> Values:
    """What a search finds that makes as much on other luck, too: who looks at many rows finds some
    that were only lucky. It asks for more, at most four times, until that is so."""
    asked = wanted
    row = search(asked)
    for _ in range(3):
        made, _ = check([row])
        if made[0] >= wanted:
            break
        asked *= wanted / float(made[0])
        row = search(asked)
    return row


def one_line(seed: int, parts: int, size: int) -> tuple[dict[str, Values], Values, Values]:
    """What was chosen for a line, by name, and throughput and parts on the line of each."""
    line = flow_line(seed)

    def play(trials: Sequence[Values], luck: int = CHOSEN_ON) -> tuple[Values, Values]:
        return played(line, np.array(trials), luck, parts)

    start = np.full(MACHINES + 1, size)
    start[0] = start[-1] = -1  # nothing waits before the first: there is always enough
    same = [np.where(start > 0, s, start) for s in range(1, size + 1)]
    made, _ = play(same)
    there = float(made[-1])
    checked = float(play([start], CHECKED_ON)[0][0])
    equal = same[int(np.argmax(made >= SAME * there))]
    total = 7 * size

    def found(search: Callable[[float], Values], share: float = SAME) -> Values:
        return tuned(
            lambda asked: search(asked / checked * there),
            lambda rows: play(rows, CHECKED_ON), share * checked,
        )  # fmt: skip

    def capped(asked: float) -> Values:
        return least_cap(play, start, asked)

    def own(asked: float) -> Values:
        return exchanged(play, capped(asked), size, total, asked)

    def anew(asked: float) -> Values:
        return exchanged(play, start, total, total, asked)

    def both(asked: float) -> Values:
        return exchanged(play, capped(asked), total, total, asked)

    def anywhere(asked: float) -> Values:
        return least_cap(play, np.where(start > 0, -1, start), asked)

    rows = {
        "all alike": start,
        "all alike, as few as will do": equal,
        "each its own": fewer_places(play, equal, SAME * there),
        "all alike and a cap": found(capped),
        "each its own and a cap": found(own),
        "shared out anew": found(anew),
        "shared out anew and a cap": found(both),
        "a cap, any number of places": found(anywhere),
    }
    for share in CURVE if size == 10 else ():
        rows |= {
            f"each its own, {100 * share:g} %": fewer_places(play, start, share * there),
            f"all alike and a cap, {100 * share:g} %": found(capped, share),
            f"shared out anew and a cap, {100 * share:g} %": found(both, share),
        }
    return rows, *played(line, np.array(list(rows.values())), JUDGED_ON, parts)


WAYS = {
    "each its own": "",
    "all alike and a cap": ", by a cap",
    "each its own and a cap": ", by places and a cap",
    "shared out anew": ", by as many places, shared out anew",
    "shared out anew and a cap": ", by as many places, shared out anew, and a cap",
    "a cap, any number of places": ", by a cap with any number of places",
}


def stock(quick: bool) -> tuple[list[dict[str, Any]], dict[str, list[float]]]:
    """Rows for each kind of line, and the share of the stock that is saved."""
    seeds, parts = (range(301, 303), 4_000) if quick else (range(301, 313), 20_000)
    rows: dict[str, list[tuple[float, float, float, float]]] = {}
    shares: dict[str, list[float]] = {}
    tasks = [(seed, parts, size) for seed in seeds for size in (5, 10, 20)]
    with ProcessPoolExecutor(2) as executor:
        for (_, _, size), (found, throughput, on_line) in zip(
            tasks, executor.map(one_line, *zip(*tasks, strict=True)), strict=True
        ):
            for (name, row), made, there in zip(
                found.items(), throughput.tolist(), on_line.tolist(), strict=True
            ):
                told = (made / throughput[0], there, float(row[1:-1].sum()), float(row[-1]))
                rows.setdefault(f"{size} places each: {name}", []).append(told)
            stands = dict(zip(found, on_line.tolist(), strict=True))
            few = f"from {size} places each, against as few alike as will do"
            for name, way in WAYS.items():
                shares.setdefault(f"against {size} places each{way}", []).append(
                    stands[name] / stands["all alike"] - 1
                )
                shares.setdefault(f"{few}{way}", []).append(
                    stands[name] / stands["all alike, as few as will do"] - 1
                )
    return [_told(name, np.array(each)) for name, each in rows.items()], shares


def _told(name: str, each: Values) -> dict[str, Any]:
    made, there, places, cap = each.T
    return {
        "": name, "lines": len(each), "throughput": round(float(made.mean()), 4),
        "least throughput": round(float(made.min()), 4),
        "parts on the line": round(float(there.mean()), 1),
        "places": round(float(places.mean()), 1) if (places > 0).all() else "any",
        "cap": round(float(cap.mean()), 1) if (cap > 0).all() else "",
    }  # fmt: skip
