"""The plant's signing key: Ed25519, made at its first use, in ``keys/`` of the data folder.

    keys/release.pem    private, PKCS 8, which only the owner of the folder can read
    keys/release.pub    public, to be given to whoever verifies
    keys/release-….pub  the same of former keys, by their fingerprints

Whoever takes the private key signs as the plant; whoever loses it makes another, and records that
were signed before are verified with the former public key, which is kept beside it.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gemel.core.errors import ConfigurationError, Damaged, Unavailable
from gemel.twin.decisions.record import fingerprint, public_key
from gemel.twin.durable import write_whole

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

__all__ = ["SigningKey"]

_MAKING: Final = threading.Lock()
"""Two that ask at once for a key that is not there yet get the same one."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The key of a data folder."""

    private: Ed25519PrivateKey

    @classmethod
    def of(cls, folder: Path) -> SigningKey:
        """The key that lies in the folder, or a new one; on disk when it returns. Any thread may
        call. Raises `ConfigurationError` without the library, `Damaged` if the file is no key."""
        with _MAKING:
            return cls._of(folder / "keys" / "release.pem")

    @classmethod
    def _of(cls, path: Path) -> SigningKey:
        try:
            from cryptography.hazmat.primitives import serialization as form
            from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        except ImportError:
            raise ConfigurationError(
                "signing needs the package 'cryptography': pip install 'gemel[opcua]'"
            ) from None
        try:
            if path.exists():
                key = form.load_pem_private_key(path.read_bytes(), None)
                if not isinstance(key, Ed25519PrivateKey):
                    raise Damaged(f"{path} is a key of another kind; an Ed25519 key was expected")
                return cls(key)
            path.parent.mkdir(mode=0o700, exist_ok=True)
            new = cls(Ed25519PrivateKey.generate())
            pem = new.private.private_bytes(
                form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()
            )
            _keep_former(path.with_suffix(".pub"))
            write_whole(path.with_suffix(".pub"), new.pem)
            write_whole(path, pem, 0o600)
        except ValueError:
            raise Damaged(f"{path} is no key in PEM; put it back from a backup") from None
        except OSError as error:
            raise Unavailable(f"the signing key cannot be kept: {error}") from None
        return new

    def sign(self, message: bytes) -> bytes:
        """64 bytes."""
        return self.private.sign(message)

    @property
    def public(self) -> bytes:
        """32 bytes."""
        return self.private.public_key().public_bytes_raw()

    @property
    def pem(self) -> bytes:
        """The public key as people pass it on."""
        from cryptography.hazmat.primitives import serialization as form

        return self.private.public_key().public_bytes(
            form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo
        )


def _keep_former(path: Path) -> None:
    """Give way to the public half of another key: records that were signed with the one whose
    private half is lost are verified with this one."""
    if not path.exists():
        return
    try:
        name = fingerprint(public_key(path.read_bytes()))
    except ConfigurationError:
        raise Damaged(f"{path} is no public key; put it back from a backup, or remove it") from None
    path.rename(path.with_name(f"{path.stem}-{name}.pub"))
