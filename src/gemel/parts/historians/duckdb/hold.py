"""A data folder in the hands of one process: its lock, its free space, and the space held back."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path
from typing import IO

from gemel.core.errors import ConfigurationError, Unavailable

__all__ = ["Hold"]


class Hold:
    """While it is entered nobody else writes in the folder; who only reads shuts out who writes."""

    def __init__(self, folder: Path, *, read_only: bool) -> None:
        self.folder = folder
        self.ledger = folder / "ledger.sqlite"
        self.reserve = folder / "reserve"
        """Space given up to the ledger when the disk is full."""
        self._read_only = read_only
        self._lock: IO[str] | None = None

    def __enter__(self) -> Hold:
        if self._read_only and not self.ledger.exists():
            raise ConfigurationError(
                f"{self.folder} has no history; give the folder of `gemel run --data` or "
                "`gemel replay --data`"
            )
        if not self._read_only:
            (self.folder / "segments").mkdir(parents=True, exist_ok=True)
        elif not os.access(self.folder, os.W_OK):
            return self  # a read-only medium: nobody can be writing
        lock = (self.folder / "lock").open("a+")
        mode = fcntl.LOCK_SH if self._read_only else fcntl.LOCK_EX
        try:
            fcntl.flock(lock, mode | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise Unavailable(
                f"{self.folder} is in use by another Gemel process; stop it, or ask it through "
                "its address in run.json"
            ) from None
        self._lock = lock
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            self._lock.close()

    def free(self) -> int:
        """Bytes free on the disk."""
        return shutil.disk_usage(self.folder).free

    def hold_back(self, size: int, keep_free: int) -> None:
        """Make the reserve, unless it is there, or would leave less than `keep_free`."""
        if self.reserve.exists() or self.free() < keep_free + size:
            return
        with self.reserve.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(1, size))
