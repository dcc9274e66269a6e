"""Pictures in the running twin when something goes wrong around them."""

from __future__ import annotations

from pathlib import Path

from tests.runtime.camera import good, set_up
from tests.runtime.picture_twin import Running, patiently, write


async def test_a_share_that_is_away_for_a_while_brings_no_picture_twice(tmp_path: Path) -> None:
    camera = tmp_path / "camera"
    camera.mkdir()
    set_up(tmp_path, folder="camera", every="100 ms", settle="1 s")
    for number in range(3):
        write(camera / f"{number}.png", good(number), age=50 - number)
    async with Running(tmp_path) as twin:
        found = await twin.until(["good"] * 3)
        tools = twin.daemon.pictures._tools
        assert tools is not None

        async def files(count: int) -> bool:
            return len(tools.ledger.files("surface")) == count

        # Its mount point is an empty folder meanwhile.
        camera.rename(tmp_path / "share")
        camera.mkdir()
        await patiently(lambda: files(0))
        camera.rmdir()
        (tmp_path / "share").rename(camera)
        await patiently(lambda: files(3))
        write(camera / "3.png", good(3), age=0)
        assert (await twin.until(["good"] * 4))[:3] == found
        (report,) = await twin.get()
        assert (report["received"], report["good"], report["problem"]) == (4, 4, "")
