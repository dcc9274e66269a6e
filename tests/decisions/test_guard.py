"""The guard sends what is permitted, once, and never tries again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gemel.core.envelope import Envelope, Permit, Request, Situation
from gemel.core.errors import Refused, Unavailable
from gemel.core.time import SECOND
from gemel.parts.connectors.base import Outcome, Write
from gemel.runtime.guard import Guard

ENVELOPE = Envelope(low=0, high=10)
REQUEST = Request("c1", "line/x", "plc", "db1.x", 5.0, 60 * SECOND)
SITUATION = Situation(
    now=0, armed=True, stopped=(), connected=True, value=4.0, quality=0, age=0
)  # fmt: skip


def _permit(**change: object) -> Permit:
    return ENVELOPE.permit(replace(REQUEST, **change), SITUATION)


class Peer:
    def __init__(self, error: Exception | None = None) -> None:
        self.written: list[Write] = []
        self.error = error

    async def send(self, write: Write) -> Outcome:
        self.written.append(write)
        if self.error:
            raise self.error
        return Outcome(True)


async def test_sends_once() -> None:
    peer = Peer()
    guard = Guard({"plc": peer}, lambda: SECOND)
    assert (await guard.send(_permit())).accepted
    for again in (_permit(), _permit(value=6.0)):
        with pytest.raises(Refused, match="was sent before"):
            await guard.send(again)
    assert peer.written == [Write("c1", "db1.x", 5.0)]


@pytest.mark.parametrize("error", [Unavailable("timed out"), OSError("reset by peer")])
async def test_what_is_not_known_is_not_tried_again(error: Exception) -> None:
    peer = Peer(error)
    guard = Guard({"plc": peer}, lambda: SECOND)
    permit = _permit()
    with pytest.raises(Unavailable):
        await guard.send(permit)
    with pytest.raises(Refused, match="was sent before"):
        await guard.send(permit)
    assert len(peer.written) == 1


async def test_takes_only_permits_that_are_whole_and_last() -> None:
    peer = Peer()
    now = 5 * SECOND
    guard = Guard({"plc": peer}, lambda: now)
    with pytest.raises(Refused, match="has ended"):
        await guard.send(_permit())
    altered = _permit()
    object.__setattr__(altered, "value", 1e9)
    for wrong in (altered, object.__new__(Permit), Write("c1", "db1.x", 5.0), None):
        with pytest.raises(Refused, match="not a permit that the envelope made"):
            await guard.send(wrong)
    now = 0
    with pytest.raises(Refused, match="no connector 'other'"):
        await guard.send(_permit(connector="other"))
    assert not peer.written


async def test_without_connectors_nothing_leaves() -> None:
    guard = Guard(None, lambda: SECOND)
    assert (await guard.send(_permit())).accepted
    assert guard.withheld == [Write("c1", "db1.x", 5.0)]
