"""A plant of a few signals with a mirror, a clock one can turn, and its alarms."""

from __future__ import annotations

from typing import Any

import numpy as np

from gemel.core.catalogue import Catalogue
from gemel.core.event import Event
from gemel.core.frame import Frame
from gemel.core.plant import PlantSignal, Signal
from gemel.core.time import SECOND
from gemel.twin.alarms import AlarmRules, Alarms, AlarmSettings
from gemel.twin.mirror import Mirror

T0 = 1_800_000_000 * SECOND


def signal(path: str, type: str = "number", **more: Any) -> PlantSignal:
    asset, _, _ = path.rpartition("/")
    return PlantSignal(path, asset, "plc", path, Signal.model_validate({"type": type, **more}))


class Plant:
    """Feeds a mirror and alarms as the pipeline does."""

    def __init__(
        self,
        alarms: dict[str, dict[str, Any]],
        signals: list[PlantSignal] | None = None,
        rules: AlarmRules | None = None,
        now: int = T0,
    ) -> None:
        self.signals = signals or [
            signal("line/filler/level"),
            signal("line/filler/pressure"),
            signal("line/filler/running", "boolean"),
            signal("line/capper/torque"),
            signal(
                "line/filler/state",
                "enumeration",
                labels={2: "Stopped", 6: "Execute", 11: "Held"},
            ),
        ]
        self.settings = {name: AlarmSettings.read(s) for name, s in alarms.items()}
        self.rules = rules
        self.now = now
        self.catalogue = Catalogue()
        self.numbers = {
            s.path: self.catalogue.declare(
                s.path, s.signal.type, s.signal.unit, s.signal.labels.items()
            )
            for s in self.signals
        }
        self.mirror = Mirror(len(self.catalogue))
        self.events: list[Event] = []
        self.alarms = self.start()

    def start(self) -> Alarms:
        return Alarms(
            self.settings,
            self.signals,
            self.catalogue,
            self.mirror.snapshot,
            lambda: self.now,
            rules=self.rules,
        )

    def restart(self, state: dict[str, Any], events: list[Event] | None = None) -> None:
        self.alarms = self.start()
        self.alarms.restore(state, events or [])

    def at(self, seconds: float) -> int:
        return T0 + round(seconds * SECOND)

    def feed(
        self, seconds: float, *, quality: int = 0, lag: float = 0.0, **values: float
    ) -> list[Event]:
        """Samples of the filler (and `torque` of the capper) at T0 + seconds."""
        self.now = max(self.now, self.at(seconds + lag))
        paths = [
            "line/capper/torque" if name == "torque" else f"line/filler/{name}" for name in values
        ]
        frame = Frame.of(
            [self.numbers[p] for p in paths],
            np.full(len(paths), self.at(seconds)),
            list(values.values()),
            np.full(len(paths), quality),
            received=self.now,
            source="plc",
        )
        return self.frame(frame)

    def frame(self, frame: Frame) -> list[Event]:
        if len(frame):
            self.now = max(self.now, int(frame.time[-1]))
        found = self.alarms.feed(self.mirror.admit(frame).frame)
        self.events += found
        return found

    def tick(self, seconds: float) -> list[Event]:
        self.now = self.at(seconds)
        found = self.alarms.tick(self.now)
        self.events += found
        return found

    def word(self, name: str = "high") -> str:
        return self.alarms.view(name).state


def moves(events: list[Event]) -> list[tuple[str, float]]:
    """Transitions and when, in seconds since T0."""
    return [(e.payload["transition"], (e.time - T0) / SECOND) for e in events if e.kind == "alarm"]


HIGH = {"asset": "line/filler", "when": "level > 502.5"}


def plant(**more: Any) -> Plant:
    return Plant({"high": HIGH | more})
