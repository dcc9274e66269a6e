"""The list of pictures on disk: found by index, removed with what nobody else names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gemel.runtime.pictures.ledger import Ledger, Picture


def picture(number: int, **other: object) -> Picture:
    new = Picture(
        0, "surface", "folder", f"{number}.png", number, number, f"{number:064x}", "image/png", 10
    )  # fmt: skip
    return replace(new, **other)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    found = Ledger(tmp_path / "pictures.sqlite")
    yield found
    found.close()


def test_pictures_are_found_by_index_while_others_wait_for_the_lock(ledger: Ledger) -> None:
    for number in range(5):
        ledger.add(picture(number), (10, number))
    disk, asked = ledger._disk, list[str]()
    disk.set_trace_callback(asked.append)
    ledger.add(picture(7, source="api"))
    ledger.add(picture(8, source="api"), timed=False)
    ledger.add(picture(9), (10, 9))
    ledger.judged(picture(1, id=1, state="good", view="a", heat="b"))
    ledger.told([1])
    ledger.get("surface", f"{3:064x}")
    ledger.get("surface", 3)
    ledger.next("surface")
    ledger.count("surface", "waiting")
    for before in (None, 4):
        for state in ("", "good"):
            for finding in ("", "f"):
                ledger.listed("surface", 50, before, state, finding)
    (first,) = ledger.old("surface", 0, 0)
    ledger.remove([first])
    assert ledger.size("surface") == (7, 70)
    disk.set_trace_callback(None)
    chosen = [one for one in asked if one.startswith(("select", "update", "delete"))]
    assert len(chosen) > 20
    for one in chosen:
        steps = [row[3] for row in disk.execute(f"explain query plan {one}")]
        slow = [step for step in steps if step.startswith(("SCAN", "USE TEMP"))]
        assert not slow, (one, steps)


def test_what_another_picture_names_is_not_given_up(ledger: Ledger) -> None:
    for number in range(3):
        ledger.add(picture(number), (10, number))
    # Whichever column names it.
    ledger.judged(picture(0, id=1, state="good", view="v", heat="h"))
    ledger.judged(picture(1, id=2, state="good", view="v", heat="w"))
    ledger.judged(picture(2, id=3, state="good", view="w", heat="h"))
    first, second, third = ledger.listed("surface", 3)[::-1]
    assert ledger.remove([first]) == {first.hash}
    assert ledger.remove([second]) == {second.hash, "v"}
    assert ledger.remove([third]) == {third.hash, "w", "h"}
    assert ledger.size("surface") == (0, 0)


def test_what_was_not_told_waits_again_and_nothing_is_said_of_it(ledger: Ledger) -> None:
    for number in range(3):
        ledger.add(picture(number, note="odd"), (10, number))
    ledger.add(picture(3, task="other"), (10, 3))
    first, second, third = ledger.listed("surface", 3)[::-1]
    (other,) = ledger.listed("other", 1)
    for one in (first, second, other):
        said = replace(one, state="rejected", score=3.0, bound=1.5, over=2.0, finding="f")
        ledger.judged(said)
    ledger.told([first.id])
    ledger.again("surface")
    assert ledger.listed("surface", 3)[::-1][1:] == [second, third]
    assert ledger.get("surface", first.id).state == "rejected"
    assert ledger.get("other", other.id).state == "rejected"


def test_a_list_of_before_is_opened_and_its_index_replaced(tmp_path: Path) -> None:
    path = tmp_path / "pictures.sqlite"
    former = Ledger(path)
    former.add(picture(1), (10, 1))
    for name in ("task", "hash", "view", "heat"):
        former._disk.execute(f"drop index picture_{name}")
    former._disk.execute("create index picture_same on picture (task, hash)")
    former.close()
    ledger = Ledger(path)
    rows = ledger._disk.execute("select name from sqlite_schema where name like 'picture_%'")
    assert {name for (name,) in rows} == {
        "picture_of", "picture_task", "picture_hash", "picture_view", "picture_heat",
    }  # fmt: skip
    assert ledger.size("surface") == (1, 10)
    ledger.close()


def test_a_file_that_comes_back_as_it_was_is_the_picture_that_it_was(ledger: Ledger) -> None:
    first = picture(1, time=100, received=200)
    assert ledger.add(first, (10, 100)) == (1, True)
    # By a clock that goes ahead: the file is of 500, the picture of when it came.
    ahead = picture(2, time=200, received=200)
    assert ledger.add(ahead, (10, 500)) == (2, True)
    ledger.judged(replace(first, id=1, state="good", bytes=99))
    names = ["1.png", "2.png"]
    ledger.gone("surface", names)
    assert ledger.files("surface") == {}
    assert ledger.add(replace(first, received=300), (10, 100)) == (1, False)
    assert ledger.add(replace(ahead, time=300, received=300), (10, 500)) == (2, False)
    assert ledger.files("surface") == {"1.png": (10, 100), "2.png": (10, 500)}
    # Another time, name or content is another picture, and so is one that was written over.
    ledger.gone("surface", names)
    assert ledger.add(replace(first, time=101), (10, 101)) == (3, True)
    assert ledger.add(replace(first, name="3.png"), (10, 100)) == (4, True)
    assert ledger.add(replace(ahead, hash=f"{9:064x}"), (10, 500)) == (5, True)
    assert ledger.add(first, (10, 100)) == (6, True)
