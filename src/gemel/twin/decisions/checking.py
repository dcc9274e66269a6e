"""What the envelope is asked: the request and the situation of a command at one moment."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Final

from gemel.core.envelope import Interlock, Request, Situation
from gemel.core.time import HOUR
from gemel.twin.decisions.command import Command
from gemel.twin.decisions.eyes import Connection, Eyes, Probe, View
from gemel.twin.decisions.ledger import Ledger, Steps
from gemel.twin.decisions.targets import Condition, Target

__all__ = ["Checker"]

_NONE: Final = Connection(False, 0, None, "the command's asset has no connector")


class Checker:
    """Looks at the plant and the ledger for the envelope. Used in the event loop."""

    def __init__(self, eyes: Eyes, ledger: Ledger, targets: Iterable[Target]) -> None:
        self._eyes = eyes
        self._ledger = ledger
        self._look_at(targets)
        self._probes: dict[tuple[str, str], Probe] = {}

    def follow(self, targets: Iterable[Target], kept: Container[str]) -> None:
        """Ask by these targets from now on; interlocks of those in `kept` keep their memory."""
        self._look_at(targets)
        self._probes = {key: probe for key, probe in self._probes.items() if key[0] in kept}

    def sample(self, view: View) -> None:
        """Let interlocks with a memory, such as `for 30 s`, see this moment."""
        for target in self._interlocked:
            for condition in target.interlocks:
                probe = self._probe(target, condition, view)
                if probe.has_memory:
                    probe.ask(view)

    def request(self, command: Command, target: Target) -> Request:
        """What the command asks the envelope for."""
        assert command.value is not None, "only what was checked can be asked for"  # noqa: S101 - narrows the type
        return Request(
            command_id=command.id,
            command=command.path,
            connector=target.connector,
            address=target.address,
            value=command.value,
            expires=command.expires,
            unit=target.unit,
            label=command.label,
            revert=bool(command.reverts),
        )

    def situation(self, steps: Steps, command: Command, target: Target, view: View) -> Situation:
        """All that the envelope judges by."""
        reading = view.reading(target.number)
        connection = self._eyes.connection(target.connector) if target.connector else _NONE
        return Situation(
            now=view.now,
            armed=target.settings.armed,
            stopped=self._ledger.stopped_at(command.path),
            connected=connection.open,
            connection=connection.reason,
            value=reading.value,
            quality=reading.quality,
            age=reading.age,
            interlocks=tuple(self._ask(target, condition, view) for condition in target.interlocks),
            last_sent=self._ledger.last_sent(command.path),
            sent_last_hour=self._ledger.sent_since(command.path, view.now - HOUR),
            on_its_way=self._on_its_way(steps, command, target),
        )

    def others(self, steps: Steps, command: Command, target: Target, *states: str) -> list[Command]:
        """Other commands for the same signal that are in one of the states."""
        same = self._paths[target.number]
        return [
            other
            for other in steps.open()
            if other.state in states and other.id != command.id and other.path in same
        ]

    def _look_at(self, targets: Iterable[Target]) -> None:
        self._interlocked: list[Target] = []
        self._paths: dict[int, set[str]] = {}
        """Paths of the commands that write a signal."""
        for target in targets:
            self._paths.setdefault(target.number, set()).add(target.path)
            if target.interlocks and target.settings.armed:
                self._interlocked.append(target)

    def _on_its_way(self, steps: Steps, command: Command, target: Target) -> str:
        others = self.others(steps, command, target, "approved", "sent", "reverting")
        return others[0].id if others else ""

    def _ask(self, target: Target, condition: Condition, view: View) -> Interlock:
        return self._probe(target, condition, view).ask(view)

    def _probe(self, target: Target, condition: Condition, view: View) -> Probe:
        key = (target.path, condition.text)
        if key not in self._probes:
            self._probes[key] = self._eyes.probe(condition, view)
        return self._probes[key]
