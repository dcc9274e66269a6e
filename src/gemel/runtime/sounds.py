"""Sounds from files: folders of WAV files, and tables that name them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from gemel.core.errors import ConfigurationError, DataError
from gemel.core.sound import Sound, Sounds
from gemel.runtime.tables import read_table
from gemel.runtime.waveforms import read_wav

__all__ = ["read_sound", "read_sounds"]

_SUFFIX = ".wav"


def read_sound(path: Path, channel: int | None = None) -> Sound:
    """The sound in a WAV file. Raises `DataError` for what is none or is not whole, and for files
    of several channels where it is not said which, from 1."""
    value, rate = read_wav(path)
    channels = value.shape[1]
    if channel is None and channels > 1:
        raise DataError(f"{path}: has {channels} channels; say which under `channel`, from 1")
    if (channel or 1) > channels:
        raise DataError(f"{path}: has {channels} channels, none of number {channel}")
    return Sound(value[:, (channel or 1) - 1], rate, str(path))


def read_sounds(path: Path, sound: str | None = None, channel: int | None = None) -> Sounds:
    """The sounds in a folder, or those that a table names, as rows.

    Of a folder the columns are `sound`, the path within it, `label`, the name of the folder in
    which the file lies, and `machine`, the folders above that ('' where there are none). In a table
    names are relative to it; `sound` says which column holds them, the first one that ends like a
    sound if it is not given.
    """
    if path.is_dir():
        found = sorted(p for p in path.rglob("*") if p.suffix.lower() == _SUFFIX and p.is_file())
        if not found:
            raise DataError(f"{path}: no sounds in this folder ({_SUFFIX})")
        names = [p.relative_to(path) for p in found]
        columns: dict[str, Any] = {
            "sound": np.array([n.as_posix() for n in names]),
            "machine": np.array(["/".join(n.parts[:-2]) for n in names]),
            "label": np.array([n.parts[-2] if len(n.parts) > 1 else "" for n in names]),
        }
        return _sounds(columns, path, str(path), "sound", channel, b"")
    table = read_table(path)
    column = sound or _sound_column(table.columns, str(path))
    if table[column].dtype.kind == "f":
        raise ConfigurationError(f"{path}: column '{column}' holds numbers, not names of sounds")
    return _sounds(
        dict(table.columns), path.resolve().parent, str(path), column, channel,
        table.digest.encode(),
    )  # fmt: skip


def _sounds(
    columns: dict[str, Any], folder: Path, where: str, column: str, channel: int | None, seed: bytes
) -> Sounds:
    root = folder.resolve()

    def located(name: str) -> Path:
        path = (root / name).resolve()
        if not path.is_relative_to(root):
            raise DataError(f"{where}: sound '{name}' lies outside of {folder}")
        return path

    digest, content = hashlib.sha256(seed), []
    for name in columns[column].tolist():
        path = located(str(name))
        if not path.is_file():
            raise DataError(f"{where}: there is no sound '{name}' in {folder}")
        with path.open("rb") as file:
            content.append(hashlib.file_digest(file, "sha256").hexdigest())
        digest.update(f"{name}\0{content[-1]}\0".encode())
    return Sounds(
        columns, digest.hexdigest(), where, column, np.array(content, np.str_),
        lambda name: read_sound(located(name), channel),
    )  # fmt: skip


def _sound_column(columns: Any, where: str) -> str:
    for name, column in columns.items():
        if column.dtype.kind != "f" and len(column) and str(column[0]).lower().endswith(_SUFFIX):
            return str(name)
    raise ConfigurationError(f"{where}: no column names sounds; name it under `sound` ({_SUFFIX})")
