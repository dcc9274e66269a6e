"""Schedules of a plant file: every name in them known, every file readable."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gemel.core.errors import ConfigurationError, did_you_mean
from gemel.core.line import Line
from gemel.core.plant import Plant
from gemel.parts.connectors.base import Connector
from gemel.runtime.clock import system_clock

if TYPE_CHECKING:
    from gemel.twin.planning.plans.jobs import Sending
    from gemel.twin.planning.plans.settings import PlanSettings

__all__ = ["build_schedule", "schedules"]


def build_schedule(_: str, settings: dict[str, Any]) -> PlanSettings:
    """Raises `ConfigurationError`."""
    # Compiled, and most plants have no schedule.
    from gemel.twin.planning.plans.settings import PlanSettings

    return PlanSettings.read(settings)


def schedules(
    plant: Plant, lines: Mapping[str, Line], paths: Collection[str], folder: Path,
    where: Callable[[tuple[str, ...]], str], connectors: Mapping[str, Connector],
) -> dict[str, PlanSettings]:  # fmt: skip
    """The schedules, with every name in them known and every file readable."""
    found = {name: build_schedule(name, s) for name, s in plant.schedules.items()}
    for name, settings in found.items():
        from gemel.parts.solvers.scheduling import problem_of
        from gemel.runtime.schedules import read_description

        place: tuple[str, ...] = ("schedules", name)
        try:
            described = read_description(
                folder / settings.file, system_clock(), plant.plant.time_zone
            )
            problem_of(described)
        except ConfigurationError as error:
            at = f"{error.where}: " if error.where else ""
            raise ConfigurationError(
                f"schedule '{name}': {at}{error.message}", where((*place, "file"))
            ) from None
        for machine, seat in settings.machines.items():
            here = (*place, "machines", machine)
            known: tuple[tuple[str, str, str, Collection[str]], ...] = (
                ("machine", machine, "", described.machines), ("asset", seat.asset, "asset",
                plant.assets), ("line", seat.line, "line", lines), ("signal", seat.done, "done",
                paths),
            )  # fmt: skip
            for what, given, field_name, names in known:
                if given and given not in names:
                    raise ConfigurationError(
                        f"schedule '{name}', machine '{machine}': no {what} '{given}'; "
                        f"{did_you_mean(given, names)}",
                        where((*here, field_name) if field_name else here),
                    )
        for way, sending in settings.send.items():
            field, sentence = _wrong_way(sending, connectors, described.machines)
            if sentence:
                raise ConfigurationError(
                    f"schedule '{name}', send '{way}': {sentence}",
                    where((*place, "send", way, field)),
                )
    return found


def _wrong_way(
    sending: Sending, connectors: Mapping[str, Connector], machines: Collection[str]
) -> tuple[str, str]:
    """The field that is wrong, and why; empty if none is."""
    connector = connectors.get(sending.connector)
    if connector is None:
        hint = did_you_mean(sending.connector, connectors)
        return "connector", f"no connector '{sending.connector}'; {hint}"
    takes = type(connector).takes_jobs
    if not takes:
        return "connector", (
            f"connector '{sending.connector}' takes no job orders; those of kind 'opcua' and 'erp' "
            "do"
        )
    if takes == "machine" and not sending.receiver:
        return "connector", "name the `receiver`, e.g. '/Line2/JobOrderControl'"
    if takes == "system" and sending.receiver:
        return "receiver", "a business system has no receiver; its connector has the `url`"
    for machine in sending.machines:
        if machine not in machines:
            return "machines", f"no machine '{machine}'; {did_you_mean(machine, machines)}"
    return "", ""
