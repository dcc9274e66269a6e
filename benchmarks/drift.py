"""Drift detectors on streams whose changes are known: run length, delay, misses.

    python -m benchmarks.drift

An accuracy or an F1 of drifts would flatter a detector that alarms by the clock, so that one is in
the table. Peers run where the package `river` is installed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.detection_metrics import table
from gemel.core.frame import Values
from gemel.twin.learning.renewal.drift import DRIFTS

HELD_OUT = 1000
RUN_LENGTH = 2000
QUIET = 6000
BEFORE, AFTER = 1000, 1500
SEEDS = 20
QUIETS = 30
ALONG = (0.0, 0.7)
"""How much a row is like the one before."""

Alarms = Callable[[Values], list[int]]
"""Rows that say drift; after each the detector begins anew."""


def noise(rows: int, along: float, random: np.random.Generator) -> Values:
    """Autoregression of order one with mean 0 and deviation 1."""
    value = random.normal(size=rows)
    for i in range(1, rows):
        value[i] = along * value[i - 1] + np.sqrt(1 - along**2) * value[i]
    return value


def shift(size: float, over: int = 1) -> Callable[[Values], Values]:
    """The mean moves by `size` deviations, in so many rows."""
    return lambda value: value + size * np.minimum(np.arange(1, len(value) + 1) / over, 1)


CHANGES: dict[str, Callable[[Values], Values]] = {
    "mean +0.5 σ": shift(0.5),
    "mean +1 σ": shift(1.0),
    "mean +2 σ": shift(2.0),
    "mean +1 σ in 1,000 rows": shift(1.0, 1000),
    "spread ×2": lambda value: 2 * value,
}


def ours(settings: dict[str, Any]) -> Callable[[Values, int], Alarms]:
    def fit(quiet: Values, _seed: int) -> Alarms:
        model = DRIFTS.build({"run_length": RUN_LENGTH, **settings}).fit(quiet)

        def alarms(stream: Values) -> list[int]:
            watch, found, begin = model.start(), [], 0
            while (row := watch.update(stream[begin:])) is not None:
                begin += row + 1
                found.append(begin - 1)
                watch.reset()
            return found

        return alarms

    return fit


def textbook(quiet: Values, _seed: int) -> Alarms:
    """One-sided CUSUM with reference value 0.5 and limit 5, of the held-out mean and deviation."""
    centre, scale = quiet.mean(), quiet.std()

    def alarms(stream: Values) -> list[int]:
        found, total = [], 0.0
        for i, z in enumerate(((stream - centre) / scale).tolist()):
            total = max(0.0, total + z - 0.5)
            if total > 5:
                found.append(i)
                total = 0.0
        return found

    return alarms


def by_the_clock(_quiet: Values, seed: int) -> Alarms:
    """Alarms every `RUN_LENGTH` rows, whatever comes."""
    phase = (seed % SEEDS + 0.5) * RUN_LENGTH / SEEDS
    return lambda stream: list(range(int(phase), len(stream), RUN_LENGTH))


def river(name: str) -> Callable[[Values, int], Alarms]:
    """A detector of river with its defaults, on the stream in held-out deviations."""
    from river import drift

    def fit(quiet: Values, _seed: int) -> Alarms:
        centre, scale = quiet.mean(), quiet.std()

        def alarms(stream: Values) -> list[int]:
            detector, found = getattr(drift, name)(), []
            for i, value in enumerate(((stream - centre) / scale).tolist()):
                detector.update(value)
                if detector.drift_detected:
                    found.append(i)
            return found

        return alarms

    return fit


def methods() -> dict[str, Callable[[Values, int], Alarms]]:
    found: dict[str, Callable[[Values, int], Alarms]] = {
        "gemel cusum": ours({"kind": "cusum"}),
        "gemel page_hinkley": ours({"kind": "page_hinkley"}),
        "gemel adaptive_window": ours({"kind": "adaptive_window"}),
        "gemel distribution": ours({"kind": "distribution"}),
        "CUSUM 0.5 / 5 of textbooks": textbook,
        f"alarm every {RUN_LENGTH:,} rows": by_the_clock,
    }
    try:
        import river as _river

        found[f"river ADWIN {_river.__version__}"] = river("ADWIN")
        found[f"river PageHinkley {_river.__version__}"] = river("PageHinkley")
    except ModuleNotFoundError:
        pass
    return found


def rows_of(along: float) -> list[dict[str, Any]]:
    rows = []
    for name, fit in methods().items():
        alarms_quiet, rows_quiet = 0, 0
        delays: dict[str, list[float]] = {change: [] for change in CHANGES}
        for seed in range(QUIETS):
            random = np.random.default_rng(seed)
            alarms = fit(noise(HELD_OUT, along, random), seed)
            said = alarms(noise(QUIET, along, random))
            alarms_quiet += bool(said)
            rows_quiet += said[0] + 1 if said else QUIET
            for change, apply in CHANGES.items() if seed < SEEDS else ():
                stream = noise(BEFORE + AFTER, along, random)
                stream[BEFORE:] = apply(stream[BEFORE:])
                found = np.array(alarms(stream))
                late = found[found >= BEFORE] - BEFORE
                delays[change].append(float(late[0]) if len(late) else np.inf)
        rows.append({
            "detector": name,
            "run length without drift": f"{rows_quiet / alarms_quiet:,.0f}"
            if alarms_quiet else f"> {rows_quiet:,}",
            **{change: cell(np.array(found)) for change, found in delays.items()},
        })  # fmt: skip
    return rows


def cell(delays: npt.NDArray[np.float64]) -> str:
    """Median delay where found, and how many were missed."""
    missed = int(np.isinf(delays).sum())
    if missed == len(delays):
        return "all missed"
    middle = f"{np.median(delays[np.isfinite(delays)]):.0f}"
    return f"{middle}, {missed} missed" if missed else middle


def section() -> str:
    """The tables, with how they were come by."""
    began = time.process_time()
    lines = [
        "### Drift detectors, on streams whose changes are known", "",
        f"How: normal noise, {HELD_OUT:,} rows held out to set limits for a run length of "
        f"{RUN_LENGTH:,}; {QUIETS} streams without drift, each to its first alarm or to {QUIET:,} "
        "rows (the run length is all rows over all alarms), and for each change "
        f"{SEEDS} streams of {BEFORE:,} rows before and {AFTER:,} after it; seeds from 0. After an "
        "alarm before the change a detector begins anew. Cells: median rows from the change to the "
        f"first alarm; of {SEEDS}, how many had none. Settings are defaults, also those of peers. "
        "A short delay beside a short run length is no merit: see the one that alarms by the "
        "clock.", "",
    ]  # fmt: skip
    for along in ALONG:
        lines += [f"Each row {along:g} times like the one before:", "", table(rows_of(along)), ""]
    if not any(name.startswith("river") for name in methods()):
        lines += ["river was not installed: its ADWIN and Page-Hinkley were not re-run.", ""]
    lines += [f"{time.process_time() - began:.0f} s of one processor."]
    return "\n".join(lines)


if __name__ == "__main__":
    print(section())
