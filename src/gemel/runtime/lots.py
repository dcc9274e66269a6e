"""Lots of a running twin: where they were by history, what was said of them by the journal, and the
release records made of both.

What reads history blocks, and is called in a thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from gemel.core.errors import ConfigurationError, Unknown, did_you_mean
from gemel.core.time import isoformat
from gemel.runtime.daemon import Daemon
from gemel.twin.operations.lots import (
    Book,
    Link,
    Reached,
    Stay,
    made_links,
    mixed,
    seen,
    there,
    trace,
)
from gemel.twin.operations.lots.stays import owners

__all__ = ["Genealogy", "genealogy", "listed"]


@dataclass(frozen=True, slots=True)
class Genealogy:
    """All lots of a stretch of time, as of one moment.

    stays   where each was, by signals and by statements, in order of time
    unseen  (asset, start, end) in which nobody looked
    owner   for each asset the one whose lot signal tells of it
    book    what was said
    """

    start: int
    end: int
    as_of: int | None
    stays: tuple[Stay, ...]
    unseen: tuple[tuple[str, int, int], ...]
    links: tuple[Link, ...]
    owner: Mapping[str, str]
    remains: Mapping[str, int]
    book: Book

    @property
    def lots(self) -> set[str]:
        """Every lot that is known."""
        used = {part.lot for made in self.book.made.values() for part in made.of}
        return {s.lot for s in self.stays} | set(self.book.lots) | used

    def must_know(self, lot: str) -> None:
        """Raise `Unknown` for a lot that was nowhere and of which nobody said anything."""
        if lot not in (known := self.lots):
            raise Unknown(
                f"no lot '{lot}' since {isoformat(self.start)}; {did_you_mean(lot, known)}"
            )

    def of(self, lot: str) -> list[Stay]:
        """Where a lot was."""
        return [stay for stay in self.stays if stay.lot == lot]

    def traced(self, lot: str, direction: Literal["forward", "backward"]) -> list[Reached]:
        """What was made of a lot, or what it was made of, the lot itself left out."""
        self.must_know(lot)
        found = trace(self.links, {lot: None}, direction)
        return sorted((r for r in found.values() if r.lot != lot), key=lambda r: (r.time, r.lot))

    def suspects(self, asset: str, start: int, end: int) -> tuple[list[Reached], list[str]]:
        """Lots that were at an asset, or below it, in [start, end], and all that was made of them
        from then on; and what a reader must know. Raises `ConfigurationError` where nothing tells
        which lots an asset has."""
        at = {s.asset for s in self.stays if _below(s.asset, asset)}
        told = self.owner.get(asset, "")
        if not at and not told:
            raise ConfigurationError(
                f"nothing tells which lots were at '{asset}': give it, or what it is part of, a "
                "text signal with role 'lot', or state lots with `gemel lots made`"
            )
        found = there(self.stays, at, start, end, self.remains)
        notes = []
        if told and not _below(told, asset):
            other = [replace(s, sure=False) for s in self.stays if s.asset == told]
            found = there(other, [told], start, end, self.remains) | found
            notes.append(f"{asset} tells no lot: those of {told} stand for it")
        for path, a, b in self.unseen:
            if (path in at or path == told) and a <= end and b >= start:
                notes.append(
                    f"nobody saw which lot was at {path} from {isoformat(a)} to {isoformat(b)}: "
                    "those before and after may have been, and others"
                )
        notes += [
            f"what remains of a lot at {path} after it has gone counts as perhaps"
            for path in sorted({*at, told} & set(self.remains))
        ]
        if start < self.start:
            notes.append(f"lots are known from {isoformat(self.start)} on only")
        reached = trace(self.links, found)
        return sorted(reached.values(), key=lambda r: (not r.sure, r.time, r.lot)), notes


def genealogy(
    daemon: Daemon, start: int | None = None, end: int | None = None, as_of: int | None = None
) -> Genealogy:
    """Read it; `start` is as far back as the plant file says if it is not given, ns UTC."""
    plan = daemon.plan
    until = min(v for v in (daemon.clock(), end, as_of) if v is not None)
    since = until - plan.operations.lots_back if start is None else min(start, until)
    book = daemon.rooms.lots.as_of(as_of)
    found = seen(daemon.store, plan.machines, since, until, as_of)
    # What went into it was used up there: it is suspect by what was made of it, not by itself.
    stated = [Stay(m.made, m.asset, m.start, m.end, told="stated") for m in book.made.values()]
    stays = sorted((*found.stays, *stated), key=lambda s: (s.start, s.asset, s.lot))
    remains = {
        path: about.remains
        for path, about in plan.operations.assets.items()
        if about.remains is not None
    }
    links = [*made_links(book.made.values()), *mixed(stays, remains)]
    return Genealogy(
        since, until, as_of, tuple(stays), found.unseen, tuple(links),
        owners(plan.machines, plan.plant.assets), remains, book,
    )  # fmt: skip


def listed(found: Genealogy) -> list[dict[str, Any]]:
    """Every lot with its state and where it was, the last one first; JSON-able."""
    of: dict[str, list[Stay]] = {lot: [] for lot in found.lots}
    for stay in found.stays:
        of[stay.lot].append(stay)
    rows = []
    for lot, stays in of.items():
        about = found.book.about(lot)
        last = max((s.end for s in stays), default=None)
        rows.append({
            "lot": lot,
            "state": about.state,
            "first": None if not stays else isoformat(min(s.start for s in stays)),
            "last": None if last is None else isoformat(last),
            "lasts": any(s.lasts for s in stays),
            "assets": list(dict.fromkeys(s.asset for s in stays)),
            "reason": about.held[0].reason if about.held else "",
            "record": str(about.releases[-1].payload["record"]) if about.releases else "",
        })  # fmt: skip
    return sorted(rows, key=lambda r: (r["last"] or "", r["lot"]), reverse=True)


def covered(found: Genealogy, asset: str, assets: Iterable[str]) -> list[str]:
    """Assets of which the lot signal of one tells: itself, and those that it stands for."""
    return [asset, *(p for p in assets if p != asset and found.owner.get(p) == asset)]


def _below(path: str, place: str) -> bool:
    return path == place or path.startswith(f"{place}/")
