"""Supply networks of a plant file: every name in them known, every file readable."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gemel.core.errors import ConfigurationError, DataError, did_you_mean
from gemel.core.plant import Plant

if TYPE_CHECKING:
    from gemel.twin.planning.supply.settings import SupplySettings

__all__ = ["build_supply", "supplies"]


def build_supply(_: str, settings: dict[str, Any]) -> SupplySettings:
    """Raises `ConfigurationError`."""
    # Compiled, and most plants have no supply file.
    from gemel.twin.planning.supply.settings import SupplySettings

    return SupplySettings.read(settings)


def supplies(
    plant: Plant, paths: Collection[str], folder: Path, where: Callable[[tuple[str, ...]], str]
) -> dict[str, SupplySettings]:
    """The networks, with every name in them known and every file readable."""
    found = {name: build_supply(name, s) for name, s in plant.supply.items()}
    for name, settings in found.items():
        from gemel.runtime.supply_files import read_supply

        place: tuple[str, ...] = ("supply", name)
        try:
            stages = read_supply(folder / settings.file).supply.stages
        except (ConfigurationError, DataError) as error:
            raise ConfigurationError(f"supply '{name}': {error}", where((*place, "file"))) from None
        for stage, path in settings.stock.items():
            for what, given, known in (("stage", stage, stages), ("signal", path, paths)):
                if given not in known:
                    raise ConfigurationError(
                        f"supply '{name}': no {what} '{given}'; {did_you_mean(given, known)}",
                        where((*place, "stock", stage)),
                    )
    return found
