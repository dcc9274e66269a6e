from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from world import World

MakeWorld = Callable[..., Awaitable[World]]


@pytest.fixture
async def make_world(tmp_path: Path) -> AsyncIterator[MakeWorld]:
    made: list[World] = []

    async def make(**envelope: Any) -> World:
        world = World(tmp_path, **envelope)
        await world.decisions.restore()
        made.append(world)
        return world

    yield make
    for world in made:
        await world.close()
