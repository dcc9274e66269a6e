"""Play a stock network out, and say what it costs and how it serves, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
import numpy.typing as npt

from gemel.core.control.quantiles import t_quantile
from gemel.core.errors import Refused
from gemel.core.frame import Values
from gemel.core.stock.draws import Draws, draw, whole_periods
from gemel.core.stock.kernel import COUNTS, TRACED, play
from gemel.core.stock.network import Network, Rule

__all__ = ["Figure", "Played", "played"]

_KINDS = {"base_stock": 0, "r_q": 1, "s_s": 2}


@dataclass(frozen=True, slots=True)
class Figure:
    """A mean over replications and the interval that holds the true one with 95 %."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Values) -> Figure:
        """From float64[r]; of a single replication the interval is unknown (NaN)."""
        mean, n = float(values.mean()), len(values)
        if n < 2:
            return cls(mean, float("nan"), float("nan"))
        half = t_quantile(0.975, n - 1) * float(values.std(ddof=1)) / sqrt(n)
        return cls(mean, mean - half, mean + half)


@dataclass(frozen=True, slots=True)
class Played:
    """What came of some sets of rules in the same replications.

    stages    names, in the order of the columns
    columns   float64[p, r, n] each: means of a period (`at_hand`, `owed`, `under_way`, `orders`,
              `ordered`, `wanted`, `at_once`, `lost`, `second`, `set_aside`) and the share of
              periods without debts, `clear`
    cost      float64[p, r]: of a period, all stages
    parts     float64[p, r] each, by name; their sum is `cost`
    trace     float64[q, t, n, 5]: `kernel.TRACED` after each period, of the first set, in the
              replications that were traced
    """

    stages: tuple[str, ...]
    columns: Mapping[str, Values]
    cost: Values
    parts: Mapping[str, Values]
    trace: Values

    def figure(self, rules: int = 0) -> Figure:
        """Cost of a period."""
        return Figure.of(self.cost[rules])

    def fill(self, stage: str, rules: int = 0) -> Figure:
        """Share of demand that was served at once."""
        j = self.stages.index(stage)
        wanted = self.columns["wanted"][rules, :, j]
        return Figure.of(self.columns["at_once"][rules, :, j] / np.maximum(wanted, 1e-300))

    def difference(self, rules: int, other: int) -> Figure:
        """How much more one set costs than another, on the same draws."""
        return Figure.of(self.cost[rules] - self.cost[other])


def played(
    network: Network,
    rules: Sequence[Mapping[str, Rule]],
    *,
    periods: int = 1_000,
    warm: int = 100,
    replications: int = 20,
    seed: int = 0,
    draws: Draws | None = None,
    from_now: bool = False,
    trace: int = 0,
) -> Played:
    """Every set of rules in the same `replications` of `warm` and then `periods` periods.

    Stages begin at the highest position of their rule; with `from_now` at what is `at_hand`, and
    what is `on_order` arrives. Lead times are rounded up to whole periods. Of the first set,
    `trace` replications are traced. Raises `Refused` where a stage has no rule.
    """
    order = network.order()
    if draws is None:
        draws = draw(network, warm + periods, replications, seed)
    replications, whole, _ = draws.demand.shape
    if not 0 <= warm < whole:
        raise Refused(f"of {whole} periods, {warm} are left out; nothing would be counted")
    at = {name: i for i, name in enumerate(order)}
    suppliers = [[(at[s], c) for s, c in network.stages[n].after.items()] for n in order]
    edge_start = np.cumsum([0, *(len(s) for s in suppliers)])
    flat = [pair for stage in suppliers for pair in stage]
    edge_from = np.array([i for i, _ in flat], np.int64)
    out = [np.flatnonzero(edge_from == j) for j in range(len(order))]
    kind, reorder, amount = _tables(order, rules)
    begin = np.where(kind == 1, reorder + amount, amount)
    if from_now:
        begin = np.tile([network.stages[n].at_hand for n in order], (len(rules), 1))
    stages = [network.stages[n] for n in order]
    counts = np.zeros((len(rules), replications, len(order), len(COUNTS)))
    told = np.zeros((min(trace, replications), whole, len(order), len(TRACED)))
    arrivals = _arrivals(network, order) if from_now else np.zeros((0, len(order)))
    play(
        edge_start.astype(np.int64), edge_from, np.array([c for _, c in flat], np.float64),
        np.cumsum([0, *(len(o) for o in out)]).astype(np.int64),
        np.concatenate([*out, np.zeros(0, np.int64)]).astype(np.int64),
        np.array([draws.sells.index(n) if n in draws.sells else -1 for n in order], np.int64),
        np.array([s.lost_sale_cost is None for s in stages], np.bool_),
        np.array([s.capacity if s.capacity is not None else np.inf for s in stages], np.float64),
        np.array([0.0 if s.second is None else s.second.capacity for s in stages], np.float64),
        kind, reorder, amount, np.maximum(begin, 0.0), arrivals, network.review == "periodic", warm,
        draws.demand, np.array([whole_periods(network, s.lead_time) for s in stages], np.int64),
        draws.leads, draws.works, counts, told,
    )  # fmt: skip
    means = counts / (whole - warm)
    columns = {name: means[..., i] for i, name in enumerate(COUNTS)}
    parts = _costs(network, order, columns)
    return Played(order, columns, np.sum(list(parts.values()), axis=0), parts, told)


def _arrivals(network: Network, order: tuple[str, ...]) -> Values:
    """float64[a, n]: what was ordered before, by the period in which it arrives."""
    at = [[(whole_periods(network, a.within), a.quantity) for a in network.stages[n].on_order]
          for n in order]  # fmt: skip
    found = np.zeros((max((t + 1 for one in at for t, _ in one), default=0), len(order)))
    for j, one in enumerate(at):
        for t, quantity in one:
            found[t, j] += quantity
    return found


def _tables(
    order: tuple[str, ...], rules: Sequence[Mapping[str, Rule]]
) -> tuple[npt.NDArray[np.int64], Values, Values]:
    kind = np.zeros((len(rules), len(order)), np.int64)
    reorder, amount = np.zeros(kind.shape), np.zeros(kind.shape)
    for p, chosen in enumerate(rules):
        for j, name in enumerate(order):
            rule = chosen.get(name)
            if rule is None:
                raise Refused(f"stage '{name}' has no rule")
            kind[p, j] = _KINDS[rule.kind]
            reorder[p, j] = rule.reorder or 0.0
            amount[p, j] = (rule.quantity if rule.kind == "r_q" else rule.level) or 0.0
    return kind, reorder, amount


def _costs(
    network: Network, order: tuple[str, ...], columns: Mapping[str, Values]
) -> dict[str, Values]:
    """Of a period, float64[p, r]. What is under way costs what its material costs to keep."""
    keep = np.array([network.holding(n) or 0.0 for n in order])
    way = np.array([
        sum((network.holding(s) or 0.0) * c for s, c in network.stages[n].after.items())
        for n in order
    ])  # fmt: skip
    stages = [network.stages[n] for n in order]
    parts = {
        "orders": columns["orders"] @ np.array([s.order_cost for s in stages]),
        "keeping": (columns["at_hand"] + columns["set_aside"]) @ keep,
        "under way": columns["under_way"] @ way,
        "waiting": columns["owed"] @ np.array([s.backorder_cost or 0.0 for s in stages]),
        "second source": columns["second"]
        @ np.array([0.0 if s.second is None else s.second.premium for s in stages]),
        "lost sales": columns["lost"] @ np.array([s.lost_sale_cost or 0.0 for s in stages]),
    }
    return {name: value for name, value in parts.items() if np.any(value)}
