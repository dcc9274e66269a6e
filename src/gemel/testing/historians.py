"""What every historian promises. Subclass, give `historian`, and pytest does the rest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from gemel.core import quality as q
from gemel.core.event import Event
from gemel.core.frame import Frame
from gemel.core.time import SECOND
from gemel.parts.historians.base import Historian, Query, Store
from gemel.testing.clock import TurnableClock

__all__ = ["HistorianSuite"]

START = 1_700_000_000 * SECOND
EVER = (-(2**62), 2**62)


def samples(
    signal: list[int], time: list[int], value: list[float], quality: list[int] | None = None,
    *, received: int = 0, source: str = "s", position: str | None = None,
) -> Frame:  # fmt: skip
    """A Frame with times in seconds after START."""
    times = [START + t * SECOND for t in time]
    return Frame.of(
        signal, times, value, quality, received=received, source=source, position=position
    )


class HistorianSuite:
    """Subclass it as ``class TestMine(HistorianSuite)``."""

    historian: Historian

    @pytest.fixture
    def clock(self) -> TurnableClock:
        """A clock that the test turns."""
        return TurnableClock(START)

    @pytest.fixture
    def store(self, tmp_path: Path, clock: TurnableClock) -> Iterator[Store]:
        """An open store with three signals."""
        with self.historian.open(tmp_path, clock) as store:
            for path in ("a", "b", "c"):
                store.catalogue.declare(path, now=clock())
            yield store

    def rows(self, store: Store, **question: int | None) -> list[tuple[int, int, float, int]]:
        """All rows as (signal, seconds after START, value, quality)."""
        asked = Query(np.array([0, 1, 2], np.int32), *EVER, **question)  # type: ignore[arg-type]  # mypy does not match a dict by name
        table = store.query(asked).to_pydict()
        return [
            (s, (t - START) // SECOND, v, k)
            for s, t, v, k in zip(
                table["signal"], table["time"], table["value"], table["quality"], strict=True
            )
        ]

    def test_what_was_committed_is_there(self, store: Store) -> None:
        receipt = store.commit([samples([0, 1, 0], [1, 1, 2], [1.5, -2.0, 3.0], [0, q.BAD, 0])])
        assert (receipt.accepted, receipt.late, receipt.repeated) == (3, 0, 0)
        assert self.rows(store) == [(0, 1, 1.5, 0), (0, 2, 3.0, 0), (1, 1, -2.0, q.BAD)]

    def test_nothing_is_fine(self, store: Store) -> None:
        assert store.commit([]).rows == 0
        assert store.commit([samples([], [], [])]).rows == 0
        assert self.rows(store) == []
        assert store.at(np.array([0], np.int32), START).num_rows == 0

    def test_a_signal_without_samples_has_no_mark(self, store: Store) -> None:
        assert (store.marks() == np.iinfo(np.int64).min).tolist() == [True] * 3

    def test_repeats_are_recognised_and_counted(self, store: Store) -> None:
        frame = samples([0, 1, 0, 1], [1, 1, 2, 2], [1, 2, 3, float("nan")], [0, 0, 0, q.BAD])
        store.commit([frame])
        again = store.commit([frame])
        assert (again.accepted, again.late, again.repeated) == (0, 0, 4)
        assert len(self.rows(store)) == 4

    def test_two_values_of_one_time_are_both_kept_in_order_of_arrival(self, store: Store) -> None:
        store.commit([samples([0], [1], [1.0])])
        receipt = store.commit([samples([0, 0], [1, 1], [9.0, 5.0])])
        assert (receipt.accepted, receipt.late) == (0, 2)
        assert [value for _, _, value, _ in self.rows(store)] == [1.0, 9.0, 5.0]
        at = store.at(np.array([0], np.int32), START + 5 * SECOND).to_pydict()
        assert at["value"] == [5.0]
        mean = store.query(Query(np.array([0], np.int32), *EVER, every=10 * SECOND))
        assert mean.to_pydict()["average"] == [5.0]

    def test_late_rows_are_stored_too(self, store: Store) -> None:
        store.commit([samples([0, 0], [10, 20], [1, 2])])
        receipt = store.commit([samples([0, 0], [5, 15], [7, 8])])
        assert receipt.late == 2
        assert [(t, v) for _, t, v, _ in self.rows(store)] == [(5, 7), (10, 1), (15, 8), (20, 2)]
        assert store.marks()[0] == START + 20 * SECOND

    def test_a_time_from_the_future_blocks_nothing(
        self, store: Store, clock: TurnableClock
    ) -> None:
        store.commit([samples([0, 0], [10**7, 1], [1, 2], received=clock())])
        receipt = store.commit([samples([0], [2], [3], received=clock())])
        assert receipt.accepted == 1
        assert store.marks()[0] == START + 2 * SECOND
        assert len(self.rows(store)) == 3

    def test_at_gives_what_was_valid(self, store: Store) -> None:
        store.commit([samples([0, 0, 1], [10, 20, 30], [1, 2, 3])])
        table = store.at(np.array([0, 1], np.int32), START + 25 * SECOND).to_pydict()
        assert (table["signal"], table["value"]) == ([0], [2.0])
        before = store.at(np.array([0, 1], np.int32), START + 9 * SECOND)
        assert before.num_rows == 0

    def test_as_of_gives_what_was_known(self, store: Store, clock: TurnableClock) -> None:
        store.commit([samples([0, 0], [10, 20], [1, 2])])
        then = clock()
        clock.turn(SECOND)
        store.commit([samples([0, 0, 0], [15, 20, 30], [8, 9, 3])])
        assert [v for _, _, v, _ in self.rows(store, as_of=then)] == [1, 2]
        assert [v for _, _, v, _ in self.rows(store, as_of=clock())] == [1, 8, 2, 9, 3]
        one = np.array([0], np.int32)
        assert store.at(one, START + 99 * SECOND, as_of=then).to_pydict()["value"] == [2.0]
        assert store.at(one, START + 99 * SECOND).to_pydict()["value"] == [3.0]
        assert self.rows(store, as_of=START - SECOND) == []

    def test_steps_leave_bad_samples_out(self, store: Store) -> None:
        nan = float("nan")
        store.commit(
            [samples([0] * 5, [0, 1, 2, 3, 10], [1, 3, 100, nan, 7], [0, 0x4000, q.BAD, 0, 0])]
        )
        table = store.query(Query(np.array([0], np.int32), START, 2**62, every=10 * SECOND))
        first, second = table.to_pylist()
        assert (first["average"], first["minimum"], first["maximum"]) == (2.0, 1.0, 3.0)
        assert (first["first"], first["last"], first["count"]) == (1.0, 3.0, 4)
        assert first["good"] == pytest.approx(0.25)
        assert second["average"] == 7.0

    def test_a_sketch_keeps_every_extreme(self, store: Store) -> None:
        rng = np.random.default_rng(1)
        value = rng.normal(size=20_000)
        value[[777, 15_001]] = 50.0, -50.0
        time = START + np.arange(20_000) * SECOND
        store.commit([Frame.of(np.zeros(20_000), time, value)])
        sketch = store.sketch(0, START, START + 20_000 * SECOND, 400)
        values = sketch.column("value").to_numpy()
        assert sketch.num_rows < 1_000
        assert (values.max(), values.min()) == (50.0, -50.0)
        assert (np.diff(sketch.column("time").to_numpy()) >= 0).all()

    def test_a_limit_cuts_from_the_start(self, store: Store) -> None:
        store.commit([samples([0, 0, 0], [1, 2, 3], [1, 2, 3])])
        assert [v for _, _, v, _ in self.rows(store, limit=2)] == [1, 2]

    def test_everything_is_there_after_opening_again(
        self, tmp_path: Path, clock: TurnableClock
    ) -> None:
        with self.historian.open(tmp_path, clock) as store:
            store.catalogue.declare("a", unit="mm", now=clock())
            text = store.catalogue.declare("lot", "text", now=clock())
            code = store.catalogue.encode(text, "L-1")
            values = [1, float(code or 0), 3]
            store.commit([samples([0, text, 0], [1, 1, 2], values, position="p7")])
            store.keep("x", {"n": 1})
            store.record([Event("note", "a", START, "me", payload={"text": "hello"})])
        with self.historian.open(tmp_path, clock) as store:
            assert [e.path for e in store.catalogue] == ["a", "lot"]
            assert store.catalogue[0].unit == "mm"
            assert store.catalogue.decode(text, 0.0) == "L-1"
            assert store.position("s") == "p7"
            assert store.kept("x") == {"n": 1}
            assert store.kept("y") is None
            assert store.events("note")[0].payload == {"text": "hello"}
            assert store.marks()[0] == START + 2 * SECOND
            assert store.commit([samples([0], [2], [3.0])]).repeated == 1
            assert len(self.rows(store)) == 3

    def test_a_correction_supersedes(self, store: Store) -> None:
        first = Event("gap", "line", START, "opcua")
        second = Event("gap", "line", START, "opcua", sequence=1, supersedes=first.id)
        store.record([first, first])
        assert [e.id for e in store.events("gap")] == [first.id]
        store.record([second])
        assert [e.id for e in store.events("gap")] == [second.id]
        assert store.events("gap", "lin") == []
        assert len(store.events("gap", "line", START - 5, START + 5)) == 1
        assert store.events("gap", start=START + 5) == []

    def test_events_are_found_as_long_as_they_reach(self, store: Store) -> None:
        def lasting(subject: str, start: int) -> Event:
            return Event("stop", subject, START + start * SECOND, "me", lasts=True)

        long, short, still = lasting("long", 0), lasting("short", 1), lasting("still", 2)
        moment = Event("note", "moment", START + 3 * SECOND, "me")
        store.record([long, short, still, moment])
        store.record([long.ended(START + 100 * SECOND), short.ended(START + 10 * SECOND)])
        store.record([long])  # a repeat of what has ended does not make it last again

        def found(start: int, end: int | None = None) -> list[str]:
            last = None if end is None else START + end * SECOND
            events = store.events(None, None, START + start * SECOND, last, order="oldest")
            return [e.subject for e in events]

        assert found(0) == found(3) == ["long", "short", "still", "moment"]
        assert found(5) == ["long", "short", "still"]
        assert found(50, 60) == found(100) == ["long", "still"]
        assert found(101) == found(10_000) == ["still"]
        assert found(0, 2) == ["long", "short"]
        (one,) = store.events("stop", start=START + 10_000 * SECOND)
        assert one == still
        assert [e.lasts for e in store.events(order="oldest")] == [False, False, True, False]
        newest = store.events("stop", start=START + 5 * SECOND, limit=2)
        assert [e.subject for e in newest] == ["still", "short"]

    def test_settings_are_documented(self) -> None:
        fields = type(self.historian).model_fields
        assert all(field.description for field in fields.values())
