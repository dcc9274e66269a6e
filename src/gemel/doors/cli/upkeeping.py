"""`gemel plan maintenance`: read what is to be kept up, plan it in every way that covers it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from math import inf, isfinite
from pathlib import Path
from typing import Any

import typer

from gemel.core.errors import ConfigurationError, did_you_mean
from gemel.core.time import duration_text, parse_duration
from gemel.core.wear.fit import WeibullFit, fit_weibull
from gemel.core.wear.upkeep import Upkeep
from gemel.doors.cli import describing, telling
from gemel.doors.cli.telling import number, plain
from gemel.doors.cli.visiting import together
from gemel.parts.connectors.files.columns import read_columns
from gemel.parts.solvers.maintenance import MAINTENANCE, Action, MaintenanceSolver, Plan
from gemel.parts.solvers.maintenance.base import Swing, sensitivity
from gemel.runtime.yaml12 import Document

__all__ = ["maintenance"]

_EXAMPLE = "such a file has `assets`, each with life or wear, planned_cost and failure_cost"
_TABLE_KEYS = ("kind", "file", "age", "failed", "unit", "covariates")


@dataclass(slots=True)
class _Answer:
    """Of one asset; the first option is the one to take."""

    asset: str
    options: list[tuple[str, Plan]]
    uncovered: dict[str, tuple[str, ...]]
    swings: list[Swing]
    fit: WeibullFit | None


def maintenance(file: Path, asset: str | None, *, as_json: bool) -> None:
    """See `gemel plan maintenance --help`."""
    document = describing.document_of(file, _EXAMPLE)
    data, fits = _with_tables(document, file.parent)
    upkeep = describing.settings_of(document, Upkeep, data)
    if asset is not None and asset not in upkeep.assets:
        raise ConfigurationError(
            f"no asset named '{asset}'; {did_you_mean(asset, upkeep.assets)}", file.name
        )
    answers = [
        _answered(upkeep, name, fits.get(name), document)
        for name in upkeep.assets
        if asset in (None, name)
    ]
    shared = together(upkeep, {a.asset: a.options[0][1] for a in answers})
    if as_json:
        told = {
            "currency": upkeep.currency, "period": duration_text(upkeep.period),
            "assets": {a.asset: _json(a, upkeep) for a in answers},
            "visits": None if shared is None else shared.json(),
            "sentence": " ".join(_sentence(a, upkeep) for a in answers),
        }  # fmt: skip
        typer.echo(json.dumps(plain(told), indent=2))
        return
    console = telling.console()
    for answer in answers:
        if answer.fit is not None:
            console.print(_fit_table(answer.fit))
        console.print(_table(answer, upkeep))
        if answer.swings:
            console.print(_swing_table(answer, upkeep))
        telling.say(console, _sentence(answer, upkeep), answer.options[0][1].notes)
    if shared is not None:
        console.print(shared.table(upkeep, _long))
        telling.say(console, shared.sentence(upkeep), ())


def _answered(upkeep: Upkeep, name: str, fit: WeibullFit | None, document: Document) -> _Answer:
    options: list[tuple[str, Plan]] = []
    uncovered: dict[str, tuple[str, ...]] = {}
    rate: dict[str, float] = {}
    for kind in sorted(MAINTENANCE.files(), key=lambda k: k == "remaining_life"):
        known = [p.cost for k, p in options if k != "with_spares"]
        if kind == "remaining_life" and known:
            rate = {"rate": min(known)}  # of a period, once this one is replaced
        solver = _solver(kind, rate)
        if reasons := solver.uncovered(upkeep, name):
            uncovered[kind] = reasons
        else:
            options.append((kind, solver.plan(upkeep, name)))
    if not options:
        why = "; ".join(f"{kind}: {reasons[0]}" for kind, reasons in uncovered.items())
        raise ConfigurationError(f"no policy covers it. {why}", document.where(("assets", name)))
    # Of the one that runs now, a prognostic knows more than its kind does. Costs with spares count
    # the stock as well and are not to be compared with those without.
    first = ("remaining_life", "with_spares")
    options.sort(key=lambda o: (first.index(o[0]) if o[0] in first else 2, o[1].cost))
    best, plan = options[0]
    solver = _solver(best, rate)
    swings = sensitivity(solver, upkeep, name, plan)
    one = upkeep.assets[name]
    if one.today is not None and one.life is not None:
        age = MAINTENANCE.build({"kind": "age"})
        if not age.uncovered(upkeep, name):
            judged = age.judge(upkeep, name, Action("age", age=one.today / upkeep.period))
            options.append(("as today", judged))
    return _Answer(name, options, uncovered, swings, fit)


def _solver(kind: str, rate: dict[str, float]) -> MaintenanceSolver:
    return MAINTENANCE.build({"kind": kind, **(rate if kind == "remaining_life" else {})})


# Lives from a table


def _with_tables(document: Document, folder: Path) -> tuple[dict[str, Any], dict[str, WeibullFit]]:
    """The data with a Weibull life where the file says `life: {kind: table, …}`."""
    data = dict(document.data)
    assets = data.get("assets")
    if not isinstance(assets, dict):
        return data, {}
    fits, found = {}, {}
    for name, asset in assets.items():
        life = asset.get("life") if isinstance(asset, dict) else None
        if isinstance(life, dict) and life.get("kind") == "table":
            where = document.where(("assets", name, "life"))
            fits[name], written = _fitted(life, folder, where)
            asset = {**asset, "life": written}
        found[name] = asset
    return {**data, "assets": found}, fits


def _fitted(life: dict[str, Any], folder: Path, where: str) -> tuple[WeibullFit, dict[str, Any]]:
    for key in life:
        if key not in _TABLE_KEYS:
            raise ConfigurationError(
                f"life.{key}: is not known here; {did_you_mean(key, _TABLE_KEYS)}", where
            )
    for key in ("file", "age", "unit"):
        if not isinstance(life.get(key), str):
            raise ConfigurationError(
                f"life.{key} is missing: a life from a table says `file`, the column `age`, its "
                "`unit` such as 1 h, and the column `failed` (1 or 0)", where
            )  # fmt: skip
    covariates = life.get("covariates") or {}
    if not isinstance(covariates, dict):
        raise ConfigurationError("life.covariates: write {column: value of this asset}", where)
    columns = [life["age"], *([life["failed"]] if life.get("failed") else []), *covariates]
    read = read_columns(folder / life["file"], columns)
    ages = read.numbers[0]
    failed = read.numbers[1] != 0 if life.get("failed") else ages == ages
    rest = read.numbers[1 + bool(life.get("failed")) :]
    with telling.named(folder / life["file"], life["age"]):
        fit = fit_weibull(ages, failed, dict(zip(covariates, rest, strict=True)))
    unit = parse_duration(life["unit"])
    scale = fit.scale_at(list(covariates.values()))
    return fit, {
        "kind": "weibull", "shape": fit.shape.value, "scale": f"{round(scale * unit)} ns",
    }  # fmt: skip


def _fit_table(fit: WeibullFit) -> Any:
    table = telling.table("Weibull life", "value", "95 % interval")
    rows = [("shape", fit.shape), ("scale", fit.scale)]
    rows += [(f"life × for 1 more {name}", e) for name, e in fit.factors.items()]
    for name, e in rows:
        table.add_row(name, number(e.value), f"{number(e.low)} to {number(e.high)}")
    table.add_row("failed", f"{fit.failed} of {fit.rows}", "")
    return table


# For people


def _long(periods: float | None, upkeep: Upkeep) -> str:
    return "" if periods is None else describing.time_text(periods * upkeep.period)


def _what(action: Action, upkeep: Upkeep) -> str:
    match action.kind:
        case "age":
            text = f"replace at {_long(action.age, upkeep)}"
            text = "run to failure" if action.age == inf else text
            return text + ("" if action.spares is None else f", keep {action.spares} spares")
        case "block":
            if action.age == inf:
                return "mend failures, never replace"
            return f"replace every {_long(action.age, upkeep)}, mend failures"
        case "condition":
            every = _long(action.every, upkeep)
            return f"inspect every {every}, replace from {number(action.level or 0.0)} on"
        case "schedule":
            worn = next((lv for lv, t in action.schedule or () if t == 0), None)
            first = f"inspect first after {_long(action.every, upkeep)}, then by level"
            return first + ("" if worn is None else f", replace from {number(worn)} on")
    if action.moment == 0:
        return "replace now"
    if action.moment == inf:
        return "let it run to failure"
    return f"replace in {_long(action.moment, upkeep)}"


def _table(answer: _Answer, upkeep: Upkeep) -> Any:
    per = f"{upkeep.currency} per {duration_text(upkeep.period)}".strip()
    table = telling.table(
        f"'{answer.asset}', {per}", "cost", "planned", "failures", "other", "between two",
        "by failure", "what",
    )  # fmt: skip
    for kind, plan in answer.options:
        other = plan.cost - plan.parts.get("planned", 0.0) - plan.parts.get("failures", 0.0)
        other = other if other > 1e-9 * plan.cost else 0.0
        table.add_row(
            kind, number(plan.cost), number(plan.parts.get("planned", 0.0)),
            number(plan.parts.get("failures", 0.0)), number(other),
            _long(plan.interval, upkeep), f"{100 * plan.failures:.2g} %",
            _what(plan.action, upkeep),
        )  # fmt: skip
    waits = answer.options[0][1].to_failure
    table.add_row("run to failure", number(waits), "", "", "", "", "100 %", "wait until it fails")
    return table


def _swing_table(answer: _Answer, upkeep: Upkeep) -> Any:
    table = telling.table("if", "would cost", "as planned", "what")
    for s in answer.swings:
        table.add_row(
            f"{s.what.replace('_', ' ')} × {s.factor:g}", number(s.cost), number(s.kept),
            _what(s.action, upkeep),
        )  # fmt: skip
    return table


def _sentence(answer: _Answer, upkeep: Upkeep) -> str:
    kind, plan = answer.options[0]
    money = (
        f"{number(plan.cost)} {upkeep.currency}".strip() + f" per {duration_text(upkeep.period)}"
    )
    text = f"'{answer.asset}': {_what(plan.action, upkeep)} ({kind}), {money}"
    if isfinite(plan.to_failure) and plan.to_failure > 0:
        share = 100 * plan.saves / plan.to_failure
        same = abs(share) < 0.05
        text += (
            ", the same as running to failure"
            if same
            else (f", {abs(share):.0f} % {'less' if share > 0 else 'more'} than running to failure")
        )
    today = next((p for k, p in answer.options if k == "as today"), None)
    if today is not None and kind != "with_spares" and today.cost > 0:
        share = 100 * (today.cost - plan.cost) / today.cost
        text += f" and {abs(share):.0f} % {'less' if share >= 0 else 'more'} than today"
    return text + "."


def _json(answer: _Answer, upkeep: Upkeep) -> dict[str, Any]:
    return {
        "options": [
            {"name": kind, "what": _what(p.action, upkeep), **asdict(p)}
            for kind, p in answer.options
        ],
        "uncovered": {n: list(r) for n, r in answer.uncovered.items()},
        "sensitivity": [asdict(s) for s in answer.swings],
        "fit": None if answer.fit is None else _fit_json(answer.fit),
        "sentence": _sentence(answer, upkeep),
    }


def _fit_json(fit: WeibullFit) -> dict[str, Any]:
    told = asdict(fit)
    return told | {
        "coefficients": fit.coefficients.tolist(), "covariance": fit.covariance.tolist(),
    }  # fmt: skip
