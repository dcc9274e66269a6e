"""The daemon with its doors: API, pages a moment later if they are installed, and a clean end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uvicorn
from fastapi import FastAPI

from gemel.core.errors import ConfigurationError, GemelError, Unavailable
from gemel.doors.api import create_app
from gemel.doors.later import Pages
from gemel.runtime.access import Access
from gemel.runtime.configuration import Plan
from gemel.runtime.daemon import Daemon
from gemel.runtime.links import log_failure
from gemel.runtime.memory import uncollected
from gemel.runtime.reloading import read_again

__all__ = ["Served", "serve", "served"]

log = logging.getLogger("gemel")

SWITCH_S: Final = 0.0005


@dataclass(frozen=True, slots=True)
class Served:
    """A daemon that answers."""

    daemon: Daemon
    access: Access
    url: str
    link: str
    """Logs in once, without typing."""
    app: FastAPI


async def serve(
    plan: Plan,
    data: Path,
    host: str,
    port: int,
    certificate: Path | None = None,
    key: Path | None = None,
    ready: Callable[[Served], None] | None = None,
) -> None:
    """Run until cancelled. `ready` is called once, when requests are answered."""
    async with served(plan, data, host, port, certificate, key) as running:
        (ready or _say)(running)
        with _hang_up(running.daemon):
            await asyncio.Event().wait()


@contextlib.contextmanager
def _hang_up(daemon: Daemon) -> Generator[None]:
    """SIGHUP, where there is one, lets the plant file be read again."""
    loop, number = asyncio.get_running_loop(), getattr(signal, "SIGHUP", None)
    tasks: set[asyncio.Task[None]] = set()

    async def again() -> None:
        try:
            await read_again(daemon, "SIGHUP")
        except GemelError as error:
            log.error("the plant file is not taken, the former one goes on: %s", error)

    def begin() -> None:
        task = asyncio.create_task(again(), name="gemel.reload")
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    if number is not None:
        loop.add_signal_handler(number, begin)
    try:
        yield
    finally:
        if number is not None:
            loop.remove_signal_handler(number)


def _say(running: Served) -> None:
    print(f"Gemel is ready: {running.url}", flush=True)  # noqa: T201 - the command says it
    print(f"open once, without typing: {running.link}", flush=True)  # noqa: T201 - this too


@asynccontextmanager
async def served(
    plan: Plan,
    data: Path,
    host: str = "127.0.0.1",
    port: int = 0,
    certificate: Path | None = None,
    key: Path | None = None,
) -> AsyncIterator[Served]:
    """A daemon with its doors; port 0 takes a free one."""
    listener = _listen(host, port)
    await asyncio.to_thread(data.mkdir, parents=True, exist_ok=True)
    with contextlib.ExitStack() as starting:
        starting.enter_context(uncollected())
        daemon = Daemon(plan, data)
        async with daemon.run():
            access = Access(data, daemon.clock)
            app = create_app(daemon, access)
            pages = Pages()
            app.mount("/", pages)
            config = uvicorn.Config(
                app,
                log_level="warning",
                access_log=False,
                lifespan="on",
                ssl_certfile=certificate,
                ssl_keyfile=key,
                ws_max_size=1_000_000,
                timeout_graceful_shutdown=2,
            )
            server = _Server(config)
            scheme = "https" if certificate else "http"
            bound = listener.getsockname()[1]
            shown = "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104 - only shown
            url = f"{scheme}://{shown}:{bound}"
            showing: asyncio.Task[None] | None = None
            task = asyncio.create_task(server.serve([listener]), name="gemel.http")
            try:
                await asyncio.wait(
                    {task, asyncio.ensure_future(server.up.wait())},
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if task.done():
                    raise ConfigurationError(f"the web server did not start: {task.exception()}")
                link = f"{url}/api/enter?once={access.link()}"
                with _prompt(), daemon.announce(url):
                    starting.close()
                    showing = asyncio.create_task(pages.live(app), name="gemel.pages")
                    showing.add_done_callback(log_failure)
                    yield Served(daemon, access, url, link, app)
            finally:
                server.should_exit = True
                with contextlib.suppress(asyncio.CancelledError):
                    await task
                pages.end()
                if showing is not None:
                    await asyncio.gather(showing, return_exceptions=True)
                access.close()


@contextlib.contextmanager
def _prompt() -> Generator[None]:
    """Let the interpreter answer quickly while it serves."""
    # What was made so far stays: a collection that looked at all of it again would stop all threads
    # for a tenth of a second, and for half a second with 100,000 assets.
    gc.freeze()
    usual = sys.getswitchinterval()
    # A thread that computes lets the event loop wait for so long.
    sys.setswitchinterval(SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)
        gc.unfreeze()


class _Server(uvicorn.Server):
    """Says when it is up; signals are the command line's business."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    def install_signal_handlers(self) -> None:
        return None

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio switches Nagle's algorithm off only where the protocol is named; with it, an answer
    # whose head and body are written apart waits 40 ms for the delayed acknowledgement of the head.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise Unavailable(
            f"{host}:{port} cannot be used: {error.strerror}; give another with --http HOST:PORT"
        ) from None
    return listener
