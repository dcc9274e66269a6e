"""One experiment, played by a process of its own so that the twin beside it stays quick:
``python -m gemel.runtime.experiment_process FOLDER KIND``.

The folder has the file of the experiment; what is finished is kept in it as `gemel whatif` keeps
it. What is to be shown is told on standard output, a JSON object a line. When its standard input is
closed, by somebody who stops it or because who began it is gone, it ends with what is finished.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from gemel.core.errors import GemelError
from gemel.runtime import experiments
from gemel.runtime.designs import KeepingDesign, design_in, kept_design
from gemel.runtime.experiments_asked import FILE
from gemel.runtime.experiments_held import Kind
from gemel.runtime.sweeps import Folder, grid_of, record_of
from gemel.runtime.workers import Workers, workers
from gemel.twin.planning.experiments.comparing import Compared, compare
from gemel.twin.planning.experiments.expectation import Expected
from gemel.twin.planning.experiments.new_line import expected
from gemel.twin.planning.experiments.sweeping import Swept, sweep

__all__ = ["RESULTS", "RUNS", "main"]

RESULTS: Final = "results.json"
RUNS: Final = "runs"
_NICE: Final = 10
_EVERY_S: Final = 0.25
_EFFECTS_S: Final = 1.0

Say = Callable[[dict[str, Any]], None]


class _Stop:
    """`asked` when standard input is at its end."""

    def __init__(self) -> None:
        self.asked = False
        threading.Thread(target=self._wait, daemon=True, name="gemel.stop").start()

    def _wait(self) -> None:
        while os.read(0, 64):
            pass
        self.asked = True


class _Pace:
    """Lets something through when so many seconds have passed since the last time."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._last = seconds, -seconds

    def due(self) -> bool:
        now = time.monotonic()
        if now - self._last < self._seconds:
            return False
        self._last = now
        return True


def main(folder: Path, kind: Kind) -> int:
    """Play it; 0 if it came to its end or was ended, 1 if something was wrong, which was told."""
    stop = _Stop()

    def say(told: dict[str, Any]) -> None:
        try:
            sys.stdout.write(json.dumps(experiments.plain(told)) + "\n")
            sys.stdout.flush()
        except BrokenPipeError:
            stop.asked = True

    if hasattr(os, "nice"):
        os.nice(_NICE)
    # One processor is left to the twin.
    count = max(1, len(os.sched_getaffinity(0)) - 1)
    try:
        with _alone(folder), workers(f"threads:{count}") as who:
            play = {"best": _best, "sweep": _sweep, "design": _design}[kind]
            say({"done": play(folder, who, say, stop)})
    except GemelError as error:
        say({"wrong": str(error)})
        return 1
    return 0


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """After one that still ends: a twin that was killed and started again leaves it behind."""
    with (folder / "lock").open("w") as file:
        try:
            import fcntl
        except ModuleNotFoundError:  # a system without: files are replaced whole all the same
            pass
        else:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _best(folder: Path, who: Workers, say: Say, stop: _Stop) -> dict[str, Any]:
    plan = experiments.plan_of(experiments.read_experiment(folder / FILE))
    protocol = experiments.fingerprint(plan)
    kept = experiments.same_or_none(folder / RESULTS, protocol)
    keeping = experiments.Keeping(folder / RESULTS, protocol)
    pace, seen = _Pace(_EVERY_S), _Pace(_EVERY_S)
    behind: list[Compared] = []

    def progress(done: int, whole: int) -> bool:
        if behind:
            look(behind[0])
        if pace.due():
            say({"progress": {"done": done, "of": whole}})
        return not stop.asked

    def look(compared: Compared) -> None:
        behind[:] = [compared]
        if seen.due():
            say({"standing": compared.record()})
            behind.clear()

    compared = compare(
        plan, executor=who.executor, workers=who.count, progress=progress, look=look, keep=keeping,
        kept=None if kept is None else kept.values,
    )  # fmt: skip
    record = compared.record()
    keeping.write(record if compared.finished else {}, compared.values)
    return record


def _sweep(folder: Path, who: Workers, say: Say, stop: _Stop) -> dict[str, Any]:
    grid = grid_of(experiments.read_experiment(folder / FILE))
    keeper = Folder(folder / RUNS, grid)
    pace, seen = _Pace(_EVERY_S), _Pace(_EFFECTS_S)
    shown = 0

    def progress(done: int, whole: int) -> bool:
        nonlocal shown
        finished = done // len(grid.points)
        if pace.due():
            say({"progress": {"done": done, "of": whole}})
        if finished > shown and seen.due():
            shown = finished
            so_far = Swept(finished, finished=False, early=False)
            say({"standing": record_of(grid, keeper, so_far)})
        return not stop.asked

    done = sweep(grid, keeper, executor=who.executor, workers=who.count, progress=progress)
    return record_of(grid, keeper, done)


def _design(folder: Path, who: Workers, say: Say, stop: _Stop) -> dict[str, Any]:
    design = design_in(experiments.read_experiment(folder / FILE))
    kept = kept_design(folder / RESULTS, design)
    keeping = KeepingDesign(folder / RESULTS, design)
    pace, seen = _Pace(_EVERY_S), _Pace(_EFFECTS_S)

    def progress(done: int, whole: int) -> bool:
        if pace.due():
            say({"progress": {"done": done, "of": whole}})
        return not stop.asked

    def look(standing: Callable[[], Expected]) -> None:
        if seen.due():
            say({"standing": standing().record()})

    found = expected(
        design, executor=who.executor, workers=who.count, progress=progress, kept=kept,
        keep=keeping, look=look,
    )  # fmt: skip
    record = found.record()
    keeping.write(record)
    return record


if __name__ == "__main__":
    asked: dict[str, Kind] = {"best": "best", "sweep": "sweep", "design": "design"}
    sys.exit(main(Path(sys.argv[1]), asked[sys.argv[2]]))
