"""What every task has: a description, and fit, backtest, score and explain that follow from it."""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Final, TypeAlias

from pydantic import Field

from gemel.core.errors import Damaged, DataError
from gemel.core.frame import Values
from gemel.core.image import Image
from gemel.core.settings import Settings
from gemel.core.table import Table
from gemel.twin.learning.evaluation import Blocks, Groups, Order, Protocol, Shuffled

__all__ = [
    "AnySplit",
    "Explained",
    "Figure",
    "Fitted",
    "Progress",
    "ReadWaveform",
    "Report",
    "Task",
]

AnySplit: TypeAlias = Annotated[Groups | Order | Blocks | Shuffled, Field(discriminator="by")]
Progress: TypeAlias = Callable[[str], None]
"""Told what is being done, now and then; raises to stop."""

ReadWaveform: TypeAlias = Callable[[str], tuple[Values, float | None, str]]
"""Gives a waveform by its name: values, samples per second if the file says so, and a hash."""

_FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Figure:
    """One result: `value`, and where it lies with 90 % if other units or rows had been drawn."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    unit: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What a backtest found, and how."""

    figures: tuple[Figure, ...]
    protocol: Protocol
    tables: Mapping[str, tuple[dict[str, Any], ...]]
    """Further tables by their titles: rows of one form."""

    def record(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            "figures": [
                {
                    name: getattr(f, name)
                    for name in ("name", "value", "low", "high", "unit", "note")
                }
                for f in self.figures
            ],
            "protocol": self.protocol.record(),
            "tables": {title: list(rows) for title, rows in self.tables.items()},
        }


@dataclass(frozen=True, slots=True)
class Explained:
    """Why something was said: the answer in words, and what each column added to `mean`, if there
    is something that all rows have on average."""

    answer: str
    mean: float | None
    shares: tuple[tuple[str, float, str], ...]
    """Column, what it added, and its value there; the largest first."""
    unit: str = ""
    usual: str = "all rows on average"
    """What `mean` is."""
    image: Image | None = None
    heat: Values | None = None
    """Of a picture: how far from good each cell of it is; above `limit` it is shown."""
    limit: float = 0.0


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model with its task and where it comes from: what a model file holds."""

    task: dict[str, Any]
    model: dict[str, Any]
    evidence: dict[str, Any]
    protocol: dict[str, Any]
    opened: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """What was made of `model`, kept: to read a large one costs more than to ask it."""

    def text(self) -> str:
        """As it is written to a file: JSON, with a hash of its content."""
        content = {
            "task": self.task,
            "model": self.model,
            "evidence": self.evidence,
            "protocol": self.protocol,
        }
        body = json.dumps(content, sort_keys=True, allow_nan=False)
        head = {"gemel model": _FORMAT, "sha256": hashlib.sha256(body.encode()).hexdigest()}
        return f"{json.dumps(head)}\n{body}\n"

    @classmethod
    def parse(cls, text: str, where: str) -> Fitted:
        """What `text` gave. Raises `DataError` if it is something else, `Damaged` if it was
        altered. Nothing in it is ever executed."""
        first, _, body = text.partition("\n")
        try:
            head = json.loads(first)
            version = head["gemel model"]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise DataError(f"{where} is not a model that `gemel train` wrote") from None
        if version != _FORMAT:
            raise DataError(
                f"{where} is a model of format {version}, this Gemel reads {_FORMAT}; fit it again"
            )
        if hashlib.sha256(body.strip().encode()).hexdigest() != head.get("sha256"):
            raise Damaged(f"{where} was altered or is not whole: its hash does not fit; fit again")
        content = json.loads(body)
        return cls(content["task"], content["model"], content["evidence"], content["protocol"])


class Task(Settings):
    """A description of what is to be learned from a table."""

    images: ClassVar[bool] = False
    """Whether rows are pictures: then `fit` and the others are given a `Gallery`."""

    task: str = Field(
        description="quality, remaining_life, failure, forecast, anomaly, fault, inspection or "
        "sound"
    )
    unit: str | None = Field(
        None, description="Column that says which machine, tool, batch or part a row belongs to"
    )
    time: str | None = Field(None, description="Column with the time or age of a row")
    ignore: tuple[str, ...] = Field((), description="Columns that are not to be looked at")
    split: AnySplit | None = Field(
        None, description="How a backtest cuts the rows; by what belongs together if not given"
    )
    model: dict[str, Any] = Field({}, description="Kind and settings of the model")

    def prepare(self, table: Table, read: ReadWaveform, progress: Progress) -> tuple[Task, Table]:
        """The table as the task looks at it, with what its files hold; and the task, with what
        was settled on the way. To be called before anything else."""
        return self, table

    @abstractmethod
    def fit(self, table: Table, progress: Progress) -> Fitted:
        """Learn from the whole table."""

    @abstractmethod
    def backtest(self, table: Table, progress: Progress) -> Report:
        """Judge the model that these settings give on rows that it has not seen."""

    @abstractmethod
    def score(self, fitted: Fitted, table: Table) -> Table:
        """What the model says of each row."""

    @abstractmethod
    def explain(self, fitted: Fitted, table: Table, row: int) -> Explained:
        """Why it says so of one row, by its number from 0."""

    def record(self) -> dict[str, Any]:
        """The description, JSON-able, as it was written."""
        record = self.model_dump(mode="json", exclude_defaults=True) | {"task": self.task}
        if self.split is not None:
            record["split"] = self.split.model_dump(mode="json")
        return record
