"""Renewal policies: what they learn from, what they never see, and what they are worth."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import numpy as np
import pytest

from gemel.core.errors import ConfigurationError, DataError
from gemel.twin.learning.renewal.policies import (
    Cumulative,
    Ensemble,
    Rolling,
    Static,
    Triggered,
    read_policy,
)
from gemel.twin.learning.renewal.prequential import Past, prequential

POLICIES = [Static(), Rolling(), Cumulative(), Ensemble(), Triggered()]


@dataclass
class Lines:
    """Least squares; remembers what each model saw, and what was asked of it."""

    x: np.ndarray
    y: np.ndarray
    past: Past
    seen: list[np.ndarray] = field(default_factory=list)
    now: float = -np.inf

    def fit(self, rows):
        if len(rows) < 10:
            raise DataError("too few")
        self.seen.append(rows)
        return np.linalg.lstsq(self.x[rows], self.y[rows], rcond=None)[0], rows

    def predict(self, model, rows):
        coefficients, seen = model
        assert not set(seen.tolist()) & set(rows.tolist())  # never judged on what it has seen
        assert (self.past.time[seen] + self.past.delay).max() <= self.past.time[rows].min()
        return self.x[rows] @ coefficients

    def loss(self, told, rows):
        return np.abs(told - self.y[rows])


def stream(change: float | None, hours: int = 1000, seed: int = 0, delay: float = 6.0):
    """Hourly fourths; the answer turns round at `change`."""
    random = np.random.default_rng(seed)
    time = np.arange(hours * 4) / 4
    x = random.normal(size=(len(time), 3))
    turn = np.where(time >= (np.inf if change is None else change), -1.0, 1.0)
    y = turn * x[:, 0] + x[:, 1] + 0.3 * random.normal(size=len(time))
    past = Past(time, delay)
    return Lines(x, y, past), past


def lived(policy, change, **given):
    learner, past = stream(change, **given)
    return prequential(policy, learner, past, begin=200, step=4), learner


@pytest.mark.parametrize("policy", POLICIES, ids=lambda p: p.kind)
def test_nothing_is_judged_by_what_has_seen_it(policy):
    """`Lines.predict` refuses rows that its model has seen, or whose truth came too late."""
    outcome, learner = lived(policy, 500)
    assert np.isnan(outcome.losses[:800]).all()
    assert np.isfinite(outcome.losses[800:]).all()
    assert learner.seen[0].max() <= (200 - 6) * 4
    assert outcome.rows == sum(len(rows) for rows in learner.seen)


@pytest.mark.parametrize("policy", POLICIES, ids=lambda p: p.kind)
def test_the_same_stream_gives_the_same_outcome(policy):
    first, second = lived(policy, 500)[0], lived(policy, 500)[0]
    np.testing.assert_array_equal(first.losses, second.losses)
    assert first.refits == second.refits


def test_after_a_change_all_but_static_recover():
    late = slice(3400, None)  # the last 150 of 1,000 hours, 350 after the change
    static = lived(Static(), 500)[0].losses[late].mean()
    noise = 0.3 * np.sqrt(2 / np.pi)
    assert static > 5 * noise
    for policy in (Rolling(), Ensemble(), Triggered()):
        assert lived(policy, 500)[0].losses[late].mean() < 1.2 * noise, policy.kind
    assert noise < lived(Cumulative(), 500)[0].losses[late].mean() < static


def test_without_a_change_a_triggered_policy_takes_next_to_nothing():
    taken = [sum(r.taken for r in lived(Triggered(), None, seed=s)[0].refits) for s in range(5)]
    assert sum(taken) <= 2


def test_refits_for_nothing_are_counted():
    still, _ = lived(Rolling(), None)
    assert len(still.refits) == 33  # each day from 224 h
    assert still.false_refits([]) == 33
    changed, _ = lived(Rolling(), 500)
    # The model in charge has rows of before 500 h until the one after that of 500 + 72 h.
    useful = [r.time for r in changed.refits if r.time >= 500 and not r.since > 500]
    assert changed.false_refits([(500, 500)]) == 33 - len(useful)
    assert 3 <= len(useful) <= 5
    assert lived(Static(), 500)[0].refits == ()


def test_a_window_holds_the_newest_rows_whose_truth_is_known():
    _, learner = lived(Rolling(window=50, every=24), None)
    for rows in learner.seen[1:]:
        assert rows.max() - rows.min() + 1 == len(rows)
        assert len(rows) == (50 - 6) * 4
    assert np.array_equal(lived(Cumulative(), None)[1].seen[3], np.arange((272 - 6) * 4 + 1))


def test_rare_rows_are_replayed_up_to_their_share():
    rare = np.arange(400) % 20 == 0
    past = Past(np.arange(400.0), 5.0, rare)
    known = past.known(300.0)
    assert known == 296
    rows = past.newest(known, 199.5, replay=0.1)
    assert rows[10:].tolist() == list(range(200, 296))
    assert rows[:10].tolist() == list(range(0, 200, 20))
    assert len(past.newest(known, 269.5, replay=0.1)) == 26 + 2  # 2 of 28 are older
    assert past.newest(known, 199.5).tolist() == list(range(200, 296))
    with pytest.raises(DataError):
        Past(np.array([1.0, 0.0]))


def test_an_ensemble_trusts_who_was_right_of_late():
    learner, past = stream(500)
    running = Ensemble().start(learner, past, np.full(len(past.time), np.nan))
    for now in np.arange(200.0, 600.0, 4):
        running.look(now, past.known(now))
        rows = np.flatnonzero((past.time >= now) & (past.time < now + 4))
        running.predict(rows)
    weights = running._weights(rows)
    assert weights.sum() == pytest.approx(1)
    assert weights[0] < 0.05  # of before the change
    assert len(weights) == 5


def test_a_gate_does_not_decide_without_rare_rows():
    """After a change that no rare row is held out of, the champion stays."""
    learner, past = stream(500)
    for rare in (0, 200):
        marks = np.zeros(len(past.time), np.bool_)
        marks[:: 10_000 if rare == 0 else 20] = True
        outcome = prequential(
            Triggered(), learner, Past(past.time, past.delay, marks), begin=200, step=4
        )
        assert any(refit.taken for refit in outcome.refits) == (rare > 0)


def test_what_was_taken_wrongly_is_given_back():
    """The answer turns round for 150 h: the champion of before is back soon after, without a fit of
    its own."""
    learner, past = stream(400)
    back = past.time >= 550
    learner.y[back] += 2 * learner.x[back, 0]
    outcome = prequential(Triggered(window=168), learner, past, begin=200, step=4)
    reasons = [(refit.reason, refit.rows > 0) for refit in outcome.refits if refit.taken]
    assert ("drift", True) in reasons
    assert ("return", False) in reasons
    assert outcome.losses[3400:].mean() < 1.2 * 0.3 * np.sqrt(2 / np.pi)


def test_policies_are_values_that_can_be_written_down():
    for policy in POLICIES:
        values = json.loads(json.dumps(policy.model_dump(mode="json")))
        assert read_policy(values) == policy
        assert all(f.description for n, f in type(policy).model_fields.items() if n != "kind")
    with pytest.raises(ConfigurationError):
        read_policy({"kind": "rolling", "window": -1})
    with pytest.raises(ConfigurationError):
        read_policy({"kind": "sometimes"})
    with pytest.raises(ConfigurationError, match="no drift"):
        read_policy({"kind": "triggered", "drift": {"kind": "kusum"}})
