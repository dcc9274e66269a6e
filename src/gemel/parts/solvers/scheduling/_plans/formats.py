"""The usual formats of scheduling problems: text to `Problem`, no file is opened here.

| format | what stands in it |
|---|---|
| `jsplib` | jobs and machines; per job pairs of machine and time, machines from 0 |
| `fjsp`   | jobs and machines; per job the operations, per operation machines, times |
| `flow_shop` | jobs and machines; per job the times on machine 1, 2, … (or transposed) |
| `patterson` | activities and resources; capacities; per activity time, needs, successors |
| `psplib` | the `.sm` and `.mm` files of PSPLIB |
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from gemel.core.errors import DataError, did_you_mean
from gemel.parts.solvers.scheduling._plans.draft import Draft, Way
from gemel.parts.solvers.scheduling.base import NONE, Problem

__all__ = ["FORMATS", "read", "recognise"]


def _rows(text: str) -> list[tuple[int, list[int]]]:
    """Line numbers and whole numbers of the lines that are no comment."""
    rows = []
    for at, line in enumerate(text.splitlines(), 1):
        stripped = line.split("#")[0].strip()
        if not stripped:
            continue
        try:
            # The first line of a flexible shop may end with a mean that is not whole.
            numbers = [float(word) for word in stripped.split()]
        except ValueError:
            raise DataError(f"line {at}: '{stripped[:40]}' is not a row of numbers") from None
        rows.append((at, [int(x) for x in numbers]))
    if not rows:
        raise DataError("there is nothing in it")
    return rows


def _sizes(rows: list[tuple[int, list[int]]]) -> tuple[int, int]:
    at, first = rows[0]
    if len(first) < 2 or min(first[:2]) < 1:
        raise DataError(f"line {at}: expected the numbers of jobs and machines, found {first}")
    return first[0], first[1]


def _machines(draft: Draft, count: int) -> None:
    if count > 100_000:
        raise DataError(f"{count:,} machines are more than 100,000")
    for k in range(count):
        draft.machine(f"M{k}")


def jsplib(text: str) -> Problem:
    rows = _rows(text)
    jobs, machines = _sizes(rows)
    if len(rows) != jobs + 1:
        raise DataError(f"expected {jobs} rows of jobs after the first, found {len(rows) - 1}")
    draft = Draft()
    _machines(draft, machines)
    for j, (at, row) in enumerate(rows[1:]):
        if len(row) % 2 or not row:
            raise DataError(
                f"line {at}: expected pairs of machine and time, found {len(row)} numbers"
            )
        job = draft.job(f"J{j}")
        last: list[int] = []
        for k, time in zip(row[::2], row[1::2], strict=True):
            _known(k, machines, at)
            last = [draft.operation(job, [Way(k, time)], after=last)]
    return draft.build()


def fjsp(text: str) -> Problem:
    rows = _rows(text)
    jobs, machines = _sizes(rows)
    if len(rows) != jobs + 1:
        raise DataError(f"expected {jobs} rows of jobs after the first, found {len(rows) - 1}")
    draft = Draft()
    _machines(draft, machines)
    parsed = [_ways(at, row) for at, row in rows[1:]]
    lowest = min((k for job in parsed for way in job for k, _ in way), default=0)
    highest = max((k for job in parsed for way in job for k, _ in way), default=0)
    base = 1 if lowest >= 1 and highest == machines else 0  # files differ in where they begin
    for j, ((at, _), operations) in enumerate(zip(rows[1:], parsed, strict=True)):
        job = draft.job(f"J{j}")
        last: list[int] = []
        for ways in operations:
            for k, _ in ways:
                _known(k - base, machines, at)
            made = [Way(k - base, time) for k, time in ways]
            last = [draft.operation(job, made, after=last)]
    return draft.build()


def _ways(at: int, row: Sequence[int]) -> list[list[tuple[int, int]]]:
    found: list[list[tuple[int, int]]] = []
    place = 1
    for _ in range(row[0]):
        count = row[place] if place < len(row) else 0
        end = place + 1 + 2 * count
        if count < 1 or end > len(row):
            raise DataError(
                f"line {at}: expected {row[0]} operations, found {len(found)} whole ones"
            )
        pairs = row[place + 1 : end]
        found.append(list(zip(pairs[::2], pairs[1::2], strict=True)))
        place = end
    if place != len(row):
        raise DataError(f"line {at}: {len(row) - place} numbers stand behind the last operation")
    return found


def _known(machine: int, machines: int, at: int) -> None:
    if not 0 <= machine < machines:
        raise DataError(f"line {at}: machine {machine} is not one of 0 to {machines - 1}")


def flow_shop(text: str) -> Problem:
    rows = _rows(text)
    jobs, machines = _sizes(rows)
    table = [row for _, row in rows[1:]]
    if len(table) == machines != jobs and all(len(row) == jobs for row in table):
        table = [list(column) for column in zip(*table, strict=True)]
    if len(table) != jobs or any(len(row) != machines for row in table):
        raise DataError(f"expected {jobs} rows of {machines} times after the first")
    draft = Draft()
    _machines(draft, machines)
    for j, row in enumerate(table):
        job = draft.job(f"J{j}")
        last: list[int] = []
        for k, time in enumerate(row):
            last = [draft.operation(job, [Way(k, time)], after=last)]
    return draft.build()


def patterson(text: str) -> Problem:
    rows = _rows(text)
    numbers = [number for _, row in rows for number in row]
    at = 0

    def take(count: int) -> list[int]:
        nonlocal at
        found = numbers[at : at + count]
        if len(found) < count:
            raise DataError(f"ends after {len(numbers)} numbers, {at + count} were expected")
        at += count
        return found

    activities, resources = take(2)
    draft = Draft()
    for r, capacity in enumerate(take(resources)):
        draft.resource(f"R{r + 1}", capacity)
    job, after = draft.job("project"), []
    for i in range(activities):
        time, *needs = take(1 + resources)
        demand = {r: need for r, need in enumerate(needs) if need}
        draft.operation(job, [Way(NONE, time, demand)], name=str(i + 1))
        after.append(take(take(1)[0]))
    _waits(draft, after)
    return draft.build()


def _waits(draft: Draft, after: list[list[int]]) -> None:
    for i, others in enumerate(after):
        for other in others:
            if not 1 <= other <= len(after):
                raise DataError(f"activity {i + 1}: its successor {other} does not exist")
            draft.wait(i, other - 1)


def psplib(text: str) -> Problem:
    renewable = _count(text, r"- renewable\s*:\s*(\d+)")
    used_up = _count(text, r"- nonrenewable\s*:\s*(\d+)")
    parts = re.split(r"^\*+\s*$", text, flags=re.MULTILINE)
    section = {}
    for part in parts:
        title, _, body = part.strip().partition("\n")
        section[title.split(":")[0].strip()] = body
    for title in ("PRECEDENCE RELATIONS", "REQUESTS/DURATIONS", "RESOURCEAVAILABILITIES"):
        if title not in section:
            raise DataError(f"section '{title}' is missing")
    draft = Draft()
    numbers = re.findall(r"-?\d+", section["RESOURCEAVAILABILITIES"].splitlines()[-1])
    if len(numbers) < renewable + used_up:
        raise DataError(f"expected {renewable + used_up} capacities, found {len(numbers)}")
    for r in range(renewable + used_up):
        name = f"R{r + 1}" if r < renewable else f"N{r - renewable + 1}"
        draft.resource(name, int(numbers[r]), r < renewable)
    after: list[list[int]] = []
    for line in section["PRECEDENCE RELATIONS"].splitlines()[1:]:
        row = [int(word) for word in line.split()]
        after.append(row[3 : 3 + row[2]])
    ways: list[list[Way]] = []
    for line in section["REQUESTS/DURATIONS"].splitlines():
        words = line.split()
        if not words or not all(re.fullmatch(r"-?\d+", word) for word in words):
            continue
        row = [int(word) for word in words]
        if len(row) == 3 + renewable + used_up:
            ways.append([])
            row = row[1:]
        demand = {r: need for r, need in enumerate(row[2:]) if need}
        ways[-1].append(Way(NONE, row[1], demand))
    if len(ways) != len(after):
        raise DataError(f"{len(after)} activities have successors, {len(ways)} have durations")
    job = draft.job("project")
    for i, way in enumerate(ways):
        draft.operation(job, way, name=str(i + 1))
    _waits(draft, after)
    return draft.build()


def _count(text: str, form: str) -> int:
    found = re.search(form, text)
    return int(found[1]) if found else 0


FORMATS: Final[dict[str, Callable[[str], Problem]]] = {
    "jsplib": jsplib, "fjsp": fjsp, "flow_shop": flow_shop, "patterson": patterson,
    "psplib": psplib,
}  # fmt: skip


def recognise(text: str) -> str:
    """The name of the format that a text is in. Raises `DataError` with what was tried."""
    if "PRECEDENCE RELATIONS" in text:
        return "psplib"
    rows = [row for _, row in _rows(text)]
    first, table = rows[0], rows[1:]
    if len(first) < 2:
        raise DataError(f"the first line should have two numbers or more, found {first}")
    a, b = first[:2]
    if (
        len(table) == a
        and len(first) == 2
        and all(len(row) == 2 * b for row in table)
        and all(0 <= k < b for row in table for k in row[::2])
    ):
        return "jsplib"
    if len(table) == a and all(_is_flexible(row) for row in table):
        return "fjsp"
    if len(first) == 2 and (
        (len(table) == a and all(len(row) == b for row in table))
        or (len(table) == b and all(len(row) == a for row in table))
    ):
        return "flow_shop"
    if len(table) == a and all(row and len(row) % 2 == 0 for row in table):
        return "jsplib"
    if table and len(table[0]) == b and all(len(row) > b + 1 for row in table[1:2]):
        return "patterson"
    raise DataError(
        "the format is not recognised: " + ", ".join(FORMATS) + " were tried; name it with "
        "--format, or write a plan in YAML as in how-to/schedule.md"
    )


def _is_flexible(row: Sequence[int]) -> bool:
    try:
        return bool(_ways(0, row))
    except (DataError, IndexError):
        return False


def read(text: str, format: str | None = None) -> Problem:
    """The problem in a text. Raises `DataError` for what is not in the format."""
    name = format or recognise(text)
    if name not in FORMATS:
        raise DataError(f"no format named '{name}'; {did_you_mean(name, FORMATS)}")
    return FORMATS[name](text)
