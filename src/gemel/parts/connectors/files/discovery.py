"""Look at a file and propose the plant file's content: settings made explicit, an asset, its
signals, and what a person should know about the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from gemel.core.catalogue import SignalType
from gemel.core.errors import ConfigurationError
from gemel.core.time import SECOND, duration_text, isoformat, parse_time, zone
from gemel.parts.connectors.base import Found, FoundAsset, FoundSignal
from gemel.parts.connectors.files.examine import examine
from gemel.parts.connectors.files.format import Column, Format
from gemel.parts.connectors.files.naming import label_note, role_of, slug, split_unit, unique_names
from gemel.parts.connectors.files.scan import Scan, Seen, scan, type_of, type_of_texts
from gemel.parts.connectors.files.session import DEFAULT_START, Replay
from gemel.parts.connectors.files.sources import find_files
from gemel.parts.connectors.files.times import cells_of, decode

__all__ = ["discover_file"]


class Settings(Replay, Protocol):
    """Settings of the connector, as far as discovery needs them."""

    @property
    def paths(self) -> tuple[str, ...]: ...
    @property
    def start(self) -> str: ...


def discover_file(settings: Settings) -> Found:
    """What the first of the files holds. Reads at most its first 64 MiB and its end.

    Raises `ConfigurationError` if it is no table.
    """
    files = find_files(settings.paths)
    path = files[0]
    found = examine(path, settings)
    naive = zone(settings.time_zone)
    start = parse_time(settings.start, naive) if settings.start else DEFAULT_START
    step = settings.step or SECOND
    seen = scan(found, settings.time_zone, start, step)
    if not seen.columns:
        raise ConfigurationError(
            "has a time and nothing else; columns of values are expected", str(path)
        )
    made = _settings(settings, found, seen, step)
    stem = _asset_name(path, len(files))
    signals = _signals(found, seen)
    if seen.group:
        keys = unique_names([slug(g) for g in seen.groups])[0]
        assets = tuple(
            FoundAsset(
                f"{slug(stem)}/{key}", title=group,
                signals=tuple(_in_group(s, group) for s in signals),
                why=f"column '{seen.group}' names it",
            )
            for group, key in zip(seen.groups, keys, strict=True)
        )  # fmt: skip
    else:
        assets = (FoundAsset(slug(stem), title=stem, signals=signals, why=f"file {path.name}"),)
    notes = _notes(found, seen, made, files)
    return Found(made, assets, {"time_zone": settings.time_zone}, notes)


def _asset_name(path: Path, files: int) -> str:
    """The file's name, or that of its folder if the file is one of many or only has a number."""
    stem = path.name.split(".")[0] or path.stem
    folder = path.absolute().parent.name
    if files > 1 and folder:
        return folder
    return f"{folder} {stem}" if stem.isdecimal() and folder else stem


def _settings(settings: Settings, found: Format, seen: Scan, step: int) -> dict[str, object]:
    """Everything that was found out, so that the plant file says it and the next start need not
    guess again."""
    made: dict[str, object] = {
        "kind": "files", "paths": list(settings.paths), "layout": found.layout,
    }  # fmt: skip
    if found.kind == "text":
        made["encoding"] = found.text.encoding
        if found.text.delimiter:
            made["delimiter"] = found.text.delimiter
        decimals = {c.decimal for c in found.columns if c.kind == "number"}
        if len(decimals) == 1:
            made["decimal"] = decimals.pop()
        if not found.has_header:
            made["header"] = "no"
    plan = found.time
    if plan.columns:
        made["time_column"] = " + ".join(found.columns[i].name for i in plan.columns)
        kind = found.columns[plan.columns[0]].kind
        if found.kind == "text" or kind in ("number", "text"):
            made["time_format"] = plan.format
    else:
        made["time_format"] = "row"
        made["step"] = duration_text(step)
    made["time_zone"] = settings.time_zone
    if plan.needs_start:
        made["start"] = settings.start or isoformat(DEFAULT_START)
    if found.layout == "long":
        made["name_column"] = found.columns[found.name].name
        made["value_column"] = found.columns[found.value].name
        if found.quality >= 0:
            made["quality_column"] = found.columns[found.quality].name
            made["quality_codes"] = found.quality_codes
    if seen.group:
        made["group_column"] = seen.group
    return made


def _signals(found: Format, seen: Scan) -> tuple[FoundSignal, ...]:
    if found.layout == "long":
        names = list(seen.columns)
        columns: Mapping[str, Column] = {
            n: Column(n, "text", split_unit(n).unit, split_unit(n).title) for n in names
        }
    else:
        columns = {
            c.name: c for i, c in enumerate(found.columns)
            if i not in found.roles | found.paired and c.kind != "other" and c.name != seen.group
        }  # fmt: skip
        names = [n for n in columns if n in seen.columns]
    titles = [columns[n].title for n in names]
    doubled = {slug(t) for t in titles if sum(slug(u) == slug(t) for u in titles) > 1} if len(
        titles
    ) < 2000 else {slug(t) for t in titles}  # fmt: skip
    keys = [slug(n) if slug(t) in doubled else slug(t) for n, t in zip(names, titles, strict=True)]
    signals = []
    for name, key in zip(names, unique_names(keys)[0], strict=True):
        column, looked = columns[name], seen.columns[name]
        type = type_of_texts(looked) if found.layout == "long" else type_of(column, looked)
        signals.append(_signal(name, key, column, looked, type, seen.interval))
    return tuple(signals)


def _signal(
    name: str, key: str, column: Column, looked: Seen, type: SignalType, interval: int | None
) -> FoundSignal:
    guess = role_of(column.title, column.unit, type)
    label = label_note(column.title)
    why = [w for w in (guess.why, label) if w]
    if looked.cells == looked.missing:
        why.append("every cell is empty")
    elif looked.missing:
        why.append(f"{100 * looked.missing / looked.cells:.3g} % of the cells are empty")
    if looked.is_constant:
        why.append(f"always {next(iter(looked.distinct))[:40]}")
    if type == "text" and len(looked.distinct) > 100 and len(looked.distinct) > 0.5 * looked.cells:
        why.append("a different text in nearly every row")
    return FoundSignal(
        key, name, type,
        title=column.title, unit=column.unit, role=guess.role, sample=interval,
        confidence=guess.confidence, why="; ".join(why),
    )  # fmt: skip


def _in_group(signal: FoundSignal, group: str) -> FoundSignal:
    return replace(signal, address=f"{group}/{signal.address}")


def _notes(
    found: Format, seen: Scan, made: Mapping[str, object], files: Sequence[Path]
) -> tuple[str, ...]:
    notes = list(found.notes)
    if len(files) > 1:
        notes.append(f"{len(files)} files match; {files[0].name} was looked at")
    signals = len(seen.columns) - len(found.paired) - bool(seen.group)
    about = "about " if seen.is_estimate else ""
    notes.append(f"{about}{seen.rows} rows, {signals} signals, {found.layout} layout")
    notes += _about_time(found, seen, made)
    if found.paired:
        shown = ", ".join(found.columns[i].name for i in sorted(found.paired)[:4])
        notes.append(f"columns of qualities were found beside their signals: {shown}")
    if seen.group:
        notes.append(
            f"column '{seen.group}' tells {len(seen.groups)} machines apart: an asset for each"
        )
    if seen.backward and found.layout == "wide" and not seen.group:
        notes.append(f"the time goes back {seen.backward} times")
    if seen.repeated and not seen.group:
        notes.append(f"{seen.repeated} rows repeat the time of the row before")
    notes += _about_values(found, seen)
    notes += [f"{reason}: {rows}" for reason, rows in seen.counters.reasons.items()]
    notes += [f"{note}: {times}" for note, times in seen.counters.notes.items()]
    if seen.damage:
        notes.append(seen.damage)
    return tuple(dict.fromkeys(notes))


def _about_time(found: Format, seen: Scan, made: Mapping[str, object]) -> list[str]:
    notes = []
    if seen.first is not None and seen.last is not None:
        notes.append(f"from {isoformat(seen.first)} to {isoformat(seen.last)}")
    if seen.interval is not None and found.time.columns:
        how = (
            "regular"
            if seen.regular > 0.95
            else f"{100 * seen.regular:.0f} % of the steps are that"
        )
        notes.append(f"sample interval {duration_text(seen.interval)} ({how})")
    if not found.time.columns:
        notes.append(
            f"no column holds times: rows are taken to be {made['step']} apart, from "
            f"{made['start']}; set `step` and `start`"
        )
    elif found.time.needs_start:
        notes.append(
            f"'{made['time_column']}' holds no dates: it is counted from {made['start']}; "
            "set `start`"
        )
    elif found.kind == "text" and made["time_zone"] == "UTC" and _is_naive(found):
        notes.append("times without offset are read as UTC; set `time_zone` if they are local")
    return notes


def _about_values(found: Format, seen: Scan) -> list[str]:
    notes = []
    labels = [n for n in seen.columns if label_note(split_unit(n).title)]
    if labels:
        notes.append(f"look like labels, not measurements: {', '.join(labels[:8])}")
    beside = {found.columns[i].name for i in found.paired}
    constant = [n for n, s in seen.columns.items() if s.is_constant and n not in beside]
    if constant:
        notes.append(f"constant: {', '.join(constant[:8])}{' …' if len(constant) > 8 else ''}")
    empty = [n for n, s in seen.columns.items() if s.cells == s.missing]
    if empty:
        notes.append(f"without any value: {', '.join(empty[:8])}{' …' if len(empty) > 8 else ''}")
    return notes


def _is_naive(found: Format) -> bool:
    cells = found.columns[found.time.columns[0]].cells
    first = next((c for c in cells if c), "")
    decoded = decode(cells_of(pa.array([first], pa.string())), found.time.format)
    return bool(decoded.local[0]) and not found.time.is_utc
