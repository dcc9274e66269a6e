"""The conformance suite for connectors: whoever writes one, subclasses it and gets the tests.

    class TestMine(ConnectorSuite):
        def make_peer(self, folder):
            return MyPeer(folder)

A `Peer` is the other side: a small real server, broker or file writer. The suite starts, stops and
kills it, and looks at what the connector makes of that. Needs pytest and pytest-asyncio.
"""

from __future__ import annotations

import asyncio
import threading
import time
import tracemalloc
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from gemel.core.catalogue import Catalogue
from gemel.core.errors import Unavailable
from gemel.core.frame import Frame
from gemel.parts.connectors.base import Connector, Counters, Door, Session, Wanted

__all__ = ["ConnectorSuite", "Peer", "collect", "door_for"]

_MEGABYTE = 1_000_000


class Peer(ABC):
    """The other side of a connection, as the suite needs it. One is made per test."""

    good: tuple[Wanted, ...]
    """At least two signals that exist, of any type; `number` is overwritten by the suite."""
    bad: Wanted | None = None
    """A signal that cannot be had, e.g. with an address that leads nowhere."""
    can_die: bool = True
    """False for sources that are not there or gone, such as files."""

    @abstractmethod
    def connector(self) -> Connector:
        """Settings that reach this peer, also before it is started."""

    @abstractmethod
    async def start(self) -> None:
        """Start, or start again after `kill`, at the same address; returns when it is ready."""

    @abstractmethod
    async def stop(self) -> None:
        """End in order; may be called when it is not running."""

    @abstractmethod
    async def kill(self) -> None:
        """End at once, without a word to the connector."""

    @abstractmethod
    async def produce(self, samples: int) -> None:
        """Make at least so many new samples of `good` available; returns when that is done."""


def door_for(
    folder: Path,
    wanted: tuple[Wanted, ...],
    position: str | None = None,
    catalogue: Catalogue | None = None,
) -> Door:
    """A door with the real clock, and the signals numbered by a catalogue."""
    known = catalogue if catalogue is not None else Catalogue()
    numbered = tuple(
        replace(w, number=known.declare(w.path, w.type, labels=w.labels)) for w in wanted
    )
    folder.mkdir(parents=True, exist_ok=True)
    return Door("suite", time.time_ns, numbered, known.encode, folder, position, known.number)


async def collect(frames: AsyncIterator[Frame], rows: int, seconds: float) -> list[Frame]:
    """Frames until there are `rows` samples; fails when they do not come in time."""
    found: list[Frame] = []
    try:
        async with asyncio.timeout(seconds):
            async for frame in frames:
                found.append(frame)
                if sum(map(len, found)) >= rows:
                    return found
    except TimeoutError:
        got = sum(map(len, found))
        pytest.fail(f"{got} samples came within {seconds:g} s, {rows} were expected")
    return found


@dataclass(frozen=True)
class _Held:
    """What this process holds open."""

    tasks: frozenset[str]
    threads: int
    sockets: int

    @classmethod
    def now(cls) -> _Held:
        sockets = 0
        for entry in Path("/proc/self/fd").glob("*"):
            try:
                sockets += str(entry.readlink()).startswith("socket:")
            except OSError:
                continue  # closed while we looked
        tasks = frozenset(task.get_name() for task in asyncio.all_tasks())
        # The loop's own pool of helpers is made when first used and stays; that is no leak.
        threads = [t for t in threading.enumerate() if not t.name.startswith("asyncio_")]
        return cls(tasks, len(threads), sockets)


class ConnectorSuite(ABC):
    """What every connector promises. Subclass it under a name that begins with ``Test``."""

    patience_s: float = 30.0
    """How long a sample may take to come; generous, for a busy machine."""
    recovery_s: float = 15.0
    """How soon after the peer is ready again the first sample must be there."""

    @abstractmethod
    def make_peer(self, folder: Path) -> Peer:
        """A peer that is not started yet; it may use `folder`."""

    @asynccontextmanager
    async def running(self, folder: Path) -> AsyncIterator[Peer]:
        """A started peer."""
        peer = self.make_peer(folder)
        await peer.start()
        try:
            yield peer
        finally:
            await peer.stop()

    def test_delivery_is_declared(self, tmp_path: Path) -> None:
        connector = self.make_peer(tmp_path).connector()
        assert type(connector).delivery in ("confirmed", "resumable", "live-only")
        assert type(connector).api == Connector.api

    def test_settings_are_documented(self, tmp_path: Path) -> None:
        fields = type(self.make_peer(tmp_path).connector()).model_fields
        undocumented = [name for name, field in fields.items() if not field.description]
        assert not undocumented, f"fields without a description: {', '.join(undocumented)}"
        assert (type(self.make_peer(tmp_path).connector()).__doc__ or "").strip()

    @pytest.mark.asyncio
    async def test_gives_values_with_time_and_quality(self, tmp_path: Path) -> None:
        async with self.running(tmp_path) as peer:
            door = door_for(tmp_path / "door", peer.good)
            began = time.time_ns()
            async with peer.connector().open(door) as session:
                frames = session.frames()
                making = asyncio.create_task(peer.produce(20))
                found = await collect(frames, 20, self.patience_s)
                await making
            numbers = {w.number for w in door.wanted}
            for frame in found:
                assert frame.source == door.name
                # Recorded data have no time of arrival, which is said by 0.
                assert frame.received >= began or (not peer.can_die and frame.received == 0)
                assert len(frame) <= 65_536
                assert set(frame.signal.tolist()) <= numbers
                assert (frame.time > 0).all()
                assert np.isfinite(frame.value[frame.quality >= 0]).all(), "good but no number"

    @pytest.mark.asyncio
    async def test_counts_everything(self, tmp_path: Path) -> None:
        async with self.running(tmp_path) as peer:
            wanted = peer.good if peer.bad is None else (*peer.good, peer.bad)
            async with peer.connector().open(door_for(tmp_path / "door", wanted)) as session:
                making = asyncio.create_task(peer.produce(50))
                found = await collect(session.frames(), 50, self.patience_s)
                await making
                rows = sum(map(len, found))
                seen: Counters = session.counters
            # Samples may have arrived that were not fetched any more, but none may be unaccounted.
            assert seen.received - seen.rejected >= rows
            assert seen.rejected <= sum(seen.reasons.values())

    @pytest.mark.asyncio
    async def test_isolates_a_bad_item(self, tmp_path: Path) -> None:
        async with self.running(tmp_path) as peer:
            if peer.bad is None:
                pytest.skip("this peer has no bad item")
            wanted = (peer.bad, *peer.good)
            async with peer.connector().open(door_for(tmp_path / "door", wanted)) as session:
                making = asyncio.create_task(peer.produce(20))
                found = await collect(session.frames(), 20, self.patience_s)
                await making
                assert sum(map(len, found)) >= 20
                assert session.counters.bad_items.get(peer.bad.path), "no reason for the bad item"
                assert not {w.path for w in peer.good} & set(session.counters.bad_items)

    @pytest.mark.asyncio
    async def test_closes_cleanly(self, tmp_path: Path) -> None:
        async with self.running(tmp_path) as peer:
            door = door_for(tmp_path / "door", peer.good)
            await self._use(peer, door)  # thread pools and the like are made once
            before = _Held.now()
            for _ in range(3):
                await self._use(peer, door)
            await self._nothing_left(before)

    @pytest.mark.asyncio
    async def test_closes_cleanly_when_the_peer_is_gone(self, tmp_path: Path) -> None:
        async with self.running(tmp_path) as peer:
            self._needs_death(peer)
            door = door_for(tmp_path / "door", peer.good)
            await self._use(peer, door)
            before = _Held.now()
            async with peer.connector().open(door) as session:
                making = asyncio.create_task(peer.produce(5))
                await collect(session.frames(), 2, self.patience_s)
                await making
                await peer.kill()
            await self._nothing_left(before)

    @pytest.mark.asyncio
    async def test_unavailable_when_the_peer_is_not_there(self, tmp_path: Path) -> None:
        peer = self.make_peer(tmp_path)
        self._needs_death(peer)
        before = _Held.now()
        door = door_for(tmp_path / "door", peer.good)

        async def open_it() -> None:
            async with peer.connector().open(door):
                pytest.fail("opened without a peer")

        with pytest.raises(Unavailable):
            await asyncio.wait_for(open_it(), self.patience_s)
        await self._nothing_left(before)

    @pytest.mark.asyncio
    async def test_unavailable_when_the_peer_dies(self, tmp_path: Path) -> None:
        async with self.running(tmp_path) as peer:
            self._needs_death(peer)
            async with peer.connector().open(door_for(tmp_path / "door", peer.good)) as session:
                frames = session.frames()
                making = asyncio.create_task(peer.produce(5))
                await collect(frames, 2, self.patience_s)
                await making
                await peer.kill()
                await self._must_end(frames)

    @pytest.mark.asyncio
    async def test_works_again_with_a_new_session(self, tmp_path: Path) -> None:
        async with self.running(tmp_path) as peer:
            self._needs_death(peer)
            door = door_for(tmp_path / "door", peer.good)
            async with peer.connector().open(door) as session:
                frames = session.frames()
                making = asyncio.create_task(peer.produce(5))
                await collect(frames, 2, self.patience_s)
                await making
                await peer.kill()
                await self._must_end(frames)
            await peer.start()
            ready = time.monotonic()
            making = asyncio.create_task(peer.produce(5))
            async with self._opened(peer, door) as session:
                await collect(session.frames(), 1, self.patience_s)
            took = time.monotonic() - ready
            await making
            assert took <= self.recovery_s, f"the first value came after {took:.1f} s"

    @pytest.mark.asyncio
    async def test_memory_is_bounded_when_nobody_reads(self, tmp_path: Path) -> None:
        async with self._session(tmp_path) as (peer, session):
            frames = session.frames()
            making = asyncio.create_task(peer.produce(5))
            await collect(frames, 2, self.patience_s)
            await making
            tracemalloc.start()
            try:
                await peer.produce(1000)
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            assert peak < 64 * _MEGABYTE
            making = asyncio.create_task(peer.produce(5))
            await collect(frames, 2, self.patience_s)
            await making

    @pytest.mark.asyncio
    async def test_committed_may_be_called_with_any_old_position(self, tmp_path: Path) -> None:
        async with self._session(tmp_path) as (peer, session):
            making = asyncio.create_task(peer.produce(40))
            found = await collect(session.frames(), 40, self.patience_s)
            await making
            positions = [f.position for f in found if f.position is not None]
            for position in [*positions, *positions[:1], *positions[-1:]]:
                await session.committed(position)

    @pytest.mark.asyncio
    async def test_history_fills_a_gap(self, tmp_path: Path) -> None:
        async with self.running(tmp_path) as peer:
            if type(peer.connector()).delivery != "resumable":
                pytest.skip("only a resumable source has history")
            door = door_for(tmp_path / "door", peer.good)
            start = time.time_ns()
            await peer.produce(40)
            end = time.time_ns()
            async with peer.connector().open(door) as session:
                found = [f async for f in session.history(start, end)]
            assert sum(map(len, found)) > 0, "no sample of the gap came back"
            for frame in found:
                assert ((frame.time > start) & (frame.time <= end)).all()
                assert frame.position is None, "history must not move the position"
            for number in {w.number for w in door.wanted}:
                times = np.concatenate([f.time[f.signal == number] for f in found])
                assert (np.diff(times) >= 0).all(), "history of a signal in its own order"

    @asynccontextmanager
    async def _session(self, folder: Path) -> AsyncIterator[tuple[Peer, Session]]:
        async with (
            self.running(folder) as peer,
            peer.connector().open(door_for(folder / "door", peer.good)) as session,
        ):
            yield peer, session

    @asynccontextmanager
    async def _opened(self, peer: Peer, door: Door) -> AsyncIterator[Session]:
        """Open as the supervisor does: again and again until the peer answers."""
        deadline = time.monotonic() + self.patience_s
        while True:
            try:
                async with peer.connector().open(door) as session:
                    yield session
                return
            except Unavailable:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.2)

    async def _use(self, peer: Peer, door: Door) -> None:
        async with peer.connector().open(door) as session:
            making = asyncio.create_task(peer.produce(5))
            await collect(session.frames(), 2, self.patience_s)
            await making

    async def _must_end(self, frames: AsyncIterator[Frame]) -> None:
        async def read_on() -> None:
            async for _ in frames:
                pass

        with pytest.raises(Unavailable):
            await asyncio.wait_for(read_on(), self.patience_s)

    async def _nothing_left(self, before: _Held) -> None:
        after = _Held.now()
        for _ in range(20):  # transports end in the loop's next rounds
            if after == before:
                return
            await asyncio.sleep(0.05)
            after = _Held.now()
        left = sorted(after.tasks - before.tasks)
        assert not left, f"tasks are left: {', '.join(left)}"
        assert after.threads <= before.threads, "threads are left"
        assert after.sockets <= before.sockets, "sockets are left"

    def _needs_death(self, peer: Peer) -> None:
        if not peer.can_die:
            pytest.skip("this peer cannot die")
