"""What `gemel experiments` shows: one experiment, and several beside each other."""

from __future__ import annotations

from typing import Any, Final

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
        aim = result["objective"]
        table = telling.table("scenario", aim, "gain", "95 % interval", "played", "what")
        for row in result["scenarios"]:
            gain = row["gain"]
            first = row is result["scenarios"][0]
            half = _half(gain)
            verdict = "breaks a limit" if row["breaks_a_limit"] else (
                "best" if row["scenario"] == result["best"] and result["certain"]
                else "possible" if row["possible"] else "out"
            )  # fmt: skip
            table.add_row(
                row["title"], number(row[aim]["value"] or float("nan"), half),
                "" if first else number(gain["value"] or 0.0, half),
                "" if first or half != half else
                f"{number(gain['low'], half)} to {number(gain['high'], half)}",
                str(row["replications"]), verdict,
            )  # fmt: skip
        console.print(table)
    elif result is not None and found["kind"] == "design":
        from gemel.doors.cli.designing import tables

        for shown in tables(result):
            console.print(shown)
    elif result is not None and result.get("effects"):
        table = telling.table("effect", result["objective"], "95 % interval", "what")
        for row in result["effects"][:_SHOWN]:
            half = _half(row)
            interval = "not known" if half != half else (
                f"{number(row['low'], half)} to {number(row['high'], half)}"
            )  # fmt: skip
            table.add_row(
                row["term"], number(row["value"], half), interval,
                "" if row["known"] else "may be nothing",
            )  # fmt: skip
        console.print(table)
    telling.say(console, f"{found['state']}: {found['sentence'] or 'nothing is known yet'}", notes)


def beside(found: Any) -> None:
    """Two or more of them."""
    console, named = telling.console(), found["experiments"]
    first = named[0]["number"]
    if found["kind"] == "sweep":
        table = telling.table("effect", *(f"experiment {one['number']}" for one in named))
        for row in found["effects"][:_SHOWN]:
            cells = [
                "" if told is None else f"{number(told['value'], _half(told))}"
                + ("" if told["known"] else " (may be nothing)")
                for told in row["told"]
            ]  # fmt: skip
            table.add_row(row["term"], *cells)
        console.print(table)
    for other in found["others"]:
        if found["kind"] == "best":
            table = telling.table(
                "scenario", "measure", str(first), str(other["number"]), "difference",
                "95 % interval",
            )  # fmt: skip
            for row in other["scenarios"]:
                told = row["difference"]
                half = _half(told)
                table.add_row(
                    row["scenario"], row["measure"], number(row["first"], half),
                    number(row["second"], half), number(told["value"], half),
                    "not known" if half != half else
                    f"{number(told['low'], half)} to {number(told['high'], half)}",
                )  # fmt: skip
            console.print(table)
        differs = ", ".join(other["differing"]) or "nothing"
        telling.say(console, f"what differs in {first} and {other['number']}: {differs}", [])


def _half(told: Any) -> float:
    if told["low"] is None or told["high"] is None:
        return float("nan")
    return float(told["high"] - told["low"]) / 2
