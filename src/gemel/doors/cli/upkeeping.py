"""`gemel plan maintenance`: read what is to be kept up, plan it in every way that covers it."""

from __future__ import annotations

import json
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import Any

import typer

from gemel.core.errors import ConfigurationError, Refused, did_you_mean
from gemel.core.time import duration_text
from gemel.core.wear.fit import WeibullFit
from gemel.core.wear.upkeep import Upkeep
from gemel.doors.cli import telling
from gemel.doors.cli.telling import number, plain
from gemel.doors.cli.visiting import sentence_of, table_of
from gemel.runtime.upkeep_files import read_upkeep
from gemel.twin.planning.upkeep.choosing import Answer, answered
from gemel.twin.planning.upkeep.together import together
from gemel.twin.planning.upkeep.words import long, what

__all__ = ["maintenance"]


def maintenance(file: Path, asset: str | None, *, as_json: bool) -> None:
    """See `gemel plan maintenance --help`."""
    read = read_upkeep(file)
    upkeep = read.upkeep
    if asset is not None and asset not in upkeep.assets:
        raise ConfigurationError(
            f"no asset named '{asset}'; {did_you_mean(asset, upkeep.assets)}", file.name
        )
    answers = []
    for name in upkeep.assets:
        if asset in (None, name):
            try:
                answers.append(answered(upkeep, name, read.fits.get(name)))
            except Refused as error:
                where = read.document.where(("assets", name))
                raise ConfigurationError(str(error), where) from None
    shared = together(upkeep, {a.asset: a for a in answers})
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
        console.print(table_of(shared, upkeep))
        telling.say(console, sentence_of(shared, upkeep), ())


# For people


def _fit_table(fit: WeibullFit) -> Any:
    table = telling.table("Weibull life", "value", "95 % interval")
    rows = [("shape", fit.shape), ("scale", fit.scale)]
    rows += [(f"life × for 1 more {name}", e) for name, e in fit.factors.items()]
    for name, e in rows:
        table.add_row(name, number(e.value), f"{number(e.low)} to {number(e.high)}")
    table.add_row("failed", f"{fit.failed} of {fit.rows}", "")
    return table


def _table(answer: Answer, upkeep: Upkeep) -> Any:
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
            long(plan.interval, upkeep), f"{100 * plan.failures:.2g} %",
            what(plan.action, upkeep),
        )  # fmt: skip
    waits = answer.options[0][1].to_failure
    table.add_row("run to failure", number(waits), "", "", "", "", "100 %", "wait until it fails")
    return table


def _swing_table(answer: Answer, upkeep: Upkeep) -> Any:
    table = telling.table("if", "would cost", "as planned", "what")
    for s in answer.swings:
        table.add_row(
            f"{s.what.replace('_', ' ')} × {s.factor:g}", number(s.cost), number(s.kept),
            what(s.action, upkeep),
        )  # fmt: skip
    return table


def _sentence(answer: Answer, upkeep: Upkeep) -> str:
    kind, plan = answer.options[0]
    money = (
        f"{number(plan.cost)} {upkeep.currency}".strip() + f" per {duration_text(upkeep.period)}"
    )
    text = f"'{answer.asset}': {what(plan.action, upkeep)} ({kind}), {money}"
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


def _json(answer: Answer, upkeep: Upkeep) -> dict[str, Any]:
    return {
        "options": [
            {"name": kind, "what": what(p.action, upkeep), **asdict(p)}
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
