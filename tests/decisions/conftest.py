"""The small plant of `commanded.py`, for every test here."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from commanded import World
from forks import Forks

MakeWorld = Callable[..., Awaitable[World]]


@pytest.fixture
async def make_world(tmp_path: Path) -> AsyncIterator[MakeWorld]:
    """Makes the plant with other limits; the same journal each time, as after a restart."""
    made: list[World] = []

    async def make(**envelope: object) -> World:
        world = World(tmp_path, **envelope)
        await world.decisions.restore()
        made.append(world)
        return world

    yield make
    for world in made:
        await world.close()


@pytest.fixture
async def world(make_world: MakeWorld) -> World:
    return await make_world()


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    """Processes that can be killed."""
    made = Forks()
    yield made
    made.close()
