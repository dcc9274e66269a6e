"""A rule speaks when it should, not more often, and says why."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gemel.core.catalogue import Catalogue
from gemel.core.errors import ConfigurationError
from gemel.core.expression import Column, Number
from gemel.core.frame import Frame
from gemel.core.plant import PlantSignal, Signal
from gemel.parts.reasoners import REASONERS, Reasoner
from gemel.parts.reasoners.base import Finding, Proposal, Said
from gemel.twin.decisions import Adviser
from gemel.twin.mirror import Mirror

S = 1_000_000_000
SLOW_DOWN = {"command": "line2/filler/speed_setpoint", "change_percent": -4.0}


def _rule(**settings: Any) -> Reasoner:
    return REASONERS.build({"kind": "rules", **settings})


def _say(rule: Reasoner, *values: float) -> list[Said]:
    column = Column(np.array(values), np.zeros(len(values), np.int16))
    time = np.arange(len(values), dtype=np.int64) * S
    running = rule.start("watchful", {"x": Number("mm")})
    return list(running(time, {"x": column}))


def test_speaks_when_it_becomes_true_and_again_after_hold_off() -> None:
    rule = _rule(when="x > 5", hold_off="3 s", finding={"title": "high"})
    said = _say(rule, 1, 6, 7, 1, 6, 6, 6, 6, 1, 1)
    assert [f.time // S for f in said if isinstance(f, Finding)] == [1, 4, 7]
    assert said[0].because == ("x = 6 mm > 5",)


def test_proposes_with_evidence_and_a_value_computed_at_that_row() -> None:
    rule = _rule(
        when="x > 5 for 2 s",
        propose={**SLOW_DOWN, "change_percent": None, "value": "x * 2", "reason": "too high"},
    )
    [proposal] = _say(rule, 1, 6, 7, 8, 9)
    assert isinstance(proposal, Proposal)
    assert (proposal.value, proposal.reason) == (16, "too high")
    assert proposal.evidence.because == ("x = 8 mm > 5 for 2 s",)
    assert proposal.evidence.window == (3 * S, 3 * S)
    assert proposal.title == "watchful: line2/filler/speed_setpoint"
    [again] = _say(rule, 1, 6, 7, 8, 9)
    assert again.id == proposal.id


def test_no_value_no_proposal() -> None:
    rule = _rule(when="x > 5", propose={**SLOW_DOWN, "change_percent": None, "value": "1 / (x-6)"})
    assert _say(rule, 1, 6, 6) == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"when": "x > 5"}, "a rule needs `propose` or `finding`"),
        (
            {"when": "x > 5", "propose": {**SLOW_DOWN, "change": 1.0}},
            "exactly one of value, label, change and change_percent",
        ),
        ({"when": "x > 5", "finding": {"title": ""}}, "finding.title"),
    ],
)
def test_settings_are_checked(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        _rule(**settings)


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ("x", "when: must be a boolean, found a number"),
        ("y > 5", "when: column 0: 'y' is not known; did you mean|known"),
    ],
)
def test_expressions_are_checked_when_it_starts(when: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        _rule(when=when, finding={"title": "t"}).start("r", {"x": Number()}, known=("x",))


def test_at_work_on_the_samples_of_the_plant() -> None:
    catalogue = Catalogue()
    signals = [PlantSignal("l/f/x", "l/f", "", "l/f/x", Signal(unit="mm"))]
    numbers = {"l/f/x": catalogue.declare("l/f/x", "number", "mm")}
    mirror = Mirror(1)
    submitted: list[Proposal] = []
    rule = _rule(asset="l/f", when="x > 5 for 2 s", propose=SLOW_DOWN, finding={"title": "high"})

    def adviser(state: dict[str, Any] | None = None) -> Adviser:
        return Adviser(
            "slow_down", rule, signals=signals, numbers=numbers, catalogue=catalogue,
            snapshot=mirror.snapshot(0), submit=submitted.append, state=state,
        )  # fmt: skip

    first = adviser()
    assert first.feed(Frame.of([0], [10 * S], [6.0], received=10 * S)) == []
    assert first.tick(10 * S + 1) == []
    second = adviser(first.state())
    mirror.admit(Frame.of([0], [10 * S], [6.0], received=10 * S))
    second = adviser(first.state())
    [event] = second.tick(13 * S)  # silence counts: it has been true for long enough
    assert (event.kind, event.subject, event.source) == ("finding", "l/f", "slow_down")
    assert event.payload["because"] == ["x = 6 mm > 5 for 2 s"]
    assert [p.proposed_by for p in submitted] == ["slow_down"]
