"""`gemel lots`: where lots were, what is in them, who holds them back, and release records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from gemel.doors.cli.options import AsJson, DataFolder
from gemel.doors.cli.output import give

__all__ = ["lots"]

lots = typer.Typer(help="Lots: trace, hold back, release.", no_args_is_help=True)

Data = Path("gemel-data")
Lot: TypeAlias = Annotated[str, typer.Argument(metavar="LOT", help="Its name")]
Lots: TypeAlias = Annotated[list[str], typer.Argument(metavar="LOT...", help="Their names")]
Since: TypeAlias = Annotated[
    str | None,
    typer.Option("--since", help="How far back lots are looked for; as the plant file says"),
]
AsOf: TypeAlias = Annotated[
    str | None, typer.Option("--as-of", metavar="TIME", help="What was known then")
]
Reason: TypeAlias = Annotated[str, typer.Option("--reason", help="Stands in the journal")]
Asset: TypeAlias = Annotated[str, typer.Option("--asset", help="Where, e.g. line2/filler")]
Start: TypeAlias = Annotated[str, typer.Option("--from", metavar="TIME", help="e.g. -2h or 09:30")]
End: TypeAlias = Annotated[str, typer.Option("--to", metavar="TIME", help="Now if not given")]
Finding: TypeAlias = Annotated[
    str, typer.Option(help="Its asset and time, as far as these are not given")
]


@lots.command("list")
def list_lots(
    start: Annotated[str, typer.Option("--since", help="From when on")] = "-24h",
    as_of: AsOf = None,
    data: DataFolder = Data,
    as_json: AsJson = False,
) -> None:
    """Every lot with its state and where it was, the last first."""
    found = _running(data).get("/api/lots", {"start": start, "as_of": as_of})
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    from gemel.doors.cli import telling

    shown = telling.table("lot", "state", "first seen", "last seen", "where")
    for row in found["items"]:
        last = "is there" if row["lasts"] else row["last"]
        shown.add_row(row["lot"], f"{row['state']} {row['reason']}".strip(), row["first"], last,
                      ", ".join(row["assets"]))  # fmt: skip
    if found["items"]:
        telling.console().print(shown)
    else:
        typer.echo(f"no lot was seen since {found['start']}; a text signal with `role: lot` tells "
                   "them, or `gemel lots made`")  # fmt: skip


@lots.command()
def show(lot: Lot, since: Since = None, data: DataFolder = Data, as_json: AsJson = False) -> None:
    """All that is known of a lot, and what speaks against its release."""
    found = _running(data).get("/api/lots/about", {"lot": lot, "start": since})
    if as_json:
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    from gemel.doors.cli import telling

    console = telling.console()
    console.print(f"{lot}: {found['state']}", highlight=False)
    for stay in found["was_at"]:
        perhaps = "" if stay["sure"] else ", perhaps"
        console.print(f"  at {stay['asset']} from {stay['start']} to {stay['end'] or 'now'}"
                      f"{perhaps}", highlight=False)  # fmt: skip
    for one in found["measured"]:
        console.print(f"  {one['signal']}: {one['values']} values, {one['outside']} outside",
                      highlight=False)  # fmt: skip
    for hold in found["holds"]:
        ended = f"; {hold['disposition']}: {hold['disposition_reason']}" * bool(hold["ended"])
        console.print(f"  held by {hold['by']}: {hold['reason']}{ended}", highlight=False)
    _ways(console, "went into", found["went_into"])
    _ways(console, "came from", found["came_from"])
    for made in found["statements"]:
        parts = ", ".join(p["lot"] for p in made["of"]) or "nothing else"
        console.print(f"  statement {made['id']} by {made['by']}: {made['made']} of {parts} at "
                      f"{made['asset']}", highlight=False)  # fmt: skip
    for point in found["speaks_against_it"]:
        console.print(f"  against a release: {point}", highlight=False)
    for record in found["records"]:
        console.print(f"  released by {record['by']} {record['time']}: {record['record']}",
                      highlight=False)  # fmt: skip


@lots.command()
def trace(
    lot: Lot,
    backward: Annotated[
        bool, typer.Option("--backward", help="What it was made of, not what was made of it")
    ] = False,
    since: Since = None,
    as_of: AsOf = None,
    data: DataFolder = Data,
    as_json: AsJson = False,
) -> None:
    """What was made of a lot, step by step; or what it was made of."""
    asked = {"lot": lot, "direction": "backward" if backward else "forward", "start": since,
             "as_of": as_of}  # fmt: skip
    found = _running(data).get("/api/lots/trace", asked)
    _tell(found, "came from" if backward else "went into", as_json)


@lots.command()
def suspects(
    asset: Asset = "",
    start: Start = "",
    end: End = "",
    finding: Finding = "",
    as_of: AsOf = None,
    data: DataFolder = Data,
    as_json: AsJson = False,
) -> None:
    """Lots that were at an asset in a window, and all that was made of them since."""
    asked = {"asset": asset, "start": start, "end": end, "finding": finding, "as_of": as_of}
    found = _running(data).get("/api/lots/suspects", asked)
    _tell(found, "suspect", as_json)
    if not as_json:
        for note in found["notes"]:
            typer.echo(f"note: {note}")


@lots.command()
def made(
    lot: Lot,
    of: Annotated[
        list[str] | None, typer.Option("--of", metavar="LOT", help="Went into it. Repeatable")
    ] = None,
    asset: Asset = "",
    start: Start = "now",
    end: End = "",
    note: Annotated[str, typer.Option(help="Anything worth knowing")] = "",
    data: DataFolder = Data,
    as_json: AsJson = False,
) -> None:
    """State that a lot was made of others at an asset; of none: that it was there."""
    one = {"made": lot, "of": [{"lot": x} for x in of or ()], "asset": asset, "start": start,
           "end": end, "note": note}  # fmt: skip
    found = _running(data).post("/api/lots/made", {"statements": [one]})
    held = f"; {lot} is on hold, as what it was made of is" if found["on_hold"] else ""
    _done(found, f"kept as {found['statements'][0]}{held}", as_json)


@lots.command()
def withdraw(
    statement: Annotated[str, typer.Argument(metavar="ID", help="As `gemel lots show` lists it")],
    reason: Reason,
    data: DataFolder = Data,
) -> None:
    """Say that a statement was wrong; it stays in the journal, and holds no longer."""
    _running(data).post("/api/lots/withdraw", {"statement": statement, "reason": reason})
    typer.echo(f"{statement} holds no longer")


@lots.command()
def hold(
    reason: Reason,
    lot: Annotated[
        list[str] | None, typer.Argument(metavar="[LOT...]", help="All of the window if none")
    ] = None,
    asset: Asset = "",
    start: Start = "",
    end: End = "",
    finding: Finding = "",
    data: DataFolder = Data,
    as_json: AsJson = False,
) -> None:
    """Hold lots back: those named, or all that a suspect window reaches."""
    body = {"lots": lot or [], "reason": reason, "asset": asset, "start": start, "end": end,
            "finding": finding}  # fmt: skip
    found = _running(data).post("/api/lots/hold", body)
    _done(found, f"on hold: {', '.join(one['lot'] for one in found)}", as_json)


@lots.command()
def clear(lot: Lots, reason: Reason, data: DataFolder = Data, as_json: AsJson = False) -> None:
    """End the holds of lots."""
    found = _running(data).post("/api/lots/clear", {"lots": lot, "reason": reason})
    _done(found, f"cleared: {', '.join(lot)}", as_json)


@lots.command()
def scrap(lot: Lots, reason: Reason, data: DataFolder = Data, as_json: AsJson = False) -> None:
    """Scrap lots, for good."""
    found = _running(data).post("/api/lots/scrap", {"lots": lot, "reason": reason})
    _done(found, f"scrapped: {', '.join(lot)}", as_json)


@lots.command()
def release(
    lot: Lot,
    person: Annotated[
        str, typer.Option("--as", metavar="NAME", help="Who signs; the password is asked for")
    ],
    meaning: Annotated[
        str, typer.Option(help="What the signature means")
    ] = "released for delivery",
    comment: Annotated[
        str, typer.Option(help="Why it may go, if something speaks against it")
    ] = "",
    data: DataFolder = Data,
    as_json: AsJson = False,
) -> None:
    """Sign that a lot may go: its record is kept for good."""
    running = _running(data)
    secret = typer.prompt(f"Password of {person}", hide_input=True, err=True)
    body = {"lot": lot, "person": person, "password": secret, "meaning": meaning,
            "comment": comment}  # fmt: skip
    found = running.post("/api/lots/release", body)
    _done(found, f"{lot} is released: `gemel lots record {found['record']}`", as_json)


@lots.command()
def record(
    hash: Annotated[str, typer.Argument(metavar="HASH", help="As `gemel lots show` lists it")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write to a file")
    ] = None,
    data: DataFolder = Data,
) -> None:
    """A release record, as it was signed."""
    found = _running(data).get(f"/api/lots/records/{hash}")
    give(f"{json.dumps(found, indent=2, ensure_ascii=False)}\n", output,
         f"; `gemel lots verify {output}` looks whether it is true")  # fmt: skip


@lots.command()
def key(
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="PEM", help="Write to a file")
    ] = None,
    data: DataFolder = Data,
) -> None:
    """The plant's public key, to be given to whoever verifies records."""
    give(_running(data).get("/api/lots/key")["pem"], output)


@lots.command()
def verify(
    file: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Release records")],
    key: Annotated[
        Path | None,
        typer.Option("--key", metavar="PEM", help="The plant's public key, from `gemel lots key`"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look whether release records are as they were signed, and follow each other. Needs no running
    twin, only the files and the key."""
    from gemel.core.errors import ConfigurationError, DataError
    from gemel.twin.decisions.record import check, check_chain, public_key

    try:
        trusted = None if key is None else public_key(key.read_bytes())
        read = [(path, check(path.read_bytes(), trusted)) for path in file]
    except OSError as error:
        raise ConfigurationError(f"{error.filename}: {error.strerror}") from None
    except DataError as error:
        raise DataError(f"{', '.join(map(str, file))}: {error}") from None
    between = check_chain([one for _, one in read]) if len(read) > 1 else []
    good = not between and not any(one.faults for _, one in read)
    if as_json:
        typer.echo(json.dumps({
            "good": good, "trusted": key is not None, "between": between,
            "records": [{"file": str(path), "hash": one.hash, "lot": one.record["lot"],
                         "signed": one.record["signed"], "key": one.key,
                         "faults": list(one.faults)} for path, one in read],
        }, indent=2))  # fmt: skip
    else:
        for path, one in read:
            signed = one.record["signed"]
            typer.echo(f"{path}: lot {one.record['lot']}, version {one.record['version']}, "
                       f"{signed['meaning']} by {signed['by']} at {signed['time']}: "
                       f"{'; '.join(one.faults) or 'as it was signed'}")  # fmt: skip
        for fault in between:
            typer.echo(fault)
        if key is None:
            typer.echo(f"checked against the key in the record ({read[0][1].key}) only: give --key "
                       "to know that it is the plant's")  # fmt: skip
    if not good:
        raise typer.Exit(1)


def _running(data: Path) -> Any:
    from gemel.doors.cli import asking  # it brings tables of history

    return asking.running(data)


def _tell(found: Any, word: str, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    from gemel.doors.cli import telling

    console = telling.console()
    if not found["items"]:
        console.print("no lot")
    _ways(console, word, found["items"])


def _ways(console: Any, word: str, items: list[Any]) -> None:
    for one in items:
        perhaps = "" if one["sure"] else "perhaps "
        console.print(f"  {perhaps}{word} {one['lot']} ({one['state']})", highlight=False)
        for step in one["way"]:
            of = f" {step['of']}" if step["of"] else ""
            console.print(f"    {step['lot']} {step['how']}{of} at {step['asset']}, "
                          f"{step['start']} to {step['end']}", highlight=False)  # fmt: skip


def _done(found: Any, sentence: str, as_json: bool) -> None:
    typer.echo(json.dumps(found, indent=2) if as_json else sentence)
