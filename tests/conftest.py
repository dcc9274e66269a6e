"""The order of the tests: those that wait for most of their time begin first.

`make test` runs files side by side. What waits (the story in the browser, peers that restart) then
leaves the cores to what computes, and nothing long is left for the end. The foreign peers sample by
their own clocks: they come when the story has been set up and leaves them a core.
"""

from __future__ import annotations

import pytest
from hypothesis import settings

settings.register_profile("gemel", deadline=None)  # a busy machine is no mistake
settings.load_profile("gemel")

WAITING = (
    "tests/browser/test_story.py",
    "tests/browser/test_learning.py",
    "tests/faults/test_killing.py",
    "tests/foreign/",
    "tests/faults/",
    "tests/examples/",
    "tests/virtual/test_server.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    return next((i for i, path in enumerate(WAITING) if item.nodeid.startswith(path)), len(WAITING))
