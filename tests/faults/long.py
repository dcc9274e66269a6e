"""The long forms of the fault tests: runs them and writes docs/reliability.md.

    python -m tests.faults.long [--only NAME ...] [--kills N] [--output FILE]

Each row says what was done how often, how long it took until the twin said so and until it worked
again (seconds; a dash where nothing is to be noticed), and how many acknowledged rows were lost or
stored twice. Faults that other tests cover whole are run by those tests and count only if they
pass. A fault that cannot be made here (a small disk needs the right to mount one) is *not run*.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from gemel.core.errors import StorageFull, Unavailable
from gemel.core.frame import Frame
from gemel.parts.historians import HISTORIANS
from gemel.parts.historians.base import Query
from gemel.runtime.clock import system_clock
from gemel.runtime.configuration import load
from gemel.runtime.daemon import Daemon
from tests.faults.counting import Result
from tests.faults.feeder import ROWS
from tests.faults.killing import kill_again_and_again
from tests.faults.load import ARROW, PLANT, body, kill_under_load
from tests.faults.overload import offer

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reliability.md"
SEED = 20261122


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    injected: str
    detected: str
    recovered: str
    lost: str
    duplicated: str
    good: bool = True


class NotRun(Exception):
    """This fault cannot be made here."""


def store_killed(folder: Path, kills: int) -> Row:
    return _killed(kill_again_and_again(folder, kills, SEED))


def daemon_killed(folder: Path, kills: int) -> Row:
    return _killed(kill_under_load(folder, max(3, kills // 10), SEED))


def _killed(result: Result) -> Row:
    return Row(
        f"{result.kills} times at random moments, {result.acknowledged:,} rows acknowledged",
        "–",
        f"{result.slowest_start:.1f} s at most, start of the process included",
        str(result.lost),
        str(result.duplicated),
        (result.lost, result.duplicated, result.invented, result.damaged) == (0, 0, 0, 0),
    )


def server_restarted(folder: Path, _: int) -> Row:
    from tests.faults.restart import restart_reordered

    found = restart_reordered(folder)
    told = [gap for gap in found.gaps if gap["refilled"]]
    return Row(
        "kill -9 of the server, started again with its namespaces in another order",
        f"{found.noticed:.1f} s",
        f"{found.recovered:.1f} s after it was ready, {found.refilled} rows fetched from its past",
        f"0; longest pause {found.longest_pause:.1f} s, {found.strange} values of a wrong signal",
        str(found.repeated),
        bool(told) and (found.strange, found.repeated) == (0, 0) and found.refilled > 0,
    )


def disk_full(folder: Path, _: int) -> Row:
    disk = folder / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(disk)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        raise NotRun("mounting a small disk needs more rights")
    try:
        return asyncio.run(_fill(folder, disk))
    finally:
        subprocess.run(["umount", str(disk)], check=True)


async def _fill(folder: Path, disk: Path) -> Row:
    ballast = disk / "ballast"
    ballast.write_bytes(b"x" * 8_000_000)
    plant = folder / "plant.yaml"
    plant.write_text(PLANT)
    historian = {"keep_free": 0, "reserve": 1_000_000}
    daemon = Daemon(load(plant), disk / "data", historian=historian)
    number, acknowledged = 0, []
    async with daemon.run():
        while daemon.links["push"].session is None:  # noqa: ASYNC110 - it has no event to wait for
            await asyncio.sleep(0.01)
        while (told := await _told(daemon, number)) == "stored":
            acknowledged.append(number)
            number += 1
            assert number < 20_000, "the disk never became full"
        said = bool(daemon.pipeline.storage_problem)
        alive = daemon.mirror.snapshot(system_clock()).value.max() >= number * ROWS
        refused = await _told(daemon, number)
        ballast.unlink()
        begun = time.monotonic()
        while await _told(daemon, number) != "stored":
            assert time.monotonic() - begun < 120, "it does not store again"
            await asyncio.sleep(0.05)
        acknowledged.append(number)
        recovered = time.monotonic() - begun
        signals = np.arange(50, dtype=np.int32)
        found = daemon.store.query(Query(signals, -(2**62), 2**62)).column("value").to_numpy()
    stored, times = np.unique(found.astype(np.int64), return_counts=True)
    wanted = (np.array(acknowledged)[:, None] * ROWS + np.arange(ROWS)).ravel()
    lost, twice = len(np.setdiff1d(wanted, stored)), int((times - 1).sum())
    return Row(
        f"24 MB file system filled by {len(wanted):,} acknowledged rows, then 8 MB given back",
        f"with the first row that has no room; its sender is {told}, the next {refused}",
        f"{recovered:.1f} s",
        str(lost),
        str(twice),
        said and bool(alive) and told == refused == "refused" and (lost, twice) == (0, 0),
    )


async def _told(daemon: Daemon, number: int) -> str:
    """What the sender of a request hears: stored, refused, or nothing within 20 s."""
    try:
        await asyncio.wait_for(daemon.receive("push", body(number), ARROW), 20)
    except (StorageFull, Unavailable):
        return "refused"
    except TimeoutError:
        return "never answered"
    return "stored"


def segment_damaged(folder: Path, _: int) -> Row:
    rows, least = 300_000, 300_000
    slowest, said = 0.0, True
    for number, harm in enumerate((_flip, _truncate)):
        data = folder / str(number)
        settings = {"kind": "duckdb", "keep_free": 0}
        with HISTORIANS.build(settings).open(data, system_clock) as store:
            store.catalogue.declare("a")
            n = np.arange(rows)
            noise = np.random.default_rng(SEED).normal(size=rows)
            store.commit([Frame.of(np.zeros(rows), n * 1_000_000, n + 0.1 * noise.clip(-4, 4))])
            store.seal()
        harm(data / "segments" / "000001.parquet")
        begun = time.monotonic()
        with HISTORIANS.build(settings).open(data, system_clock) as store:
            signal = np.zeros(1, np.int32)
            found = store.query(Query(signal, -(2**62), 2**62)).column("time").to_numpy()
            store.commit([Frame.of([0], [rows * 1_000_000], [1.0])])
            slowest = max(slowest, time.monotonic() - begun)
            said &= bool(store.events("damage"))
        assert np.isin(found, n * 1_000_000).all(), "rows were invented"
        least = min(least, len(found))
    return Row(
        f"one bit flipped; cut to two thirds: a closed segment of {rows:,} rows",
        "at the next read, with an Event that names it" if said else "not at all",
        f"{slowest:.1f} s, start, reading and the next commit included",
        f"{rows - least:,} at most, of the damaged blocks",
        "0",
        said and least > 0,
    )


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 4] ^= 0x01
    path.write_bytes(content)


def _truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size * 2 // 3)


def overloaded(folder: Path, _: int) -> Row:
    found = asyncio.run(offer(folder, times=5, seconds=10))
    whole = found.stored + found.refused == found.offered and found.in_gaps == found.refused
    return Row(
        f"{found.offered:,} rows offered within 10 s, five times 200,000 rows/s",
        f"taken in {found.seconds:.1f} s; {found.most_waiting:,} rows waiting at most, memory grew "
        f"by {found.memory_mib:.0f} MiB",
        "–",
        f"0 unsaid; {found.refused:,} refused and named in gaps",
        str(max(0, found.stored + found.refused - found.offered)),
        whole and found.shown and found.mirrored == found.offered,
    )


def covered(injected: str, *tests: str) -> Callable[[Path, int], Row]:
    """A fault that other tests make: a row if all of them pass."""

    def row(_: Path, __: int) -> Row:
        begun = time.monotonic()
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
        ended = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
        summary = ended.stdout.strip().splitlines()[-1].strip("= ")
        if ended.returncode:
            print(ended.stdout[-3_000:])
        seconds = f"{time.monotonic() - begun:.0f} s for all"
        lost = "0" if ended.returncode == 0 else "?"
        return Row(injected, summary, seconds, lost, lost, ended.returncode == 0)

    return row


HISTORIAN = "tests/historians/test_historians.py"
FAULTS: dict[str, tuple[str, Callable[[Path, int], Row]]] = {
    "store": ("The store's process is killed", store_killed),
    "daemon": ("The daemon is killed under HTTP load", daemon_killed),
    "opcua": ("An OPC UA server restarts, namespaces reordered", server_restarted),
    "disk": ("The disk is full", disk_full),
    "segment": ("A closed segment is damaged", segment_damaged),
    "log": (
        "The open segment is damaged",
        covered(
            "one bit flipped in its first, a middle or its last commit, which costs the rows of "
            "that commit and no others; cut; overwritten; a write that fails",
            "tests/historians/test_duckdb.py", "-k",
            "log_that_ends or damaged_commit or unreadable_open or failed_write",
        ),
    ),
    "samples": (
        "Samples lie",
        covered(
            "out of order, repeated, from the future, not a number",
            HISTORIAN, "tests/runtime/test_mirror.py",
        ),
    ),
    "payloads": (
        "Payloads are hostile",
        covered(
            "100 MB, 100,000 open brackets, no Arrow, unknown types",
            "tests/runtime/test_serving.py", "-k", "payloads or megabytes or oversized",
        ),
    ),
    "doors": (
        "Doors are tried",
        covered(
            "an expired token, a wrong role, paths that climb, a question of 1,000,000,000 rows",
            "tests/runtime/test_serving.py", "-k", "who_may_do_what or strange_questions",
        ),
    ),
    "overload": ("Five times the load", overloaded),
    "confirmation": (
        "The confirmation of a command never comes",
        covered(
            "a peer that refuses, is silent, or shows another value",
            "tests/decisions/test_way.py", "-k", "never_comes or sign_of_life or silent_one",
        ),
    ),
    "command": (
        "The twin is killed between sent and confirmed",
        covered("22 times; no command is written twice", "tests/decisions/test_kill.py"),
    ),
}  # fmt: skip


def kept(page: Path) -> dict[str, str]:
    """Lines of the table as it is, by title."""
    if not page.exists():
        return {}
    lines = [line for line in page.read_text().splitlines() if line.startswith("| ")]
    return {line.split(" | ")[0].removeprefix("| "): line for line in lines}


def write(page: Path, found: dict[str, str]) -> None:
    """Put the page together, in the order of `FAULTS`."""
    titles = [title for title, _ in FAULTS.values() if title in found]
    names = ("fault", "injected", "detected after", "recovered after", "lost", "duplicated",
             "measured")  # fmt: skip
    cores = len(os.sched_getaffinity(0))
    text = [
        "# Reliability",
        "",
        "Measured by `make faults`, the long forms of the fault tests. Rows that are *lost* are "
        "those that had been acknowledged; *duplicated* are those stored twice. The last run was "
        f"on {cores} cores, {platform.system()} {platform.release()}, Python "
        f"{platform.python_version()}.",
        "",
        "| " + " | ".join(names) + " |",
        "|" + "---|" * len(names),
        *(found[title] for title in titles),
    ]
    page.write_text("\n".join(text) + "\n")


def attempt(name: str, kills: int) -> tuple[str, bool]:
    """The line of the table, and whether all was as it must be."""
    title, work = FAULTS[name]
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    with tempfile.TemporaryDirectory(prefix="gemel-faults-") as folder:
        try:
            row = work(Path(folder), kills)
        except NotRun as reason:
            return f"| {title} | not run: {reason} | | | | | {day} |", True
    cells = (title, row.injected, row.detected, row.recovered, row.lost, row.duplicated,
             day if row.good else f"{day}, **not as it must be**")  # fmt: skip
    return "| " + " | ".join(cells) + " |", row.good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--only", nargs="+", choices=FAULTS, metavar="NAME",
                        help=f"some of {', '.join(FAULTS)}")  # fmt: skip
    parser.add_argument(
        "--kills", type=int, default=200, help="of the store; a tenth of the daemon"
    )
    parser.add_argument("--output", type=Path, default=PAGE, help="the page")
    given = parser.parse_args()
    bad = 0
    for name in given.only or FAULTS:
        try:
            line, good = attempt(name, given.kills)
        except Exception:  # noqa: BLE001 - the other faults are tried nevertheless
            traceback.print_exc()
            bad += 1
            continue
        print(line, flush=True)
        bad += not good
        write(given.output, kept(given.output) | {FAULTS[name][0]: line})
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
