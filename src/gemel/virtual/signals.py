"""The signals of the line: one table with path, type, unit, range, alarm limits and resolution.

The model fills it and the server publishes it; a test or a benchmark reads it as ground truth.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from gemel.virtual.packml import State

LINE = "Line2"
MACHINES = ("Rinser", "Filler", "Capper", "Labeller", "Packer")
CONVEYORS = ("Conveyor1", "Conveyor2", "Conveyor3", "Conveyor4")
CONVEYOR_CAPACITY = 600
BOTTLES_PER_CASE = 24

ValueType = Literal["double", "uint32", "int32", "boolean", "string"]
Value = float | int | bool | str


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of measure: its UNECE Recommendation 20 common code, its symbol and its name."""

    code: str
    symbol: str
    name: str


CELSIUS = Unit("CEL", "°C", "degree Celsius")
BAR = Unit("BAR", "bar", "bar")
MILLILITRE = Unit("MLT", "ml", "millilitre")
LITRE_PER_MINUTE = Unit("L2", "l/min", "litre per minute")
SECOND = Unit("SEC", "s", "second")
AMPERE = Unit("AMP", "A", "ampere")
NEWTON = Unit("NEW", "N", "newton")
NEWTON_METRE = Unit("NU", "N·m", "newton metre")
MILLIMETRE_PER_SECOND = Unit("C16", "mm/s", "millimetre per second")
METRE_PER_SECOND_SQUARED = Unit("MSK", "m/s²", "metre per second squared")
KILOWATT = Unit("KWT", "kW", "kilowatt")
KILOWATT_HOUR = Unit("KWH", "kWh", "kilowatt hour")
# UNECE has no 'bottle per hour': the code says per hour, the symbol says of what.
BOTTLES_PER_HOUR = Unit("H10", "bottles/h", "bottles per hour")
CASES_PER_HOUR = Unit("H10", "cases/h", "cases per hour")
BOTTLES = Unit("H87", "bottles", "bottles (pieces)")
CASES = Unit("H87", "cases", "cases (pieces)")


@dataclass(frozen=True, slots=True)
class Signal:
    """What one variable is.

    `low`/`high` is the range it can take (EURange), `low_limit`/`high_limit` are the alarm
    limits, both in `unit`. A value is rounded to `digits` decimals, the sensor's resolution
    (negative: tens, hundreds), and counts as new only when the rounded value changed.
    """

    path: str
    description: str
    type: ValueType = "double"
    unit: Unit | None = None
    low: float | None = None
    high: float | None = None
    digits: int = 2
    low_limit: float | None = None
    high_limit: float | None = None
    enumeration: tuple[str, ...] = ()
    writable: bool = False

    @property
    def asset(self) -> str:
        """The object that owns the signal, for instance 'Line2.Filler'."""
        return self.path.rpartition(".")[0]

    @property
    def name(self) -> str:
        """The last part of the path, for instance 'FillLevel'."""
        return self.path.rpartition(".")[2]

    @property
    def numeric(self) -> bool:
        return self.type != "string"


STATES = tuple(state.name.capitalize() for state in State)
STOP_REASONS = (
    "None",
    "Operator",
    "DriveTrip",
    "FallenBottle",
    "BottleJam",
    "CapFeed",
    "LabelReel",
    "CartonFeed",
    "GuardOpen",
)


def _common(
    unit: Unit, count: Unit, speed: tuple[float, float, float], drive: tuple[float, float, float]
) -> Iterator[Signal]:
    """Signals every machine has. `speed`: range top and setpoint low/high; `drive`: tops."""
    top, least, most = speed
    torque, current, power = drive
    digits = -1 if top > 5_000 else 1
    yield Signal("State", "PackML state", "uint32", enumeration=STATES)
    yield Signal("Starved", "Suspended because the machine before it delivers nothing", "boolean")
    yield Signal("Blocked", "Suspended because there is no room after it", "boolean")
    yield Signal("StopReason", "Why the machine stands", "uint32", enumeration=STOP_REASONS)
    yield Signal("CurrentSpeed", "Actual speed", "double", unit, 0.0, top, digits)
    yield Signal(
        "SpeedSetpoint",
        "Speed the operator asks for",
        "double",
        unit,
        least,
        most,
        1,
        writable=True,
    )
    count_text = f"{count.symbol.capitalize()} processed since start, rejects included"
    yield Signal("ProducedCount", count_text, "uint32", count, 0, 4_294_967_295)
    yield Signal("RejectCount", f"Rejected {count.symbol}", "uint32", count, 0, 4_294_967_295)
    yield Signal("Power", "Electrical power", "double", KILOWATT, 0.0, power, 2)
    yield Signal("Energy", "Energy since start", "double", KILOWATT_HOUR, 0.0, 1e6, 3)
    yield Signal(
        "DriveCurrent", "Main drive current", "double", AMPERE, 0.0, current, 2,
        high_limit=0.9 * current,
    )  # fmt: skip
    yield Signal(
        "DriveTorque", "Main drive torque", "double", NEWTON_METRE, 0.0, torque, 1,
        high_limit=0.9 * torque,
    )  # fmt: skip
    yield Signal(
        "MotorTemperature", "Main drive winding", "double", CELSIUS, 0.0, 150.0, 1,
        high_limit=105.0,
    )  # fmt: skip


_BOTTLE_SPEED = (30_000.0, 6_000.0, 26_000.0)
_CASE_SPEED = (1_250.0, 250.0, 1_100.0)


def _owned(asset: str, *groups: Iterator[Signal] | tuple[Signal, ...]) -> list[Signal]:
    return [replace(signal, path=f"{asset}.{signal.path}") for group in groups for signal in group]


def _bottles(drive: tuple[float, float, float]) -> Iterator[Signal]:
    return _common(BOTTLES_PER_HOUR, BOTTLES, _BOTTLE_SPEED, drive)


def _table() -> Iterator[Signal]:
    yield from _owned(
        f"{LINE}.Rinser",
        _bottles((80.0, 12.0, 8.0)),
        (
            Signal("WaterPressure", "Rinse water pressure", "double", BAR, 0.0, 6.0, 3, 2.0, 4.5),
            Signal("WaterFlow", "Rinse water flow", "double", LITRE_PER_MINUTE, 0.0, 100.0, 1),
            Signal("WaterTemperature", "Rinse water", "double", CELSIUS, 0.0, 60.0, 2, 8.0, 35.0),
        ),
    )
    yield from _owned(
        f"{LINE}.Filler",
        _bottles((220.0, 30.0, 16.0)),
        (
            Signal("FillLevel", "Mean fill volume of the last turn of the carousel", "double",
                   MILLILITRE, 450.0, 550.0, 2, 494.0, 506.0),
            Signal("Valve14OpenTime", "Open time of valve 14", "double", SECOND,
                   0.0, 5.0, 3, 2.0, 2.8),
            Signal("MeanOpenTime", "Mean open time of all valves", "double", SECOND,
                   0.0, 5.0, 3, 2.0, 2.8),
            Signal("ProductTemperature", "Product at the bowl", "double", CELSIUS,
                   0.0, 40.0, 2, 4.0, 14.0),
            Signal("BowlPressure", "Filler bowl pressure", "double", BAR, 0.0, 4.0, 3, 1.4, 2.2),
            Signal("BowlPressureSetpoint", "Bowl pressure asked for", "double", BAR,
                   1.2, 2.4, 2, writable=True),
        ),
    )  # fmt: skip
    yield from _owned(
        f"{LINE}.Capper",
        _bottles((130.0, 18.0, 9.0)),
        (
            Signal("CapTorque", "Mean closing torque", "double", NEWTON_METRE,
                   0.0, 4.0, 3, 1.4, 2.3),
            Signal("CapTorqueSetpoint", "Closing torque asked for", "double", NEWTON_METRE,
                   1.2, 2.4, 2, writable=True),
            Signal("BearingTemperature", "Main bearing of the capping turret", "double", CELSIUS,
                   0.0, 120.0, 2, high_limit=75.0),
            Signal("VibrationRms", "Vibration velocity, RMS 10 Hz to 1 kHz", "double",
                   MILLIMETRE_PER_SECOND, 0.0, 20.0, 3, high_limit=4.5),
            Signal("BearingBand", "Envelope amplitude at the outer race defect frequency (BPFO)",
                   "double", METRE_PER_SECOND_SQUARED, 0.0, 10.0, 4, high_limit=1.0),
        ),
    )  # fmt: skip
    yield from _owned(
        f"{LINE}.Labeller",
        _bottles((80.0, 12.0, 8.0)),
        (
            Signal("GlueTemperature", "Hot melt at the roller", "double", CELSIUS,
                   0.0, 220.0, 2, 150.0, 180.0),
            Signal("GlueTemperatureSetpoint", "Hot melt temperature asked for", "double", CELSIUS,
                   140.0, 185.0, 1, writable=True),
            Signal("WebTension", "Label web tension", "double", NEWTON, 0.0, 60.0, 2, 15.0, 45.0),
        ),
    )  # fmt: skip
    yield from _owned(
        f"{LINE}.Packer",
        _common(CASES_PER_HOUR, CASES, _CASE_SPEED, (280.0, 36.0, 14.0)),
        (
            Signal("Vacuum", "Gripper vacuum, relative to ambient", "double", BAR,
                   -1.0, 0.0, 3, high_limit=-0.45),
        ),
    )  # fmt: skip
    for number, name in enumerate(CONVEYORS):
        text = f"Bottles between {MACHINES[number]} and {MACHINES[number + 1]}"
        yield Signal(f"{LINE}.{name}.Level", text, "uint32", BOTTLES, 0, CONVEYOR_CAPACITY)
    yield from _owned(
        f"{LINE}.Order",
        (
            Signal("OrderId", "Job order that runs", "string"),
            Signal("Product", "Product of the order", "string"),
            Signal("LotId", "Lot that is packed", "string"),
            Signal("PlannedQuantity", "Bottles to make", "uint32", BOTTLES, 0, 1e6),
            Signal("DoneQuantity", "Good bottles packed", "uint32", BOTTLES, 0, 1e6),
            Signal("ScheduleDeviation", "Bottles ahead (+) or behind (−) the plan", "int32",
                   BOTTLES, -1e6, 1e6),
        ),
    )  # fmt: skip
    yield from _owned(
        LINE,
        (
            Signal("Shift", "Name of the shift", "string"),
            Signal("AmbientTemperature", "Hall temperature", "double", CELSIUS, -10.0, 50.0, 2),
            Signal("AirPressure", "Compressed air", "double", BAR, 0.0, 10.0, 3, 5.4, 7.0),
        ),
    )


#: All signals of the line in a fixed order, and the same by path.
SIGNALS: tuple[Signal, ...] = tuple(_table())
BY_PATH: dict[str, Signal] = {signal.path: signal for signal in SIGNALS}
