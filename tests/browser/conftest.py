"""A served twin with a source that is pushed to, in a thread, and a browser in front of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from nicegui.slot import Slot
from PIL import Image
from playwright.async_api import Browser, Page, async_playwright

from gemel.client import Client
from gemel.core.errors import GemelError
from gemel.core.event import Event
from gemel.doors import serving
from gemel.runtime.configuration import load
from tests.browser.fakes import Room, add_fakes
from tests.runtime.camera import trained

CHROMIUM = Path("/usr/bin/chromium")
FOUND = CHROMIUM.exists()
ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
PATIENCE = 90_000
"""How long something may take on a busy machine, ms."""

PLANT = """
format: 1
plant: {site: Northfield, area: Bottling, time_zone: Europe/Berlin}
connectors:
  line: {kind: http}
shifts:
  - {name: Day, start: '06:00', end: '18:00', days: [mon, tue, wed, thu, fri, sat, sun]}
  - {name: Night, start: '18:00', end: '06:00', days: [mon, tue, wed, thu, fri, sat, sun]}
types:
  machine:
    signals:
      state: {type: enumeration, labels: {2: Stopped, 5: Suspended, 6: Execute}, role: state}
      speed: {unit: 1/h, role: speed}
assets:
  line2/rinser: {title: Rinser, type: machine, connector: line}
  line2/filler:
    title: '<script>window.broken=1</script>Filler'
    type: machine
    connector: line
    after: [line2/rinser]
    signals:
      level: {title: '<img src=x onerror="window.broken=1">', unit: ml, role: quality}
      old: {unit: bar, role: quality, stale_after: 1 s}
      lot: {type: text, role: lot}
      buffer: {title: before the filler, range: [0, 600]}
    commands:
      set_speed:
        signal: speed
        armed: true
        envelope: {low: 6000, high: 26000}
tasks:
  surface:
    task: inspection
    title: '<script>window.broken=1</script>Surface'
    asset: line2/rinser
    model: plates.model
lines:
  line2:
    stations:
      rinser: {time: 1 s}
      filler: {title: '<script>window.broken=1</script>Filler', time: 1.2 s, places: 20}
"""


@dataclass
class Plant:
    """What a test has of the served twin."""

    url: str
    client: Client
    room: Room
    served: serving.Served
    loop: asyncio.AbstractEventLoop

    def push(self, quality: int = 0, **values: Any) -> None:
        """Samples of signals `asset__key`, now."""
        now = time.time_ns()
        lines = [
            {"signal": f"line2/{name.replace('__', '/')}", "time": now, "value": value,
             "quality": quality}
            for name, value in values.items()
        ]  # fmt: skip
        body = "\n".join(json.dumps(line) for line in lines)
        self.client.push("line", body.encode(), "application/x-ndjson")

    def emit(self, event: Event) -> None:
        """An Event, as a room of the twin would give it."""
        self.served.daemon.pipeline.emit([event])

    def link(self) -> str:
        """A one-time link that nobody has followed."""
        return f"{self.url}/api/enter?once={self.served.access.link()}"


class Running:
    """The served twin in a thread with its own event loop."""

    def __init__(self, folder: Path) -> None:
        self.room = Room("line2/filler", "line2/filler/level")
        self.found: Plant | None = None
        self._file = folder / "plant.yaml"
        self._file.write_text(PLANT, encoding="utf-8")
        (folder / "plates.model").write_text(trained(), encoding="utf-8")
        self._data = folder / "data"
        self._ready = threading.Event()
        self._task: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), name="served")

    def __enter__(self) -> Plant:
        self._thread.start()
        self._ready.wait(90)
        if self.found is None:
            pytest.fail("the twin did not start")
        return self.found

    def __exit__(self, *_: object) -> None:
        if self.found is not None and self._task is not None:
            self.found.client.close()
            self.found.loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(30)

    async def _main(self) -> None:
        self._task = asyncio.current_task()
        create = serving.create_app

        def with_fakes(*arguments: Any) -> Any:
            app = create(*arguments)
            add_fakes(app, self.room)
            return app

        serving.create_app = with_fakes
        try:
            async with serving.served(load(self._file), self._data) as running:
                serving.create_app = create  # others that are served meanwhile are real
                client = Client(running.url, running.daemon.token)
                loop = asyncio.get_running_loop()
                self.found = Plant(running.url, client, self.room, running, loop)
                self._ready.set()
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            return
        finally:
            serving.create_app = create
            self._ready.set()


async def _nothing() -> None:
    """In the place of what NiceGUI does every ten seconds: it throws away what belongs to tasks of
    other event loops. This twin lives beside those of other tests, whose pages would lose the place
    that they are being made in."""


@pytest.fixture(scope="session")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    """One twin for all tests of the folder, with samples in it."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Slot, "prune_stacks", _nothing)
        with Running(tmp_path_factory.mktemp("served")) as plant:
            for _ in range(200):
                with contextlib.suppress(GemelError):
                    plant.push(rinser__state=6, rinser__speed=22_400, filler__state=6)
                    break
                time.sleep(0.05)
            plant.push(filler__speed=22_500, filler__level=500.4, filler__buffer=150)
            yield plant


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium; without it the tests are skipped, and fail on the server."""
    if not FOUND:
        reason = f"{CHROMIUM} is missing; apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=ARGUMENTS, timeout=3 * PATIENCE
        )
        yield browser
        await browser.close()


async def picture(page: Page, name: str) -> None:
    """Take one for the documentation, where `GEMEL_PICTURES` names a folder."""
    if folder := os.environ.get("GEMEL_PICTURES"):
        taken = await page.screenshot()
        Image.open(BytesIO(taken)).save(Path(folder) / f"{name}.webp", quality=80, method=6)


Open = Callable[..., AbstractAsyncContextManager[Page]]


@pytest.fixture
def open_page(browser: Browser, plant: Plant) -> Open:
    """`async with open_page("/trends", role="operator") as page`: a page that is watched.

    At its end nothing may have been asked of another host, nothing logged as an error, and no
    script of the plant file have run.
    """

    @asynccontextmanager
    async def opened(path: str, role: str = "admin", **options: Any) -> AsyncIterator[Page]:
        context = await browser.new_context(**options)
        context.set_default_timeout(PATIENCE)
        secret = plant.served.access.token(f"{role} of a test", role)
        await context.add_cookies([{"name": "gemel_session", "value": secret, "url": plant.url}])
        page = await context.new_page()
        asked: list[str] = []
        wrong: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("websocket", lambda socket: asked.append(socket.url))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
        await page.goto(plant.url + path)
        yield page
        broken = await page.evaluate("window.broken")
        await context.close()
        host = plant.url.partition("//")[2]
        elsewhere = [u for u in asked if u.partition("//")[2].partition("/")[0] != host]
        assert [u for u in elsewhere if not u.startswith(("data:", "blob:"))] == []
        assert wrong == []
        assert broken is None

    return opened


@asynccontextmanager
async def demo(folder: Path, scenario: str) -> AsyncIterator[str]:
    """The one-time link of a running demo."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gemel.doors.cli.main", "demo", "--no-browser",
        "--http", "127.0.0.1:0", "--scenario", scenario, "--data", str(folder / "demo"),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert child.stdout is not None
    try:
        async with asyncio.timeout(180):
            while not (line := (await child.stdout.readline()).decode()).startswith("open once"):
                assert line, "the demo ended"
        yield line.partition(": ")[2].strip()
    finally:
        child.send_signal(signal.SIGTERM)
        await child.wait()
        assert child.returncode == 0
