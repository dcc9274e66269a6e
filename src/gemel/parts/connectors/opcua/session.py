"""The running connection: subscriptions, the watchdog, and what arrives."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Collection, Coroutine, Mapping, Sequence
from typing import Any, Final

from asyncua import ua

from gemel.core.errors import DataError, GemelError, Unavailable
from gemel.core.frame import Frame, concatenate
from gemel.core.job import JobResponse
from gemel.core.time import MILLISECOND, SECOND, Clock, duration_text
from gemel.parts.connectors.base import Counters, Door, Outcome, Write
from gemel.parts.connectors.opcua.convert import Converter
from gemel.parts.connectors.opcua.decode import Published, read_publish
from gemel.parts.connectors.opcua.history import read_before, read_raw
from gemel.parts.connectors.opcua.link import Link, status_text
from gemel.parts.connectors.opcua.pace import Pace
from gemel.parts.connectors.opcua.resolve import Resolver
from gemel.parts.connectors.opcua.write import Writer

__all__ = ["OpcUaSession"]

_ROWS: Final = 65_536
_ITEMS_PER_SUBSCRIPTION: Final = 10_000
_LIFETIME: Final = 60 * SECOND
_log = logging.getLogger(__name__)


class OpcUaSession:
    """One connection to a server; see `gemel.parts.connectors.base.Session`."""

    def __init__(self, link: Link, door: Door, pace: Pace) -> None:
        self.counters = Counters()
        self._link = link
        self._door = door
        self._pace = pace
        self._clock: Clock = door.clock
        self._resolver = Resolver(link)
        self._writer = Writer(link, self._resolver)
        self._converter = Converter(door.wanted, self.counters, door.encode, door.name)
        self._nodes: dict[int, Any] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._arrived: deque[Frame] = deque()
        self._rows = 0
        self._change = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._lost: Unavailable | None = None
        self._acknowledge: list[Any] = []
        self._waiting = 0
        self._heard = time.monotonic()
        self._silence_s = pace.silence / SECOND

    async def start(self) -> None:
        """Resolve the addresses against the namespaces of now, and start the watchdog."""
        self._nodes = await self._resolver.resolve(self._door.wanted, self.counters)
        self._spawn(self._watch(), "opcua watchdog")
        self._spawn(self._link.renew(), "opcua channel")

    async def stop(self) -> None:
        """End all tasks of this session."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._fail(Unavailable("the session is closed"))

    async def frames(self) -> AsyncIterator[Frame]:
        """See `Session.frames`. Subscribes when it is called, initial values come first."""
        await self._subscribe()
        for number in range(self._pace.requests if self._nodes else 0):
            self._spawn(self._publish(), f"opcua publish {number}")
        while True:
            await self._change.wait()
            self._change.clear()
            while self._arrived:
                frame = concatenate(list(self._arrived))
                self._arrived.clear()
                self._rows = 0
                self._room.set()
                for piece in frame.pieces(_ROWS):
                    yield piece
            if self._lost is not None:
                raise self._lost

    async def committed(self, position: str) -> None:
        """Nothing to do: a server forgets by itself, and history is asked by time."""

    async def history(
        self, start: int, end: int, signals: Sequence[int] | None = None, *, bound: bool = False
    ) -> AsyncIterator[Frame]:
        """See `Session.history`: HistoryRead of raw values, each signal in the order of time."""
        chosen = None if signals is None else set(signals)
        handles = [
            handle
            for handle in sorted(self._nodes)
            if chosen is None or self._door.wanted[handle].number in chosen
        ]
        if bound:
            async for columns in read_before(self._link, self._nodes, handles, start):
                yield self._converter.frame(columns, self._clock(), live=False)
        async for columns in read_raw(self._link, self._nodes, handles, start, end, self.counters):
            frame = self._converter.frame(columns, self._clock(), live=False)
            for piece in frame.pieces(_ROWS):
                if len(piece):
                    yield piece

    async def send(self, write: Write) -> Outcome:
        """See `Session.send`."""
        if self._lost is not None:
            raise Unavailable(str(self._lost))
        return await self._writer.write(write)

    async def jobs(
        self, address: str, wanted: Collection[str], over: Collection[str] = ()
    ) -> Mapping[str, JobResponse]:
        """See `JobReader.jobs`."""
        if self._lost is not None:
            raise Unavailable(str(self._lost))
        return await self._writer.jobs.look(address, wanted, over)

    async def _subscribe(self) -> None:
        handles = sorted(self._nodes)
        subscription, taken, interval_ms = 0, _ITEMS_PER_SUBSCRIPTION, 0.0
        position = 0
        is_fresh = False
        while position < len(handles):
            if taken >= _ITEMS_PER_SUBSCRIPTION:
                subscription, interval_ms = await self._create_subscription()
                taken, is_fresh = 0, True
            limit = min(self._link.limits.items, _ITEMS_PER_SUBSCRIPTION - taken)
            chunk = handles[position : position + limit]
            full = await self._create_items(subscription, interval_ms, chunk)
            if full and is_fresh and taken == 0 and len(full) == len(chunk):
                for handle in full:
                    self._refuse(handle, "BadTooManyMonitoredItems (the server is full)")
                full = []
            if full:  # this subscription takes no more: open another one for the rest
                handles[position : position + limit] = full
                taken = _ITEMS_PER_SUBSCRIPTION
                continue
            position += len(chunk)
            taken += len(chunk)
            is_fresh = False

    async def _create_subscription(self) -> tuple[int, float]:
        pace = self._pace
        request = ua.CreateSubscriptionRequest()
        parameters = request.Parameters
        parameters.RequestedPublishingInterval = pace.publishing / MILLISECOND
        parameters.RequestedMaxKeepAliveCount = max(1, round(pace.keep_alive / pace.publishing))
        lifetime = max(round(_LIFETIME / pace.publishing), 10)
        parameters.RequestedLifetimeCount = max(lifetime, 3 * parameters.RequestedMaxKeepAliveCount)
        parameters.MaxNotificationsPerPublish = pace.notifications
        parameters.PublishingEnabled = True
        answer = (await self._link.call(request, ua.CreateSubscriptionResponse)).Parameters
        revised = float(answer.RevisedPublishingInterval)
        if revised > parameters.RequestedPublishingInterval * 1.01:
            self.counters.note(
                f"subscriptions published every {revised:g} ms by the server, "
                f"every {parameters.RequestedPublishingInterval:g} ms was wanted"
            )
            _log.info(
                "%s: the server publishes every %g ms, %s was wanted",
                self._door.name, revised, duration_text(pace.publishing),
            )  # fmt: skip
        keep_alive_s = revised * int(answer.RevisedMaxKeepAliveCount) / 1000
        # The server may stay silent for one keep-alive: less patience would cut good connections.
        self._silence_s = max(self._silence_s, 2 * keep_alive_s + 0.5)
        return int(answer.SubscriptionId), revised

    async def _create_items(
        self, subscription: int, interval_ms: float, handles: Sequence[int]
    ) -> list[int]:
        """Ask for items; gives those for which this subscription has no room."""
        request = ua.CreateMonitoredItemsRequest()
        request.Parameters.SubscriptionId = subscription
        request.Parameters.TimestampsToReturn = ua.TimestampsToReturn.Both
        for handle in handles:
            sample = self._door.wanted[handle].sample or self._pace.sample
            item = ua.MonitoredItemCreateRequest()
            item.ItemToMonitor.NodeId = self._nodes[handle]
            item.ItemToMonitor.AttributeId = ua.AttributeIds.Value
            item.MonitoringMode = ua.MonitoringMode.Reporting
            item.RequestedParameters.ClientHandle = handle
            item.RequestedParameters.SamplingInterval = sample / MILLISECOND
            item.RequestedParameters.QueueSize = self._pace.queue(sample, interval_ms)
            item.RequestedParameters.DiscardOldest = True
            request.Parameters.ItemsToCreate.append(item)
        answer = await self._link.call(request, ua.CreateMonitoredItemsResponse)
        full = []
        longer: list[tuple[int, Any, int]] = []
        asked = request.Parameters.ItemsToCreate
        for handle, item, result in zip(handles, asked, answer.Results, strict=True):
            if result.StatusCode.is_good():
                wanted = item.RequestedParameters
                needed = self._revised(wanted, result, interval_ms)
                if needed > wanted.QueueSize:
                    longer.append((int(result.MonitoredItemId), wanted, needed))
            elif result.StatusCode.value == ua.StatusCodes.BadTooManyMonitoredItems:
                full.append(handle)
            else:
                self._refuse(handle, "{} ({})".format(*status_text(result.StatusCode.value)))
        if longer:
            await self._lengthen(subscription, longer, interval_ms)
        return full

    def _revised(self, wanted: Any, result: Any, interval_ms: float) -> int:
        """Note what the server made of a wish; gives the queue that it takes now."""
        sample_ms = float(result.RevisedSamplingInterval)
        if sample_ms > wanted.SamplingInterval * 1.01:
            self.counters.note(
                f"signals sampled every {sample_ms:g} ms by the server, "
                f"every {wanted.SamplingInterval:g} ms was wanted"
            )
        needed = self._pace.queue(round(sample_ms * MILLISECOND), interval_ms)
        given = int(result.RevisedQueueSize)
        if given < min(needed, wanted.QueueSize):
            self.counters.note(
                f"signals with a queue of {given} at the server, {needed} is needed: "
                "changes between two messages may be lost"
            )
        return needed

    async def _lengthen(
        self, subscription: int, items: Sequence[tuple[int, Any, int]], interval_ms: float
    ) -> None:
        """Ask for the queue that items need which the server samples faster than was asked."""
        request = ua.ModifyMonitoredItemsRequest()
        request.Parameters.SubscriptionId = subscription
        request.Parameters.TimestampsToReturn = ua.TimestampsToReturn.Both
        for number, wanted, needed in items:
            wanted.QueueSize = needed
            item = ua.MonitoredItemModifyRequest()
            item.MonitoredItemId = number
            item.RequestedParameters = wanted
            request.Parameters.ItemsToModify.append(item)
        answer = await self._link.call(request, ua.ModifyMonitoredItemsResponse)
        for (_, wanted, _), result in zip(items, answer.Results, strict=True):
            if result.StatusCode.is_good():
                self._revised(wanted, result, interval_ms)
            else:
                self.counters.note("signals whose queue the server does not make longer")

    def _refuse(self, handle: int, reason: str) -> None:
        wanted = self._door.wanted[handle]
        self.counters.bad_items[wanted.path] = f"{wanted.address}: {reason}"

    async def _publish(self) -> None:
        """Keep one Publish request with the server, while there is room for its answer."""
        while True:
            await self._room.wait()
            request = ua.PublishRequest()
            request.Parameters.SubscriptionAcknowledgements = self._acknowledge
            self._acknowledge = []
            if self._waiting == 0:
                self._heard = time.monotonic()
            self._waiting += 1
            try:
                data = await self._link.ask(request, timeout_s=0)
            except GemelError as error:
                if "BadTooManyPublishRequests" in str(error):
                    return
                if "BadTimeout" in str(error):
                    continue
                raise
            finally:
                self._waiting -= 1
            self._heard = time.monotonic()
            try:
                self._take(read_publish(data))
            except DataError as error:
                self.counters.lose(f"a notification that cannot be read: {error}")

    def _take(self, published: Published) -> None:
        for status in published.status_changes:
            raise Unavailable("the server gave up the subscription: {} ({})".format(
                *status_text(status)
            ))  # fmt: skip
        if not published.is_keep_alive:
            acknowledgement = ua.SubscriptionAcknowledgement()
            acknowledgement.SubscriptionId = published.subscription
            acknowledgement.SequenceNumber = published.sequence
            self._acknowledge.append(acknowledgement)
        received = self._clock()
        for columns in published.columns:
            frame = self._converter.frame(columns, received)
            if len(frame):
                self._arrived.append(frame)
                self._rows += len(frame)
        if self._rows >= self._pace.buffer_rows:
            self._room.clear()
        self._change.set()

    async def _watch(self) -> None:
        """Notice a peer that went silent or was restarted, sooner than TCP does."""
        period_s = self._pace.keep_alive / SECOND
        while True:
            await asyncio.sleep(period_s)
            if self._waiting and time.monotonic() - self._heard > self._silence_s:
                raise Unavailable(f"no notification for {self._silence_s:.1f} s")
            async with asyncio.timeout(self._silence_s):
                await self._link.check_alive()

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A task that fails ends the session; the caller learns it from `frames`."""
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is None:
            return
        if not isinstance(error, (GemelError, TimeoutError)):
            _log.error("%s: %s failed", self._door.name, task.get_name(), exc_info=error)
        if isinstance(error, TimeoutError):
            error = Unavailable(f"no answer for {self._silence_s:.1f} s")
        self._fail(Unavailable(str(error) or type(error).__name__))

    def _fail(self, error: Unavailable) -> None:
        if self._lost is None:
            self._lost = error
        self._change.set()
        self._room.set()
