"""A folder that a camera writes into: which files in it are new, and whole."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gemel.core.errors import DataError, Unavailable
from gemel.runtime.images import SUFFIXES, decode_image
from gemel.runtime.pictures.ledger import Seen

__all__ = ["LARGEST", "Folder", "Found"]

LARGEST: Final = 64 * 1024 * 1024
"""Bytes of a picture."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file that is ready. `problem` says why it is no picture; then it has no body."""

    name: str
    seen: Seen
    body: bytes
    media: str = ""
    problem: str = ""


class Folder:
    """Looks at a folder and its sub-folders. Used by one thread at a time.

    A file is ready when it was the same at two looks and is a whole picture. One that is not whole
    is looked at again until it has not changed for `settle` ns: then it is what it is.
    """

    def __init__(self, path: Path, taken: dict[str, Seen], settle: int) -> None:
        self.path = path
        self.taken = taken
        """Files that were taken, as they were then."""
        self.left = 0
        """New files that were not ready, or for which there was no room, at the last look."""
        self.unread = ""
        """A sub-folder that could not be read at the last look, in words; empty if all could."""
        self._settle = settle
        self._paths: dict[str, str] = {}
        self._before: dict[str, Seen] = {}
        self._problems: dict[str, Seen] = {}
        """Files that were no whole picture, as they were when that was found out."""

    def look(self, room: int, now: int) -> tuple[list[Found], list[str]]:
        """At most `room` files that are ready, the oldest first, and no further ones when they are
        `LARGEST` together; and names of those that were taken and are gone.

        Raises `Unavailable` if the folder cannot be read; of what lies in a sub-folder that cannot
        be, nobody knows whether it is gone.
        """
        self._paths.clear()
        self.unread = ""
        unknown: list[str] = []
        there = dict(self._files(unknown))
        gone = [
            name for name in self.taken
            if name not in there and not name.startswith(tuple(unknown))
        ]  # fmt: skip
        for name in gone:
            del self.taken[name]
        new = {name: seen for name, seen in there.items() if self.taken.get(name) != seen}
        still = [(seen[1], name) for name, seen in new.items() if self._before.get(name) == seen]
        self._before = new
        self._problems = {n: s for n, s in self._problems.items() if new.get(n) == s}
        found: list[Found] = []
        for changed, name in sorted(still):
            if len(found) >= room or sum(len(one.body) for one in found) >= LARGEST:
                break
            given_up = now - changed >= self._settle
            if name in self._problems and not given_up:
                continue
            if (one := self._read(name, new[name])) is None:
                continue
            if one.problem and not given_up:
                self._problems[name] = new[name]
                continue
            found.append(one)
        self.left = len(new) - len(found)
        return found, gone

    def _files(self, unknown: list[str]) -> Iterator[tuple[str, Seen]]:
        """All pictures; how names in sub-folders begin that could not be read goes to `unknown`."""
        folders = [self.path]
        while folders:
            folder = folders.pop()
            try:
                with os.scandir(folder) as entries:
                    for entry in entries:
                        if entry.is_dir(follow_symlinks=False):
                            folders.append(Path(entry.path))
                        elif entry.name.lower().endswith(SUFFIXES) and entry.is_file(
                            follow_symlinks=False
                        ):
                            with contextlib.suppress(FileNotFoundError):  # removed just now
                                told = entry.stat(follow_symlinks=False)
                                name = self._name(entry.path)
                                self._paths[name] = entry.path
                                yield name, (told.st_size, told.st_mtime_ns)
            except OSError as error:
                said = f"folder {folder} cannot be read: {error.strerror or error}"
                if folder == self.path:
                    raise Unavailable(said) from None
                unknown.append(self._name(folder) + "/")
                if not isinstance(error, FileNotFoundError):
                    self.unread = said

    def _name(self, path: str | Path) -> str:
        return _text(Path(path).relative_to(self.path).as_posix())

    def _read(self, name: str, seen: Seen) -> Found | None:
        """None for a file that has gone or changes just now."""
        path = Path(self._paths[name])
        if seen[0] > LARGEST:
            return Found(name, seen, b"", problem=f"{seen[0]:,} bytes; at most {LARGEST:,}")
        try:
            body = path.read_bytes()
            told = path.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            return Found(name, seen, b"", problem=f"cannot be read: {error.strerror or error}")
        if (told.st_size, told.st_mtime_ns) != seen or len(body) != seen[0]:
            return None
        try:
            _, media = decode_image(body, name)
        except DataError as error:
            return Found(name, seen, b"", problem=str(error))
        return Found(name, seen, body, media)


def _text(name: str) -> str:
    """A name as text: a file may be called by bytes that are none."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
