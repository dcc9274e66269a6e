"""What a release record says of a lot, and the files of the records that were signed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np

from gemel import __version__
from gemel.core.errors import DataError, Refused, Unavailable, Unknown
from gemel.core.event import Event
from gemel.core.frame import Times, Values
from gemel.core.plant import PlantSignal, Specification
from gemel.core.time import SECOND, isoformat
from gemel.parts.historians.base import Query
from gemel.runtime.daemon import Daemon
from gemel.runtime.lots import Genealogy, covered, genealogy
from gemel.runtime.signing import SigningKey
from gemel.twin.decisions.people import Actor
from gemel.twin.decisions.record import FORMAT, digest_of, seal
from gemel.twin.durable import write_whole
from gemel.twin.learning import Normal
from gemel.twin.learning.spc import Charted, charted
from gemel.twin.learning.windows import recorded
from gemel.twin.operations.lots import Book, Hold, LotAbout, Stay

__all__ = ["content", "file_of", "open_points", "sealed", "told_hold"]

Span: TypeAlias = tuple[int, int]
_VALUES: Final = 1_000_000
_MOST: Final = 10_000
"""Events of one kind in one stay."""
_WORDS: Final = {
    "finding": "findings", "label": "answers to findings", "alarm": "changes of alarms",
    "order": "orders",
}  # fmt: skip


def content(daemon: Daemon, lot: str, found: Genealogy | None = None) -> dict[str, Any]:
    """All that is known of a lot, JSON-able: what a person signs. Raises `Unknown`."""
    found = found or genealogy(daemon)
    found.must_know(lot)
    about = found.book.about(lot)
    stays = found.of(lot)
    assets = daemon.plan.plant.assets
    measured: list[dict[str, Any]] = []
    events: dict[str, list[dict[str, Any]]] = {"findings": [], "alarms": [], "orders": []}
    cut: list[str] = []
    for asset in dict.fromkeys(stay.asset for stay in stays):
        mine = _spans(stay for stay in stays if stay.asset == asset)
        for path in covered(found, asset, assets):
            told = (_measured(daemon, s, mine) for s in daemon.signals_of.get(path, ()))
            measured += [one for one in told if one is not None]
            cut += _add_events(daemon, path, mine, events)
    return {
        "lot": lot,
        "plant": daemon.plan.plant.plant.model_dump(mode="json"),
        "plan": daemon.plan.hash,
        "gemel": __version__,
        "was_at": [_stay(stay) for stay in stays],
        "made_of": [
            {"lot": r.lot, "sure": r.sure, "state": found.book.about(r.lot).state,
             "record": _record_of(found.book.about(r.lot))}
            for r in found.traced(lot, "backward")
        ],
        "measured": measured,
        **events,
        "holds": [told_hold(hold) for hold in about.holds],
        "notes": [*_notes(found, stays), *dict.fromkeys(cut)],
    }  # fmt: skip


def open_points(known: Mapping[str, Any], about: LotAbout) -> list[str]:
    """What speaks against a release, in sentences: whoever releases nevertheless says why."""
    points = []
    for one in known["measured"]:
        if one["outside"]:
            points.append(f"{one['outside']} of {one['values']} values of {one['signal']} are "
                          "outside the specification")  # fmt: skip
        if broken := one["rules_broken"]:
            more = f"; and {len(broken) - 1} more" if len(broken) > 1 else ""
            points.append(f"{one['signal']} was not in control: {broken[0]}{more}")
        if one["problem"]:
            points.append(f"{one['signal']}: {one['problem']}")
    points += [f"{f['asset']}: {f['title']}, not answered" for f in known["findings"]
               if not f["answer"]]  # fmt: skip
    points += [f"{f['asset']}: {f['title']}, which was so" for f in known["findings"]
               if f["answer"] == "right"]  # fmt: skip
    points += [f"{a['asset']}: {a['title']}" for a in known["alarms"]]
    points += [f"it is made of {m['lot']}, which is {m['state']}" for m in known["made_of"]
               if m["state"] in ("on hold", "scrapped")]  # fmt: skip
    points += [f"it was on hold: {h['reason']}; {h['disposition']}: {h['disposition_reason']}"
               for h in known["holds"] if h["disposition"]]  # fmt: skip
    points += known["notes"]
    if about.releases:
        points.append("it was released before; this record takes the place of that one")
    return points


def told_hold(hold: Hold) -> dict[str, Any]:
    """JSON-able, for people and programs: times as text."""
    told = hold.record()
    for name in ("time", "ended", "since"):
        told[name] = None if told[name] is None else isoformat(told[name])
    told["way"] = [{**s, "start": isoformat(s["start"]), "end": isoformat(s["end"])}
                   for s in told["way"]]  # fmt: skip
    return told


def sealed(
    daemon: Daemon,
    lot: str,
    signer: Actor,
    meaning: str,
    comment: str,
    looked_at: str,
    book: Book,
) -> tuple[str, dict[str, Any]]:
    """Make the record of a lot, sign it and keep its file: its hash, and what the journal says.

    `looked_at` is the hash of the content that the signer saw; `book` is that of now, whose last
    record this one follows. Raises `Refused` if more is known now, or if something speaks against
    it and there is no comment.
    """
    known = content(daemon, lot)
    digest = digest_of(known)
    if looked_at and looked_at != digest:
        raise Refused(f"more is known of '{lot}' than when you looked; look again, then sign")
    about = book.about(lot)
    points = open_points(known, about)
    if points and not comment.strip():
        raise Refused(f"say in the comment why '{lot}' may go nevertheless: {points[0]}")
    now = daemon.clock()
    previous = next(reversed(book.records), "")
    record = {
        "format": FORMAT,
        **known,
        "speaks_against_it": points,
        "version": len(about.releases) + 1,
        "supersedes": _record_of(about),
        "previous": previous,
        "signed": {
            "by": signer.name, "role": signer.role, "time": isoformat(now),
            "meaning": meaning, "comment": comment.strip(),
        },
    }  # fmt: skip
    key = SigningKey.of(daemon.folder)
    name, file = seal(record, key.sign, key.public)
    folder = daemon.folder / "releases"
    try:
        folder.mkdir(exist_ok=True)
        _set_aside(folder, book)
        write_whole(folder / f"{name}.json", file)
    except OSError as error:
        raise Unavailable(f"the record cannot be kept in {folder}: {error}") from None
    return name, {
        "record": name, "content": digest, "version": record["version"],
        "supersedes": record["supersedes"], "previous": previous, "meaning": meaning,
        "reason": comment.strip(),
    }  # fmt: skip


def file_of(folder: Path, book: Book, name: str) -> bytes:
    """A record's file by its hash. Raises `Unknown`."""
    path = folder / "releases" / f"{name}.json"
    if name not in book.records or not path.exists():
        raise Unknown(f"no release record '{name}'; `gemel lots list` shows those there are")
    return path.read_bytes()


def _set_aside(folder: Path, book: Book) -> None:
    """Move records away of which the journal says nothing: signed, but the lot was not released,
    since Gemel ended or the disk was full between the two. The next one follows the same record,
    and whoever verifies the folder would find a fork."""
    for path in folder.glob("*.json"):
        if path.stem not in book.records:
            (folder / "unfinished").mkdir(exist_ok=True)
            path.rename(folder / "unfinished" / path.name)


def _measured(daemon: Daemon, planned: PlantSignal, spans: Iterable[Span]) -> dict[str, Any] | None:
    """What a value of the product was while the lot was there; None for any other signal."""
    signal = planned.signal
    asked = signal.specification
    if signal.type != "number" or (signal.role != "quality" and asked is None):
        return None
    found = [_values(daemon, planned, start, end) for start, end in spans]
    time = np.concatenate([one[0] for one in found])
    value = np.concatenate([one[1] for one in found])
    told: dict[str, Any] = {
        "signal": planned.path, "asset": planned.asset, "unit": signal.unit,
        "specification": None if asked is None else asked.model_dump(mode="json"),
        "values": len(value), "outside": 0, "capability": [], "rules_broken": [], "problem": "",
    }  # fmt: skip
    if not len(value):
        return {**told, "problem": "nothing was measured while the lot was there"}
    told |= {"least": float(value.min()), "most": float(value.max()),
             "mean": float(value.mean())}  # fmt: skip
    if asked is not None:
        told["outside"] = _outside(value, asked)
    try:
        return {**told, **_judged(charted(time, value, asked))}
    except DataError as error:
        return {**told, "problem": str(error)}


def _values(daemon: Daemon, planned: PlantSignal, start: int, end: int) -> tuple[Times, Values]:
    """What was measured in [start, end), each once. Where a condition says which values count, or
    there are more than a person could look at, as of each second and only what changed."""
    asked = planned.signal.specification
    when = "" if asked is None else asked.when
    if not when:
        number = np.array([daemon.numbers[planned.path]], np.int32)
        table = daemon.store.query(Query(number, start, end, limit=_VALUES))
        if table.num_rows < _VALUES:
            time, value = table.column("time").to_numpy(), table.column("value").to_numpy()
            good = (table.column("quality").to_numpy() >= 0) & np.isfinite(value)
            return time[good], value[good]
    window = Normal.of(
        [planned.path], daemon.numbers, SECOND, 0, when, daemon.plan.signals, planned.asset
    )
    rows = recorded(window, daemon.store, start, end)
    good = np.isfinite(rows.value[:, 0])
    time, value = rows.time[good], rows.value[good, 0]
    news = np.append(True, np.diff(value) != 0) if len(value) else np.zeros(0, np.bool_)
    return time[news], value[news]


def _spans(stays: Iterable[Stay]) -> list[Span]:
    """When a lot was at an asset, whoever says so: what was measured counts once."""
    found: list[Span] = []
    for stay in sorted(stays, key=lambda stay: stay.start):
        if found and stay.start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], stay.end))
        else:
            found.append((stay.start, stay.end))
    return found


def _outside(value: Values, asked: Specification) -> int:
    low = -np.inf if asked.lower is None else asked.lower
    high = np.inf if asked.upper is None else asked.upper
    return int(((value < low) | (value > high)).sum())


def _judged(found: Charted) -> dict[str, Any]:
    able = found.capability
    return {
        "deviation": float(np.nanstd(found.values, ddof=1)),
        "capability": [] if able is None else [
            {"name": i.name, "value": i.value, "low": i.low, "high": i.high} for i in able.indices
        ],
        "rules_broken": [f"{isoformat(int(found.time[v.first]))}: {v.sentence()}"
                         for v in found.found],
    }  # fmt: skip


def _add_events(
    daemon: Daemon, asset: str, spans: Iterable[Span], events: dict[str, list[dict[str, Any]]]
) -> list[str]:
    """What happened there meanwhile is added to `events`; notes of what is too much for it."""
    notes: list[str] = []
    for begun, ended in spans:

        def ask(kind: str, start: int = begun, end: int = ended) -> list[Event]:
            found = daemon.store.events(kind, asset, start, end, _MOST + 1)
            if len(found) > _MOST:
                del found[_MOST:]
                notes.append(f"more than {_MOST:,} {_WORDS[kind]} at {asset} and below it while it "
                             "was there: the first of them are not in this record")  # fmt: skip
            return [event for event in found if event.subject == asset and event.time < end]

        found = ask("finding")
        first = min((event.time for event in found), default=begun)
        answers = {e.payload["finding"]: e for e in ask("label", first)}
        known = {one["id"] for one in events["findings"]}
        for event in found:
            if event.id in known:
                continue
            said = answers.get(event.id) or answers.get(event.supersedes or "")
            events["findings"].append({**_event(event), **_answer(said)})
        # An alarm is told again when it is acknowledged or returns: each occurrence stands once.
        raised = {e.cause or e.id: e for e in ask("alarm") if e.payload.get("active")}
        known = {one["id"] for one in events["alarms"]}
        events["alarms"] += [_event(e) for e in raised.values() if e.id not in known]
        for event in ask("order"):
            told = {name: event.payload[name] for name in ("order", "product")}
            if (row := {"asset": asset, **told}) not in events["orders"]:
                events["orders"].append(row)
    return notes


def _event(event: Event) -> dict[str, Any]:
    payload = event.payload
    title = str(payload.get("title") or payload.get("sentence") or payload.get("alarm") or "")
    return {
        "id": event.id, "asset": event.subject, "title": title, "time": isoformat(event.time),
        "end": None if event.end is None else isoformat(event.end),
    }  # fmt: skip


def _answer(said: Event | None) -> dict[str, str]:
    names = ("answer", "cause", "note", "actor")
    return {n: "" if said is None else str(said.payload.get(n, "")) for n in names}


def _stay(stay: Stay) -> dict[str, Any]:
    return {
        "asset": stay.asset, "start": isoformat(stay.start),
        "end": None if stay.lasts else isoformat(stay.end), "sure": stay.sure, "told": stay.told,
    }  # fmt: skip


def _notes(found: Genealogy, stays: Iterable[Stay]) -> list[str]:
    notes = []
    for stay in stays:
        if stay.lasts:
            notes.append(f"it is still at {stay.asset}: what comes is not in this record")
        if not stay.sure:
            notes.append(f"nobody saw whether it was at {stay.asset} from {isoformat(stay.start)} "
                         f"to {isoformat(stay.end)}")  # fmt: skip
        if stay.start <= found.start:
            notes.append(f"lots are looked for from {isoformat(found.start)} on only, and it was "
                         f"at {stay.asset} then")  # fmt: skip
    return list(dict.fromkeys(notes))


def _record_of(about: LotAbout) -> str:
    return str(about.releases[-1].payload["record"]) if about.releases else ""
