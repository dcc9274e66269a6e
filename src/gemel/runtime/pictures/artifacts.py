"""Bytes by the hash of their content, in a folder: ``ab/abcdef…``. Written once, never changed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from gemel.core.errors import StorageFull, Unavailable, Unknown

__all__ = ["Artifacts"]

_OLD_S: Final = 3_600
"""What nobody knows and is younger may be about to be named."""


class Artifacts:
    """The folder. Any thread may call; each call may wait for the disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.naming = threading.Lock()
        """Held from `put` until the name is in the ledger, and from where the ledger says that
        nobody names some bytes until they are removed: else what is just named may be removed."""

    def put(self, body: bytes, *, durable: bool = True) -> str:
        """Keep bytes; their SHA-256 in hexadecimal. On disk when it returns, if `durable`. Raises
        `StorageFull` or `Unavailable`."""
        name = hashlib.sha256(body).hexdigest()
        path = self._path(name)
        try:
            if path.exists() and path.stat().st_size == len(body):
                return name  # a shorter one was cut by a loss of power
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f"{name}.{os.getpid()}.{time.monotonic_ns()}.tmp")
            try:
                with temporary.open("wb") as file:
                    file.write(body)
                    if durable:
                        file.flush()
                        os.fsync(file.fileno())
                temporary.rename(path)
            finally:
                temporary.unlink(missing_ok=True)
            if durable:
                _sync(path.parent)
        except OSError as error:
            kind = StorageFull if error.errno in (28, 122) else Unavailable  # no space, quota
            raise kind(f"a picture cannot be kept in {self.folder}: {error.strerror}") from None
        return name

    def get(self, name: str) -> bytes:
        """Raises `Unknown` where nothing is kept under that hash."""
        try:
            if not (name.isalnum() and len(name) == 64):
                raise FileNotFoundError
            return self._path(name).read_bytes()
        except FileNotFoundError:
            raise Unknown(f"no artifact '{name[:16]}' is kept any more") from None
        except OSError as error:
            raise Unavailable(f"{self._path(name)}: {error.strerror}") from None

    def remove(self, names: Collection[str]) -> None:
        """Remove bytes; what is not there is no error. Raises `Unavailable`."""
        with self._removing():
            for name in names:
                self._path(name).unlink(missing_ok=True)

    def sweep(self, known: Collection[str]) -> int:
        """Remove what was written and then never named, because the process died in between.
        Raises `Unavailable`."""
        count, before = 0, time.time() - _OLD_S
        with self._removing():
            for path in self.folder.glob("??/*"):
                if path.name not in known and path.stat().st_mtime < before:
                    path.unlink(missing_ok=True)
                    count += 1
        return count

    @contextlib.contextmanager
    def _removing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise Unavailable(
                f"{error.filename or self.folder} cannot be removed: {error.strerror or error}"
            ) from None

    def _path(self, name: str) -> Path:
        return self.folder / name[:2] / name


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
