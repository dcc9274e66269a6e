"""Bytes of pictures on disk: whole, or written again."""

from __future__ import annotations

from pathlib import Path

import pytest

from gemel.core.errors import Unavailable, Unknown
from gemel.runtime.pictures.artifacts import Artifacts


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    return Artifacts(tmp_path / "pictures")


def test_what_was_cut_by_a_loss_of_power_is_written_again(artifacts: Artifacts) -> None:
    body = b"a view of a plate"
    name = artifacts.put(body, durable=False)
    (path,) = artifacts.folder.glob("??/*")
    written = path.stat()
    assert artifacts.put(body, durable=False) == name
    assert path.stat().st_ino == written.st_ino  # once is enough
    for left in (b"", body[:5]):
        path.write_bytes(left)
        assert artifacts.put(body, durable=False) == name
        assert artifacts.get(name) == body
    artifacts.remove([name])
    with pytest.raises(Unknown, match="is kept any more"):
        artifacts.get(name)


def test_what_cannot_be_removed_is_said(artifacts: Artifacts) -> None:
    name = "a" * 64
    (artifacts.folder / "aa" / name).mkdir(parents=True)
    with pytest.raises(Unavailable, match=f"{name} cannot be removed: Is a directory"):
        artifacts.remove([name])
