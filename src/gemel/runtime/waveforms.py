"""Waveforms from files: NumPy arrays, WAV, and CSV with one column."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from gemel.core.errors import ConfigurationError, DataError
from gemel.core.frame import Values
from gemel.runtime.tables import read_table

__all__ = ["read_wav", "reader"]

_PCM: Final = 1
_FLOAT: Final = 3
_EXTENSIBLE: Final = 0xFFFE
"""The kind stands further behind."""
_FORMS: Final = {
    (_PCM, 8): "u1", (_PCM, 16): "<i2", (_PCM, 24): "<i4", (_PCM, 32): "<i4",
    (_FLOAT, 32): "<f4", (_FLOAT, 64): "<f8",
}  # fmt: skip
_MOST_BYTES: Final = 1_000_000_000


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
            value, rate = read_wav(path)
            return value[:, 0], rate
    except (ValueError, TypeError, EOFError) as error:
        raise DataError(f"{path}: not a waveform: {error}") from None
    if kind in (".csv", ".txt", ".parquet") or path.name.endswith(".csv.gz"):
        table = read_table(path)
        columns = [name for name in table.columns if table[name].dtype.kind == "f"]
        if len(columns) != 1:
            raise DataError(f"{path}: has {len(columns)} columns of numbers, must be 1")
        return table.numbers(columns[0]), None
    raise DataError(f"{path}: '{kind}' is no waveform; .npy, .wav, .csv and .parquet are read")


def read_wav(path: Path) -> tuple[Values, float]:
    """The samples in a WAV file, float64[n, channels], −1 to 1, and how many there are in a second.

    Reads PCM of 8, 16, 24 and 32 bits and floating point of 32 and 64. Raises `DataError` for
    anything else, and for a file that is not whole: the library of Python would give what is there.
    """
    size = path.stat().st_size
    if size > _MOST_BYTES:
        raise DataError(
            f"{path}: {size:,} bytes; at most {_MOST_BYTES:,} are read: cut it in parts"
        )
    raw = path.read_bytes()
    if raw[:4] != b"RIFF" or raw[8:12] != b"WAVE":
        raise DataError(f"{path}: not a WAV file: it does not begin like one")
    form, place = None, 12
    while place + 8 <= len(raw):
        name, length = struct.unpack_from("<4sI", raw, place)
        place += 8
        if name == b"fmt " and length >= 16 and place + length <= len(raw):
            kind, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", raw, place)
            if kind == _EXTENSIBLE and length >= 26:
                (kind,) = struct.unpack_from("<H", raw, place + 24)
            form = (kind, bits, channels, rate)
        elif name == b"data" and form is not None:
            if place + length > len(raw):
                raise DataError(
                    f"{path}: not whole: {len(raw) - place:,} bytes of sound, and its header says "
                    f"{length:,}; it was cut off, or its recorder did not close it"
                )
            return _samples(path, raw[place : place + length], *form), float(form[3])
        place += length + length % 2
    raise DataError(f"{path}: not whole: there is no sound behind its header")


def _samples(path: Path, raw: bytes, kind: int, bits: int, channels: int, rate: int) -> Values:
    if (kind, bits) not in _FORMS:
        raise DataError(
            f"{path}: its samples are of kind {kind} with {bits} bits; PCM of 8, 16, 24 and 32 "
            "bits and floating point of 32 and 64 are read"
        )
    if not channels or not rate:
        raise DataError(f"{path}: {channels} channels at {rate} samples per second")
    if not raw or len(raw) % (channels * bits // 8):
        raise DataError(
            f"{path}: {len(raw)} bytes of sound, must be some for all {channels} channels"
        )
    if bits == 24:  # there is no such number in NumPy: a low byte of 0 makes it one of four
        whole = np.zeros((len(raw) // 3, 4), np.uint8)
        whole[:, 1:] = np.frombuffer(raw, np.uint8).reshape(-1, 3)
        raw = whole.tobytes()
    value = np.frombuffer(raw, _FORMS[kind, bits]).astype(np.float64)
    if kind == _PCM:
        value = value / 128 - 1 if bits == 8 else value / 2.0 ** (31 if bits == 24 else bits - 1)
    if not np.isfinite(value).all():
        raise DataError(f"{path}: holds samples that are not numbers")
    return value.reshape(-1, channels)
