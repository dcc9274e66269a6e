"""Every diagnoser of the folder passes the suite; a new file is tested the moment it exists."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from gemel.core.signal.machine import BEARINGS
from gemel.parts.detectors.base import Window
from gemel.parts.diagnosers import DIAGNOSERS, Diagnoser
from gemel.parts.diagnosers.base import Case, Example
from gemel.testing.diagnosers import CAUSES, DiagnoserSuite, press_case, press_examples

SAME = {cause: cause for cause in CAUSES}
SIGNAL = {"oil too hot": "oil", "pump worn": "pressure", "belt slips": "speed"}
RATE = 12_000.0
ORDERS = {
    "outer race": BEARINGS["6205"].bpfo, "inner race": BEARINGS["6205"].bpfi,
    "ball": 2 * BEARINGS["6205"].bsf,
}  # fmt: skip


def ringing(order: float | None, seed: int = 0, speed: float = 29.5, rate: float = RATE) -> Case:
    """Two seconds of noise, and impacts at an order of the shaft that ring at 3 kHz; they slip a
    little, as rolling elements do."""
    random = np.random.default_rng(seed)
    n = int(2 * rate)
    value = random.normal(0, 1, n)
    if order is not None:
        gap = rate / (order * speed)
        at = np.cumsum(gap * random.normal(1, 0.005, int(n / gap)))
        time = np.arange(200) / rate
        ring = 6 * np.exp(-800 * time) * np.sin(2 * np.pi * 3000 * time)
        for place in at[at < n - 200].astype(int):
            value[place : place + 200] += ring
    time = np.rint(np.arange(n) * 1e9 / rate).astype(np.int64)
    return Case(Window(time, value[:, None], ("acceleration",)), about={"speed": speed})


def normal_records() -> list[Example]:
    return [Example(ringing(None, 50 + i), "normal") for i in range(2)]


EXAMPLES: Mapping[str, list[tuple[dict[str, Any], Mapping[str, str]]]] = {
    "learned_classes": [({}, SAME), ({"shrinkage": 0.6, "folds": 4, "seed": 3}, SAME)],
    "nearest_case": [({}, SAME), ({"nearest": 1, "weights": {"oil": 2.0}}, SAME)],
    "contribution": [({}, SIGNAL), ({"smooth": 20, "hold": 5, "rate": 0.01}, SIGNAL)],
    "root_cause": [
        (
            {"target": "thickness", "order": [["oil"], ["pressure", "speed"]], "draws": 50},
            SIGNAL,
        ),
    ],
    "bearing": [
        ({"bearing": "6205"}, {name: name for name in ORDERS}),
        (
            {"bearing": {"balls": 9, "ball": 0.3126, "pitch": 1.537}, "harmonics": 3, "turns": 40},
            {name: name for name in ORDERS},
        ),
    ],
}


def _examples() -> list[Any]:
    return [
        pytest.param((name, number), id=f"{name}-{number}")
        for name in DIAGNOSERS.files()
        for number in range(len(EXAMPLES.get(name, [None])))  # type: ignore[list-item]  # of those without settings
    ]


@pytest.mark.conformance
class TestEveryDiagnoser(DiagnoserSuite):
    @pytest.fixture(params=_examples())
    def chosen(self, request: pytest.FixtureRequest) -> tuple[str, int]:
        name, number = request.param
        if name not in EXAMPLES:
            pytest.fail(f"diagnoser '{name}' has no example settings in {__file__}")
        return name, number

    @pytest.fixture
    def diagnoser(self, chosen: tuple[str, int]) -> Diagnoser:
        name, number = chosen
        return DIAGNOSERS.build({"kind": name, **EXAMPLES[name][number][0]})

    @pytest.fixture
    def expected(self, chosen: tuple[str, int]) -> Mapping[str, str]:
        name, number = chosen
        return EXAMPLES[name][number][1]

    @pytest.fixture
    def examples(self, chosen: tuple[str, int]) -> Sequence[Example]:
        return normal_records() if chosen[0] == "bearing" else press_examples()

    @pytest.fixture
    def cases(self, chosen: tuple[str, int], expected: Mapping[str, str]) -> Mapping[str, Case]:
        if chosen[0] == "bearing":
            return {name: ringing(order, 7) for name, order in ORDERS.items()}
        return {cause: press_case(cause, 100) for cause in expected}
