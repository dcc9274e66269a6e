"""The interface of drift detectors: they say since which row a stream is not what it was.

A detector is settings. `fit` looks at held-out values of the stream while all was well (losses of
rows that the model was not fitted on, or a feature) and gives a `DriftModel`, an immutable value;
`start` gives a running `DriftWatch`. After a renewal the stream is another one: fit on held-out
values of the new model.

Every detector is the largest value so far of some statistic, and a limit. The limit is set for a
wanted run length, not taken from a table: tables hold for independent normal values, and losses are
neither. Held-out values are drawn again in blocks, so that neighbours stay neighbours, as a
reference and as a stream that follows it; the limit is the one that as many of these streams cross
within the run length as would if false alarms came at random. That the reference itself is known
from few rows is part of the draw (Gandy and Kvaløy, Scand. J. Statistics 40 (2013) 647): with a
level known from 500 rows that depend on each other, a limit that trusts it alarms many times too
often.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Protocol, TypeAlias

import numpy as np
from pydantic import Field

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.core.kind import Part
from gemel.twin.learning.evaluation.dependent import block_length, draw_blocks

__all__ = ["Drift", "DriftModel", "DriftWatch", "Kernel"]

Kernel: TypeAlias = Callable[[Values, Values, Values, Values, float], tuple[int, float]]
"""(values, reference, numbers, memory, limit) to (row above the limit or -1, largest statistic).

It looks at the rows one by one, keeps all it remembers in `memory`, and stops at the row that is
above the limit; rows that are not finite leave the memory as it was.
"""

_LEAST: Final = 100
_STREAMS: Final = 400
_LONGEST: Final = 20_000
_VERSION: Final = 1


class DriftWatch(Protocol):
    """A running drift detector."""

    @property
    def rows(self) -> int:
        """Rows looked at since the start or the last reset, the one that said drift included."""
        ...

    @property
    def drifted(self) -> bool:
        """Whether drift was said. Then no further rows are looked at until `reset`."""
        ...

    def update(self, values: Values) -> int | None:
        """Look at float64[n], which follow those of the last call; NaN is unknown. The number of
        the first row among them that says drift; None if none does, or drift was said before."""
        ...

    def reset(self) -> None:
        """Forget the stream; reference and limit stay."""
        ...

    def state(self) -> dict[str, Any]:
        """A JSON-able value, with the version of its form."""
        ...


class Drift(Part):
    """Settings of a drift detector."""

    api: ClassVar[int] = 1

    run_length: int = Field(
        10_000, ge=100, le=1_000_000, description="Wanted rows between two false alarms"
    )
    seed: int = Field(0, ge=0, description="Of the streams that are drawn to set the limit")

    def fit(self, quiet: Values) -> DriftModel:
        """Set reference and limit on held-out values, float64[n] in the order of time.

        Raises `DataError` with fewer than 100 that are known, or where all are equal.
        """
        known = np.asarray(quiet, np.float64)
        known = known[np.isfinite(known)]
        n = len(known)
        if n < _LEAST:
            raise DataError(f"{n} held-out values are known, a drift detector needs {_LEAST}")
        if np.ptp(known) <= 1e-12 * max(float(np.abs(known).max()), 1e-300):
            raise DataError(
                f"all {n} held-out values are {known[0]:g}: nothing says how much is much; "
                "take a stream that moves, e.g. the logarithmic loss instead of errors"
            )
        kernel, numbers, memory = self._kernel(), self._numbers(), self._memory()
        # Twice as long as for the mean: an excursion of the statistic must fit in.
        block = min(2 * block_length(known), max(n // 5, 1))
        random = np.random.default_rng(self.seed)
        rows = min(self.run_length, _LONGEST)
        highest = np.empty(_STREAMS)
        for i in range(_STREAMS):
            reference = self._reference(known[draw_blocks(n, n, block, random)])
            stream = known[draw_blocks(n, rows, block, random)]
            highest[i] = kernel(stream, reference, numbers, memory.copy(), np.inf)[1]
        limit = float(np.quantile(highest, np.exp(-rows / self.run_length)))
        made = {
            "detector": self._kind,
            "held_out": n,
            "block": block,
            "run_length": self.run_length,
            "streams": _STREAMS,
            "rows_of_a_stream": rows,
            "source": "block bootstrap of held-out values, reference drawn too",
        }
        return DriftModel(kernel, numbers, memory, self._reference(known), limit, made)

    def load(self, saved: dict[str, Any]) -> DriftModel:
        """The model that `DriftModel.save` gave to a detector of the same settings.

        Raises `DataError` for anything else.
        """
        if (found := (saved.get("drift"), saved.get("version"))) != (self._kind, _VERSION):
            raise DataError(
                f"saved drift detector is {found[0]} version {found[1]}, must be {self._kind} "
                f"version {_VERSION}"
            )
        try:
            reference = np.array(saved["reference"], np.float64)
            limit, numbers = float(saved["limit"]), list(saved["numbers"])
            made = dict(saved["made"])
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"not a saved drift detector: {error}") from None
        if numbers != self._numbers().tolist():
            raise DataError(f"drift detector of other settings: {numbers}")
        return DriftModel(self._kernel(), self._numbers(), self._memory(), reference, limit, made)

    @property
    def _kind(self) -> str:
        return type(self).__module__.rpartition(".")[2]

    @abstractmethod
    def _kernel(self) -> Kernel:
        """What looks at the rows."""

    @abstractmethod
    def _numbers(self) -> Values:
        """The settings that the kernel is given."""

    @abstractmethod
    def _memory(self) -> Values:
        """What it remembers before the first row."""

    @abstractmethod
    def _reference(self, quiet: Values) -> Values:
        """What it takes from held-out values."""


@dataclass(frozen=True, slots=True, eq=False)
class DriftModel:
    """Reference and limit, and how they were come by."""

    kernel: Kernel
    numbers: Values
    memory: Values
    reference: Values
    limit: float
    made: dict[str, Any]

    def start(self, state: dict[str, Any] | None = None) -> DriftWatch:
        """Watch from the beginning, or from a state of the same model."""
        return _Watch(self, state)

    def save(self) -> dict[str, Any]:
        """A JSON-able value from which `Drift.load` makes the same model."""
        return {
            "drift": self.made["detector"],
            "version": _VERSION,
            "numbers": self.numbers.tolist(),
            "reference": self.reference.tolist(),
            "limit": self.limit,
            "made": self.made,
        }

    def evidence(self) -> dict[str, Any]:
        """Where reference and limit come from."""
        return self.made | {"limit": self.limit}


class _Watch:
    def __init__(self, model: DriftModel, state: dict[str, Any] | None) -> None:
        self._model = model
        self._memory = model.memory.copy()
        self._rows = 0
        self._drifted = False
        self._highest = 0.0
        if state is not None:
            memory = np.array(state.get("memory", ()), np.float64)
            if state.get("version") != _VERSION or memory.shape != self._memory.shape:
                raise DataError("state of another drift detector")
            self._memory, self._rows = memory, int(state["rows"])
            self._drifted, self._highest = bool(state["drifted"]), float(state["highest"])

    @property
    def rows(self) -> int:
        return self._rows

    @property
    def drifted(self) -> bool:
        return self._drifted

    @property
    def highest(self) -> float:
        """Largest statistic so far; drift is said above the model's limit."""
        return self._highest

    def update(self, values: Values) -> int | None:
        if self._drifted:
            return None
        model = self._model
        row, highest = model.kernel(
            np.ascontiguousarray(values, np.float64), model.reference, model.numbers, self._memory,
            model.limit,
        )  # fmt: skip
        self._highest = max(self._highest, highest)
        self._drifted = row >= 0
        self._rows += row + 1 if row >= 0 else len(values)
        return int(row) if row >= 0 else None

    def reset(self) -> None:
        self._memory = self._model.memory.copy()
        self._rows, self._drifted, self._highest = 0, False, 0.0

    def state(self) -> dict[str, Any]:
        return {
            "version": _VERSION, "memory": self._memory.tolist(), "rows": self._rows,
            "drifted": self._drifted, "highest": self._highest,
        }  # fmt: skip
