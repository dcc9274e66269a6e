"""What `gemel experiments` shows: one experiment, and several beside each other."""

from __future__ import annotations

from typing import Any, Final

from gemel.doors.cli import experiment_tables as tables
from gemel.doors.cli import telling
from gemel.doors.cli.telling import number

__all__ = ["beside", "one"]

_SHOWN: Final = 15


def one(found: Any) -> None:
    """How far it is, and what it says."""
    console, result = telling.console(), found["result"]
    notes = [f"experiment {found['number']} of {found['line']}, from {found['from']}"]
    if found["trouble"]:
        notes.append(found["trouble"])
    if found["progress"]:
        notes.append(f"{found['progress']['done']:,} of {found['progress']['of']:,} runs")
    notes += [f"not known: {remark}" for remark in found["remarks"]]
    if result is not None and found["kind"] == "best":
        notes += result.get("remarks", ())
        if found["spent"]:
            notes.append(
                f"its replications are spent: gemel experiments continue {found['line']} "
                f"{found['number']} --most NUMBER plays on"
            )
        console.print(tables.scenarios(result))
    elif result is not None and found["kind"] == "design":
        from gemel.doors.cli import designing

        for shown in designing.tables(result):
            console.print(shown)
    elif result is not None and result.get("effects"):
        console.print(tables.effects(result))
    telling.say(console, f"{found['state']}: {found['sentence'] or 'nothing is known yet'}", notes)


def beside(found: Any) -> None:
    """Two or more of them."""
    console, named = telling.console(), found["experiments"]
    first = named[0]["number"]
    if found["kind"] == "sweep":
        table = telling.table("effect", *(f"experiment {one['number']}" for one in named))
        for row in found["effects"][:_SHOWN]:
            cells = [
                "" if told is None else f"{number(told['value'], tables.half(told))}"
                + ("" if told["known"] else " (may be nothing)")
                for told in row["told"]
            ]  # fmt: skip
            table.add_row(row["term"], *cells)
        console.print(table)
    for other in found["others"]:
        if found["kind"] == "best":
            console.print(tables.differences(other["scenarios"], str(first), str(other["number"])))
        differs = ", ".join(other["differing"]) or "nothing"
        telling.say(console, f"what differs in {first} and {other['number']}: {differs}", [])
