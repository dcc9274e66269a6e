"""Who the server is, and who we are: certificates, the trust list, and the choice of an endpoint.

Everything lies under the connector's folder:

    pki/own/certificate.der, key.pem    made at the first use; give the first to the server's owner
    pki/trusted/                        certificates (.der, .pem, .crt) of servers, or of their CA
    pki/rejected/                       servers that were met and are not trusted yet

Trust is given by a person, by moving a file. A server's certificate must be in date, be trusted,
and name the same application as its endpoint (OPC 10000-4 §6.1.3).
"""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from asyncua import ua
from asyncua.crypto import security_policies
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gemel.core.errors import ConfigurationError

__all__ = [
    "Identity",
    "Mode",
    "Policy",
    "Trust",
    "choose",
    "is_loopback",
    "own_identity",
    "policy_object",
]

Policy: TypeAlias = Literal[
    "best", "None", "Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss"
]
Mode: TypeAlias = Literal["SignAndEncrypt", "Sign"]

_PREFIX: Final = "http://opcfoundation.org/UA/SecurityPolicy#"
_CLASSES: Final[dict[str, Any]] = {
    "Aes256_Sha256_RsaPss": security_policies.SecurityPolicyAes256Sha256RsaPss,
    "Aes128_Sha256_RsaOaep": security_policies.SecurityPolicyAes128Sha256RsaOaep,
    "Basic256Sha256": security_policies.SecurityPolicyBasic256Sha256,
}
"""From strong to weak. Older policies are broken and not offered."""
_YEARS: Final = 10


@dataclass(frozen=True, slots=True)
class Identity:
    """Our own application certificate."""

    application_uri: str
    certificate: x509.Certificate
    key: rsa.RSAPrivateKey
    path: Path


def own_identity(folder: Path, name: str) -> Identity:
    """Our certificate, made if there is none or it runs out. Blocks for some tenths of a second."""
    own = folder / "pki" / "own"
    own.mkdir(parents=True, exist_ok=True)
    certificate_path, key_path = own / "certificate.der", own / "key.pem"
    if certificate_path.exists() and key_path.exists():
        certificate = x509.load_der_x509_certificate(certificate_path.read_bytes())
        key = serialization.load_pem_private_key(key_path.read_bytes(), None)
        in_date = certificate.not_valid_after_utc > datetime.datetime.now(datetime.UTC)
        if isinstance(key, rsa.RSAPrivateKey) and in_date:
            return Identity(_application_uris(certificate)[0], certificate, key, certificate_path)
    host = socket.gethostname()
    uri = f"urn:{host}:gemel:{name}"
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    certificate = _self_signed(key, uri, host, name)
    descriptor = os.open(key_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
    certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.DER))
    return Identity(uri, certificate, key, certificate_path)


def _self_signed(key: rsa.RSAPrivateKey, uri: str, host: str, name: str) -> x509.Certificate:
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, f"Gemel {name}"[:64]),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Gemel"),
        ]
    )
    now = datetime.datetime.now(datetime.UTC)
    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=True, key_encipherment=True,
        data_encipherment=True, key_agreement=False, key_cert_sign=True, crl_sign=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=365 * _YEARS))
        .add_extension(
            x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri), x509.DNSName(host)]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return builder.sign(key, hashes.SHA256())


class Trust:
    """Which servers are trusted. With `once`, an unknown one is accepted for a first look."""

    def __init__(self, folder: Path, once: bool = False) -> None:
        self._trusted = folder / "pki" / "trusted"
        self._rejected = folder / "pki" / "rejected"
        self._once = once
        self.fingerprint = ""
        """SHA-256 of the last certificate that was looked at."""

    def check(self, der: bytes, application_uri: str) -> x509.Certificate:
        """The certificate, if it may be trusted; else `ConfigurationError` that says how."""
        try:
            certificate = x509.load_der_x509_certificate(der)
        except ValueError as error:
            raise ConfigurationError(f"the server's certificate cannot be read: {error}") from None
        self.fingerprint = hashlib.sha256(der).hexdigest()
        now = datetime.datetime.now(datetime.UTC)
        name = certificate.subject.rfc4514_string()
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            raise ConfigurationError(
                f"the server's certificate '{name}' is valid from "
                f"{certificate.not_valid_before_utc:%Y-%m-%d} to "
                f"{certificate.not_valid_after_utc:%Y-%m-%d}, today is {now:%Y-%m-%d}; the "
                "server needs a new certificate, or one of the two clocks is wrong"
            )
        uris = _application_uris(certificate)
        if application_uri not in uris:
            raise ConfigurationError(
                f"the server calls itself '{application_uri}', its certificate is for "
                f"'{', '.join(uris) or 'no application'}'; the server needs its own"
            )
        if not self._once and not self._is_trusted(certificate, der):
            path = self._keep(certificate, der)
            self._trusted.mkdir(parents=True, exist_ok=True)
            raise ConfigurationError(
                f"the server's certificate '{name}' is not trusted (SHA-256 "
                f"{self.fingerprint[:16]}…); compare it with the server's, then trust it with: "
                f"mv '{path}' '{self._trusted}/'"
            )
        return certificate

    def _is_trusted(self, certificate: x509.Certificate, der: bytes) -> bool:
        if not self._trusted.is_dir():
            return False
        for path in sorted(self._trusted.iterdir()):
            known = _load(path)
            if known is None:
                continue
            if known.public_bytes(serialization.Encoding.DER) == der:
                return True
            try:
                certificate.verify_directly_issued_by(known)
            except (ValueError, TypeError, InvalidSignature):
                continue
            if _is_authority(known):
                return True
        return False

    def _keep(self, certificate: x509.Certificate, der: bytes) -> Path:
        self._rejected.mkdir(parents=True, exist_ok=True)
        names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        common = str(names[0].value) if names else "server"
        word = "".join(c if c.isalnum() else "-" for c in common)[:40].strip("-") or "server"
        path = self._rejected / f"{word}-{self.fingerprint[:16]}.der"
        path.write_bytes(der)
        return path


def choose(endpoints: Sequence[Any], policy: Policy, mode: Mode) -> tuple[str, Mode, Any]:
    """The strongest endpoint that both sides know, as (policy, mode, endpoint).

    Never an unprotected one: that must be configured. Raises `ConfigurationError` with what the
    server offers.
    """
    offered: dict[tuple[str, str], Any] = {}
    for endpoint in endpoints:
        uri = str(endpoint.SecurityPolicyUri or "")
        if str(endpoint.EndpointUrl or "").startswith("opc.tcp://"):
            offered.setdefault((uri.removeprefix(_PREFIX), endpoint.SecurityMode.name), endpoint)
    policies = list(_CLASSES) if policy == "best" else [policy]
    other: Mode = "Sign" if mode == "SignAndEncrypt" else "SignAndEncrypt"
    modes: list[Mode] = [mode, other] if policy == "best" else [mode]
    for wanted_mode in modes:
        for wanted in policies:
            if (wanted, wanted_mode) in offered:
                return wanted, wanted_mode, offered[wanted, wanted_mode]
    shown = ", ".join(sorted({"None" if p == "None" else f"{p} {m}" for p, m in offered}))
    wish = "a protected connection" if policy == "best" else f"{policy} {mode}"
    hint = ""
    if any(p == "None" for p, _ in offered):
        hint = "; for a demo or a test, say so with `security: 'None'`: anyone can read and write"
    raise ConfigurationError(
        f"the server does not offer {wish}; it offers {shown or 'nothing'}{hint}"
    )


def policy_object(policy: str, mode: Mode, server: x509.Certificate, own: Identity) -> Any:
    """The library's object for a protected channel."""
    return _CLASSES[policy](server, own.certificate, own.key, ua.MessageSecurityMode[mode])


def is_loopback(host: str) -> bool:
    """Whether a host name means this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _application_uris(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return [str(uri) for uri in names.value.get_values_for_type(x509.UniformResourceIdentifier)]


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except x509.ExtensionNotFound:
        return False
    return bool(constraints.value.ca)


def _load(path: Path) -> x509.Certificate | None:
    try:
        data = path.read_bytes()
        if data.startswith(b"-----"):
            return x509.load_pem_x509_certificate(data)
        return x509.load_der_x509_certificate(data)
    except (OSError, ValueError):
        return None
