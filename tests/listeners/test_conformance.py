"""Every listener of the folder passes the suite; a new file is tested the moment it exists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from gemel.parts.listeners import LISTENERS, Listener
from gemel.testing.listeners import ListenerSuite

EXAMPLES: Mapping[str, list[dict[str, Any]]] = {
    "gaussian": [{}, {"bands": 24, "scale": "htk", "frame": "100 ms", "false_alarms": 0.1}],
    "nearest": [{}, {"neighbours": 1, "high": 4000}],
}


def _examples() -> list[Any]:
    return [
        pytest.param((name, number), id=f"{name}-{number}")
        for name in LISTENERS.files()
        for number in range(len(EXAMPLES.get(name, [None])))
    ]


@pytest.mark.conformance
class TestEveryListener(ListenerSuite):
    @pytest.fixture(params=_examples())
    def listener(self, request: pytest.FixtureRequest) -> Listener:
        name, number = request.param
        if name not in EXAMPLES:
            pytest.fail(f"listener '{name}' has no example settings in {__file__}")
        return LISTENERS.build({"kind": name, **EXAMPLES[name][number]})
