"""Helpers: read a file with the connector and look at the samples."""

from __future__ import annotations

import asyncio
from pathlib import Path

from gemel.core.catalogue import Catalogue
from gemel.core.frame import Frame
from gemel.core.time import parse_time
from gemel.parts.connectors.base import Counters, Door, Wanted
from gemel.parts.connectors.files import Files
from gemel.parts.connectors.files.session import FileSession
from gemel.parts.connectors.files.sources import find_files


def at(text: str) -> int:
    return parse_time(text)


class Reading:
    """All that came out of a file, by address."""

    def __init__(self, frames: list[Frame], wanted: list[Wanted], catalogue: Catalogue,
                 session: FileSession) -> None:  # fmt: skip
        self.frames = frames
        self.catalogue = catalogue
        self.session = session
        self.counters: Counters = session.counters
        self.addresses = [w.address for w in wanted]

    def rows(self) -> list[tuple[str, int, object, int]]:
        """(address, time, value as a person reads it, quality)"""
        return [
            (self.addresses[n], t, self.catalogue.show(n, v), q)
            for f in self.frames
            for n, t, v, q in zip(
                f.signal.tolist(),
                f.time.tolist(),
                f.value.tolist(),
                f.quality.tolist(),
                strict=True,
            )
        ]

    def values(self, address: str) -> list[object]:
        return [v for a, _, v, _ in self.rows() if a == address]

    def times(self, address: str) -> list[int]:
        return [t for a, t, _, _ in self.rows() if a == address]

    def qualities(self, address: str) -> list[int]:
        return [q for a, _, _, q in self.rows() if a == address]


def door(wanted: list[Wanted], catalogue: Catalogue, position: str | None = None,
         clock=lambda: 0) -> Door:  # fmt: skip
    return Door("files", clock, tuple(wanted), catalogue.encode, Path(), position)


def read(
    path: Path | str, signals: dict[str, str], *, catalogue: Catalogue | None = None,
    labels: dict[str, tuple[tuple[int, str], ...]] | None = None, position: str | None = None,
    rows: int = 65_536, size: int = 4 << 20, stop_after: int | None = None, **settings,
) -> Reading:  # fmt: skip
    """Read `signals` (address → type) of a file."""
    catalogue = catalogue or Catalogue()
    wanted = [
        Wanted(catalogue.declare(f"a/{k}", t, labels=(labels or {}).get(k, ())), f"a/{k}", k, t,
               labels=(labels or {}).get(k, ()))
        for k, t in signals.items()
    ]  # fmt: skip
    connector = Files.read({"paths": [str(path)], **settings})
    session = FileSession(
        connector, door(wanted, catalogue, position), find_files(connector.paths),
        connector._start(), rows, size,
    )  # fmt: skip

    async def run() -> list[Frame]:
        frames: list[Frame] = []
        session.prepare()
        stream = session.frames()
        async for frame in stream:
            frames.append(frame)
            if stop_after is not None and len(frames) >= stop_after:
                await stream.aclose()
                break
        return frames

    return Reading(asyncio.run(run()), wanted, catalogue, session)


def write(folder: Path, text: str | bytes, name: str = "file.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path
