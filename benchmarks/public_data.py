"""Reads the public data sets that benchmarks and data tests use; never writes to them."""

from __future__ import annotations

import gzip
import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gemel.core.frame import Frame
from gemel.core.time import SECOND, parse_time
from gemel.parts.detectors.base import Window
from gemel.parts.operators.resample import Aligner

__all__ = ["Run", "aligned", "cwru", "digest", "folder", "frame_of", "skab", "skab_normal", "tep"]

TEP_STEP = 180 * SECOND


@dataclass(frozen=True)
class Run:
    """One recording.

    time         int64[n]   ns UTC
    value        float64[n,k]
    names        k signals
    anomaly      bool[n]    labelled abnormal
    changepoint  bool[n]    labelled change
    file         where it was read from
    """

    name: str
    time: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]
    names: tuple[str, ...]
    anomaly: npt.NDArray[np.bool_]
    changepoint: npt.NDArray[np.bool_]
    file: Path


def folder(given: str | None = None) -> Path:
    """The data folder: `given`, GEMEL_DATA, or ../shared/data."""
    path = Path(given or os.environ.get("GEMEL_DATA") or "../shared/data")
    if not path.is_dir():
        raise SystemExit(f"no data folder at {path}; set GEMEL_DATA or give --data")
    return path


def digest(files: Iterable[Path]) -> str:
    """SHA-256 over the files in order of their names, 16 hexadecimal digits."""
    total = hashlib.sha256()
    for file in sorted(set(files)):
        total.update(file.name.encode() + file.read_bytes())
    return total.hexdigest()[:16]


def _text(file: Path) -> list[str]:
    raw = file.read_bytes()
    return (gzip.decompress(raw) if file.suffix == ".gz" else raw).decode().splitlines()


def _skab(file: Path) -> Run:
    header, *rows = _text(file)
    names = tuple(header.split(";")[1:9])
    cells = [row.split(";") for row in rows]
    value = np.array([[float(cell) for cell in row[1:9]] for row in cells])
    labels = np.array([[float(cell) for cell in row[9:11]] or [0.0, 0.0] for row in cells]) > 0
    time = np.array([parse_time(row[0]) for row in cells], np.int64)
    name = f"{file.parent.name}/{file.name.partition('.')[0]}"
    return Run(name, time, value, names, labels[:, 0], labels[:, 1], file)


def skab(data: Path) -> list[Run]:
    """The labelled runs of SKAB v0.9 at hand, 1 Hz, in order of their names."""
    files = [f for kind in ("other", "valve1", "valve2") for f in (data / "skab" / kind).glob("*")]
    return [_skab(file) for file in sorted(files)]


def skab_normal(data: Path) -> Run:
    """The long recording of SKAB without anomalies."""
    return _skab(data / "skab" / "anomaly-free" / "anomaly-free.csv.gz")


def tep(data: Path, name: str) -> Run:
    """A run of the Tennessee Eastman process (d00, d00_te, d01 …), 3 min, from 1970.

    In test runs (``_te``) the fault begins after row 160; in training runs it is always there.
    """
    file = data / "tep" / f"{name}.dat.gz"
    value = np.array([[float(cell) for cell in row.split()] for row in _text(file) if row.strip()])
    if value.shape[0] == 52:
        value = value.T  # d00 is stored the other way round
    n = len(value)
    names = tuple(
        [f"XMEAS({i})" for i in range(1, 42)] + [f"XMV({i})" for i in range(1, 12)],
    )
    start = 160 if name.endswith("_te") else 0
    fault = (np.arange(n) >= start) & (not name.startswith("d00"))
    change = fault & (np.arange(n) == start)
    return Run(name, np.arange(1, n + 1) * TEP_STEP, value, names, fault, change, file)


def cwru(data: Path, name: str = "12k_DE/IR007_0") -> Run:
    """A drive-end vibration record of the CWRU bearings, 12 kHz."""
    file = data / "cwru" / f"{name}.npy"
    value = np.load(file).astype(np.float64).reshape(-1, 1)
    time = (np.arange(len(value)) * SECOND) // 12_000
    none = np.zeros(len(value), np.bool_)
    return Run(name, time, value, ("acceleration",), none, none, file)


def frame_of(run: Run, rows: slice = slice(None)) -> Frame:
    """The samples of a run, row after row; signal j is column j."""
    value = run.value[rows]
    n, k = value.shape
    return Frame.of(np.tile(np.arange(k), n), np.repeat(run.time[rows], k), value.ravel())


def aligned(frames: Sequence[Frame], names: tuple[str, ...], step: int) -> Window:
    """The frames on a grid, by the same Aligner as in the mirror."""
    aligner = Aligner(range(len(names)), names, step)
    windows = [*(aligner.push(frame) for frame in frames), aligner.flush()]
    return Window(
        np.concatenate([w.time for w in windows]),
        np.concatenate([w.value for w in windows]),
        names,
    )
