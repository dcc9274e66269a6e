"""The plant file: one file describes a plant.

These models are its schema, and the only source of its validation, help and reference. A plant file
may use types with placeholders, so that thousands of signals need a few lines; `Plant.expand`
gives the flat list that the runtime works with.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from gemel.core.catalogue import SignalType
from gemel.core.envelope import Envelope
from gemel.core.errors import ConfigurationError, did_you_mean
from gemel.core.settings import Settings
from gemel.core.time import Duration, zone

__all__ = [
    "Asset",
    "AssetType",
    "Command",
    "Plant",
    "PlantSignal",
    "Role",
    "Signal",
    "Site",
    "Specification",
]

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_PATH = re.compile(r"[^\s/\[\]{}*?][^/\[\]{}*?]*(/[^\s/\[\]{}*?][^/\[\]{}*?]*)*")


def _check_path(path: str) -> str:
    if not _PATH.fullmatch(path) or path != path.strip() or len(path) > 512:
        raise ValueError(f"'{path}' is not a path; write e.g. 'line2/filler' without *, ?, [ or {{")
    return path


def _check_zone(name: str) -> str:
    try:
        zone(name)
    except ConfigurationError as error:
        raise ValueError(str(error)) from None
    return name


Path: TypeAlias = Annotated[str, AfterValidator(_check_path)]

Role: TypeAlias = Literal[
    "run", "state", "speed", "count", "reject", "setpoint", "alarm", "energy", "power",
    "order", "product", "quality", "condition",
]  # fmt: skip
"""What a signal means for production: used by pages, machine states, KPIs and discovery."""

Level: TypeAlias = Literal["enterprise", "site", "area", "work_center", "work_unit"]
"""Levels of the ISA-95 (IEC 62264-1) equipment hierarchy."""


class Specification(Settings):
    """What a drawing, a recipe or a customer asks of a value."""

    lower: float | None = Field(None, description="Lower specification limit")
    upper: float | None = Field(None, description="Upper specification limit")
    target: float | None = Field(None, description="Where it should be")
    when: str = Field(
        "", description="Expression that is true while values count, e.g. \"state == 'Execute'\""
    )

    @property
    def limits(self) -> bool:
        """Whether there is any."""
        return self.lower is not None or self.upper is not None

    @model_validator(mode="after")
    def _consistent(self) -> Specification:
        ends = (self.lower, self.target, self.upper)
        known = [end for end in ends if end is not None]
        if known != sorted(set(known)):
            raise ValueError("lower, target and upper must rise")
        return self


class Signal(Settings):
    """One measured or set quantity of an asset."""

    title: str = Field("", description="Name for people; the key where it is empty")
    type: SignalType = Field("number", description="number, boolean, enumeration or text")
    unit: str = Field("", description="Unit of the value, e.g. 'mm/s', '°C', '1/h'")
    labels: dict[int, str] = Field({}, description="Words of an enumeration, by value")
    address: str = Field("", description="Where the connector finds it; the path if empty")
    role: Role | None = Field(None, description="What it means for production")
    range: tuple[float, float] | None = Field(
        None, description="Values that are physically possible; others become uncertain"
    )
    specification: Specification | None = Field(
        None, description="Limits of the product; the value is charted on the page Quality"
    )
    max_rate: float | None = Field(
        None, gt=0, description="Fastest possible change, in units per second"
    )
    flat_after: Duration | None = Field(
        None, gt=0, description="Uncertain when it has not moved for this long while good"
    )
    stale_after: Duration | None = Field(
        None, gt=0, description="Stale when no sample came for this long"
    )
    sample: Duration | None = Field(None, gt=0, description="Wanted sampling interval")
    deadband: float | None = Field(
        None, gt=0, description="Smallest change worth storing, in the signal's unit"
    )
    note: str = Field("", description="Anything worth knowing, e.g. why discovery chose it")

    @model_validator(mode="after")
    def _consistent(self) -> Signal:
        if self.range is not None and not self.range[0] < self.range[1]:
            raise ValueError(f"range {list(self.range)}: the first must be below the second")
        if self.specification is not None and self.type != "number":
            raise ValueError(f"specification is for a number, this is a {self.type}")
        if self.labels and self.type != "enumeration":
            raise ValueError(f"labels are for an enumeration, this is a {self.type}")
        return self


class Command(Settings):
    """Something that can be written. It is disarmed until a person arms it."""

    title: str = Field("", description="Name for people; the key where it is empty")
    signal: str = Field(description="The signal that is written and read back, of this asset")
    address: str = Field("", description="Where to write, if not at the signal's address")
    armed: bool = Field(False, description="Disarmed commands are listed and never sent")
    tolerance: float = Field(
        0.01, gt=0, description="Read-back within this fraction of the value confirms"
    )
    confirm_within: Duration = Field(
        10_000_000_000, gt=0, description="Read-back must confirm within this time"
    )
    watch: str = Field("", description="Expression that must stay true afterwards, else revert")
    watch_for: Duration = Field(60_000_000_000, gt=0, description="How long it is watched")
    envelope: Envelope = Field(Envelope(), description="What it may do at most")


class AssetType(Settings):
    """Signals and commands that many assets share; ``{name}`` is replaced per asset."""

    signals: dict[Path, Signal] = {}
    commands: dict[Path, Command] = {}


class Asset(Settings):
    """A machine, cell, line or plant."""

    # Factories: pydantic makes a deep copy of a default that is a dict, for each of many assets.
    title: str = Field("", description="Name for people; last part of the path where it is empty")
    level: Level | None = Field(None, description="Place in the ISA-95 hierarchy")
    type: str = Field("", description="Name of a type in `types`")
    values: dict[str, str] = Field(
        default_factory=dict, description="Values of the type's placeholders"
    )
    connector: str = Field("", description="Connector that its signals come from")
    after: tuple[str, ...] = Field((), description="Assets from which material flows to this one")
    ideal_rate: float | None = Field(
        None, gt=0, description="Planned run rate, in pieces per hour (1 / PRI of ISO 22400)"
    )
    signals: dict[Path, Signal] = Field(default_factory=dict)
    commands: dict[Path, Command] = Field(default_factory=dict)


class Site(Settings):
    """Where the plant stands: the upper levels of ISA-95, and how its clocks read."""

    enterprise: str = ""
    site: str = ""
    area: str = ""
    time_zone: Annotated[str, AfterValidator(_check_zone)] = Field(
        "UTC", description="IANA name; source times without offset are read in it"
    )


class Shift(Settings):
    """A shift of the week, in local time."""

    name: str
    start: str = Field(pattern=r"^\d\d:\d\d$", description="Local time, e.g. '06:00'")
    end: str = Field(pattern=r"^\d\d:\d\d$", description="Local time; before `start` = next day")
    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = (
        "mon", "tue", "wed", "thu", "fri",
    )  # fmt: skip


class Retention(Settings):
    """How much history is kept."""

    age: Duration | None = Field(None, gt=0, description="Segments older than this are removed")
    bytes: int | None = Field(None, gt=0, description="Oldest segments are removed above this")


PartSettings: TypeAlias = dict[str, Any]


class Plant(Settings):
    """A whole plant file. Sections of parts (connectors, detectors …) are checked by kind."""

    format: Literal[1] = Field(description="Version of the plant file's format")
    plant: Site = Site()
    connectors: dict[str, PartSettings] = Field({}, description="Where data come from, by name")
    types: dict[str, AssetType] = Field({}, description="Asset types with placeholders")
    assets: dict[Path, Asset] = Field({}, description="Machines, cells and lines, by path")
    features: dict[str, PartSettings] = Field(
        {}, description="What is told of windows of fast signals, by name"
    )
    detectors: dict[str, PartSettings] = Field({}, description="What notices, by name")
    tasks: dict[str, PartSettings] = Field({}, description="What is learned and told, by name")
    reasoners: dict[str, PartSettings] = Field({}, description="What proposes, by name")
    alarms: dict[str, PartSettings] = Field({}, description="ISA-18.2 alarms, by name")
    lines: dict[str, PartSettings] = Field({}, description="Lines to be played out, by name")
    schedules: dict[str, PartSettings] = Field({}, description="What is planned, by name")
    maintenance: dict[str, PartSettings] = Field({}, description="What is kept up, by name")
    supply: dict[str, PartSettings] = Field({}, description="Supply networks, by name")
    shifts: tuple[Shift, ...] = Field((), description="Shift calendar, in the plant's time zone")
    operations: PartSettings = Field({}, description="Meaning of states and counts, holidays")
    retention: Retention = Retention()

    def expand(self) -> tuple[PlantSignal, ...]:
        """Every signal of the plant, types applied, in the order of the file.

        Raises `ConfigurationError` where a name leads nowhere; its `where` is the dotted place.
        """
        found: list[PlantSignal] = []
        for path, asset in self.assets.items():
            place, first = f"assets.{path}", len(found)
            if asset.connector and asset.connector not in self.connectors:
                hint = did_you_mean(asset.connector, self.connectors)
                raise ConfigurationError(
                    f"no connector named '{asset.connector}'; {hint}", f"{place}.connector"
                )
            for before in asset.after:
                if before not in self.assets:
                    raise ConfigurationError(
                        f"no asset '{before}'; {did_you_mean(before, self.assets)}",
                        f"{place}.after",
                    )
            for key, signal in {**self._typed_signals(path, asset), **asset.signals}.items():
                whole = f"{path}/{key}"
                found.append(
                    PlantSignal(
                        path=whole,
                        asset=path,
                        connector=asset.connector,
                        address=signal.address or whole,
                        signal=signal,
                    )
                )
            commands = self.commands_of(path)
            known = [s.path[len(path) + 1 :] for s in found[first:]] if commands else []
            for key, command in commands.items():
                if command.signal not in known:
                    raise ConfigurationError(
                        f"no signal '{command.signal}' in '{path}'; "
                        f"{did_you_mean(command.signal, known)}",
                        f"{place}.commands.{key}.signal",
                    )
        return tuple(found)

    def commands_of(self, path: str) -> dict[str, Command]:
        """Commands of an asset, its type's included."""
        asset = self.assets[path]
        typed = self.types[asset.type].commands if asset.type in self.types else {}
        return {**typed, **asset.commands}

    def _typed_signals(self, path: str, asset: Asset) -> dict[str, Signal]:
        if not asset.type:
            return {}
        if asset.type not in self.types:
            if not self.types:
                return {}  # a word for people, such as 'filler'
            raise ConfigurationError(
                f"no type named '{asset.type}'; {did_you_mean(asset.type, self.types)}",
                f"assets.{path}.type",
            )
        values = {"asset": path, "name": path.rpartition("/")[2], **asset.values}

        def fill(text: str) -> str:
            def value(match: re.Match[str]) -> str:
                try:
                    return values[match[1]]
                except KeyError:
                    raise ConfigurationError(
                        f"'{text}' needs '{match[1]}'; {did_you_mean(match[1], values)}",
                        f"assets.{path}.values",
                    ) from None

            return _PLACEHOLDER.sub(value, text)

        found: dict[str, Signal] = {}
        for key, signal in self.types[asset.type].signals.items():
            texts = {name: getattr(signal, name) for name in ("address", "title", "unit")}
            # What has no placeholder is one frozen value for all assets of the type.
            if any("{" in text for text in texts.values()):
                filled = {name: fill(text) for name, text in texts.items()}
                found[fill(key)] = signal.model_copy(update=filled)
            else:
                found[fill(key)] = signal
        return found


@dataclass(frozen=True, slots=True)
class PlantSignal:
    """A signal with its place: what the runtime subscribes, checks and stores."""

    path: str
    asset: str
    connector: str
    address: str
    signal: Signal
    told_by: str = ""
    """The task that estimates it; empty for what is measured."""
