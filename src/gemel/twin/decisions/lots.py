"""Who holds a lot back, clears, scraps or releases it, and what it was stated to be made of.

Each of these is an entry of the journal, on disk and chained before anything else is done, and then
an Event of the kind ``lot_said``. What is made of a lot on hold is held, too, until a person clears
it; a lot on hold that goes on is told (``lot_on_hold``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from gemel.core.errors import ConfigurationError, Refused, Unknown, did_you_mean
from gemel.core.event import Event, Payload
from gemel.core.time import Clock
from gemel.twin.decisions.journal import Draft, Entry, Journal
from gemel.twin.decisions.people import SYSTEM, Actor, must
from gemel.twin.operations.lots import (
    Book,
    Hold,
    LotAbout,
    Made,
    Reached,
    Said,
    Step,
    made_links,
    trace,
)

__all__ = ["LotOnHold", "LotSaid", "Lots"]

_PLACE: Final = "lots"
_PAGE: Final = 5_000


class LotSaid(Payload):
    """Kind ``lot_said``; the subject is ``lots/`` and the lot. `said` is the kind of the journal's
    entry, `entry` its place and hash."""

    said: str
    lot: str
    actor: str
    reason: str = ""
    entry: str


class LotOnHold(Payload):
    """A lot on hold went on. Kind ``lot_on_hold``; the subject is where."""

    lot: str
    sentence: str
    reason: str
    holds: tuple[int, ...]


class Lots:
    """The lots of a plant. For the event loop; one change waits for another."""

    def __init__(
        self, journal: Journal, clock: Clock, emit: Callable[[Iterable[Event]], None]
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._emit = emit
        self._changing = asyncio.Lock()
        self._entries: list[Said] = []
        self.book = Book()

    async def restore(self) -> None:
        """Read what the journal holds."""
        self._entries = await asyncio.to_thread(self._read)
        self.book = Book.of(self._entries)

    def as_of(self, moment: int | None) -> Book:
        """The book, as it was at a moment; it does not change any more."""
        return self.book.copy() if moment is None else Book.of(tuple(self._entries), moment)

    # What was made of what

    async def state(self, statements: Sequence[Made], actor: Actor) -> list[str]:
        """Write down what was made of what; the ids. What was said before is not said again; what
        is made of a lot on hold is held."""
        must(actor, "operator", "state what was made of what")
        for made in statements:
            if made.start > made.end:
                raise ConfigurationError(f"'{made.made}' was made from a time on that is after its "
                                         "end; give start before end")  # fmt: skip
        async with self._changing:
            drafts = await asyncio.to_thread(self._stated, statements, actor.name)
            await self._write(drafts)
        return [made.id for made in statements]

    def _stated(self, statements: Iterable[Made], actor: str) -> list[Draft]:
        """What the journal is to say of them; for a thread, while nobody changes the book."""
        new = {made.id: made for made in statements if made.id not in self.book.made}
        drafts = [self._draft(actor, "lot-made", m.made, m.model_dump(mode="json"))
                  for m in new.values()]  # fmt: skip
        return drafts + self._following(new)

    async def withdraw(self, statement: str, actor: Actor, reason: str) -> None:
        """A statement was wrong: from now on it does not hold. Holds that came of it stay."""
        must(actor, "operator", "withdraw a statement")
        async with self._changing:
            made = self.book.made.get(statement)
            if made is None:
                raise Unknown(f"no statement '{statement}' holds; `gemel lots show LOT` lists them")
            payload = {"statement": statement, "reason": reason}
            await self._write([self._draft(actor.name, "lot-withdrawn", made.made, payload)])

    def _following(self, new: Mapping[str, Made]) -> list[Draft]:
        """What is made of a lot on hold is held, and so is what was made of that."""
        links = made_links([*self.book.made.values(), *new.values()])
        drafts: dict[tuple[str, str], Draft] = {}
        for made in new.values():
            for part in made.of:
                for hold in self.book.about(part.lot).held:
                    if hold.since is not None and made.end < hold.since:
                        continue  # what went into it, did so before it was suspect
                    start = max(made.start, hold.since or made.start)
                    step = Step("made of", made.made, part.lot, made.asset, start, made.end, True)
                    for lot, found in trace(links, {made.made: step}).items():
                        if not self._held_for(lot, part.lot) and (lot, part.lot) not in drafts:
                            drafts[lot, part.lot] = self._follows(found, part.lot, hold)
        return list(drafts.values())

    def _follows(self, found: Reached, parent: str, hold: Hold) -> Draft:
        reason = f"made of {parent}, which is on hold: {hold.reason}"[:1_000]
        why = {"lot": parent, "hold": hold.id}
        return self._draft(SYSTEM, "lot-held", found.lot, _held(found, reason, why))

    def _held_for(self, lot: str, parent: str) -> bool:
        about = self.book.about(lot)
        return about.scrapped is not None or any(h.why.get("lot") == parent for h in about.held)

    # Holding back

    async def hold(
        self,
        reached: Mapping[str, Reached | None],
        actor: Actor,
        reason: str,
        why: Mapping[str, Any] | None = None,
    ) -> list[LotAbout]:
        """Hold lots back; `reached` says how each was found, None if somebody just names it. Raises
        `Refused` if one is scrapped."""
        must(actor, "operator", "hold a lot back")
        if not reached:
            raise ConfigurationError("no lot to hold; name one, or an asset and a window with some")
        async with self._changing:
            for lot in reached:
                if self.book.about(lot).scrapped is not None:
                    raise Refused(f"'{lot}' is scrapped; there is nothing to hold back")
            await self._write(
                [
                    self._draft(actor.name, "lot-held", lot, _held(found, reason, why or {}))
                    for lot, found in reached.items()
                ]
            )
        return [self.book.about(lot) for lot in reached]

    async def clear(
        self, lots: Sequence[str], actor: Actor, reason: str, holds: Sequence[int] | None = None
    ) -> list[LotAbout]:
        """End holds, all of a lot or those in `holds`. Raises `Refused` where there is none."""
        must(actor, "engineer", "clear a lot")
        async with self._changing:
            drafts = []
            for lot in dict.fromkeys(lots):
                open_ = [hold.id for hold in self._known(lot).held]
                ended = open_ if holds is None else [i for i in open_ if i in holds]
                if not ended:
                    state = self.book.about(lot).state
                    raise Refused(f"'{lot}' is {state}; there is no such hold to clear")
                drafts.append(self._draft(actor.name, "lot-cleared", lot,
                                          {"reason": reason, "holds": ended}))  # fmt: skip
            await self._write(drafts)
        return [self.book.about(lot) for lot in dict.fromkeys(lots)]

    async def scrap(self, lots: Sequence[str], actor: Actor, reason: str) -> list[LotAbout]:
        """Scrap lots, for good. Raises `Refused` for one that is scrapped already."""
        must(actor, "engineer", "scrap a lot")
        async with self._changing:
            for lot in lots:
                if self.book.about(lot).scrapped is not None:
                    raise Refused(f"'{lot}' is scrapped already")
            await self._write([
                self._draft(actor.name, "lot-scrapped", lot, {"reason": reason})
                for lot in dict.fromkeys(lots)
            ])  # fmt: skip
        return [self.book.about(lot) for lot in dict.fromkeys(lots)]

    # Release

    async def released(
        self,
        lot: str,
        actor: Actor,
        seal: Callable[[Book], tuple[str, Mapping[str, Any]]],
    ) -> str:
        """A lot is released by a record: its hash.

        `seal` makes the record, signed and on disk, and gives its hash and what the journal is to
        say of it; it is called in a thread, with the book as it is until the journal has said so.
        Raises `Refused` if the lot is on hold or scrapped.
        """
        must(actor, "engineer", "release a lot")
        async with self._changing:
            self.may_release(lot)
            book = self.book.copy()
            digest, payload = await asyncio.to_thread(seal, book)
            await self._write([self._draft(actor.name, "lot-released", lot, payload)])
        return digest

    def may_release(self, lot: str) -> None:
        """Raise `Refused` if a lot cannot be released."""
        about = self.book.about(lot)
        if about.scrapped is not None:
            raise Refused(f"'{lot}' is scrapped: {about.scrapped.payload['reason']}")
        if about.held:
            hold = about.held[0]
            raise Refused(
                f"'{lot}' is on hold since {hold.actor} said: {hold.reason}; clear it first, or "
                "scrap the lot"
            )

    # A lot on hold that goes on

    def goes_on(self, events: Iterable[Event]) -> list[Event]:
        """What to tell of lots on hold that come to an asset; for new Events of any kind."""
        found = []
        for event in events:
            if event.kind != "lot" or not event.lasts:
                continue
            about = self.book.about(str(event.payload["lot"]))
            if about.held or about.scrapped is not None:
                found.append(self._on_hold(event, about))
        return found

    def _on_hold(self, event: Event, about: LotAbout) -> Event:
        reason = about.held[0].reason if about.held else str(
            (about.scrapped.payload if about.scrapped else {}).get("reason", ""))  # fmt: skip
        told = LotOnHold(
            lot=about.lot, reason=reason, holds=tuple(hold.id for hold in about.held),
            sentence=f"{about.lot} is {about.state} ({reason}), and came to {event.subject}",
        )  # fmt: skip
        now = self._clock()
        return Event("lot_on_hold", event.subject, event.time, "lots", now,
                     payload=told.model_dump(mode="json"), cause=event.id)  # fmt: skip

    def _known(self, lot: str) -> LotAbout:
        if lot not in self.book.lots:
            raise Unknown(f"nothing was said of a lot '{lot}'; {did_you_mean(lot, self.book.lots)}")
        return self.book.lots[lot]

    # The journal

    def _draft(self, actor: str, kind: str, lot: str, payload: Mapping[str, Any]) -> Draft:
        return Draft(self._clock(), actor, kind, f"{_PLACE}/{lot}", payload=payload)

    async def _write(self, drafts: Sequence[Draft]) -> None:
        if not drafts:
            return
        entries = await asyncio.to_thread(self._journal.append, *drafts)
        events = []
        for entry in entries:
            said = _said(entry)
            self._entries.append(said)
            self.book.take(said)
            told = LotSaid(
                said=said.kind, lot=said.lot, actor=said.actor, entry=str(entry.head),
                reason=str(said.payload.get("reason", "")),
            )  # fmt: skip
            events.append(Event(
                "lot_said", entry.draft.subject, said.time, "lots", said.time,
                payload=told.model_dump(mode="json"), sequence=entry.sequence,
            ))  # fmt: skip
        self._emit(events)

    def _read(self) -> list[Said]:
        found: list[Said] = []
        after = 0
        while page := self._journal.entries(after=after, subject=_PLACE, limit=_PAGE):
            found += [_said(entry) for entry in page]
            after = page[-1].sequence
        return found


def _held(found: Reached | None, reason: str, why: Mapping[str, Any]) -> dict[str, Any]:
    """What the journal says of a hold."""
    payload = {"reason": reason, "why": dict(why)}
    if found is None or not found.way:
        return payload
    return {**payload, "way": [step.record() for step in found.way], "sure": found.sure,
            "since": found.time}  # fmt: skip


def _said(entry: Entry) -> Said:
    draft = entry.draft
    lot = draft.subject.removeprefix(f"{_PLACE}/")
    return Said(entry.sequence, draft.time, draft.actor, draft.kind, lot, draft.payload)
