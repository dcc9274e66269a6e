"""`gemel bottleneck`: what limits a line, from its description or from a log of its parts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import typer

from gemel.core.line import Line
from gemel.doors.cli import telling
from gemel.doors.cli.telling import plain
from gemel.parts.simulators.base import Trial
from gemel.parts.simulators.flow_line import timeline, untold
from gemel.runtime.lines import read_line
from gemel.runtime.logs_of_parts import PartLog, read_part_log
from gemel.twin.planning.bottleneck import bottleneck, from_log
from gemel.twin.planning.choice import simulator_for
from gemel.twin.planning.side_by_side import SideBySide, Watched, from_states, side_by_side

__all__ = ["tell"]

_LOGS: Final = (".csv", ".tsv", ".txt", ".parquet", ".gz")


def tell(
    file: Path, parts: int, replications: int, windows: int, seed: int, *, as_json: bool
) -> None:
    """See `gemel bottleneck --help`."""
    if file.suffix.lower() in _LOGS:
        log = read_part_log(file)
        found, notes = _of_log(log, windows, seed), _notes(log)
    else:
        found, notes = _of_line(read_line(file), parts, replications, windows, seed)
    if as_json:
        typer.echo(json.dumps(plain({**found.record(), "notes": notes}), indent=2))
        return
    _show(found, notes)


def _of_log(log: PartLog, windows: int, seed: int) -> SideBySide:
    watched = log.watched
    work = watched.done - watched.begin
    replay = from_log(watched.stations, work, 0 * work, log.places, seed=seed)
    return side_by_side(watched, replay, windows, seed)


def _notes(log: PartLog) -> list[str]:
    n = log.watched.begin.shape[1]
    places = ", ".join(
        f"{name} {p}" for name, p in zip(log.watched.stations[1:], log.places[1:], strict=True)
    )
    notes = [
        f"{n:,} parts replayed; the first station is taken to have had parts always, repairs to "
        "shrink with the work that they stand in",
        f"places in front of stations, as the most that were seen to wait: {places}",
    ]
    if log.left_out:
        notes.append(f"parts left out, which did not pass all stations in order: {log.left_out:,}")
    return notes


def _of_line(
    line: Line, parts: int, replications: int, windows: int, seed: int
) -> tuple[SideBySide, list[str]]:
    name, simulator = simulator_for(line)
    trial = Trial(parts, replications=replications, seed=seed, keep=())
    replay = bottleneck(line, simulator, trial)
    played = f"{parts:,} parts, {replications} replications, seed {seed}, simulator {name}"
    reasons = untold(line)
    if not reasons:
        told = timeline(line, parts, seed)
        watched = Watched(told.stations, told.begin, told.done, told.left)
        return side_by_side(watched, replay, windows, seed), [f"{played}; others than the replay "
                                                              "from the first of them"]  # fmt: skip
    run = simulator.run(line, Trial(parts, replications=replications, seed=seed))
    if run.states is None:
        raise AssertionError("states are kept")
    notes = [played, f"no active period: {'; '.join(reasons)}"]
    return from_states(line.names, run.states[0], replay, seed), notes


def _show(found: SideBySide, notes: list[str]) -> None:
    console = telling.console()
    titles = {"utilisation": "active %", "active period": "longest active %",
              "turning point": "turns %"}  # fmt: skip
    shown = [m for m in found.methods if m.name != "turning point"]
    table = telling.table(
        "station", "5 % faster gives", "sure %",
        *(word for m in shown for word in (titles[m.name], "sure %")), "turning point, sure %",
    )  # fmt: skip
    turn = next(m for m in found.methods if m.name == "turning point")
    for i, name in enumerate(found.stations):
        cells = [f"{100 * found.replay.gain[i]:+.2f} %", _percent(found.replay.sure[i])]
        for method in shown:
            cells += [f"{100 * method.score[i]:.1f}", _percent(method.sure[i])]
        table.add_row(name, *cells, _percent(turn.sure[i]))
    console.print(table)
    console.print()
    if found.windows:
        over = telling.table("from", *found.stations, "most")
        for begin, _, share in found.windows:
            best = found.stations[int(share.argmax())]
            over.add_row(f"{begin / 3_600:.2f} h", *(f"{100 * v:.0f} %" for v in share), best)
        console.print("Share of the time as the bottleneck of the moment:")
        console.print(over)
        console.print()
    telling.say(console, found.sentence, notes)


def _percent(share: float) -> str:
    return "" if share != share else f"{100 * share:.0f}"
