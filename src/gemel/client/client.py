"""A client of a running Gemel.

>>> client = Client("http://127.0.0.1:8080", token)                        # doctest: +SKIP
>>> client.ask(["line2/filler/*"], start="-10m").to_pandas()               # doctest: +SKIP
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx

from gemel.client.errors import failure
from gemel.core.errors import Refused, Unavailable

__all__ = ["Client"]


class Client:
    """Talks to one daemon. Raises the same errors as the parts behind the API."""

    time_zone = "UTC"

    def __init__(self, url: str, token: str, *, timeout: float = 60.0) -> None:
        self.url = url.rstrip("/")
        self._http = httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=timeout,
            trust_env=False,
        )

    @classmethod
    def of(cls, data: Path) -> Client | None:
        """The client of the daemon that has a data folder open; None if there is none."""
        try:
            run = json.loads((data / "run.json").read_text())
            os.kill(run["pid"], 0)
        except (FileNotFoundError, ProcessLookupError, NotADirectoryError):
            return None
        except PermissionError:
            raise Refused(
                f"{data / 'run.json'} belongs to another user; use Client(url, token)"
            ) from None
        except (ValueError, KeyError):
            return None
        client = cls(run["url"], run["token"])
        client.time_zone = client.get("/api/plant")["time_zone"]
        return client

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One request; answers other than 2xx become errors."""
        try:
            response = self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise Unavailable(f"{self.url} does not answer: {error}") from None
        if response.is_success:
            return response
        raise failure(response)

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """GET plain data."""
        given = {k: v for k, v in (params or {}).items() if v is not None}
        return self.request("GET", path, params=given).json()

    def lines(self, path: str, params: Mapping[str, Any] | None = None) -> Iterator[str]:
        """GET lines of text one by one, however many they are."""
        given = {k: v for k, v in (params or {}).items() if v is not None}
        try:
            with self._http.stream("GET", path, params=given) as response:
                if not response.is_success:
                    response.read()
                    raise failure(response)
                yield from response.iter_lines()
        except httpx.HTTPError as error:
            raise Unavailable(f"{self.url} does not answer: {error}") from None

    def post(self, path: str, body: Any = None) -> Any:
        """POST plain data, get plain data."""
        return self.request("POST", path, json=body).json()

    def status(self) -> dict[str, Any]:
        """Health; see `gemel status --json`."""
        answer: dict[str, Any] = self.get("/api/status")
        return answer

    def ask(
        self,
        patterns: list[str],
        start: str | None = None,
        end: str | None = None,
        every: str | None = None,
        at: str | None = None,
        as_of: str | None = None,
        limit: int | None = None,
    ) -> Any:
        """History as an Arrow table: signal (path), time (ns), value or aggregates, unit."""
        import pyarrow as pa

        params: dict[str, Any] = {
            "signal": patterns, "start": start, "end": end, "every": every, "at": at,
            "as_of": as_of, "limit": limit,
        }  # fmt: skip
        given = {k: v for k, v in params.items() if v is not None}
        response = self.request("GET", "/api/history.arrow", params=given)
        with pa.ipc.open_stream(pa.py_buffer(response.content)) as reader:
            return reader.read_all()

    def push(self, connector: str, body: bytes, content_type: str) -> dict[str, Any]:
        """Push samples to an `http` connector; returns when they are on disk."""
        response = self.request(
            "POST",
            f"/api/connectors/{connector}/samples",
            content=body,
            headers={"Content-Type": content_type},
        )
        answer: dict[str, Any] = response.json()
        return answer
