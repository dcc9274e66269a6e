"""Which machines belong together on one picture, and what of each is worth showing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from gemel.client.asynchronous import Plain
from gemel.doors.web.markup import words

__all__ = ["Line", "Machine", "choose", "groups", "picture", "short"]

MOST = 24
_OTHERS = {"state", "run", "speed", "setpoint", "count", "alarm", "order", "product", "lot"}
_RANK = {"quality": 0, "condition": 1, None: 2, "reject": 3, "power": 4, "energy": 5}
_SHORT = {"temperature": "temp.", "vibration": "vibr.", "pressure": "press.", "current": "curr."}


@dataclass(frozen=True, slots=True)
class Machine:
    """A box of the picture."""

    path: str
    title: str
    after: tuple[str, ...]
    state: Plain | None
    speed: Plain | None
    values: tuple[Plain, ...]


@dataclass(slots=True)
class Line:
    """Machines in the order of their flow, layer by layer."""

    title: str
    layers: list[list[Machine]] = field(default_factory=list)
    buffers: dict[tuple[str, str], Plain] = field(default_factory=dict)

    @property
    def machines(self) -> list[Machine]:
        """All machines, in order of flow."""
        return [machine for layer in self.layers for machine in layer]


def groups(assets: list[Plain]) -> dict[str, list[Plain]]:
    """Machines by the asset they are part of; all others are not machines."""
    feeding = {before for asset in assets for before in asset["after"]}
    machines = [a for a in assets if a["after"] or a["path"] in feeding]
    if not machines:
        parents = {a["path"].rpartition("/")[0] for a in assets}
        machines = [a for a in assets if a["path"] not in parents]
    found: dict[str, list[Plain]] = {}
    for machine in machines:
        found.setdefault(machine["path"].rpartition("/")[0], []).append(machine)
    return found


def choose(found: dict[str, list[Plain]], wanted: str | None) -> str | None:
    """The wanted group, else the largest."""
    if wanted in found:
        return wanted
    return max(found, key=lambda name: len(found[name]), default=None)


def picture(title: str, details: list[Plain], others: list[Plain], pointed: Iterable[str]) -> Line:
    """The line of assets with their signals (`details`); `others` are assets around it, whose
    signals may be buffers; `pointed` are signals that findings or alarms point at."""
    pointed = set(pointed)
    shared = Counter(s["key"] for d in details for s in d["signals"])
    known = {d["path"] for d in details}
    machines = {d["path"]: _machine(d, known, shared, pointed) for d in details[:MOST]}
    line = Line(title)
    depth: dict[str, int] = {}

    def place(path: str, seen: frozenset[str]) -> int:
        if path in seen:
            return 0  # material that flows in a circle has no first machine
        if path not in depth:
            before = [b for b in machines[path].after if b in machines]
            depth[path] = max((place(b, seen | {path}) + 1 for b in before), default=0)
        return depth[path]

    flows = any(m.after for m in machines.values())
    for index, path in enumerate(machines):
        layer = place(path, frozenset()) if flows else index
        while len(line.layers) <= layer:
            line.layers.append([])
        line.layers[layer].append(machines[path])
    line.layers = [layer for layer in line.layers if layer]
    candidates = [s for d in [*details, *others] for s in d["signals"] if _buffer_like(s)]
    for machine in machines.values():
        for before in machine.after:
            if before in machines:
                signal = _between(machines[before], machine, candidates)
                if signal is not None:
                    line.buffers[before, machine.path] = signal
    edges = [(b, m.path) for m in line.machines for b in m.after if b in machines]
    between = sorted((s for d in others for s in d["signals"] if _buffer_like(s)), key=_natural)
    if not line.buffers and len(between) == len(edges):
        line.buffers = dict(zip(edges, between, strict=True))
    return line


def _natural(signal: Plain) -> list[tuple[int, str]]:
    """Conveyor 10 comes after conveyor 9."""
    parts = re.split(r"(\d+)", signal["path"])
    return [(int(part), "") if part.isdecimal() else (0, part) for part in parts]


def _machine(detail: Plain, known: set[str], shared: Counter[str], pointed: set[str]) -> Machine:
    signals = detail["signals"]

    def of(*roles: str) -> Plain | None:
        return next((s for role in roles for s in signals if s["role"] == role), None)

    worth = [
        s
        for s in signals
        if s["path"] in pointed
        or (s["role"] not in _OTHERS and s["type"] == "number" and not _buffer_like(s))
    ]
    worth.sort(
        key=lambda s: (s["path"] not in pointed, shared[s["key"]] > 1, _RANK.get(s["role"], 2))
    )
    return Machine(
        path=detail["path"],
        title=detail["title"],
        after=tuple(b for b in detail["after"] if b in known),
        state=of("state", "run"),
        speed=of("speed"),
        values=tuple(worth[:2]),
    )


def _buffer_like(signal: Plain) -> bool:
    key = signal["key"].lower()
    if signal["role"] == "buffer" or "buffer" in key:
        return True
    return "level" in key and signal["unit"] in ("", "%", "1", "bottles", "pcs", "pieces")


def _between(before: Machine, after: Machine, candidates: list[Plain]) -> Plain | None:
    names = (words(before.path).lower(), words(after.path).lower())
    for signal in candidates:
        said = f"{signal['title']} {signal['key']}".lower().replace("_", " ")
        if all(name in said for name in names):
            return signal
    for signal in candidates:
        asset, key = signal["path"].rpartition("/")[0], signal["key"].lower()
        if asset == before.path and "out" in key:
            return signal
        if asset == after.path and "out" not in key:
            return signal
    return None


def short(key: str, most: int) -> str:
    """A signal's key in at most so many letters.

    >>> short("bearing_temperature", 15)
    'bearing temp.'
    """
    text = " ".join(_SHORT.get(part, part) for part in words(key).split())
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
