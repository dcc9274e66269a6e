"""The five machines of the bottling line: what each has beyond its drive, and how it fails."""

import math
from collections.abc import Sequence
from typing import ClassVar

from gemel.virtual.machine import Conveyor, Design, Machine, Surroundings, Wander
from gemel.virtual.signals import BOTTLES_PER_CASE, STOP_REASONS

#: The filler leads; at this speed the line is in balance (bottles/h).
LINE_SPEED = 22_500.0
_NOMINAL_AIR_BAR = 6.2
_BEARING_RISE_K = 24.0


def _reasons(first: str, second: str) -> tuple[int, int]:
    return STOP_REASONS.index(first), STOP_REASONS.index(second)


class Rinser(Machine):
    """Rinses empty bottles. Water flow follows the root of the pressure and the speed."""

    def __init__(self, before: Conveyor | None, after: Conveyor | None, dt_s: float) -> None:
        super().__init__(_RINSER, before, after, dt_s)
        self._pressure = Wander.of(8.0, 0.03, dt_s)
        self._temperature = Wander.of(60.0, 0.3, dt_s)

    def specific_step(self, world: Surroundings, noise: Sequence[float]) -> None:
        own = self.state.specific
        own["pressure"] = self._pressure.next(own["pressure"], noise[0])
        own["temperature"] = self._temperature.next(own["temperature"], noise[1])
        demand = 0.4 + 0.6 * self.relative_speed
        lost = 0.8 * world.faults.get("rinser_pressure", 0.0)
        pressure = max(0.2, 3.2 + own["pressure"] - 0.15 * (demand - 1.0) - lost)
        self.state.readings.update(
            WaterPressure=pressure + 0.004 * noise[2],
            WaterFlow=55.0 * math.sqrt(pressure / 3.2) * demand * (1.0 + 0.004 * noise[3]),
            WaterTemperature=18.0 + own["temperature"] + 0.02 * noise[4],
        )


class Filler(Machine):
    """Fills by flow meter: valves stay open until the volume is in.

    Open time follows bowl pressure and the product's viscosity. A worn valve 14 closes late: its
    bottles are too full, the control slows the carousel, and the checkweigher rejects more. The
    wear matters less at lower speed, where the valve has more time to settle.
    """

    setpoints: ClassVar[dict[str, str]] = {"BowlPressureSetpoint": "pressure_setpoint"}

    def __init__(self, before: Conveyor | None, after: Conveyor | None, dt_s: float) -> None:
        super().__init__(_FILLER, before, after, dt_s)
        self._pressure = Wander.of(6.0, 0.012, dt_s)
        self._temperature = Wander.of(60.0, 0.2, dt_s)
        self._level = Wander.of(5.0, 0.35, dt_s)
        self._approach = 1.0 - math.exp(-dt_s / 5.0)

    def _wear(self, world: Surroundings) -> float:
        strength = world.faults.get("filler_valve", 0.0)
        slower = (1.0 - self.state.setpoint / self.design.setpoint) / 0.04
        return strength * (1.0 - 0.75 * min(1.0, max(0.0, slower)))

    def slowdown(self, world: Surroundings) -> float:
        return 1.0 - min(0.4, 0.045 * self._wear(world))

    def reject_share(self, world: Surroundings) -> float:
        return self.design.reject_share + 0.05 * self._wear(world)

    def specific_step(self, world: Surroundings, noise: Sequence[float]) -> None:
        own = self.state.specific
        own["pressure"] = self._pressure.next(own["pressure"], noise[0])
        own["temperature"] = self._temperature.next(own["temperature"], noise[1])
        own["level"] = self._level.next(own["level"], noise[2])
        own["bowl"] += (own["pressure_setpoint"] - own["bowl"]) * self._approach
        bowl = own["bowl"] + own["pressure"]
        product = 8.0 + own["temperature"]
        wear = self._wear(world)
        open_s = 2.4 * math.sqrt(1.8 / max(0.3, bowl)) * (1.0 - 0.006 * (product - 8.0))
        # No fault of the machine: another batch flows more slowly, and colder ones more so.
        thicker = world.faults.get("thicker_product", 0.0)
        open_s *= 1.0 + thicker * (0.03 - 0.01 * (product - 8.0))
        head = 14.0 * (bowl - 1.8)
        self.state.readings.update(
            FillLevel=500.0 + own["level"] + head + 3.6 * wear + 0.12 * noise[3],
            Valve14OpenTime=open_s * (1.0 + 0.09 * wear) + 0.004 * noise[4],
            MeanOpenTime=open_s * (1.0 + 0.09 * wear / 40.0) + 0.0015 * noise[5],
            ProductTemperature=product + 0.02 * noise[6],
            BowlPressure=bowl + 0.002 * noise[7],
        )


class Capper(Machine):
    """Closes bottles. Its turret runs on a bearing that can be damaged.

    Damage grows exponentially and faster at speed, as crack growth does: first the envelope at
    the outer race frequency rises, then the overall vibration, then friction (current) and heat.
    The time scale is compressed, hours become seconds, so that a whole failure fits in a demo.
    """

    setpoints: ClassVar[dict[str, str]] = {"CapTorqueSetpoint": "torque_setpoint"}
    _FIRST_DAMAGE: ClassVar[float] = 0.01
    _GROWTH_S: ClassVar[float] = 33.0
    _SEIZED: ClassVar[float] = 3.0

    def __init__(self, before: Conveyor | None, after: Conveyor | None, dt_s: float) -> None:
        super().__init__(_CAPPER, before, after, dt_s)
        self._closing = Wander.of(3.0, 0.010, dt_s)
        self._shake = Wander.of(2.0, 0.022, dt_s)
        self._bearing = 1.0 - math.exp(-dt_s / 120.0)

    def warm_up(self, ambient_c: float) -> None:
        super().warm_up(ambient_c)
        self.state.specific["bearing_c"] = ambient_c + _BEARING_RISE_K

    def friction(self) -> float:
        return 0.04 * self.state.specific["damage"]

    def specific_step(self, world: Surroundings, noise: Sequence[float]) -> None:
        own = self.state.specific
        relative = self.relative_speed
        own["closing"] = self._closing.next(own["closing"], noise[0])
        own["shake"] = self._shake.next(own["shake"], noise[1])
        damage = self._grow(world.faults.get("capper_bearing", 0.0), relative)
        warm = _BEARING_RISE_K * relative * (1.0 + 0.5 * self.state.load) + 16.0 * damage * relative
        own["bearing_c"] += (world.ambient_c + warm - own["bearing_c"]) * self._bearing
        together = 1.0 + own["shake"] + 0.8 * self.state.load
        base = 1.6 * relative**1.5 * together
        defect = 2.5 * damage * relative
        air = math.sqrt(max(0.1, world.air_bar) / _NOMINAL_AIR_BAR)
        closing = own["torque_setpoint"] * air * (1.0 + own["closing"]) if relative > 0.05 else 0.0
        band = 0.12 * relative * together + 0.9 * damage * relative
        self.state.readings.update(
            CapTorque=max(0.0, closing + 0.006 * noise[2]),
            BearingTemperature=own["bearing_c"] + 0.04 * noise[3],
            VibrationRms=math.hypot(base, defect) * (1.0 + 0.004 * noise[4]) + 0.03,
            BearingBand=band * (1.0 + 0.012 * noise[5]) + 0.004,
        )

    def _grow(self, strength: float, relative: float) -> float:
        own = self.state.specific
        if strength <= 0.0:
            own["damage"] = 0.0
        elif own["damage"] == 0.0:
            own["damage"] = self._FIRST_DAMAGE
        else:
            rate = strength * max(0.0, relative) ** 3 / self._GROWTH_S
            own["damage"] = min(self._SEIZED, own["damage"] * math.exp(rate * self.dt_s))
            if own["damage"] >= self._SEIZED:
                self.trip()
        return own["damage"]


class Labeller(Machine):
    """Glues labels with hot melt; cold glue means labels that come off, and rejects."""

    setpoints: ClassVar[dict[str, str]] = {"GlueTemperatureSetpoint": "glue_setpoint"}

    def __init__(self, before: Conveyor | None, after: Conveyor | None, dt_s: float) -> None:
        super().__init__(_LABELLER, before, after, dt_s)
        self._glue = Wander.of(15.0, 0.35, dt_s)
        self._tension = Wander.of(2.0, 0.4, dt_s)
        self._approach = 1.0 - math.exp(-dt_s / 60.0)

    def reject_share(self, world: Surroundings) -> float:
        del world
        cold = max(0.0, 157.0 - self.state.specific["glue_c"]) / 10.0
        return self.design.reject_share + min(0.5, 0.06 * cold)

    def specific_step(self, world: Surroundings, noise: Sequence[float]) -> None:
        own = self.state.specific
        own["glue"] = self._glue.next(own["glue"], noise[0])
        own["tension"] = self._tension.next(own["tension"], noise[1])
        target = own["glue_setpoint"] - 20.0 * world.faults.get("glue_cold", 0.0)
        own["glue_c"] += (target - own["glue_c"]) * self._approach
        tension = 22.0 + 8.0 * self.relative_speed * (1.0 + 0.5 * self.state.load)
        self.state.readings.update(
            GlueTemperature=own["glue_c"] + own["glue"] + 0.05 * noise[2],
            WebTension=max(0.0, tension + own["tension"] + 0.1 * noise[3]),
        )


class Packer(Machine):
    """Packs 24 bottles into a case with vacuum grippers. Its unit is the case."""

    def __init__(self, before: Conveyor | None, after: Conveyor | None, dt_s: float) -> None:
        super().__init__(_PACKER, before, after, dt_s)
        self._vacuum = Wander.of(2.5, 0.008, dt_s)

    def specific_step(self, world: Surroundings, noise: Sequence[float]) -> None:
        own = self.state.specific
        own["vacuum"] = self._vacuum.next(own["vacuum"], noise[0])
        ejector = 0.62 * math.sqrt(max(0.1, world.air_bar) / _NOMINAL_AIR_BAR)
        self.state.readings.update(Vacuum=-ejector + own["vacuum"] + 0.002 * noise[1])


_RINSER = Design(
    "Rinser", LINE_SPEED, 23_400.0, 1, "after", 42.0, 60.0, 1.1, 6.2, 0.0004,
    _reasons("FallenBottle", "BottleJam"), {"pressure": 0.0, "temperature": 0.0},
)  # fmt: skip
_FILLER = Design(
    "Filler", LINE_SPEED, LINE_SPEED, 1, "leader", 120.0, 45.0, 3.0, 15.5, 0.0015,
    _reasons("FallenBottle", "GuardOpen"),
    {"pressure": 0.0, "temperature": 0.0, "level": 0.0, "bowl": 1.8, "pressure_setpoint": 1.8},
)  # fmt: skip
_CAPPER = Design(
    "Capper", LINE_SPEED, 22_950.0, 1, "before", 68.0, 55.0, 0.8, 9.4, 0.0012,
    _reasons("CapFeed", "GuardOpen"),
    {"closing": 0.0, "shake": 0.0, "damage": 0.0, "bearing_c": 0.0, "torque_setpoint": 1.8},
)  # fmt: skip
_LABELLER = Design(
    "Labeller", LINE_SPEED, 23_600.0, 1, "before", 40.0, 60.0, 1.6, 6.0, 0.0018,
    _reasons("LabelReel", "BottleJam"),
    {"glue": 0.0, "tension": 0.0, "glue_c": 165.0, "glue_setpoint": 165.0},
)  # fmt: skip
_PACKER = Design(
    "Packer", LINE_SPEED / BOTTLES_PER_CASE, 1_000.0, BOTTLES_PER_CASE, "before", 150.0, 35.0,
    1.5, 19.0, 0.0008, _reasons("CartonFeed", "GuardOpen"), {"vacuum": 0.0},
)  # fmt: skip
