"""A release record: what is known of a lot when a person releases it, signed and for good.

A file holds ``record``, its SHA-256 ``hash`` over canonical JSON (RFC 8785), and the Ed25519
``signature`` of the same bytes with a word before them, so that a signature of something else is
never one of a record. Each record names the hash of the one before it in the plant (`previous`) and
of the one of the same lot that it takes the place of (`supersedes`). Who, when and what it means
(21 CFR Part 11, 11.50) are inside what is signed.

Everything that is needed to verify a record is in the file and the public key.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from gemel.core.canonical import canonical
from gemel.core.errors import ConfigurationError, DataError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

__all__ = [
    "FORMAT", "Checked", "check", "check_chain", "digest_of", "fingerprint", "public_key", "seal",
]  # fmt: skip

FORMAT: Final = "gemel-release/1"
_CONTEXT: Final = b"gemel-release/1\n"
_NEEDED: Final = ("format", "lot", "version", "supersedes", "previous", "signed")
_NO_CRYPTOGRAPHY: Final = (
    "signing and verifying needs the package 'cryptography': pip install 'gemel[opcua]'"
)


@dataclass(frozen=True, slots=True)
class Checked:
    """What a record says of itself, and what is wrong with it; nothing if it is as it was signed.

    trusted  it was checked against a key that was given, not only against the one it carries
    """

    hash: str
    record: Mapping[str, Any]
    faults: tuple[str, ...]
    key: str
    trusted: bool


def digest_of(record: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical(record)).hexdigest()


def seal(
    record: Mapping[str, Any], sign: Callable[[bytes], bytes], key: bytes
) -> tuple[str, bytes]:
    """The hash of a record, and its file; `key` are the 32 bytes of the public key."""
    body = canonical(record)
    digest = hashlib.sha256(body).hexdigest()
    whole = {
        "record": record,
        "hash": digest,
        "signature": base64.b64encode(sign(_CONTEXT + body)).decode(),
        "public_key": base64.b64encode(key).decode(),
        "algorithm": "Ed25519 over 'gemel-release/1', a line feed and the record as RFC 8785 JSON",
    }
    text = json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False)
    return digest, f"{text}\n".encode()


def check(file: bytes, key: bytes | None = None) -> Checked:
    """Look whether a record is as it was signed; with `key`, by whom it should be. Raises
    `DataError` for what is no record at all."""
    whole = _read(file)
    record = whole["record"]
    faults = []
    try:
        body = canonical(record)
    except DataError as error:
        raise DataError(f"the record has no canonical form: {error}") from None
    digest = hashlib.sha256(body).hexdigest()
    if whole["hash"] != digest:
        faults.append("the record was altered: its content does not have the hash it names")
    carried = _decoded(whole["public_key"], "public_key")
    if key is not None and carried != key:
        faults.append(
            f"it was signed with another key: {fingerprint(carried)}, expected {fingerprint(key)}"
        )
    if not _signed(key or carried, _decoded(whole["signature"], "signature"), _CONTEXT + body):
        faults.append("the signature is not that of this record")
    return Checked(digest, record, tuple(faults), fingerprint(carried), key is not None)


def check_chain(records: Sequence[Checked]) -> list[str]:
    """What is wrong between records of one plant, in any order: one that is missing, two that
    follow the same, versions of a lot that do not rise."""
    known = {one.hash: one for one in records}
    faults = []
    after: dict[str, str] = {}
    for one in records:
        previous, supersedes = one.record["previous"], one.record["supersedes"]
        if previous in after:
            faults.append(f"two records follow {_short(previous)}: {_short(after[previous])} and "
                          f"{_short(one.hash)}")  # fmt: skip
        after[previous] = one.hash
        if previous and previous not in known:
            faults.append(f"{_short(one.hash)} follows {_short(previous)}, which is missing")
        if supersedes and (old := known.get(supersedes)) is not None:
            if old.record["lot"] != one.record["lot"]:
                faults.append(f"{_short(one.hash)} supersedes a record of another lot")
            elif old.record["version"] + 1 != one.record["version"]:
                faults.append(f"{_short(one.hash)} does not follow the version it supersedes")
    return faults


def fingerprint(key: bytes) -> str:
    """By which people compare keys: the first 16 digits of the SHA-256."""
    return hashlib.sha256(key).hexdigest()[:16]


def public_key(pem: bytes) -> bytes:
    """The 32 bytes of a public key in a PEM file. Raises `ConfigurationError`."""
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
    except ImportError:
        raise ConfigurationError(_NO_CRYPTOGRAPHY) from None
    try:
        key = load_pem_public_key(pem)
    except ValueError:
        raise ConfigurationError(
            "that is no public key in PEM; `gemel lots key` prints the plant's"
        ) from None
    if not isinstance(key, Ed25519PublicKey):
        raise ConfigurationError("that is a key of another kind; release records take Ed25519")
    return key.public_bytes_raw()


def _signed(key: bytes, signature: bytes, message: bytes) -> bool:
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:
        raise ConfigurationError(_NO_CRYPTOGRAPHY) from None
    try:
        public: Ed25519PublicKey = Ed25519PublicKey.from_public_bytes(key)
        public.verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _read(file: bytes) -> dict[str, Any]:
    try:
        whole: dict[str, Any] = json.loads(
            file, parse_constant=_no_constant, object_pairs_hook=_once
        )
    except (ValueError, UnicodeDecodeError) as error:
        raise DataError(f"that is no release record: {error}") from None
    wanted = {"record": dict, "hash": str, "signature": str, "public_key": str}
    for name, kind in wanted.items():
        if not isinstance(whole, dict) or not isinstance(whole.get(name), kind):
            raise DataError(
                f"that is no release record: '{name}' is missing or not as it should be"
            )
    missing = [name for name in _NEEDED if name not in whole["record"]]
    if missing or whole["record"]["format"] != FORMAT:
        found = whole["record"].get("format", "nothing")
        raise DataError(f"found a record of format {found!r} without {missing}; this Gemel reads "
                        f"{FORMAT}")  # fmt: skip
    return whole


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is no JSON")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A key that stands twice could show one thing and be signed as another."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands in it twice")
    return found


def _decoded(text: str, name: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise DataError(f"'{name}' is not base64") from None


def _short(digest: str) -> str:
    return digest[:12] or "the beginning"
