"""`gemel chart`: read a file, make the chart, say what is on it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import typer
from rich.table import Table

from gemel.core.control.charts import KINDS, Chart, ChartKind, Points, phase_one, points
from gemel.core.control.rules import RULE_SETS, RuleSet, Violation, violations
from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.doors.cli import telling
from gemel.doors.cli.telling import Data, number, plain
from gemel.parts.connectors.files.columns import read_columns

__all__ = ["chart", "quality"]

_SHOWN = 20
"""Violations in the table; JSON has all of them."""
_FEW = 20
"""Fewer points make limits that are not to be relied on."""


def chart(
    file: Path,
    column: str,
    subgroup: int | None,
    by: str | None,
    kind: str | None,
    size: str | None,
    rules: str,
    first: int | None,
    *,
    laney: bool,
    as_json: bool,
) -> None:
    """See `gemel chart --help`."""
    rule_set = telling.one_of(rules, RULE_SETS, "--rules")
    asked = None if kind is None else telling.one_of(kind, KINDS, "--kind")
    grouped = subgroup is not None or by is not None
    _fits(asked, grouped, size)
    numeric = [column] if size is None else [column, size]
    read = read_columns(file, numeric, [by] if by else [])
    with telling.named(file, column):
        data = telling.grouped(read, subgroup) if grouped else telling.single(read)
    made_as: ChartKind
    if asked is not None:
        made_as = asked
    else:
        made_as = "i-mr" if not grouped else "xbar-r" if data.values.shape[1] <= 10 else "xbar-s"
    n = len(data.values)
    used = n if first is None else first
    if used > n:
        raise DataError(f"--phase-one {used}: {file} has {n} points only")
    chosen = None if data.sizes is None else data.sizes[:used]
    with telling.named(file, column):
        first_rows = data.values[:used]
        made = phase_one(made_as, first_rows, chosen, laney=laney)
        tracks = points(made, data.values, data.sizes)
    found = _judged(tracks, made_as, rule_set)
    sentence = _control_sentence(made, tracks, found, rules)
    notes = list(data.notes)
    if made.points < _FEW:
        notes.append(f"limits from {made.points} points only; 20 to 30 are wanted")
    if as_json:
        typer.echo(json.dumps(_chart_json(made, tracks, found, rules, sentence, notes), indent=2))
        return
    console = telling.console()
    console.print(_limits_table(made, tracks))
    if found:
        console.print(_violations_table(found, data))
        if len(found) > _SHOWN:
            console.print(f"… and {len(found) - _SHOWN} more; --json gives all of them")
    telling.say(console, sentence, notes)


def _fits(kind: str | None, grouped: bool, size: str | None) -> None:
    """Options that do not go together are wrong usage."""
    if grouped and kind not in (None, "xbar-r", "xbar-s"):
        raise typer.BadParameter(f"--subgroup and --by are for xbar-r and xbar-s, not for {kind}")
    if kind in ("xbar-r", "xbar-s") and not grouped:
        raise typer.BadParameter(f"{kind} needs subgroups: give --subgroup N or --by COLUMN")
    if kind in ("p", "np", "u") and size is None:
        raise typer.BadParameter(f"{kind} needs --size, the column of the size of each sample")
    if size is not None and kind not in ("p", "np", "u"):
        raise typer.BadParameter("--size is for --kind p, np and u")


def _judged(
    tracks: Sequence[Points], kind: ChartKind, rules: RuleSet
) -> list[tuple[Points, Violation]]:
    """Violations of all tracks. Rules other than that of the limits are for the location of charts
    whose points are independent."""
    found = []
    for place, track in enumerate(tracks):
        asked: RuleSet = rules
        if rules != "none" and (place > 0 or kind in ("ewma", "cusum")):
            asked = "limits"
        broken = violations(asked, track.z())
        found += [(track, v) for v in broken]
    return sorted(found, key=lambda pair: (pair[1].first, pair[1].last))


def _control_sentence(
    made: Chart, tracks: Sequence[Points], found: list[tuple[Points, Violation]], rules: str
) -> str:
    count = int(np.isfinite(tracks[0].value).sum())
    if rules == "none":
        return f"{count} points, not judged: no rules were asked for"
    if not found:
        return f"in control: {count} points, no rule is broken"
    spread = len(tracks) > 1 and made.kind != "cusum" and any(t is tracks[1] for t, _ in found)
    hint = f"; look at the {tracks[1].statistic} first: limits stand on it" if spread else ""
    times = "once" if len(found) == 1 else f"{len(found)} times"
    return f"not in control: rules are broken {times} in {count} points{hint}"


def _limits_table(made: Chart, tracks: Sequence[Points]) -> Table:
    table = telling.table("chart", "centre", "lower limit", "upper limit", "points")
    for track in tracks:
        count = int(np.isfinite(track.value).sum())
        scale = float(np.nanmedian(track.sigma))
        limits = [_range(part, scale) for part in (track.centre, track.lower, track.upper)]
        table.add_row(f"{made.kind}: {track.statistic}", *limits, str(count))
    return table


def _range(values: Values, scale: float) -> str:
    """A limit, or from where to where it goes."""
    known = values[np.isfinite(values)]
    if len(known) == 0:
        return "none"
    low, high = number(float(known.min()), scale), number(float(known.max()), scale)
    return low if low == high else f"{low} … {high}"


def _violations_table(found: list[tuple[Points, Violation]], data: Data) -> Table:
    table = telling.table("points", "lines", "chart", "what")
    for track, violation in found[:_SHOWN]:
        lines = _span(int(data.first[violation.first]), int(data.last[violation.last]))
        table.add_row(
            _span(violation.first + 1, violation.last + 1), lines, track.statistic,
            violation.sentence(),
        )  # fmt: skip
    return table


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"


def _chart_json(
    made: Chart, tracks: Sequence[Points], found: list[tuple[Points, Violation]], rules: str,
    sentence: str, notes: list[str],
) -> dict[str, Any]:  # fmt: skip
    names = ("value", "centre", "lower", "upper")
    return {
        "chart": made.save(),
        "tracks": [
            {"statistic": t.statistic, **{n: plain(getattr(t, n).tolist()) for n in names}}
            for t in tracks
        ],
        "rules": rules,
        "violations": [
            {"statistic": t.statistic, **asdict(v), "first": v.first + 1, "last": v.last + 1}
            for t, v in found
        ],
        "in_control": None if rules == "none" else not found,
        "sentence": sentence,
        "notes": notes,
    }


def quality(data: Path, start: str, *, as_json: bool) -> None:
    """See `gemel quality --help`."""
    from gemel.doors.cli import asking

    found = asking.running(data).get("/api/quality", {"start": start})
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    console = telling.console()
    if not found:
        console.print("no signal is charted: give one `role: quality` or a `specification`")
        return
    shown = telling.table("value", "mean", "deviation", "measured", "rules broken", "capability")
    for item in found:
        if item["problem"]:
            shown.add_row(item["signal"], "", "", "", item["problem"], "")
            continue
        indices = (item["capability"] or {"indices": []})["indices"]
        told = [
            f"{i['name']} {i['value']:.2f} [{i['low']:.2f}, {i['high']:.2f}]"
            for i in indices
            if i["name"] in ("Cpk", "Ppk")
        ]
        shown.add_row(
            item["signal"], f"{item['mean']:.5g} {item['unit']}".strip(),
            f"{item['deviation']:.3g}", str(item["values"]), str(len(item["violations"])),
            ", ".join(told),
        )  # fmt: skip
    console.print(shown)
    for item in found:
        for violation in item.get("violations", ()):
            moment = item["points"][violation["first"]]
            console.print(f"{item['signal']} {moment}: {violation['sentence']}", highlight=False)
        for note in item.get("notes", ()):
            console.print(f"{item['signal']}: {note}", highlight=False)
