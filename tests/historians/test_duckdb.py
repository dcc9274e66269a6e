"""What is special to segments: closing, damage, a full disk, other people's files."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest

from gemel.core.errors import ConfigurationError, StorageFull, Unavailable
from gemel.core.frame import Frame
from gemel.core.time import HOUR, SECOND
from gemel.parts.historians.base import Query
from gemel.parts.historians.duckdb import DuckDB
from gemel.parts.historians.duckdb.ledger import Sealed
from gemel.parts.historians.duckdb.log import HEADER, columns_of
from gemel.parts.historians.duckdb.rotation import MOST_WAITING
from gemel.parts.historians.duckdb.sealing import damaged_blocks, seal
from gemel.parts.historians.duckdb.store import DuckDBStore
from gemel.testing.clock import TurnableClock

START = 1_700_000_000 * SECOND
ROWS = 300_000  # more than one row group


def opened(folder: Path, clock: TurnableClock, **settings: int | str) -> DuckDBStore:
    chosen = DuckDB.read({"keep_free": 0, "reserve": 0} | settings)
    store = chosen.open(folder, clock)
    assert isinstance(store, DuckDBStore)
    return store


def filled(folder: Path, clock: TurnableClock, rows: int = ROWS) -> None:
    """A folder with one closed segment of two signals."""
    with opened(folder, clock) as store:
        store.catalogue.declare("a")
        store.catalogue.declare("b")
        n = np.arange(rows)
        store.commit([Frame.of(n % 2, START + n * SECOND, n.astype(float))])
        store.seal()


def everything(store: DuckDBStore) -> np.ndarray:
    table = store.query(Query(np.array([0, 1], np.int32), -(2**62), 2**62))
    return np.sort(table.column("value").to_numpy())


@pytest.fixture
def clock() -> TurnableClock:
    return TurnableClock(START)


def test_a_closed_segment_can_be_read_by_any_engine(tmp_path: Path, clock: TurnableClock) -> None:
    filled(tmp_path, clock, 1_000)
    path = tmp_path / "segments" / "000001.parquet"
    total = duckdb.sql(f"select sum(value), count(*) from '{path}'").fetchall()
    assert total == [(499_500.0, 1_000)]
    table = pq.read_table(path, page_checksum_verification=True)
    order = table.sort_by([("signal", "ascending"), ("time", "ascending")])
    assert table.equals(order)


def test_segments_close_by_age_and_nothing_is_lost(tmp_path: Path, clock: TurnableClock) -> None:
    with opened(tmp_path, clock) as store:
        store.catalogue.declare("a")
        for i in range(5):
            store.commit([Frame.of([0], [clock()], [i], received=clock())])
            clock.turn(HOUR + 1)
        store.seal()
        assert store.report()["segments"]["closed"] == 4
        assert everything(store).tolist() == [0, 1, 2, 3, 4]
        # The state at an early time is found without reading what came later.
        assert store.at(np.array([0], np.int32), START + 1).to_pydict()["value"] == [0.0]


def test_old_segments_are_removed_by_age(tmp_path: Path, clock: TurnableClock) -> None:
    with opened(tmp_path, clock, keep_age="3 h") as store:
        store.catalogue.declare("a")
        for i in range(6):
            store.commit([Frame.of([0], [clock()], [i], received=clock())])
            clock.turn(HOUR)
            store.seal()
        assert everything(store).tolist() == [2, 3, 4, 5]
        assert len(list((tmp_path / "segments").glob("*.parquet"))) == 8  # with their heads


def damage_middle(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 4] ^= 0x01
    path.write_bytes(content)


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size * 2 // 3)


def lose_footer(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 4)


def zero_start(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"\0" * 4)


@pytest.mark.faults
@pytest.mark.parametrize(
    ("harm", "least"),
    [(damage_middle, ROWS - 131_072), (truncate, 131_072), (lose_footer, ROWS), (zero_start, ROWS)],
)
def test_damage_costs_its_block_and_never_the_start(
    tmp_path: Path, clock: TurnableClock, harm: Callable[[Path], None], least: int
) -> None:
    filled(tmp_path, clock)
    harm(tmp_path / "segments" / "000001.parquet")
    with opened(tmp_path, clock) as store:
        left = everything(store)
        assert least <= len(left) <= ROWS
        assert np.isin(left, np.arange(ROWS)).all()  # nothing is invented
        if least < ROWS:
            assert store.events("damage")[0].subject == "segment/000001"
            assert store.report()["damaged"][0]["segment"] == 1
        assert any((tmp_path / "quarantine").iterdir())
        store.commit([Frame.of([0], [START - SECOND], [-1.0])])
    with opened(tmp_path, clock) as store:
        assert len(everything(store)) == len(left) + 1


@pytest.mark.faults
def test_two_questions_that_find_the_same_damage_mend_it_once(
    tmp_path: Path, clock: TurnableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(tmp_path, clock)
    damage_middle(tmp_path / "segments" / "000001.parquet")
    both = threading.Barrier(2)

    def found_by_both(path: Path, segment: Sealed) -> list[int] | None:
        found = damaged_blocks(path, segment)
        both.wait(30)
        return found

    monkeypatch.setattr("gemel.parts.historians.duckdb.archive.damaged_blocks", found_by_both)
    with opened(tmp_path, clock) as store, ThreadPoolExecutor(2) as pool:
        lefts = list(pool.map(lambda _: len(everything(store)), range(2)))
        assert lefts == [ROWS - 131_072] * 2
        assert len(store.events("damage")) == 1


@pytest.mark.faults
def test_a_missing_segment_is_reported_and_the_rest_works(
    tmp_path: Path, clock: TurnableClock
) -> None:
    filled(tmp_path, clock, 10)
    with opened(tmp_path, clock) as store:
        store.commit([Frame.of([0], [START + 99 * SECOND], [99.0])])
    (tmp_path / "segments" / "000001.parquet").unlink()
    with opened(tmp_path, clock) as store:
        assert everything(store).tolist() == [99.0]
        assert "10 of 10 rows" in store.report()["damaged"][0]["what"]


def copied_open(folder: Path, clock: TurnableClock, commits: int = 200) -> Path:
    """The log of a folder whose twin was killed, with one row in each commit."""
    with opened(folder / "first", clock) as store:
        store.catalogue.declare("a")
        for i in range(commits):
            store.commit([Frame.of([0], [START + i * SECOND], [i])])
        shutil.copytree(folder / "first", folder / "copy")
    return folder / "copy" / "segments" / "000001.log"


def flip(path: Path, offset: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 1]))


@pytest.mark.faults
@pytest.mark.parametrize("share", [0.2, 0.6, 0.9, 0.999])
def test_a_log_that_ends_early_costs_its_end(
    tmp_path: Path, clock: TurnableClock, share: float
) -> None:
    log = copied_open(tmp_path, clock)
    os.truncate(log, int(log.stat().st_size * share))
    for again in range(2):
        with opened(log.parents[1], clock) as store:
            left = everything(store)
            assert left.tolist() == list(range(len(left)))
            assert len(left) >= 200 * share - 3
            assert not store.events("damage"), "so a kill leaves it"
            store.commit([Frame.of([0], [START + (999 + again) * SECOND], [len(left)])])
            assert len(everything(store)) == len(left) + 1


@pytest.mark.faults
@pytest.mark.parametrize("place", ["magic", "length", "row"])
@pytest.mark.parametrize("commit", [0, 100, 198])
def test_a_damaged_commit_costs_its_rows(
    tmp_path: Path, clock: TurnableClock, commit: int, place: str
) -> None:
    log = copied_open(tmp_path, clock)
    each = HEADER.size + columns_of(1)[-1]
    start = log.stat().st_size - (200 - commit) * each
    flip(log, start + {"magic": 0, "length": 20, "row": HEADER.size + 20}[place])
    with opened(log.parents[1], clock) as store:
        assert everything(store).tolist() == [i for i in range(200) if i != commit]
        (told,) = store.events("damage")
        assert f"{each} bytes" in told.payload["what"] or "with 1 rows" in told.payload["what"]
        as_of = store.query(Query(np.array([0]), -(2**62), 2**62, as_of=START))
        assert as_of.num_rows == 199
        store.seal()
        assert everything(store).tolist() == [i for i in range(200) if i != commit]
    with opened(log.parents[1], clock) as store:
        assert store.marks().tolist() == [START + 199 * SECOND]


@pytest.mark.faults
@pytest.mark.parametrize("what", [b"", b"not a log" * 1_000])
def test_an_unreadable_open_segment_is_set_aside(
    tmp_path: Path, clock: TurnableClock, what: bytes
) -> None:
    with opened(tmp_path, clock) as store:
        store.catalogue.declare("a")
        store.commit([Frame.of([0], [START], [1.0])])
    (tmp_path / "segments" / "000001.log").write_bytes(what)
    with opened(tmp_path, clock) as store:
        assert store.events("damage")
        store.commit([Frame.of([0], [START], [2.0])])
        assert everything(store).tolist() == [2.0]


@pytest.mark.faults
def test_what_a_failed_write_leaves_is_no_commit(
    tmp_path: Path, clock: TurnableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path, clock) as store:
        store.catalogue.declare("a")
        store.commit([Frame.of([0], [START], [1.0], position="one")])
        monkeypatch.setattr(os, "fdatasync", broken)
        with pytest.raises(Unavailable, match="Input/output error"):
            store.commit([Frame.of([0] * 9, START + np.arange(1, 10), [2.0] * 9, position="two")])
        monkeypatch.undo()
        assert everything(store).tolist() == [1.0]
        assert store.marks().tolist() == [START]
        store.commit([Frame.of([0], [START + 5], [3.0], position="three")])
        assert everything(store).tolist() == [1.0, 3.0]
    with opened(tmp_path, clock) as store:
        assert everything(store).tolist() == [1.0, 3.0]
        assert store.position("") == "three"


def broken(_: int) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_a_question_reads_many_pieces_of_a_log(tmp_path: Path, clock: TurnableClock) -> None:
    """Commits larger and smaller than a piece of the file, several signals, rows in both lanes."""
    rng = np.random.default_rng(3)
    sent: list[tuple[int, int, float]] = []
    with opened(tmp_path, clock) as store:
        store.catalogue.declare("a")
        store.catalogue.declare("b")
        for commit, rows in enumerate([10, 500_000, 3, 200_000, 200_000, 0, 1]):
            times = START + np.sort(rng.integers(0, 10**9, rows)) + commit * SECOND // 2
            signals, values = rng.integers(0, 2, rows), rng.normal(size=rows)
            sent += zip(signals.tolist(), times.tolist(), values.tolist(), strict=True)
            store.commit([Frame.of(signals, times, values)])
        low, high = START + SECOND // 3, START + 2 * SECOND
        for signal in (0, 1):
            found = store.query(Query(np.array([signal], np.int32), low, high))
            wanted = sorted({(t, v) for s, t, v in sent if s == signal and low <= t < high})
            told = zip(
                found.column("time").to_pylist(), found.column("value").to_pylist(), strict=True
            )
            assert sorted(told) == wanted


def fill(store: DuckDBStore, rng: np.random.Generator) -> int:
    """Commit until there is no room; gives how many rows were acknowledged."""
    stored = 0
    for i in range(500):
        n = np.arange(20_000) + i * 20_000
        try:
            store.commit([Frame.of(np.zeros(20_000), START + n, rng.normal(size=20_000))])
        except StorageFull:
            return stored
        stored += 20_000
    raise AssertionError("the disk never became full")


@pytest.mark.faults
def test_a_full_disk_refuses_and_recovers(tmp_path: Path, clock: TurnableClock) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(disk)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip("mounting a small disk needs more rights")
    try:
        ballast = disk / "ballast"
        ballast.write_bytes(b"x" * 8_000_000)
        rng = np.random.default_rng(0)
        with opened(disk / "data", clock, reserve=1_000_000) as store:
            store.catalogue.declare("a")
            stored = fill(store, rng)
            assert stored
            assert len(everything(store)) == stored
            ballast.unlink()
            n = np.arange(20_000) + 10**9
            store.commit([Frame.of(np.zeros(20_000), START + n, rng.normal(size=20_000))])
            assert len(everything(store)) == stored + 20_000
        with opened(disk / "data", clock) as store:
            assert len(everything(store)) == stored + 20_000
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_two_processes_cannot_write(tmp_path: Path, clock: TurnableClock) -> None:
    with (
        opened(tmp_path, clock),
        pytest.raises(Unavailable, match="in use by another"),
        opened(tmp_path, clock),
    ):
        pass


def test_reading_only_leaves_the_folder_alone(tmp_path: Path, clock: TurnableClock) -> None:
    filled(tmp_path, clock, 100)
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p.suffix != ".sqlite-shm"}
    historian = DuckDB.read({})
    with historian.open(tmp_path, clock, read_only=True) as store:
        assert store.query(Query(np.array([0], np.int32), -(2**62), 2**62)).num_rows == 50
    after = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
    assert {p: t for p, t in after.items() if p in before} == before


def test_no_history_is_said(tmp_path: Path, clock: TurnableClock) -> None:
    historian = DuckDB.read({})
    with (
        pytest.raises(ConfigurationError, match="has no history"),
        historian.open(tmp_path / "nothing", clock, read_only=True),
    ):
        pass


def test_a_newer_format_is_refused(tmp_path: Path, clock: TurnableClock) -> None:
    filled(tmp_path, clock, 10)
    import sqlite3

    with sqlite3.connect(tmp_path / "ledger.sqlite") as ledger:
        ledger.execute("update meta set value = '99' where key = 'format'")
    with pytest.raises(ConfigurationError, match="install a newer one"), opened(tmp_path, clock):
        pass


def test_the_manifest_names_every_block(tmp_path: Path, clock: TurnableClock) -> None:
    filled(tmp_path, clock)
    with opened(tmp_path, clock) as store:
        (sealed,) = store._ledger.segments()
        assert sealed.rows == ROWS
        assert len(sealed.blocks) == 3
        assert json.loads(json.dumps(sealed.known.tolist())) == sealed.known.tolist()


def test_commits_wait_when_closing_does_not_keep_up(
    tmp_path: Path, clock: TurnableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = threading.Event()

    def slow(*arguments: object) -> object:
        assert free.wait(30)
        return seal(*arguments)

    monkeypatch.setattr("gemel.parts.historians.duckdb.rotation.seal", slow)
    committed = 0

    def commit_all() -> None:
        nonlocal committed
        for i in range(20):
            store.commit([Frame.of([0], [START + i * SECOND], [float(i)])])
            committed += 1

    with opened(tmp_path, clock, segment_rows=1) as store:
        store.catalogue.declare("a")
        worker = threading.Thread(target=commit_all)
        worker.start()
        while store.report()["segments"]["open"] < MOST_WAITING + 2:
            assert worker.is_alive()
        worker.join(0.5)
        assert committed == MOST_WAITING + 1
        free.set()
        worker.join(30)
        store.seal()
        assert store.report()["segments"] == {"closed": 20, "open": 1}
        assert len(everything(store)) == 20
