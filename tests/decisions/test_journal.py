"""The journal only grows, and says what was done to it by others."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pytest
from forks import Forks

from gemel.core.errors import DataError, Unavailable
from gemel.twin.decisions.journal import Draft, Head, Journal


def _filled(path: Path, entries: int = 9) -> Journal:
    journal = Journal(path)
    for i in range(entries):
        subject = "line2/filler/speed" if i % 2 else "line2/capper/torque"
        journal.append(Draft(i, "anna", "sent", subject, f"c{i % 3}", {"value": i, "why": "é"}))
    return journal


def _tamper(path: Path, *statements: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("drop trigger entry_update")
        connection.execute("drop trigger entry_delete")
        for statement in statements:
            connection.execute(statement)
    connection.close()


def _swap(a: int, b: int) -> tuple[str, ...]:
    return (
        f"update entry set sequence = -1 where sequence = {a}",
        f"update entry set sequence = {a} where sequence = {b}",
        f"update entry set sequence = {b} where sequence = -1",
    )


TAMPERED: dict[str, tuple[tuple[str, ...], list[str]]] = {
    "payload": (
        ("update entry set payload = replace(payload, '4', '5') where sequence = 5",),
        ["entry 5 was altered"],
    ),
    "actor": (("update entry set actor = 'eve' where sequence = 5",), ["entry 5 was altered"]),
    "time": (("update entry set time = 99 where sequence = 1",), ["entry 1 was altered"]),
    "not json": (("update entry set payload = 'x' where sequence = 5",), ["entry 5 was altered"]),
    "hash": (
        ("update entry set hash = zeroblob(32) where sequence = 5",),
        ["entry 5 was altered", "entry 6 does not follow the entry before it"],
    ),
    "one missing": (("delete from entry where sequence = 5",), ["entry 5 is missing"]),
    "many missing": (
        ("delete from entry where sequence between 3 and 6",),
        ["entries 3 to 6 are missing"],
    ),
    "first missing": (("delete from entry where sequence = 1",), ["entry 1 is missing"]),
    "swapped": (
        _swap(5, 6),
        ["entry 5 is out of order: it was entry 6", "entry 6 is out of order: it was entry 5"],
    ),
    "moved far": (
        ("update entry set sequence = 40 where sequence = 3",),
        ["entry 3 is missing", "entries 10 to 39 are missing", "entry 40 is out of order"],
    ),
    "several": (
        ("update entry set kind = 'kept' where sequence in (2, 7)",),
        ["entry 2 was altered", "entry 7 was altered"],
    ),
}


@pytest.mark.parametrize("kind", TAMPERED)
def test_verify_names_what_was_altered(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "journal.sqlite"
    journal = _filled(path)
    assert journal.verify(journal.head()) == []
    journal.close()
    statements, wanted = TAMPERED[kind]
    _tamper(path, *statements)
    again = Journal(path)  # opens, and goes on
    found = [str(fault) for fault in again.verify()]
    assert len(found) == len(wanted), found
    assert all(f.startswith(w) for f, w in zip(found, wanted, strict=True)), found
    again.append(Draft(100, "ben", "sent", "x"))
    assert len(again.verify()) == len(wanted)
    again.close()


def test_an_entry_that_was_replaced_with_its_hash_breaks_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    _filled(path, 5).close()
    other = _filled(tmp_path / "other.sqlite", 2)
    forged = other.append(Draft(2, "eve", "sent", "line2/filler/speed"))[0]
    other.close()
    _tamper(
        path,
        f"update entry set actor = 'eve', kind = 'sent', subject = 'line2/filler/speed', "
        f"command_id = '', payload = '{{}}', hash = x'{forged.hash.hex()}' where sequence = 3",
    )
    journal = Journal(path)
    assert [str(f) for f in journal.verify()] == [
        "entry 4 does not follow the entry before it: entry 3 was replaced"
    ]
    journal.close()


def test_a_cut_tail_and_a_rewritten_journal_are_found_by_the_head(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    journal = _filled(path)
    head = Head.parse(str(journal.head()))
    journal.append(Draft(9, "anna", "kept", "x"))
    assert journal.verify(head) == []
    journal.close()
    _tamper(path, "delete from entry where sequence > 7")
    journal = Journal(path)
    assert journal.verify() == []
    assert [str(f) for f in journal.verify(head)] == ["entries 8 to 9 are missing from the end"]
    journal.close()
    rewritten = _filled(tmp_path / "again.sqlite", 8)
    rewritten.append(Draft(8, "eve", "sent", "line2/filler/speed"))
    assert [str(f) for f in rewritten.verify(head)] == ["entry 9 is not the one that was exported"]
    rewritten.close()
    with pytest.raises(DataError, match="is not the head of a journal"):
        Head.parse("7:abc")


def test_the_file_itself_refuses_changes(tmp_path: Path) -> None:
    _filled(tmp_path / "journal.sqlite").close()
    with sqlite3.connect(tmp_path / "journal.sqlite") as connection:
        for statement in ("update entry set actor = 'eve'", "delete from entry"):
            with pytest.raises(sqlite3.IntegrityError, match="the journal only grows"):
                connection.execute(statement)
    connection.close()


def test_what_cannot_be_read_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_bytes(b"no database at all" * 1000)
    journal = Journal(path)
    assert journal.set_aside == tmp_path / "journal.sqlite.unreadable-1"
    assert journal.append(Draft(1, "anna", "sent", "x"))[0].sequence == 1
    journal.close()


@pytest.mark.faults
def test_a_torn_page_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    _filled(path, 300).close()
    content = bytearray(path.read_bytes())
    content[4096 * 6 : 4096 * 7] = b"\xff" * 4096
    path.write_bytes(content)
    journal = Journal(path)
    faults = journal.verify()
    assert faults
    journal.close()


def test_all_or_nothing(tmp_path: Path) -> None:
    journal = _filled(tmp_path / "journal.sqlite", 3)
    with pytest.raises(ValueError, match="not JSON compliant"):
        journal.append(Draft(3, "a", "k", "s"), Draft(4, "a", "k", "s", "", {"x": float("nan")}))
    assert journal.head().sequence == 3
    assert [e.sequence for e in journal.append(Draft(3, "a", "k", "s"), Draft(4, "a", "k", "s"))]
    assert journal.verify() == []
    journal.close()
    with pytest.raises(Unavailable, match="not written"):
        journal.append(Draft(5, "a", "k", "s"))


def test_reading_by_pages_subject_and_command(tmp_path: Path) -> None:
    journal = _filled(tmp_path / "journal.sqlite")

    def numbers(**wanted: object) -> list[int]:
        return [entry.sequence for entry in journal.entries(**wanted)]

    assert numbers(limit=4) == [1, 2, 3, 4]
    assert numbers(after=4, limit=4) == [5, 6, 7, 8]
    assert numbers(newest_first=True, limit=2) == [9, 8]
    assert numbers(newest_first=True, before=8, limit=2) == [7, 6]
    assert numbers(subject="line2/filler") == [2, 4, 6, 8]
    assert numbers(subject="line2/fill") == []
    assert numbers(subject="line2/filler/speed", command_id="c1") == [2, 8]
    assert numbers(kind="kept") == []
    assert journal.times("sent", 6) == {"line2/capper/torque": [6, 8], "line2/filler/speed": [7]}
    assert journal.times("sent", 99) == {"line2/capper/torque": [8], "line2/filler/speed": [7]}
    journal.close()


WRITER = """
journal = Journal(Path(arguments[0]))
while True:
    entry = journal.append(Draft(1, "anna", "sent", "x"), Draft(1, "anna", "kept", "x"))[-1]
    say(arguments[1], str(entry.head))
"""


@pytest.mark.faults
def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path: Path, forks: Forks) -> None:
    path, said = tmp_path / "journal.sqlite", tmp_path / "said"
    for turn in range(15):
        forks.start(WRITER, str(path), str(said))
        while not said.exists() or said.read_bytes().count(b"\n") < 8 * (turn + 1):
            time.sleep(0.001)
        forks.kill()
        last = Head.parse(said.read_text().splitlines()[-1])
        journal = Journal(path)
        assert journal.verify(last) == []
        assert journal.head().sequence % 2 == 0
        journal.close()
    assert last.sequence >= 2 * 8 * 15
