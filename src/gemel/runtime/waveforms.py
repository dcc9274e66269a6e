"""Waveforms from files: NumPy arrays, WAV, and CSV with one column."""

from __future__ import annotations

import hashlib
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np

from gemel.core.errors import ConfigurationError, DataError
from gemel.core.frame import Values
from gemel.runtime.tables import read_table

__all__ = ["reader"]

_FORMS = {1: "u1", 2: "<i2", 4: "<i4"}


def reader(folder: Path) -> Callable[[str], tuple[Values, float | None, str]]:
    """Reads a waveform by its name below `folder`: values float64[n], samples per second if the
    file says so, and a hash of the file. Raises `ConfigurationError` where there is none,
    `DataError` where it is none."""

    def read(name: str) -> tuple[Values, float | None, str]:
        path = folder / name
        if not path.is_file():
            raise ConfigurationError(
                f"{path}: no such file; waveforms are named relative to the folder of the table"
            )
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        value, rate = _values(path)
        if value.ndim != 1 or not len(value) or not np.isfinite(value).all():
            raise DataError(f"{path}: must hold one column of known numbers, shape {value.shape}")
        return value, rate, digest

    return read


def _values(path: Path) -> tuple[Values, float | None]:
    kind = path.suffix.lower()
    try:
        if kind == ".npy":
            found = np.load(path, allow_pickle=False)
            return found.astype(np.float64).squeeze(), None
        if kind == ".wav":
            return _wav(path)
    except (ValueError, TypeError, EOFError, wave.Error) as error:
        raise DataError(f"{path}: not a waveform: {error}") from None
    if kind in (".csv", ".txt", ".parquet") or path.name.endswith(".csv.gz"):
        table = read_table(path)
        columns = [name for name in table.columns if table[name].dtype.kind == "f"]
        if len(columns) != 1:
            raise DataError(f"{path}: has {len(columns)} columns of numbers, must be 1")
        return table.numbers(columns[0]), None
    raise DataError(f"{path}: '{kind}' is no waveform; .npy, .wav, .csv and .parquet are read")


def _wav(path: Path) -> tuple[Values, float]:
    """The first channel, −1 to 1."""
    with wave.open(str(path), "rb") as file:
        width, channels = file.getsampwidth(), file.getnchannels()
        raw = file.readframes(file.getnframes())
        if width == 3:  # there is no such number in NumPy: a low byte of 0 makes it one of four
            bytes = np.frombuffer(raw, np.uint8).reshape(-1, 3)
            whole = np.zeros((len(bytes), 4), np.uint8)
            whole[:, 1:] = bytes
            value = whole.view("<i4").ravel() / 2.0**31
        else:
            value = np.frombuffer(raw, _FORMS[width]).astype(np.float64)
            value = value / 128 - 1 if width == 1 else value / 2.0 ** (8 * width - 1)
        return value[::channels], float(file.getframerate())
