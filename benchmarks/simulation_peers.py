"""Other simulators of lines, given the same times: SimPy, salabim, Ciw.

SimPy is a development package; the others are run where they are found (group `peers`).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

__all__ = ["Times", "ciw_departures", "others", "salabim_departures", "simpy_departures"]

Times = list[list[float]]


def others() -> dict[str, Callable[[Times, int], list[float]]]:
    """Those that are installed, beside SimPy."""
    known = {"salabim": salabim_departures, "Ciw": ciw_departures}
    return {n: f for n, f in known.items() if importlib.util.find_spec(n.lower()) is not None}


def simpy_departures(times: Times, places: int) -> list[float]:
    """Of the last machine: a process for each machine, a store for each buffer."""
    import simpy

    environment = simpy.Environment()
    stores = [simpy.Store(environment, capacity=places) for _ in times[1:]]
    out: list[float] = []

    def machine(i: int) -> Any:
        for k, length in enumerate(times[i]):
            if i:
                yield stores[i - 1].get()
            yield environment.timeout(length)
            if i < len(times) - 1:
                yield stores[i].put(k)
            else:
                out.append(environment.now)

    for i in range(len(times)):
        environment.process(machine(i))
    environment.run()
    return out


def salabim_departures(times: Times, places: int) -> list[float]:
    """A component for each machine and each part, a store for each buffer; without greenlets, and
    without monitors, which would take longer."""
    import salabim

    salabim.yieldless(False)
    environment = salabim.Environment(trace=False)
    stores = [
        salabim.Store(f"b{i}.", capacity=places, monitor=False) for i in range(len(times) - 1)
    ]
    out: list[float] = []

    class Machine(salabim.Component):  # type: ignore[misc]  # has no types
        def setup(self, number: int) -> None:
            self.number = number

        def process(self) -> Any:
            i = self.number
            for length in times[i]:
                if i:
                    yield self.from_store(stores[i - 1])
                    part = self.from_store_item()
                else:
                    part = salabim.Component()
                yield self.hold(length)
                if i < len(times) - 1:
                    yield self.to_store(stores[i], part)
                else:
                    out.append(environment.now())

    for i in range(len(times)):
        Machine(number=i)
    environment.run()
    return out


def ciw_departures(times: Times, places: int) -> list[float]:
    """A node for each machine, blocking of type I. All parts come at once, a nanosecond apart:
    Ciw has no source that is never empty."""
    import ciw

    m, n = len(times), len(times[0])
    network = ciw.create_network(
        arrival_distributions=[
            ciw.dists.Sequential([1e-9] * n + [float("inf")]),
            *[None] * (m - 1),
        ],
        service_distributions=[ciw.dists.Sequential(row) for row in times],
        number_of_servers=[1] * m,
        queue_capacities=[float("inf"), *[places] * (m - 1)],
        routing=[[float(j == i + 1) for j in range(m)] for i in range(m)],
    )
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_customers(n, method="Finish")
    return sorted(r.exit_date for r in simulation.get_all_records() if r.node == m)
