"""Files of lines that do not exist yet, and what is kept of playing them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from gemel import __version__
from gemel.core.errors import ConfigurationError, Damaged
from gemel.core.line.changes import line_hash
from gemel.runtime.experiments import File, Keeping, read_columns, refuse_other
from gemel.twin.planning.experiments.new_line import Design, Sampled, design_of

__all__ = ["KeepingDesign", "design_in", "kept_design", "protocol_of"]

_RATE: Final = "good_parts_per_hour"
_COST: Final = "cost_per_part"
_RAMP: Final = "ramp_up"


def design_in(file: File) -> Design:
    """The design of a file. Raises `ConfigurationError` with its line in the file."""
    try:
        return design_of(file.experiment, file.line)
    except ConfigurationError as error:
        place = ("new", "tolerances", error.where) if error.where else ()
        said = f"tolerance '{error.where}': {error.message}" if error.where else error.message
        raise ConfigurationError(said, file.where(*place)) from None


def protocol_of(design: Design) -> dict[str, Any]:
    """What must be the same for samples to belong together; the demand may change."""
    experiment, new = design.experiment, design.new
    told = new.model_dump(mode="json", by_alias=True)
    return {
        "format": 1,
        "gemel": __version__,
        "line": line_hash(design.line),
        "simulator": design.simulator,
        "tolerances": told["tolerances"],
        "samples": new.samples,
        "ramp_up": told["ramp_up"],
        "parts": experiment.play.parts,
        "horizon_ns": experiment.play.horizon,
        "warm_up": experiment.play.warm_up,
        "seed": experiment.play.seed,
        "start": told_start(experiment.play.start),
        "cost": experiment.cost.model_dump(),
        "prices": experiment.prices.model_dump(),
    }


def told_start(start: Any) -> Any:
    """A snapshot as plain data."""
    return None if start is None else start.model_dump(mode="json")


class KeepingDesign:
    """Writes what is played of a design into a file, as `Keeping` does."""

    def __init__(self, path: Path, design: Design) -> None:
        self._keeping = Keeping(path, protocol_of(design))
        self._last: Sampled | None = None

    def __call__(self, played: Sampled) -> None:
        self._last = played
        self._keeping(_columns(played))

    def write(self, record: dict[str, Any]) -> None:
        """All that it was given, with `record`, what it says where it is finished."""
        if self._last is not None:
            self._keeping.write(record if record["finished"] else {}, _columns(self._last))


def kept_design(path: Path, design: Design) -> Sampled | None:
    """What is kept in a file, None where there is none. Raises `ConfigurationError` where it was
    kept from something else, and `Damaged`."""
    if not path.exists():
        return None
    protocol, _, values = read_columns(path)
    refuse_other(path, protocol, protocol_of(design))
    try:
        (rate,), (cost,) = values[_RATE], values[_COST]
        ramp = np.array(values[_RAMP]).reshape(len(values[_RAMP]), design.weeks)
    except (KeyError, ValueError) as error:
        raise Damaged(f"{path}: is no kept design: {error}") from None
    if len(rate) != len(cost) or len(rate) > design.samples or len(ramp) > design.ramped:
        raise Damaged(f"{path}: {len(rate)} rates, {len(cost)} costs, {len(ramp)} ramps")
    return Sampled(rate, cost, ramp)


def _columns(played: Sampled) -> dict[str, list[Any]]:
    return {_RATE: [played.rate], _COST: [played.cost], _RAMP: list(played.ramp)}
