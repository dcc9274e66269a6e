"""Each rule on points made by hand, and that it does not matter how they come."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gemel.core.control.rules import RULE_SETS, RuleSet, Running, Side, Violation, violations
from gemel.core.errors import DataError

NAN = float("nan")
FOURTEEN = [0.3, -0.2] * 7

# rules, points, (rule, side, first, last) of every violation
BY_HAND: list[tuple[RuleSet, list[float], list[tuple[int, Side, int, int]]]] = [
    ("limits", [0, 3.0, 3.1, 0, -3.2, -4], [(1, "above", 2, 2), (1, "below", 4, 5)]),
    ("western-electric", [0, -3.2, 0], [(1, "below", 1, 1)]),
    ("western-electric", [0, 2.1, 0, 2.1, 0, 0], [(2, "above", 1, 3)]),
    ("western-electric", [2.1, -2.1, 0.5, 2.1, 0], []),
    ("western-electric", [-2.5, -2.5], [(2, "below", 0, 1)]),
    ("western-electric", [0, 2.0, 2.0, 2.0, 0], []),
    ("western-electric", [1.1, 1.1, -0.5, 1.1, 1.1, 0], [(3, "above", 0, 4)]),
    ("western-electric", [1.1, 1.1, -0.5, 1.1, -1.1, 1.1], []),
    ("western-electric", [0.1] * 8, [(4, "above", 0, 7)]),
    ("western-electric", [0.1] * 7 + [-0.1], []),
    ("western-electric", [0.1] * 4 + [0] + [0.1] * 4, []),
    ("western-electric", [-0.1] * 12, [(4, "below", 0, 11)]),
    ("nelson", [3.5], [(1, "above", 0, 0)]),
    ("nelson", [0.1, 0.2] * 4, []),
    ("nelson", [0.1, 0.2] * 4 + [0.1], [(2, "above", 0, 8)]),
    ("nelson", [-0.9, -0.5, -0.1, 0.1, 0.5, 0.9], [(3, "rising", 0, 5)]),
    ("nelson", [0.9, 0.5, 0.1, -0.1, -0.5, -0.9, 0], [(3, "falling", 0, 5)]),
    ("nelson", [-0.9, -0.5, -0.1, -0.1, 0.5, 0.9], []),
    ("nelson", FOURTEEN, [(4, "", 0, 13)]),
    ("nelson", FOURTEEN[:13], []),
    ("nelson", [0, 2.1, 0, 2.1, 0, 0], [(5, "above", 1, 3)]),
    ("nelson", [-1.1, -1.1, 0.5, -1.1, -1.1], [(6, "below", 0, 4)]),
    ("nelson", [0.5, -0.5, -0.4] * 5, [(7, "", 0, 14)]),
    ("nelson", [0.5, -0.5, -0.4] * 4 + [0.5, 1.0, 0.4], []),
    ("nelson", [1.1, -1.1, -1.2, 1.5, -1.5, 1.2, 1.6, -1.3], [(8, "", 0, 7)]),
    ("nelson", [1.1, -1.1, -1.2, 0.9, -1.5, 1.2, 1.6, -1.3], []),
    ("none", [9.0] * 20, []),
    # A missing point neither breaks a run nor counts in it.
    ("western-electric", [0.1] * 5 + [NAN] + [0.1] * 3, [(4, "above", 0, 8)]),
    ("western-electric", [0.1] * 5 + [NAN] + [0.1] * 2, []),
    ("limits", [NAN, 5, NAN, 5, NAN], [(1, "above", 1, 3)]),
    ("limits", [NAN] * 4, []),
    ("limits", [], []),
    ("limits", [float("inf"), float("-inf")], [(1, "above", 0, 0), (1, "below", 1, 1)]),
]


@pytest.mark.parametrize(("rules", "z", "wanted"), BY_HAND)
def test_each_rule_by_hand(
    rules: RuleSet, z: list[float], wanted: list[tuple[int, Side, int, int]]
) -> None:
    found = [(v.rule, v.side, v.first, v.last) for v in violations(rules, z)]
    assert found == wanted


@pytest.mark.parametrize(("rules", "z", "wanted"), BY_HAND)
def test_each_rule_looks_at_both_sides_alike(
    rules: RuleSet, z: list[float], wanted: list[tuple[int, Side, int, int]]
) -> None:
    other: dict[Side, Side] = {
        "above": "below", "below": "above", "rising": "falling", "falling": "rising", "": "",
    }  # fmt: skip
    found = [(v.rule, v.side, v.first, v.last) for v in violations(rules, [-x for x in z])]
    assert found == [(rule, other[side], first, last) for rule, side, first, last in wanted]


def test_every_rule_is_tried_by_hand() -> None:
    tried = {(rules, rule) for rules, _, wanted in BY_HAND for rule, *_ in wanted}
    assert tried == {(name, rule.number) for name, rules in RULE_SETS.items() for rule in rules}


def stream() -> np.ndarray:
    random = np.random.default_rng(0)
    z = random.normal(size=3000)
    z[500:800] += 0.8
    z[1200:1300] *= 3
    z[1500:1600] *= 0.2
    z[1700:1710] = np.arange(10) / 10
    z[random.random(3000) < 0.05] = np.nan
    return z


def ordered(found: list[Violation]) -> list[Violation]:
    return sorted(found, key=lambda v: (v.first, v.last, v.rule))


@pytest.mark.parametrize("rules", ["limits", "western-electric", "nelson"])
@pytest.mark.parametrize("rows", [1, 2, 7, 100, 2999])
def test_cutting_the_stream_changes_nothing(rules: RuleSet, rows: int) -> None:
    z = stream()
    whole = violations(rules, z)
    assert {v.rule for v in whole} == {r.number for r in RULE_SETS[rules]}
    running = Running(rules)
    found = [v for i in range(0, len(z), rows) for v in running(z[i : i + rows])]
    assert ordered(found + running.open()) == list(whole)


@pytest.mark.parametrize("rules", ["western-electric", "nelson"])
def test_continues_from_its_state(rules: RuleSet) -> None:
    z = stream()
    for cut in (0, 3, 650, 1250, 1708):
        first = Running(rules)
        found = first(z[:cut])
        state = json.loads(json.dumps(first.state(), allow_nan=False))
        second = Running(rules, state)
        assert second.state() == state
        found += second(z[cut:])
        assert ordered(found + second.open()) == list(violations(rules, z))


def test_hits_are_where_violations_hold() -> None:
    z = stream()
    hits = Running("nelson").hits(z)
    for k, rule in enumerate(RULE_SETS["nelson"]):
        lasts = {v.last for v in violations("nelson", z) if v.rule == rule.number}
        assert hits[sorted(lasts), k].all()
        assert hits[:, k].any()
    assert not hits[np.isnan(z)].any()


def test_false_alarms_come_as_often_as_theory_says() -> None:
    """All four Western Electric rules together: every 92 points (C. W. Champ and W. H. Woodall,
    Technometrics 29 (1987) 393-399)."""
    random = np.random.default_rng(1)
    runs = []
    for _ in range(1500):
        hits = Running("western-electric").hits(random.normal(size=900)).any(axis=1)
        runs.append(int(np.argmax(hits)) + 1 if hits.any() else 900)
    assert np.mean(runs) == pytest.approx(91.75, rel=0.08)


def test_a_sentence_says_what_happened() -> None:
    (violation,) = violations("western-electric", [0.1] * 8)
    assert violation.sentence() == "rule 4: eight points in a row on one side of the centre, above"


def test_unknown_rules_and_other_states_are_refused() -> None:
    with pytest.raises(DataError, match="known: none, limits, western-electric, nelson"):
        Running("nielsen")  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(DataError, match="state of other rules"):
        Running("nelson", Running("limits").state())
