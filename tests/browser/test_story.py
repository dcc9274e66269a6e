"""The demo's story, in a real browser, on the real virtual line: nothing is faked or sped up.

The scenario ``brief`` tells it in two minutes. A person follows it by looking and clicking; what is
asserted is what stands on the screen.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.browser.conftest import demo

PATIENCE = 150_000

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.browser,
    pytest.mark.timeout(420),
]


@pytest_asyncio.fixture(loop_scope="session")
async def link(tmp_path: Path) -> AsyncIterator[str]:
    async with demo(tmp_path, "brief") as found:
        yield found


async def test_the_five_minute_story(link: str, browser: Browser) -> None:
    page = await browser.new_page()
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(request.url.split("/")[2]))
    await page.goto(link)
    await follow(page)
    assert hosts == {link.split("/")[2]}


async def follow(page: Page) -> None:
    """What a person does and sees."""
    base = page.url.rstrip("/")
    # The line is live, and says why the filler is slow.
    await expect(page.locator("text.name", has_text="Filler").first).to_be_visible(timeout=PATIENCE)
    slow = page.get_by_text("below its setpoint").first
    await expect(slow).to_contain_text("slow since", timeout=PATIENCE)
    proposal = page.get_by_text("Slow the filler by 4 % until valve 14 is serviced").first
    await expect(proposal).to_be_visible(timeout=PATIENCE)
    # A bearing is found before any alarm is raised.
    await page.goto(base + "/health")
    bearing = page.get_by_text("Capper bearing does not behave as learned").first
    await expect(bearing).to_be_visible(timeout=PATIENCE)
    await expect(page.get_by_text("No alarm waits for an answer").first).to_be_visible()
    # 12 % is refused by the envelope, with the reason; 4 % is approved and confirmed.
    await page.goto(base + "/advice")
    await page.get_by_text("Other value").first.click()
    await page.get_by_label("Value, bottles/h").first.fill("19800")
    await page.get_by_role("button", name="Ask the envelope").first.click()
    refusal = page.get_by_text("12 % is more than the 5 % that one command may change").first
    await expect(refusal).to_be_visible(timeout=PATIENCE)
    await page.get_by_role("button", name="Approve").first.click()
    await expect(page.get_by_text("confirmed").first).to_be_visible(timeout=PATIENCE)
    await expect(page.get_by_text("admin").first).to_be_visible()
    # The server is cut off: the gap is refilled, and what was sent is what is stored.
    await page.goto(base + "/connections")
    await expect(page.get_by_text("refilled").first).to_be_visible(timeout=PATIENCE)
    story = page.locator("section.story")
    await expect(story).to_contain_text("gemel discover opc.tcp://", timeout=PATIENCE)
