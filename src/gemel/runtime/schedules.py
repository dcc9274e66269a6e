"""Problems and plans in files: descriptions in YAML, the usual formats, plans as CSV."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from pydantic import ValidationError

from gemel.core.errors import ConfigurationError, DataError, did_you_mean
from gemel.core.settings import problems
from gemel.core.time import DAY, HOUR, MINUTE, SECOND, duration_text, isoformat, parse_time, zone
from gemel.parts.solvers.scheduling import (
    Description,
    finish,
    plan,
    problem_of,
    read,
    recognise,
)
from gemel.parts.solvers.scheduling.base import LARGEST, Problem, Schedule
from gemel.runtime.yaml12 import parse

__all__ = [
    "Given", "Times", "read_description", "read_plan", "read_problem", "rows_of", "write_plan",
]  # fmt: skip

_COLUMNS: Final = ("operation", "job", "machine", "start", "end", "left")
_LARGEST: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Times:
    """Ticks as people read them: local times where the problem says when it begins."""

    tick: int
    origin: int | None
    zone: str = "UTC"

    def text(self, tick: int) -> str:
        """Of a moment."""
        if self.origin is None:
            return str(tick)
        return isoformat(self.origin + tick * self.tick, zone(self.zone))

    def short(self, tick: int) -> str:
        """Of a moment, for a table: local, without what all of them have in common."""
        return self.text(tick)[:16].replace("T", " ")

    def span(self, ticks: float) -> str:
        """How long something takes: '1 d 3 h 24 min', or so many ticks."""
        whole = round(ticks)
        if self.origin is None or whole == 0:
            return f"{whole:,}"
        rest, told = whole * self.tick, []
        for name, length in (("d", DAY), ("h", HOUR), ("min", MINUTE), ("s", SECOND)):
            count, rest = divmod(rest, length)
            if count:
                told.append(f"{count} {name}")
        return " ".join(told) or duration_text(whole * self.tick)

    def tick_of(self, text: str) -> int:
        """A moment in ticks. Raises `ConfigurationError`."""
        stripped = text.strip()
        if stripped.lstrip("-").isdigit():
            return int(stripped)
        if self.origin is None:
            raise ConfigurationError(
                f"'{text}' is not a whole number; this problem has times without a date"
            )
        time = parse_time(stripped.replace(" ", "T"), zone(self.zone))
        return int((time - self.origin) // self.tick)


class Given(NamedTuple):
    """A problem from a file, the name of its format, how its times are read, and which parts of
    the objective come before the weighted sum."""

    problem: Problem
    format: str
    times: Times
    first: tuple[str, ...] = ()


def read_problem(path: Path, format: str | None = None) -> Given:
    """What a file describes.

    Raises `ConfigurationError` where the file or what it describes is wrong, with the line.
    """
    text = _text(path)
    if format == "gemel" or (format is None and path.suffix in (".yaml", ".yml")):
        described = _description(text, path)
        try:
            made = problem_of(described)
        except ConfigurationError as error:
            raise error.at(path.name) from None
        times = Times(made.tick, made.origin, described.time_zone)
        return Given(made, "gemel", times, described.objective.first)
    try:
        name = format or recognise(text)
        made = read(text, name)
    except (DataError, ConfigurationError) as error:
        raise ConfigurationError(str(error), path.name) from None
    return Given(made, name, Times(made.tick, made.origin))


def _text(path: Path) -> str:
    if not path.is_file():
        near = sorted(p.name for p in path.parent.glob("*") if p.is_file())[:5]
        there = f"; in that folder: {', '.join(near)}" if near else ""
        raise ConfigurationError(f"no such file{there}", str(path))
    if path.stat().st_size > _LARGEST:
        raise ConfigurationError(f"is larger than {_LARGEST // 2**20} MB", str(path))
    data = path.read_bytes()
    try:
        return (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8")
    except (UnicodeDecodeError, gzip.BadGzipFile):
        raise ConfigurationError("is not text in UTF-8", str(path)) from None


def read_description(path: Path, start: int, time_zone: str) -> Description:
    """What a file describes, planned from `start` (ns UTC) on; times in it are local in its
    `time_zone`, or in the one given. Raises `ConfigurationError` with the line."""
    return _description(_text(path), path, start, time_zone)


def _description(
    text: str, path: Path, start: int | None = None, time_zone: str = ""
) -> Description:  # fmt: skip
    document = parse(text, path.name)
    data = document.data
    if not isinstance(data, dict) or "orders" not in data:
        raise ConfigurationError(
            "there are no 'orders'; see how-to/schedule.md for the sections of such a file",
            path.name,
        )
    if isinstance(data["orders"], str):
        data = data | {"orders": list(_orders(path.parent / data["orders"]))}
    if start is not None:
        named = str(data.get("time_zone", time_zone))
        local = isoformat(start, zone(named))[:16].replace("T", " ")
        data = data | {"start": local, "time_zone": named}
    try:
        return Description.model_validate_json(json.dumps(data), strict=True)
    except ValidationError as error:
        first = problems(error, Description)[0]
        raise ConfigurationError(str(first), document.where(first.path)) from None


def _orders(path: Path) -> Iterator[dict[str, Any]]:
    """Orders from a CSV file with the columns of an order."""
    known = ("order", "product", "quantity", "release", "due", "deadline", "weight")
    lines = _text(path).splitlines()
    if len(lines) > LARGEST:
        raise ConfigurationError(
            f"{len(lines):,} orders are more than {LARGEST:,}; plan a shorter time ahead", path.name
        )
    delimiter = max(",;\t", key=lines[0].count) if lines else ","
    table = csv.DictReader(lines, delimiter=delimiter)
    for name in table.fieldnames or ():
        if name not in known:
            raise ConfigurationError(f"column '{name}': {did_you_mean(name, known)}", path.name)
    for at, row in enumerate(table, 2):
        found: dict[str, Any] = {name: value for name, value in row.items() if value}
        for name, kind in (("quantity", int), ("weight", float)):
            if name in found:
                try:
                    found[name] = kind(found[name])
                except ValueError:
                    raise ConfigurationError(
                        f"{name} is '{found[name]}', must be a number", f"{path.name}:{at}"
                    ) from None
        yield found


def rows_of(problem: Problem, schedule: Schedule, times: Times) -> list[dict[str, Any]]:
    """The operations of a plan by machine and time."""
    machine = problem.machine[schedule.mode]
    found = []
    for i in np.lexsort((schedule.start, machine)):
        k = int(machine[i])
        found.append({
            "operation": problem.names[i], "job": problem.jobs[problem.job[i]],
            "machine": problem.machines[k] if k >= 0 else "",
            "start": times.text(int(schedule.start[i])), "end": times.text(int(schedule.end[i])),
            "left": times.text(int(schedule.left[i])),
        })  # fmt: skip
    return found


def write_plan(path: Path, problem: Problem, schedule: Schedule, times: Times) -> None:
    """As CSV, a row for each operation."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, _COLUMNS)
        writer.writeheader()
        writer.writerows(rows_of(problem, schedule, times))


def read_plan(path: Path, problem: Problem, times: Times) -> Schedule:
    """A plan that `write_plan` wrote, of the same problem. Raises `ConfigurationError`."""
    number = {name: i for i, name in enumerate(problem.names)}
    machines = {name: k for k, name in enumerate(problem.machines)} | {"": -1}
    first = problem.first_mode
    n = len(problem)
    mode, start = np.full(n, -1), np.zeros(n, np.int64)
    end, left = np.zeros(n, np.int64), np.zeros(n, np.int64)
    table = csv.DictReader(_text(path).splitlines())
    if missing := [c for c in _COLUMNS[:5] if c not in (table.fieldnames or ())]:
        raise ConfigurationError(f"column '{missing[0]}' is missing", path.name)
    for at, row in enumerate(table, 2):
        where = f"{path.name}:{at}"
        name, place = row["operation"], row["machine"]
        if name not in number:
            words = did_you_mean(name, number)
            raise ConfigurationError(f"no operation named '{name}'; {words}", where)
        if place not in machines:
            raise ConfigurationError(
                f"no machine named '{place}'; {did_you_mean(place, machines)}", where
            )
        i = number[name]
        try:
            start[i], end[i] = times.tick_of(row["start"]), times.tick_of(row["end"])
            left[i] = times.tick_of(row.get("left") or row["end"])
        except ConfigurationError as error:
            raise error.at(where) from None
        ways = [m for m in range(first[i], first[i + 1]) if problem.machine[m] == machines[place]]
        if not ways:
            raise ConfigurationError(f"operation '{name}' cannot be done on '{place}'", where)
        # Of several ways on one machine, the one that takes as long as the plan says.
        mode[i] = min(ways, key=lambda m: abs(_end(problem, m, i, int(start[i])) - int(end[i])))
    if (mode < 0).any():
        lost = problem.names[int(np.flatnonzero(mode < 0)[0])]
        raise ConfigurationError(f"operation '{lost}' is not in the plan", path.name)
    return plan(problem, mode, start, end, left)


def _end(problem: Problem, mode: int, i: int, start: int) -> int:
    k, duration = int(problem.machine[mode]), int(problem.duration[mode])
    if k < 0 or not problem.breakable[i]:
        return start + duration
    closed = problem.closed[problem.closed[:, 0] == k, 1:]
    return finish(start, duration, closed[np.argsort(closed[:, 0])])
