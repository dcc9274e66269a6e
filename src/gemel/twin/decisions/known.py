"""What the ledger holds in memory: open commands, the last ended ones, and which ids were used."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Final

from gemel.twin.decisions.command import Command

__all__ = ["Known", "Used"]

_KEPT: Final = 500
"""Ended commands that are kept in memory; the journal has all."""


class Known:
    """Commands by id; what is open is at hand."""

    def __init__(self) -> None:
        self.all: dict[str, Command] = {}
        self._open: dict[str, Command] = {}

    def put(self, command: Command) -> None:
        """Hold a command as it is now."""
        self.all[command.id] = command
        if command.open:
            self._open[command.id] = command
        else:
            self._open.pop(command.id, None)

    def drop(self, command_id: str) -> None:
        """Hold it no longer."""
        self.all.pop(command_id, None)
        self._open.pop(command_id, None)

    def open(self) -> list[Command]:
        """Those that have not ended, oldest first."""
        return sorted(self._open.values(), key=lambda command: command.proposed)

    def forget(self, told: Callable[[str], object]) -> None:
        """Drop all but the last ended ones, if there are many; each is `told`."""
        if len(self.all) <= 2 * _KEPT:
            return
        needed = {command.reverts for command in self._open.values()}
        ended = [c.id for c in self.all.values() if not c.open and c.id not in needed]
        for command_id in ended[: max(0, len(ended) - _KEPT)]:
            self.drop(command_id)
            told(command_id)


class Used:
    """Whether an id was used before: surely not, or perhaps. A Bloom filter of 1 MiB.

    So a new proposal need not ask the disk whether it is one of old. With a million ids it says
    'perhaps' to 2 % of the new ones, for which the disk is asked.

    >>> used = Used(["a"])
    >>> "a" in used, "b" in used
    (True, False)
    """

    _BITS: Final = 1 << 23

    def __init__(self, ids: Iterable[str] = ()) -> None:
        self._bits = bytearray(self._BITS // 8)
        for command_id in ids:
            self.add(command_id)

    def add(self, command_id: str) -> None:
        """It is used from now on."""
        for place in self._places(command_id):
            self._bits[place >> 3] |= 1 << (place & 7)

    def __contains__(self, command_id: str) -> bool:
        return all(self._bits[p >> 3] & 1 << (p & 7) for p in self._places(command_id))

    def _places(self, command_id: str) -> list[int]:
        digest = hashlib.blake2b(command_id.encode(), digest_size=16).digest()
        return [int.from_bytes(digest[i : i + 4], "big") % self._BITS for i in (0, 4, 8, 12)]
