"""Job orders and shifts: what the line makes, for whom the count runs, and who stands there."""

from dataclasses import dataclass

NS_PER_HOUR = 3_600_000_000_000


@dataclass(frozen=True, slots=True)
class Order:
    """A job order; `planned` in bottles."""

    id: str
    product: str
    planned: int


_MENU = (("Still 0.5 l", 48_000), ("Lemon 0.5 l", 36_000), ("Still 0.5 l sport", 60_000))
_FIRST_NUMBER = 104_711
_DONE_BEFORE = 31_200
_LOT = 4_000
_PLANNED_RATE_PER_HOUR = 22_000


def order(number: int) -> Order:
    """The `number`-th order of an endless plan."""
    product, planned = _MENU[number % len(_MENU)]
    return Order(f"PO-{_FIRST_NUMBER + number}", product, planned)


@dataclass(slots=True)
class OrderBook:
    """The running order. The first one is well under way when the simulation starts."""

    number: int = 0
    done: int = _DONE_BEFORE
    done_at_start: int = _DONE_BEFORE
    started_ns: int = 0

    @property
    def current(self) -> Order:
        return order(self.number)

    @property
    def lot(self) -> str:
        """The lot that is packed: an order is cut into lots of 4,000 bottles."""
        return f"{self.current.id}-{self.done // _LOT + 1:02d}"

    def pack(self, bottles: int, time_ns: int) -> None:
        """Count good bottles; what exceeds the order belongs to the next one."""
        self.done += bottles
        while self.done >= self.current.planned:
            surplus = self.done - self.current.planned
            self.number += 1
            self.done = surplus
            self.done_at_start = surplus
            self.started_ns = time_ns

    def deviation(self, time_ns: int) -> int:
        """Bottles ahead of (+) or behind (−) the planned rate."""
        planned = (time_ns - self.started_ns) * _PLANNED_RATE_PER_HOUR // NS_PER_HOUR
        return self.done - self.done_at_start - planned


def shift(time_ns: int) -> str:
    """Three shifts; hours in UTC, because the virtual plant has no time zone of its own."""
    hour = time_ns // NS_PER_HOUR % 24
    if 6 <= hour < 14:
        return "Early"
    return "Late" if 14 <= hour < 22 else "Night"
