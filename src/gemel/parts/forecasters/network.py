"""A network that was trained elsewhere and that the user brings as an ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt
from pydantic import Field, field_validator

from gemel.core.errors import ConfigurationError, DataError
from gemel.core.frame import Values
from gemel.core.network import first_line, opened
from gemel.parts.forecasters._conformal import Calibrated, CalibratedModel, Learned
from gemel.parts.forecasters.base import Panel

__all__ = ["Network"]

_AT_ONCE: Final = 64
"""Histories in one call of the network."""


class Network(Calibrated):
    """Forecasts of a network in ONNX form, such as a foundation model for time series.

    `file` takes the newest rows of each series, float32 (series, rows), and gives what follows:
    (series, steps), or with quantiles (series, quantiles, steps) or (series, steps, quantiles),
    whose levels `told` names. Rows are put in units of their own mean and standard deviation
    before, and what comes back is brought from them again. Nothing is trained and nothing
    downloaded: the file must be there, and be the same when the model is used, since what is saved
    has its hash alone.

    Bands are ours, from errors on held-out rows, as of every forecaster here: those of a network
    that never saw this plant promise nothing. Quantiles that the network tells are what bands are
    put around, where it tells those of `levels`.

    Gaps are filled by straight lines, and the newest unknown rows by the last known value; a
    history shorter than the network's is preceded by its own first value.
    """

    kind: ClassVar[str] = "network"

    file: Path = Field(description="The network, an ONNX file")
    rows: int = Field(
        512, ge=2, le=100_000, description="Rows it is given, where it leaves their number open"
    )
    told: tuple[float, ...] = Field(
        (),
        description="Levels of the quantiles that it tells, rising; none if it tells no quantile",
    )

    @field_validator("told")
    @classmethod
    def _with_a_median(cls, told: tuple[float, ...]) -> tuple[float, ...]:
        if told and (list(told) != sorted(set(told)) or 0.5 not in told):
            raise ValueError(f"levels must rise, and 0.5 be among them; they are {list(told)}")
        return told

    def _least(self) -> int:
        return max(8, self.season)

    def _learn(self, history: Panel) -> Learned:
        session, digest = self._network()
        return {
            "sha256": np.frombuffer(bytes.fromhex(digest), np.uint8),
            "steps": self._steps(session),
        }

    def load(self, saved: dict[str, Any]) -> CalibratedModel:
        model = super().load(saved)
        _, digest = self._network()
        kept = bytes(np.asarray(model.learned["sha256"], np.uint8)).hex()
        if kept != digest:
            raise DataError(
                f"{self.file} is another network than the model was fitted with (sha256 "
                f"{digest[:12]} instead of {kept[:12]}); bring it back, or fit again"
            )
        return model

    def _made(self, learned: Learned) -> dict[str, Any]:
        return {"network": bytes(learned["sha256"]).hex(), "steps": int(learned["steps"])}

    def _paths(
        self, learned: Learned, history: Panel, origins: npt.NDArray[np.int64], horizon: int
    ) -> Values:
        session, _ = self._network()
        rows = self._rows(session)
        s, levels = len(history.value), self.levels if set(self.levels) <= set(self.told) else ()
        found = np.full((s, len(origins), horizon, 1 + len(levels)), np.nan)
        asked = [(i, o) for i in range(s) for o in range(len(origins))]
        for begin in range(0, len(asked), _AT_ONCE):
            some = asked[begin : begin + _AT_ONCE]
            past = np.stack([_context(history.value[i, : origins[o]], rows) for i, o in some])
            there: npt.NDArray[np.bool_] = np.asarray(np.isfinite(past).all(axis=1))
            if not there.any():
                continue
            shift = past[there].mean(axis=1)[:, None, None]
            scale = past[there].std(axis=1)[:, None, None]
            scale = np.where(scale > 0, scale, 1.0)
            unit = ((past[there] - shift[:, 0]) / scale[:, 0]).astype(np.float32)
            told = self._asked(session, unit)[:, :horizon].astype(np.float64) * scale + shift
            middle = self.told.index(0.5) if self.told else 0
            columns = [middle, *(self.told.index(level) for level in levels)]
            for (i, o), one in zip(
                [pair for pair, known in zip(some, there, strict=True) if known], told, strict=True
            ):
                found[i, o] = one[:, columns]
        return found

    def _asked(self, session: Any, unit: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """float32[m, steps, q] of float32[m, rows]."""
        try:
            (told, *_) = session.run(None, {session.get_inputs()[0].name: unit})
        except Exception as error:  # noqa: BLE001 - the runtime raises its own, and nearly any
            raise DataError(f"{self.file}: the network fails: {first_line(error)}") from None
        told = np.asarray(told)
        q = max(len(self.told), 1)
        if told.ndim == 2 and not self.told:
            told = told[:, :, None]
        elif told.ndim == 3 and told.shape[2] != q and told.shape[1] == q:
            told = told.transpose(0, 2, 1)
        if told.ndim != 3 or told.shape[0] != len(unit) or told.shape[2] != q:
            wanted = f"(series, steps) with {q} quantiles" if self.told else "(series, steps)"
            raise ConfigurationError(
                f"{self.file}: it gives {told.shape} for {len(unit)} series; {wanted} is needed"
            )
        if told.shape[1] < self.horizon:
            raise ConfigurationError(
                f"{self.file}: it tells {told.shape[1]} steps, `horizon` is {self.horizon}"
            )
        if not np.isfinite(told).all():
            raise DataError(f"{self.file}: what it tells is not finite")
        return told

    def _network(self) -> tuple[Any, str]:
        session, digest = opened(self.file)
        inputs = session.get_inputs()
        if len(inputs) != 1 or inputs[0].type != "tensor(float)" or len(inputs[0].shape) != 2:
            found = ", ".join(f"{i.name} {i.type} {i.shape}" for i in inputs)
            raise ConfigurationError(
                f"{self.file}: inputs are {found}; one of (series, rows), float, is needed"
            )
        return session, digest

    def _rows(self, session: Any) -> int:
        rows = session.get_inputs()[0].shape[1]
        return rows if isinstance(rows, int) else self.rows

    def _steps(self, session: Any) -> npt.NDArray[np.int64]:
        """How many it tells; found by asking once."""
        told = self._asked(session, np.zeros((1, self._rows(session)), np.float32))
        return np.array(told.shape[1])


def _context(row: Values, rows: int) -> Values:
    """The newest `rows` of a history, without gaps; NaN where nothing is known."""
    known = np.flatnonzero(np.isfinite(row))
    if not len(known):
        return np.full(rows, np.nan)
    return np.interp(np.arange(len(row) - rows, len(row)), known, row[known])
