"""Who decides about models: what is approved, declined or forced is in the journal first."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from tests.learning.live import SOFT, Press, press

from gemel.core.errors import Refused, Unknown
from gemel.core.event import Event
from gemel.twin.decisions import Journal, Promotions
from gemel.twin.decisions.ledger import Ledger

pytestmark = pytest.mark.asyncio


@dataclass
class Person:
    name: str
    role: str


EVA, OTTO = Person("eva", "engineer"), Person("otto", "operator")


@dataclass
class Room:
    """A learner with a candidate, and those who decide about it."""

    press: Press
    promotions: Promotions
    journal: Journal
    told: list[Event]

    def kinds(self) -> list[str]:
        return [entry.draft.kind for entry in self.journal.entries()]


@pytest_asyncio.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    with press(tmp_path, SOFT % "") as found:
        found.until(lambda: found.learner.champion)
        found.offset = 1.2
        found.until(lambda: found.requests)
        journal, told = Journal(tmp_path / "journal.sqlite"), []

        async def between(work: Callable[[], list[Event]]) -> list[Event]:
            return work()

        ledger = Ledger(journal, told.extend)
        promotions = Promotions(
            {"estimate": found.learner}, ledger, lambda: found.now, between, told.extend
        )
        await promotions.take(found.requests[0])
        yield Room(found, promotions, journal, told)
        await ledger.close()
        journal.close()


async def test_an_engineer_approves(room: Room) -> None:
    (item,) = room.promotions.items()
    assert item.state == "waiting"
    with pytest.raises(Refused, match="needs the role engineer; otto is operator"):
        await room.promotions.approve(item.id, OTTO)
    approved = await room.promotions.approve(item.id, EVA, "looks right")
    assert (approved.state, approved.actor) == ("promoted", "eva")
    assert room.press.learner.champion == item.request.model
    assert room.kinds() == ["model proposed", "model promoted"]
    assert [e.payload["step"] for e in room.told] == ["champion"]
    with pytest.raises(Refused, match="it is promoted already"):
        await room.promotions.decline(item.id, EVA, "too late")


async def test_declining_takes_a_reason_and_keeps_the_champion(room: Room) -> None:
    (item,) = room.promotions.items()
    before = room.press.learner.champion
    with pytest.raises(Refused, match="needs a reason"):
        await room.promotions.decline(item.id, EVA, " ")
    await room.promotions.decline(item.id, EVA, "the batch was a trial")
    assert room.press.learner.champion == before
    assert not room.press.learner.roles.candidate
    assert room.kinds() == ["model proposed", "model declined"]


async def test_a_worse_one_that_is_forced_in_goes_back_by_itself(room: Room) -> None:
    (item,) = room.promotions.items()
    first, second = item.request.former, item.request.model
    await room.promotions.approve(item.id, EVA)
    await room.promotions.force("estimate", first, EVA, "to see what happens")
    assert room.press.learner.champion == first
    room.press.until(lambda: len(room.press.requests) > 1)
    await room.promotions.take(room.press.requests[-1])
    assert room.press.learner.champion == second
    assert room.kinds()[-2:] == ["model found worse", "model returned"]
    assert room.promotions.items()[0].state == "returned"
    assert not room.journal.verify()


async def test_what_is_not_there_is_named(room: Room) -> None:
    with pytest.raises(Unknown, match="no task or detector 'estimat'; did you mean 'estimate'"):
        await room.promotions.refit("estimat", EVA)
    with pytest.raises(Unknown, match="no model"):
        await room.promotions.force("estimate", "0" * 16, EVA, "a typing error")
    with pytest.raises(Unknown, match="no proposal 'x'"):
        await room.promotions.approve("x", EVA)
    with pytest.raises(Refused, match="needs a reason"):
        await room.promotions.force("estimate", "0" * 16, EVA, "")
