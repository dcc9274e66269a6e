"""Maintenance as plain data: what to replace when, what that costs, when the line has time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import inf, isfinite
from typing import Any, Final

import numpy as np

from gemel.core.errors import Refused
from gemel.core.time import DAY, duration_text
from gemel.core.wear.fit import WeibullFit
from gemel.core.wear.upkeep import Asset, Prediction, Upkeep
from gemel.parts.solvers.maintenance import Action, Plan
from gemel.twin.planning.plans.version import Row
from gemel.twin.planning.upkeep.choosing import Answer, answered, solver_of
from gemel.twin.planning.upkeep.together import together
from gemel.twin.planning.upkeep.windows import windows
from gemel.twin.planning.upkeep.words import what

__all__ = ["Busy", "Seen", "predicted", "record_of"]

_POINTS: Final = 60
_SIDES: Final = (0.05, 0.5, 0.95)
_SHOWN: Final = 3
_SOON: Final = DAY
"""What is due later after the end of the plan than this needs no room in it."""
_ENOUGH: Final = 0.98
"""Of its cap: a prognostic that says that much has not seen an end yet."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the twin knows of an asset: what its prognostic says, and how old it is, ns; `note`
    where it says nothing that can be used."""

    prediction: Prediction | None = None
    age: int | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Busy:
    """What a schedule holds, and which machine stands for which asset."""

    rows: Sequence[Row] = ()
    due: Mapping[str, int] = field(default_factory=dict)
    machines: Mapping[str, str] = field(default_factory=dict)


def predicted(
    value: float, low: float, high: float, unit: int, cap: float | None
) -> Seen:  # fmt: skip
    """From what a task tells of remaining life, in `unit` ns. At its cap a prognostic has seen no
    end yet: then the asset is planned by its kind."""
    if cap is not None and value >= _ENOUGH * cap:
        lasts = duration_text(round(cap * unit))
        return Seen(note=f"its prognostic sees no end within {lasts}")
    least = 1e-3 * max(value, high, 1e-9)
    life = max(value, 2 * least)
    ends = min(max(low, least), 0.99 * life), max(high, 1.01 * life)
    low_ns, life_ns, high_ns = (max(1, round(v * unit)) for v in (ends[0], life, ends[1]))
    return Seen(Prediction.read(
        {"low": f"{low_ns} ns", "life": f"{life_ns + 1} ns", "high": f"{high_ns + 2} ns"}
    ))  # fmt: skip


def record_of(
    upkeep: Upkeep, fits: Mapping[str, WeibullFit], seen: Mapping[str, Seen], busy: Busy, now: int
) -> dict[str, Any]:
    """JSON-able, infinity apart; times in ns UTC and, where they are `in_…` or of a curve, in ns
    from now."""
    upkeep = upkeep.model_copy(update={"assets": {
        name: _as_seen(asset, seen.get(name, Seen())) for name, asset in upkeep.assets.items()
    }})  # fmt: skip
    answers: dict[str, Answer] = {}
    told: dict[str, Any] = {}
    for name, asset in upkeep.assets.items():
        known = seen.get(name, Seen())
        try:
            answer = answers[name] = answered(upkeep, name, fits.get(name), swings=False)
        except Refused as error:
            told[name] = {"title": asset.title or name, "trouble": str(error)}
            continue
        told[name] = _asset(upkeep, answer, known, busy, now)
    shared = together(upkeep, answers)
    visits = None
    if shared is not None:
        period = upkeep.period
        visits = {
            "saved": shared.alone - shared.visits.cost, "how": shared.how,
            "left_out": list(shared.left_out),
            "visits": [
                {"start": now + round(at * period),
                 "work": [{"asset": n, "lasts": _lasts(upkeep.assets[n])} for n in names]}
                for at, names in shared.times()
            ],
        }  # fmt: skip
    return {
        "currency": upkeep.currency, "period": duration_text(upkeep.period), "assets": told,
        "visits": visits,
        "cost": sum(a.options[0][1].cost for a in answers.values()),
    }  # fmt: skip


def _as_seen(asset: Asset, seen: Seen) -> Asset:
    update: dict[str, Any] = {}
    if seen.prediction is not None:
        update["prediction"] = seen.prediction
    if seen.age is not None:
        update["age"] = seen.age
    return asset.model_copy(update=update)


def _asset(
    upkeep: Upkeep, answer: Answer, seen: Seen, busy: Busy, now: int
) -> dict[str, Any]:  # fmt: skip
    name, (policy, plan) = answer.asset, answer.options[0]
    asset, period = upkeep.assets[name], upkeep.period
    due = _due(plan.action, asset, period)
    curve = _curve(upkeep, answer, due)
    found: dict[str, Any] = {
        "title": asset.title or name, "policy": policy, "what": what(plan.action, upkeep),
        "cost": plan.cost, "to_failure": plan.to_failure, "saves": plan.saves,
        "age": asset.age, "in_due": None if due is None else round(due * period),
        "due": None if due is None else now + round(due * period),
        "lasts": _lasts(asset), "notes": [*plan.notes, *([seen.note] if seen.note else [])],
        "prognosis": _remaining(upkeep, asset), "curve": curve,
        "options": [{"name": k, "what": what(p.action, upkeep), "cost": p.cost}
                    for k, p in answer.options],
        "windows": [],
    }  # fmt: skip
    machine = busy.machines.get(name, "")
    if machine and due is not None and busy.rows:
        # A piece of work that can wait long has all of the schedule to choose from.
        last = max(r.end for r in busy.rows)
        if found["due"] > last + _SOON:
            return found
        until = _until(found, now, last)
        free = windows(busy.rows, busy.due, machine, now, _lasts(asset))
        in_time = [w for w in free if w.start <= until]
        found["in_time"] = bool(in_time)
        in_time = in_time or sorted(free, key=lambda w: w.start)
        found["machine"] = machine
        found["windows"] = [asdict(w) for w in in_time[:_SHOWN]]
        found["until"] = until
    return found


def _until(found: Mapping[str, Any], now: int, last: int) -> int:
    """Until when it should be done: while there is still a chance of 95 % that it works, where a
    prognostic says so; else until it is due, and a day at least."""
    prognosis = found["prognosis"]
    if prognosis is not None and prognosis["told_by"] == "prognostic":
        return min(last, now + int(prognosis["low"]))
    return min(last, max(int(found["due"]), now) + DAY)


def _lasts(asset: Asset) -> int:
    return asset.planned_time or asset.work or 0


def _due(action: Action, asset: Asset, period: int) -> float | None:
    """Periods from now; None where nothing is planned for a time."""
    due = None
    if action.kind == "moment":
        due = action.moment
    elif action.kind == "age" and action.age is not None:
        due = max(0.0, action.age - asset.age / period)
    return due if due is not None and isfinite(due) else None


def _remaining(upkeep: Upkeep, asset: Asset) -> dict[str, Any] | None:
    """Remaining life with its 90 %, ns from now: as a prognostic says, or as those of its kind that
    have reached its age."""
    if asset.prediction is not None:
        one = asset.prediction
        return {"told_by": "prognostic", "low": one.low, "life": one.life, "high": one.high}
    if asset.life is None:
        return None
    law, age = asset.life.law(upkeep.period), asset.age / upkeep.period
    reached = float(law.survives(age))
    if law.last != inf or reached <= 0:
        return None
    ends = [_later(lambda t: float(law.survives(age + t)) / reached, 1 - q, upkeep) for q in _SIDES]
    return {"told_by": "its kind", "low": ends[0], "life": ends[1], "high": ends[2]}


def _later(survives: Callable[[float], float], share: float, upkeep: Upkeep) -> int:
    """When this share still works, by halving."""
    low, high = 0.0, 1.0
    while survives(high) > share and high < 1e9:
        low, high = high, 2 * high
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if survives(middle) > share else (low, middle)
    return round(high * upkeep.period)


def _curve(upkeep: Upkeep, answer: Answer, due: float | None) -> dict[str, Any] | None:
    """What a period costs when it is replaced after so long, from now on."""
    policy, plan = answer.options[0]
    asset, period = upkeep.assets[answer.asset], upkeep.period
    if plan.action.kind not in ("age", "moment") or policy == "with_spares":
        return None
    rate = {} if answer.rate is None else {"rate": answer.rate}
    solver = solver_of(policy, rate)
    prognosis = _remaining(upkeep, asset)
    high = 0.0 if prognosis is None else prognosis["high"] / period
    last = max(1.6 * (due or 0.0), 1.2 * high)
    if not isfinite(last) or last <= 0:
        return None
    age = asset.age / period
    first = 0.0 if plan.action.kind == "moment" else max(0.0, 0.02 * last - age)
    times = np.linspace(first, last, _POINTS)
    if due is not None:
        times = np.unique([*times.tolist(), due])
    cost = []
    for t in times.tolist():
        if plan.action.kind == "moment":
            action = Action("moment", moment=t)
        else:
            action = Action("age", age=age + t)
        cost.append(_cost(solver.judge(upkeep, answer.asset, action)))
    return {
        "time": [round(t * period) for t in times.tolist()], "cost": cost,
        "best": None if due is None else round(due * period),
    }  # fmt: skip


def _cost(plan: Plan) -> float | None:
    return plan.cost if isfinite(plan.cost) else None
