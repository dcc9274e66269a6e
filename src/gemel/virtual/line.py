"""Line 2 at Northfield: five machines, four conveyors, orders and faults, step by step.

The line is a pure simulation. Time comes in through `advance`, chance through a generator, and
everything it remembers is in `state()`. Cutting `advance` into other pieces changes nothing; a
restored line goes on exactly as the saved one would have.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from gemel.virtual.faults import CANDIDATES, NS, Fault, Truth, checked, truth_of
from gemel.virtual.machine import (
    NOISE_PER_MACHINE,
    Conveyor,
    Machine,
    MachineState,
    Surroundings,
    Wander,
)
from gemel.virtual.machines import Capper, Filler, Labeller, Packer, Rinser
from gemel.virtual.orders import OrderBook, shift
from gemel.virtual.packml import Command, State
from gemel.virtual.scenario import QUIET, Scenario
from gemel.virtual.signals import (
    BOTTLES_PER_CASE,
    BY_PATH,
    CONVEYOR_CAPACITY,
    CONVEYORS,
    LINE,
    SIGNALS,
    Value,
)

STATE_FORMAT = 1
_LINE_NOISE = 4
_DAY_NS = 24 * 3600 * NS
#: Half of the shortest acting state, so that no PackML state is passed unseen.
_LONGEST_STEP_S = 0.25
_MINOR_STOP_MEAN_S = 14.0
_DRIFT_SHARE_PER_S = 0.0005
#: Fill of each conveyor at which all machines run at the filler's speed, so that a run starts
#: in balance instead of with a long transient.
_BALANCED_LEVELS = (377, 261, 207, 175)


class NotWritableError(ValueError):
    """The path is unknown or read-only."""


class OutOfRangeError(ValueError):
    """The value lies outside the signal's range."""


class IllegalCommandError(ValueError):
    """PackML does not allow this command in the machine's present state."""


@dataclass(slots=True)
class _Hall:
    """Slow disturbances of the hall: temperature (K) and compressed air (bar)."""

    ambient: float = 0.0
    air: float = 0.0
    ambient_shown: float = 22.0
    air_shown: float = 6.2


class Line:
    """The virtual line.

    `rng` is the only source of chance (children are spawned from it); `start_ns` is the simulated
    time of the start in ns UTC; `step_s` is the fixed time step. The scenario begins at once, or
    later with `begin` when a quiet run-in comes first.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        start_ns: int,
        scenario: Scenario = QUIET,
        step_s: float = 0.1,
    ) -> None:
        if not 0.0 < step_s <= _LONGEST_STEP_S:
            raise ValueError(f"step_s is {step_s}, must be above 0 and at most {_LONGEST_STEP_S}")
        self.start_ns = start_ns
        self.step_ns = round(step_s * NS)
        self._dt_s = self.step_ns / NS
        # One stream for measurement noise and one per cause of events: a fault that changes how
        # often a machine stops then leaves everybody else's noise untouched.
        self._noise, self._fates, *self._stops = rng.spawn(7)
        self.conveyors = [Conveyor(level, CONVEYOR_CAPACITY) for level in _BALANCED_LEVELS]
        c1, c2, c3, c4 = self.conveyors
        dt_s = self._dt_s
        self.machines: dict[str, Machine] = {
            "Rinser": Rinser(None, c1, dt_s),
            "Filler": Filler(c1, c2, dt_s),
            "Capper": Capper(c2, c3, dt_s),
            "Labeller": Labeller(c3, c4, dt_s),
            "Packer": Packer(c4, None, dt_s),
        }
        self._backwards = list(reversed(list(enumerate(self.machines.values()))))
        self.orders = OrderBook(started_ns=start_ns)
        self._hall = _Hall()
        self._ambient = Wander.of(120.0, 0.06, dt_s)
        self._air = Wander.of(20.0, 0.06, dt_s)
        self._steps = 0
        self._held: dict[str, float] = {}
        self._faults: list[Fault] = []
        self._stops_per_hour = 0.0
        self._faults_per_hour = 0.0
        self._next_fault_ns: int | None = None
        for machine in self.machines.values():
            machine.warm_up(_usual_ambient_c(start_ns))
        self._step()
        self.begin(scenario)

    # --- time --------------------------------------------------------------------------------

    @property
    def time_ns(self) -> int:
        """Simulated time of the present values, ns UTC."""
        return self.start_ns + (self._steps - 1) * self.step_ns

    def advance(self, until_ns: int) -> int:
        """Do every step whose time is not after `until_ns`; returns how many that were."""
        steps = max(0, (until_ns - self.time_ns) // self.step_ns)
        for _ in range(steps):
            self._step()
        return steps

    def begin(self, scenario: Scenario) -> None:
        """Start a scenario: its times count from now."""
        now = self.time_ns
        self._stops_per_hour = scenario.stops_per_hour
        self._faults_per_hour = scenario.faults_per_hour
        self._next_fault_ns = self._draw_next_fault(now)
        for planned in scenario.faults:
            start = now + round(planned.at_s * NS)
            end = None if planned.for_s is None else start + round(planned.for_s * NS)
            self.inject(Fault(planned.kind, planned.asset, start, end, planned.severity))

    # --- values ------------------------------------------------------------------------------

    def values(self) -> dict[str, Value]:
        """Present value of every signal by path, rounded to its sensor's resolution."""
        raw = self._raw()
        for fault in self._faults:
            if fault.active(self.time_ns) and fault.path in raw:
                raw[fault.path] = self._sensed(fault, raw[fault.path])
        values: dict[str, Value] = {}
        for signal in SIGNALS:
            value = raw[signal.path]
            values[signal.path] = (
                round(float(value), signal.digits) if signal.type == "double" else value
            )
        return values

    def write(self, path: str, value: float) -> None:
        """Set a writable signal. The machine follows its setpoint, it does not jump to it."""
        signal = BY_PATH.get(path)
        if signal is None or not signal.writable:
            raise NotWritableError(f"{path} is not writable")
        low, high = signal.low or 0.0, signal.high or 0.0
        if not low <= value <= high:
            raise OutOfRangeError(f"{path}: {value} is outside {low} to {high}")
        _, machine, name = path.split(".")
        self.machines[machine].write(name, float(value))

    def command(self, machine: str, command: Command) -> None:
        """Send a PackML command; IllegalCommandError when the machine cannot obey it now."""
        target = self.machines[machine]
        if not target.command(command):
            state = State(target.state.packml).name.capitalize()
            raise IllegalCommandError(
                f"{machine} is in state {state}, which does not allow {command.name.capitalize()}"
            )

    # --- faults ------------------------------------------------------------------------------

    def inject(self, fault: Fault) -> Fault:
        """Add a fault; returns it with its asset in short form. ValueError says what is wrong."""
        fault = checked(fault)
        self._faults.append(fault)
        return fault

    def clear(self, kind: str, asset: str) -> bool:
        """Repair: end every active fault of this kind on this asset. False when there is none."""
        asset = asset.removeprefix(f"{LINE}.")
        now = self.time_ns
        found = False
        for index, fault in enumerate(self._faults):
            if (fault.kind, fault.asset) == (kind, asset) and fault.active(now):
                self._faults[index] = Fault(kind, asset, fault.start_ns, now, fault.severity)
                found = True
        return found

    def truth(self) -> list[Truth]:
        """All faults so far and planned, with their times and the signals they move."""
        return [truth_of(fault) for fault in self._faults]

    # --- state as a value --------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Everything the line remembers, as plain JSON-ready values."""
        return {
            "format": STATE_FORMAT,
            "steps": self._steps,
            "start_ns": self.start_ns,
            "step_ns": self.step_ns,
            "stops_per_hour": self._stops_per_hour,
            "faults_per_hour": self._faults_per_hour,
            "next_fault_ns": self._next_fault_ns,
            "held": dict(self._held),
            "hall": asdict(self._hall),
            "orders": asdict(self.orders),
            "conveyors": [conveyor.level for conveyor in self.conveyors],
            "machines": {name: asdict(machine.state) for name, machine in self.machines.items()},
            "faults": [asdict(fault) for fault in self._faults],
            "generators": [g.bit_generator.state for g in self._generators()],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a saved state, whatever this line has done before."""
        if state["format"] != STATE_FORMAT:
            raise ValueError(f"state has format {state['format']}, expected {STATE_FORMAT}")
        if state["step_ns"] != self.step_ns:
            raise ValueError(f"state has steps of {state['step_ns']} ns, not {self.step_ns} ns")
        self._steps = state["steps"]
        self.start_ns = state["start_ns"]
        self._stops_per_hour = state["stops_per_hour"]
        self._faults_per_hour = state["faults_per_hour"]
        self._next_fault_ns = state["next_fault_ns"]
        self._held = dict(state["held"])
        self._hall = _Hall(**state["hall"])
        self.orders = OrderBook(**state["orders"])
        for conveyor, level in zip(self.conveyors, state["conveyors"], strict=True):
            conveyor.level = level
        for name, saved in state["machines"].items():
            copied = saved | {
                "specific": dict(saved["specific"]),
                "readings": dict(saved["readings"]),
            }
            self.machines[name].state = MachineState(**copied)
        self._faults = [Fault(**fault) for fault in state["faults"]]
        for generator, saved in zip(self._generators(), state["generators"], strict=True):
            generator.bit_generator.state = saved

    # --- inside ------------------------------------------------------------------------------

    def _generators(self) -> list[np.random.Generator]:
        return [self._noise, self._fates, *self._stops]

    def _step(self) -> None:
        self._steps += 1
        now = self.time_ns
        noise = self._noise.standard_normal(_LINE_NOISE + 5 * NOISE_PER_MACHINE).tolist()
        chances = self._noise.random(5).tolist()
        self._breathe(now, noise)
        self._random_faults(now)
        strengths: dict[str, dict[str, float]] = {name: {} for name in self.machines}
        for fault in self._faults:
            if fault.asset in strengths and fault.active(now):
                own = strengths[fault.asset]
                own[fault.kind] = own.get(fault.kind, 0.0) + fault.intensity(now)
        # From the end to the front: a bottle takes at least one step per machine.
        for index, machine in self._backwards:
            self._minor_stops(index, machine)
            first = _LINE_NOISE + index * NOISE_PER_MACHINE
            world = Surroundings(
                self._hall.ambient_shown,
                self._hall.air_shown,
                strengths[machine.design.name],
                noise[first : first + NOISE_PER_MACHINE],
                chances[index],
            )
            good = machine.step(world)
            if machine.after is None and good:
                self.orders.pack(good * BOTTLES_PER_CASE, now)
        self._hold_stuck_sensors(now)

    def _breathe(self, now: int, noise: list[float]) -> None:
        hall = self._hall
        hall.ambient = self._ambient.next(hall.ambient, noise[0])
        hall.air = self._air.next(hall.air, noise[1])
        hall.ambient_shown = _usual_ambient_c(now) + hall.ambient + 0.01 * noise[2]
        hall.air_shown = 6.2 + hall.air + 0.003 * noise[3]

    def _minor_stops(self, index: int, machine: Machine) -> None:
        rate = self._stops_per_hour
        state = machine.state
        if rate <= 0.0 or state.packml != State.EXECUTE:
            return
        rng = self._stops[index]
        if state.steps_to_stop < 0:
            state.steps_to_stop = max(1, round(rng.exponential(3600.0 / rate) / self._dt_s))
            return
        state.steps_to_stop -= 1
        if state.steps_to_stop == 0:
            first, second = machine.design.reasons
            reason = first if rng.random() < 0.7 else second
            machine.stop_for(2.0 + rng.exponential(_MINOR_STOP_MEAN_S), reason)
            state.steps_to_stop = -1

    def _draw_next_fault(self, after_ns: int) -> int | None:
        rate = self._faults_per_hour
        if rate <= 0.0:
            return None
        return after_ns + round(self._fates.exponential(3600.0 / rate) * NS)

    def _random_faults(self, now: int) -> None:
        if self._next_fault_ns is None or now < self._next_fault_ns:
            return
        kind, asset = CANDIDATES[int(self._fates.integers(len(CANDIDATES)))]
        lasts = round((60.0 + self._fates.exponential(120.0)) * NS)
        severity = round(float(self._fates.uniform(0.5, 1.2)), 2)
        self._next_fault_ns = self._draw_next_fault(now)
        if not any(f.asset == asset and f.active(now) for f in self._faults):
            self._faults.append(Fault(kind, asset, now, now + lasts, severity))

    def _hold_stuck_sensors(self, now: int) -> None:
        stuck = {f.path for f in self._faults if f.kind == "sensor_stuck" and f.active(now)}
        if stuck or self._held:
            raw = self._raw()
            self._held = {path: self._held.get(path, float(raw[path])) for path in sorted(stuck)}

    def _sensed(self, fault: Fault, value: Value) -> Value:
        """What a faulty sensor shows instead of `value`."""
        if fault.kind == "sensor_stuck":
            return self._held.get(fault.path, value)
        signal = BY_PATH[fault.path]
        low, high = signal.low or 0.0, signal.high or 0.0
        seconds = (self.time_ns - fault.start_ns) / NS
        drifted = float(value) + fault.severity * _DRIFT_SHARE_PER_S * (high - low) * seconds
        return min(high, drifted)

    def _raw(self) -> dict[str, Value]:
        values: dict[str, Value] = {}
        for name, machine in self.machines.items():
            prefix = f"{LINE}.{name}."
            for signal, value in machine.values().items():
                values[prefix + signal] = value
        for name, conveyor in zip(CONVEYORS, self.conveyors, strict=True):
            values[f"{LINE}.{name}.Level"] = conveyor.level
        now, orders = self.time_ns, self.orders
        values.update(
            {
                f"{LINE}.Order.OrderId": orders.current.id,
                f"{LINE}.Order.Product": orders.current.product,
                f"{LINE}.Order.LotId": orders.lot,
                f"{LINE}.Order.PlannedQuantity": orders.current.planned,
                f"{LINE}.Order.DoneQuantity": orders.done,
                f"{LINE}.Order.ScheduleDeviation": orders.deviation(now),
                f"{LINE}.Shift": shift(now),
                f"{LINE}.AmbientTemperature": self._hall.ambient_shown,
                f"{LINE}.AirPressure": self._hall.air_shown,
            }
        )
        return values


def _usual_ambient_c(time_ns: int) -> float:
    """Hall temperature of the time of day, °C."""
    return 22.0 + 2.0 * math.sin(2.0 * math.pi * (time_ns % _DAY_NS) / _DAY_NS - 2.2)
