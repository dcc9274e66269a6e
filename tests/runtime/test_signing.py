"""The plant's signing key: one for all, and former public keys are kept."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from gemel.core.errors import Damaged
from gemel.runtime.signing import SigningKey
from gemel.twin.decisions.record import check, fingerprint, public_key, seal


def test_who_asks_first_at_the_same_time_gets_the_same_key(tmp_path: Path) -> None:
    ready = Barrier(8)

    def ask(_: int) -> bytes:
        ready.wait(timeout=30)
        return SigningKey.of(tmp_path).public

    with ThreadPoolExecutor(8) as executor:
        found = set(executor.map(ask, range(8)))
    assert found == {SigningKey.of(tmp_path).public}
    assert found == {public_key((tmp_path / "keys" / "release.pub").read_bytes())}
    assert stat.S_IMODE((tmp_path / "keys" / "release.pem").stat().st_mode) == 0o600


def test_records_of_a_key_that_is_lost_are_verified_still(tmp_path: Path) -> None:
    old = SigningKey.of(tmp_path)
    record = {
        "format": "gemel-release/1", "lot": "A", "version": 1, "supersedes": "", "previous": "",
        "signed": {},
    }  # fmt: skip
    _, file = seal(record, old.sign, old.public)
    keys = tmp_path / "keys"
    (keys / "release.pem").unlink()
    new = SigningKey.of(tmp_path)
    assert new.public != old.public
    former = keys / f"release-{fingerprint(old.public)}.pub"
    assert sorted(p.name for p in keys.iterdir()) == [former.name, "release.pem", "release.pub"]
    assert not check(file, public_key(former.read_bytes())).faults
    assert public_key((keys / "release.pub").read_bytes()) == new.public
    # What is no key is not written over either.
    (keys / "release.pem").unlink()
    (keys / "release.pub").write_text("something else")
    with pytest.raises(Damaged, match="no public key"):
        SigningKey.of(tmp_path)
    assert (keys / "release.pub").read_text() == "something else"
