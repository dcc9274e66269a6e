"""One experiment of a line: how far it is, what it says, and what can be done with it."""

from __future__ import annotations

from urllib.parse import quote

from nicegui import ui

from gemel.client.asynchronous import Plain
from gemel.core.errors import ConfigurationError
from gemel.doors.web.design_told import design_told
from gemel.doors.web.experiment_pictures import (
    effects_picture,
    short,
    standing_picture,
    title_of,
)
from gemel.doors.web.markup import (
    Child,
    Html,
    ago,
    button,
    figure,
    form,
    h,
    join,
    label,
    many,
    panel,
    table,
)
from gemel.doors.web.viewer import Part, Viewer

__all__ = ["STATES", "asked_by", "build_one", "progress_of"]

STATES = {
    "waiting": "waits for those before it", "running": "is played", "done": "is over",
    "stopped": "was stopped", "out of time": "its time is up", "failed": "did not work",
}  # fmt: skip
_MOVES = ("waiting", "running")
_SHOWN = 12
_WHOLE = {"sweep": "runs", "design": "lines"}
"""What is counted where all is known beforehand."""
_ALL = {"best": "All replications", "design": "All lines"}
_NAMES = {"best": "Choose the best", "sweep": "A sweep", "design": "A new line"}


async def build_one(viewer: Viewer, line: Plain, number: int) -> Html:
    """The page of one."""
    name = line["name"]
    found = await viewer.client.experiment(name, number)
    shown = Part("experiment", _answer(viewer, line, found))
    acts = Part("acts", _acts(viewer, found))
    state = found["state"]

    async def look() -> None:
        nonlocal state
        found = await viewer.client.experiment(name, number)
        shown.show(_answer(viewer, line, found))
        if found["state"] != state:
            state = found["state"]
            acts.show(_acts(viewer, found))

    async def often() -> None:
        if state in _MOVES:
            await look()

    async def stop(_: Plain) -> str:
        await viewer.client.stop_experiment(name, number)
        return "Stopped; what is finished is kept"

    async def go_on(told: Plain) -> str:
        minutes, most = (str(told.get(key, "")).strip() for key in ("minutes", "most"))
        if most and not most.isdigit():
            raise ConfigurationError(f"Replications, at most: '{most}' is no whole number")
        await viewer.client.continue_experiment(
            name, number, f"{minutes} min" if minutes else None, int(most) if most else None
        )
        return "It goes on"

    async def delete(_: Plain) -> str:
        await viewer.client.delete_experiment(name, number)
        ui.navigate.to(f"/what-if?line={quote(name)}&view=kept")
        return "Deleted"

    for action, handler in (("stop", stop), ("continue", go_on), ("delete", delete)):
        viewer.on(action, handler)
    viewer.refresh(look)
    viewer.watch(often)
    return join(shown.html, acts.html)


def asked_by(viewer: Viewer, one: Plain) -> str:
    """When, by whom, from which state."""
    begun = (
        f"from the line as it was, with {many(one['parts_at_start'], 'part')} in it"
        if one["parts_at_start"] is not None else "from an empty line"
    )  # fmt: skip
    return f"{viewer.clock(one['made'])} · {one['by']} · {begun}"


def progress_of(found: Plain) -> Html | None:
    """How far it is, in words and as a bar; None where it does not move."""
    if found["state"] == "waiting":
        return h("p", "Waits until those before it are over.", cls="faint")
    if found["state"] != "running":
        return None
    done, result = found["progress"], found.get("result") or {}
    told = []
    if done is None:
        told.append("starting")
    elif found["kind"] in _WHOLE:
        told.append(f"{figure(done['done'])} of {figure(done['of'])} {_WHOLE[found['kind']]}")
    else:
        rows = result.get("scenarios")
        if rows:
            still = sum(row["possible"] for row in rows)
            most = max(row["replications"] for row in rows)
            told += [f"{figure(most)} replications", f"{still} of {len(rows)} still in"]
        told.append(f"this round {figure(done['done'])} of {figure(done['of'])} runs")
    spent = ago(int(found["played_s"]))
    told.append(spent if found["within_s"] is None else f"{spent} of {ago(found['within_s'])}")
    share = 0.0 if done is None else 100 * done["done"] / max(1, done["of"])
    return join(
        h("p", " · ".join(told), cls="what"),
        h("div", h("i", style=f"width:{share:.1f}%"), cls="gauge progress"),
    )


def _answer(viewer: Viewer, line: Plain, found: Plain) -> Html:
    result = found["result"]
    parts: list[Child] = []
    if found["sentence"]:
        said = found["sentence"]
        parts.append(h("p", f"{said[:1].upper()}{said[1:]}.", cls="what"))
    parts.append(progress_of(found))
    if found["trouble"]:
        parts.append(h("p", f"It did not work: {found['trouble']}.", cls="what"))
    if result is None:
        if found["state"] not in _MOVES:
            parts.append(h("p", "Nothing was finished.", cls="empty"))
    elif found["kind"] == "sweep":
        parts += _sweep(result)
    elif found["kind"] == "design":
        parts += design_told(result)
    else:
        parts += _best(result)
        parts += [h("p", f"{said}.", cls="faint") for said in result.get("remarks", ())]
    parts += [h("p", f"Not known: {remark}.", cls="faint") for remark in found["remarks"]]
    name = found["title"] or _NAMES[found["kind"]]
    again = ", went on after a restart" if found["restarted"] else ""
    return panel(
        f"{found['number']} · {name}", *parts,
        h("p", f"{asked_by(viewer, found)} · {STATES[found['state']]}{again}", cls="faint"),
        aside=line["title"],
    )  # fmt: skip


def _best(result: Plain) -> list[Child]:
    aim = result["objective"]
    shown = list(dict.fromkeys([aim, "good_parts_per_hour", "lead_time_s"]))
    rows = []
    for i, row in enumerate(result["scenarios"]):
        gain = row["gain"]
        name: Child = row["title"]
        if row["scenario"] == result["best"]:
            name = h("b", name)
        rows.append((
            name, *(short(row[m]["value"]) for m in shown),
            "" if not i else _signed(gain["value"]),
            "" if not i or gain["low"] is None else _between(gain),
            figure(row["replications"]), _verdict(row, result),
        ))  # fmt: skip
    heads = ("Alternative", *(title_of(m) for m in shown), "Gain", "95 % interval", "Played", "")
    length = (
        f"{figure(result['horizon_s'] / 3600)} h" if result["horizon_s"]
        else f"{figure(result['parts'])} parts"
    )  # fmt: skip
    return [
        table(heads, rows, numeric=range(1, len(heads) - 1)),
        standing_picture(result),
        h("p", f"{length} in each replication, on the same luck, seed {result['seed']}, simulator "
          f"{result['simulator']} · less than {short(result['difference'])} does not matter",
          cls="faint"),
    ]  # fmt: skip


def _between(told: Plain) -> str:
    return f"{short(told['low'])} to {short(told['high'])}"


def _verdict(row: Plain, result: Plain) -> str:
    if row["breaks_a_limit"]:
        return "breaks a limit"
    if row["scenario"] == result["best"]:
        return "best" if result["certain"] else "best so far"
    return "still in" if row["possible"] else "out"


def _signed(value: float | None) -> str:
    text = short(value)
    return text if text.startswith(("−", "—")) else f"+{text}"


def _sweep(result: Plain) -> list[Child]:
    effects, aim = result.get("effects"), result["objective"]
    if not effects:
        return []
    rows = [
        (e["term"], _signed(e["value"]),
         "not known" if e["low"] is None else _between(e),
         "" if e["known"] or e["low"] is None else "may be nothing")
        for e in effects[:_SHOWN]
    ]  # fmt: skip
    paths = list(result["protocol"]["factors"])
    best = [
        (figure(point["point"]), *(
            short(point[p]) if isinstance(point[p], int | float) else str(point[p]) for p in paths
        ), short(point[aim]["value"]))
        for point in result["best"]
    ]  # fmt: skip
    surface = result["surface"]
    fit = (
        f"A surface of second order is off by {short(surface['error'])} on points that it has not "
        f"seen, {100 * surface['explained']:.0f} % explained. "
        if surface["error"] is not None else ""
    )  # fmt: skip
    return [
        h("h3", f"What they do to: {title_of(aim)}"),
        effects_picture(effects, aim),
        table(("Effect, from least to greatest", title_of(aim), "95 % interval", ""), rows, (1, 2)),
        h("h3", "Best points"),
        table(("Point", *paths, title_of(aim)), best, range(len(paths) + 2)),
        h("p", f"{fit}{figure(result['protocol']['points'])} combinations, "
          f"{many(result['replications'], 'replication')} of each finished, on the same luck.",
          cls="faint"),
    ]  # fmt: skip


def _acts(viewer: Viewer, found: Plain) -> Html:
    path = f"/api/lines/{quote(found['line'], safe='')}/experiments/{found['number']}/file"
    links: list[Child] = [h("a", "File for gemel whatif", href=f"{path}/what-if", download=True)]
    if found["kind"] != "sweep" and found["result"] is not None:
        links.append(h("a", _ALL[found["kind"]], href=f"{path}/results", download=True))
    acts: list[Child] = []
    if viewer.may("operator"):
        if found["state"] in _MOVES:
            acts.append(h("div", button("Stop", "stop", first=True), button("Delete", "delete"),
                          cls="buttons"))  # fmt: skip
            return panel("What now?", h("p", links, cls="links"), acts)
        if found["spent"]:
            acts.append(_play_on(found))
        elif found["state"] != "done":
            fields = label("Go on for, min", "minutes", placeholder="as before", type="number",
                           min=0.1, step="any")  # fmt: skip
            acts.append(form("continue", h("div", fields, cls="limits"), submit="Go on", stay=True))
        acts.append(h("div", button("Delete", "delete"), cls="buttons"))
    return panel("What now?", h("p", links, cls="links"), acts)


def _play_on(found: Plain) -> Html:
    """The way on for one whose replications are spent."""
    played = max(row["replications"] for row in found["result"]["scenarios"])
    told = (
        f"Its {figure(played)} replications are spent. With more of them it goes on as if it had "
        "been allowed them from the beginning; what is finished stays."
    )
    fields = [
        label("Replications, at most", "most", 2 * played, type="number", min=played + 1,
              max=1_000_000, required=True),
        label("Play on for, min", "minutes", placeholder="as before", type="number", min=0.1,
              step="any"),
    ]  # fmt: skip
    return join(
        h("p", told, cls="faint"),
        form("continue", h("div", fields, cls="limits"), submit="Play on", stay=True),
    )
