"""One machine of the line: PackML state, drive, counters, and the bottles that pass through it.

Physics that all machines share. Speed follows its target; torque follows speed and load; current
follows torque; power is torque times speed; heat follows current squared with the motor's thermal
time constant. The load itself wanders, so torque, current, power and temperature move together:
a fault that breaks this pattern shows in the pattern long before any one value is out of range.

Nothing here draws a random number: noise comes in with every step, always the same amount, so that
two runs of one seed stay comparable sample by sample even when only one of them has a fault.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from gemel.virtual.packml import ACTING, Command, State, after
from gemel.virtual.signals import STOP_REASONS, Value

#: Normal random numbers that one machine takes per step.
NOISE_PER_MACHINE = 16
_DRIVE_NOISE = 7
_HUNTING_NOISE = NOISE_PER_MACHINE - 1
_RESTART_BOTTLES = 72
_THERMAL_S = 600.0
_MOTOR_RISE_K = 38.0
_OPERATOR = STOP_REASONS.index("Operator")
_TRIP = STOP_REASONS.index("DriveTrip")


@dataclass(frozen=True, slots=True)
class Wander:
    """A first order autoregressive disturbance with standard deviation `sd` and memory `tau_s`."""

    keep: float
    add: float

    @classmethod
    def of(cls, tau_s: float, sd: float, dt_s: float) -> "Wander":
        keep = math.exp(-dt_s / tau_s)
        return cls(keep, sd * math.sqrt(1.0 - keep * keep))

    def next(self, x: float, noise: float) -> float:
        return self.keep * x + self.add * noise


@dataclass(frozen=True, slots=True)
class Design:
    """Nameplate of a machine. Speeds in units/h; a unit is `bottles_per_unit` bottles.

    `regulation` says which conveyor trims the speed: 'after' slows down when the one after it
    fills, 'before' slows down when the one before it empties, 'leader' follows its setpoint.
    `reasons` are the stop reasons (indices into STOP_REASONS) of its minor stops.
    """

    name: str
    nominal: float
    setpoint: float
    bottles_per_unit: int
    regulation: str
    torque_nm: float
    omega_rad_s: float
    auxiliary_kw: float
    current_a: float
    reject_share: float
    reasons: tuple[int, int]
    specific: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Conveyor:
    """A buffer of bottles between two machines."""

    level: int
    capacity: int

    @property
    def fill(self) -> float:
        return self.level / self.capacity


@dataclass(slots=True)
class Surroundings:
    """What a machine sees of the world in one step."""

    ambient_c: float
    air_bar: float
    faults: dict[str, float]
    noise: Sequence[float]
    chance: float


@dataclass(slots=True)
class MachineState:
    """All that a machine remembers: plain values, so that a state can be saved and compared."""

    packml: int
    setpoint: float
    speed: float
    motor_c: float
    acting_steps: int = 0
    starved: bool = False
    blocked: bool = False
    stop_reason: int = 0
    repair_steps: int = 0
    steps_to_stop: int = -1
    progress: float = 0.0
    intake_bottles: int = 0
    produced: int = 0
    rejected: int = 0
    energy_kwh: float = 0.0
    load: float = 0.0
    jitter: float = 0.0
    hunting: float = 0.0
    specific: dict[str, float] = field(default_factory=dict)
    readings: dict[str, float] = field(default_factory=dict)


class Machine(ABC):
    """A machine between two conveyors; the first takes from, the last delivers to, the outside."""

    #: Setpoints other than speed: signal name → key in the specific state.
    setpoints: ClassVar[dict[str, str]] = {}

    def __init__(
        self, design: Design, before: Conveyor | None, after: Conveyor | None, dt_s: float
    ) -> None:
        self.design = design
        self.before = before
        self.after = after
        self.dt_s = dt_s
        self._load = Wander.of(4.0, 0.012, dt_s)
        self._jitter = Wander.of(1.5, 0.0012, dt_s)
        # Coupled machines hunt around their setpoint; a detector can learn from it what follows
        # speed and so is not surprised when a neighbour's trouble slows the machine down.
        self._hunting = Wander.of(25.0, 0.008, dt_s)
        self._follow = 1.0 - math.exp(-dt_s / 2.0)
        self._heat = 1.0 - math.exp(-dt_s / _THERMAL_S)
        self.state = MachineState(
            packml=State.EXECUTE,
            setpoint=design.setpoint,
            speed=design.nominal,
            motor_c=0.0,
            specific=dict(design.specific),
        )

    # --- what a fault, an operator or the line asks -------------------------------------------

    def command(self, command: Command) -> bool:
        """Obey a PackML command; False when the present state does not allow it.

        Suspend and Unsuspend follow from the flow of bottles and are not for the operator.
        """
        state = self.state
        if command in (Command.SUSPEND, Command.UNSUSPEND):
            return False
        following = after(State(state.packml), command)
        if following is None:
            return False
        state.repair_steps = 0
        if following in (State.HOLDING, State.STOPPING, State.ABORTING):
            state.stop_reason = _OPERATOR
        self._enter(following)
        return True

    def stop_for(self, seconds: float, reason: int) -> bool:
        """A minor stop: the machine holds and goes on by itself. False when it does not run."""
        state = self.state
        if state.packml != State.EXECUTE:
            return False
        state.stop_reason = reason
        state.repair_steps = max(1, round(seconds / self.dt_s))
        self._enter(State.HOLDING)
        return True

    def write(self, name: str, value: float) -> None:
        """Set 'SpeedSetpoint' or one of the machine's own setpoints; the range is checked."""
        if name == "SpeedSetpoint":
            self.state.setpoint = value
        else:
            self.state.specific[self.setpoints[name]] = value

    def warm_up(self, ambient_c: float) -> None:
        """Take the temperatures of a machine that has run for long: a run starts settled."""
        self.state.motor_c = ambient_c + _MOTOR_RISE_K

    # --- one step ----------------------------------------------------------------------------

    def step(self, world: Surroundings) -> int:
        """Advance by one step; returns the good units that left the machine."""
        state = self.state
        # One PackML change per step at most: a machine that has just started does not suspend yet.
        executed = state.packml == State.EXECUTE
        self._advance_packml()
        noise = world.noise
        state.load = self._load.next(state.load, noise[0])
        state.jitter = self._jitter.next(state.jitter, noise[1])
        state.hunting = self._hunting.next(state.hunting, noise[_HUNTING_NOISE])
        target = 0.0
        if self._turns():
            target = self._target() * self.slowdown(world) * (1.0 + state.hunting)
        state.speed += (target - state.speed) * self._follow
        if target == 0.0 and state.speed < 0.002 * self.design.nominal:
            state.speed = 0.0
        good = self._pass(world) if executed and state.packml == State.EXECUTE else 0
        self._drive(world)
        self.specific_step(world, noise[_DRIVE_NOISE:])
        return good

    def slowdown(self, world: Surroundings) -> float:
        """Factor on the speed by the machine's faults."""
        del world
        return 1.0

    def reject_share(self, world: Surroundings) -> float:
        """Share of units rejected now."""
        del world
        return self.design.reject_share

    def friction(self) -> float:
        """Extra torque as a share of the normal one."""
        return 0.0

    @abstractmethod
    def specific_step(self, world: Surroundings, noise: Sequence[float]) -> None:
        """Advance what only this kind of machine has, and write its readings."""

    @property
    def relative_speed(self) -> float:
        """Speed as a share of nominal, with the short wandering of a real drive."""
        return self.state.speed * (1.0 + self.state.jitter) / self.design.nominal

    def values(self) -> dict[str, Value]:
        """Present value of every signal of the machine, not yet rounded."""
        state = self.state
        values: dict[str, Value] = {
            "State": state.packml,
            "Starved": state.starved,
            "Blocked": state.blocked,
            "StopReason": state.stop_reason,
            "SpeedSetpoint": state.setpoint,
            "ProducedCount": state.produced,
            "RejectCount": state.rejected,
            "Energy": state.energy_kwh,
        }
        values.update(state.readings)
        for name, key in self.setpoints.items():
            values[name] = state.specific[key]
        return values

    def trip(self) -> None:
        """The drive's own protection: abort, until someone clears it."""
        if self.state.packml not in (State.ABORTING, State.ABORTED):
            self.state.stop_reason = _TRIP
            self._enter(State.ABORTING)

    # --- inside ------------------------------------------------------------------------------

    def _enter(self, packml: State) -> None:
        state = self.state
        state.packml = packml
        state.progress = 0.0
        state.acting_steps = max(1, round(ACTING[packml][0] / self.dt_s)) if packml in ACTING else 0
        if packml is State.EXECUTE:
            state.stop_reason = 0
        if packml not in (State.SUSPENDING, State.SUSPENDED):
            state.starved = False
            state.blocked = False

    def _advance_packml(self) -> None:
        state = self.state
        if state.acting_steps > 0:
            state.acting_steps -= 1
            if state.acting_steps == 0:
                self._enter(ACTING[State(state.packml)][1])
        elif state.packml == State.HELD and state.repair_steps > 0:
            state.repair_steps -= 1
            if state.repair_steps == 0:
                self._enter(State.UNHOLDING)
        elif state.packml == State.SUSPENDED and self._may_go_on():
            self._enter(State.UNSUSPENDING)

    def _may_go_on(self) -> bool:
        fed = self.before is None or self.before.level >= _RESTART_BOTTLES
        room = self.after is None or self.after.capacity - self.after.level >= _RESTART_BOTTLES
        return fed and room

    def _turns(self) -> bool:
        return self.state.packml in (
            State.EXECUTE,
            State.STARTING,
            State.UNHOLDING,
            State.UNSUSPENDING,
        )

    def _target(self) -> float:
        setpoint = self.state.setpoint
        regulation = self.design.regulation
        if regulation == "after" and self.after is not None:
            return setpoint * min(1.04, max(0.8, 1.0 + 0.3 * (0.5 - self.after.fill)))
        if regulation == "before" and self.before is not None:
            return setpoint * min(1.04, max(0.8, 1.0 + 0.3 * (self.before.fill - 0.5)))
        return setpoint

    def _pass(self, world: Surroundings) -> int:
        """Move whole units through the machine; suspend when there are none or no room."""
        state = self.state
        per_unit = self.design.bottles_per_unit
        state.progress += state.speed * (1.0 + state.jitter) * self.dt_s / 3600.0
        wanted = int(state.progress)
        if wanted == 0:
            return 0
        units = wanted
        if self.before is not None and self.before.level < units * per_unit:
            units = self.before.level // per_unit
            state.starved = True
        if self.after is not None and self.after.capacity - self.after.level < units * per_unit:
            units = (self.after.capacity - self.after.level) // per_unit
            state.blocked = True
        state.progress -= units
        rejected = 1 if units and world.chance < self.reject_share(world) * units else 0
        if self.before is not None:
            self.before.level -= units * per_unit
        if self.after is not None:
            self.after.level += (units - rejected) * per_unit
        state.intake_bottles += units * per_unit
        state.produced += units
        state.rejected += rejected
        if units < wanted:
            starved, blocked = state.starved, state.blocked
            self._enter(State.SUSPENDING)
            state.starved, state.blocked = starved, blocked
        return units - rejected

    def _drive(self, world: Surroundings) -> None:
        state, design, noise = self.state, self.design, world.noise
        relative = self.relative_speed
        turning = relative > 0.0
        torque = 0.0
        if turning:
            normal = design.torque_nm * (0.3 + 0.7 * relative) * (1.0 + state.load)
            torque = normal * (1.0 + self.friction())
        current = design.current_a * (0.08 + 0.92 * torque / design.torque_nm)
        auxiliary = design.auxiliary_kw * (1.0 if turning else 0.3)
        power = auxiliary + torque * design.omega_rad_s * relative / 900.0
        state.energy_kwh += power * self.dt_s / 3600.0
        rise = _MOTOR_RISE_K * (current / design.current_a) ** 2
        state.motor_c += (world.ambient_c + rise - state.motor_c) * self._heat
        shown = state.speed * (1.0 + state.jitter)
        state.readings.update(
            CurrentSpeed=max(0.0, shown * (1.0 + 0.0004 * noise[2])) if turning else 0.0,
            DriveTorque=torque * (1.0 + 0.003 * noise[3]),
            DriveCurrent=current * (1.0 + 0.002 * noise[4]),
            Power=power * (1.0 + 0.002 * noise[5]),
            MotorTemperature=state.motor_c + 0.05 * noise[6],
        )
