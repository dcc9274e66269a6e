"""One secure channel with one session on it, and the requests that go over it.

The library brings the channel and the encoding. What keeps a connection alive is our own (watchdog,
publishing, giving up), because the library's reconnect hides the gap and takes over ten seconds.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from asyncua import Client, ua
from asyncua.ua.ua_binary import struct_from_binary

from gemel.core.errors import ConfigurationError, GemelError, Unavailable
from gemel.parts.connectors.opcua.security import (
    Identity,
    Mode,
    Policy,
    Trust,
    choose,
    policy_object,
)

__all__ = ["Access", "Limits", "Link", "connect", "status_text", "translate"]

_POINTLESS: Final = frozenset(
    {
        "BadIdentityTokenRejected", "BadIdentityTokenInvalid", "BadUserAccessDenied",
        "BadSecurityPolicyRejected", "BadSecurityModeRejected", "BadCertificateUntrusted",
        "BadCertificateInvalid", "BadCertificateUriInvalid", "BadCertificateTimeInvalid",
        "BadCertificateUseNotAllowed", "BadSecurityChecksFailed", "BadUserSignatureInvalid",
        "BadApplicationSignatureInvalid", "BadServiceUnsupported", "BadCertificateChainIncomplete",
    }
)  # fmt: skip
"""Refusals that stay the same when one tries again."""
_CLOSING_S: Final = 1.0
_NOISY: Final = ("asyncua.client", "asyncua.common", "asyncua.crypto", "asyncua.uaprotocol")


@dataclass(frozen=True, slots=True)
class Access:
    """How to get in."""

    url: str
    policy: Policy
    mode: Mode
    identity: Identity | None
    trust: Trust
    user: str = ""
    password: str = field(default="", repr=False)
    connect_s: float = 2.0
    request_s: float = 4.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What the server takes in one request."""

    read: int = 1000
    browse: int = 100
    items: int = 1000
    history: int = 100


class Link:
    """An open connection. Every request ends, or raises `Unavailable`, within its time limit."""

    def __init__(self, client: Client, request_s: float) -> None:
        self._client = client
        self._request_s = request_s
        self.namespaces: tuple[str, ...] = ()
        self.start_time: Any = None
        self.limits = Limits()
        self.policy = "None"
        self.requests = 0

    @property
    def services(self) -> Any:
        """The library's session: read, write, browse …"""
        return self._client.uaclient.session

    async def ask(self, request: Any, timeout_s: float | None = None) -> bytes:
        """The undecoded answer to a request; 0 waits as long as the connection lives."""
        self.requests += 1
        protocol = self._client.uaclient.protocol
        if protocol is None:
            raise Unavailable("the connection is closed")
        limit = self._request_s if timeout_s is None else timeout_s
        with _translated():
            return bytes(await protocol.send_request(request, limit))

    async def call(self, request: Any, answer: type) -> Any:
        """The decoded answer to a request."""
        data = await self.ask(request)
        with _translated():
            response = struct_from_binary(answer, ua.utils.Buffer(data))
            response.ResponseHeader.ServiceResult.check()
            return response

    async def read(self, nodes: Sequence[Any], attribute: Any = ua.AttributeIds.Value) -> list[Any]:
        """One attribute of many nodes, in chunks that the server takes."""
        found: list[Any] = []
        for start in range(0, len(nodes), self.limits.read):
            self.requests += 1
            with _translated():
                found += await self.services.read_attributes(
                    list(nodes[start : start + self.limits.read]), attribute
                )
        return found

    async def renew(self) -> None:
        """Renew the channel's keys in time, for as long as the connection lives (Part 4 §5.5.2)."""
        while True:
            await asyncio.sleep(self._client.secure_channel_timeout * 0.75 / 1000)
            with _translated():
                await self._client.open_secure_channel(renew=True)
            self._client.uaclient.revolve_security_token()

    async def learn(self) -> None:
        """Read the namespace table, the state and the limits of the server."""
        ids = ua.ObjectIds
        prefix = "Server_ServerCapabilities_OperationLimits_"
        names = [
            "Server_NamespaceArray",
            "Server_ServerStatus_State",
            "Server_ServerStatus_StartTime",
            prefix + "MaxNodesPerRead",
            prefix + "MaxNodesPerBrowse",
            prefix + "MaxMonitoredItemsPerCall",
            prefix + "MaxNodesPerHistoryReadData",
        ]
        values = await self.read([ua.NodeId(getattr(ids, name)) for name in names])
        table = _value(values[0])
        if not table:
            raise Unavailable("the server gives no namespace table yet")
        self.namespaces = tuple(str(uri) for uri in table)
        state = _value(values[1])
        if state not in (None, 0):
            raise Unavailable(f"the server is in state {ua.ServerState(state).name}, not Running")
        self.start_time = _value(values[2])
        usual = Limits()
        asked = (usual.read, usual.browse, usual.items, usual.history)
        revised = [
            min(ours, int(_value(v) or 0) or ours)
            for ours, v in zip(asked, values[3:], strict=True)
        ]
        self.limits = Limits(*revised)

    async def check_alive(self) -> None:
        """One look at the server's state. Raises `Unavailable` if it is not what it was."""
        ids = ua.ObjectIds
        nodes = [
            ua.NodeId(ids.Server_ServerStatus_State),
            ua.NodeId(ids.Server_ServerStatus_StartTime),
        ]
        state, start = (_value(v) for v in await self.read(nodes))
        if state not in (None, 0):
            raise Unavailable(f"the server went to state {ua.ServerState(state).name}")
        if start != self.start_time:
            raise Unavailable("the server was restarted")

    async def close(self) -> None:
        """End the session in order if that is possible, and the socket in any case."""
        protocol = self._client.uaclient.protocol
        self._client.uaclient.pre_request_hook = None
        try:
            if protocol is not None and not protocol.is_closed:
                async with asyncio.timeout(_CLOSING_S):
                    await self.services.close_session(True)
                    await self._client.uaclient.close_secure_channel()
        except (OSError, TimeoutError, ua.UaError) as error:
            _log.debug("closing without the server's consent: %s", error)
        finally:
            self._client.disconnect_socket()
            if protocol is not None and protocol.transport is not None:
                protocol.transport.abort()  # else a dead peer keeps unsent bytes and the socket
            await asyncio.sleep(0)


_log = logging.getLogger(__name__)


@asynccontextmanager
async def connect(access: Access) -> AsyncIterator[Link]:
    """Open a session. Raises `Unavailable` or, where trying again is pointless,
    `ConfigurationError`; leaves nothing open."""
    _hush()
    client = _client(access)
    link = Link(client, access.request_s)
    try:
        async with asyncio.timeout(2 * access.connect_s + access.request_s):
            await _open(client, link, access)
            await link.learn()
    except (OSError, TimeoutError, ua.UaError) as error:
        await link.close()
        raise _with_hint(translate(error, access.url), access) from None
    except BaseException:
        await link.close()
        raise
    try:
        yield link
    finally:
        await link.close()


def _with_hint(error: GemelError, access: Access) -> GemelError:
    if not isinstance(error, ConfigurationError) or access.identity is None:
        return error
    if not any(word in error.message for word in ("Certificate", "SecurityChecks")):
        return error
    return ConfigurationError(
        f"{error.message}; the server's owner must trust our certificate: {access.identity.path}"
    )


async def endpoints_of(access: Access) -> list[Any]:
    """What the server offers, asked without a session."""
    client = _client(access)
    try:
        async with asyncio.timeout(access.connect_s):
            return list(await client.connect_and_get_server_endpoints())
    except (OSError, TimeoutError, ua.UaError) as error:
        raise translate(error, access.url) from None
    finally:
        client.disconnect_socket()


async def _open(client: Client, link: Link, access: Access) -> None:
    if access.policy != "None":
        endpoints = await endpoints_of(access)
        policy, mode, endpoint = choose(endpoints, access.policy, access.mode)
        der = _first_of_chain(endpoint.ServerCertificate or b"")
        server = access.trust.check(der, str(endpoint.Server.ApplicationUri))
        assert access.identity is not None  # noqa: S101 - the connector makes one for this case
        client.application_uri = access.identity.application_uri
        client.security_policy = policy_object(policy, mode, server, access.identity)
        client.uaclient.set_security(client.security_policy)
        link.policy = f"{policy} {mode}"
    async with asyncio.timeout(access.connect_s):
        await client.connect_socket()
        await client.send_hello()
    await client.open_secure_channel()
    await client.create_session()
    await client.activate_session(username=access.user or None, password=access.password or None)


def _client(access: Access) -> Client:
    client = Client(access.url, timeout=access.request_s)
    client.name = client.description = "Gemel"
    client.application_uri = "urn:gemel"
    client.product_uri = "urn:gemel"
    client.session_timeout = 60_000
    if access.identity is not None:
        client.application_uri = access.identity.application_uri
    return client


def translate(error: BaseException, where: str = "") -> GemelError:
    """Our error for one of the library, the socket or the clock."""
    at = f"{where}: " if where else ""
    if isinstance(error, GemelError):
        return error
    if isinstance(error, ua.UaStatusCodeError):
        name, text = status_text(error.code)
        if name in _POINTLESS:
            return ConfigurationError(f"{at}the server refuses: {name} ({text})")
        return Unavailable(f"{at}{name} ({text})")
    if isinstance(error, TimeoutError):
        return Unavailable(f"{at}no answer in time")
    if isinstance(error, ConnectionRefusedError):
        return Unavailable(f"{at}nothing listens there; does the server run, on this port?")
    if isinstance(error, socket.gaierror):
        return Unavailable(f"{at}no machine of this name is known")
    if isinstance(error, ua.UaError) and "No matching endpoints" in str(error):
        return ConfigurationError(f"{at}the server does not offer this security; {error}")
    return Unavailable(f"{at}{error or type(error).__name__}")


def status_text(code: int) -> tuple[str, str]:
    """Name and meaning of a StatusCode."""
    name, text = ua.status_codes.get_name_and_doc(code)
    return str(name), str(text)


class _translated:  # noqa: N801 - reads as a word in `with`
    """Errors of the library become ours."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, (OSError, TimeoutError, ua.UaError)):
            raise translate(error) from None
        if isinstance(error, (ValueError, TypeError, IndexError)):
            raise Unavailable(f"an answer of the server cannot be read: {error}") from error


def _value(data_value: Any) -> Any:
    variant = data_value.Value
    return variant.Value if variant is not None and data_value.StatusCode.is_good() else None


def _first_of_chain(der: bytes) -> bytes:
    """Servers may send their certificate with its issuers behind it."""
    return der[: int.from_bytes(der[2:4], "big") + 4] if len(der) > 4 else der


def _hush() -> None:
    """The library logs every lost connection many times over; ours is one line by the supervisor.
    A level that somebody set on purpose stays."""
    for name in _NOISY:
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET:
            logger.setLevel(logging.CRITICAL + 1)
