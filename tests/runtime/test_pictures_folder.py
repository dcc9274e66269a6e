"""A folder that a camera writes into, where files and folders vanish while it is read."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.runtime.camera import good
from tests.runtime.picture_twin import write

from gemel.core.errors import Unavailable
from gemel.core.time import SECOND
from gemel.runtime.pictures.folder import Folder

NAMES = ["0.png", "1.png", "shift 1/2.png", "shift 1/early/3.png", "shift 10/4.png"]


@pytest.fixture
def camera(tmp_path: Path) -> Path:
    for age, name in enumerate(reversed(NAMES)):
        path = tmp_path / "camera" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, good(0), age=100 + age)
    return tmp_path / "camera"


def looked(path: Path) -> Folder:
    """At a folder of which all was taken."""
    folder = Folder(path, {}, 10 * SECOND)
    assert folder.look(50, 0) == ([], [])
    found, gone = folder.look(50, 0)
    assert ([one.name for one in found], gone) == (NAMES, [])
    folder.taken.update((one.name, one.seen) for one in found)
    return folder


def listing(
    monkeypatch: pytest.MonkeyPatch, of: Path, happens: Callable[[], None]
) -> contextlib.AbstractContextManager[None]:
    """While it lasts, something happens after the names in a folder were read from the disk."""
    scandir = os.scandir

    @contextlib.contextmanager
    def slow(path: Any) -> Iterator[Iterator[os.DirEntry[str]]]:
        with scandir(path) as entries:
            found = sorted(entries, key=lambda one: one.name)
            if Path(path) == of:
                happens()
            yield iter(found)

    @contextlib.contextmanager
    def lasting() -> Iterator[None]:
        with monkeypatch.context() as patch:
            patch.setattr(os, "scandir", slow)
            yield

    return lasting()


def broken() -> None:
    raise PermissionError(13, "Permission denied")


def test_a_file_that_vanishes_while_it_is_listed_is_the_only_one_gone(
    camera: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = looked(camera)
    for name in ("0.png", "shift 1/2.png"):
        path = camera / name
        with listing(monkeypatch, path.parent, path.unlink):
            assert folder.look(50, 0) == ([], [name])
        assert folder.look(50, 0) == ([], [])


def test_files_in_a_folder_that_cannot_be_read_are_not_gone(
    camera: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = looked(camera)
    shift = camera / "shift 1"
    with listing(monkeypatch, shift, broken):
        (camera / "shift 10" / "4.png").unlink()
        assert folder.look(50, 0) == ([], ["shift 10/4.png"])
        assert folder.unread == f"folder {shift} cannot be read: Permission denied"
    assert folder.look(50, 0) == ([], [])
    assert folder.unread == ""
    with (
        listing(monkeypatch, camera, broken),
        pytest.raises(Unavailable, match="camera cannot be read: Permission denied"),
    ):
        folder.look(50, 0)
    assert folder.look(50, 0) == ([], [])


def test_a_folder_that_is_removed_is_gone_with_its_files(
    camera: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = looked(camera)
    last = camera / "shift 10"
    (last / "4.png").unlink()
    with listing(monkeypatch, camera, last.rmdir):
        assert folder.look(50, 0) == ([], [])
        assert folder.unread == ""
    assert folder.look(50, 0) == ([], ["shift 10/4.png"])


def test_what_is_held_at_once_is_bounded_in_bytes(
    camera: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A picture is never more than `LARGEST`, so there are at most two of that size.
    monkeypatch.setattr("gemel.runtime.pictures.folder.LARGEST", len(good(0)) + 1)
    folder = Folder(camera, {}, 10 * SECOND)
    folder.look(50, 0)
    for names in (NAMES[:2], NAMES[2:4], NAMES[4:], []):
        found, _ = folder.look(50, 0)
        assert [one.name for one in found] == names
        folder.taken.update((one.name, one.seen) for one in found)
    assert folder.left == 0
