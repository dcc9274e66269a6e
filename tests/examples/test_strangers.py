"""Parts that a stranger wrote: one file each, found by their entry point, passing the suites.

The entry points are the ones of the examples' own pyproject.toml, in a ``.dist-info`` folder as an
installation would leave it; nothing of Gemel is patched.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from gemel.core.errors import ConfigurationError
from gemel.core.quality import reason
from gemel.parts.connectors import CONNECTORS
from gemel.parts.detectors import DETECTORS
from gemel.runtime.configuration import check, load
from gemel.runtime.daemon import Daemon

EXAMPLES = Path(__file__).parents[2] / "examples"
CONNECTOR = EXAMPLES / "connector_stranger"
DETECTOR = EXAMPLES / "detector_stranger"


def install(package: Path, site: Path, **renamed: str) -> None:
    """What an installer leaves: a link to the code, and the metadata with the entry points."""
    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    folder = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    lines = []
    for group, entries in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{renamed.get(n, n)} = {v}" for n, v in entries.items())]
    (folder / "entry_points.txt").write_text("\n".join(lines) + "\n")
    (site / "code.pth").write_text(f"{package}\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    monkeypatch.syspath_prepend(CONNECTOR)
    monkeypatch.syspath_prepend(DETECTOR)
    return folder


def test_a_connector_is_found_by_its_name(site: Path) -> None:
    install(CONNECTOR, site)
    assert "weather_station" in CONNECTORS.names()
    assert "weather_station" not in CONNECTORS.files()
    plan = load(CONNECTOR / "plant.yaml")
    connector = plan.connectors["roof"]
    assert type(connector).__name__ == "WeatherStation"
    assert CONNECTORS.name_of(connector) == "weather_station"
    assert [a for a in check(CONNECTOR / "plant.yaml") if a.severity == "error"] == []


def test_a_detector_is_found_by_its_name(site: Path) -> None:
    install(DETECTOR, site)
    plan = load(DETECTOR / "plant.yaml")
    settings, detector = plan.watches["filler_levels"]
    assert type(detector).__name__ == "MovingRange"
    assert detector.model_dump()["step_weight"] == 0.5
    assert settings.asset == "filler"
    assert DETECTORS.name_of(detector) == "moving_range"
    assert check(DETECTOR / "plant.yaml") == []


def test_without_the_package_the_name_is_not_known() -> None:
    (first, *_) = check(CONNECTOR / "plant.yaml")
    assert first.where == "plant.yaml:4"
    assert "no connector named 'weather_station'" in first.sentence


def test_wrong_settings_of_a_foreign_part_are_told_at_their_line(
    site: Path, tmp_path: Path
) -> None:
    install(CONNECTOR, site)
    text = (CONNECTOR / "plant.yaml").read_text().replace("port: 7010", "port: 70100")
    (tmp_path / "plant.yaml").write_text(text)
    (only,) = check(tmp_path / "plant.yaml")
    assert only.where == "plant.yaml:7"
    assert only.sentence.endswith("port: is 70100, must be at most 65535")


def test_a_package_may_not_take_the_name_of_a_file(site: Path) -> None:
    install(CONNECTOR, site, weather_station="http")
    with pytest.raises(ConfigurationError, match="is part of Gemel and also brought by"):
        CONNECTORS.load("http")


async def test_the_daemon_reconnects_and_shows_the_gap(site: Path, tmp_path: Path) -> None:
    from test_weather_station import Station

    install(CONNECTOR, site)
    station = Station()
    await station.start()
    text = (CONNECTOR / "plant.yaml").read_text().replace("port: 7010", f"port: {station.port}")
    (tmp_path / "plant.yaml").write_text(text)
    daemon = Daemon(load(tmp_path / "plant.yaml"), tmp_path / "data")
    async with asyncio.timeout(60), daemon.run():
        link = daemon.links["roof"]
        await station.produce(10)
        await until(lambda: daemon.pipeline.history.accepted == 10)
        await station.kill()
        await until(lambda: link.state == "starting")
        assert "lost" in link.reason or "closed" in link.reason or "reset" in link.reason
        shown = reason(int(daemon.mirror.snapshot(daemon.clock()).quality[0]))
        assert shown == "uncertain: no communication, last usable value"
        await station.start()
        await until(lambda: link.state == "active")
        await station.produce(6)
        await until(lambda: daemon.pipeline.history.accepted == 16)
        await until(lambda: daemon.store.events("gap", "roof") != [])
        (gap,) = daemon.store.events("gap", "roof")
        assert gap.payload["reason"] == "connection lost"
        assert not gap.payload["refilled"]
        await station.kill()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something to become true; the test's own limit ends it."""
    while not condition():  # noqa: ASYNC110 - nothing tells when it is so
        await asyncio.sleep(0.02)


@pytest.mark.conformance
@pytest.mark.parametrize("package", [CONNECTOR, DETECTOR], ids=lambda p: p.name)
def test_passes_the_suites_as_a_stranger_runs_them(package: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    install(package, site)
    path = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--color=no",
            str(package),
        ],
        cwd=package,
        env={**os.environ, "PYTHONPATH": path.rstrip(os.pathsep), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert "passed" in done.stdout
