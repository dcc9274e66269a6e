"""The pages in a real browser, in front of a real twin that is pushed to."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from gemel.core import quality as q
from gemel.core.event import Event
from tests.runtime.camera import bad, good

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

PAGES = (
    "/", "/trends", "/alarms", "/health", "/quality", "/models", "/labels", "/line", "/what-if",
    "/advice", "/connections", "/plant-file",
)  # fmt: skip
PHONE = {"width": 390, "height": 844}
expect.set_options(timeout=90_000)


async def test_a_link_logs_in_once(browser: Browser, plant: Any) -> None:
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(f"{plant.url}/alarms")
    assert page.url.endswith("/login")
    link = plant.link()
    await page.goto(link)
    await expect(page.locator("nav a[aria-current]")).to_have_text("Live")
    await page.click("text=Log out")
    await page.wait_for_url("**/login")
    await page.goto(link)
    assert page.url.endswith("/login?used")
    await expect(page.get_by_role("alert")).to_contain_text("used before")
    await page.fill("input[name=name]", "nobody")
    await page.fill("input[name=password]", "not the password")
    await page.click("button[type=submit]")
    await expect(page.get_by_role("alert")).to_contain_text("wrong")
    await context.close()


async def test_a_pushed_value_is_on_the_screen(plant: Any, open_page: Any) -> None:
    async with open_page("/") as page:
        speed = page.locator("svg.wide [data-signal='line2/rinser/speed']").first
        state = page.locator("svg.wide [data-machine='line2/rinser']")
        plant.push(rinser__speed=22_480.0, rinser__state=6)
        await expect(speed).to_have_text("22\u2009480")
        plant.push(rinser__speed=0.0, rinser__state=2)
        await expect(speed).to_have_text("0")
        await expect(state).to_contain_text("Stopped")
        await expect(state).to_have_class("machine idle")
        await expect(page.locator("[data-clock]")).to_contain_text(":")
        plant.push(rinser__speed=22_400.0, rinser__state=6)


async def test_bad_and_old_values_do_not_look_like_good_ones(plant: Any, open_page: Any) -> None:
    plant.push(filler__old=1.8)
    async with open_page("/") as page:
        level = page.locator("svg.wide text [data-signal='line2/filler/level']").first
        plant.push(filler__level=500.25)
        await expect(level).to_have_text("500.3")
        plant.push(quality=q.BAD | 0x8C, filler__level=499.0)
        await expect(level).to_have_text("—")
        await expect(level).to_have_class("bad")
        assert "sensor failure" in str(await level.get_attribute("data-why"))
        old = page.locator("svg.wide text [data-signal='line2/filler/old']").first
        await expect(old).to_have_class("old")
        await expect(old).to_contain_text("1.8")
        await expect(old).to_contain_text(" s")
        plant.push(filler__level=500.4)
        await expect(level).to_have_text("500.4")


async def test_titles_are_text_and_never_markup(plant: Any, open_page: Any) -> None:
    async with open_page("/") as page:
        machine = page.locator("svg.wide [data-machine='line2/filler']")
        await expect(machine).to_contain_text("<script>")
        await machine.click()
        row = page.locator(".signal-grid button", has_text="level")
        name = row.locator("span").first
        await expect(name).to_have_attribute("title", '<img src=x onerror="window.broken=1">')
        await row.click()
        await expect(page.locator("[data-chart-title]")).to_contain_text("level")
        await expect(page.locator("[data-chart][data-points]")).to_be_visible()
        await page.hover("[data-chart]")


async def test_every_page_opens_without_other_rooms(plant: Any, open_page: Any) -> None:
    plant.room.present = False
    try:
        async with open_page("/login", role="viewer") as page:
            for path in PAGES:
                await page.goto(plant.url + path)
                await expect(page.locator(f"nav a[aria-current][href='{path}']")).to_be_visible()
                await expect(page.locator(".g-source")).to_contain_text("signals")
                await expect(page.locator(".panel").first).to_be_visible()
    finally:
        plant.room.present = True


async def test_an_alarm_is_acknowledged_and_shelved(plant: Any, open_page: Any) -> None:
    plant.room.alarms[0].update(state="unacknowledged", shelved_until=None)
    async with open_page("/alarms", role="operator") as page:
        line = page.locator(".alarm-line")
        await expect(line).to_contain_text("Filler level deviation")
        await expect(page.locator("nav a[href='/alarms'] span")).to_have_text("1 · 2")
        await line.get_by_text("Acknowledge").click()
        await expect(line).to_contain_text("No alarm waits")
        row = page.locator("tr", has_text="Filler level deviation")
        await row.locator("summary").click()
        await row.locator("input[name=minutes]").fill("30")
        await row.locator("input[name=reason]").fill("valve is being serviced")
        await row.get_by_role("button", name="Shelve").click()
        await expect(page.locator("tr", has_text="Bring back")).to_contain_text("shelved")
    assert ("shelve", {"minutes": 30, "reason": "valve is being serviced"}) in plant.room.said


async def test_a_viewer_sees_no_actions(plant: Any, open_page: Any) -> None:
    plant.room.alarms[0].update(state="unacknowledged", shelved_until=None)
    async with open_page("/advice", role="viewer") as page:
        await expect(page.locator(".alarm-line")).to_contain_text("High")
        await expect(page.locator(".card").first).to_contain_text("Slow the filler")
        assert await page.get_by_role("button", name="Approve").count() == 0
        assert await page.get_by_text("Acknowledge").count() == 0


async def test_a_proposal_is_tried_and_approved(plant: Any, open_page: Any) -> None:
    plant.room.proposals[0].update(state="checked", waiting=True, needs="1 approval")
    async with open_page("/advice", role="operator") as page:
        card = page.locator(".card", has_text="Slow the filler")
        await card.get_by_text("Other value").click()
        await card.locator("input[name=value]").fill("30000")
        await card.get_by_text("Ask the envelope").click()
        await expect(page.get_by_role("status")).to_contain_text("above 26000")
        await card.get_by_role("button", name="Approve").click()
        await expect(page.get_by_role("status")).to_contain_text("It is approved")
        await page.keyboard.press("Escape")
        await expect(page.get_by_text("Nothing waits for a decision")).to_be_visible()
    assert any(what == "approve" for what, _ in plant.room.said)


async def test_commands_are_stopped_and_released(plant: Any, open_page: Any) -> None:
    async with open_page("/advice", role="engineer") as page:
        panel = page.locator(".panel", has_text="Kill switch")
        await panel.locator("summary").click()
        await panel.locator("input[name=reason]").fill("smell of smoke")
        await panel.get_by_role("button", name="Stop all commands").click()
        await expect(panel).to_contain_text("the whole plant are stopped: smell of smoke")
        await panel.locator("input[name=reason]").fill("it was the toaster")
        await panel.get_by_role("button", name="Release").click()
        await expect(panel).to_contain_text("Commands may be sent")


async def test_the_product_is_charted_and_a_suspect_lot_held_and_released(
    plant: Any, open_page: Any
) -> None:
    plant.served.access.set_person("Ada", "engineer", "correct horse battery")
    plant.push(filler__lot="<b>L1</b>")
    for i in range(40):
        plant.push(filler__level=500 + (i * 7 % 11) / 10)
        await asyncio.sleep(0.05)
    plant.push(filler__lot="L2")
    async with open_page("/quality?span=1h", role="engineer") as page:
        panel = page.locator("section[id='line2/filler/level']")
        await expect(panel.locator("svg.control").first).to_be_visible()
        await expect(panel).to_contain_text("standard deviation", ignore_case=True)
        await expect(page.locator("section[id='line2/filler/old']")).to_be_visible()
        lots = page.locator("#lots")
        await expect(lots.locator("tbody tr")).to_have_count(2)
        await lots.get_by_text("A suspect time").click()
        await lots.locator("input[name=asset]").fill("line2/filler")
        await lots.locator("input[name=start]").fill("-5min")
        await lots.get_by_role("button", name="Find lots").click()
        found = page.locator("#suspects")
        await expect(found).to_contain_text("<b>L1</b> was there, filler")
        await found.get_by_text("Hold back").click()
        await found.locator("input[name=reason]").fill("odd level")
        await found.get_by_role("button", name="Hold 2 lots").click()
        await expect(lots.locator(".title")).to_contain_text("2 on hold")
        await lots.get_by_role("link", name="<b>L1</b>").click()
        lot = page.locator("#lot")
        await expect(lot).to_contain_text("not cleared yet")
        await lot.get_by_text("Clear …").click()
        await lot.locator("form[data-action=clear-lot] input[name=reason]").fill("measured again")
        await lot.get_by_role("button", name="Clear", exact=True).click()
        await expect(lot).to_contain_text("cleared by engineer of a test: measured again")
        await lot.get_by_text("Release …").click()
        await lot.locator("input[name=person]").fill("Ada")
        await lot.locator("input[name=comment]").fill("measured again, all good")
        await lot.locator("input[name=password]").fill("a wrong password")
        await lot.get_by_role("button", name="Sign").click()
        await expect(page.get_by_role("status")).to_contain_text("not signed, name or password")
        await lot.locator("input[name=password]").fill("correct horse battery")
        await lot.get_by_role("button", name="Sign").click()
        await expect(lot).to_contain_text("Version 1, released for delivery, signed by Ada")


async def test_pictures_show_where_they_differ_and_are_judged(plant: Any, open_page: Any) -> None:
    def send(body: bytes, name: str) -> None:
        plant.client.request("POST", "/api/pictures/surface", params={"name": name}, content=body)

    async with open_page("/quality?span=1h", role="operator") as page:
        panel = page.locator("#pictures-surface")
        await expect(panel).to_contain_text("No picture has come yet")
        await asyncio.to_thread(send, good(100), "fine")
        await asyncio.to_thread(send, bad(1), "<img src=x onerror='window.broken=1'>")
        odd = panel.locator("article", has_text="rejected")
        await expect(odd).to_contain_text("window.broken")
        await expect(panel.locator("article")).to_have_count(2)
        loaded = "image => image.complete && image.naturalWidth > 0"
        for image in await panel.locator("img").all():
            await image.scroll_into_view_if_needed()
            async with asyncio.timeout(30):
                while not await image.evaluate(loaded):  # noqa: ASYNC110 - it has no event
                    await asyncio.sleep(0.05)
        heat = odd.locator("img.heat")
        await expect(heat).to_be_visible()
        await panel.get_by_label("Where it differs").uncheck()
        await expect(heat).to_be_hidden()
        await odd.get_by_text("Answer").click()
        await odd.get_by_label("What was it?").fill("a scratch")
        await odd.get_by_role("button", name="Right").click()
        await expect(odd).to_contain_text("Right: it was so")
        await panel.get_by_role("link", name="Rejected").click()
        await expect(panel.locator("article")).to_have_count(1)
        await panel.get_by_role("link", name="Which lots?").click()
        await expect(page.locator("#suspects")).to_be_visible()


async def test_alternatives_are_played_side_by_side(plant: Any, open_page: Any) -> None:
    async with open_page("/what-if") as page:
        await expect(page.locator("text=What limits it?")).to_be_visible()
        await page.get_by_label("Alternative 1").fill("filler.time*0.9")
        await page.get_by_role("button", name="Play it out").click()
        await expect(page.locator("text=Most comes out of: filler.time*0.9")).to_be_visible()
        await page.get_by_label("Alternative 2").fill("caps.line.most=1, filler.time*0.9")
        await page.get_by_role("button", name="Play it out").click()
        capped = page.get_by_role("row", name="caps.line.most=1")
        await expect(capped.first).to_be_visible()
        await page.get_by_label("Alternative 1").fill("fillr.time*0.9")
        await page.get_by_role("button", name="Play it out").click()
        await expect(page.locator("text=did you mean 'filler'?")).to_be_visible()


async def test_experiments_are_asked_followed_kept_and_compared(plant: Any, open_page: Any) -> None:
    async with open_page("/what-if?view=best") as page:
        await page.get_by_label("Alternative 1").fill("filler.time*0.9")
        await page.get_by_label("Alternative 2").fill("filler.time*0.95")
        await page.get_by_label("Title").fill("<b>Faster</b>")
        await page.get_by_label("Hours in each replication").fill("0.5")
        await page.get_by_role("button", name="Find the best").click()
        await expect(page.locator("h2", has_text="1 · <b>Faster</b>")).to_be_visible()
        await expect(page.get_by_text("95 % sure")).to_be_visible(timeout=240_000)
        await expect(page.get_by_text("from an empty line · is over")).to_be_visible()
        async with page.expect_download() as download:
            await page.get_by_role("link", name="File for gemel whatif").click()
        assert "filler.time*0.95" in (await (await download.value).path()).read_text()

        await page.get_by_role("link", name="Sweep over factors").click()
        await page.get_by_label("Factor 1").fill("filler.tim")
        await page.get_by_label("From, or a list").first.fill("0.8")
        await page.get_by_label("To", exact=True).first.fill("1.2")
        for name, number in (("Combinations", "20"), ("Replications of each", "1000")):
            await page.get_by_label(name).fill(number)
        await page.get_by_role("button", name="Play all of it").click()
        await expect(page.get_by_text("a station has nothing called 'tim'")).to_be_visible()
        await page.get_by_label("Factor 1").fill("filler.time")
        await page.get_by_role("button", name="Play all of it").click()
        await expect(page.get_by_text("runs ·")).to_be_visible(timeout=240_000)
        await page.get_by_role("button", name="Stop").click()
        await expect(page.get_by_text("was stopped")).to_be_visible(timeout=240_000)
        await expect(page.get_by_role("button", name="Go on")).to_be_visible()
        await page.get_by_role("button", name="Delete").click()
        await expect(page.locator("a", has_text="1 · <b>Faster</b>")).to_be_visible()
        await expect(page.locator("a", has_text="2 · ")).to_have_count(0)

        await page.get_by_role("link", name="Find the best").click()
        await page.get_by_label("Alternative 1").fill("filler.time*0.9, rinser.time*0.9")
        layout = "stations:\n  filler: {time: 1 s}\n  packer: {time: 900 ms, places: five}\n"
        for text in (layout, layout.replace("five", "5")):
            told = {"name": "hall.yaml", "mimeType": "text/yaml", "buffer": text.encode()}
            await page.get_by_label("Other layouts: files of lines").set_input_files([told])
            if text == layout:
                await page.get_by_role("button", name="Find the best").click()
                await expect(
                    page.get_by_text("hall.yaml:3: stations.packer.places")
                ).to_be_visible()
        await page.get_by_label("Hours in each replication").fill("0.5")
        await page.get_by_role("button", name="Find the best").click()
        await expect(page.locator("h2", has_text="3 · ")).to_be_visible()
        await expect(page.get_by_text("is over")).to_be_visible(timeout=240_000)
        await expect(page.get_by_role("row", name="hall")).to_be_visible()
        await page.get_by_role("link", name="Kept").click()
        for number in (1, 3):
            await page.get_by_label(f"Compare {number}").check()
        await page.get_by_role("button", name="Compare", exact=True).click()
        await expect(page.locator("h2", has_text="3 less 1")).to_be_visible()
        await expect(page.get_by_text("On the same luck")).to_be_visible()


async def test_a_line_that_does_not_exist_yet(plant: Any, open_page: Any) -> None:
    async with open_page("/what-if?view=design") as page:
        await page.get_by_role("button", name="Play it").click()
        await expect(page.get_by_text("say how many good parts per hour")).to_be_visible()
        text = "stations:\n  mill: {time: {mean: 10 s, cv: 0.2}}\n"
        told = {"name": "mill.yaml", "mimeType": "text/yaml", "buffer": text.encode()}
        await page.get_by_label("Or as in a file of a line").set_input_files([told])
        await page.get_by_label("Good parts per hour wanted").fill("360")
        await page.get_by_label("Not known for sure 1").fill("mill.time")
        await page.get_by_label("From", exact=True).first.fill("*0.9")
        await page.get_by_label("To", exact=True).first.fill("*1.1")
        for name, value in {
            "Lines between them": "60", "Weeks of ramp-up": "3",
            "First week: times, factor": "2", "Cost per hour": "36",
        }.items():  # fmt: skip
            await page.get_by_label(name).fill(value)
        await page.get_by_role("button", name="Play it").click()
        await expect(page.get_by_text("empty line · is over")).to_be_visible(timeout=240_000)
        await expect(page.get_by_text("360 good parts per hour are reached with")).to_be_visible()
        for picture in ("Probability that it makes", "Good parts per hour in each", "Cost of a"):
            await expect(page.locator(f'svg[aria-label^="{picture}"]')).to_be_visible()
        async with page.expect_download() as download:
            await page.get_by_role("link", name="File for gemel whatif").click()
        text = (await (await download.value).path()).read_text()
        assert "# As it was in mill.yaml." in text


async def test_a_finding_arrives_without_reloading(plant: Any, open_page: Any) -> None:
    async with open_page("/") as page:
        await expect(page.locator(".live")).to_be_visible()
        await expect(page.locator(".g-source")).to_be_visible()
        now = time.time_ns()
        payload = {
            "title": "Filler <b>differs</b>", "detector": "pca", "score": 12.0, "limit": 5.0,
            "contributions": [{"signal": "line2/filler/level", "share": 0.8}], "since": now,
        }  # fmt: skip
        plant.emit(Event("finding", "line2/filler", now, "pca", now, payload=payload))
        card = page.locator(".card", has_text="Filler <b>differs</b>")
        await expect(card).to_contain_text("80 %")


async def test_trends_compare_and_download(plant: Any, open_page: Any) -> None:
    plant.push(filler__level=500.9)
    async with open_page("/trends") as page:
        rows = page.locator("[data-choose]")
        # A list that is about to be replaced cannot be clicked.
        await expect(rows.filter(has_text="line2/rinser/speed")).to_have_count(1)
        await page.fill("[data-search]", "level")
        await expect(rows.filter(has_text="line2/rinser/speed")).to_have_count(0)
        await rows.filter(has_text="line2/filler/level").click()
        await page.fill("[data-search]", "*/rinser/s*")
        await expect(rows.filter(has_text="line2/filler/level")).to_have_count(0)
        await rows.filter(has_text="line2/rinser/speed").click()
        await expect(page.locator(".chip")).to_have_count(2)
        await expect(page.locator("[data-trend-chart][data-points]")).to_be_visible()
        await page.click("text=10 min")
        assert "signal=line2%2Ffiller%2Flevel" in page.url
        async with page.expect_download() as started:
            await page.click("text=Download CSV")
        text = (await (await started.value).path()).read_text()
    assert text.startswith("signal,time,value")
    assert "line2/filler/level" in text


async def test_the_plant_file_is_checked_before_it_is_saved(plant: Any, open_page: Any) -> None:
    async with open_page("/plant-file", role="engineer") as page:
        await page.click(".cm-content")
        await page.keyboard.press("Control+End")
        await page.keyboard.type("colour: red")
        await page.click("text=Dry run")
        await expect(page.locator("[data-part=problems]")).to_contain_text("plant.yaml:4")
        await expect(page.locator("[data-part=difference]")).to_contain_text("colour: red")
        await page.click("text=Discard changes")
        await expect(page.locator(".cm-content")).not_to_contain_text("colour")


async def test_dark_and_light(plant: Any, open_page: Any) -> None:
    async with open_page("/", color_scheme="dark") as page:
        await expect(page.locator(".g-frame")).to_be_visible()
        ground = "getComputedStyle(document.body).backgroundColor"
        assert await page.evaluate(ground) == "rgb(27, 31, 35)"
        await page.click("[data-theme-switch]")
        assert await page.evaluate(ground) == "rgb(236, 238, 240)"
        await page.reload()
        await expect(page.locator(".g-frame")).to_be_visible()
        assert await page.evaluate(ground) == "rgb(236, 238, 240)"


async def test_a_phone_shows_one_column(plant: Any, open_page: Any) -> None:
    async with open_page("/login", viewport=PHONE) as page:
        for path in ("/", "/trends", "/alarms", "/advice"):
            await page.goto(plant.url + path)
            await expect(page.locator(".panel").first).to_be_visible()
            wide = await page.evaluate("document.documentElement.scrollWidth")
            assert wide <= PHONE["width"], path


async def test_a_lost_connection_is_said(plant: Any, open_page: Any) -> None:
    open_sockets: list[Any] = []
    cut = False

    async def between(socket: Any) -> None:
        if cut:
            await socket.close()
            return
        socket.connect_to_server()
        open_sockets.append(socket)

    async with open_page("/login") as page:
        await page.route_web_socket("**/api/live", between)
        await page.goto(plant.url)
        speed = page.locator("svg.wide [data-signal='line2/rinser/speed']").first
        await expect(speed).not_to_have_text("—")
        cut = True
        await open_sockets[-1].close()
        await expect(page.locator(".g-lost")).to_contain_text("No connection to Gemel since")
        await expect(speed).to_have_class("old")
        cut = False
        await expect(page.locator(".g-lost")).to_be_hidden()
        await expect(speed).not_to_have_class("old")
