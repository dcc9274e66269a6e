"""A small plant to command: a real mirror, journal and guard, a clock one can turn, and a sender
that writes down what it was given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gemel.core.catalogue import Catalogue
from gemel.core.event import Event
from gemel.core.frame import Frame
from gemel.core.plant import Plant
from gemel.core.time import SECOND
from gemel.parts.connectors.base import Outcome, Write
from gemel.parts.reasoners.base import Proposal
from gemel.runtime.guard import Guard
from gemel.twin.decisions import Connection, Decisions, Eyes, Journal, targets
from gemel.twin.mirror import Mirror

START = 1_700_000_000 * SECOND
SPEED = "line2/filler/speed_setpoint"


class Person(NamedTuple):
    name: str
    role: str = "operator"


ANNA, BEN, EVA = Person("anna"), Person("ben"), Person("eva", "engineer")
VICTOR = Person("victor", "viewer")


def plant(**envelope: Any) -> Plant:
    limits = {"low": 15000.0, "high": 24000.0, "max_step_percent": 5.0, "fresh_within": "5 s"}
    limits |= {"interlocks": ["state == 'Execute'"], "dead_time": "10 s", **envelope}
    watch = limits.pop("watch", "")
    return Plant.read(
        {
            "format": 1,
            "connectors": {"opc": {"kind": "fake"}},
            "assets": {
                "line2/filler": {
                    "connector": "opc",
                    "signals": {
                        "speed": {"unit": "1/h", "address": "ns=2;s=speed"},
                        "state": {
                            "type": "enumeration",
                            "labels": {"4": "Stopped", "6": "Execute"},
                        },
                        "jam": {"type": "boolean"},
                        "product": {"type": "text"},
                    },
                    "commands": {
                        "speed_setpoint": {
                            "signal": "speed",
                            "armed": True,
                            "watch": watch,
                            "watch_for": "30 s",
                            "envelope": limits,
                        },
                        "disarmed": {"signal": "speed", "envelope": limits},
                        "product": {
                            "signal": "product",
                            "armed": True,
                            "envelope": {"allowed": ["cola", "water"]},
                        },
                        "state": {
                            "signal": "state",
                            "armed": True,
                            "envelope": {"allowed": ["Stopped"]},
                        },
                        "jam": {
                            "signal": "jam",
                            "armed": True,
                            "envelope": {"low": 0.0, "high": 1.0},
                        },
                    },
                }
            },
        }
    )


class World:
    def __init__(self, folder: Path, **envelope: Any) -> None:
        self.now = START
        self.written: list[Write] = []
        self.answer: Callable[[Write], Outcome] = lambda _: Outcome(True)
        self.events: list[Event] = []
        self.connected = True
        self.plant = plant(**envelope)
        signals = self.plant.expand()
        self.catalogue = Catalogue()
        self.numbers = {
            s.path: self.catalogue.declare(
                s.path, s.signal.type, s.signal.unit, s.signal.labels.items()
            )
            for s in signals
        }
        self.mirror = Mirror(len(self.catalogue))
        self.targets = targets(self.plant, signals, self.numbers)
        self.eyes = Eyes(
            clock=self.clock,
            look=self.mirror.snapshot,
            connection=lambda _: Connection(self.connected, START - 1, self.heard, "cable out"),
            connectors={self.numbers[s.path]: s.connector for s in signals},
            catalogue=self.catalogue,
        )
        self.heard = self.now
        self.journal = Journal(folder / "journal.sqlite")
        self.guard = Guard({"opc": self}, self.clock)
        self.decisions = Decisions(
            self.targets,
            eyes=self.eyes,
            journal=self.journal,
            send=self.guard.send,
            emit=self.events.extend,
        )
        self.show(speed=22500, state=6, jam=0, product="cola")

    def clock(self) -> int:
        return self.now

    async def send(self, write: Write) -> Outcome:
        self.written.append(write)
        return self.answer(write)

    def show(self, **values: Any) -> None:
        """Samples arrive, of now."""
        self.heard = self.now
        for key, value in values.items():
            number = self.numbers[f"line2/filler/{key}"]
            code = self.catalogue.encode(number, value) if isinstance(value, str) else value
            frame = Frame.of([number], [self.now], [code], received=self.now, source="opc")
            self.mirror.admit(frame)

    async def after(self, seconds: float, **values: Any) -> None:
        """Time passes, the connector lives, samples arrive, and decisions look."""
        self.now += round(seconds * SECOND)
        self.heard = self.now
        self.show(**values)
        await self.decisions.settled()
        await self.decisions.tick()
        await self.decisions.settled()

    def cut(self) -> None:
        """The connection is lost."""
        self.connected = False
        self.mirror.cut(np.array(sorted(self.numbers.values()), np.int32), True)

    async def close(self) -> None:
        await self.decisions.close()
        self.journal.close()

    def kinds(self, command_id: str) -> list[str]:
        """What the journal says of a command."""
        return [entry.draft.kind for entry in self.journal.entries(command_id=command_id)]


def by_rule(percent: float = -4, **more: Any) -> Proposal:
    values: dict[str, Any] = {"change_percent": percent} if "value" not in more else {}
    return Proposal(command=SPEED, source="reasoner", proposed_by="slow_down", **(values | more))


def own(value: Any = 21600.0, command: str = SPEED, **more: Any) -> Proposal:
    return Proposal(**({"command": command, "value": value, "reason": "the capper lags"} | more))
