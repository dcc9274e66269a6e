"""`gemel models` and `gemel labels`: what a running twin has learned, and what people say of it."""

from __future__ import annotations

import json
from itertools import chain, islice
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from gemel.client import Client
from gemel.core.errors import ConfigurationError, did_you_mean
from gemel.core.time import isoformat
from gemel.doors.cli.options import AsJson, DataFolder

__all__ = ["labels", "models"]

models = typer.Typer(help="What a running twin has learned.", no_args_is_help=True)
labels = typer.Typer(help="What people say of findings.", no_args_is_help=True)

TaskOf = Annotated[str, typer.Argument(metavar="TASK", help="Its name in the plant file")]
Reason = Annotated[str, typer.Option("--reason", help="Stands in the journal")]


@models.command("list")
def list_models(data: DataFolder = Path("gemel-data"), as_json: AsJson = False) -> None:
    """Every task: what it tells, its champion, what is in shadow, what is proposed; and every
    detector with its score, and what its findings cost beside those of a model in shadow."""
    found = _ask(data, "/api/models")
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    from gemel.doors.cli import telling

    console = telling.console()
    shown = telling.table("task", "state", "tells", "champion", "in shadow", "errors")
    for task in found["tasks"]:
        shown.add_row(
            task["name"], f"{task['state']} {task['reason']}".strip(), _told(task),
            _model(task["champion"]), _model(task["candidate"]), task["drift"]["state"],
        )  # fmt: skip
    if found["tasks"]:
        console.print(shown)
    else:
        console.print("the plant file has no tasks")
    if found["detectors"]:
        watching = telling.table("detector", "state", "score, limit", "champion", "in shadow")
        for one in found["detectors"]:
            _, *last = one["last"] or [None]
            watching.add_row(
                one["name"], f"{one['state']} {one['reason']} {one.get('renewing', '')}".strip(),
                ", ".join(f"{value:.4g}" for value in last), one["model"],
                _model(one.get("candidate")),
            )  # fmt: skip
        console.print(watching)
        for one in found["detectors"]:
            for beside in ("shadow", "watched"):
                if compared := one.get(beside):
                    console.print(f"{one['name']}: {compared['sentence']}", highlight=False)
    for item in found["proposals"]:
        if item["waiting"]:
            request = item["request"]
            console.print(
                f"proposed {item['id']}: model {request['model']} for {request['task']}; "
                f"{request['reason']}",
                highlight=False,
            )


@models.command()
def show(task: TaskOf, data: DataFolder = Path("gemel-data"), as_json: AsJson = False) -> None:
    """One task or detector: its champion, what stands beside it, how they compare, and which
    findings wait for an answer."""
    found = _ask(data, "/api/models")
    one = _known(task, found)
    if as_json:
        typer.echo(json.dumps(one, indent=2))
        return
    from gemel.doors.cli import telling

    shown = telling.table("", "")
    champion = one["model"] if "model" in one else _model(one["champion"])
    shown.add_row("state", f"{one['state']} {one['reason']} {one.get('renewing', '')}".strip())
    shown.add_row("champion", champion)
    roles = {"candidate": ("shadow", "in shadow"), "former": ("watched", "before")}
    for role, (beside, name) in roles.items():
        if one.get(role):
            shown.add_row(name, _model(one[role]))
            shown.add_row("", (one[beside] or {}).get("sentence", "no period yet"))
    shown.add_row("drift", (one.get("drift") or {}).get("state", "not watched"))
    console = telling.console()
    console.print(shown)
    for beside in ("shadow", "watched"):
        for item in (one.get(beside) or {}).get("open") or ():
            whose = "the champion" if item["champion"] else "the model in shadow"
            when = isoformat(item["time"])
            console.print(f"not answered: {item['id']} of {when} by {whose}", highlight=False)


@models.command()
def history(task: TaskOf, data: DataFolder = Path("gemel-data"), as_json: AsJson = False) -> None:
    """Which model was champion when, by whom, and why."""
    found = _ask(data, "/api/models")
    _known(task, found)
    steps = [s for s in found["steps"] if s.get("task") == task]
    if as_json:
        typer.echo(json.dumps(steps, indent=2))
        return
    from gemel.doors.cli import telling

    shown = telling.table("time", "step", "model", "why", "by")
    for step in reversed(steps):
        shown.add_row(step["time"], step["step"], step["model"], step["reason"], step["actor"])
    telling.console().print(shown)


@models.command()
def lineage(
    task: Annotated[
        str | None, typer.Argument(metavar="[TASK]", help="Its name in the plant file; all if none")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--out", metavar="NDJSON", help="Write to a file")
    ] = None,
    start: Annotated[str | None, typer.Option(help="From when on, e.g. -7d")] = None,
    namespace: Annotated[
        str | None, typer.Option(metavar="URI", help="Of jobs and datasets; the plant's names")
    ] = None,
    data: DataFolder = Path("gemel-data"),
) -> None:
    """From which data each model comes, who made it champion and what it tells: as events of
    OpenLineage, one in a line."""
    asked = {"task": task, "start": start, "namespace": namespace}
    lines = _running(data).lines("/api/models/lineage", asked)
    if output is None:
        for line in lines:
            typer.echo(line)
        return
    count = 0
    first = list(islice(lines, 1))  # an answer that is an error leaves the file as it was
    with output.open("w", encoding="utf-8") as file:
        for line in chain(first, lines):
            file.write(f"{line}\n")
            count += 1
    typer.echo(f"{output}: {count} events written")


@models.command()
def fit(
    task: TaskOf,
    because: Annotated[
        str,
        typer.Option(
            help="What has changed, where a detector's scores have crept up and it is no fault"
        ),
    ] = "",
    data: DataFolder = Path("gemel-data"),
) -> None:
    """Fit a task or a detector again now; what comes of it goes into shadow."""
    _tell(data, f"/api/models/{task}/fit", {"because": because})
    typer.echo(f"{task} is being fitted; `gemel models list` says how far it is")


@models.command()
def stop(task: TaskOf, data: DataFolder = Path("gemel-data")) -> None:
    """Give up the fit that runs."""
    _tell(data, f"/api/models/{task}/stop", {})
    typer.echo(f"the fit of {task} stops at its next step")


@models.command()
def champion(
    task: TaskOf,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="16 digits of its hash")],
    reason: Reason,
    data: DataFolder = Path("gemel-data"),
) -> None:
    """Make a model champion without a comparison; the one before is asked beside it, and takes its
    place again if it is better."""
    _tell(data, f"/api/models/{task}/champion", {"model": model, "reason": reason})
    typer.echo(f"{model} is champion of {task}")


@models.command()
def approve(
    proposal: Annotated[str, typer.Argument(metavar="ID", help="As `gemel models list` shows it")],
    data: DataFolder = Path("gemel-data"),
) -> None:
    """Let a proposed model be champion."""
    found = _tell(data, f"/api/promotions/{proposal}/approve", {"note": ""})
    typer.echo(f"{found['request']['model']} is champion of {found['request']['task']}")


@models.command()
def decline(
    proposal: Annotated[str, typer.Argument(metavar="ID", help="As `gemel models list` shows it")],
    reason: Reason,
    data: DataFolder = Path("gemel-data"),
) -> None:
    """Let the champion stay."""
    found = _tell(data, f"/api/promotions/{proposal}/decline", {"reason": reason})
    typer.echo(f"{found['request']['task']} keeps {found['request']['former']}")


@labels.command("list")
def list_labels(data: DataFolder = Path("gemel-data"), as_json: AsJson = False) -> None:
    """What was said of findings, and how often detectors were wrong."""
    found = _ask(data, "/api/labels")
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    from gemel.doors.cli import telling

    console = telling.console()
    shown = telling.table("detector", "findings", "right", "known", "wrong", "open", "days")
    for row in found["observed"]:
        counts = [str(row[name]) for name in ("findings", "right", "known", "wrong", "open")]
        shown.add_row(row["detector"], *counts, f"{row['days']:.2f}")
    console.print(shown)
    said = telling.table("finding", "asset", "detector", "answer", "cause", "by")
    for item in found["items"]:
        said.add_row(
            item["finding"], item["asset"], item["detector"], item["answer"], item["cause"],
            item["actor"],
        )  # fmt: skip
    if found["items"]:
        console.print(said)


@labels.command()
def findings(
    start: Annotated[str, typer.Option(help="From when on, e.g. -7d")] = "-7d",
    data: DataFolder = Path("gemel-data"),
    as_json: AsJson = False,
) -> None:
    """What detectors noticed, and what it is: how far signals moved, what is behind it, and when it
    looked like this before."""
    found = _running(data).get("/api/findings", {"start": start})
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    from gemel.doors.cli import telling

    console = telling.console()
    for item in found:
        until = "lasts" if item["lasts"] else f"until {item['end']}"
        title = item["payload"]["title"]
        console.print(f"{item['id']} {item['subject']} {item['time']} {until}: {title}",
                      highlight=False)  # fmt: skip
        if item["diagnosis"] is not None:
            for line in _diagnosed(item["diagnosis"]):
                console.print(f"  {line}", highlight=False)
    if not found:
        console.print(f"nothing was noticed since {start}")


def _diagnosed(told: Any) -> list[str]:
    lines = [
        f"{d['signal']}: {d['usual']:.4g} → {d['now']:.4g} {d['unit']} ({d['sigmas']:+.1f} σ)"
        for d in told["deviations"]
    ]
    if told["new"]:
        lines.append("like none of the findings before: new")
    lines += [
        f"{c['name']}: {c['probability']:.0%} ({c['low']:.0%} to {c['high']:.0%}), as was said of "
        "findings like it"
        for c in told["known"]
    ]
    if told["itself"]:
        lines.append("arises here: what happens upstream does not explain it")
    lines += [
        f"upstream {c['name']}: {c['probability']:.0%}; {c['said']}" for c in told["upstream"]
    ]
    lines += [
        f"{a['alike']:.0%} like {a['finding']} of {a['time']}: {a['cause'] or a['answer'] or '?'}"
        for a in told["alike"]
    ]
    return lines + [f"note: {note}" for note in told["notes"]]


@labels.command()
def answer(
    finding: Annotated[str, typer.Argument(metavar="FINDING", help="Id of the finding")],
    said: Annotated[
        Literal["right", "wrong", "known"],
        typer.Argument(metavar="ANSWER", help="right, wrong, or known: so, and no fault"),
    ],
    cause: Annotated[str, typer.Option(help="What it was, in the words of the plant")] = "",
    data: DataFolder = Path("gemel-data"),
) -> None:
    """Say whether a finding was right."""
    found = _tell(data, f"/api/findings/{finding}/answer", {"answer": said, "cause": cause})
    typer.echo(f"kept as version {found['version']}: {found['answer']}")


def _running(data: Path) -> Client:
    from gemel.doors.cli import asking  # it brings tables of history

    return asking.running(data)


def _ask(data: Path, path: str) -> Any:
    return _running(data).get(path)


def _tell(data: Path, path: str, body: Any) -> Any:
    return _running(data).post(path, body)


def _known(task: str, found: Any) -> Any:
    known = {one["name"]: one for one in (*found["detectors"], *found["tasks"])}
    if task not in known:
        raise ConfigurationError(f"no task or detector '{task}'; {did_you_mean(task, known)}")
    return known[task]


def _told(task: Any) -> str:
    last = task["last"]
    if last is None:
        return ""
    if "chances" in last:
        return "\n".join(
            f"{one['chance']:.1%} within {one['horizon']:g} {one['unit']}"
            + (" (warned)" if one["warns"] else "")
            for one in last["chances"]
        )
    if "novelty" in last:
        why = last["why"] or {}
        if not why.get("cause"):
            return ""
        far = f"{why['novelty']:.2g} times as far from what is known as it may be"
        return f"{why['cause']}, {far if why['new'] else format(why['probability'], '.0%')}"
    return f"{last['value']:.4g} {task['unit']} [{last['low']:.4g}, {last['high']:.4g}]"


def _model(about: Any) -> str:
    return "" if about is None else str(about["model"])
