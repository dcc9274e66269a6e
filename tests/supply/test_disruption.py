"""How likely supply fails: closed forms, and what is drawn from them."""

from math import exp

import numpy as np
import pytest

from gemel.core.control.quantiles import beta_cdf, beta_quantile
from gemel.core.errors import DataError
from gemel.core.stock.disruption import chain_of, chance_of
from gemel.core.stock.draws import draw
from gemel.core.stock.network import Disruption, Network
from gemel.core.stock.survive import time_to_survive
from gemel.core.time import DAY


@pytest.mark.parametrize("p", [0.01, 0.3, 0.5, 0.95])
def test_beta_quantiles_of_closed_forms(p: float) -> None:
    """Beta(a, 1) has p = xᵃ; Beta(½, ½), the arcsine law, x = sin²(πp/2)."""
    assert beta_quantile(p, 3.0, 1.0) == pytest.approx(p ** (1 / 3), rel=1e-9)
    assert beta_quantile(p, 0.5, 0.5) == pytest.approx(np.sin(np.pi * p / 2) ** 2, rel=1e-9)
    assert beta_cdf(beta_quantile(p, 2.5, 40.5), 2.5, 40.5) == pytest.approx(p, rel=1e-9)


def test_a_chain_is_counted() -> None:
    down = np.array([0, 0, 1, 1, 0, 0, 0, 1], np.bool_)
    chain = chain_of(down, 7 * DAY)
    assert (chain.ups, chain.failures, chain.downs, chain.recoveries) == (5, 2, 2, 1)
    assert chain.down_now
    assert chain.fails == pytest.approx(2.5 / 6)
    assert chain.recovers == pytest.approx(1.5 / 3)
    with pytest.raises(DataError, match="at least 2"):
        chain_of(down[:1], DAY)


def test_the_process_makes_the_chain() -> None:
    """Two states in continuous time, seen once in a step, have the chain's probabilities."""
    chain = chain_of(np.arange(400) % 20 >= 17, DAY)
    process = chain.disruption()
    fail, mend = DAY / process.every, DAY / process.lasts
    seen = 1 - exp(-fail - mend)
    assert fail / (fail + mend) * seen == pytest.approx(chain.fails, rel=1e-9)
    assert mend / (fail + mend) * seen == pytest.approx(chain.recovers, rel=1e-9)
    share = chain.recovers / (chain.fails + chain.recovers)
    assert process.availability == pytest.approx(share, rel=1e-9)


def test_chances_are_beta_binomial() -> None:
    """Of one step: the posterior mean. Of two: 1 − E(1 − p)², by the moments of Beta(a, b)."""
    chain = chain_of(np.arange(60) % 15 == 14, DAY)
    a, b = 0.5 + chain.failures, 0.5 + chain.ups - chain.failures
    assert chain.chance(1).value == pytest.approx(a / (a + b), rel=1e-12)
    both = b * (b + 1) / ((a + b) * (a + b + 1))
    assert chain.chance(2).value == pytest.approx(1 - both, rel=1e-12)
    chance = chain.chance(10)
    assert chance.low is not None
    assert chance.high is not None
    assert chance.low < chance.value < chance.high


def test_what_never_failed_may_fail() -> None:
    chance = chain_of(np.zeros(104, np.bool_), 7 * DAY).chance(52)
    assert 0.1 < chance.value < 0.4
    assert chance.high is not None
    assert chance.high < 0.7


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    """1,000 histories of 150 steps that fail with 4 %: 90 % of the intervals hold the chance."""
    random = np.random.default_rng(3)
    truth, held = 1 - 0.96**8, 0
    for _ in range(1_000):
        down = np.zeros(151, np.bool_)
        luck = random.random(151)
        for t in range(1, 151):
            down[t] = luck[t] < (0.4 if down[t - 1] else 0.04)
        found = chain_of(down, DAY).chance(8)
        held += found.low is not None and found.low <= truth <= (found.high or 0)
    assert 0.87 <= held / 1_000 <= 0.94


def failing(**more: object) -> Network:
    stage = {"demand": {"kind": "constant", "mean": 5}, "holding_cost": 1, "lost_sale_cost": 9,
             "disruption": {"every": "30 d", "lasts": "10 d", **more}}  # fmt: skip
    return Network.read({"stages": {"a": stage}})


def test_drawn_failures_have_the_availability_of_the_closed_form() -> None:
    works = draw(failing(), 4_000, 50, seed=2).works[:, 200:, 0]
    share = works.mean(axis=1)
    error = 4 * share.std() / np.sqrt(len(share))
    assert abs(share.mean() - 0.75) < error
    # The chance to be up again t later: A + (1 − A) e^(−t (λ + μ)).
    again = works[:, 5:][works[:, :-5]].mean()
    assert again == pytest.approx(0.75 + 0.25 * exp(-5 * (1 / 30 + 1 / 10)), abs=0.01)


def test_what_is_down_now_begins_down() -> None:
    assert not draw(failing(down=True), 10, 20, seed=1).works[:, 0].any()
    assert draw(failing(), 10, 20, seed=1).works[:, 0].all()


def test_chance_of_given_rates() -> None:
    process = Disruption.read({"every": "100 d", "lasts": "5 d"})
    assert chance_of(process, 50 * DAY).value == pytest.approx(1 - exp(-0.5))
    assert chance_of(process, 50 * DAY).low is None


def test_a_second_source_lets_customers_wait_longer() -> None:
    """By hand: 40 at hand and 5 wanted a day last 8 days; with 3 a day from elsewhere, 2 are
    missing a day: 20 days; with 5, always."""

    def survives(second: dict[str, float] | None) -> float:
        stage: dict[str, object] = {"demand": {"kind": "constant", "mean": 5}, "holding_cost": 1}
        if second is not None:
            stage["second"] = second
        network = Network.read({"stages": {"a": stage}})
        return time_to_survive(network, "a", {"a": 40})

    assert survives(None) == pytest.approx(8)
    assert survives({"capacity": 3}) == pytest.approx(20)
    assert survives({"capacity": 5}) == float("inf")
