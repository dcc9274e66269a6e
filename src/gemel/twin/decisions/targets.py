"""What can be commanded: the commands of a plant file, with their names resolved and checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gemel.core.envelope import Envelope, Setting
from gemel.core.errors import ConfigurationError, DataError
from gemel.core.expression import Boolean, Program, compile_expression
from gemel.core.plant import Command, Plant, PlantSignal
from gemel.twin.mirror.names import Names, Resolver

__all__ = ["Condition", "Target", "targets"]


@dataclass(frozen=True, slots=True)
class Condition:
    """A checked expression, and the number of the signal behind each of its names."""

    program: Program
    inputs: Mapping[str, int]

    @property
    def text(self) -> str:
        """As it stands in the plant file."""
        return self.program.text


@dataclass(frozen=True, slots=True)
class Target:
    """One command of the plant: where it writes, what it reads back, what bounds it."""

    path: str
    asset: str
    title: str
    connector: str
    address: str
    signal: str
    number: int
    type: str
    unit: str
    settings: Command
    labels: Mapping[int, str] = field(default_factory=dict)
    interlocks: tuple[Condition, ...] = ()
    watch: Condition | None = None

    @property
    def envelope(self) -> Envelope:
        """What it may do at most."""
        return self.settings.envelope

    def encode(self, value: Setting) -> tuple[Setting, str]:
        """What is written for a proposed value, and its label if it has one. Raises `DataError`."""
        if self.type == "text":
            if not isinstance(value, str):
                raise DataError(f"{self.path} takes a text, found {value!r}")
            return value, ""
        if self.type == "enumeration":
            if not isinstance(value, str):
                return float(value), self.label(value)
            codes = [code for code, label in self.labels.items() if label == value]
            if not codes:
                known = ", ".join(self.labels.values()) or "none"
                raise DataError(f"'{value}' is not a label of {self.path}; known: {known}")
            return float(codes[0]), value
        if isinstance(value, str):
            raise DataError(f"{self.path} takes a {self.type}, found the text '{value}'")
        if self.type == "boolean":
            if value not in (0, 1):
                raise DataError(f"{self.path} takes true or false, found {value!r}")
            return bool(value), ""
        return float(value), ""

    def label(self, value: Setting) -> str:
        """The enumeration's word for a value, if it has one."""
        if self.type != "enumeration" or isinstance(value, str):
            return ""
        return self.labels.get(int(value), "")

    def matches(self, shown: Setting, value: Setting, previous: Setting | None) -> bool:
        """Whether read-back shows the value: equal, or for a number within the tolerance and
        nearer to it than to what was there before."""
        if self.type != "number" or isinstance(shown, str) or isinstance(value, str):
            return shown == value
        off = abs(shown - value)
        if previous is None or isinstance(previous, str):
            return off <= self.settings.tolerance * abs(value)
        span = max(abs(value), abs(value - previous))
        nearer = off < abs(shown - previous) or previous == value
        return off <= self.settings.tolerance * span and nearer


def targets(
    plant: Plant, signals: Iterable[PlantSignal], numbers: Mapping[str, int]
) -> dict[str, Target]:
    """Every command of a plant by its path. Raises `ConfigurationError` with the dotted place."""
    index = Names(signals)
    found: dict[str, Target] = {}
    for asset in plant.assets:
        names = Resolver(index, asset)
        for key, command in plant.commands_of(asset).items():
            signal = index.signals[f"{asset}/{command.signal}"]
            place = f"assets.{asset}.commands.{key}"

            def condition(text: str, where: str, names: Resolver = names) -> Condition:
                try:
                    program = compile_expression(text, names, known=names.known, expect=Boolean)
                except ConfigurationError as error:
                    raise ConfigurationError(f"`{text}`: {error}", where) from None
                inputs = {name: numbers[names.path(name)] for name in program.inputs}
                return Condition(program, inputs)

            path = f"{asset}/{key}"
            found[path] = Target(
                path=path,
                asset=asset,
                title=command.title or key,
                connector=signal.connector,
                address=command.address or signal.address,
                signal=signal.path,
                number=numbers[signal.path],
                type=signal.signal.type,
                unit=signal.signal.unit,
                labels=dict(signal.signal.labels),
                settings=command,
                interlocks=tuple(
                    condition(text, f"{place}.envelope.interlocks")
                    for text in command.envelope.interlocks
                ),
                watch=condition(command.watch, f"{place}.watch") if command.watch else None,
            )
    return found
