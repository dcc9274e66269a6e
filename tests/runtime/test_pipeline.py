"""The way of a sample: counted, ordered, bounded, and honest when the disk is not there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest

from gemel.core.errors import StorageFull, Unavailable
from gemel.core.event import Event
from gemel.core.frame import Frame
from gemel.parts.historians import HISTORIANS
from gemel.parts.historians.base import Query, Receipt, Store
from gemel.runtime.clock import system_clock
from gemel.runtime.pipeline import Pipeline
from gemel.runtime.watching import Watchers
from gemel.twin.mirror import Mirror


class Failing:
    """A store whose disk is full while `full` is set."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.full = False

    def commit(self, frames: Sequence[Frame]) -> Receipt:
        if self.full:
            raise StorageFull("no room")
        return self._store.commit(frames)

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)


def frame(first: int, rows: int = 10, source: str = "s", position: str | None = None) -> Frame:
    n = np.arange(first, first + rows)
    return Frame.of(n % 2, n * 1_000_000, n, source=source, position=position)


@pytest.fixture
def store(tmp_path: Path) -> Iterable[Failing]:
    with HISTORIANS.build({"kind": "duckdb", "keep_free": 0}).open(tmp_path, system_clock) as real:
        real.catalogue.declare("a")
        real.catalogue.declare("b")
        yield Failing(real)


def stored(store: Failing) -> list[float]:
    table = store.query(Query(np.array([0, 1], np.int32), -(2**60), 2**60))
    return sorted(table.column("value").to_pylist())


async def test_what_was_acknowledged_is_stored_and_counted(store: Failing) -> None:
    pipeline = Pipeline(store, Mirror(2), system_clock)
    told: list[dict[str, str]] = []
    pipeline.on_committed = told.append
    pipeline.start()
    for i in range(50):
        done = await pipeline.submit(frame(i * 10, position=str(i)), patient=True)
    await done
    assert stored(store) == list(range(500))
    assert told[-1] == {"s": "49"}
    await pipeline.stop()
    assert (pipeline.live.received, pipeline.live.accepted) == (500, 500)
    assert (pipeline.history.received, pipeline.history.accepted) == (500, 500)


async def test_stopping_stores_what_was_submitted(store: Failing) -> None:
    pipeline = Pipeline(store, Mirror(2), system_clock)
    pipeline.start()
    for i in range(20):
        await pipeline.submit(frame(i * 10))
    await pipeline.stop()
    assert stored(store) == list(range(200))


async def test_unknown_signals_are_rejected_and_counted(store: Failing) -> None:
    pipeline = Pipeline(store, Mirror(2), system_clock)
    pipeline.start()
    await (await pipeline.submit(Frame.of([0, 7, -1, 1], [1, 1, 1, 1], [1, 2, 3, 4])))
    await pipeline.stop()
    assert stored(store) == [1, 4]
    assert pipeline.live.rejected == 2


async def test_a_full_disk_leaves_a_gap_and_the_mirror_lives(store: Failing) -> None:
    mirror = Mirror(2)
    pipeline = Pipeline(store, mirror, system_clock)
    seen: list[Event] = []
    pipeline.on_events = seen.extend
    pipeline.start()
    store.full = True
    refused = await pipeline.submit(frame(0))
    with pytest.raises(StorageFull):
        await refused
    assert mirror.snapshot(system_clock()).value.tolist() == [8, 9]
    assert "no room" in pipeline.storage_problem
    store.full = False
    await (await pipeline.submit(frame(10)))
    await pipeline.stop()
    assert stored(store) == list(range(10, 20))
    assert pipeline.history.refused == 10
    (gap,) = [e for e in seen if e.kind == "gap"]
    assert (gap.time, gap.end) == (0, 9_000_000)
    assert gap.payload["rows"] == 10
    assert gap.payload["signals"] == (0, 1)
    assert [e.kind for e in store.events("gap")] == ["gap"]


async def test_nothing_of_a_patient_source_is_stored_after_a_refusal(store: Failing) -> None:
    """A later position would acknowledge the rows that were refused."""
    pipeline = Pipeline(store, Mirror(2), system_clock)
    pipeline.start()
    store.full = True
    first = await pipeline.submit(frame(0, position="1"), patient=True)
    with pytest.raises(StorageFull):
        await first
    store.full = False
    second = await pipeline.submit(frame(10, position="2"), patient=True)
    with pytest.raises(Exception, match="what came before it was not stored"):
        await second
    assert stored(store) == []
    assert pipeline.broken("s")
    pipeline.mend("s")
    await (await pipeline.submit(frame(0, 20, position="2"), patient=True))
    await pipeline.stop()
    assert stored(store) == list(range(20))
    assert store.position("s") == "2"


class Breaking:
    name = "breaking"
    signals = None

    def feed(self, frame: Frame) -> list[Event]:
        raise ZeroDivisionError("a part is wrong")

    def tick(self, now: int) -> list[Event]:
        return []


async def test_a_failing_part_is_set_aside_and_reported(store: Failing) -> None:
    pipeline = Pipeline(store, Mirror(2), system_clock)
    seen: list[Event] = []
    pipeline.on_events = seen.extend
    pipeline.watchers.add(Breaking())
    pipeline.start()
    await (await pipeline.submit(frame(0)))
    await (await pipeline.submit(frame(10)))
    await pipeline.stop()
    await asyncio.sleep(0)
    assert stored(store) == list(range(20))
    assert "ZeroDivisionError" in pipeline.watchers.failed["breaking"]
    assert [e.subject for e in seen if e.kind == "part_failed"] == ["breaking"]


class Noting:
    """Writes down whom it was called as, in order."""

    def __init__(self, name: str, said: list[str], signals: frozenset[int] | None) -> None:
        self.name, self.signals, self._said = name, signals, said

    def feed(self, frame: Frame) -> list[Event]:
        self._said.append(self.name)
        return []

    def tick(self, now: int) -> list[Event]:
        return []


def test_samples_are_shown_to_those_whom_they_concern_in_their_order() -> None:
    said: list[str] = []
    watchers = Watchers(lambda _: None, system_clock)
    watchers.add(
        Noting("one", said, frozenset({1})),
        Noting("all", said, None),
        Noting("both", said, frozenset({0, 1})),
        Noting("zero", said, frozenset({0})),
    )
    for signals in ([0], [1, 1], [1, 0], [2], [], [1] * 5_000):
        watchers.feed(Frame.of(signals, range(len(signals)), [0.0] * len(signals)))
        said.append("-")
    assert " ".join(said) == (
        "all both zero - one all both - one all both zero - all - all - one all both -"
    )


async def test_an_errand_runs_between_two_parcels(store: Failing) -> None:
    mirror = Mirror(2)
    pipeline = Pipeline(store, mirror, system_clock)
    with pytest.raises(Unavailable):
        await pipeline.between(lambda: None)
    pipeline.start()
    seen: list[int] = []

    def count() -> int:
        seen.append(pipeline.live.received)
        return len(seen)

    answers = []
    for i in range(20):
        await pipeline.submit(frame(i * 10))
        answers.append(asyncio.ensure_future(pipeline.between(count)))
        await asyncio.sleep(0)  # it is handed over, and not waited for
    assert await asyncio.gather(*answers) == list(range(1, 21))
    assert seen == [10 * n for n in range(1, 21)]

    def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await pipeline.between(fail)
    await pipeline.submit(frame(1_000))
    await pipeline.stop()
    assert pipeline.live.received == 210
