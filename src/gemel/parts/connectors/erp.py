"""Job orders to a business system by HTTP: one request for each, in JSON with the names of B2MML.

A request may come twice: the system may have taken it and died before it answered. So each carries
an `Idempotency-Key`, which is the same whenever the same thing is sent, and a `Version` that only
grows. Responses come back to `POST /api/schedules/NAME/job-responses`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar, Final, Literal
from urllib.parse import quote, urlsplit

import httpx
from pydantic import Field, model_validator

from gemel.core.errors import ConfigurationError, DataError, Unavailable
from gemel.core.frame import Frame
from gemel.core.job import JobCall
from gemel.core.time import SECOND, Duration, isoformat
from gemel.parts.connectors.base import (
    JOBS,
    Connector,
    Counters,
    Delivery,
    Door,
    Outcome,
    Session,
    Taker,
    Write,
)

__all__ = ["Erp", "body_of"]

_AGAIN: Final = frozenset({408, 425, 429})
"""Answers below 500 that mean: not now."""
_LONGEST: Final = 300


class Erp(Connector):
    """Job orders to an ERP or MES by HTTP; job responses come to the API of Gemel."""

    delivery: ClassVar[Delivery] = "live-only"
    takes_jobs: ClassVar[Taker] = "system"

    url: str = Field(description="Where job orders go, e.g. 'https://erp.example.com/job-orders'")
    method: Literal["POST", "PUT"] = Field(
        "POST", description="'PUT' puts the id of the job order behind the URL"
    )
    user: str = Field("", description="User name of basic authentication")
    password_env: str = Field("", description="Environment variable that holds the password")
    password_file: str = Field("", description="File whose first line is the password")
    token_env: str = Field(
        "", description="Environment variable that holds a bearer token, instead of a user"
    )
    certificates: str = Field(
        "", description="File of the authority that signed the server's certificate, where the "
        "machine does not know it"
    )  # fmt: skip
    timeout: Duration = Field(10 * SECOND, gt=0, description="Longest time for an answer")

    @model_validator(mode="after")
    def _consistent(self) -> Erp:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"url '{self.url}': write e.g. 'https://erp.example.com/job-orders'")
        if parts.username or parts.password:
            raise ValueError("url holds a user; write `user` and `password_env` instead")
        if self.password_env and self.password_file:
            raise ValueError("password_env and password_file are both given; one is enough")
        if self.token_env and self.user:
            raise ValueError("token_env and user are both given; one is enough")
        local = parts.hostname in ("localhost", "127.0.0.1", "::1")
        if parts.scheme == "http" and not local and (self.user or self.token_env):
            raise ValueError("http would send the secret readable over the network; write https")
        return self

    def located(self, folder: Path) -> Connector:
        """See `Connector.located`."""
        if not self.certificates:
            return self
        return self.model_copy(update={"certificates": str(folder / self.certificates)})

    @asynccontextmanager
    async def open(self, door: Door) -> AsyncIterator[Session]:
        """See `Connector.open`. The system is not asked before there is something to send."""
        secret = await asyncio.to_thread(self._secret)
        headers = {"User-Agent": "Gemel"}
        if self.token_env:
            headers["Authorization"] = f"Bearer {secret}"
        try:
            client = httpx.AsyncClient(
                auth=(self.user, secret) if self.user else None, headers=headers,
                timeout=self.timeout / SECOND, trust_env=False, follow_redirects=False,
                verify=self._trust(),
            )  # fmt: skip
        except OSError as error:
            raise ConfigurationError(f"certificates '{self.certificates}': {error}") from None
        async with client:
            yield ErpSession(self, client)

    def _trust(self) -> Any:
        import ssl

        return ssl.create_default_context(cafile=self.certificates or None)

    def _secret(self) -> str:
        name = self.token_env or self.password_env
        if name:
            try:
                return os.environ[name]
            except KeyError:
                field = "token_env" if self.token_env else "password_env"
                raise ConfigurationError(
                    f"{field}: no environment variable '{name}'; set it where the daemon is started"
                ) from None
        if not self.password_file:
            return ""
        try:
            text = Path(self.password_file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"password_file '{self.password_file}' cannot be read: {error}"
            ) from None
        return text.splitlines()[0] if text else ""


class ErpSession:
    """Sends; nothing arrives here."""

    def __init__(self, settings: Erp, client: httpx.AsyncClient) -> None:
        self.counters = Counters()
        self._settings, self._client = settings, client

    async def frames(self) -> AsyncIterator[Frame]:
        """A business system has no samples: until cancelled, nothing."""
        await asyncio.Event().wait()
        yield Frame.of([], [], [], [])  # pragma: no cover - makes this an async generator

    async def committed(self, position: str) -> None:
        """Nothing to do."""

    def history(
        self, start: int, end: int, signals: Sequence[int] | None = None, *, bound: bool = False
    ) -> AsyncIterator[Frame]:
        """A business system has no samples."""
        raise Unavailable("a business system has no history")

    async def send(self, write: Write) -> Outcome:
        """Send a job order. Raises `Unavailable` if it is not known whether it was taken, or if
        it should be sent again later."""
        if not write.address.endswith(JOBS):
            return Outcome(False, "a business system takes job orders, no values")
        try:
            call = JobCall.parse(str(write.value))
        except DataError as error:
            return Outcome(False, str(error))
        url = self._settings.url
        if self._settings.method == "PUT":
            url = f"{url.rstrip('/')}/{quote(call.order.id, safe='')}"
        key = quote(call.key, safe="/:#")  # a header bears ASCII alone
        try:
            answer = await self._client.request(
                self._settings.method, url, json=body_of(call), headers={"Idempotency-Key": key}
            )
        except httpx.HTTPError as error:
            raise Unavailable(f"{self._settings.url}: {error or type(error).__name__}") from None
        if answer.is_success:
            return Outcome(True)
        said = f"HTTP {answer.status_code}: {_said(answer)}"
        if answer.status_code >= 500 or answer.status_code in _AGAIN:
            raise Unavailable(said)
        return Outcome(False, said)


def body_of(call: JobCall) -> dict[str, Any]:
    """The JSON of a job order, with names of B2MML; what is not known is left out."""
    order = call.order
    material: dict[str, Any] = {
        "MaterialDefinitionID": order.work_master, "MaterialUse": "Produced",
    }  # fmt: skip
    if order.quantity is not None:
        material["Quantity"] = {"QuantityString": f"{order.quantity:.15g}"}
    told: dict[str, Any] = {
        "ID": order.id,
        "Version": call.version,
        "Command": call.command,
        "WorkMasterID": order.work_master,
        "StartTime": isoformat(order.start),
        "EndTime": isoformat(order.end),
        "EquipmentRequirement": [{"EquipmentID": order.equipment}],
        "MaterialRequirement": [material],
    }
    if order.work_order:
        told["JobOrderParameter"] = [{"ID": "WorkOrder", "Value": order.work_order}]
    if order.description:
        told["Description"] = order.description
    if order.priority is not None:
        told["Priority"] = order.priority
    return {"JobOrder": told}


def _said(answer: httpx.Response) -> str:
    """What the system says of a refusal: a sentence of its JSON, or its text."""
    try:
        told = answer.json()
    except ValueError:
        told = answer.text
    if isinstance(told, dict):
        found = [told[k] for k in ("detail", "message", "error", "title", "reason") if told.get(k)]
        told = found[0] if found else told
    return " ".join(str(told).split())[:_LONGEST] or answer.reason_phrase or "no reason given"
