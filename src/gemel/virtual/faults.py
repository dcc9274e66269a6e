"""Faults with ground truth: what can go wrong, where, from when to when, and what it moves.

A fault is data. Its strength at a time is a pure function of that time, so that a run can be cut,
saved and replayed; only the wear of a bearing has a memory, and that lives in the capper.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from difflib import get_close_matches

from gemel.virtual.signals import BY_PATH, LINE

NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class FaultKind:
    """What a kind of fault does.

    `assets`: machines that can have it; empty for faults of a sensor, whose asset is a signal.
    `ramp_s`: seconds until it has its full strength. `primary`: signals that show it, which a
    diagnosis should name. `secondary`: further signals of the same machine that follow.
    `spreads`: whether it changes the flow of bottles and so, slowly, the rest of the line.
    """

    name: str
    assets: tuple[str, ...]
    ramp_s: float
    primary: tuple[str, ...]
    secondary: tuple[str, ...]
    spreads: bool


_DRIVE = ("DriveTorque", "DriveCurrent", "Power", "Energy", "MotorTemperature")

KINDS: dict[str, FaultKind] = {
    kind.name: kind
    for kind in (
        FaultKind(
            "filler_valve",
            ("Filler",),
            40.0,
            ("Valve14OpenTime", "FillLevel", "CurrentSpeed", "RejectCount"),
            ("MeanOpenTime", "ProducedCount", "State", "Starved", "Blocked", *_DRIVE),
            True,
        ),
        FaultKind(
            "capper_bearing",
            ("Capper",),
            0.0,
            ("BearingBand", "VibrationRms", "BearingTemperature", "DriveCurrent"),
            ("DriveTorque", "Power", "Energy", "MotorTemperature"),
            False,
        ),
        FaultKind(
            "glue_cold",
            ("Labeller",),
            5.0,
            ("GlueTemperature", "RejectCount"),
            (),
            True,
        ),
        FaultKind(
            "rinser_pressure",
            ("Rinser",),
            20.0,
            ("WaterPressure", "WaterFlow"),
            (),
            False,
        ),
        FaultKind(
            "thicker_product",
            ("Filler",),
            10.0,
            ("MeanOpenTime", "Valve14OpenTime"),
            (),
            False,
        ),
        FaultKind("sensor_stuck", (), 0.0, (), (), False),
        FaultKind("sensor_drift", (), 0.0, (), (), False),
    )
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: `asset` is a machine ('Filler') or, for a sensor fault, its signal
    ('Filler.FillLevel'); `end_ns` is None while nobody repaired it; severity 1 is typical."""

    kind: str
    asset: str
    start_ns: int
    end_ns: int | None = None
    severity: float = 1.0

    def active(self, time_ns: int) -> bool:
        return self.start_ns <= time_ns and (self.end_ns is None or time_ns < self.end_ns)

    def intensity(self, time_ns: int) -> float:
        """Strength at `time_ns`: 0 outside, rising to `severity` over the kind's ramp."""
        if not self.active(time_ns):
            return 0.0
        ramp_s = KINDS[self.kind].ramp_s
        if ramp_s <= 0.0:
            return self.severity
        return self.severity * min(1.0, (time_ns - self.start_ns) / (ramp_s * NS))

    @property
    def path(self) -> str:
        return f"{LINE}.{self.asset}"


@dataclass(frozen=True, slots=True)
class Truth:
    """What a test may hold a detector or a diagnosis to: the fault and the paths it moves."""

    fault: Fault
    signals: tuple[str, ...]
    consequences: tuple[str, ...]
    spreads: bool


def checked(fault: Fault) -> Fault:
    """The fault with its asset in short form; ValueError says what would have worked."""
    if fault.kind not in KINDS:
        raise ValueError(_unknown("kind of fault", fault.kind, KINDS))
    asset = fault.asset.removeprefix(f"{LINE}.")
    kind = KINDS[fault.kind]
    if not 0.0 < fault.severity <= 10.0:
        raise ValueError(f"severity is {fault.severity}, must be above 0 and at most 10")
    if kind.assets:
        if asset not in kind.assets:
            raise ValueError(_unknown(f"asset for {kind.name}", asset, kind.assets))
    else:
        sensors = [
            signal.path.removeprefix(f"{LINE}.")
            for signal in BY_PATH.values()
            if signal.type == "double" and not signal.writable
        ]
        if asset not in sensors:
            raise ValueError(_unknown(f"sensor for {kind.name}", asset, sensors))
    return replace(fault, asset=asset)


def truth_of(fault: Fault) -> Truth:
    kind = KINDS[fault.kind]
    if not kind.assets:
        return Truth(fault, (fault.path,), (), False)
    return Truth(
        fault,
        tuple(f"{fault.path}.{name}" for name in kind.primary),
        tuple(f"{fault.path}.{name}" for name in kind.secondary),
        kind.spreads,
    )


def _unknown(what: str, found: str, known: Iterable[str]) -> str:
    names = list(known)
    close = get_close_matches(found, names, n=1, cutoff=0.4)
    if close:
        return f"no {what} named '{found}'; did you mean '{close[0]}'?"
    return f"no {what} named '{found}'; known: {', '.join(names[:8])}"


#: Where random faults may strike: kind, asset.
CANDIDATES: tuple[tuple[str, str], ...] = (
    ("filler_valve", "Filler"),
    ("capper_bearing", "Capper"),
    ("glue_cold", "Labeller"),
    ("rinser_pressure", "Rinser"),
    ("sensor_stuck", "Filler.ProductTemperature"),
    ("sensor_drift", "Rinser.WaterPressure"),
    ("sensor_drift", "Capper.BearingTemperature"),
)
