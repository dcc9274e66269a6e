"""Rules, learned policies and environments of a line."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from gemel.core.errors import ConfigurationError, DataError
from gemel.core.line import Line
from gemel.parts.simulators.base import Trial
from gemel.parts.simulators.events import PART, Decide, Question, decided
from gemel.twin.planning.dispatching import (
    CREW_RULES,
    PART_RULES,
    Effort,
    Policy,
    compare,
    of_line,
    rule,
    rules_for,
    train,
)
from gemel.twin.planning.dispatching.environment import LineEnvironment
from gemel.twin.planning.dispatching.policy import start


def shop(**station: Any) -> Line:
    """Two machines, two families, due dates; busy for nine tenths of the time."""
    machine = {"time": {"kind": "exponential", "mean": "5 s"}, "after": [], **station}
    arrivals = {"every": {"kind": "exponential", "mean": "7 s"}}
    return Line.read({
        "stations": {"saw": {**machine, "arrivals": arrivals}, "mill": machine},
        "products": {
            "a": {"due": "60 s", "route": [{"station": "saw"}, {"station": "mill"}]},
            "b": {"due": "20 s", "route": [{"station": "mill"}, {"station": "saw", "time": "2 s"}]},
        },
    })  # fmt: skip


def question(**columns: list[float]) -> Question:
    n = len(next(iter(columns.values())))
    offered = np.zeros((n, len(PART)))
    for name, values in {"steps": [1.0] * n, "turn": list(range(n)), **columns}.items():
        offered[:, PART.index(name)] = values
    return Question("part", "m", 0.0, offered, 0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("name", "row"),
    [("fifo", 0), ("spt", 2), ("edd", 1), ("setup", 1), ("slack", 1), ("slack_per_step", 0),
     ("mwkr", 0), ("lwkr", 2), ("winq", 1), ("atc", 2), ("atcs", 2)],
)  # fmt: skip
def test_rules(name: str, row: int) -> None:
    """By hand. atc with k = 2 and a mean work of 3: log 4 + 8/6 = 2.72, log 3 + 3/6 = 1.60,
    log 2 + 5/6 = 1.53."""
    asked = question(
        work=[4, 3, 2], left=[12, 5, 3], due=[20, 8, 8], steps=[4, 1, 1], setup=[2, 0, 0],
        ahead=[5, 1, 3],
    )  # fmt: skip
    assert rule(name)(asked) == row


def test_no_such_rule() -> None:
    with pytest.raises(ConfigurationError, match="no rule 'spd'; did you mean 'spt'"):
        rule("spd")


def test_rules_of_a_line() -> None:
    parts, crews = rules_for(shop())
    assert "setup" not in parts
    assert "edd" in parts
    assert crews == ("first",)


@pytest.mark.parametrize(
    "name", ["fifo", "spt", "edd", "slack", "slack_per_step", "mwkr", "winq", "atc"]
)
def test_a_policy_begins_as_a_rule(name: str) -> None:
    line, trial = shop(), Trial(parts=300, warm_up=0.0)
    policy = Policy(*start(name, "first"), 5.0)
    assert decided(line, trial, policy).departures.tolist() == pytest.approx(
        decided(line, trial, rule(name)).departures.tolist()
    )


def test_every_rule_is_a_start() -> None:
    for name in PART_RULES:
        assert np.linalg.norm(start(name, "first")[0]) == pytest.approx(1)
    for name in CREW_RULES:
        assert np.linalg.norm(start("fifo", name)[1]) == pytest.approx(1)


def cost(favourite: float) -> Any:
    """A play whose cost is known: the row with most work ahead should be next."""

    def play(decide: Decide, episode: int) -> float:
        chance = np.random.default_rng(episode)
        missed = 0.0
        for _ in range(20):
            ahead = chance.uniform(0, 10, 4)
            row = decide(question(ahead=ahead.tolist(), work=chance.uniform(1, 9, 4).tolist()))
            missed += float((favourite * ahead).max() - favourite * ahead[row])
        return missed

    return play


EFFORT = Effort(generations=10, population=12, episodes=3, choice=6, test=12)


def test_it_learns_what_no_rule_says() -> None:
    """Most work in the next queue first is the contrary of a rule; the best has no misses."""
    policy, tried = train(cost(1.0), (("fifo", "spt", "winq"), ("first",)), 5.0, effort=EFFORT)
    assert policy.acts
    assert policy.dispatcher() is policy
    best = tried.of(", ".join(policy.rules)).value
    assert tried.of("learned").value < 0.5 * best
    again, _ = train(cost(1.0), (("fifo", "spt", "winq"), ("first",)), 5.0, effort=EFFORT)
    assert again.document() == policy.document()


def test_where_the_rule_is_best_it_stays() -> None:
    """Least work in the next queue first has no misses: nothing is better than that."""
    policy, tried = train(cost(-1.0), (("fifo", "winq"), ("first",)), 5.0, effort=EFFORT)
    assert policy.rules == ("winq", "first")
    assert tried.of("winq, first").value == 0
    assert not policy.acts
    assert policy.dispatcher() is not policy


def test_a_policy_is_written_and_read() -> None:
    policy, _ = train(
        of_line(shop(), Trial(parts=60), "lead_time"), (("fifo", "spt"), ("first",)), 5.0,
        effort=Effort(1, 4, 1, 2, 2),
    )  # fmt: skip
    written = json.loads(json.dumps(policy.document()))
    assert Policy.of(written).document() == written
    for spoiled in (
        {**written, "format": 2}, {**written, "part": {"work": 1}}, {**written, "unit_s": 0}, [],
        {**written, "rules": {"part": "?", "crew": "first"}}, {**written, "acts": "yes"},
        {**written, "crew": {**written["crew"], "turn": float("nan")}},
    ):  # fmt: skip
        with pytest.raises(ConfigurationError):
            Policy.of(spoiled)


def test_the_same_luck() -> None:
    """Two deciders that are one cost the same to the last bit, in every episode."""
    play = of_line(shop(), Trial(parts=80), "tardiness")
    found = compare(play, {"one": rule("edd"), "other": rule("edd")}, 5, 7)
    assert found.costs[0].tolist() == found.costs[1].tolist()
    assert len(set(found.costs[0].tolist())) == 5


def test_nothing_is_ever_late() -> None:
    line = Line.read({"stations": {"m": {"time": "1 s"}}})
    with pytest.raises(ConfigurationError, match="nothing is ever late; take lead_time"):
        of_line(line, Trial(parts=10), "tardiness")


# The environment


def environment(line: Line, trial: Trial, *more: Any) -> Any:
    return LineEnvironment(line, trial, *more)


def test_gymnasium_finds_nothing_wrong() -> None:
    one = environment(shop(), Trial(parts=30, warm_up=0.0))

    check_env(one, skip_render_check=True)
    one.close()


@pytest.mark.parametrize("objective", ["tardiness", "lead_time", "makespan"])
def test_rewards_are_the_costs(objective: Any) -> None:
    """The line's own decisions end as the line does, and the rewards are its part-hours."""
    line, trial = shop(), Trial(parts=100, warm_up=0.0)
    one = environment(line, trial, objective)
    _, info = one.reset(seed=3)
    total, over = 0.0, False
    while not over:
        assert info["action_mask"][info["usual"]]
        _, reward, over, _, info = one.step(info["usual"])
        total += reward
    assert info["parts"] == 100
    luck = int(np.random.default_rng(3).integers(2**31))  # Gymnasium's own generator of this seed
    found = decided(line, trial, replication=luck)
    wanted = {"tardiness": found.late_s, "lead_time": found.inside_s, "makespan": found.end}
    assert total == pytest.approx(-wanted[objective] / 3600)


def test_the_same_seed_is_the_same_episode() -> None:
    def episode(seed: int) -> list[float]:
        one = environment(shop(), Trial(horizon_s=900.0, warm_up=0.0))
        chance, seen = np.random.default_rng(1), []
        _, info = one.reset(seed=seed)
        over = False
        while not over:
            action = chance.choice(np.flatnonzero(info["action_mask"]))
            observed, reward, ended, over, info = one.step(action)
            assert not ended
            seen += [reward, float(observed.sum())]
        return seen

    assert episode(5) == episode(5)
    assert episode(5) != episode(6)


def test_an_episode_can_be_left() -> None:
    import threading

    before = threading.active_count()
    one = environment(shop(), Trial(parts=1_000))
    for _ in range(3):
        one.reset()
        one.step(0)
    one.close()
    assert threading.active_count() == before
    with pytest.raises(ConfigurationError, match="call reset before step"):
        one.step(0)


def test_a_line_that_stands_still_says_so() -> None:
    line = Line.read({
        "stations": {
            "m": {"time": "1 s", "arrivals": {"at": ["0 s", "0 s", "0 s"]},
                  "batch": {"least": 2, "most": 2}},
        },
        "products": {"a": {"due": "5 s"}},
    })  # fmt: skip
    one = environment(line, Trial(parts=9))
    with pytest.raises(DataError, match="stands still"):
        one.reset()
