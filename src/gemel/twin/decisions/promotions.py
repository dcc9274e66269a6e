"""Which model is champion: proposed by learning, decided by people or the plant file, journalled.

A promotion goes the way of a command as far as it can: it is proposed with its evidence, waits for
an engineer unless the plant file lets Gemel decide, and is in the journal, on disk, before it
holds. A return to the model before needs nobody: it is what was approved earlier.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from gemel.core.errors import GemelError, Refused, Unknown, did_you_mean
from gemel.core.event import Event, make_id
from gemel.core.time import Clock
from gemel.twin.decisions.ledger import Ledger, Steps
from gemel.twin.decisions.people import SYSTEM, Actor, must
from gemel.twin.learning.live.renewed import Renewed
from gemel.twin.learning.live.request import Request

__all__ = ["Promotion", "Promotions"]

log = logging.getLogger("gemel.decisions")

_KEPT: Final = 50


@dataclass(frozen=True, slots=True)
class Promotion:
    """One request on its way: waiting, promoted, returned, declined or overtaken."""

    id: str
    time: int
    request: Request
    state: str
    actor: str = ""
    said: str = ""

    def report(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)


class Promotions:
    """All decisions about models. Every call comes from the event loop.

    renewed  by name: tasks that learn, and detectors at work
    between  runs work in the compute thread, which alone may change one of them
    """

    def __init__(
        self,
        renewed: Mapping[str, Renewed],
        ledger: Ledger,
        clock: Clock,
        between: Callable[[Callable[[], list[Event]]], Awaitable[list[Event]]],
        emit: Callable[[Iterable[Event]], None],
    ) -> None:
        self.renewed = renewed
        self._ledger = ledger
        self._clock = clock
        self._between = between
        self._emit = emit
        self._all: dict[str, Promotion] = {}

    def items(self) -> list[Promotion]:
        """Newest first."""
        return sorted(self._all.values(), key=lambda p: p.time, reverse=True)

    async def take(self, request: Request) -> None:
        """What a learner asks for."""
        now = self._clock()
        name = make_id(request.task, "promotion", request.model, now)[:16]
        for other in list(self._all.values()):
            if other.request.task == request.task and other.state == "waiting":
                self._put(other, "overtaken", SYSTEM, "another model was proposed")
        self._all[name] = Promotion(name, now, request, "waiting")
        while len(self._all) > _KEPT:
            del self._all[next(iter(self._all))]
        note = "model proposed" if request.kind == "promote" else "model found worse"
        await self._note(note, request, SYSTEM, request.reason)
        if request.alone:
            await self._promote(name, SYSTEM, request.reason)

    async def approve(self, name: str, actor: Actor, reason: str = "") -> Promotion:
        """The proposed model becomes champion. Takes an engineer."""
        must(actor, "engineer", "decide which model is champion")
        self._waiting(name)
        await self._promote(name, actor.name, reason or "approved", role=actor.role)
        return self._all[name]

    async def decline(self, name: str, actor: Actor, reason: str) -> Promotion:
        """It stays as it is, and the candidate is given up. Takes a reason."""
        must(actor, "engineer", "decide which model is champion")
        if not reason.strip():
            raise Refused("declining needs a reason")
        found = self._waiting(name)
        request = found.request
        await self._note("model declined", request, actor.name, reason, role=actor.role)
        one, now = self._renewed(request.task), self._clock()
        self._emit(
            await self._between(
                lambda: one.drop(request.model, actor.name, reason, now, request.evidence)
            )
        )
        self._put(found, "declined", actor.name, reason)
        return self._all[name]

    async def force(self, task: str, model: str, actor: Actor, reason: str) -> None:
        """Make any model of the registry champion, whatever comparisons say. It is watched like
        any other: a better one before it takes its place again."""
        must(actor, "engineer", "make a model champion")
        if not reason.strip():
            raise Refused("to make a model champion without a comparison needs a reason")
        one = self._renewed(task)
        fitted = await asyncio.to_thread(one.registry.get, model)
        if why := one.unfit(fitted):
            raise Refused(f"model {model} cannot be champion of {task}: {why}")
        request = Request(
            task, one.asset, one.title, "promote", model, one.champion, reason, {},
            alone=False,
        )  # fmt: skip
        await self._hold(request, actor.name, reason, role=actor.role)

    async def refit(self, task: str, actor: Actor, because: str = "") -> None:
        """Fit again now. `because` is what the actor says of what has changed: a detector learns
        from rows whose scores have crept up only if somebody says why that is no fault."""
        must(actor, "engineer", "have a model fitted")
        one = self._renewed(task)
        await asyncio.to_thread(getattr, one, "registry")  # says so where none is renewed

        def want() -> list[Event]:
            one.want(f"as {actor.name} wished", because.strip())
            return []

        await self._between(want)

    async def stop(self, task: str, actor: Actor) -> None:
        """Give up the fit that runs."""
        must(actor, "engineer", "stop a fit")
        one = self._renewed(task)

        def stop() -> list[Event]:
            one.stop_fitting()
            return []

        await self._between(stop)

    async def _promote(self, name: str, actor: str, reason: str, **payload: Any) -> None:
        found = self._all[name]
        try:
            await self._hold(found.request, actor, reason, **payload)
        except GemelError as error:
            self._put(found, "failed", actor, str(error))
            raise
        state = "promoted" if found.request.kind == "promote" else "returned"
        self._put(found, state, actor, reason)

    async def _hold(self, request: Request, actor: str, reason: str, **payload: Any) -> None:
        """First the journal, then the twin."""
        one, now = self._renewed(request.task), self._clock()
        kind = "model promoted" if request.kind == "promote" else "model returned"
        await self._note(kind, request, actor, reason, **payload)
        returned = request.kind == "return"
        self._emit(
            await self._between(
                lambda: one.promote(
                    request.model,
                    actor,
                    reason,
                    now,
                    returned=returned,
                    evidence=request.evidence,
                )
            )
        )

    async def _note(
        self, kind: str, request: Request, actor: str, reason: str, **payload: Any
    ) -> None:
        steps = Steps(self._ledger, self._clock())
        steps.note(
            kind, f"{request.asset}/{request.task}", actor, reason, title=request.title,
            model=request.model, former=request.former, evidence=request.evidence, **payload,
        )  # fmt: skip
        await self._ledger.write(steps)

    def _put(self, promotion: Promotion, state: str, actor: str, said: str) -> None:
        self._all[promotion.id] = Promotion(
            promotion.id, promotion.time, promotion.request, state, actor, said
        )

    def _waiting(self, name: str) -> Promotion:
        found = self._all.get(name)
        if found is None:
            raise Unknown(f"there is no proposal '{name}' about a model")
        if found.state != "waiting":
            raise Refused(f"it is {found.state} already: {found.said}")
        return found

    def _renewed(self, task: str) -> Renewed:
        one = self.renewed.get(task)
        if one is None:
            raise Unknown(f"no task or detector '{task}'; {did_you_mean(task, self.renewed)}")
        return one
