"""One plan: what is done where and when, how good that is, and what was assumed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["Row", "Version"]


@dataclass(frozen=True, slots=True)
class Row:
    """An operation; times in ns UTC.

    fixed   it has begun, or stays where it is
    ghost   (machine, start) in the plan that held before, where it stood elsewhere
    """

    operation: str
    order: str
    product: str
    machine: str
    start: int
    end: int
    fixed: bool = False
    ghost: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Version:
    """A plan as it was made at `made`, by `by`, for the reason `why`.

    due       ns UTC by order, of those that have one
    late      why each late order is late, the latest first: (order, ns late, sentence)
    on_time   chance that an order is done in time, by order, where a line was simulated
    measures  parts of the objective in its own units; `value`, `bound`: the weighted sum, and what
              no plan can be below
    assumed   changes of lines that it counts on, by line
    down      (machine, from, until) that it plans around
    stage     'put off': what held, only later; 'planned': looked for
    orders    (quantity, weight) of each order as it was planned; empty in what older versions kept
    released  who has released it; empty while nobody has, and in what older versions kept
    """

    number: int
    made: int
    by: str
    why: str
    rows: tuple[Row, ...]
    due: Mapping[str, int] = field(default_factory=dict)
    late: tuple[tuple[str, int, str], ...] = ()
    on_time: Mapping[str, float] = field(default_factory=dict)
    measures: Mapping[str, float] = field(default_factory=dict)
    value: float = 0.0
    bound: float = 0.0
    assumed: Mapping[str, str] = field(default_factory=dict)
    down: tuple[tuple[str, int, int], ...] = ()
    moved: int = 0
    stage: str = "planned"
    orders: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    released: str = ""

    def record(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Version:
        rows = tuple(
            Row(**{**row, "ghost": tuple(row["ghost"]) if row["ghost"] else None})
            for row in record["rows"]
        )
        more = {
            name: tuple(tuple(one) for one in record[name]) for name in ("late", "down")
        }  # fmt: skip
        orders = {name: (one[0], one[1]) for name, one in record.get("orders", {}).items()}
        return cls(**{**record, **more, "rows": rows, "orders": orders})
