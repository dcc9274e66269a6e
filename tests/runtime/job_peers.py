"""The other side of job orders: a business system by HTTP, and a machine with Job Control; and the
plant that has them."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from asyncua import Server, ua

from gemel.virtual.jobs import JobControl

__all__ = ["DAY", "PLANT", "Business", "machine", "until"]

PLANT = """\
format: 1
plant: {site: Test, time_zone: UTC}
connectors:
  press: {kind: opcua, url: PRESS, security: None}
  erp: {kind: erp, url: ERP, user: gemel, password_env: TEST_ERP}
assets:
  shop/press: {connector: press}
schedules:
  day:
    file: day.yaml
    send:
      machine: {connector: press, receiver: /Press/JobOrderControl, machines: [press], armed: true,
                start: true}
      erp: {connector: erp}
    search: 200 ms
    repair: 200 ms
"""
DAY = """\
schedule: 1
tick: 1 min
machines: {press: , hand: }
objective: {tardiness: 10, makespan: 1}
products:
  box: {steps: [{name: make, on: {press: {each: 2 s}}}]}
  lid: {steps: [{name: make, on: {hand: {each: 2 s}}}]}
orders:
  - {order: P-1, product: box, quantity: 600, weight: 3}
  - {order: P-2, product: box, quantity: 900}
  - {order: L-1, product: lid, quantity: 900}
"""


class Business:
    """A business system that can be down, and can say no. It keeps what it took by key."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/orders"
        self.took: dict[str, dict[str, Any]] = {}
        self.requests: list[tuple[str, str, dict[str, Any]]] = []
        self.authorized: set[str] = set()
        self.no: dict[str, tuple[int, str]] = {}
        """Answers by the id of the job order."""
        self._server: ThreadingHTTPServer | None = None

    def start(self) -> None:
        """Answer, at the same address as before."""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                key, job = self.headers["Idempotency-Key"], body["JobOrder"]["ID"]
                outer.requests.append((key, job, body["JobOrder"]))
                outer.authorized.add(self.headers.get("Authorization", ""))
                status, said = outer.no.get(job, (201, "taken"))
                if status < 300:
                    outer.took[key] = body["JobOrder"]
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(json.dumps({"detail": said}).encode())

            do_PUT = do_POST  # noqa: N815 - the name that the library wants

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Do not answer any more."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def told(self) -> list[tuple[str, str]]:
        """(command, id) in the order of arrival."""
        return [(body["Command"], job) for _, job, body in self.requests]


@asynccontextmanager
async def machine(port: int = 0) -> AsyncIterator[tuple[str, JobControl]]:
    """A server with Job Control; its address and what it has."""
    logging.getLogger("asyncua").setLevel(logging.CRITICAL)
    if not port:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
    server = Server()
    await server.init()
    url = f"opc.tcp://127.0.0.1:{port}"
    server.set_endpoint(url)
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    index = await server.register_namespace("urn:example.org:press")
    press = await server.nodes.objects.add_object(
        ua.NodeId("Press", index), ua.QualifiedName("Press", index)
    )
    control = JobControl(server)
    await control.build(press, index, "Press.")
    async with server:
        yield url, control


async def until(look: Callable[[], Awaitable[bool]]) -> None:
    """Wait for it."""
    for _ in range(1200):
        if await look():
            return
        await asyncio.sleep(0.1)
    pytest.fail("it did not come to be")
