"""Units and their age as tasks about failures see them: counted by the twin, not in columns."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from gemel.core.errors import ConfigurationError
from gemel.core.table import Table
from gemel.core.time import DAY, HOUR, MINUTE, SECOND
from gemel.twin.learning.live.forms.base import digest
from gemel.twin.learning.live.rows import Rows

__all__ = ["LIFE_UNITS", "lived_settings", "lived_table"]

LIFE_UNITS: Final = {"s": SECOND, "min": MINUTE, "h": HOUR, "d": DAY}


def lived_settings(own: dict[str, Any]) -> dict[str, Any]:
    """A task's own settings with the columns of `lived_table`. Raises `ConfigurationError`."""
    for field in ("unit", "time", "ended"):
        if field in own:
            raise ConfigurationError(
                f"{field}: units and their age are counted by the twin; say with `failed` and "
                "`renewed` when one ends"
            )
    own = {"unit": "unit", "time": "age", "ended": "ended", "life_unit": "h", **own}
    if own["life_unit"] not in LIFE_UNITS:
        raise ConfigurationError(
            f"life_unit: '{own['life_unit']}' is not one of {', '.join(LIFE_UNITS)}"
        )
    return own


def lived_table(rows: Rows, life_unit: str, asset: str) -> Table:
    """Rows with the number of their unit, its age, and whether it has failed after its last row:
    one that was replaced, or still runs, has not."""
    columns: dict[str, Any] = {name: rows.value[:, i] for i, name in enumerate(rows.names)}
    columns["unit"] = rows.unit.astype(np.float64)
    columns["age"] = rows.age / LIFE_UNITS[life_unit]
    columns["ended"] = np.isin(rows.unit, list(rows.failed)).astype(np.float64)
    return Table(columns, digest(rows), f"history of {asset}")
