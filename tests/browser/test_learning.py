"""Models at work, in a real browser, on the real virtual line: nothing is faked or sped up.

A bearing wears and is told how long it has; another batch flows differently, and a model is fitted
anew, compared in shadow, made champion by a person, and taken back where a worse one is forced in.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.browser.conftest import demo, picture
from tests.learning.openlineage import read, runs

PATIENCE = 300_000

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.browser,
    pytest.mark.timeout(1_200),
]


@pytest_asyncio.fixture(loop_scope="session")
async def link(tmp_path: Path) -> AsyncIterator[str]:
    async with demo(tmp_path, "learning") as found:
        yield found


async def test_models_tell_follow_and_come_back(link: str, browser: Browser) -> None:
    page = await browser.new_page()
    await page.goto(link)
    base = page.url.rstrip("/")
    await page.goto(base + "/models")
    told = page.get_by_text("Open time of the valves").first
    await expect(told).to_be_visible(timeout=PATIENCE)
    # Detectors and other tasks have rows there, too.
    steps = page.get_by_role("row").filter(has_text="Open time of the valves")
    first = steps.filter(has_text="the first; there is none to compare it with")
    await expect(first.first).to_be_visible(timeout=PATIENCE)
    champion = (await tasks(page))["expected_open_time"]["champion"]["model"]

    # How a temperature will go on is drawn behind the present.
    await page.goto(f"{base}/trends?signal=line2%2Fcapper%2Fbearing_temperature&span=600000")
    chart = page.locator("[data-trend-chart]")
    await expect(chart).to_have_attribute("data-ahead", "1", timeout=PATIENCE)

    # The bearing: noticed, explained, and told how long it has; the band narrows.
    await page.goto(base + "/health")
    noticed = page.locator("article", has_text="Capper bearing does not behave as learned").first
    await expect(noticed).to_contain_text("bearing band", timeout=PATIENCE)
    left = page.locator("article", has_text="Life of the capper bearing").first
    await expect(left).to_contain_text(re.compile(r"min left \[[\d.]+, 5\]"), timeout=PATIENCE)
    before = width(await left.inner_text())
    await picture(page, "health-before")
    soon = re.compile(r"min left \[0\.\d+, 0\.\d+\]")
    await expect(left).to_contain_text(soon, timeout=PATIENCE)
    assert width(await left.inner_text()) < 0.6 * before
    await picture(page, "health-soon")

    # Another batch: a person says what the finding was.
    finding = page.locator("article", has_text="Filler does not behave as learned").first
    await expect(finding).to_be_visible(timeout=PATIENCE)
    await expect(finding.locator(".diagnosis")).to_contain_text("σ", timeout=PATIENCE)
    await finding.get_by_text("Answer").first.click()
    await finding.get_by_label("What was it?").fill("another batch")
    await finding.get_by_role("button", name="Known").click()
    await page.goto(base + "/labels")
    await expect(page.get_by_role("row").filter(has_text="another batch")).to_contain_text("known")

    # The model is fitted anew, stands in shadow, and a person makes it champion.
    await page.goto(base + "/models")
    beside = steps.filter(has_text="asked beside the champion")
    await expect(beside.first).to_be_visible(timeout=PATIENCE)
    better = page.locator("article", has_text="Open time of the valves").get_by_role("button")
    wish = better.filter(has_text="Make it champion").first
    await expect(wish).to_be_visible(timeout=PATIENCE)
    await wish.scroll_into_view_if_needed()
    await picture(page, "model-in-shadow")
    await wish.click()
    await expect(page.get_by_role("row").filter(has_text="approved").first).to_be_visible()
    second = (await tasks(page))["expected_open_time"]["champion"]["model"]
    assert second != champion

    # The old one is forced in: it is found worse, and goes back by itself.
    await page.goto(base + "/models")
    card = page.locator("article", has_text="Open time of the valves").first
    await card.get_by_text("Another model").click()
    await card.get_by_label("Model (16 digits)").fill(champion)
    await card.get_by_label("Reason").fill("to see what happens")
    await card.get_by_role("button", name="Make champion").click()
    back = steps.filter(has_text="returned").first
    await expect(back).to_contain_text("the model before is better", timeout=PATIENCE)
    await back.scroll_into_view_if_needed()
    await picture(page, "model-returned")
    assert (await tasks(page))["expected_open_time"]["champion"]["model"] == second
    # All of it is in the journal, whose chain holds.
    await page.goto(base + "/advice")
    await expect(page.get_by_text("hash chain verified").first).to_be_visible()
    await expect(page.get_by_role("row").filter(has_text="model returned").first).to_be_visible()

    # Where all of it comes from, as a catalogue reads it.
    await page.goto(base + "/models")
    link_to = await page.get_by_role("link", name="Lineage (OpenLineage)").get_attribute("href")
    answer = await page.request.get(f"{base}{link_to}")
    events = [read(line) for line in (await answer.text()).splitlines()]
    runs(events)
    decided = [e.run.facets["gemel_decision"] for e in events if e.job.name.endswith(".promotion")]
    assert {"champion", "returned"} <= {one["step"] for one in decided}
    assert any(o.name == "signals/line2/filler/expected_open_time" for e in events
               for o in e.outputs)  # fmt: skip


async def tasks(page: Page) -> dict[str, Any]:
    """What the API says of models, by task."""
    answer = await page.request.get("/".join(page.url.split("/")[:3]) + "/api/models")
    return {task["name"]: task for task in (await answer.json())["tasks"]}


def width(text: str) -> float:
    """Of the first interval in a text."""
    found = re.search(r"\[([\d.]+), ([\d.]+)\]", text)
    assert found is not None, text
    return float(found[2]) - float(found[1])
