"""A daemon with its doors open, and who knocks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from tests.runtime.doors import PLANT

from gemel.client import Client
from gemel.doors.serving import Served, served
from gemel.runtime.configuration import load


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Served]:
    plant = tmp_path / "plant.yaml"
    plant.write_text(PLANT)
    async with served(load(plant), tmp_path / "data") as answer:
        yield answer


@pytest.fixture
async def client(running: Served, tmp_path: Path) -> Client:
    found = await asyncio.to_thread(Client.of, tmp_path / "data")
    assert found is not None
    return found


@pytest.fixture
async def http(running: Served) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=running.url, trust_env=False) as client:
        yield client
