"""Maintenance of a plant file: every name in it known, every file readable."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gemel.core.errors import ConfigurationError, DataError, did_you_mean
from gemel.core.plant import Plant
from gemel.core.time import parse_time

if TYPE_CHECKING:
    from gemel.twin.planning.upkeep.settings import MaintenanceSettings

__all__ = ["build_upkeep", "upkeeps"]


def build_upkeep(_: str, settings: dict[str, Any]) -> MaintenanceSettings:
    """Raises `ConfigurationError`."""
    # Compiled, and most plants have no maintenance file.
    from gemel.twin.planning.upkeep.settings import MaintenanceSettings

    return MaintenanceSettings.read(settings)


def upkeeps(
    plant: Plant, paths: Collection[str], folder: Path, where: Callable[[tuple[str, ...]], str]
) -> dict[str, MaintenanceSettings]:
    """What is kept up, with every name in it known and every file readable."""
    found = {name: build_upkeep(name, s) for name, s in plant.maintenance.items()}
    for name, settings in found.items():
        from gemel.runtime.upkeep_files import read_upkeep

        place: tuple[str, ...] = ("maintenance", name)
        try:
            known = read_upkeep(folder / settings.file).upkeep.assets
        except (ConfigurationError, DataError) as error:
            raise ConfigurationError(
                f"maintenance '{name}': {error}", where((*place, "file"))
            ) from None
        if settings.schedule and settings.schedule not in plant.schedules:
            raise ConfigurationError(
                f"maintenance '{name}': no schedule '{settings.schedule}'; "
                f"{did_you_mean(settings.schedule, plant.schedules)}", where((*place, "schedule")),
            )  # fmt: skip
        for key, seat in settings.assets.items():
            here = (*place, "assets", key)
            ends = [f"{seat.life}{side}" for side in ("", "_low", "_high")] if seat.life else []
            names: list[tuple[str, str, str, Collection[str]]] = [
                ("asset of the file", key, "", known),
                ("asset", seat.asset, "asset", plant.assets),
                *(("signal", end, "life", paths) for end in ends),
            ]  # fmt: skip
            for what, given, field_name, all_names in names:
                if given not in all_names:
                    raise ConfigurationError(
                        f"maintenance '{name}', asset '{key}': no {what} '{given}'; "
                        f"{did_you_mean(given, all_names)}",
                        where((*here, field_name) if field_name else here),
                    )
            if seat.since:
                try:
                    parse_time(seat.since)
                except ConfigurationError as error:
                    raise ConfigurationError(
                        f"maintenance '{name}', asset '{key}': since: {error}",
                        where((*here, "since")),
                    ) from None
    return found
