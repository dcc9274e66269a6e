"""Which policy to take for an asset: all that cover it, side by side."""

from __future__ import annotations

from dataclasses import dataclass

from gemel.core.errors import Refused
from gemel.core.wear.fit import WeibullFit
from gemel.core.wear.upkeep import Upkeep
from gemel.parts.solvers.maintenance import MAINTENANCE, Action, MaintenanceSolver, Plan
from gemel.parts.solvers.maintenance.base import Swing, sensitivity

__all__ = ["Answer", "answered", "solver_of"]


@dataclass(slots=True)
class Answer:
    """Of one asset; the first option is the one to take. `rate` is what a period costs in the long
    run, for a prognostic's word on the one that runs now."""

    asset: str
    options: list[tuple[str, Plan]]
    uncovered: dict[str, tuple[str, ...]]
    swings: list[Swing]
    fit: WeibullFit | None = None
    rate: float | None = None


def answered(
    upkeep: Upkeep, name: str, fit: WeibullFit | None = None, *, swings: bool = True
) -> Answer:
    """Every policy that covers an asset, and with `swings` how the answer changes with what is not
    sure. Raises `Refused` where none covers it, with the reasons."""
    options: list[tuple[str, Plan]] = []
    uncovered: dict[str, tuple[str, ...]] = {}
    rate: dict[str, float] = {}
    for kind in sorted(MAINTENANCE.files(), key=lambda k: k == "remaining_life"):
        known = [p.cost for k, p in options if k != "with_spares"]
        if kind == "remaining_life" and known:
            rate = {"rate": min(known)}  # of a period, once this one is replaced
        solver = solver_of(kind, rate)
        if reasons := solver.uncovered(upkeep, name):
            uncovered[kind] = reasons
        else:
            options.append((kind, solver.plan(upkeep, name)))
    if not options:
        why = "; ".join(f"{kind}: {reasons[0]}" for kind, reasons in uncovered.items())
        raise Refused(f"no policy covers it. {why}")
    # Of the one that runs now, a prognostic knows more than its kind does. Costs with spares count
    # the stock as well and are not to be compared with those without.
    first = ("remaining_life", "with_spares")
    options.sort(key=lambda o: (first.index(o[0]) if o[0] in first else 2, o[1].cost))
    best, plan = options[0]
    solver = solver_of(best, rate)
    moved = sensitivity(solver, upkeep, name, plan) if swings else []
    one = upkeep.assets[name]
    if one.today is not None and one.life is not None:
        age = MAINTENANCE.build({"kind": "age"})
        if not age.uncovered(upkeep, name):
            judged = age.judge(upkeep, name, Action("age", age=one.today / upkeep.period))
            options.append(("as today", judged))
    return Answer(name, options, uncovered, moved, fit, rate.get("rate"))


def solver_of(kind: str, rate: dict[str, float]) -> MaintenanceSolver:
    """A policy; one of remaining life is told what a period costs in the long run."""
    return MAINTENANCE.build({"kind": kind, **(rate if kind == "remaining_life" else {})})
