"""OPC UA: the usual way into a machine.

One connection to one server: subscriptions for what changes, HistoryRead for what was missed,
writes with the server's own answer. Certificates and trust: see `security`. `discover` walks
through a server and proposes assets, signals and commands.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from gemel.core.errors import ConfigurationError
from gemel.core.time import MILLISECOND, SECOND, Clock, Duration
from gemel.parts.connectors.base import (
    Connector,
    Delivery,
    Door,
    Found,
    Progress,
    Session,
    Taker,
)
from gemel.parts.connectors.opcua.discovery import discover
from gemel.parts.connectors.opcua.link import Access, connect
from gemel.parts.connectors.opcua.pace import Pace, usual_sample
from gemel.parts.connectors.opcua.security import (
    Mode,
    Policy,
    Trust,
    is_loopback,
    own_identity,
)
from gemel.parts.connectors.opcua.session import OpcUaSession

__all__ = ["OpcUa"]


class OpcUa(Connector):
    """A connection to an OPC UA server."""

    delivery: ClassVar[Delivery] = "resumable"
    schemes: ClassVar[tuple[str, ...]] = ("opc.tcp", "opc.https")
    takes_jobs: ClassVar[Taker] = "machine"

    url: str = Field(description="Address of the server, e.g. 'opc.tcp://192.168.1.5:4840'")
    security: Policy = Field(
        "best",
        description="Security policy; 'best' takes the strongest that the server offers, 'None' "
        "is unprotected and for demos and closed networks only",
    )
    mode: Mode = Field("SignAndEncrypt", description="Sign only, or sign and encrypt messages")
    user: str = Field("", description="User name; anonymous where it is empty")
    password_env: str = Field("", description="Environment variable that holds the password")
    password_file: str = Field("", description="File whose first line is the password")
    publishing: Duration = Field(
        100 * MILLISECOND, gt=0, description="How often the server sends what has changed"
    )
    sample: Duration | None = Field(
        None,
        gt=0,
        description="Sampling interval of signals that give none; empty for half of `publishing`, "
        "at most 50 ms. Half of what a value takes to change is needed to see each change",
    )
    keep_alive: Duration = Field(
        SECOND, gt=0, description="How often a quiet connection is checked"
    )
    silence: Duration = Field(
        3 * SECOND, gt=0, description="A server that is silent for longer counts as lost"
    )
    connect_timeout: Duration = Field(
        2 * SECOND, gt=0, description="Longest time to reach the server"
    )
    request_timeout: Duration = Field(
        4 * SECOND, gt=0, description="Longest time for the answer to a request"
    )
    backfill: Duration = Field(
        0, ge=0, description="History of this length is fetched at the very first start"
    )
    max_notifications_per_publish: int = Field(
        200, gt=0, description="Most values in one message; more makes other work wait longer"
    )
    publish_requests: int = Field(
        3, gt=0, le=50, description="Publish requests that wait at the server"
    )
    buffer_rows: int = Field(
        65_536, gt=0, description="Samples kept when the twin is busy; then the server must queue"
    )

    @model_validator(mode="after")
    def _consistent(self) -> OpcUa:
        parts = urlsplit(self.url)
        if parts.scheme != "opc.tcp" or not parts.hostname:
            raise ValueError(f"url '{self.url}': write e.g. 'opc.tcp://192.168.1.5:4840'")
        if parts.username or parts.password:
            raise ValueError("url holds a user; write `user` and `password_env` instead")
        if self.password_env and self.password_file:
            raise ValueError("password_env and password_file are both given; one is enough")
        if self.security == "None" and self.user and not is_loopback(parts.hostname):
            raise ValueError(
                "security 'None' would send the password readable over the network; "
                "write `security: best` or leave out `user`"
            )
        if self.silence < 2 * self.keep_alive:
            raise ValueError("silence must be at least twice keep_alive")
        return self

    def open(self, door: Door) -> AbstractAsyncContextManager[Session]:
        """See `Connector.open`."""
        return self._open(door)

    @asynccontextmanager
    async def _open(self, door: Door) -> AsyncIterator[Session]:
        async with connect(await self._access(door.folder, door.name)) as link:
            session = OpcUaSession(link, door, self._pace())
            try:
                await session.start()
                yield session
            finally:
                await session.stop()

    @classmethod
    async def discover(
        cls, target: str, clock: Clock, progress: Progress, folder: Path | None = None
    ) -> Found:
        """See `Connector.discover`. `target` is ``opc.tcp://[user@]host:port[?security=None]``;
        the user's password is read from the environment variable ``GEMEL_OPCUA_PASSWORD``."""
        return await discover(target, clock, progress, folder)

    async def _access(self, folder: Path, name: str) -> Access:
        identity = None
        if self.security != "None":
            identity = await asyncio.to_thread(own_identity, folder, name)
        return Access(
            url=self.url,
            policy=self.security,
            mode=self.mode,
            identity=identity,
            trust=Trust(folder),
            user=self.user,
            password=await asyncio.to_thread(self._password),
            connect_s=self.connect_timeout / SECOND,
            request_s=self.request_timeout / SECOND,
        )

    def _password(self) -> str:
        if self.password_env:
            try:
                return os.environ[self.password_env]
            except KeyError:
                raise ConfigurationError(
                    f"password_env: no environment variable '{self.password_env}'; set it where "
                    "the daemon is started"
                ) from None
        if self.password_file:
            try:
                text = Path(self.password_file).read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigurationError(
                    f"password_file '{self.password_file}' cannot be read: {error}"
                ) from None
            return text.splitlines()[0] if text else ""
        return ""

    def _pace(self) -> Pace:
        return Pace(
            publishing=self.publishing,
            sample=self.sample or usual_sample(self.publishing),
            keep_alive=self.keep_alive,
            silence=self.silence,
            notifications=self.max_notifications_per_publish,
            requests=self.publish_requests,
            buffer_rows=self.buffer_rows,
        )
