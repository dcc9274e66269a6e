"""Pictures in the running twin: from a camera's folder and by the API, to a finding on its lot."""

from __future__ import annotations

import asyncio
import io
import json
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from tests.runtime.camera import bad, good, plant, png, set_up, trained
from tests.runtime.doors import bearer
from tests.runtime.picture_twin import Running, Twin, all_told, patiently, stored, troubled, write
from typer.testing import CliRunner

from gemel.core.errors import DataError, Unavailable, Unknown
from gemel.core.time import DAY, SECOND, isoformat
from gemel.doors.cli.main import app
from gemel.runtime.reloading import read_again
from gemel.testing.inspectors import plate


@pytest.fixture
async def twin(tmp_path: Path) -> AsyncIterator[Twin]:
    (tmp_path / "camera").mkdir()
    set_up(tmp_path, folder="camera", every="100 ms", settle="1 s", backlog=20)
    async with Running(tmp_path) as found:
        yield found


async def test_a_picture_is_looked_at_told_and_leads_to_its_lot(twin: Twin, tmp_path: Path) -> None:
    begin = twin.daemon.clock() - 3_600 * SECOND
    rows = [{"signal": "line/press/lot", "time": begin + t * SECOND, "value": value}
            for t, value in ((0, "P1"), (100, "P2"), (200, ""))]  # fmt: skip
    body = "\n".join(json.dumps(row) for row in rows).encode()
    await asyncio.to_thread(twin.client.push, "push", body, "application/x-ndjson")
    pictures = [good(100), bad(1), bad(2), good(101)]
    for i, picture in enumerate(pictures):
        at = isoformat(begin + (90 + 10 * i) * SECOND)
        answer = await twin.send(picture, name=f"part {i}", time=at)
        assert not answer["repeated"]
        again = await twin.send(picture, name=f"part {i}", time=at)
        assert again["repeated"]
        assert again["id"] == answer["id"]
    found = await twin.until(["good", "rejected", "rejected", "good"])
    assert [one["name"] for one in found] == [f"part {i}" for i in range(4)]
    for one in found:
        assert (one["score"] > one["limit"]) == (one["state"] == "rejected") == (one["over"] > 1)
        assert one["over"] == pytest.approx(one["score"] / one["limit"])
        assert one["note"] == ""  # of the size that was learned from
        assert one["has"] == ["original", "view", "heat"]
    # Both rejected ones are one finding, from the first to the last, ended by the good one.
    finding = await twin.ended()
    assert found[1]["finding"] == found[2]["finding"] == finding["cause"]
    assert finding["subject"] == "line/press"
    assert finding["time"] == isoformat(begin + 100 * SECOND)
    assert finding["end"] == isoformat(begin + 110 * SECOND)
    worst = max(found, key=lambda one: one["over"])
    payload = finding["payload"]
    assert payload["detector"] == "surface"
    assert payload["score"] == worst["score"]
    assert payload["picture"] == worst["hash"]
    assert payload["because"].startswith("2 pictures one after the other were rejected; 'part ")
    assert " across, " in payload["because"]
    assert await twin.get("/surface", finding=found[1]["finding"]) == [found[2], found[1]]
    # Which lots? The one that was there while it lasted.
    lots = await asyncio.to_thread(
        twin.client.get, "/api/lots/suspects", {"finding": finding["id"]}
    )  # fmt: skip
    assert [item["lot"] for item in lots["items"]] == ["P2"]
    # Answered by people as other findings are, and counted.
    await asyncio.to_thread(
        twin.client.post, f"/api/findings/{finding['id']}/answer", {"answer": "right"}
    )

    async def answered() -> Any:
        labels = await asyncio.to_thread(twin.client.get, "/api/labels")
        return labels if labels["items"] else None

    labels = await patiently(answered)
    assert labels["items"][0]["detector"] == "surface"
    (observed,) = labels["observed"]
    assert (observed["detector"], observed["findings"], observed["right"]) == ("surface", 1, 1)
    # The score is a signal, with the times of the pictures.
    await patiently(lambda: stored(twin, 4))
    table = await asyncio.to_thread(twin.client.ask, ["line/press/surface"])
    assert table.column("value").to_pylist() == [one["over"] for one in found]
    assert [isoformat(t) for t in table.column("time").to_pylist()] == [
        one["time"] for one in found
    ]
    events = twin.daemon.store.events("picture", "line/press", order="oldest")
    assert [e.payload["picture"] for e in events] == [one["hash"] for one in found]
    (report,) = await twin.get()
    assert (report["good"], report["rejected"], report["repeated"]) == (2, 2, 4)
    assert (report["waiting"], report["kept"], report["problem"]) == (0, 4, "")


async def test_contents_are_served_to_whoever_may_see_them(twin: Twin) -> None:
    sent = bad(3)
    number = (await twin.send(sent))["id"]
    (one,) = await twin.until(["rejected"])
    url, access = twin.running.url, twin.running.access
    viewer = access.token("eye", "viewer")
    async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
        place = f"/api/pictures/surface/{number}"
        for what in ("", "/original", "/view", "/heat"):
            assert (await http.get(place + what)).status_code == 401
        refused = await http.post("/api/pictures/surface", content=sent, headers=bearer(viewer))
        assert refused.status_code == 403
        answer = await http.get(f"{place}/original", headers=bearer(viewer))
        assert answer.content == sent
        assert answer.headers["content-type"] == "image/png"
        assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["etag"] == f'"{one["hash"]}"'
        known = bearer(viewer) | {"If-None-Match": answer.headers["etag"]}
        assert (await http.get(f"{place}/original", headers=known)).status_code == 304
        view = await http.get(f"{place}/view", headers=bearer(viewer))
        assert view.headers["content-type"] == "image/jpeg"
        with Image.open(io.BytesIO(view.content)) as shown:
            assert shown.size == (112, 96)
            assert shown.mode == "L"
        heat = await http.get(f"{place}/heat", headers=bearer(viewer))
        with Image.open(io.BytesIO(heat.content)) as shown:
            alpha = np.asarray(shown)[:, :, 3]
        assert alpha.max() > 100
        assert np.median(alpha) == 0
        strange = await http.get("/api/pictures/surfaces", headers=bearer(viewer))
        assert strange.status_code == 404
        assert "did you mean 'surface'" in strange.json()["message"]
        for before in (0, 10**20):
            far = await http.get(
                "/api/pictures/surface", params={"before": before}, headers=bearer(viewer)
            )
            assert far.status_code == 400
        missing = await http.get("/api/pictures/surface/99", headers=bearer(viewer))
        assert missing.status_code == 404
        assert "no picture 99" in missing.json()["message"]
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    head = (
        f"POST /api/pictures/surface HTTP/1.1\r\nHost: gemel\r\nContent-Length: 99999999\r\n"
        f"Authorization: Bearer {twin.daemon.token}\r\n\r\n"
    )
    writer.write(head.encode())
    assert b" 413 " in await reader.readline()
    writer.close()


async def test_what_is_no_picture_is_refused_in_words_and_the_twin_goes_on(twin: Twin) -> None:
    bomb = bytearray(png(plate(0)))
    bomb[16:24] = (60_000).to_bytes(4) * 2  # claims to be huge
    bomb[29:33] = zlib.crc32(bomb[12:29]).to_bytes(4)
    for body, said in (
        (b"", "is empty"),
        (b"<svg onload=alert(1)>", "not an image that can be read; PNG, JPEG"),
        (good(0)[:2_000], "not an image that can be read"),
        (bytes(bomb), "claims far more pixels than the 50,000,000"),
        (png(np.zeros((8, 8))), "at least 32 x 32"),
    ):
        with pytest.raises(DataError, match=said):
            await twin.send(body, name="odd")
    future = isoformat(twin.daemon.clock() + DAY)
    with pytest.raises(DataError, match="future"):
        await twin.send(good(0), time=future)
    # What can be read, and is not what the model knows, is told with its reason.
    random = np.random.default_rng(0)
    await twin.send(png(np.zeros((96, 112))), name="covered")
    await twin.send(png(random.random((96, 112))), name="noise")
    await twin.send(png(plate(1)[:64, :64]), name="small")
    await twin.send(png(plate(150), "BMP"), name="fine")
    covered, noise, small, fine = await twin.until(["failed", "rejected", "failed", "good"])
    assert "grey all over (0% of white)" in covered["note"]
    assert noise["over"] > 3
    assert "64 x 64 pixels; the template has 112 x 96" in small["note"]
    assert fine["media"] == "image/bmp"
    assert covered["has"] == ["original", "view"]
    (report,) = await twin.get()
    assert (report["refused"], report["failed"]) == (6, 2)
    # A picture that failed is a bad sample: who looks at the signal knows that nothing is known.
    await patiently(lambda: stored(twin, 4))
    table = await asyncio.to_thread(twin.client.ask, ["line/press/surface"])
    assert [q < 0 for q in table.column("quality").to_pylist()] == [True, False, True, False]


async def test_a_folder_is_followed_over_restarts(tmp_path: Path) -> None:
    camera = tmp_path / "camera"
    (camera / "shift 1").mkdir(parents=True)
    set_up(tmp_path, folder="camera", every="100 ms", settle="1 s")
    write(camera / "shift 1" / "0.png", good(200), age=50)
    async with Running(tmp_path) as twin:
        await twin.until(["good"])
        # Half of a picture is not taken; when it is whole, it is.
        (camera / "1.png").write_bytes(bad(4)[:3_000])
        (camera / "notes.txt").write_text("no picture")
        await asyncio.sleep(0.4)
        assert len(await twin.get("/surface")) == 1
        (camera / "1.png").write_bytes(bad(4))
        first, second = await twin.until(["good", "rejected"])
        assert first["name"] == "shift 1/0.png"
        assert first["time"] == isoformat((camera / "shift 1" / "0.png").stat().st_mtime_ns)
        assert first["received"] > first["time"]
        # A file that stays broken is told after a while, once; the problem stands in the status.
        (camera / "2.png").write_bytes(b"never a picture")
        *_, broken = await twin.until(["good", "rejected", "failed"])
        assert "not an image" in broken["note"]
        assert any("2.png, failed" in p for p in twin.daemon.status()["problems"])
        await patiently(lambda: all_told(twin))
    (opened,) = [e for e in twin.daemon.recent if e.kind == "finding"]
    assert opened.lasts
    write(camera / "3.png", bad(5), age=0)
    async with Running(tmp_path) as twin:
        # Nothing is looked at twice; the finding that was open goes on.
        *_, third = await twin.until(["good", "rejected", "failed", "rejected"])
        assert third["finding"] == second["finding"] == opened.id
        # Written over, it is another picture; gone from the folder, it is kept.
        write(camera / "3.png", good(201), age=0)
        (camera / "1.png").unlink()
        await twin.until(["good", "rejected", "failed", "rejected", "good"])
        finding = await twin.ended()
        assert finding["cause"] == opened.id
        assert finding["end"] == third["time"]
        assert sorted(p.name for p in camera.rglob("*.png")) == ["0.png", "2.png", "3.png"]
        (camera / "shift 1" / "0.png").unlink()
        (camera / "shift 1").rmdir()
        for path in camera.iterdir():
            path.unlink()
        camera.rmdir()
        await patiently(lambda: troubled(twin, "camera cannot be read: No such file"))
        camera.mkdir()
        write(camera / "4.png", good(202), age=0)
        await twin.until(["good", "rejected", "failed", "rejected", "good", "good"])


async def test_a_backlog_is_bounded_counted_and_worked_off(
    twin: Twin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = twin.daemon.pictures.task("surface")
    release = asyncio.Event()
    look = work._judge

    def slow(picture: Any) -> Any:
        asyncio.run_coroutine_threadsafe(release.wait(), loop).result()
        return look(picture)

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(work, "_judge", slow)
    for number in range(60):
        write(tmp_path / "camera" / f"{number:02d}.png", good(number % 7), age=100 - number)

    async def full() -> bool:
        (report,) = await twin.get()
        return report["waiting"] >= 20 and report["left_in_folder"] == 40

    await patiently(full)
    with pytest.raises(Unavailable, match="20 pictures of task 'surface' wait already"):
        await twin.send(good(300))
    (report,) = await twin.get()
    assert (report["waiting"], report["backlog"], report["refused"]) == (20, 20, 1)
    release.set()

    async def idle() -> bool:
        (report,) = await twin.get()
        return report["good"] == 60 and not report["waiting"] and not report["left_in_folder"]

    await patiently(idle)
    found = (await twin.get("/surface"))[::-1]
    assert len(found) == 50  # as many as one page lists
    rest = await twin.get("/surface", before=found[0]["id"])
    names = [one["name"] for one in [*rest[::-1], *found]]
    assert names == [f"{number:02d}.png" for number in range(60)]  # by the time they were taken


async def test_another_plan_changes_only_what_is_other(twin: Twin, tmp_path: Path) -> None:
    await twin.send(bad(6))
    await twin.until(["rejected"])
    work = twin.daemon.pictures.task("surface")
    path = tmp_path / "plant.yaml"
    more = {"folder": "camera", "every": "100 ms", "settle": "1 s", "backlog": 20}
    path.write_text(plant(**more) + "alarms: {}\n")
    change = await read_again(twin.daemon, "eva")
    assert change.kept["pictures"] == 1
    await asyncio.sleep(1)
    assert twin.daemon.pictures.task("surface") is work
    # The same file, with another model in it.
    model = json.loads(trained().split("\n")[1])
    assert model["task"]["model"]["kind"] == "template"
    (tmp_path / "plates.model").write_text(trained("patches"))
    change = await read_again(twin.daemon, "eva")
    assert change.changed["pictures"] == ("surface",)

    async def other() -> bool:
        return twin.daemon.pictures.tasks.get("surface") not in (None, work)

    await patiently(other)

    await twin.ended()  # what the former model said has ended with it
    await twin.send(png(plate(7)[:64, :80]), name="small")
    _, small = await twin.until(["rejected", "good"])
    assert small["note"] == "is 80 x 64 pixels; the model learned from 112 x 96"
    path.write_text(plant().partition("tasks:")[0])
    await read_again(twin.daemon, "eva")

    async def ended() -> bool:
        return not twin.daemon.pictures.tasks

    await patiently(ended)
    with pytest.raises(Unknown, match="no task 'surface' that looks at pictures"):
        await twin.get("/surface")


async def test_old_pictures_are_removed_and_what_is_shared_stays(tmp_path: Path) -> None:
    set_up(tmp_path, keep_bytes=60_000)
    async with Running(tmp_path) as twin:
        for number in range(8):
            await twin.send(good(400 + number))
        await twin.send(good(407), time=isoformat(twin.daemon.clock() - SECOND))
        found = await twin.until(["good"] * 9)
        assert found[7]["hash"] == found[8]["hash"]
        await patiently(lambda: all_told(twin))
        await asyncio.to_thread(twin.daemon.pictures._keep_house)
        left = (await twin.get("/surface"))[::-1]
        assert 0 < len(left) < 8
        assert left[-1] == found[-1]
        assert sum(one["bytes"] for one in left) <= 60_000
        tools = twin.daemon.pictures._tools
        assert tools is not None
        kept = {path.name for path in (tmp_path / "data" / "pictures").glob("??/*")}
        assert kept == tools.ledger.hashes()
        assert kept >= {one["hash"] for one in left}
        with pytest.raises(Unknown, match="too old to be kept"):
            await twin.get(f"/surface/{found[0]['id']}")


async def test_the_command_line_does_the_same(twin: Twin, tmp_path: Path) -> None:
    def run(*words: str) -> str:
        words = (*words, "--data", str(tmp_path / "data"))
        result = CliRunner().invoke(app, words, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    file = tmp_path / "part.png"
    file.write_bytes(bad(8))
    assert "picture 1" in await asyncio.to_thread(run, "pictures", "send", "surface", str(file))
    again = await asyncio.to_thread(run, "pictures", "send", "surface", str(file))
    assert "known already" in again
    await twin.until(["rejected"])
    shown = await asyncio.to_thread(run, "pictures", "show", "surface", "1")
    assert "rejected, score" in shown
    assert "part.png" in shown
    listed = await asyncio.to_thread(run, "pictures", "list", "surface", "--rejected", "--json")
    assert [one["id"] for one in json.loads(listed)] == [1]
    assert "part.png" in await asyncio.to_thread(run, "pictures", "list", "surface")
    tasks = await asyncio.to_thread(run, "pictures", "list", "--json")
    assert json.loads(tasks)[0]["rejected"] == 1
    heat = tmp_path / "heat.png"
    await asyncio.to_thread(
        run, "pictures", "get", "surface", "1", "--what", "heat", "-o", str(heat)
    )
    with Image.open(heat) as map_:
        assert map_.mode == "RGBA"
