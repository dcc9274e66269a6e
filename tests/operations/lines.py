"""A small line with a mirror, its operations, and a history of the same samples."""

from __future__ import annotations

from typing import Any

import numpy as np

from gemel.core.catalogue import Catalogue
from gemel.core.event import Event
from gemel.core.frame import Frame
from gemel.core.plant import Asset, PlantSignal, Shift, Signal
from gemel.core.time import MINUTE, SECOND, parse_time, zone
from gemel.parts.historians.base import Store
from gemel.twin.mirror import Mirror
from gemel.twin.operations import Calendar, Operations, OperationsSettings, machines

BERLIN = zone("Europe/Berlin")
DAY0 = parse_time("2026-06-01T06:00", BERLIN)
"""A Monday, when the early shift begins."""

EARLY = Shift(name="Early", start="06:00", end="14:00")
LATE = Shift(name="Late", start="14:00", end="22:00")
NIGHT = Shift(name="Night", start="22:00", end="06:00")

PACKML = {
    0: "Undefined", 2: "Stopped", 3: "Starting", 4: "Idle", 5: "Suspended", 6: "Execute",
    9: "Aborted", 11: "Held", 17: "Complete",
}  # fmt: skip
REASONS = {0: "None", 1: "Operator", 2: "DriveTrip", 3: "Changeover"}


def signal(path: str, type: str = "number", **more: Any) -> PlantSignal:
    asset = path.rpartition("/")[0]
    return PlantSignal(path, asset, "plc", path, Signal.model_validate({"type": type, **more}))


def filler() -> list[PlantSignal]:
    return [
        signal("line/filler/state", "enumeration", labels=PACKML, role="state"),
        signal("line/filler/starved", "boolean"),
        signal("line/filler/blocked", "boolean"),
        signal("line/filler/reason", "enumeration", labels=REASONS),
        signal("line/filler/speed", unit="1/h", role="speed"),
        signal("line/filler/setpoint", unit="1/h", role="setpoint"),
        signal("line/filler/count", role="count"),
        signal("line/filler/rejects", role="reject"),
        signal("line/filler/valve", unit="s"),
        signal("line/filler/temperature", unit="°C"),
        signal("line/order/order", "text", role="order"),
        signal("line/order/product", "text", role="product"),
        signal("line/order/done", role="count"),
    ]


MEANING = {
    "assets": {
        "line/filler": {
            "reasons": {"DriveTrip": "fault", "Changeover": "set-up"},
        }
    }
}


class Line:
    """Feeds a mirror, operations, and if given a store, as the pipeline does."""

    def __init__(
        self,
        *,
        shifts: tuple[Shift, ...] = (EARLY, LATE, NIGHT),
        settings: dict[str, Any] | None = None,
        signals: list[PlantSignal] | None = None,
        ideal_rate: float | None = 3600.0,
        start: int = DAY0,
        store: Store | None = None,
    ) -> None:
        self.signals = signals or filler()
        self.assets = {s.asset: Asset(ideal_rate=ideal_rate) for s in self.signals}
        self.settings = OperationsSettings.read(MEANING if settings is None else settings)
        self.calendar = Calendar(shifts, BERLIN, self.settings.closed, self.settings.breaks)
        self.store = store
        self.catalogue = store.catalogue if store is not None else Catalogue()
        self.numbers = {
            s.path: self.catalogue.declare(
                s.path, s.signal.type, s.signal.unit, s.signal.labels.items()
            )
            for s in self.signals
        }
        self.start = self.now = start
        self.mirror = Mirror(len(self.catalogue))
        self.events: list[Event] = []
        self.operations = self.make()

    def make(self) -> Operations:
        return Operations(
            self.assets,
            machines(self.assets, self.signals, self.settings),
            self.calendar,
            self.catalogue,
            self.mirror.snapshot,
            lambda: self.now,
            self.settings,
        )

    def at(self, minutes: float) -> int:
        return self.start + round(minutes * MINUTE)

    def code(self, path: str, value: float | str) -> float:
        if isinstance(value, str):
            if self.catalogue[self.numbers[path]].type == "text":
                code = self.catalogue.encode(self.numbers[path], value)
                assert code is not None
                return code
            labels = {label: code for code, label in self.catalogue[self.numbers[path]].labels}
            return labels[value]
        return value

    def path(self, name: str) -> str:
        return (
            f"line/order/{name}" if name in ("order", "product", "done") else f"line/filler/{name}"
        )

    def feed(self, minutes: float, *, quality: int = 0, **values: float | str) -> list[Event]:
        """Samples at so many minutes after the start."""
        paths = [self.path(name) for name in values]
        frame = Frame.of(
            [self.numbers[p] for p in paths],
            np.full(len(paths), self.at(minutes)),
            [self.code(p, v) for p, v in zip(paths, values.values(), strict=True)],
            np.full(len(paths), quality),
            received=self.at(minutes),
            source="plc",
        )
        return self.frame(frame)

    def frame(self, frame: Frame) -> list[Event]:
        if len(frame):
            self.now = max(self.now, int(frame.time[-1]))
        admitted = self.mirror.admit(frame).frame
        if self.store is not None:
            self.store.commit([admitted])
        found = self.operations.feed(admitted)
        self.events += found
        return found

    def tick(self, minutes: float) -> list[Event]:
        self.now = self.at(minutes)
        found = self.operations.tick(self.now)
        self.events += found
        return found

    def seconds(self, event: Event) -> tuple[float, float | None]:
        end = None if event.end is None else (event.end - self.start) / SECOND
        return (event.time - self.start) / SECOND, end
