"""`gemel capability` and `gemel gauge`: read a file, compute, say it in a sentence."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import typer

from gemel.core.control import capability as able
from gemel.core.control import gauge as measuring
from gemel.core.errors import ConfigurationError
from gemel.doors.cli import telling
from gemel.doors.cli.telling import number, plain
from gemel.parts.connectors.files.columns import read_columns

__all__ = ["capability", "gauge"]


def capability(
    file: Path,
    column: str,
    lower: float | None,
    upper: float | None,
    target: float | None,
    subgroup: int | None,
    by: str | None,
    confidence: float,
    *,
    anyway: bool,
    as_json: bool,
) -> None:
    """See `gemel capability --help`."""
    if lower is None and upper is None:
        raise typer.BadParameter("give a specification limit: --lower, --upper, or both")
    read = read_columns(file, [column], [by] if by else [])
    with telling.named(file, column):
        data = telling.grouped(read, subgroup) if subgroup or by else telling.single(read)
        found = able.capability(
            data.values, lower, upper, target=target, confidence=confidence, anyway=anyway
        )
    sentence = _capable_sentence(found)
    notes = [*found.remarks, *data.notes]
    if as_json:
        told = asdict(found) | {"in_control": found.in_control, "sentence": sentence}
        typer.echo(json.dumps(plain(told | {"notes": notes}), indent=2))
        return
    console = telling.console()
    table = telling.table("", "value", f"{100 * confidence:.4g} % interval", "method")
    for index in found.indices:
        interval = f"{index.low:.2f} to {index.high:.2f}"
        table.add_row(index.name, f"{index.value:.2f}", interval, index.method)
    console.print(table)
    table = telling.table("ppm outside", "below", "above", "total")
    for name, part in (
        ("observed", found.observed),
        ("expected, within", found.within_expected),
        ("expected, overall", found.overall_expected),
    ):
        cells = (_ppm(part.below), _ppm(part.above), _ppm(part.total))
        table.add_row(name, *cells)
    console.print(table)
    console.print(
        f"{found.values} values, mean {number(found.mean, found.overall)}, standard deviation "
        f"{number(found.within)} within, {number(found.overall)} overall"
    )
    telling.say(console, sentence, notes)


def _capable_sentence(found: able.Capability) -> str:
    told = found.index("Cpk")
    index = told or found.index("Ppk")
    if index is None:
        raise AssertionError("Ppk is always told")
    words = (
        "capable"
        if index.value >= 1.33
        else "barely capable"
        if index.value >= 1
        else "not capable"
    )
    if told is None or not found.in_control:
        words = f"no judgement, the process is not in control; so far it was {words}"
    value = f"{index.value:.2f} ({index.low:.2f} to {index.high:.2f})"
    return f"{words}: {index.name} is {value}; 1.33 is usually asked for"


def _ppm(value: float) -> str:
    return "" if value != value else f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


# Gauges


def gauge(
    file: Path,
    part: str,
    appraiser: str,
    value: str,
    tolerance: float | None,
    method: str,
    confidence: float,
    *,
    as_json: bool,
) -> None:
    """See `gemel gauge --help`."""
    chosen = telling.one_of(method, _METHODS, "--method")
    if part == appraiser:
        raise typer.BadParameter(f"--part and --appraiser are both '{part}'")
    read = read_columns(file, [value], [part, appraiser])
    for name, labels in zip((part, appraiser), read.labels, strict=True):
        if "" in labels:
            line = int(read.line[labels.index("")])
            raise ConfigurationError(f"column '{name}' is empty", f"{file}:{line}")
    with telling.named(file, value):
        study = measuring.crossed(read.labels[0], read.labels[1], read.numbers[0])
        found = measuring.gauge(
            study,
            method=chosen,
            tolerance=tolerance,
            confidence=confidence,
        )
    sentence = _gauge_sentence(found)
    if as_json:
        told = asdict(found) | {"verdict": found.verdict(), "sentence": sentence}
        typer.echo(json.dumps(plain(told | {"notes": read.notes}), indent=2))
        return
    console = telling.console()
    if found.table:
        table = telling.table("variance", "df", "sum of squares", "mean square", "F", "p")
        for row in found.table:
            values = (row.sum, row.mean, row.f, row.p)
            table.add_row(row.source, str(row.df), *(number(v) for v in values))
        console.print(table)
    shown = ["standard deviation", "% of study"] + ["% of tolerance"] * (tolerance is not None)
    table = telling.table(
        "", *shown, *([f"{100 * confidence:.4g} % interval"] if found.table else [])
    )
    for c in found.components:
        cells = [number(c.deviation), f"{c.study:.1f}"]
        cells += [f"{c.tolerance:.1f}"] * (tolerance is not None)
        if found.table:
            known = c.low == c.low
            cells.append(f"{number(c.low)} to {number(c.high)}" if known else "")
        table.add_row(f"{c.name} {_COMPONENTS[c.name]}", *cells)
    console.print(table)
    pooled = ["the interaction is taken to be none (p above 0.25)"] if found.pooled else []
    telling.say(console, sentence, [*pooled, *read.notes])


_METHODS: tuple[measuring.Method, ...] = ("anova", "range")
_COMPONENTS = {
    "EV": "equipment", "AV": "appraisers", "INT": "appraisers × parts", "GRR": "gauge",
    "PV": "parts", "TV": "total",
}  # fmt: skip


def _gauge_sentence(found: measuring.Gauge) -> str:
    grr = found.component("GRR")
    words = {
        "good": "the gauge is good",
        "marginal": "the gauge may do, depending on what it is for and what it costs",
        "unfit": "the gauge is not fit for these parts",
    }
    classes = (
        "it tells any parts apart"
        if found.categories is None
        else f"it tells {found.categories} classes of parts apart, 5 are wanted"
    )
    of = f" and {grr.tolerance:.1f} % of the tolerance" if grr.tolerance == grr.tolerance else ""
    return (
        f"{words[found.verdict()]}: GRR is {grr.study:.1f} % of the study variation{of}; {classes}"
    )
