"""`gemel plans`: schedules of a running twin, from the command line."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from gemel.core.time import duration_text, zone
from gemel.doors.cli.asking import running
from gemel.doors.cli.options import AsJson, DataFolder

__all__ = ["plans"]

plans = typer.Typer(help="Schedules of a running twin.", no_args_is_help=True)

_COMMANDS = "Start, RevokeStart, Stop, Abort, Pause, Resume, Cancel or Clear"
Name = Annotated[str, typer.Argument(metavar="SCHEDULE", help="Its name in the plant file")]


@plans.command("list")
def list_plans(data: DataFolder = Path("gemel-data"), as_json: AsJson = False) -> None:
    """Every schedule: which plan holds, whether another is proposed, what is down."""
    found = running(data).get("/api/schedules")
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    from gemel.doors.cli import telling

    table = telling.table("schedule", "holds", "proposed", "down", "looked for")
    for one in found:
        table.add_row(
            one["name"], _number(one["held"]), _number(one["proposed"]), ", ".join(one["down"]),
            one["searching"],
        )  # fmt: skip
    telling.console().print(table if found else "the plant file names no schedule")


@plans.command()
def show(
    name: Name,
    proposed: Annotated[
        bool, typer.Option("--proposed", help="What is proposed, not what holds")
    ] = False,
    data: DataFolder = Path("gemel-data"),
    as_json: AsJson = False,
) -> None:
    """What is made where and when, and whether it will be in time."""
    found = running(data).get(_path(name))
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    plan = found["proposed" if proposed else "held"]
    if plan is None:
        typer.echo("nothing is proposed" if proposed else "no plan holds; gemel plans make")
        raise typer.Exit(1)
    _tell(data, plan, {} if proposed else found["jobs"])


@plans.command()
def job(
    name: Name,
    job_order: Annotated[str, typer.Argument(metavar="JOB", help="Id of the job order")],
    command: Annotated[str, typer.Argument(metavar="COMMAND", help=_COMMANDS)],
    reason: Annotated[str, typer.Option(help="Why; stands in the journal")] = "",
    data: DataFolder = Path("gemel-data"),
) -> None:
    """Tell a machine something about one job order, e.g. to pause it."""
    body = {"job": job_order, "command": command, "reason": reason}
    told = running(data).post(f"{_path(name)}/job-orders/command", body)
    typer.echo(f"{job_order} is {told['state'] or 'gone'} at the machine")


@plans.command("send-again")
def send_again(name: Name, data: DataFolder = Path("gemel-data")) -> None:
    """Send the job orders that were refused once more, after what stood in the way is mended."""
    count = running(data).post(f"{_path(name)}/job-orders/send-again", {})["again"]
    typer.echo(f"{count} go out again" if count else "none was refused")


@plans.command()
def make(
    name: Name,
    seconds: Annotated[
        float | None, typer.Option("--for", min=0.1, max=600, help="Look for so many seconds")
    ] = None,
    count_on: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LINE=CHANGES", help="Lines as they would be: 'line2=filler.time*0.95'"
        ),
    ] = None,
    data: DataFolder = Path("gemel-data"),
) -> None:
    """Look for a plan of the open orders from now on; it is proposed."""
    assumed = None
    if count_on is not None:
        pairs = [text.partition("=") for text in count_on]
        if any(not sign for _, sign, _ in pairs):
            raise typer.BadParameter("--count-on takes LINE=CHANGES, e.g. line2=filler.time*0.95")
        assumed = {line: changes for line, _, changes in pairs}
    body = {"seconds": seconds, "assumed": assumed}
    _tell(data, running(data).post(f"{_path(name)}/plan", body)["proposed"])


@plans.command()
def down(
    name: Name,
    machine: Annotated[str, typer.Argument(metavar="MACHINE", help="Of the schedule")],
    takes: Annotated[
        str, typer.Argument(metavar="TIME", help="How long the repair takes; '0 s': it runs")
    ],
    data: DataFolder = Path("gemel-data"),
) -> None:
    """Say that a machine is down; a plan around it is proposed."""
    body = {"machine": machine, "takes": takes}
    found = running(data).post(f"{_path(name)}/down", body)
    if found["proposed"] is not None:
        _tell(data, found["proposed"])
    else:
        typer.echo("noted")


@plans.command()
def release(
    name: Name,
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="Of the proposed plan")],
    data: DataFolder = Path("gemel-data"),
) -> None:
    """The proposed plan holds from now on; its job orders go out."""
    running(data).post(f"{_path(name)}/release", {"number": number})
    typer.echo(f"plan {number} holds; its job orders are in {data / 'job-orders'}")


def _path(name: str) -> str:
    return f"/api/schedules/{quote(name, safe='')}"


def _number(value: int | None) -> str:
    return "" if value is None else str(value)


def _sent(job: Any) -> str:
    """How a job order was sent by each way, and why not."""
    words = []
    for one in job["sent"] if job is not None else ():
        reason = f" ({one['reason']})" if one["reason"] else ""
        words.append(f"{one['way']}: {one['word']}{reason}")
    return "; ".join(words)


def _tell(data: Path, plan: Any, jobs: Any = None) -> None:
    from gemel.doors.cli import telling

    local = zone(running(data).get("/api/plant")["time_zone"])

    def minute(moment: str | None) -> str:
        return "" if not moment else f"{datetime.fromisoformat(moment).astimezone(local):%a %H:%M}"

    console = telling.console()
    late = {one["order"]: one for one in plan["late"]}
    telling.say(
        console,
        f"plan {plan['number']}: {plan['why']}; {len(late) or 'none'} late, {plan['moved']} moved",
        [f"{one['order']} is {duration_text(one['late_ns'])} late: {one['why']}"
         for one in plan["late"]],
    )  # fmt: skip
    more = ("job order",) if jobs else ()
    table = telling.table("machine", "begins", "done", "order", "product", "due", "sure", *more)
    for row in plan["rows"]:
        chance = plan["on_time"].get(row["order"])
        table.add_row(
            row["machine"], minute(row["start"]), minute(row["end"]), row["order"],
            row["product"], minute(plan["due"].get(row["order"])),
            "" if chance is None else f"{100 * chance:.0f} %",
            *((_sent(jobs.get(row["operation"])),) if jobs else ()),
        )  # fmt: skip
    console.print(table)
    left = {one["operation"] for one in plan["rows"]}
    others = {name: told for name, told in (jobs or {}).items() if name not in left}
    told = [f"{name}: {_sent(one)}" for name, one in others.items() if one["sent"]]
    if told:
        telling.say(console, "job orders of plans before", told)
