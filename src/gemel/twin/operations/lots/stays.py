"""Where lots were, from history: the text that the lot signal of an asset showed, and when.

A lot is at an asset from the sample that names it to the one that names another. Where samples are
missing (a gap that was not filled, or values of bad quality) the lot before and the one after may
have been there, and others that nobody saw: those stretches are told beside the stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from gemel.core.frame import Times
from gemel.parts.historians.base import Query, Store
from gemel.twin.operations.gaps import gaps, missing
from gemel.twin.operations.lots.genealogy import Stay
from gemel.twin.operations.machine import Machine

__all__ = ["Seen", "owners", "runs", "seen"]

_ROWS: Final = 1_000_000
"""So many rows are read at a time: most sources tell a lot only when it changes, some each second.
"""
_UNKNOWN: Final = -1
_Codes = np.ndarray[tuple[int], np.dtype[np.int64]]


@dataclass(frozen=True, slots=True)
class Seen:
    """Stays in order of time, and stretches (asset, start, end) in which nobody looked."""

    stays: tuple[Stay, ...]
    unseen: tuple[tuple[str, int, int], ...]


def owners(machines: Mapping[str, Machine], assets: Iterable[str]) -> dict[str, str]:
    """For each asset the one whose lot signal tells of it: its own, or that of what is nearest in
    the tree, which then only may be right; assets for which there is none are left out."""
    told = [path for path, machine in machines.items() if "lot" in machine.inputs]
    places: dict[str, str] = {}
    for path in told:
        at = path
        while at:
            places.setdefault(at, path)
            at = at.rpartition("/")[0]
    found = {}
    for asset in assets:
        at = asset
        while at and at not in places:
            at = at.rpartition("/")[0]
        if at:
            found[asset] = places[at]
    return found | {path: path for path in told}


def seen(
    store: Store,
    machines: Mapping[str, Machine],
    start: int,
    end: int,
    as_of: int | None = None,
) -> Seen:
    """Where lots were in [start, end), ns UTC, by the lot signals of `machines`; with `as_of`, by
    what was known then. Reads the store: not for the event loop."""
    stays: list[Stay] = []
    unseen: list[tuple[str, int, int]] = []
    told = gaps(store, start, end)
    for path, machine in machines.items():
        if "lot" not in machine.inputs:
            continue
        number = store.catalogue.number(machine.inputs["lot"])
        time, code = _codes(store, number, start, end, as_of)
        texts = store.catalogue.texts(number)
        dark = missing(told, number, machine.lot_connector, start, end, as_of)
        found, blind = runs(path, time, code, texts, end, dark)
        stays += found
        unseen += [(path, a, b) for a, b in blind]
    return Seen(tuple(sorted(stays, key=lambda s: (s.start, s.asset))), tuple(unseen))


def runs(
    asset: str,
    time: Times,
    code: _Codes,
    texts: Iterable[str],
    end: int,
    dark: Iterable[tuple[int, int]] = (),
) -> tuple[list[Stay], list[tuple[int, int]]]:
    """Stays at one asset, and stretches in which it is not known.

    time, code  int64[n]: from then on the lot with this code is there, −1 is not known
    """
    words = list(texts)
    if not len(time):
        return [], []
    begins = np.flatnonzero(np.append(True, code[1:] != code[:-1]))
    starts = time[begins].tolist()
    codes = code[begins].tolist()
    ends = [*starts[1:], end]
    known = [
        Stay(words[c], asset, a, b, lasts=b == end)
        for a, b, c in zip(starts, ends, codes, strict=True)
        if 0 <= c < len(words) and words[c] and a < b
    ]
    blind = [(a, b) for a, b, c in zip(starts, ends, codes, strict=True) if c == _UNKNOWN and a < b]
    blind = _joined([*blind, *dark])
    stays: list[Stay] = []
    for stay in known:
        stays += _outside(stay, blind)
    # In the dark: what was there before may have been there still, what came after already.
    for a, b in blind:
        before = [s for s in known if s.start < b and s.start <= a]
        after = [s for s in known if s.end > a and s.start > a and s.start <= _next(known, b)]
        names = {s.lot for s in (*before[-1:], *after)}
        stays += [Stay(lot, asset, a, b, sure=False) for lot in sorted(names)]
    return stays, blind


def _next(known: list[Stay], moment: int) -> int:
    """When the first stay after a moment began."""
    return min((s.start for s in known if s.start >= moment), default=moment)


def _outside(stay: Stay, blind: list[tuple[int, int]]) -> list[Stay]:
    """What of a stay was seen."""
    found, at = [], stay.start
    for a, b in blind:
        if b <= at or a >= stay.end:
            continue
        if a > at:
            found.append(replace(stay, start=at, end=a, lasts=False))
        at = max(at, b)
    if at < stay.end:
        found.append(replace(stay, start=at))
    return found


def _joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for a, b in sorted(spans):
        if found and a <= found[-1][1]:
            found[-1] = (found[-1][0], max(b, found[-1][1]))
        else:
            found.append((a, b))
    return found


def _codes(
    store: Store, number: int, start: int, end: int, as_of: int | None
) -> tuple[Times, _Codes]:
    """What the signal showed, with what it showed at the start; changes only."""
    wanted = np.array([number], np.int32)
    parts = [store.at(wanted, start, as_of)]
    at = start + 1
    while True:
        table = store.query(Query(wanted, at, end, as_of=as_of, limit=_ROWS))
        parts.append(table)
        if table.num_rows < _ROWS:
            break
        last = int(table.column("time")[-1].as_py())
        at = last if last > at else last + 1
    times, codes = [], []
    for table in parts:
        time = table.column("time").to_numpy().astype(np.int64)
        value, quality = table.column("value").to_numpy(), table.column("quality").to_numpy()
        usable = (quality >= 0) & np.isfinite(value)
        code = np.where(usable, np.where(usable, value, 0), _UNKNOWN).astype(np.int64)
        # Of several values of one time the last that came counts.
        keep = np.append(time[1:] != time[:-1], True) if len(time) else np.zeros(0, np.bool_)
        times.append(np.maximum(time[keep], start))
        codes.append(code[keep])
    return np.concatenate(times), np.concatenate(codes)
