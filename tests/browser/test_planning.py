"""From the live line to a plan and back, in a real browser: what stands in the line now is played
out with alternatives, the best is planned with, a machine breaks, and the plan is repaired."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.browser.conftest import demo, picture

PATIENCE = 240_000

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.browser,
    pytest.mark.timeout(900),
]


@pytest_asyncio.fixture(loop_scope="session")
async def link(tmp_path: Path) -> AsyncIterator[str]:
    async with demo(tmp_path, "planning") as found:
        yield found


async def schedule(page: Page) -> dict[str, Any]:
    answer = await page.request.get(re.sub(r"(https?://[^/]+).*", r"\1", page.url)
                                    + "/api/schedules/bottling")  # fmt: skip
    found: dict[str, Any] = await answer.json()
    return found


async def test_from_the_live_line_to_a_repaired_plan(link: str, browser: Browser) -> None:
    page = await browser.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    await page.goto(link)
    base = page.url.rstrip("/")
    # The first to open it on a new machine waits for the compiler.
    await page.goto(base + "/what-if", timeout=PATIENCE)
    await page.get_by_label("Alternative 1").fill("filler.time*0.95")
    await page.get_by_label("Alternative 2").fill("*.repair*0.5")
    await page.get_by_label("Alternative 3").fill("capper.places=300")
    await page.get_by_role("button", name="Play it out").click()
    await expect(page.get_by_text("% sure").first).to_be_visible(timeout=PATIENCE)
    await expect(page.get_by_text("parts that stand in it now")).to_be_visible()
    await page.get_by_text("% sure").first.scroll_into_view_if_needed()
    await picture(page, "what-if")
    await page.get_by_role("link", name="Plan with it").click()
    counted = page.get_by_label("Counting on, for line line2")
    await expect(counted).not_to_have_value("")

    await page.get_by_label("Look for, s").fill("3")
    await page.get_by_role("button", name="Make a plan").click()
    release = page.get_by_role("button", name="Release")
    await expect(release).to_be_visible(timeout=PATIENCE)
    proposed = (await schedule(page))["proposed"]
    assert len({row["order"] for row in proposed["rows"]}) == 10
    running = [row["order"] for row in proposed["rows"] if row["fixed"]]
    assert "PO-104711" in running, "what runs stays where it is"
    await picture(page, "plan-proposed")
    await release.click()
    await expect(page.get_by_text("Plan 1 holds")).to_be_visible(timeout=PATIENCE)

    # Its job orders have gone to the line, which says what it has, and what runs.
    await expect(page.get_by_text("allowed to start").first).to_be_visible(timeout=PATIENCE)
    await expect(page.get_by_text(re.compile("running since .* good")).first).to_be_visible()

    # The capper trips: the twin notices by itself, and proposes a plan around it.
    await expect(page.get_by_text("line2 is down since")).to_be_visible(timeout=PATIENCE)
    await expect(release).to_be_visible(timeout=PATIENCE)
    await picture(page, "machine-down")
    # A person knows better how long it takes; the plan follows, orders go to the other line.
    await page.locator("select[name=machine]").select_option("line2")
    await page.get_by_label("It takes").fill("5 h")
    await page.get_by_role("button", name="Plan around it").click()
    found = await schedule(page)
    while "300 min" not in found["proposed"]["why"] or found["proposed"]["stage"] != "planned":
        await page.wait_for_timeout(500)
        found = await schedule(page)
    before, after = found["held"], found["proposed"]
    assert after["moved"] > 0
    (down,) = after["down"]
    for row in after["rows"]:
        if row["machine"] == "line2" and not row["fixed"]:
            assert row["start"] >= down["end"][:16], "nothing new begins on a line that is down"
    on_line1 = {row["order"] for row in before["rows"] if row["machine"] == "line1"}
    assert {row["order"] for row in after["rows"] if row["machine"] == "line1"} - on_line1
    await page.evaluate("scrollTo(0, 0)")
    await picture(page, "plan-repaired")
    await release.click()
    await expect(page.get_by_text(re.compile(r"Plan \d+ holds"))).to_be_visible(timeout=PATIENCE)
    await expect(page.get_by_text("Release the repaired plan")).to_be_visible()
    assert not wrong, wrong
    await page.close()
