"""Every reasoner of the folder passes the suite; a new file is tested the moment it exists."""

from collections.abc import Mapping
from typing import Any

import pytest

from gemel.parts.reasoners import REASONERS, Reasoner
from gemel.testing.reasoners import ReasonerSuite

EXAMPLES: Mapping[str, list[dict[str, Any]]] = {
    "rules": [
        {
            "when": "speed > 24000 for 5 s and state == 'Execute'",
            "hold_off": "20 s",
            "propose": {
                "command": "line2/filler/speed_setpoint",
                "change_percent": -4.0,
                "title": "Slow the filler down by 4 %",
                "effects": [{"text": "jams per hour", "from": 3.0, "to": 1.0, "low": 0.0}],
            },
        },
        {
            "when": "rising(jam)",
            "propose": {
                "command": "line2/filler/speed_setpoint",
                "value": "round(avg(speed, 60 s) * 0.95)",
                "reason": "a jam follows when it goes on like this",
            },
            "finding": {"title": "The filler jams", "severity": "medium"},
        },
        {"when": "product == 'water'", "finding": {"title": "Water"}, "hold_off": "1 h"},
        {
            "when": "level > highest(level, 30 s) - 1",
            "hold_off": "3 s",
            "propose": {"command": "line2/filler/mode", "label": "Manual"},
        },
    ],
}


def _examples() -> list[Any]:
    return [
        pytest.param((name, number), id=f"{name}-{number}")
        for name in REASONERS.files()
        for number in range(len(EXAMPLES.get(name, [None])))
    ]


@pytest.mark.conformance
class TestEveryReasoner(ReasonerSuite):
    @pytest.fixture(params=_examples())
    def reasoner(self, request: pytest.FixtureRequest) -> Reasoner:
        name, number = request.param
        if name not in EXAMPLES:
            pytest.fail(f"reasoner '{name}' has no example settings in {__file__}")
        return REASONERS.build({"kind": name, **EXAMPLES[name][number]})
