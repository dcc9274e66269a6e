"""What the browser adds: a page of HTML, and a chart until it is drawn, in Debian's Chromium.

Used by `benchmarks.pages`. The session comes from the link that `gemel run` prints.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Page, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
FOUND = CHROMIUM.exists()
_ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
]  # fmt: skip
_DRAWN = "[data-trend-chart][data-points]"
# Two frames later it is on the screen.
_TWO_FRAMES = "() => new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)))"
_LOOK = """async (until) => {
  const chart = document.querySelector("[data-trend-chart]");
  const field = document.querySelector("[data-as-of]");
  const begun = performance.now();
  delete chart.dataset.points;
  field.value = until;
  field.dispatchEvent(new Event("change", { bubbles: true }));
  while (!chart.dataset.points) {
    if (chart.dataset.problem) throw new Error(chart.dataset.problem);
    await new Promise((r) => setTimeout(r, 1));
  }
  await new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)));
  return [(performance.now() - begun) / 1000, Number(chart.dataset.points)];
}"""


def link(folder: Path) -> str:
    """The link in the daemon's log that logs in once."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if found := re.search(r"open once, without typing: (\S+)", (folder / "log").read_text()):
            return found[1]
        time.sleep(0.05)
    raise RuntimeError("the daemon printed no link")


def html(folder: Path, path: str, requests: int) -> list[float]:
    """Seconds of each request of a page, over one kept connection with a session."""
    entry = link(folder)
    taken = []
    with httpx.Client(timeout=60, trust_env=False, follow_redirects=True) as http:
        http.get(entry).raise_for_status()
        base = entry.partition("/api/")[0]
        for _ in range(requests):
            begun = time.perf_counter()
            answer = http.get(base + path)
            taken.append(time.perf_counter() - begun)
            assert answer.status_code == 200, answer.status_code
            assert "g-frame" in answer.text, "not the page"
    return taken


@contextmanager
def _page(entry: str) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(entry)
        yield page
        browser.close()


def drawn(folder: Path, signal: str, begin: int, end: int, times: int) -> dict[str, Any]:
    """Seconds until a chart of [begin, end), ns, is on the screen: with its page, and on an open
    page from the wish to look at another stretch, `times` times."""
    entry = link(folder)
    base = entry.partition("/api/")[0]
    with _page(entry) as page:
        start, stop = begin // 10**6, end // 10**6 + 1  # ms
        query = f"signal={signal}&span={stop - start}&start={start}&end={stop}"
        opened = []
        for _ in range(3):
            begun = time.perf_counter()
            page.goto(f"{base}/trends?{query}", wait_until="commit")
            page.wait_for_selector(_DRAWN, state="attached")
            page.evaluate(_TWO_FRAMES)
            opened.append(time.perf_counter() - begun)
        looked = []
        for turn in range(times):
            until = datetime.fromtimestamp(stop // 1000 + 1 + turn, UTC)
            seconds, points = page.evaluate(_LOOK, until.strftime("%Y-%m-%dT%H:%M:%S"))
            assert points > 500, points
            looked.append(seconds)
    return {"page_s": opened, "chart_s": looked}
